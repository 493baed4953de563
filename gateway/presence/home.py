"""Where goods of a kind hang: each SKU's fixture, learned from its own settled items and from its neighbours by GTIN.

The sizes of a style hang together, and their GTINs are mostly numbered in a row: a SKU learns from its neighbours in
the order of GTINs, the less the further they are. No planogram is needed, and where goods do not hang by kind nothing
is claimed: the more an item's like are spread, the flatter is the prior. It says where on the floor, never whether on
the floor.

Kept are the heaviest positions of each SKU's own items; its density over the floor is made when it is asked for.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.physics import Physics
from gateway.presence.prior import Prior, spread

NEIGHBOURS: Final = 6
"""SKUs to either side that are asked."""

POINTS: Final = 32
"""Positions kept of a SKU: its own items hang at a fixture or two, each within a few metres."""

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {"sku": (np.int32, (), -1), "homed": (np.bool_, (), False)}


class Home:
    """Where the items of each SKU hang: `at` (positions) and `weight`, both [skus, POINTS]; renewed now and then."""

    def __init__(self, prior: Prior, physics: Physics) -> None:
        self._prior = prior
        self._floor_count = max(int(prior.floor.sum()), 1)
        away = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
        self._away = away
        self._share = np.where(away == 0, 1.0, np.exp(-np.abs(away) / physics.home_reach)).astype(np.float32)
        self._trust = physics.home_weight
        self.at = np.zeros((0, POINTS), np.int16)
        self.weight = np.zeros((0, POINTS), np.float32)
        self._order = self._rank = np.zeros(0, np.int64)

    def renew(
        self, sku: NDArray[np.int64], at: NDArray[np.int64], weight: NDArray[np.float32], gtins: NDArray[np.int64]
    ) -> None:
        """Learn from settled items: `sku` [n], their positions `at` and `weight` [n, points].

        `gtins` is the GTIN of each SKU number.
        """
        positions = len(self._prior.floor)
        row, point = np.nonzero((sku >= 0)[:, None] & (weight > 0) & self._prior.floor[at])
        key, back = np.unique(sku[row] * positions + at[row, point], return_inverse=True)
        total = np.bincount(back, weight[row, point], len(key))
        of = key // positions
        every = np.bincount(of, total, len(gtins))
        order = np.lexsort((key, -total, of))
        rank = np.arange(len(order)) - np.searchsorted(of, of)
        kept = order[rank < POINTS]
        place = rank[rank < POINTS]
        self.at = np.zeros((len(gtins), POINTS), np.int16)
        self.weight = np.zeros((len(gtins), POINTS), np.float32)
        self.at[of[kept], place] = key[kept] % positions
        self.weight[of[kept], place] = total[kept]
        self.weight *= (every / np.maximum(self.weight.sum(1), 1e-9))[:, None].astype(np.float32)
        self.line_up(gtins)

    def line_up(self, gtins: NDArray[np.int64]) -> None:
        """Put the SKUs in the order of their GTINs."""
        self._order = np.argsort(gtins, kind="stable")
        self._rank = np.empty(len(gtins), np.int64)
        self._rank[self._order] = np.arange(len(gtins))

    def dump(self) -> dict[str, bytes]:
        """Return what is known as bytes."""
        return {"at": self.at.tobytes(), "weight": self.weight.tobytes()}

    def load(self, saved: Mapping[str, bytes], gtins: NDArray[np.int64]) -> None:
        """Take what `dump` gave, or nothing. Raises `ValueError` for bytes of another size."""
        if not saved:
            return
        self.at = np.frombuffer(saved["at"], np.int16).reshape(-1, POINTS).copy()
        self.weight = np.frombuffer(saved["weight"], np.float32).reshape(self.at.shape).copy()
        if self.at.max(initial=0) >= len(self._prior.floor) or len(self.at) > len(gtins):
            raise ValueError("places of SKUs that are none")
        self.line_up(gtins[: len(self.at)])

    def _density(self, skus: NDArray[np.int64], number: int) -> NDArray[np.float32]:
        """Return the goods of each SKU and its neighbours over a patch, shape [skus, positions]."""
        local = self._prior.local[number]
        size = len(local.positions)
        line = self._rank[skus, None] + self._away
        there = (line >= 0) & (line < len(self._order))
        near = self._order[np.where(there, line, 0)]
        weight = self.weight[near] * np.where(there, self._share, np.float32(0))[:, :, None]
        row, neighbour, point = np.nonzero(weight)
        here = local.index[self.at[near[row, neighbour], point]]
        inside = here >= 0
        cell = row[inside] * size + here[inside]
        goods = np.bincount(cell, weight[row, neighbour, point][inside], len(skus) * size)
        return np.asarray(goods.reshape(-1, size).astype(np.float32) @ local.near, np.float32)

    def of(self, state: Columns, rows: NDArray[np.int64], number: int) -> NDArray[np.float32]:
        """Return the factor of each position of a patch for each row, shape [rows, positions]; 1 off the floor."""
        local = self._prior.local[number]
        positions = local.positions
        made = np.ones((len(rows), len(positions)), np.float32)
        sku = state["sku"][rows]
        known = np.flatnonzero((sku >= 0) & (sku < len(self.weight)))
        if not len(known):
            return made
        floor = self._prior.floor[positions]
        skus, back = np.unique(sku[known], return_inverse=True)
        density = self._density(skus, number)[back]
        own = state["homed"][rows[known]]
        if own.any():
            mine = rows[known[own]]
            at = state["post_at"][mine].astype(np.int64)
            weight = np.where(self._prior.floor[at], state["post_weight"][mine], 0).astype(np.float32)
            density[own] = np.maximum(density[own] - spread(local.near, local.index[at], weight), 0)
        total = density[:, floor].sum(1, keepdims=True)
        trust = self._trust * total / (total + 2)
        relative = density / np.maximum(total, 1e-6) * min(self._floor_count, int(floor.sum()) or 1)
        made[known] = np.where(floor, (1 - trust) + trust * relative, 1.0)
        return made
