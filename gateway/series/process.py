"""The process of the time series: takes looks when they are due, and writes what they found.

Theory of operation. Each look reads in a transaction of its own; what those of one turn found is written in few small
ones. Nothing of it is in the way of a batch of reads, which waits at most for one such write (`CHUNK_POINTS`). Looks at
the database are taken by one process, which holds the lease `series`; those at a process itself by each. Instants only
go up. A look that fails is counted, forgets nothing, and is taken again when it is due; the others go on.

Deltas are written together with the cursors that they follow from, in one transaction, whatever their number; gauges in
small ones.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.limits import LEASE_TTL_S
from gateway.series.cardinality import Cardinality
from gateway.series.limits import CHUNK_POINTS, POLL_S, PRUNE_EVERY_S, PRUNE_ROWS
from gateway.series.look import Draft, Look, SeriesCache, write_moves
from gateway.series.point import Point
from gateway.series.port import Sink
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError

_log: Final = structlog.get_logger("gateway.series")

LEASE: Final = "series"
_FAILURES: Final = (SQLAlchemyError, OSError, FencedError)


@dataclass(slots=True)
class SeriesFigures:
    """What the time series of this process counted."""

    series_points: int = 0
    series_looks: int = 0
    series_failures: int = 0
    series_unfit: int = 0
    series_lost_looks: int = 0
    """Looks of which nothing was written: another process had taken them."""


class Slowest:
    """The longest of some times."""

    def __init__(self) -> None:
        self._longest_s = 0.0

    def add(self, took_s: float) -> None:
        """Take one into account."""
        self._longest_s = max(self._longest_s, took_s)

    def take_ms(self) -> float:
        """Return the longest since this was called last."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s * 1e3


class SeriesProcess:
    """Takes `looks` and writes them to all `sinks`; `wrote` is called after points were written.

    `lag` is told by how much the event loop was late, `took` how long each look and its writing took.
    """

    def __init__(
        self,
        database: Database,
        looks: Sequence[Look],
        sinks: Sequence[Sink],
        holder: str,
        clock: Clock,
        *,
        ttl_s: float = LEASE_TTL_S,
        poll_s: float = POLL_S,
        wrote: Callable[[], None] = lambda: None,
        lag: Slowest | None = None,
        took: Slowest | None = None,
    ) -> None:
        self.figures = SeriesFigures()
        self.cardinality = Cardinality()
        self._database = database
        self.looks = tuple(looks)
        self.sinks = tuple(sinks)
        self._holder = holder
        self._clock = clock
        self._ttl_us = int(ttl_s * 1e6)
        self._poll_s = min(poll_s, ttl_s / 3)
        self._wrote = wrote
        self._cache = SeriesCache()
        self._fence: int | None = None
        self._renewed_us = 0
        self._at_us = 0
        self._pruned_us = 0
        self._due_us = [0] * len(self.looks)
        self._lag = lag or Slowest()
        self._took = took or Slowest()
        self._stopping = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures) | {"series_over_limit": self.cardinality.over_limit}

    @property
    def alone(self) -> bool:
        """Whether this process holds the lease, as far as it knows."""
        return self._fence is not None

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Take looks until `stop`."""
        while not self._stopping.is_set():
            try:
                await self.turn()
            except _FAILURES as error:
                self.figures.series_failures += 1
                _log.warning("series_failed", error=str(error)[:500])
            asked = time.monotonic() + self._poll_s
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._stopping.wait()
            except TimeoutError:
                self._lag.add(time.monotonic() - asked)
        await self._release()

    async def turn(self) -> int:
        """Take every look that is due; return how many points were written."""
        await self._hold()
        taken = []
        for number, look in enumerate(self.looks):
            now_us, every_us = self._clock(), int(look.every_s * 1e6)
            is_early = 0 < self._due_us[number] - now_us <= every_us  # else it is due, or the clock was set back
            if is_early or (look.alone and self._fence is None) or self._stopping.is_set():
                continue
            self._due_us[number] = now_us + every_us
            draft = await self._take(look)
            if draft is not None:
                taken.append(draft)
        written = 0
        for group in _groups(taken):
            written += await self._write(group)
        if written:
            self._wrote()
        await self._prune()
        return written

    async def _take(self, look: Look) -> Draft | None:
        """Take one look; return what is to be written, None when that is nothing."""
        began = time.monotonic()
        now_us = self._clock()
        self._at_us = max(now_us, self._at_us + 1)
        draft = Draft(self._at_us, self._cache, now_us=now_us)
        self.figures.series_looks += 1
        try:
            async with self._database.read() as connection:
                await look.look(connection, draft)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a figure, it must not end the gateway
            self._failed(draft, type(look).__name__, error)
            return None
        if draft.unfit:
            self.figures.series_unfit += draft.unfit
            _log.warning("series_unfit", look=type(look).__name__, points=draft.unfit, why=draft.why[:300])
        self._took.add(time.monotonic() - began)
        draft.points = self.cardinality.admitted(draft.points)
        return draft if draft.points or draft.moves else None

    async def _write(self, group: Sequence[Draft]) -> int:
        """Write drafts together; when that fails each on its own, so that one cannot stop the others."""
        began = time.monotonic()
        try:
            await self._write_together(group)
        except _FAILURES as error:
            if len(group) > 1:
                return sum([await self._write([draft]) for draft in group])
            self._failed(group[0], "", error)
            return 0
        self._took.add(time.monotonic() - began)
        count = sum(len(draft.points) for draft in group)
        self.figures.series_points += count
        return count

    async def _write_together(self, group: Sequence[Draft]) -> None:
        moves = [move for draft in group for move in draft.moves]
        fresh = [point for draft in group if not draft.again for point in draft.points]
        again = [point for draft in group if draft.again for point in draft.points]
        whole = bool(moves) or len(group) > 1
        for new, old in _chunks(fresh, again, whole=whole):
            async with self._database.write() as connection:
                for sink in self.sinks:
                    await sink.write(connection, new)
                    await sink.write(connection, old, again=True)
                await write_moves(connection, moves)
            await asyncio.sleep(0)  # whoever waits for the database goes first

    def _failed(self, draft: Draft, look: str, error: Exception) -> None:
        draft.undone()
        if isinstance(error, FencedError):
            self.figures.series_lost_looks += 1
            _log.info("series_taken_elsewhere", error=str(error))
            return
        self.figures.series_failures += 1
        _log.warning("series_look_failed", look=look, error=str(error)[:500])

    # -- the lease

    async def _hold(self) -> None:
        now_us = self._clock()
        if self._fence is not None and abs(now_us - self._renewed_us) < self._ttl_us / 3:
            return
        async with self._database.write() as connection:
            fence = self._fence
            held = fence is not None and await lease.renew(
                connection, LEASE, self._holder, fence, now_us=now_us, ttl_us=self._ttl_us
            )
            if not held:
                fence = await lease.acquire(connection, LEASE, self._holder, now_us=now_us, ttl_us=self._ttl_us)
        self._fence, self._renewed_us = fence, now_us

    async def _release(self) -> None:
        if self._fence is None:
            return
        try:
            async with self._database.write() as connection:
                await lease.release(connection, LEASE, self._holder, self._fence)
        except (SQLAlchemyError, OSError) as error:
            self.figures.series_failures += 1
            _log.warning("release_failed", error=str(error)[:500])
        self._fence = None

    async def _prune(self) -> None:
        """Let sinks forget what is old, a little at a time."""
        now_us = self._clock()
        if self._fence is None or 0 <= now_us - self._pruned_us < PRUNE_EVERY_S * 1e6:
            return
        self._pruned_us = now_us
        for sink in self.sinks:
            async with self._database.write() as connection:
                if await sink.prune(connection, now_us) >= PRUNE_ROWS:  # there is more: go on with the next turn
                    self._pruned_us = 0


def _groups(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Yield drafts that are written together: as many as fit into a small transaction, or one that is large."""
    group: list[Draft] = []
    size = 0
    for draft in drafts:
        if group and size + len(draft.points) > CHUNK_POINTS:
            yield group
            group, size = [], 0
        group.append(draft)
        size += len(draft.points)
    if group:
        yield group


def _chunks(
    fresh: Sequence[Point], again: Sequence[Point], *, whole: bool
) -> Iterator[tuple[Sequence[Point], Sequence[Point]]]:
    """Yield points in small parts; `whole`: in one, even if there is none."""
    if whole:
        yield fresh, again
        return
    for points, is_again in ((fresh, False), (again, True)):
        for low in range(0, len(points), CHUNK_POINTS):
            part = points[low : low + CHUNK_POINTS]
            yield ((), part) if is_again else (part, ())
