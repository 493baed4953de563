"""The tasks, or the alarms, of sites that somebody watches, kept in memory for all streams of this process.

A board is compared as a whole with what a stream has written: whatever was missed, committed elsewhere or came about by
itself (an item was carried to another zone, a task came due) is seen at the next look, and a stream needs no cursor.

One look-out runs while anybody watches. Each second, and after each commit of this process, one query asks for all
watched sites whether any row changed (how many there are, the sum of their versions, the newest change); only boards of
which that differs are read, and every one after `RENEW_S`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias

import structlog
from sqlalchemy import Table, func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.http.answer import encode
from gateway.rounds import pause
from gateway.storage.engine import Database
from gateway.storage.statement import MANY
from gateway.storage.work import task
from gateway.tasks.life import WAITING
from gateway.tasks.limits import LIST_MAX, POLL_S, RENEW_S

_log: Final = structlog.get_logger("gateway.tasks")


class Shown(Protocol):
    """A row of a board, as it is encoded."""

    @property
    def id(self) -> str:
        """What tells it from others."""


Rows: TypeAlias = Callable[[str, int], Awaitable[Sequence[Shown]]]
"""Returns the rows of a site's board, at most so many, in the order of doing."""


@dataclass(frozen=True, slots=True)
class Live:
    """What stands on a board: rows of a table, in some states. `changed` is the column of a row's newest change."""

    name: str
    table: Table
    changed: str
    states: Sequence[str]


TASKS: Final = Live("task", task, "updated_us", sorted(state.value for state in WAITING))


class _Mark(NamedTuple):
    """What changes when any row of a site does."""

    rows: int = 0
    versions: int = 0
    updated_us: int = 0


@dataclass(slots=True)
class Board:
    """The rows of one site: their JSON by id, in the order of doing. `turn` grows with each change."""

    rows: dict[str, bytes] = field(default_factory=dict)
    turn: int = 0
    mark: _Mark | None = None
    read_us: int = 0


class Boards:
    """Boards of watched sites. `wake` after a commit saves a second."""

    def __init__(
        self, database: Database, clock: Clock, rows: Rows, live: Live = TASKS, *, poll_s: float = POLL_S
    ) -> None:
        self.watchers = 0
        self.refused = 0
        self.read_errors = 0
        self._database = database
        self._clock = clock
        self._rows = rows
        self._live = live
        self._poll_s = poll_s
        self._boards: dict[str, Board] = {}
        self._watched: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._moved = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {
            f"{self._live.name}_streams": self.watchers,
            f"{self._live.name}_streams_refused": self.refused,
            f"{self._live.name}_board_read_errors": self.read_errors,
        }

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._woken.set()

    @asynccontextmanager
    async def watch(self, site: str) -> AsyncIterator[Board]:
        """Watch a site's board, which is read when this begins. Raises what the database raises."""
        self._watched[site] += 1
        self.watchers += 1
        try:
            board = self._boards.setdefault(site, Board())
            if board.turn == 0:
                await self._read(site, board, await self._marks([site]))
            if self._looker is None or self._looker.done():
                self._looker = asyncio.create_task(self._look(), name=f"{self._live.name}-boards")
            yield board
        finally:
            self.watchers -= 1
            self._watched[site] -= 1
            if not self._watched[site]:
                del self._watched[site]
                self._boards.pop(site, None)
            if not self.watchers and self._looker is not None:
                self._looker.cancel()
                self._looker = None

    async def moved(self, timeout_s: float, *others: asyncio.Event) -> None:
        """Return when a board moved or one of the other events is set, at the latest after `timeout_s`."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._moved, *others)]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _look(self) -> None:
        while True:
            await pause(self._woken, self._poll_s)
            self._woken.clear()
            try:
                marks = await self._marks(sorted(self._watched))
                for site, board in list(self._boards.items()):
                    old = self._clock() - board.read_us >= RENEW_S * 1e6
                    if old or board.mark != marks.get(site, _Mark()):
                        await self._read(site, board, marks)
            except (SQLAlchemyError, OSError) as error:
                self.read_errors += 1
                _log.warning("boards_unreadable", boards=self._live.name, error=str(error)[:500])

    async def _marks(self, sites: list[str]) -> dict[str, _Mark]:
        """Return the mark of each site that has rows. It is older than rows that are read after it."""
        found: dict[str, _Mark] = {}
        of = self._live.table.c
        async with self._database.read() as connection:
            for low in range(0, len(sites), MANY):
                query = (
                    select(of.site, func.count(), func.sum(of.version), func.max(of[self._live.changed]))
                    .where(of.site.in_(sites[low : low + MANY]), of.state.in_(self._live.states))
                    .group_by(of.site)
                )
                for site, rows, versions, changed_us in await connection.execute(query):
                    found[site] = _Mark(int(rows), int(versions), int(changed_us))
        return found

    async def _read(self, site: str, board: Board, marks: dict[str, _Mark]) -> None:
        read_us = self._clock()
        rows = {row.id: encode(row) for row in await self._rows(site, LIST_MAX)}
        board.mark, board.read_us = marks.get(site, _Mark()), read_us
        if board.turn == 0 or rows != board.rows:
            board.rows = rows
            board.turn += 1
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
