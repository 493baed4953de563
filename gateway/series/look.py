"""A look: reads figures from the database or from this process, and makes points of them.

A look writes its points into a `Draft`. What it has to remember until its next turn stands in the database beside the
points that follow from it (`Memory`): how far it has come in a table (position), and what it compares with (body). Both
are committed together, so that a delta is counted once, whatever is killed when. A position that another process moved
meanwhile is a `FencedError`, and nothing is written.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.series.limits import SERIES_CACHE
from gateway.series.point import Point, PointError, Series, Value, point_of, series_of
from gateway.storage.errors import FencedError
from gateway.storage.series import CURSOR_CHARS, series_cursor
from gateway.storage.statement import insert_into
from wire.measurement import NOT_KNOWN, Measurement, Tag

Values = Mapping[str, Value | None]


class Cursor(NamedTuple):
    """How far a look has come, and what it compares with; a position of 0: it never looked."""

    position: int = 0
    body: dict[str, Any] = {}  # noqa: RUF012 - never changed, only replaced


class Move(NamedTuple):
    """A cursor before and after."""

    name: str
    before: int
    position: int
    body: bytes


class SeriesCache:
    """Series that were checked already, by measurement and values."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], Series | PointError] = {}

    def get(self, measurement: Measurement, values: tuple[str, ...]) -> Series:
        """Return a series. Raises `PointError`."""
        key = (measurement.name, *values)
        found = self._held.get(key)
        if found is None:
            if len(self._held) >= SERIES_CACHE:
                self._held.clear()
            try:
                found = series_of(measurement, dict(zip(measurement.tags, values, strict=True)))
            except PointError as error:
                found = error
            self._held[key] = found
        if isinstance(found, PointError):
            raise found
        return found


@dataclass(slots=True)
class Draft:
    """The points of one look at one instant. `again`: all of them were said before. `unfit`: left out, and why.

    `at_us` only goes up; `now_us` is the clock, which ages are measured by: it may have been set back meanwhile.
    """

    at_us: int
    cache: SeriesCache
    points: list[Point] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    again: bool = False
    unfit: int = 0
    why: str = ""
    undo: list[Callable[[], None]] = field(default_factory=list)
    """What a look that remembers something in memory does when its points were not written."""
    now_us: int = -1

    def __post_init__(self) -> None:
        if self.now_us < 0:
            self.now_us = self.at_us

    def add(self, measurement: Measurement, values: Values, *tags: str) -> None:
        """Add a point; `tags` in the order of the measurement's, empty ones are not known."""
        try:
            series = self.cache.get(measurement, tuple([tag or NOT_KNOWN for tag in tags]))
            point = point_of(series, self.at_us, values)
        except (PointError, ValueError) as error:
            self.unfit += 1
            self.why = str(error)
            return
        if point is not None:
            self.points.append(point)

    def event(self, measurement: Measurement, values: Values, *tags: str) -> None:
        """Add a point that may not share its instant with another of its series: it comes a microsecond later."""
        before = len(self.points)
        self.add(measurement, values, *tags)
        for point in self.points[before:]:
            later = sum(one.series == point.series for one in self.points[:before])
            self.points[before] = point._replace(at_us=point.at_us + later)

    def undone(self) -> None:
        """Say that nothing was written."""
        for undo in self.undo:
            undo()


class Memory:
    """The cursors of one look, read in its transaction."""

    def __init__(self, connection: AsyncConnection, draft: Draft) -> None:
        self._connection = connection
        self._draft = draft

    async def read(self, name: str) -> Cursor:
        """Return a cursor."""
        query = select(series_cursor.c.position, series_cursor.c.body).where(series_cursor.c.name == _named(name))
        row = (await self._connection.execute(query)).one_or_none()
        return Cursor() if row is None else Cursor(row.position, msgspec.json.decode(row.body))

    def move(self, name: str, before: Cursor, position: int, body: Mapping[str, Any] | None = None) -> None:
        """Move a cursor; written with the points. The position must go up, or nothing is written."""
        kept = before.body if body is None else body
        if position > before.position:
            move = Move(_named(name), before.position, position, msgspec.json.encode(kept))
            self._draft.moves.append(move)

    async def vanished(self, name: str, keys: Collection[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return keys that were there at the last look and are not now: their gauges go to 0, once."""
        before = await self.read(name)
        held = {tuple(key) for key in before.body.get("keys", ())}
        if held != set(keys):
            self.move(name, before, before.position + 1, {"keys": sorted(keys)})
        return sorted(held - set(keys))

    def deltas(self, before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
        """Return by how much counters grew; one that fell began anew. Of one that was never seen nothing is known."""
        return {
            name: value - before[name] if value >= before[name] else value
            for name, value in now.items()
            if name in before
        }


def _named(name: str) -> str:
    return name[:CURSOR_CHARS]


async def write_moves(connection: AsyncConnection, moves: Iterable[Move]) -> None:
    """Write cursors. Raises `FencedError` when another process moved one."""
    for move in moves:
        row = {"name": move.name, "position": 0, "body": b"{}"}
        await connection.execute(insert_into(connection, series_cursor).on_conflict_do_nothing(), row)
        onward = (
            update(series_cursor)
            .where(series_cursor.c.name == move.name, series_cursor.c.position == move.before)
            .values(position=move.position, body=move.body)
        )
        if (await connection.execute(onward)).rowcount != 1:
            raise FencedError(f"series cursor {move.name}: another process moved it")


class Look(Protocol):
    """One look. `every_s`: how often; `alone`: only one process of the gateway takes it."""

    every_s: float
    alone: bool

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Add points to the draft, from one reading transaction."""
        ...


Counters = Callable[[], Mapping[str, int]]
"""The counters of this process."""

__all__ = ["Counters", "Cursor", "Draft", "Look", "Memory", "Move", "SeriesCache", "Tag", "Values", "write_moves"]
