"""What the gateway forgets because it is old: rows of tables that only grow, and edges that are no more.

Theory of operation. Once an hour each table is read in the order of its key, a page at a time, and what is too old goes
with its page, in a transaction of its own: no index by age is needed, nobody waits for a lock, and memory holds one
page. Each time has its reason below. Every process of a gateway may do it; a row goes once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Table, select, tuple_

from gateway.clock import Clock
from gateway.limits import PRUNE_MAX_ROWS
from gateway.rounds import Rounds
from gateway.storage.engine import Database
from gateway.storage.schema import book_line, edge_state, gap, source_event, stream
from gateway.storage.statement import MANY, has_key
from wire.site import Site

_log: Final = structlog.get_logger("gateway.retention")

EVERY_S: Final = 3_600.0
_DAY_US: Final = 86_400_000_000
_YEAR_DAYS: Final = 400
"""A year, and the weeks in which somebody compares it with the one before."""

TAKEN_AWAY_US: Final = _DAY_US
"""An edge that no site file names any more is forgotten after a day without a word: it may still be sending what it
held, and a mistake in a site file is mended within a day."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long rows of a table are kept by one of its times (UTC microseconds)."""

    table: Table
    time: str
    days: int


KEPT: Final = (
    # How far a stream was committed. An edge gives up what it holds after a week (`edge.limits.OUTBOX_MAX_AGE_S`), so
    # nothing of a stream comes after this; if it does, rows are taken twice or a gap is told that was none.
    Kept(stream, "updated_us", 60),
    # The same event said twice is one event: for longer than anybody repeats a file of last season.
    Kept(source_event, "recorded_us", _YEAR_DAYS),
    # What was lost, and when: it explains figures of the same age.
    Kept(gap, "recorded_us", _YEAR_DAYS),
    # What changed in the book since a feed was made: no feed is that old.
    Kept(book_line, "at_us", _YEAR_DAYS),
    # An edge that is in a site file and said nothing for so long was told of for a month.
    Kept(edge_state, "received_us", 30),
)


@dataclass(slots=True)
class RetentionFigures:
    """What retention counted in this process."""

    rows_forgotten: int = 0
    edges_forgotten: int = 0
    retention_failures: int = 0


class Retention:
    """Forgets while the gateway runs. `sites`: those of the configuration; of others no edge is taken for gone."""

    def __init__(self, database: Database, sites: Iterable[Site], clock: Clock, *, every_s: float = EVERY_S) -> None:
        self.figures = RetentionFigures()
        self._database = database
        self._edges: Mapping[str, frozenset[str]] = {site.id: frozenset(site.edges()) for site in sites}
        self._clock = clock
        self._rounds = Rounds(every_s)

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Look at all tables once an hour until `stop`."""
        await self._rounds.run(self.forget, self._failed)

    def _failed(self, error: Exception) -> None:
        self.figures.retention_failures += 1
        _log.warning("retention_failed", error=str(error)[:500])

    async def forget(self) -> int:
        """Forget what is too old; return how many rows that were."""
        gone = await self._taken_away()
        for kept in KEPT:
            gone += await self._old(kept)
            if self._rounds.stopping:
                break
        return gone

    async def _taken_away(self) -> int:
        """Forget edges that their site's file does not name, and that are silent."""
        before_us = self._clock() - TAKEN_AWAY_US
        silent = select(edge_state.c.site, edge_state.c.edge).where(edge_state.c.received_us < before_us)
        async with self._database.read() as connection:
            rows = (await connection.execute(silent)).all()
        names = [(row.site, row.edge) for row in rows if row.edge not in self._edges.get(row.site, {row.edge})]
        for site, edge in names:
            _log.info("edge_forgotten", site=site, edge=edge)
        gone = await self._delete(edge_state, names, edge_state.c.received_us < before_us)
        self.figures.edges_forgotten += gone
        return gone

    async def _old(self, kept: Kept) -> int:
        """Forget what is too old in one table."""
        keys, time = [*kept.table.primary_key], kept.table.c[kept.time]
        before_us = self._clock() - kept.days * _DAY_US
        page = select(*keys, time.label("the_time")).order_by(*keys).limit(PRUNE_MAX_ROWS)
        gone = 0
        last: tuple[Any, ...] | None = None
        while not self._rounds.stopping:
            after = page if last is None else page.where(tuple_(*keys) > tuple_(*last))
            async with self._database.read() as connection:
                rows = (await connection.execute(after)).all()
            if not rows:
                break
            last = tuple(rows[-1][:-1])
            old = [row[:-1] for row in rows if row.the_time < before_us]
            gone += await self._delete(kept.table, old, time < before_us)
            await asyncio.sleep(0)
        return gone

    async def _delete(self, table: Table, names: list[Any], still: Any) -> int:
        """Delete these rows where they are still too old; return how many went."""
        gone = 0
        for at in range(0, len(names), MANY):
            keys = [*table.primary_key]
            those = has_key(keys, [tuple(name) for name in names[at : at + MANY]], lead=min(2, len(keys)))
            async with self._database.write() as connection:
                gone += (await connection.execute(table.delete().where(those, still))).rowcount
        self.figures.rows_forgotten += gone
        return gone
