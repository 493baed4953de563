"""Points that wait for a server of time series, in the gateway's own database.

Whoever writes points writes them here, in his own transaction, as packed line protocol; `gateway.series.influx` sends
them later. An outage fills this table and nothing else. Beyond its bound the oldest batches go, counted.
"""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.series.limits import OUTBOX_MAX_BYTES
from gateway.series.line_protocol import encode
from gateway.series.point import Point
from gateway.storage.series import series_outbox

LEVEL: Final = 1
"""Of gzip: a tenth of the size at a tenth of the time of its best."""

DROP_AT_ONCE: Final = 50
"""Batches that one write drops at most: a bound on its time."""


class Waiting(NamedTuple):
    """What waits: points, bytes, and when the oldest was written (UTC microseconds, None: nothing waits)."""

    points: int
    size_bytes: int
    oldest_us: int | None


class Batch(NamedTuple):
    """Points as they wait."""

    id: int
    points: int
    lines: bytes


@dataclass(slots=True)
class OutboxFigures:
    """What the outbox of this process counted."""

    series_queued: int = 0
    series_dropped: int = 0


class Outbox:
    """Writes points into the caller's transaction; `max_bytes` bounds what may wait.

    What waits is added up in memory, and counted again by whoever sends (`recount`): a sum over a long table is no part
    of a write.
    """

    def __init__(self, clock: Clock, *, max_bytes: int = OUTBOX_MAX_BYTES) -> None:
        self.figures = OutboxFigures()
        self._clock = clock
        self._max_bytes = max_bytes
        self._held_bytes = 0

    async def write(self, connection: AsyncConnection, points: Sequence[Point], *, again: bool = False) -> int:
        """Write points in this transaction; return how many. What is said again is written again."""
        del again
        if not points:
            return 0
        body = gzip.compress(encode(points), LEVEL, mtime=0)
        row = {"created_us": self._clock(), "points": len(points), "size_bytes": len(body), "body": body}
        await connection.execute(insert(series_outbox), row)
        self.figures.series_queued += len(points)
        self._held_bytes += len(body)
        if self._held_bytes > self._max_bytes:
            await self._bound(connection)
        return len(points)

    async def prune(self, connection: AsyncConnection, now_us: int) -> int:
        """Nothing here is too old: what waits is bounded by its size."""
        del connection, now_us
        return 0

    async def recount(self, connection: AsyncConnection) -> Waiting:
        """Return what waits, counted anew."""
        found = await waiting(connection)
        self._held_bytes = found.size_bytes
        return found

    async def _bound(self, connection: AsyncConnection) -> None:
        """Drop the oldest batches while there is more than may wait."""
        over = (await self.recount(connection)).size_bytes - self._max_bytes
        query = select(series_outbox.c.id, series_outbox.c.points, series_outbox.c.size_bytes)
        gone = []
        for row in await connection.execute(query.order_by(series_outbox.c.id).limit(DROP_AT_ONCE)):
            if over <= 0:
                break
            over -= row.size_bytes
            self._held_bytes -= row.size_bytes
            self.figures.series_dropped += row.points
            gone.append(row.id)
        await connection.execute(delete(series_outbox).where(series_outbox.c.id.in_(gone)))


async def waiting(connection: AsyncConnection) -> Waiting:
    """Return what waits."""
    query = select(
        func.coalesce(func.sum(series_outbox.c.points), 0).label("points"),
        func.coalesce(func.sum(series_outbox.c.size_bytes), 0).label("size"),
        func.min(series_outbox.c.created_us).label("oldest"),
    )
    row = (await connection.execute(query)).one()
    return Waiting(int(row.points), int(row.size), row.oldest)


async def oldest(connection: AsyncConnection, points: int) -> list[Batch]:
    """Return the oldest batches, of about so many points in all; at least one if there is any."""
    found: list[Batch] = []
    query = select(series_outbox).order_by(series_outbox.c.id).limit(points)
    total = 0
    async with connection.stream(query) as rows:
        async for row in rows:
            total += row.points
            if found and total > points:
                break
            found.append(Batch(row.id, row.points, gzip.decompress(row.body)))
    return found


async def forget(connection: AsyncConnection, batches: Sequence[Batch]) -> None:
    """Forget batches that the server has, or refused for good."""
    await connection.execute(delete(series_outbox).where(series_outbox.c.id.in_([batch.id for batch in batches])))
