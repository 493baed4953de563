"""Which sizes to bring from the back room to the floor, from what is there and what is under way. Pure.

A refill begins when three things are sure enough: the floor lacks some (fewer than the target's `low`), the back room
has some, and both have been so for a while (`settle_us`). It brings up to `high`. Between `low` and `high` nothing
begins and nothing ends: that is the hysteresis, in units as in probability and in time.

Never by a blind zone's word alone: what is missing on a floor that nobody looks at may well be there, and what lies in
a back room that nobody looks at may be gone. Whoever lacks something and gets no task is told why (`NotNow`).

*Last unit on display*: the last unit of a store never stays in the back room. It is brought like any other, said to be
the last, and what orders take goes by `gateway.replenishment.stock.for_orders`, which leaves the display to the end.

One task for each SKU and site at a time. One that nobody took yet follows the stock: more or fewer units, or withdrawn
when the floor has `high` or the back room has none. One that somebody took is that person's until it is over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.replenishment.limits import HINTS_MAX, OPEN_MAX, ROWS_MAX
from gateway.replenishment.places import Places, Role, walking
from gateway.replenishment.stock import LIKELY, TOLERANCE, Known, SkuRow, StockRules, at_least, chance_of, known_of
from gateway.replenishment.task import (
    Amended,
    Decisions,
    NotNow,
    RefillTask,
    TaskState,
    Urgency,
    Wanted,
    WhyNot,
    Withdrawn,
    dedup_of,
)

_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class RefillRules(StockRules):
    """As `StockRules`, and when a task is opened.

    `settle_us`: how long the floor must lack a size; `open_max`: tasks open at a site; `due_us`: by when a task should
    be done, by urgency. Raises `ValueError` that names the rule and its range.
    """

    settle_us: int = 2 * _MINUTE_US
    open_max: int = OPEN_MAX
    due_us: tuple[int, int, int, int] = (15 * _MINUTE_US, 30 * _MINUTE_US, 60 * _MINUTE_US, 120 * _MINUTE_US)

    def __post_init__(self) -> None:
        StockRules.__post_init__(self)
        if self.settle_us < 0:
            raise ValueError(f"settle_us {self.settle_us}: expected 0 or more")
        if not 1 <= self.open_max <= OPEN_MAX:
            raise ValueError(f"open_max {self.open_max}: expected 1 to {OPEN_MAX}")
        if not 0 < self.due_us[0] <= self.due_us[1] <= self.due_us[2] <= self.due_us[3]:
            raise ValueError(f"due_us {self.due_us}: expected four that grow, the first above 0")


def decide(
    rows: Iterable[SkuRow],
    tasks: Iterable[RefillTask],
    places: Places,
    rules: RefillRules,
    now_us: int,
    *,
    short_since_us: Mapping[str, int] | None = None,
) -> Decisions:
    """Judge SKUs of one site. `tasks`: all of the site that are not over; `short_since_us`: of the decisions before.

    The order of rows and tasks does not matter. What is decided, once done, is not decided again.
    Raises `ValueError` for more than `ROWS_MAX` rows, or two of one SKU.
    """
    judged = sorted(rows, key=lambda row: row.gtin)
    if len(judged) > ROWS_MAX:
        raise ValueError(f"{len(judged)} rows: expected at most {ROWS_MAX}; judge them in pages")
    twice = next((one.gtin for one, two in pairwise(judged) if one.gtin == two.gtin), None)
    if twice is not None:
        raise ValueError(f"{twice}: two rows; expected one for each SKU")
    run = _Run(places, rules, now_us, dict(short_since_us or {}))
    open_tasks = _one_each(tasks, run)
    for row in judged:
        run.judge(row, open_tasks.get(row.gtin))
    return run.end(len(open_tasks))


def _one_each(tasks: Iterable[RefillTask], run: "_Run") -> dict[str, RefillTask]:
    """Return one task for each SKU: the furthest, else the oldest. Others that nobody took are withdrawn."""
    far = (TaskState.DONE, TaskState.CLAIMED, TaskState.OPEN)
    kept: dict[str, RefillTask] = {}
    for task in sorted(tasks, key=lambda task: (far.index(task.state), task.opened_us, task.id)):
        first = kept.setdefault(task.gtin, task)
        if first is not task and task.state is TaskState.OPEN:
            run.withdrawn.append(Withdrawn(task.id, f"task {first.id} is for the same size"))
    return kept


class _Run:
    """One call of `decide`."""

    def __init__(self, places: Places, rules: RefillRules, now_us: int, short_since_us: dict[str, int]) -> None:
        self._places, self._rules, self._now_us = places, rules, now_us
        self._since = short_since_us
        self._wanted: list[Wanted] = []
        self._amended: list[Amended] = []
        self.withdrawn: list[Withdrawn] = []
        self._not_now: list[NotNow] = []
        self._wake: list[int] = []
        self._freed = 0

    def judge(self, row: SkuRow, task: RefillTask | None) -> None:
        known = known_of(row, self._places, self._rules, self._now_us)
        if task is not None:
            self._since.pop(row.gtin, None)
            if task.state is TaskState.OPEN:
                self._follow(row, known, task)
            return
        lacks = chance_of(known.floor, row.target.low) <= 1 - self._rules.short + TOLERANCE
        if not known.homes or not lacks:
            self._since.pop(row.gtin, None)
            if known.until_us is not None:
                self._wake.append(known.until_us)
            return
        why = self._why_not(row, known)
        if why is None:
            self._wanted.append(self._task_for(row, known))
            return
        self._not_now.append(NotNow(row.gtin, why, _says(why, row, known)))
        if known.until_us is not None:
            self._wake.append(known.until_us)

    def _why_not(self, row: SkuRow, known: Known) -> WhyNot | None:
        """Return why nobody is sent, None when somebody is; keep in mind since when the floor lacks it."""
        if known.blind_floor or known.likely_floor + known.anywhere >= row.target.low:
            self._since.pop(row.gtin, None)
            return WhyNot.BLIND_FLOOR if known.blind_floor else WhyNot.UNTAGGED
        since_us = self._since.setdefault(row.gtin, self._now_us)
        if not at_least(known.back, self._rules.there):
            return _why_empty(known)
        if self._now_us - since_us < self._rules.settle_us:
            self._wake.append(since_us + self._rules.settle_us)
            return WhyNot.SETTLING
        return None

    def _task_for(self, row: SkuRow, known: Known) -> Wanted:
        quantity = self._units(row, known)
        urgency = _urgency(row, known)
        last = _is_last(known)
        return Wanted(
            dedup=dedup_of(row.gtin),
            gtin=row.gtin,
            department=row.department,
            quantity=quantity,
            unread=self._unread(known, quantity),
            serials=_hints(known, quantity),
            from_zones=self._from(known, quantity),
            to_zones=known.homes,
            urgency=urgency,
            due_us=self._now_us + self._rules.due_us[urgency],
            last=last,
            reasons=_reasons(row, known, self._rules, last=last),
        )

    def _follow(self, row: SkuRow, known: Known, task: RefillTask) -> None:
        """Let a task that nobody took follow the stock."""
        if not known.blind_floor and chance_of(known.floor, row.target.high) >= self._rules.enough:
            self._withdraw(task, f"the floor has {row.target.high}")
            return
        if chance_of(known.back, 1) < self._rules.gone and not known.blind_back:
            self._withdraw(task, _says(_why_empty(known), row, known))
            return
        units = self._units(row, known)
        urgency = min(task.urgency, _urgency(row, known))
        if known.blind_floor or units < 1 or (units == task.quantity - task.moved and urgency == task.urgency):
            return
        self._amended.append(
            Amended(
                task=task.id,
                quantity=task.moved + units,
                unread=self._unread(known, units),
                serials=_hints(known, units),
                from_zones=self._from(known, units),
                urgency=urgency,
                due_us=min(task.due_us, self._now_us + self._rules.due_us[urgency]),
            )
        )

    def _withdraw(self, task: RefillTask, says: str) -> None:
        self.withdrawn.append(Withdrawn(task.id, says))
        self._freed += 1

    def _units(self, row: SkuRow, known: Known) -> int:
        """Return how many to bring."""
        lacks = row.target.high - known.likely_floor - known.anywhere
        return min(lacks, at_least(known.back, self._rules.there))

    def _unread(self, known: Known, quantity: int) -> int:
        return max(0, quantity - at_least(known.tagged_back, self._rules.there))

    def _from(self, known: Known, quantity: int) -> tuple[str, ...]:
        """Return where to look; units without tags may lie in any back room."""
        if self._unread(known, quantity) or not known.sources:
            return walking(self._places, (zone for zone, place in self._places.items() if place.role is Role.BACK))
        return walking(self._places, (unit.zone for unit in known.sources[:quantity]))

    def end(self, already: int) -> Decisions:
        """Open the most urgent tasks, as many as there may be."""
        room = max(0, self._rules.open_max - already + self._freed)
        self._wanted.sort(key=lambda wanted: (wanted.urgency, self._since.get(wanted.gtin, 0), wanted.gtin))
        for wanted in self._wanted[:room]:
            self._since.pop(wanted.gtin, None)
        says = f"the site has {self._rules.open_max} refill tasks; more urgent ones come first"
        self._not_now += [NotNow(wanted.gtin, WhyNot.FULL, says) for wanted in self._wanted[room:]]
        return Decisions(
            tuple(self._wanted[:room]),
            tuple(self._amended),
            tuple(self.withdrawn),
            tuple(sorted(self._not_now, key=lambda one: one.gtin)),
            self._since,
            min(self._wake, default=None),
        )


def _why_empty(known: Known) -> WhyNot:
    if known.sources:
        return WhyNot.UNSURE
    if known.refused_back:
        return WhyNot.REFUSED
    if known.blind_back:
        return WhyNot.BLIND_BACK
    return WhyNot.HELD if known.held_back else WhyNot.EMPTY


def _hints(known: Known, quantity: int) -> tuple[str, ...]:
    return tuple(unit.serial for unit in known.sources[: min(quantity, HINTS_MAX)])


def _urgency(row: SkuRow, known: Known) -> Urgency:
    if known.likely_floor + known.anywhere:
        return Urgency.CORE_LOW if row.core else Urgency.LOW
    return Urgency.CORE_GAP if row.core else Urgency.GAP


def _is_last(known: Known) -> bool:
    elsewhere = known.likely_floor + known.anywhere + known.held_back + known.refused_back + known.blind_back
    return not elsewhere and at_least(known.back, LIKELY) == 1


def _reasons(row: SkuRow, known: Known, rules: RefillRules, *, last: bool) -> tuple[str, ...]:
    """Say in words why somebody is sent."""
    sure = at_least(known.back, rules.there)
    said = [_floor_says(row, known), f"{sure} in the back room with probability {rules.there:g} or more"]
    if row.core:
        said.append("a core size")
    if last:
        said.append("the last unit of the store")
    return tuple(said)


def _floor_says(row: SkuRow, known: Known) -> str:
    return f"{known.likely_floor} on the floor, {row.target.low} to {row.target.high} belong there"


def _says(why: WhyNot, row: SkuRow, known: Known) -> str:
    """Say in words why nobody is sent."""
    said = {
        WhyNot.BLIND_FLOOR: f"nobody looks at {', '.join(known.blind_floor)}: it may lie there",
        WhyNot.UNTAGGED: f"{known.anywhere} units without tags may lie on the floor; count them to know",
        WhyNot.SETTLING: "for a moment only; it may come back",
        WhyNot.EMPTY: "the back room has none",
        WhyNot.BLIND_BACK: f"{known.blind_back} may lie in a back room that nobody looks at",
        WhyNot.HELD: f"all {known.held_back} in the back room are somebody's",
        WhyNot.REFUSED: f"somebody looked for {known.refused_back} in the back room and found none",
        WhyNot.UNSURE: f"{len(known.sources)} may be in the back room, none of them surely enough",
    }
    return f"{_floor_says(row, known)}; {said[why]}"
