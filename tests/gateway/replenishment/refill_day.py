"""A trading day of a small shop in minutes: shoppers, staff, and readers that are wrong as often as they say.

Each item has a true place and a believed one. A belief is drawn anew now and then, and soon after a true move: with a
chance `p` that is said, and right with just that chance. While the floor is blind, beliefs about what lies or arrives
there stand still. Staff walk by the open tasks, fetch what they really find, and say `done` half of the time.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from gateway.replenishment.close import By, CloseRules, Move, Outcome, judge
from gateway.replenishment.places import Place, Role
from gateway.replenishment.refill import RefillRules, decide
from gateway.replenishment.stock import Refused, SkuRow, Unit
from gateway.replenishment.targets import Target
from gateway.replenishment.task import RefillTask, TaskState, Urgency
from tests.gateway.replenishment.small_shop import MINUTE, applied

DAY: Final = 600
SKUS: Final = 12
WALK: Final = 8
"""Minutes between two walks of the staff."""
SHOP: Final = {
    "BACK": Place("BACK", Role.BACK),
    "FLOOR": Place("FLOOR", Role.FLOOR, walk=1),
    "FIT": Place("FIT", Role.TRYING, walk=2),
}
BELIEFS: Final = ((0.55, 1), (0.75, 2), (0.92, 7), (0.98, 40), (0.995, 50))
"""What a reader says of an item's place, and how often: 2.5 % are wrong, as raw flags are."""

Opener = Callable[["Day"], None]


@dataclass(slots=True)
class Item:
    serial: str
    sku: int
    zone: str
    believed: str
    chance: float = 0.99
    since_us: int = 0
    tried_until: int = 0
    due: int | None = None


@dataclass(slots=True)
class Day:
    seed: int
    blind: tuple[int, int] = (0, 0)
    minute: int = 0
    items: list[Item] = field(default_factory=list)
    tasks: list[RefillTask] = field(default_factory=list)
    moves: dict[str, list[Move]] = field(default_factory=dict)
    refused: dict[int, Refused] = field(default_factory=dict)
    short_since_us: dict[str, int] = field(default_factory=dict)
    fetched: set[tuple[str, int]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    shoppers: Random = field(init=False)
    readers: Random = field(init=False)
    staff: Random = field(init=False)

    def __post_init__(self) -> None:
        self.shoppers, self.readers, self.staff = (Random(f"{self.seed}/{who}") for who in ("shop", "read", "staff"))
        for sku in range(SKUS):
            for number in range(3 + sku % 5):
                zone = "FLOOR" if number < 2 else "BACK"
                self.items.append(Item(f"{sku}/{number}", sku, zone, zone))

    @property
    def now_us(self) -> int:
        return self.minute * MINUTE

    @property
    def dark(self) -> bool:
        return self.blind[0] <= self.minute < self.blind[1]

    @property
    def places(self) -> dict[str, Place]:
        begin, end = self.blind
        since = begin if self.dark else end if self.minute >= end else 0
        return SHOP | {"FLOOR": replace(SHOP["FLOOR"], live=not self.dark, since_us=since * MINUTE)}

    def rows(self) -> list[SkuRow]:
        mine: dict[int, list[Unit]] = {sku: [] for sku in range(SKUS)}
        for item in self.items:
            mine[item.sku].append(Unit(item.serial, item.believed, item.chance, since_us=item.since_us))
        return [
            SkuRow(str(sku), Target(1, 2), tuple(units), refused=self.refused.get(sku)) for sku, units in mine.items()
        ]

    def run(self, opener: Opener) -> "Day":
        for self.minute in range(DAY):
            self._shop()
            self._read()
            self._judge()
            opener(self)
            assert len({task.gtin for task in self.tasks}) == len(self.tasks), "one task for each size"
            self._work()
            self._count()
        return self

    def _shop(self) -> None:
        for item in [one for one in self.items if one.zone == "FIT" and one.tried_until <= self.minute]:
            if self.shoppers.random() < 0.5:
                self.items.remove(item)  # the till names what it sells
                self.counts["sold"] += 1
            else:
                self._carry(item, "FLOOR")
        if self.shoppers.random() < 0.15:
            sku = self.shoppers.randrange(SKUS)
            there = [one for one in self.items if one.sku == sku and one.zone == "FLOOR"]
            self.counts["asked"] += 1
            if there:
                self._carry(there[0], "FIT")
                there[0].tried_until = self.minute + 8
            else:
                self.counts["not found"] += 1

    def _carry(self, item: Item, zone: str) -> None:
        item.zone = zone
        item.due = self.minute + self.readers.randint(0, 2)

    def _read(self) -> None:
        for item in self.items:
            seen = item.due is not None and item.due <= self.minute
            if not seen and self.readers.random() >= 1 / 30:
                continue
            if self.dark and "FLOOR" in {item.zone, item.believed}:
                continue
            item.due = None
            says, often = zip(*BELIEFS, strict=True)
            item.chance = self.readers.choices(says, often)[0]
            wrong = self.readers.choice([zone for zone in SHOP if zone != item.zone])
            self._believe(item, item.zone if self.readers.random() < item.chance else wrong)

    def _believe(self, item: Item, zone: str) -> None:
        if zone != item.believed:
            m = sum(map(len, self.moves.values()))
            move = Move(item.serial, item.believed, zone, m, self.now_us, item.chance)
            self.moves.setdefault(str(item.sku), []).append(move)
            item.believed, item.since_us = zone, self.now_us

    def _judge(self) -> None:
        """Close and reopen as an adapter would: tasks first, decisions after."""
        kept = []
        for task in self.tasks:
            verdict = judge(task, self.moves.get(task.gtin, []), self.places, CloseRules(), self.now_us)
            if verdict.outcome is Outcome.REOPEN:
                kept.append(
                    replace(task, state=TaskState.OPEN, done_us=None, word=None, reopened=task.reopened + 1, moved=0)
                )
            elif verdict.outcome in {Outcome.WAIT, Outcome.ASK}:
                self.counts["asked in the light"] += verdict.outcome is Outcome.ASK and not self.dark
                kept.append(replace(task, moved=verdict.moved))
            else:
                self.counts[f"closed by {verdict.by}"] += 1
                self.counts["closed in error"] += (task.gtin, task.opened_us) not in self.fetched
                self.counts["word in the light"] += verdict.by is By.WORD and not self.dark
                if verdict.outcome is Outcome.DISPUTE:
                    self._refuse(task)
        self.tasks = kept

    def _refuse(self, task: RefillTask) -> None:
        behind = frozenset(one.serial for one in self.items if str(one.sku) == task.gtin and one.believed == "BACK")
        self.refused[int(task.gtin)] = Refused(self.now_us, behind)

    def _work(self) -> None:
        if self.minute % WALK:
            return
        for task in sorted(self.tasks, key=lambda task: (task.urgency, task.due_us, task.gtin)):
            if task.state is not TaskState.DONE and not task.moved:
                self._fetch(task)

    def _fetch(self, task: RefillTask) -> None:
        found = [one for one in self.items if str(one.sku) == task.gtin and one.zone == "BACK"][: task.quantity]
        self.counts["trips"] += 1
        self.counts["trips in the dark"] += self.dark
        self.tasks.remove(task)
        if not found:
            self.counts["for nothing"] += 1
            self._refuse(task)
            return
        self.fetched.add((task.gtin, task.opened_us))
        for item in found:
            self._carry(item, "FLOOR")
        if self.dark or self.staff.random() < 0.5:
            state = {"state": TaskState.DONE, "done_us": self.now_us, "word": len(found)}
        else:
            state = {"state": TaskState.CLAIMED}
        self.tasks.append(replace(task, **state))  # type: ignore[arg-type]

    def _count(self) -> None:
        for sku in range(SKUS):
            zones = [one.zone for one in self.items if one.sku == sku]
            self.counts["gap minutes"] += "BACK" in zones and "FLOOR" not in zones


def by_the_rules(day: Day) -> None:
    found = decide(day.rows(), day.tasks, day.places, RefillRules(), day.now_us, short_since_us=day.short_since_us)
    day.short_since_us = dict(found.short_since_us)
    day.counts["opened in the dark"] += len(found.opened) * day.dark
    day.counts["opened"] += len(found.opened)
    day.tasks = applied(day.tasks, found, day.now_us)


def nobody(_day: Day) -> None:
    """Nobody refills."""


def by_raw_flags(day: Day) -> None:
    """A task whenever the believed zones say so, as a list of raw front and back flags does."""
    under_way = {task.gtin for task in day.tasks}
    for one in day.rows():
        zones = Counter(unit.zone for unit in one.units)
        if zones["FLOOR"] < 1 <= zones["BACK"] and one.gtin not in under_way:
            quantity = min(2 - zones["FLOOR"], zones["BACK"])
            day.tasks.append(_raw(one.gtin, quantity, day.now_us))


def _raw(gtin: str, quantity: int, now_us: int) -> RefillTask:
    return RefillTask(gtin, gtin, quantity, Urgency.GAP, now_us, now_us, ("BACK",), ("FLOOR",))


def days(opener: Opener, seeds: Sequence[int], blind: tuple[int, int] = (0, 0)) -> Counter[str]:
    """What happened on some days, in all."""
    total: Counter[str] = Counter()
    for seed in seeds:
        total += Day(seed, blind).run(opener).counts
    return total
