"""Refilling the floor: by the gateway's rules over what readers say, or by rounds as stores without readers do them.

With readers `gateway.replenishment` decides (`refill.decide`), says what came (`close.judge`), and makes rounds
(`batches`); this file is its adapter: it builds rows from `ReadBooks`, keeps tasks, and hands rounds to the staff. It
is woken by changes, as the gateway's process is.

Without readers staff walk the floor each morning and bring what they see missing, and three times a day bring a piece
for each that the till sold since.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Final

from bench.chain.agenda import MINUTE_US, Scene, nobody
from bench.chain.books import ZONES, Place, ReadBooks, Told
from gateway.ledger.picture import AVAILABLE
from gateway.replenishment.batches import Line, batches
from gateway.replenishment.close import By, CloseRules, Move, Outcome, judge
from gateway.replenishment.places import Place as Zone
from gateway.replenishment.places import Role
from gateway.replenishment.refill import RefillRules, decide
from gateway.replenishment.stock import Held, Refused, SkuRow, Unit
from gateway.replenishment.targets import DisplayRules, SalesWindow, Target, core_sizes, rate_of, target_of
from gateway.replenishment.task import Amended, RefillTask, TaskState, WhyNot
from simulator.chain.demand import DAY_MIN, HISTORY_DAYS, Opening, Sku
from simulator.chain.goods import Item
from simulator.chain.watch import BACK, FLOOR_0

WAKE_MIN: Final = 1.0
"""Changes of a minute are judged together."""
_NEVER_US: Final = 2**62
ROUNDS_H: Final = (12, 15, 18)
"""When a store without readers brings what was sold."""
_FLOORS: Final = {FLOOR_0: "women", FLOOR_0 + 1: "men"}
_ROLES: Final = (Role.BACK, Role.FLOOR, Role.FLOOR, Role.TRYING, Role.OTHER)
_PLACES: Final = {
    ZONES[kind]: Zone(ZONES[kind], role, department=_FLOORS.get(kind, ""), walk=kind)
    for kind, role in enumerate(_ROLES)
}
_RULES: Final = RefillRules()
_CLOSE: Final = CloseRules()


Targets = dict[int, tuple[Target, bool]]


def targets_of(skus: tuple[Sku, ...], opening: Opening) -> Targets:
    """Return what belongs on the floor of a store, and whether it is a core size, as learned from what was sold."""
    rules = DisplayRules()
    runs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for sku in opening.carried:
        runs[skus[sku].style, skus[sku].colour].append(sku)
    found = {}
    for run in runs.values():
        core = core_sizes([str(sku) for sku in run], {str(sku): opening.sold[sku] for sku in run}, rules)
        peers = SalesWindow(round(sum(opening.sold[sku] for sku in run) / len(run)), HISTORY_DAYS)
        for sku in run:
            rate = rate_of(SalesWindow(opening.sold[sku], HISTORY_DAYS), peers, rules)
            is_core = str(sku) in core
            found[sku] = target_of(None, None, rate, rules, core=is_core), is_core
    return found


@dataclass(slots=True)
class Bring:
    """A round of work that ends with goods on the floor."""

    minutes: float
    end: Callable[[], None]

    def done(self) -> None:
        self.end()


class ReadRefills:
    """Refill tasks of one store by what readers say."""

    def __init__(self, scene: Scene, shop: int, books: ReadBooks, targets: Targets) -> None:
        self._chain, self._goods, self._agenda, self._seed = scene.chain, scene.goods, scene.agenda, scene.seed
        self._shop, self._books, self._targets = shop, books, targets
        self._dirty: set[int] = set(targets)
        self._not_now: set[int] = set()
        self._again_us: dict[int, int] = {}
        self._wake_us = self._alarm_us = _NEVER_US
        self._woken = False
        self._since: dict[str, int] = {}
        self._tasks: dict[int, RefillTask] = {}
        self._taken: set[int] = set()
        self._moves: dict[int, list[Move]] = defaultdict(list)
        self._refused: dict[int, Refused] = {}
        self._by_gtin = {scene.goods.skus[sku].gtin: sku for sku in targets}
        self._made = self._m = 0
        self.counts: Counter[str] = Counter()
        self.on_work: Callable[[], None] = nobody

    # -- what happens

    def begin(self) -> None:
        """Judge all of the range when the store opens."""
        self._wake(WAKE_MIN)

    def changed(self, place: Place) -> None:
        """Something about a SKU of this store changed."""
        if place.sku in self._targets:
            self._dirty.add(place.sku)
            self._wake(WAKE_MIN)

    def moved(self, told: Told) -> None:
        """Readers say that a piece moved."""
        self._m += 1
        if told.place.sku in self._tasks:
            zones = ZONES[told.before], ZONES[told.after]
            move = Move(told.serial, *zones, self._m, self._agenda.now_us, told.chance)
            self._moves[told.place.sku].append(move)

    def _wake(self, minutes: float) -> None:
        if not self._woken:
            self._woken = True
            self._agenda.at(max(self._agenda.now_min + minutes, self._agenda.opening()), self._judge)

    def _judge(self) -> None:
        """Judge what is under way, then decide about what changed: in this order, as the rules want it."""
        self._woken = False
        now_us = self._agenda.now_us
        for sku in sorted(self._dirty & set(self._tasks)):
            self._close(sku)
        rows = [self._row(sku) for sku in sorted(self._dirty)]
        self._dirty = set()
        decisions = decide(rows, self._tasks.values(), _PLACES, _RULES, now_us, short_since_us=self._since)
        self._since = dict(decisions.short_since_us)
        for amended in decisions.amended:
            self._amend(amended)
        for withdrawn in decisions.withdrawn:
            sku = next(sku for sku, task in self._tasks.items() if task.id == withdrawn.task)
            self._over(sku, "withdrawn")
        for wanted in decisions.opened:
            self._made += 1
            self.counts["opened"] += 1
            sku = self._by_gtin[wanted.gtin]
            self._tasks[sku] = RefillTask(
                f"t{self._made:05d}",
                wanted.gtin,
                wanted.quantity,
                wanted.urgency,
                wanted.due_us,
                now_us,
                wanted.from_zones,
                wanted.to_zones,
            )
        if decisions.opened:
            self.on_work()
        # Time alone puts nothing into an empty back room.
        self._not_now |= {self._by_gtin[one.gtin] for one in decisions.not_now if one.why is not WhyNot.EMPTY}
        if decisions.wake_us is not None:
            self._wake_us = min(self._wake_us, decisions.wake_us)
        self._sleep()

    def _sleep(self) -> None:
        """Be judged again when time alone changes something."""
        at_us = min([self._wake_us, *self._again_us.values()])
        if at_us < self._alarm_us:
            self._alarm_us = at_us
            minutes = max(WAKE_MIN, (at_us - self._agenda.now_us) / MINUTE_US + 0.01)
            self._agenda.after(minutes, partial(self._again, at_us))

    def _again(self, at_us: int) -> None:
        if at_us != self._alarm_us:
            return  # an earlier one was set since, and has done this one's work
        now_us = self._agenda.now_us
        self._alarm_us = _NEVER_US
        self._dirty |= {sku for sku, due_us in self._again_us.items() if due_us <= now_us}
        if self._wake_us <= now_us:
            self._dirty |= self._not_now
            self._not_now, self._wake_us = set(), _NEVER_US
        self._wake(0.0)

    def _row(self, sku: int) -> SkuRow:
        place = Place(self._shop, sku)
        target, core = self._targets[sku]
        units = tuple(
            Unit(
                entry.item.serial,
                ZONES[entry.belief.kind],
                min(1.0, entry.belief.place),
                Held.FREE if entry.hold is None else Held.ORDER,
                entry.since_us,
            )
            for entry in self._books.entries(place)
            if entry.state == AVAILABLE
        )
        what = self._goods.skus[sku]
        home = self._goods.home(sku)
        return SkuRow(
            what.gtin,
            target,
            units,
            style=str(what.style),
            colour=str(what.colour),
            size=what.size,
            department=_FLOORS[home],
            core=core,
            homes=frozenset({ZONES[home]}),
            unplaced=self._books.unplaced(place),
            wanting=sum(line.substitution_needed for line in self._books.lines(place).values()),
            refused=self._refused.get(sku),
        )

    # -- tasks

    def _amend(self, amended: Amended) -> None:
        sku, task = next((sku, task) for sku, task in self._tasks.items() if task.id == amended.task)
        self._tasks[sku] = replace(
            task,
            quantity=amended.quantity,
            urgency=amended.urgency,
            due_us=amended.due_us,
            from_zones=amended.from_zones,
        )

    def _close(self, sku: int) -> None:
        """Judge a task by the reads, and note when to judge it again."""
        task = self._tasks[sku]
        self._again_us.pop(sku, None)
        verdict = judge(task, self._moves[sku], _PLACES, _CLOSE, self._agenda.now_us)
        if verdict.outcome is Outcome.CLOSE:
            self.counts["moved"] += verdict.moved
            self._over(sku, "closed_by_reads" if verdict.by is By.READS else "closed_by_word")
        elif verdict.outcome is Outcome.REOPEN:
            self.counts["reopened"] += 1
            self._taken.discard(sku)
            self._tasks[sku] = replace(task, state=TaskState.OPEN, done_us=None, word=None, reopened=task.reopened + 1)
            self.on_work()
        elif verdict.outcome is Outcome.DISPUTE:
            self._refuse(sku)
            self._over(sku, "disputed")
        elif verdict.moved != task.moved:
            self._tasks[sku] = replace(task, moved=verdict.moved)
        if verdict.again_us is not None and sku in self._tasks:
            self._again_us[sku] = verdict.again_us

    def _over(self, sku: int, how: str) -> None:
        self.counts[how] += 1
        del self._tasks[sku]
        self._taken.discard(sku)
        self._again_us.pop(sku, None)
        self._moves.pop(sku, None)
        self._dirty.add(sku)
        self._wake(WAKE_MIN)

    def _refuse(self, sku: int) -> None:
        looked = (entry for entry in self._books.entries(Place(self._shop, sku)) if entry.belief.kind == BACK)
        self._refused[sku] = Refused(self._agenda.now_us, frozenset(entry.item.serial for entry in looked))

    # -- work

    def next_round(self) -> Bring | None:
        """Take the most urgent round of tasks that nobody has."""
        lines = [
            Line(
                task.id,
                task.gtin,
                task.quantity - task.moved,
                task.urgency,
                task.due_us,
                task.from_zones,
                task.to_zones,
                _FLOORS[self._goods.home(sku)],
            )
            for sku, task in self._tasks.items()
            if task.state is TaskState.OPEN and sku not in self._taken and task.quantity > task.moved
        ]
        if not lines:
            return None
        batch = batches(lines, _PLACES)[0]
        mine = {line.task: line.units for line in batch.picks}
        taken = [(sku, mine[task.id]) for sku, task in self._tasks.items() if task.id in mine]
        for sku, _ in taken:
            self._taken.add(sku)
            self._tasks[sku] = replace(self._tasks[sku], state=TaskState.CLAIMED)
        brought = {sku: self._look(sku, units) for sku, units in taken}
        minutes = self._chain.round_min + self._chain.unit_min * sum(units for _, units in taken)
        self.counts["walks"] += len(taken)
        self.counts["walks_for_nothing"] += sum(not items for items in brought.values())
        return Bring(minutes, lambda: self._arrive(brought))

    def _look(self, sku: int, units: int) -> list[Item]:
        """Return what staff find in the back room: pieces that wait for an order are marked and stay."""
        held = {entry.item.serial for entry in self._books.entries(Place(self._shop, sku)) if entry.hold is not None}
        dice = Random(f"{self._seed}/{self._shop}/{sku}/{self._made}")
        there = [item for item in self._goods.at(self._shop, sku, BACK) if item.serial not in held]
        return [item for item in there if dice.random() < self._chain.finds][:units]

    def _arrive(self, brought: dict[int, list[Item]]) -> None:
        for sku, items in brought.items():
            came = [item for item in items if item.place == BACK]
            for item in came:
                self._goods.move(item, self._goods.home(sku))
                self._books.moved(item)
                self.counts["brought"] += 1
            task = self._tasks.get(sku)
            if task is None:
                continue
            if came:
                now_us = self._agenda.now_us
                self._tasks[sku] = replace(task, state=TaskState.DONE, done_us=now_us, word=len(came))
                self._dirty.add(sku)
            else:
                self._refuse(sku)
                self._over(sku, "cannot")
        self._wake(WAKE_MIN)


class Rounds:
    """Refilling without readers: a walk each morning, and rounds with the list of what was sold."""

    def __init__(self, scene: Scene, shop: int, targets: Targets) -> None:
        chain, agenda, seed = scene.chain, scene.agenda, scene.seed
        self._goods, self._chain, self._shop, self._targets = scene.goods, chain, shop, targets
        self._dice = Random(f"{seed}/{shop}/rounds")
        self._sold: Counter[int] = Counter()
        self._list: list[tuple[int, int]] = []
        self.counts: Counter[str] = Counter()
        self.on_work: Callable[[], None] = nobody
        for day in range(chain.days + 1):
            agenda.at(day * DAY_MIN + chain.opens_h * 60 - 0.5, self._morning)
            for hour in ROUNDS_H:
                if chain.opens_h <= hour < chain.closes_h:
                    agenda.at(day * DAY_MIN + hour * 60, self._make_list)

    def sold(self, sku: int) -> None:
        """The till sold one."""
        self._sold[sku] += 1

    def _morning(self) -> None:
        """Walk the floor before it opens, and bring what is seen to be missing."""
        for sku, (target, _) in self._targets.items():
            home = self._goods.home(sku)
            shown = len(self._goods.at(self._shop, sku, home))
            if shown >= target.low or self._dice.random() >= self._chain.scans:
                continue
            self._bring(sku, target.high - shown)
        self.counts["scans"] += 1

    def _make_list(self) -> None:
        self._list += sorted(self._sold.items())
        self._sold.clear()
        self.on_work()

    def next_round(self) -> Bring | None:
        """Take twenty sizes of the list."""
        some, self._list = self._list[:20], self._list[20:]
        if not some:
            return None
        minutes = self._chain.round_min + self._chain.unit_min * sum(units for _, units in some)

        def end() -> None:
            for sku, units in some:
                self.counts["walks"] += 1
                self.counts["walks_for_nothing"] += not self._bring(sku, units)

        return Bring(minutes, end)

    def _bring(self, sku: int, units: int) -> int:
        there = list(self._goods.at(self._shop, sku, BACK))
        found = [item for item in there if self._dice.random() < self._chain.finds][:units]
        for item in found:
            self._goods.move(item, self._goods.home(sku))
            self.counts["brought"] += 1
        return len(found)
