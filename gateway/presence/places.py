"""Where a fingerprint can come from: the likelihood of positions on the plan, and the prior from before.

The likelihood is a random-effect model. A tag at position g with loss e (its own, the same at all antennas) has level
M = plan level - e; its placement adds a spread that is new for each placement and antenna.

* A heard antenna has a level: the mean RSSI, corrected for the selection of lucky reads, combined by precision with
  the level that its hit rate speaks for. Strong reads that do not repeat are not the place.
* A silent antenna has a censored (Tobit) term: how probable is silence in so many looks?

Everything is linear in features of the item (weights, weighted levels, looks on a logarithmic grid): one matrix product
gives the likelihood of all positions and losses. Positions and antennas that matter for an item are those of the
*patch* around its strongest antenna, so that the cost does not grow with the store.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.fingerprint import free_share
from gateway.presence.patches import Kept, make_patches
from gateway.presence.physics import DWELLS, LOSS_SHARES, LOSSES_DB, Physics
from gateway.presence.plan import Plan

THROUGH_STEP: Final = 0.02
"""Smaller changes of what gets through are not worth new tables."""

_CENTRE_DBM: Final = -66.0
_FEATURES: Final = 2 + len(DWELLS)


def log_normal_cdf(z: NDArray[Any]) -> NDArray[Any]:
    """Return the logarithm of the normal distribution function by its logistic approximation: heavy in the tail."""
    steep = -1.702 * z
    return np.asarray(-(np.maximum(steep, 0) + np.log1p(np.exp(-np.abs(steep)))))


class Likelihood:
    """Tables of the likelihood for one plan; renewed when the shares that get `through` changed."""

    def __init__(self, plan: Plan, physics: Physics) -> None:
        self._plan = plan
        self._physics = physics
        self.patches, self.patch_of_antenna = make_patches(plan)
        self._positions = np.array([len(patch.positions) for patch in self.patches])
        self._antennas = np.stack([patch.antennas for patch in self.patches])
        self._local = np.stack([patch.local for patch in self.patches])
        self._tables = Kept(self._table)
        self.through = np.full(len(plan.antennas), 0.7)

    def renew(self, through: NDArray[np.float64]) -> None:
        """Take new shares of looks in which a strong tag gets through, shape [a]."""
        if np.abs(through - self.through).max(initial=0) > THROUGH_STEP:
            self.through = through.copy()
            self._tables.clear()

    def _table(self, number: int) -> NDArray[np.float32]:
        """Return the patch's table, shape [features * antennas, positions * losses]."""
        patch = self.patches[number]
        level = self._plan.level_dbm[np.ix_(patch.positions, patch.antennas)]
        level = (level[:, None, :] - LOSSES_DB.astype(np.float32)[None, :, None]).reshape(-1, len(patch.antennas)).T
        spread = np.float32(np.sqrt(self._physics.placement_sd_db**2 + 4))
        centred = level - np.float32(_CENTRE_DBM)
        rows = [-0.5 * centred * centred, centred]
        for dwell in DWELLS:
            heard = np.clip(0.69 / (dwell * self.through[patch.antennas]), 1e-4, 0.95)
            threshold = (self._physics.sensitivity_dbm + 2 * np.log(heard / (1 - heard))).astype(np.float32)
            rows.append(log_normal_cdf((threshold[:, None] - level) / spread))
        return np.concatenate(rows).astype(np.float32, copy=False)

    def features(
        self, state: Columns, air: Air, rows: NDArray[np.int64], patch: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the features of rows in their patches, shape [rows, features * patch antennas]."""
        antennas = self._antennas[patch]
        size = antennas.shape[1]
        slot = state["slot"][rows]
        local = np.where(slot >= 0, self._local[patch[:, None], slot], -1)
        row, place = np.nonzero(local >= 0)
        at = row, local[row, place]
        where = rows[row], place
        share = np.where(air.loud[antennas], 1.0, free_share(state["seg_free_s"][rows], state["seg_s"][rows])[:, None])
        looks = air.looks_since(state["seg_us"][rows, None], antennas) * share
        looks[at] = state["seg_looks"][where]
        reads, total, hits = (np.zeros((len(rows), size)) for _ in range(3))
        reads[at], total[at], hits[at] = (state[name][where] for name in ("seg_reads", "seg_sum", "seg_hits"))
        weight, level = self._levels((reads, total, hits), looks, self.through[antennas], air.read_var[0])
        made = np.zeros((len(rows), _FEATURES, size), np.float32)
        made[:, 0] = weight
        made[:, 1] = weight * (level - _CENTRE_DBM)
        silent = (reads <= 0) & (looks >= 0.5)
        grid = np.clip(np.log2(np.maximum(looks, 0.5)), -1, 7)
        low = np.floor(grid).astype(np.int64)
        part = grid - low
        row, antenna = np.nonzero(silent)
        step, share_up = low[row, antenna], part[row, antenna]
        keep = step >= 0
        made[row[keep], 2 + step[keep], antenna[keep]] = 1 - share_up[keep]
        keep = step + 1 < len(DWELLS)
        made[row[keep], 3 + step[keep], antenna[keep]] += share_up[keep]
        return made.reshape(len(rows), -1)

    def _levels(
        self,
        sums: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
        looks: NDArray[np.float64],
        through: NDArray[np.float64],
        read_var: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weight and the level (dBm) of each heard antenna; the weight of a silent one is 0.

        `sums`: reads, their summed RSSI, and hits, each [rows, antennas].
        """
        reads, total, hits = sums
        limit, placement = self._physics.sensitivity_dbm, self._physics.placement_sd_db
        mean = total / np.maximum(reads, 1)
        level = mean.copy()
        for _ in range(3):  # reads come from the lucky fades: undo the selection
            level = mean - 3.0 * (1 - 1 / (1 + np.exp(-np.clip((level - limit) / 2, -20, 20))))
        rate = np.clip((hits + 0.3) / (looks + 1) / through, 0.003, 0.9)
        by_rate = limit + 2 * np.log(rate / (1 - rate))
        rate_var = 4 * (1 / (hits + 0.5) + 1 / np.maximum(looks - hits + 0.5, 0.5)) + 4
        speaks = (looks >= 2) & (mean < limit + 5) | (looks >= 8) & (rate < 0.3)
        rate_var = np.where(speaks, rate_var, 1e6)
        mean_var = read_var / np.maximum(reads, 1) + 0.5
        both = 1 / mean_var + 1 / rate_var
        combined = (level / mean_var + by_rate / rate_var) / both
        weight = np.where(reads > 0, 1 / (placement**2 + 1 / both), 0.0)
        return weight, combined

    def of(self, made: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Return the likelihood of the patch's positions, shape [rows, positions], the largest of a row near 1."""
        size = int(self._positions[number])
        log = (made @ self._tables[number]).reshape(len(made), size, len(LOSSES_DB))
        log *= np.float32(self._physics.temper)
        log += np.log(LOSS_SHARES).astype(np.float32)
        log -= log.max((1, 2), keepdims=True)
        np.exp(log, out=log)
        return np.asarray(log @ np.ones(len(LOSSES_DB), np.float32), np.float32)

    def patch_of(self, state: Columns, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the patch of the antenna that hears each row best."""
        if len(self.patches) == 1:
            return np.zeros(len(rows), np.int64)
        slot, reads = state["slot"][rows], state["seg_reads"][rows]
        level = np.where((slot >= 0) & (reads > 0), state["seg_sum"][rows] / np.maximum(reads, 1), -999.0)
        strongest = np.maximum(slot[np.arange(len(rows)), level.argmax(1)], 0)
        return np.asarray(self.patch_of_antenna[strongest], np.int64)
