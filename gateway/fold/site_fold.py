"""The fold of one site at the database: load, fold new entries, commit their outputs, take checkpoints.

One commit holds everything that follows from its entries, under

    UPDATE site_fold SET applied_n = :new WHERE site = :site AND applied_n = :previous AND fence = :mine

When that touches no row, another process has the lease or has folded already: nothing of ours is written, and
`FencedError` says to stop. So each entry's outputs are committed exactly once, whatever crashes or pauses in between.

`site_fold.rules` says by which rules the ledger goes on, `rules_n` up to which entry it may have gone by others. What
is folded again across such a change may lead elsewhere than the ledger went (`gateway.fold.correction`): the
corrections are part of the first commit, and a checkpoint follows at once.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.figures import BLIND_SHARE, BOOK_AGREEMENT, Figure
from gateway.availability import Look, sellable_zones
from gateway.clock import Clock
from gateway.fold import checkpoint
from gateway.fold.correction import corrections
from gateway.fold.folder import Folder
from gateway.fold.outputs import Outputs
from gateway.fold.state import FoldState, ItemKey, Presence
from gateway.ledger import book
from gateway.ledger.counted import write_count
from gateway.ledger.post import Posting, post, resell
from gateway.ledger.retell import Shelf
from gateway.ledger.series import write_figures
from gateway.limits import CHECKPOINT_ENTRIES, CHECKPOINT_S, FOLD_BUDGET_S, FOLD_MAX_ENTRIES
from gateway.steps import Step, pass_by
from gateway.stock_event import zone_body
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError, StorageError
from gateway.storage.input_log import Entry, entries_after
from gateway.storage.schema import change, item, movement, site_fold, zone_state
from gateway.storage.statement import upsert_into

_log: Final = structlog.get_logger("gateway.fold")


@dataclass(frozen=True, slots=True)
class FoldRules:
    """How much is folded and committed at once, and how often a checkpoint is taken."""

    max_entries: int = FOLD_MAX_ENTRIES
    budget_s: float = FOLD_BUDGET_S
    checkpoint_entries: int = CHECKPOINT_ENTRIES
    checkpoint_s: float = CHECKPOINT_S
    keep_log: bool = False
    """Never prune: for audits and tests, which fold again from entry 1."""


class SiteFold:
    """Folds one site under one fence. Make a new one for a new fence, and after any error."""

    def __init__(
        self,
        database: Database,
        site: str,
        fence: int,
        clock: Clock,
        *,
        rules: FoldRules | None = None,
        step: Step = pass_by,
        presence: Presence | None = None,
    ) -> None:
        self.site = site
        self.fence = fence
        self.replayed = 0
        self.folded = 0
        self._database = database
        self._clock = clock
        self._rules = rules or FoldRules()
        self._step = step
        self._presence = presence
        self._corrected = Outputs()
        self._rules_changed = False
        self._ledger_rules, self._rules_n = "", 0
        self._folder: Folder | None = None
        self._checkpoint_n = 0
        self._checkpoint_us = clock()

    @property
    def state(self) -> FoldState:
        """The state after everything that was folded; only after `load`."""
        assert self._folder is not None, "load first"
        return self._folder.state

    async def load(self) -> None:
        """Bring the state to `applied_n` without writing anything. Raises `StorageError` and `FencedError`."""
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(site_fold.c.applied_n, site_fold.c.fence, site_fold.c.rules, site_fold.c.rules_n).where(
                        site_fold.c.site == self.site
                    )
                )
            ).one_or_none()
            if row is None:
                raise StorageError(f"site {self.site!r} is not registered")
            if row.fence != self.fence:
                raise FencedError(f"site {self.site}: the fence is {row.fence}, ours is {self.fence}")
            loaded = await checkpoint.load(connection, self.site, row.applied_n, self._presence)
        folder = Folder(loaded.state)
        self._checkpoint_n = loaded.state.n
        while loaded.state.n < row.applied_n:
            limit = min(self._rules.max_entries, row.applied_n - loaded.state.n)
            async with self._database.read() as connection:
                entries = await entries_after(connection, self.site, loaded.state.n, limit)
            if not entries or entries[0].n != loaded.state.n + 1:
                raise StorageError(
                    f"site {self.site}: entry {loaded.state.n + 1} is gone from the log, and no checkpoint after it "
                    "can be read"
                )
            await asyncio.to_thread(_fold_all, folder, entries)
            self.replayed += len(entries)
        self._ledger_rules, self._rules_n = row.rules or "", row.rules_n or 0
        other_rules = self._ledger_rules != str(loaded.state.rules) or self._checkpoint_n < self._rules_n
        if self.replayed and other_rules:
            await self._correct(loaded.state)
        self._folder = folder
        _log.info("fold_loaded", site=self.site, n=loaded.state.n, replayed=self.replayed, fence=self.fence)

    async def _correct(self, state: FoldState) -> None:
        """Hold what other rules make of the replayed entries against the ledger."""
        async with self._database.read() as connection:
            query = select(item.c.gtin, item.c.serial, item.c.zone).where(item.c.site == self.site)
            ledger = {ItemKey(row.gtin, row.serial): row.zone for row in await connection.execute(query)}
            newest = await connection.scalar(select(func.max(movement.c.m)).where(movement.c.site == self.site))
        self._corrected = await asyncio.to_thread(corrections, state, ledger, int(newest or 0))
        found = len(self._corrected.movements)
        self._rules_changed = True
        _log.warning(
            "fold_rules_changed", site=self.site, before=self._ledger_rules, now=str(state.rules), corrections=found
        )

    async def fold_new(self) -> int:
        """Fold and commit the next entries; return how many. Raises `FencedError` with nothing written."""
        assert self._folder is not None, "load first"
        previous = self.state.n
        async with self._database.read() as connection:
            entries = await entries_after(connection, self.site, previous, self._rules.max_entries)
        if not entries:
            return 0
        outputs = await asyncio.to_thread(_fold_within, self._folder, entries, self._rules.budget_s, self._corrected)
        self._step("fold.folded")
        async with self._database.write() as connection:
            await self._commit(connection, previous, outputs)
            self._step("fold.written")
        self._step("fold.committed")
        self._corrected = Outputs()
        count = self.state.n - previous
        self.folded += count
        return count

    async def _commit(self, connection: AsyncConnection, previous: int, outputs: Outputs) -> None:
        state = self.state
        await self._advance(connection, previous)
        self._step("fold.fenced")
        assert state.site is not None
        sellable = sellable_zones(state.site)
        looks = {
            zone: Look(zone not in state.blind_since_us, state.looked_us.get(zone, 0))
            for zone in state.blind_since_us.keys() | state.live_since_us.keys()
        }
        posting = Posting(self.site, Shelf(sellable, looks, state.now_us), self._clock())
        await post(connection, posting, outputs.facts())
        if outputs.site_changed:
            await resell(connection, posting)
        await self._write_zones(connection, outputs)
        await book.write_lines(connection, self.site, outputs.lines)
        for n, count in outputs.counts:
            await write_count(connection, self.site, n, count, state.items.__getitem__)
        await self._write_figures(connection, outputs.figures)

    async def _write_figures(self, connection: AsyncConnection, figures: list[Figure]) -> None:
        """Write figures; the one that needs the book is added here, once for each time of measuring."""
        instants = {figure.at_us for figure in figures if figure.name == BLIND_SHARE}
        agreed = await book.agreement(connection, self.site) if instants else None
        more = [Figure(at_us, BOOK_AGREEMENT, agreed) for at_us in sorted(instants)] if agreed is not None else []
        await write_figures(connection, self.site, figures + more)

    async def _advance(self, connection: AsyncConnection, previous: int) -> None:
        state = self.state
        if self._rules_changed or self._ledger_rules != str(state.rules):
            self._ledger_rules, self._rules_n = str(state.rules), previous
        guard = (
            update(site_fold)
            .where(
                site_fold.c.site == self.site,
                site_fold.c.applied_n == previous,
                site_fold.c.fence == self.fence,
            )
            .values(
                applied_n=state.n,
                now_us=state.now_us,
                figures=msgspec.json.encode(dict(state.figures)),
                rules=self._ledger_rules,
                rules_n=self._rules_n,
            )
        )
        if (await connection.execute(guard)).rowcount != 1:
            raise FencedError(f"site {self.site}: entry {previous} with fence {self.fence} is no longer ours to follow")

    async def _write_zones(self, connection: AsyncConnection, outputs: Outputs) -> None:
        if not outputs.zones:
            return
        rows, events = [], []
        for zone, report in sorted(outputs.zones.items()):
            status = "live" if report.live else "blind"
            row = {"site": self.site, "zone": zone, "status": status, "as_of_us": report.as_of_us}
            rows.append(row | {"since_us": report.since_us})
            if report.turned:
                body = zone_body(self.site, zone, live=report.live, as_of_us=report.as_of_us)
                events.append({"site": self.site, "gtin": "", "created_us": self.state.now_us, "body": body})
        await connection.execute(upsert_into(connection, zone_state), rows)
        if events:
            await connection.execute(insert(change), events)

    def checkpoint_due(self) -> bool:
        """Whether enough was folded, or enough time went by, since the last checkpoint."""
        new = self.state.n - self._checkpoint_n
        old_us = self._clock() - self._checkpoint_us
        if self._rules_changed:
            return new > 0
        return new >= self._rules.checkpoint_entries or (new > 0 and old_us >= self._rules.checkpoint_s * 1e6)

    async def take_checkpoint(self) -> None:
        """Write a checkpoint of what is committed, and prune the log behind the oldest that is kept."""
        n = self.state.n
        body = await asyncio.to_thread(self.state.snapshot)
        async with self._database.write() as connection:
            await checkpoint.save(connection, self.site, n, body, self._clock())
        self._checkpoint_n, self._checkpoint_us = n, self._clock()
        self._rules_changed = False
        self._step("fold.checkpointed")
        while not self._rules.keep_log:
            async with self._database.write() as connection:
                pruned = await checkpoint.prune_log(connection, self.site)
            if not pruned:
                break
            self._step("fold.pruned")


def _fold_all(folder: Folder, entries: list[Entry]) -> None:
    for entry in entries:
        folder.fold(entry)


def _fold_within(folder: Folder, entries: list[Entry], budget_s: float, before: Outputs) -> Outputs:
    """Fold entries for about `budget_s`, at least one; how many has no bearing on the state that they lead to.

    What follows from them goes behind `before`.
    """
    outputs = Outputs()
    outputs.extend(before)
    until = time.monotonic() + budget_s
    for entry in entries:
        outputs.extend(folder.fold(entry))
        if time.monotonic() >= until:
            break
    return outputs
