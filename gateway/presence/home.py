"""Where goods of a kind hang: each SKU's fixture, learned from its own settled items and from its neighbours by GTIN.

The sizes of a style hang together, and their GTINs are mostly numbered in a row: a SKU learns from its neighbours in
the order of GTINs, the less the further they are. No planogram is needed, and where goods do not hang by kind nothing
is claimed: the more an item's like are spread, the flatter is the prior. It says where on the floor, never whether on
the floor.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.physics import Physics
from gateway.presence.prior import Prior, spread

NEIGHBOURS: Final = 6
"""SKUs to either side that are asked."""

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {"sku": (np.int32, (), -1), "homed": (np.bool_, (), False)}


class Home:
    """Density of each SKU over the floor's positions; renewed now and then."""

    def __init__(self, prior: Prior, physics: Physics) -> None:
        self._prior = prior
        self._physics = physics
        self._floor = np.flatnonzero(prior.floor)
        self._floor_count = max(len(self._floor), 1)
        self.density = np.zeros((0, len(prior.floor)), np.float32)

    def renew(self, state: Columns, settled: NDArray[np.int64], gtins: NDArray[np.int64]) -> None:
        """Learn from rows that are `settled`; `gtins` is the GTIN of each SKU number."""
        positions = len(self._prior.floor)
        own = np.zeros((len(gtins), positions), np.float32)
        state["homed"][:] = False
        state["homed"][settled] = True
        rows = settled[state["sku"][settled] >= 0]
        at = state["post_at"][rows].astype(np.int64)
        weight = np.where(self._prior.floor[at], state["post_weight"][rows], 0)
        np.add.at(own, (np.repeat(state["sku"][rows], at.shape[1]), at.ravel()), weight.ravel())
        order = np.argsort(gtins, kind="stable")
        lined = own[order]
        made = lined.copy()
        for away in range(1, NEIGHBOURS + 1):
            share = np.float32(np.exp(-away / self._physics.home_reach))
            made[away:] += share * lined[:-away]
            made[:-away] += share * lined[away:]
        smooth = np.empty_like(made)
        smooth[order] = made @ self._prior.near
        self.density = smooth

    def of(self, state: Columns, rows: NDArray[np.int64], number: int) -> NDArray[np.float32]:
        """Return the factor of each position of a patch for each row, shape [rows, positions]; 1 off the floor."""
        local = self._prior.local(number)
        positions = local.positions
        made = np.ones((len(rows), len(positions)), np.float32)
        sku = state["sku"][rows]
        known = np.flatnonzero((sku >= 0) & (sku < len(self.density)))
        if not len(known) or not self.density.size:
            return made
        floor = self._prior.floor[positions]
        density = self.density[sku[known]][:, positions]
        own = state["homed"][rows[known]]
        if own.any():
            mine = rows[known[own]]
            at = state["post_at"][mine].astype(np.int64)
            weight = np.where(self._prior.floor[at], state["post_weight"][mine], 0).astype(np.float32)
            density[own] = np.maximum(density[own] - spread(local.near, local.index[at], weight), 0)
        total = density[:, floor].sum(1, keepdims=True)
        trust = self._physics.home_weight * total / (total + 2)
        relative = density / np.maximum(total, 1e-6) * min(self._floor_count, int(floor.sum()) or 1)
        made[known] = np.where(floor, (1 - trust) + trust * relative, 1.0)
        return made
