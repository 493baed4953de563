"""The life of a store, second by second: who comes in, who takes what, what is delivered and replenished.

Knows nothing about radio: the same seed gives the same life, whatever the readers do.
"""

from collections import deque
from itertools import takewhile
from typing import Final

import numpy as np

from simulator.events import EventKind, StoreEvent
from simulator.fixtures import Fixtures
from simulator.goods import Goods, State, Tagset
from simulator.levels import Level
from simulator.people import Deed, Person, Step
from simulator.plans import PAVEMENT_M, Plans
from simulator.way import Place, Ways

ITEMS: Final = 900
"""The stock for which a level states its rates per hour."""

BACK_SHARE: Final = 0.45
LATE_SHARE: Final = 0.25
"""Of the goods, so many wait in the back room; of these, so many come with one delivery."""

REPLENISH_EVERY_S: Final = 1_500.0
REPLENISH_FIRST_S: Final = 900.0
CART: Final = 15
"""Pieces that a member of staff brings at once."""

PUT_AWAY_AFTER_S: Final = 400.0
STAY_S: Final = 600.0
"""How long a shopper stays, for the crowd at opening."""

PERSON_M2: Final = 8.0
"""A fuller store lets nobody in."""

REACH_M: Final = 2.5
"""A shopper takes further pieces from the racks around the first."""

HAND_M: Final = 0.12
"""Carried goods swing by this (standard deviation)."""

SHIFTS: Final = 0.25
"""Chance per second that goods turn in the hand of somebody who stands."""

STAFF_DB: Final = 1.0
WEARS_FOREIGN: Final = 3
_NOTHING: Final[Tagset] = np.zeros(0, np.int64)
_IDLE: Final = (None, Deed.TRY_ON)


class Life:
    """People and goods of one store. `people` are those inside now; `events` what happened in the last second."""

    def __init__(
        self,
        goods: Goods,
        fixtures: Fixtures,
        level: Level,
        rng: np.random.Generator,
        *,
        product: Tagset,
        min_floor: Tagset,
        busy: float,
        haste: float,
        delivery_every_s: float,
    ) -> None:
        self.goods = goods
        self.fixtures = fixtures
        self.ways = Ways(fixtures.plan)
        self.plans = Plans(fixtures, level, haste, rng)
        self.people: list[Person] = []
        self.events: list[StoreEvent] = []
        self._product, self._min_floor = product, min_floor
        self._level = level
        self._rng = rng
        self._size = goods.items / ITEMS * busy
        self._haste = haste
        self._replenish_every_s = REPLENISH_EVERY_S / busy
        self._replenish_at_s = REPLENISH_FIRST_S / busy
        self._delivery_every_s = delivery_every_s
        self._delivery_at_s = delivery_every_s
        self._put_away: deque[tuple[float, list[int]]] = deque()
        self._waiting: list[int] = []
        self._returned: list[int] = []
        self._sold: list[int] = []
        self._walked: list[Person] = []
        self._foreign = list(range(goods.items, len(goods.state)))
        area = sum(fixtures.plan.area_m2(zone) for zone in fixtures.floors)
        self._people_max = max(4, int(area / PERSON_M2))

    # -- opening

    def open(self, stock: int) -> None:
        """Fill the store with `stock` of its items: floor, window, back room; the others come with deliveries.

        A quarter of the back room's goods come with a delivery, too.
        """
        rng, goods, fixtures = self._rng, self.goods, self.fixtures
        back = rng.random(goods.items) < (BACK_SHARE if fixtures.backs and fixtures.floors else 0.0)
        late = back & (rng.random(goods.items) < LATE_SHARE)
        late[rng.permutation(goods.items)[stock:]] = True
        front = np.flatnonzero(~back & ~late)
        rack = round(self._level.rack_at_door * goods.items / ITEMS)
        fixtures.rack_at_door(rng.permutation(front)[:rack])
        shown = deque(rng.permutation(front)[: 8 * len(fixtures.windows)].tolist())
        for item in np.flatnonzero(~late).tolist():
            self._settle(item, fixtures.back_spot() if back[item] else fixtures.home(item))
        while shown:
            self._settle(shown.popleft(), fixtures.spot(fixtures.windows))
        self._waiting = rng.permutation(np.flatnonzero(late)).tolist()

    def let_in(self) -> None:
        """Put the shoppers into the store who came before second 0, each somewhere on the way with goods in hand.

        Call it once the goods that `open` put down are settled.
        """
        rng = self._rng
        inside = int(rng.poisson(self._level.shoppers_h * self._size * STAY_S / 3_600 / self._haste))
        for _ in range(min(inside, self._people_max) if self.fixtures.floors else 0):
            person = self._arrive()
            if person.steps[-1].deed is not Deed.PICK:
                continue
            pick = person.steps[-1]
            person.place, person.outside = pick.place, False
            self._pick(0, person, list(pick.items))
            ahead = list(takewhile(lambda step: step.deed in _IDLE, person.steps))
            for step in ahead[: int(rng.integers(0, len(ahead) + 1))]:
                person.place = step.place
                person.steps.popleft()
            person.wait_s = float(rng.uniform(0.0, 30.0)) / self._haste
            self._carry(person)
        self._move_carried()
        self.events = []

    def _settle(self, item: int, place: Place) -> None:
        """Put an item on a fixture, as somebody who hangs it up would: height and neighbours are new."""
        goods = self.goods
        x, y = self.fixtures.near(place)
        goods.height_m[item] = self._rng.uniform(0.5, 1.9)
        goods.loss_db[item] = self._rng.normal(0.0, self._level.sigma_item_db)
        goods.put(item, x, y, place[2])

    # -- one second

    def second(self, t_s: int) -> None:
        """Let one second pass."""
        self.events = []
        self._arrivals()
        self._supplies(t_s)
        self.people = [person for person in self.people if self._act(t_s, person)]
        self._move_carried()

    def _arrivals(self) -> None:
        if not self.fixtures.floors:
            return
        rng = self._rng
        for _ in range(int(rng.poisson(self._level.shoppers_h * self._size / 3_600))):
            if len(self.people) < self._people_max:
                self._arrive()
        if rng.random() < self._level.returns_h * self._size / 3_600 and self._sold:
            self._bring(self._sold.pop(int(rng.integers(len(self._sold)))))

    def _arrive(self) -> Person:
        """A shopper comes in from the street, to take something."""
        door = self.plans.door()
        first = self._choose(None, 1)
        person = self._person((*door.beyond(PAVEMENT_M), door.level), self._level.body_db, outside=True)
        if self._rng.random() < self._level.foreign_share:
            count = min(len(self._foreign), int(self._rng.integers(1, WEARS_FOREIGN + 1)))
            person.foreign = [self._foreign.pop() for _ in range(count)]
            self.goods.height_m[person.foreign] = self._rng.uniform(0.7, 1.5, count)
            self.goods.loss_db[person.foreign] = self._level.body_db
        steps = self.plans.enter(door)
        if len(first):
            item = int(first[0])
            steps += self.plans.pick(item, self._place_of(item))
        else:
            steps += self.plans.leave(1.0)
        person.steps.extend(steps)
        self._carry(person)
        return person

    def _bring(self, item: int) -> None:
        """A customer comes back with something bought."""
        door = self.plans.door()
        person = self._person((*door.beyond(PAVEMENT_M), door.level), self._level.body_db, outside=True)
        person.goods = [item]
        person.paid = {item}
        self._in_hand(person, [item])
        person.steps.extend([*self.plans.enter(door), *self.plans.give_back()])

    def _person(self, place: Place, carry_db: float, *, outside: bool = False, staff: bool = False) -> Person:
        person = Person(place, deque(), carry_db, staff=staff, outside=outside)
        self.people.append(person)
        return person

    # -- supplies

    def _supplies(self, t_s: int) -> None:
        if t_s >= self._delivery_at_s:
            self._delivery_at_s += self._delivery_every_s
            self._deliver(t_s)
        while self._put_away and self._put_away[0][0] <= t_s:
            self._send(self._put_away.popleft()[1], away=True)
        if t_s >= self._replenish_at_s:
            self._replenish_at_s += self._replenish_every_s
            needed = self._needed(CART * max(1, round(self.goods.items / ITEMS)))
            for low in range(0, len(needed), CART):
                self._send(needed[low : low + CART], away=False)

    def _deliver(self, t_s: int) -> None:
        """A delivery is put down in receiving; without a receiving zone it goes to the back room's shelves."""
        size = max(1, round(BACK_SHARE * LATE_SHARE * self.goods.items))
        came, self._waiting = self._waiting[:size], self._waiting[size:]
        for item in came:
            self._settle(item, self.fixtures.delivery_spot())
            self._note(t_s, EventKind.RECEIPT, item)
            self._note(t_s, EventKind.ENTERED, item)
        if self.fixtures.receiving and self.fixtures.backs != self.fixtures.receiving:
            for k, low in enumerate(range(0, len(came), CART)):
                self._put_away.append((t_s + (k + 1) * PUT_AWAY_AFTER_S / self._haste, came[low : low + CART]))

    def _needed(self, count: int) -> list[int]:
        """Up to `count` items to bring to the floor: returns first, then the sizes that are missing most."""
        free = self.goods.on_fixture()
        stand = self.goods.stand
        items = [item for item in self._returned if free[item]][:count]
        self._returned = [item for item in self._returned if item not in items]
        if not self.fixtures.floors:
            return items
        back = np.flatnonzero(free & np.isin(stand, self.fixtures.backs))
        on_floor = np.bincount(
            self._product[free & np.isin(stand, self.fixtures.floors)], minlength=len(self._min_floor)
        )
        want = (on_floor - self._min_floor)[self._product[back]] + self._rng.random(len(back))
        return items + [int(item) for item in back[np.argsort(want, kind="stable")][: count - len(items)]]

    def _send(self, items: list[int], *, away: bool) -> None:
        """Staff carries items: put away after a delivery, or out to the sales floor."""
        free = [item for item in items if self.goods.state[item] == State.FIXTURE]
        if not free:
            return
        person = self._person(self._place_of(free[0]), STAFF_DB, staff=True)
        person.steps.extend(self.plans.collect([(item, self._place_of(item)) for item in free]))
        person.steps.extend(self.plans.put_away(free) if away else self.plans.replenish(free))

    # -- acting

    def _act(self, t_s: int, person: Person) -> bool:
        """One second of one person. Returns False when the person is gone."""
        if person.wait_s > 0:
            person.wait_s -= 1.0
            if person.goods and self._rng.random() < SHIFTS:
                self.goods.shift(np.array(person.tags()))
            return True
        if not person.steps:
            self._vanish(person)
            return False
        step = person.walk(self.ways)
        self._carry(person)
        if step is not None and step.deed is not None:
            self._do(t_s, person, step)
        return True

    def _carry(self, person: Person) -> None:
        """Take all tags of a person along; `_move_carried` gives them their places."""
        tags = person.tags()
        if tags:
            self.goods.state[tags] = State.PAVEMENT if person.outside else State.HAND
            self._walked.append(person)

    def _move_carried(self) -> None:
        """Give all goods that were carried in this second a place beside their carrier, never through a wall."""
        walked, self._walked = self._walked, []
        loads = [(person, person.tags()) for person in dict.fromkeys(walked)]
        tags = np.array([tag for _, load in loads for tag in load], np.int64)
        if not len(tags):
            return
        place = np.repeat(np.array([person.place for person, _ in loads]), [len(load) for _, load in loads], axis=0)
        level = place[:, 2].astype(np.int64)
        beside = place[:, :2] + self._rng.normal(0.0, HAND_M, (len(tags), 2))
        plan = self.fixtures.plan
        here = plan.zone_at(place[:, 0], place[:, 1], level)
        there = plan.zone_at(beside[:, 0], beside[:, 1], level)
        x, y = np.where(plan.passages[here, there, None], beside, place[:, :2]).T
        self.goods.carry(tags, x, y, level)

    def _do(self, t_s: int, person: Person, step: Step) -> None:
        items = list(step.items) or list(person.goods)
        match step.deed:
            case Deed.ENTER:
                person.outside = False
                self._carry(person)
                self._note_all(t_s, EventKind.ENTERED, person.goods)
            case Deed.PICK:
                self._pick(t_s, person, items)
            case Deed.TRY_ON:
                self._note_all(t_s, EventKind.TRY_ON, items)
            case Deed.PAY:
                person.paid = set(person.goods)
                self._note_all(t_s, EventKind.SALE, items)
            case Deed.GIVE_BACK:
                self._returned += items
                self._put_down(t_s, person, items, EventKind.RETURN, person.place)
            case Deed.LEAVE:
                self._leave(t_s, person)
            case Deed.PUT_BACK | Deed.MISPLACE | Deed.REPLENISH | Deed.PUT_AWAY:
                self._put_down(t_s, person, items, EventKind(step.deed.name.lower()), step.place)
            case None:
                pass

    def _pick(self, t_s: int, person: Person, items: list[int]) -> None:
        """Take what is still there."""
        free = [item for item in items if self.goods.state[item] == State.FIXTURE]
        if not person.staff and free:
            free += self._choose(person.place, int(self._rng.integers(0, 4)), but=free[0]).tolist()
        person.goods += free
        self._in_hand(person, free)
        self._note_all(t_s, EventKind.PICK, free)
        if person.staff:
            person.forget(set(items) - set(free))
        else:
            self._decide(person)

    def _decide(self, person: Person) -> None:
        """What a shopper does next: something with the goods in hand; without any, look at something else."""
        if not person.goods:
            other = self._choose(None, 1).tolist()
            person.change_mind(self.plans.pick(other[0], self._place_of(other[0])) if other else self.plans.leave(1.0))
            return
        steps, steals = self.plans.afterwards(person.goods)
        person.change_mind(steps)
        if steals:
            self.goods.loss_db[person.goods[0]] += self._level.theft_db

    def _choose(self, place: Place | None, count: int, but: int = -1) -> Tagset:
        """Up to `count` random items on the sales floor other than `but`; within reach of a place if one is given."""
        if count < 1 or not self.fixtures.floors:
            return _NOTHING
        goods = self.goods
        found = np.flatnonzero(goods.on_fixture() & np.isin(goods.stand, self.fixtures.floors))
        if place is not None:
            found = found[goods.level[found] == place[2]]
            away = np.hypot(goods.x[found] - place[0], goods.y[found] - place[1])
            found = found[(away <= REACH_M) & (found != but)]
        return self._rng.permutation(found)[:count]

    def _in_hand(self, person: Person, items: list[int]) -> None:
        self.goods.loss_db[items] = person.carry_db + self._rng.normal(0.0, 1.0, len(items))
        self.goods.height_m[items] = self._rng.uniform(0.7, 1.3, len(items))
        self._carry(person)

    def _put_down(self, t_s: int, person: Person, items: list[int], kind: EventKind, place: Place) -> None:
        for item in items:
            person.goods.remove(item)
            person.paid.discard(item)
            self._settle(item, place)
            self._note(t_s, kind, item)

    def _leave(self, t_s: int, person: Person) -> None:
        person.outside = True
        stolen = [item for item in person.goods if item not in person.paid]
        self._note_all(t_s, EventKind.THEFT, stolen)
        self._note_all(t_s, EventKind.LEFT, person.goods)
        self._carry(person)

    def _vanish(self, person: Person) -> None:
        """The person is out of sight. Bought goods may come back one day."""
        assert person.outside or not person.goods, "goods can only disappear through a street door"
        self.goods.remove(np.array(person.tags(), np.int64))
        self._sold += sorted(person.paid)
        self._foreign += person.foreign
        person.goods, person.foreign = [], []

    def _place_of(self, item: int) -> Place:
        return float(self.goods.x[item]), float(self.goods.y[item]), int(self.goods.level[item])

    def _note(self, t_s: int, kind: EventKind, item: int) -> None:
        self.events.append(StoreEvent(t_s, kind, item))

    def _note_all(self, t_s: int, kind: EventKind, items: list[int]) -> None:
        for item in items:
            self._note(t_s, kind, item)
