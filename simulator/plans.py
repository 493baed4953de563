"""What shoppers and staff set out to do: lists of steps. Times and shares follow the field's figures.

A shopper looks at something, carries it around, tries it on (fitting takes 5 minutes at the median), pays, steals, or
brings it back, now and then to a wrong place, and some linger at the street door before they do.
"""

from typing import Final

import numpy as np

from simulator.fixtures import Fixtures
from simulator.floorplan import StreetDoor
from simulator.levels import Level
from simulator.people import Deed, Step
from simulator.way import Place

BUYS: Final = 0.35
TRIES_ON: Final = 0.6
FITTING_MEDIAN_S: Final = 300.0
FITTING_SIGMA: Final = 0.5
FITTING_S: Final = (60.0, 1_200.0)
PAVEMENT_M: Final = 2.5
PAVEMENT_S: Final = 3.0
"""How far and how long goods that left can still be read through the open door."""


class Plans:
    """Makes the steps of people in one store. `haste` divides every dwell time."""

    def __init__(self, fixtures: Fixtures, level: Level, haste: float, rng: np.random.Generator) -> None:
        self._fixtures = fixtures
        self._level = level
        self._haste = haste
        self._rng = rng
        self._doors = fixtures.plan.street_doors

    def door(self) -> StreetDoor:
        """One of the street doors."""
        return self._doors[int(self._rng.integers(len(self._doors)))]

    def enter(self, door: StreetDoor) -> list[Step]:
        """From the pavement through the door."""
        return [
            Step((door.x, door.y, door.level), 1.0, 0.0, Deed.ENTER),
            Step((*door.beyond(-1.0), door.level), 1.0),
        ]

    def pick(self, item: int, place: Place) -> list[Step]:
        """Walk to an item and take it."""
        return [Step(place, 0.8, self._dwell(5.0, 15.0), Deed.PICK, (item,))]

    def afterwards(self, goods: list[int]) -> tuple[list[Step], bool]:
        """All that a shopper does with goods in hand, until the pavement; and whether the first of them is stolen."""
        rng, level = self._rng, self._level
        steps = [
            Step(self._fixtures.floor_spot(), float(rng.uniform(0.5, 1.0)), self._dwell(5.0, 60.0))
            for _ in range(int(rng.integers(1, 4)))
        ]
        choice = float(rng.random())
        if choice < level.theft_share:
            # One item disappears under a coat, the others go back first.
            return [*self._bring_back(goods[1:]), *steps, *self.leave(speed_mps=1.2)], True
        if self._fixtures.cabins and rng.random() < TRIES_ON:
            steps += self._try_on()
        if choice > 1 - BUYS:
            return [*steps, *self._pay(), *self.leave(speed_mps=float(rng.uniform(0.8, 1.5)))], False
        if rng.random() < level.loiter:
            door = self.door()
            place = (*door.beyond(-float(rng.uniform(0.6, 1.4))), door.level)
            steps.append(Step(place, 0.8, self._dwell(5.0, 40.0)))
        return [*steps, *self._bring_back(goods), *self.leave(speed_mps=1.0)], False

    def leave(self, speed_mps: float) -> list[Step]:
        """Through a street door and a few steps on."""
        door = self.door()
        return [
            Step((*door.beyond(-1.0), door.level), speed_mps),
            Step((door.x, door.y, door.level), speed_mps, 0.0, Deed.LEAVE),
            Step((*door.beyond(PAVEMENT_M), door.level), speed_mps, PAVEMENT_S),
        ]

    def give_back(self) -> list[Step]:
        """Bring something bought back to the counter, then leave."""
        counter = self._fixtures.counter_spot()
        return [
            Step(counter, 0.9, self._dwell(45.0, 120.0)),
            Step(counter, 0.9, 0.0, Deed.GIVE_BACK),
            *self.leave(speed_mps=1.0),
        ]

    def collect(self, items: list[tuple[int, Place]]) -> list[Step]:
        """Staff takes goods one by one, always the nearest next."""
        steps = []
        left = list(items)
        here = left[0][1]
        while left:
            x, y, level = here
            left.sort(key=lambda known: (known[1][2] != level, np.hypot(known[1][0] - x, known[1][1] - y)))
            item, here = left.pop(0)
            steps.append(Step(here, 1.0, self._dwell(1.0, 4.0), Deed.PICK, (item,)))
        return steps

    def replenish(self, items: list[int]) -> list[Step]:
        """Hang goods where each belongs."""
        homes: dict[Place, list[int]] = {}
        for item in items:
            homes.setdefault(self._fixtures.home(item), []).append(item)
        return [
            Step(place, 1.0, self._dwell(5.0, 15.0), Deed.REPLENISH, tuple(group)) for place, group in homes.items()
        ]

    def put_away(self, items: list[int]) -> list[Step]:
        """Put delivered goods on a shelf in the back room."""
        return [Step(self._fixtures.back_spot(), 1.0, self._dwell(10.0, 20.0), Deed.PUT_AWAY, tuple(items))]

    def _try_on(self) -> list[Step]:
        cabin = self._fixtures.spot(self._fixtures.cabins)
        stay = float(np.clip(self._rng.lognormal(np.log(FITTING_MEDIAN_S), FITTING_SIGMA), *FITTING_S))
        return [Step(cabin, 0.7, stay / self._haste, Deed.TRY_ON)]

    def _pay(self) -> list[Step]:
        counter = self._fixtures.counter_spot()
        queue = self._fixtures.near(counter)
        return [
            Step((*queue, counter[2]), 0.8, self._dwell(0.0, 60.0)),
            Step(counter, 0.6, self._dwell(45.0, 120.0)),
            Step(counter, 0.6, 0.0, Deed.PAY),
        ]

    def _bring_back(self, goods: list[int]) -> list[Step]:
        steps = []
        for item in goods:
            wrong = bool(self._rng.random() < self._level.misplace)
            place = self._fixtures.floor_spot() if wrong else self._fixtures.home(item)
            deed = Deed.MISPLACE if wrong else Deed.PUT_BACK
            steps.append(Step(place, 0.8, self._dwell(2.0, 8.0), deed, (item,)))
        return steps

    def _dwell(self, low_s: float, high_s: float) -> float:
        return float(self._rng.uniform(low_s, high_s)) / self._haste
