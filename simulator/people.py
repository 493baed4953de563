"""A person who walks through the store, step by step, and carries goods."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

import numpy as np

from simulator.way import Place, Ways


class Deed(Enum):
    """What somebody does on reaching a place."""

    ENTER = auto()
    PICK = auto()
    TRY_ON = auto()
    PAY = auto()
    PUT_BACK = auto()
    MISPLACE = auto()
    REPLENISH = auto()
    PUT_AWAY = auto()
    GIVE_BACK = auto()
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """Walk to a place, do something there (to `items`; empty: to all that one carries), and stay."""

    place: Place
    speed_mps: float
    dwell_s: float = 0.0
    deed: Deed | None = None
    items: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Person:
    """Somebody in the store. `goods` are items of the store, `foreign` other companies' tags that one wears.

    `carry_db`: what a body or a cart costs the tags that one carries.
    """

    place: Place
    steps: deque[Step]
    carry_db: float
    staff: bool = False
    goods: list[int] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    paid: set[int] = field(default_factory=set)
    outside: bool = False
    wait_s: float = 0.0
    _way: list[Place] | None = None

    def tags(self) -> list[int]:
        """All tags that one carries."""
        return self.goods + self.foreign

    def walk(self, ways: Ways) -> Step | None:
        """Walk for one second. Returns the step whose place was reached in it, or None."""
        step = self.steps[0]
        if self._way is None:
            # Outside of the door there is nothing to find a way through.
            self._way = [step.place] if self.outside else ways.find(self.place, step.place)
        left = step.speed_mps
        while self._way:
            x, y, level = self._way[0]
            dx, dy = x - self.place[0], y - self.place[1]
            away = float(np.hypot(dx, dy))
            if away > left:
                self.place = (self.place[0] + dx / away * left, self.place[1] + dy / away * left, level)
                return None
            self.place = self._way.pop(0)
            left -= away
        self._way = None
        self.wait_s = step.dwell_s
        return self.steps.popleft()

    def forget(self, items: set[int]) -> None:
        """Leave out what was planned for these items only."""
        if items:
            self.change_mind(
                replace(step, items=tuple(item for item in step.items if item not in items))
                for step in self.steps
                if not step.items or set(step.items) - items
            )

    def change_mind(self, steps: Iterable[Step]) -> None:
        """Forget everything that was planned and do this instead."""
        self.steps = deque(list(steps))
        self._way = None
