"""Replenishment of one site: what is remembered of it, and one turn of work after the other.

A turn is small: a page of SKUs is learned, or read, judged and written. What is remembered here can be lost at any
moment: who begins anew learns and judges all SKUs once. Tasks and alarms stand in the database only.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.store import open_alarms, settle
from gateway.holds.ids import NewId
from gateway.replenishment.agenda import Agenda
from gateway.replenishment.assortment import Assortment, RunKey
from gateway.replenishment.counted import RefillFigures
from gateway.replenishment.figures import SiteFigures, TaskCount, total_of
from gateway.replenishment.judging import JudgedRun, Rules, Sizes, judge_run
from gateway.replenishment.learner import Learner
from gateway.replenishment.limits import (
    AGAIN_US,
    HOLD_WANTED_S,
    OVERDUE_US,
    PAGE_SKUS,
    PASS_S,
    SETTLE_EVERY_US,
    TURNED_PASS_S,
)
from gateway.replenishment.reader import Page, read_page, refill_tasks
from gateway.replenishment.size_alarms import SHOWN_AGAIN, SizeAlarms
from gateway.replenishment.targets import DisplayRules
from gateway.replenishment.task import NotNow, Wanted, WhyNot
from gateway.replenishment.writer import WITHDRAWN, Change, changes_of, open_wanted, write_changes
from gateway.site_view import SiteViews
from gateway.steps import Step, pass_by
from gateway.storage.engine import Database
from gateway.storage.work import task as task_table
from gateway.tasks.life import Kind, State
from gateway.tasks.store import Task

if TYPE_CHECKING:
    from gateway.replenishment.gaps import SizeState

Guard: TypeAlias = Callable[[AsyncConnection], Awaitable[None]]
"""Makes sure, in a transaction, that this process still decides for the site. Raises `FencedError`."""

_UNLISTED: Final = "the catalogue, or the site, has it no more"


class SiteWork:
    """Decides for one site, turn by turn. `committed` is called after each commit of tasks."""

    def __init__(
        self,
        database: Database,
        site: str,
        clock: Clock,
        new_id: NewId,
        guard: Guard,
        *,
        counted: RefillFigures,
        rules: Rules | None = None,
        display: DisplayRules | None = None,
        committed: Callable[[], None] = lambda: None,
        step: Step = pass_by,
    ) -> None:
        self.site = site
        self.alarms = SizeAlarms(site)
        self.not_now: dict[str, NotNow] = {}
        self.states: dict[str, SizeState] = {}
        """Where a shopper finds each size that belongs on the floor, of runs of which the site has any."""
        self.complete = False
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._guard = guard
        self._counted = counted
        self._rules = rules or Rules()
        self._committed = committed
        self._step = step
        self._views = SiteViews(clock)
        self._learner = Learner(database, site, clock, self._views, display or DisplayRules())
        self._agenda = Agenda()
        self._since_us: dict[str, int] = {}
        self._wanted: dict[str, Wanted] = {}
        self._wanted_us = 0
        self._sizes: dict[RunKey, Sizes] = {}
        self._tasks: dict[str, tuple[int, str]] = {}
        self._count = TaskCount()
        self._tasks_read = False
        self._passed_us = 0
        self._turned = False
        self._judged_us = 0
        self._settled_us: int | None = None

    @property
    def assortment(self) -> Assortment:
        """What the site carries."""
        return self._learner.assortment

    # -- what others say

    def changed(self, gtin: str) -> None:
        """Take note that something of a SKU changed."""
        self._learner.meet(gtin)
        self._ask([gtin])

    def zone_turned(self) -> None:
        """Take note that a zone became live or blind: what that is likely to matter to at once, then all."""
        self._ask([*self.not_now, *(gtin for _, gtin in self._tasks.values())])
        self._agenda.ask(self.alarms.unsure)
        self._turned = True

    def tasks_changed(self) -> None:
        """Take note that tasks of the site changed."""
        self._tasks_read = False

    def anew(self, *, catalogue: bool = False) -> None:
        """Judge every SKU; with `catalogue` learn them anew before."""
        self._agenda.ask_all(self.assortment.runs)
        if catalogue:
            self._learner.again()

    def _ask(self, gtins: Iterable[str]) -> None:
        run_of = self.assortment.run_of
        self._agenda.ask(run_of[gtin] for gtin in gtins if gtin in run_of)

    # -- turns

    async def turn(self) -> bool:
        """Do the next piece of work; return whether there was any. Raises `FencedError` and what databases raise."""
        now_us = self._clock()
        if self._learner.due():
            await self._learn(now_us)
        elif not self._tasks_read:
            await self._follow_tasks(now_us)
        elif self._alarms_due(now_us, OVERDUE_US):
            await self._settle(now_us)
        elif self._agenda.due(now_us) and not self._wanted_waits(now_us):
            await self._judge(now_us)
        elif self._wanted:
            await self._open(now_us)
        elif self._alarms_due(now_us, SETTLE_EVERY_US):
            await self._settle(now_us)
        elif now_us - self._passed_us >= (TURNED_PASS_S if self._turned else PASS_S) * 1e6:
            self._begin_pass(now_us)
        else:
            return False
        self._counted.refill_turns += 1
        return True

    def _begin_pass(self, now_us: int) -> None:
        self._passed_us, self._turned = now_us, False
        self._agenda.ask_all(self.assortment.runs)
        self._counted.refill_passes += 1

    async def _learn(self, now_us: int) -> None:
        first = not self._learner.known
        learned = await self._learner.turn()
        if learned is None:
            return
        if first and self._learner.known:
            async with self._database.read() as connection:
                there = await open_alarms(connection, self.site, [AlarmKind.SIZE_GAP])
            self.alarms.known = {one.dedup for one in there if one.dedup}
            self.alarms.keep_only(self.assortment.runs)
            self._begin_pass(now_us)
        self._forget(learned.gone)
        self._agenda.ask_all(learned.changed)
        self._tasks_read = False

    def _forget(self, runs: Collection[RunKey]) -> None:
        self._agenda.forget(runs)
        self.alarms.forget(runs)
        for run in runs:
            self._sizes.pop(run, None)
        if runs:
            here = self.assortment.run_of
            self.not_now = {gtin: one for gtin, one in self.not_now.items() if gtin in here}
            self._since_us = {gtin: since for gtin, since in self._since_us.items() if gtin in here}
            self._wanted = {gtin: one for gtin, one in self._wanted.items() if gtin in here}
            self.states = {gtin: state for gtin, state in self.states.items() if gtin in here}

    async def _follow_tasks(self, now_us: int) -> None:
        """Read which tasks there are; judge the SKUs of those that came, went or changed."""
        self._tasks_read = True
        async with self._database.read() as connection:
            refills = await refill_tasks(connection, self.site)
            picks = (
                select(task_table.c.id, task_table.c.version, task_table.c.gtin)
                .where(task_table.c.site == self.site, task_table.c.kind == Kind.PICK.value)
                .where(task_table.c.dedup.is_not(None))
            )
            found = {row.id: (row.version, row.gtin) for row in await connection.execute(picks)}
        found |= {one.id: (one.version, one.gtin) for one in refills}
        names = found.keys() | self._tasks.keys()
        differs = [name for name in names if found.get(name) != self._tasks.get(name)]
        self._ask(pair[name][1] for name in differs for pair in (found, self._tasks) if name in pair)
        self._tasks = found
        self._count = TaskCount.of(refills, now_us)
        if self._count.live < self._rules.refill.open_max:
            self._ask(gtin for gtin, one in self.not_now.items() if one.why is WhyNot.FULL)
        await self._end_unlisted(refills, now_us)

    async def _end_unlisted(self, refills: Iterable[Task], now_us: int) -> None:
        """Withdraw tasks of SKUs that nobody judges any more, while nobody has them."""
        gone = [
            Change(one, {"reason": _UNLISTED}, dict(one.detail), State.CLOSED, WITHDRAWN)
            for one in refills
            if one.gtin not in self.assortment.run_of and one.standing.state_at(now_us) is State.OPEN
        ]
        await self._write(gone, now_us)

    # -- judging

    async def _judge(self, now_us: int) -> None:
        sizes = {run: len(sized) for run, sized in self.assortment.runs.items()}
        taken = [run for run in self._agenda.take(sizes, PAGE_SKUS) if run in self.assortment.runs]
        try:
            await self._judge_runs(taken, now_us)
        except BaseException:
            self._agenda.ask(taken)
            raise

    async def _judge_runs(self, taken: list[RunKey], now_us: int) -> None:
        gtins = [one.product.gtin for run in taken for one in self.assortment.runs[run]]
        async with self._database.read() as connection:
            view = await self._views.one(connection, self.site)
            if view is None:
                return
            page = await read_page(connection, view, gtins, now_us=now_us, rest_us=self._rules.refill.rest_us)
        judged = await asyncio.to_thread(self._judged, taken, page, now_us)
        self._step("refill.judged")
        verdicts = {name: verdict for one in judged for name, verdict in one.verdicts.items()}
        await self._write(changes_of(page.rows, verdicts, [one.decisions for one in judged], now_us), now_us)
        for one in judged:
            self._remember(one, now_us)
        self._judged_us = now_us
        self._counted.refill_skus_judged += len(gtins)

    def _judged(self, taken: list[RunKey], page: Page, now_us: int) -> list[JudgedRun]:
        return [
            judge_run(
                run,
                self.assortment.runs[run],
                page.facts,
                page.standing,
                page.places,
                rules=self._rules,
                now_us=now_us,
                short_since_us=self._since_us,
            )
            for run in taken
        ]

    def _remember(self, judged: JudgedRun, now_us: int) -> None:
        decided = judged.decisions
        wanted = {one.gtin: one for one in decided.opened}
        for one in self.assortment.runs[judged.key]:
            gtin = one.product.gtin
            self.not_now.pop(gtin, None)
            self._wanted.pop(gtin, None)
            self.states.pop(gtin, None)
            since_us = decided.short_since_us.get(gtin)
            if since_us is not None:
                self._since_us[gtin] = since_us
            elif gtin in wanted:
                self._since_us.setdefault(gtin, now_us)
            else:
                self._since_us.pop(gtin, None)
        self.not_now |= {one.gtin: one for one in decided.not_now}
        if wanted and not self._wanted:
            self._wanted_us = now_us
        self._wanted |= wanted
        self._sizes[judged.key] = judged.sizes
        self.states |= {gtin: state for gtin, _, state in judged.gap.sizes} if judged.gap else {}
        gap_us = self.alarms.judged(judged.key, judged.gap, now_us)
        wakes = [at_us for at_us in (judged.wake_us, gap_us) if at_us is not None]
        self._agenda.wake_at(judged.key, min(wakes, default=None))

    # -- writing

    async def _write(self, changes: list[Change], now_us: int) -> None:
        """Write what becomes of tasks; SKUs on whose tasks somebody acted meanwhile are judged again."""
        if not changes:
            return
        async with self._database.write() as connection:
            await self._guard(connection)
            written = await write_changes(connection, changes, now_us)
            self._step("refill.written")
        self._step("refill.committed")
        self._tasks_read = False
        for change in written:
            self._counted.wrote(change)
        self._counted.refill_conflicts += len(changes) - len(written)
        names = {change.task.id for change in written}
        self._ask(change.task.gtin for change in changes if change.task.id not in names)
        self._committed()

    def _wanted_waits(self, now_us: int) -> bool:
        return bool(self._wanted) and now_us - self._wanted_us >= HOLD_WANTED_S * 1e6

    async def _open(self, now_us: int) -> None:
        """Open the most urgent of what is wanted, as many as there may be."""
        wanted = sorted(self._wanted.values(), key=lambda one: (one.urgency, self._since_us.get(one.gtin, 0), one.gtin))
        most = self._rules.refill.open_max
        live = (
            select(func.count())
            .select_from(task_table)
            .where(
                task_table.c.site == self.site, task_table.c.kind == Kind.REFILL.value, task_table.c.dedup.is_not(None)
            )
        )
        async with self._database.write() as connection:
            await self._guard(connection)
            room = max(0, most - int(await connection.scalar(live) or 0))
            opened = await open_wanted(connection, self.site, wanted[:room], self._new_id, now_us)
            self._step("refill.written")
        self._step("refill.committed")
        for one in wanted[:room]:
            self._since_us.pop(one.gtin, None)
        says = f"the site has {most} refill tasks; more urgent ones come first"
        self.not_now |= {one.gtin: NotNow(one.gtin, WhyNot.FULL, says) for one in wanted[room:]}
        self._wanted.clear()
        self._tasks_read = False
        self._counted.refill_tasks_opened += len(opened)
        self._committed()

    # -- alarms

    def _alarms_due(self, now_us: int, every_us: int) -> bool:
        """Whether alarms are to be written: not before each run was judged once."""
        self.complete = self.complete or (self._learner.known and not len(self._agenda))
        if not self.complete:
            return False
        if self._settled_us is None:
            return True
        waited_us = now_us - self._settled_us
        return (self.alarms.changed and waited_us >= every_us) or waited_us >= AGAIN_US

    async def _settle(self, now_us: int) -> None:
        self.alarms.changed = False
        try:
            async with self._database.write() as connection:
                await self._guard(connection)
                settled = await settle(
                    connection,
                    self.site,
                    AlarmKind.SIZE_GAP,
                    self.alarms.causes(),
                    reason=SHOWN_AGAIN,
                    new_id=self._new_id,
                    now_us=now_us,
                    keep=self.alarms.keep(),
                )
                self._step("refill.written")
        except BaseException:
            self.alarms.changed = True
            raise
        self._step("refill.committed")
        self._settled_us = now_us
        self._counted.refill_alarms_raised += len(settled.raised)
        self._counted.refill_alarms_cleared += len(settled.cleared)
        self._counted.refill_alarms_left_out += settled.left_out
        if settled.changed:
            self._committed()

    # -- figures

    def figures(self) -> SiteFigures:
        """Return the site's figures, from memory."""
        sizes = total_of(self._sizes.values())
        kinds = Counter(one.gap.kind.value for one in self.alarms.gaps.values() if one.gap.kind is not None)
        return SiteFigures(
            tasks_open=self._count.by_state[State.OPEN],
            tasks_claimed=self._count.by_state[State.CLAIMED],
            tasks_done=self._count.by_state[State.DONE],
            oldest_us=self._count.oldest_us,
            sizes=sizes.shown + sizes.behind + sizes.absent + sizes.unknown,
            shown=sizes.shown,
            behind=sizes.behind,
            absent=sizes.absent,
            unknown=sizes.unknown,
            gaps=dict(sorted(kinds.items())),
            not_now=dict(sorted(Counter(one.why.value for one in self.not_now.values()).items())),
            complete=self.complete,
            judged_us=self._judged_us,
        )
