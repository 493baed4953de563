"""Where every tag is: the state of a store's goods, as columns. One row per tag, items first, then foreign tags.

A tag is in exactly one state: on a fixture, in somebody's hands, on the pavement (it crossed the street door a moment
ago and can still be read), or gone. Its truth zone follows from the state and the place.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simulator.floorplan import FloorPlan

Tagset = NDArray[np.int64]


class State(IntEnum):
    """What holds a tag."""

    GONE = 0
    FIXTURE = 1
    HAND = 2
    PAVEMENT = 3


class Goods:
    """Columns by tag: `x`, `y`, `height_m`, `level`, `loss_db` (body, stacking), `state`.

    As last settled, by item: `zone` (the truth; `counts_as` applied, the number after the last zone means OUT) and
    `stand` (where it stands, -1 outside).
    """

    def __init__(self, tags: int, items: int, plan: FloorPlan) -> None:
        self.items = items
        self.plan = plan
        self.out = len(plan.zones)
        self.x = np.zeros(tags)
        self.y = np.zeros(tags)
        self.level = np.zeros(tags, np.int64)
        self.height_m = np.full(tags, 1.0)
        self.loss_db = np.zeros(tags)
        self.state = np.full(tags, State.GONE, np.int8)
        self.zone = np.full(items, self.out, np.int16)
        self.stand = np.full(items, -1, np.int16)
        self._touched: list[Tagset] = []

    def put(self, tag: int, x: float, y: float, level: int) -> None:
        """Put a tag on a fixture."""
        self.x[tag], self.y[tag], self.level[tag] = x, y, level
        self.state[tag] = State.FIXTURE
        self._touched.append(np.array([tag]))

    def carry(self, tags: Tagset, x: NDArray[np.float64], y: NDArray[np.float64], level: Tagset) -> None:
        """Move tags that are in somebody's hands or on the pavement."""
        self.x[tags], self.y[tags], self.level[tags] = x, y, level
        self._touched.append(tags)

    def remove(self, tags: Tagset) -> None:
        """Take tags off the air for good."""
        self.state[tags] = State.GONE
        self._touched.append(tags)

    def shift(self, tags: Tagset) -> None:
        """Note that tags turned in the hand: same place, another radio path."""
        self._touched.append(tags)

    def touched(self) -> Tagset:
        """Tags that moved, turned or left since the last call, each once, in order."""
        found = np.unique(np.concatenate(self._touched)) if self._touched else np.zeros(0, np.int64)
        self._touched = []
        return found

    def settle(self, tags: Tagset) -> tuple[Tagset, NDArray[np.int16], NDArray[np.int16]]:
        """Work out the truth zone of tags that moved. Returns the items whose zone changed, from where and to where."""
        mine = tags[tags < self.items]
        inside = (self.state[mine] == State.FIXTURE) | (self.state[mine] == State.HAND)
        zone = self.plan.zone_at(self.x[mine], self.y[mine], self.level[mine])
        now = np.where(inside, self.plan.counts_as[zone], self.out).astype(np.int16)
        before = self.zone[mine]
        changed = now != before
        self.zone[mine] = now
        self.stand[mine] = np.where(inside, zone, -1)
        return mine[changed], before[changed], now[changed]

    def on_fixture(self) -> NDArray[np.bool_]:
        """Which items lie or hang somewhere in the store: bool [items]."""
        return np.asarray(self.state[: self.items] == State.FIXTURE)
