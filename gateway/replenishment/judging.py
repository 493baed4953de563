"""Runs judged from what was read of them: whether goods came, then what to bring, then what a shopper misses. Pure.

The order matters: a task that the reads close is over before it is decided whether another one is needed, and what a
dispute was about is left alone from the same moment on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.replenishment.assortment import Product, RunKey, Sized
from gateway.replenishment.close import CloseRules, Move, Outcome, Verdict, came_of, judge
from gateway.replenishment.gaps import Run, SizeState, runs
from gateway.replenishment.limits import HOME_SHARE, HOME_UNITS
from gateway.replenishment.places import Places, Role, role_of
from gateway.replenishment.refill import RefillRules, decide
from gateway.replenishment.stock import Refused, SkuRow, Unit, Untagged
from gateway.replenishment.task import Decisions, RefillTask, TaskState


@dataclass(slots=True)
class Facts:
    """What was read of a SKU at a site in one transaction. `untagged`: those without tags that nobody holds."""

    units: list[Unit] = field(default_factory=list)
    untagged: int = 0
    unplaced: int = 0
    wanting: int = 0
    refused: Refused | None = None
    moves: list[Move] = field(default_factory=list)
    """Of those with a task: since it began."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A task that is not over, and the items that it names."""

    task: RefillTask
    serials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of deciding and closing."""

    refill: RefillRules = field(default_factory=RefillRules)
    close: CloseRules = field(default_factory=CloseRules)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many sizes of a run are where, of those that belong on the floor."""

    shown: int = 0
    behind: int = 0
    absent: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """What follows for a run. `verdicts`: of its tasks, by id; `wake_us`: when to judge it again."""

    key: RunKey
    decisions: Decisions
    verdicts: Mapping[str, Verdict]
    gap: Run | None
    sizes: Sizes
    wake_us: int | None


def judge_run(
    key: RunKey,
    sized: Sequence[Sized],
    facts: Mapping[str, Facts],
    tasks: Mapping[str, Sequence[Standing]],
    places: Places,
    *,
    rules: Rules,
    now_us: int,
    short_since_us: Mapping[str, int],
) -> JudgedRun:
    """Judge one run. `tasks` by GTIN; `short_since_us` of what was decided for it before."""
    rows, standing, verdicts = [], [], {}
    homes = homes_of((facts[one.product.gtin] for one in sized if one.product.gtin in facts), places)
    wakes: list[int] = []
    for one in sized:
        gtin = one.product.gtin
        read = facts.get(gtin) or Facts()
        refused = read.refused
        for named in tasks.get(gtin, ()):
            task = named.task
            verdict = judge(task, read.moves, places, rules.close, now_us)
            verdicts[task.id] = verdict
            if verdict.again_us is not None:
                wakes.append(verdict.again_us)
            if verdict.outcome is Outcome.DISPUTE:
                serials = {unit.serial for unit in read.units if unit.zone in task.from_zones}
                refused = in_vain(Refused(now_us, named.serials | serials), refused, read.units)
            came = len(came_of(task, read.moves, places, rules.close.sure))
            left = after(task, verdict, came)
            if left is not None:
                standing.append(left)
        rows.append(_row(one, read, refused, homes))
    mine = {row.gtin: short_since_us[row.gtin] for row in rows if row.gtin in short_since_us}
    decisions = decide(rows, standing, places, rules.refill, now_us, short_since_us=mine)
    has_floor = any(place.role is Role.FLOOR for place in places.values())  # a warehouse shows nothing to anybody
    gap = next(iter(runs(rows, places, rules.refill, now_us)), None) if has_floor else None
    if decisions.wake_us is not None:
        wakes.append(decisions.wake_us)
    return JudgedRun(key, decisions, verdicts, gap, _sizes(gap), min(wakes, default=None))


def in_vain(newest: Refused, before: Refused | None, units: Iterable[Unit]) -> Refused:
    """Return what somebody looked for in vain, the last time and `before`: what has not moved since either.

    Otherwise people would be sent to and fro between two back rooms.
    """
    if before is None:
        return newest
    still = {unit.serial for unit in units if unit.since_us <= before.at_us}
    return replace(newest, serials=newest.serials | before.serials & still)


def homes_of(run: Iterable[Facts], places: Places) -> frozenset[str]:
    """Return the floor zones that a run is shown in: those with a fair share of its units, and more than a stray one.

    None, when too little of it is on the floor to tell; its department says it then.
    """
    units = Counter(unit.zone for read in run for unit in read.units if role_of(places, unit.zone) is Role.FLOOR)
    least = max(HOME_UNITS, HOME_SHARE * units.total())
    return frozenset(zone for zone, count in units.items() if count >= least)


def after(task: RefillTask, verdict: Verdict, came: int) -> RefillTask | None:
    """Return a task as it is after its verdict, None when it is over.

    `came`: units that are on the floor by now. While some of them have yet to stay there somebody is at it, whether he
    said so or not: the task is as good as taken. Otherwise it would shrink, or be withdrawn, under his hands.
    """
    match verdict.outcome:
        case Outcome.CLOSE | Outcome.DISPUTE:
            return None
        case Outcome.REOPEN:
            again = replace(task, moved=verdict.moved, reopened=task.reopened + 1)
            return replace(again, state=TaskState.OPEN, done_us=None, word=None)
    busy = came > verdict.moved and task.state is TaskState.OPEN
    return replace(task, moved=verdict.moved, state=TaskState.CLAIMED if busy else task.state)


def _row(one: Sized, read: Facts, refused: Refused | None, homes: frozenset[str]) -> SkuRow:
    product: Product = one.product
    return SkuRow(
        product.gtin,
        one.target,
        tuple(read.units),
        style=product.style,
        colour=product.colour,
        size=product.size,
        department=product.department,
        core=one.core,
        homes=homes,
        untagged=Untagged(anywhere=max(0, read.untagged)),
        unplaced=read.unplaced,
        wanting=read.wanting,
        refused=refused,
    )


def _sizes(gap: Run | None) -> Sizes:
    if gap is None:
        return Sizes()
    count = Counter(state for _, _, state in gap.sizes)
    shown = count[SizeState.SHOWN] + count[SizeState.LAST]
    return Sizes(shown, count[SizeState.BEHIND], count[SizeState.ABSENT], count[SizeState.UNKNOWN])
