"""Who is asked where it is, and when: items are judged the less often, the longer nothing was new.

To *ask* is to hold an item's fingerprint, its prior and the places of its like against the positions of the plan; to
*judge* is to take the zone that is probable enough. What a fingerprint says changes with the logarithm of the reads
behind it, so an item is judged again when its segment is by a quarter older and was read since.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.home import Home
from gateway.presence.physics import Physics
from gateway.presence.places import Likelihood
from gateway.presence.plan import Plan
from gateway.presence.prior import Prior, condense
from gateway.presence.resting import Resting

PATIENCE: Final = 0.25
"""An item is judged again when its segment is by this share older than at the last judgement, and was read since."""

JUDGED_AFTER_S: Final = 120.0
SILENT_AFTER_S: Final = 9.0
"""Who was read is judged after two minutes at the latest; who was not, after twice the time, and not before this."""

ASK_ROWS: Final = 1_024
"""Rows in one matrix product: 7 MB, so that it stays in the caches."""

SECOND_US: Final = 1_000_000
STRONG_DB: Final = 8.0


class Judging:
    """Asks and judges rows of `state`."""

    def __init__(self, plan: Plan, state: Columns, air: Air, door: NDArray[np.bool_], physics: Physics) -> None:
        self._plan = plan
        self._state = state
        self._air = air
        self._door = door
        self._physics = physics
        self.likelihood = Likelihood(plan, physics)
        self.prior = Prior(plan, self.likelihood.patches, physics)
        self.home = Home(self.prior, physics)

    def due(self, rows: NDArray[np.int64], dark: NDArray[np.bool_], now_us: int) -> NDArray[np.int64]:
        """Return which rows are judged now; none of `dark` ones [rows]: nobody looked, nothing is new."""
        state = self._state
        judged_us, seg_us = state["judged_us"][rows], state["seg_us"][rows]
        wait_s = np.minimum((np.maximum(judged_us, seg_us) - seg_us) / SECOND_US * PATIENCE, JUDGED_AFTER_S)
        since_s = (now_us - judged_us) / SECOND_US
        read = state["seen_us"][rows] > judged_us
        due = read & (since_s >= np.maximum(wait_s, self._physics.look_s))
        due |= since_s >= np.maximum(2 * wait_s, SILENT_AFTER_S)
        found: NDArray[np.int64] = rows[due & ~dark]
        return found

    def ask(self, rows: NDArray[np.int64]) -> None:
        """Ask where the rows are; keeps the posterior as a mixture."""
        if not len(rows):
            return
        patch_of = self.likelihood.patch_of(self._state, rows)
        order = np.argsort(patch_of, kind="stable")
        for start in range(0, len(order), ASK_ROWS):
            some = order[start : start + ASK_ROWS]
            self._ask_some(rows[some], patch_of[some])

    def _ask_some(self, rows: NDArray[np.int64], patch_of: NDArray[np.int64]) -> None:
        """Ask where rows are, ordered by patch."""
        state, prior = self._state, self.prior
        features = self.likelihood.features(state, self._air, rows, patch_of)
        cut = np.flatnonzero(np.diff(patch_of, prepend=-1, append=-1))
        for first, last in zip(cut[:-1].tolist(), cut[1:].tolist(), strict=True):
            number, mine = int(patch_of[first]), rows[first:last]
            post = self.likelihood.of(features[first:last], number)
            post *= prior.of(state, mine, number)
            post *= self.home.of(state, mine, number)
            post += np.float32(1e-12)
            post /= post.sum(1, keepdims=True)
            positions = self.likelihood.patches[number].positions
            at, weight = condense(post, prior.zone_sums[positions])
            state["post_at"][mine] = positions[at]
            state["post_weight"][mine] = weight

    def judge(self, rows: NDArray[np.int64], now_us: int) -> None:
        """Ask where the rows are, and take the zone that is probable enough."""
        state = self._state
        self.ask(rows)
        at, weight = state["post_at"][rows].astype(np.int64), state["post_weight"][rows]
        masses = np.einsum("rp,rpz->rz", weight, self.prior.zone_sums[at])
        top, best = masses.argmax(1), masses.max(1)
        calm = state["calm_zone"][rows]
        go = (calm < 0) | ((top != calm) & (best > self._physics.switch))
        state["calm_zone"][rows[go]] = top[go]
        state["mass"][rows] = masses
        state["judged_us"][rows] = now_us
        state["door"][rows] = (weight * self._door[at]).sum(1)

    def learn(self, rows: NDArray[np.int64], resting: Resting, skus: NDArray[np.int32], gtins: list[int]) -> None:
        """Learn how many tags get through, and where the goods of a kind hang.

        From `rows`, the still ones among the active, and from those at rest; `skus` [items].
        """
        state = self._state
        state["homed"][:] = False
        state["homed"][rows] = True
        still = np.flatnonzero(resting.state["zone"] >= 0)
        resting.state["homed"][still] = True
        size = len(self._plan.antennas)
        hits, looks, items = np.zeros(size), np.zeros(size), np.zeros(size)
        slot, reads = state["slot"][rows], state["seg_reads"][rows]
        level = state["seg_sum"][rows] / np.maximum(reads, 1)
        tables = [(slot, reads, level, state["seg_hits"][rows], state["seg_looks"][rows])]
        quiet = resting.state
        tables.append((quiet["slot"], quiet["reads"], quiet["level_cdbm"] / 100.0, quiet["hits"], quiet["looks"]))
        for slot, reads, level, hit, look in tables:
            good = (slot >= 0) & (reads >= 3) & (level > self._physics.sensitivity_dbm + STRONG_DB) & (look >= 5)
            hits += np.bincount(slot[good], hit[good], size)
            looks += np.bincount(slot[good], look[good], size)
            items += np.bincount(slot[good], minlength=size)
        self._air.learn_through(hits, looks, items)
        self.likelihood.renew(self._air.through)
        if not gtins:
            return
        sku = np.concatenate([state["sku"][rows], skus[quiet["item"][still]]]).astype(np.int64)
        short = quiet["post_at"].shape[1]
        at = np.zeros((len(sku), state["post_at"].shape[1]), np.int64)
        weight = np.zeros(at.shape, np.float32)
        at[: len(rows)], weight[: len(rows)] = state["post_at"][rows], state["post_weight"][rows]
        at[len(rows) :, :short], weight[len(rows) :, :short] = quiet["post_at"][still], quiet["post_weight"][still]
        self.home.renew(sku, at, weight, np.array(gtins))
