"""Where an item can be before its fingerprint is asked: where it was, how far goods are carried, where its like hang.

An item's places are kept as a *mixture* of at most `POINTS` positions with weights (the zones' masses are kept exact):
a few dozen bytes instead of one number for each position of the store.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.patches import Kept, Patch
from gateway.presence.physics import Physics
from gateway.presence.plan import Plan
from wire.site import ZoneKind

POINTS: Final = 16
LOST: Final = np.float32(1e-7)
"""What a prior is at least, so that an item may turn up where nobody thinks."""

ANYWHERE: Final = -1
ARRIVAL: Final = -2
MIXTURE: Final = -3
"""Forms of a prior; 0 and above: certain to be in the zone of that number."""

ARRIVES_ELSEWHERE: Final = 0.05
CERTAIN_ELSEWHERE: Final = 0.02

STOCK_KINDS: Final = frozenset({ZoneKind.BACK_ROOM, ZoneKind.RECEIVING})
FLOOR_KINDS: Final = frozenset({ZoneKind.SALES_FLOOR, ZoneKind.WINDOW})

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "prior": (np.int16, (), ANYWHERE),
    "prior_stay": (np.float32, (), 0),
    "prior_at": (np.int16, (POINTS,), 0),
    "prior_weight": (np.float32, (POINTS,), 0),
    "post_at": (np.int16, (POINTS,), 0),
    "post_weight": (np.float32, (POINTS,), 0),
}


class LocalPrior:
    """The kernels within one patch, [p, p], and the number there of each position of the plan (-1: not in it)."""

    def __init__(self, prior: "Prior", patch: Patch) -> None:
        at = self.positions = patch.positions
        self.near = np.ascontiguousarray(prior.near[np.ix_(at, at)])
        self.walk = np.ascontiguousarray(prior.walk[np.ix_(at, at)])
        self.index = np.full(len(prior.stock), -1)
        self.index[at] = np.arange(len(at))


class Prior:
    """Priors over the positions of one plan."""

    def __init__(self, plan: Plan, patches: list[Patch], physics: Physics) -> None:
        self._plan = plan
        self.local = Kept(lambda number: LocalPrior(self, patches[number]))
        """The kernels of each patch."""
        everywhere = np.arange(len(plan.x))
        distance = plan.distances(everywhere, everywhere)
        zone = plan.position_zone
        walk = np.exp(-distance / physics.walk_m) + physics.walk_flat
        walk *= plan.reach[np.ix_(zone, zone)]
        self.stock = np.array([kind in STOCK_KINDS for kind in plan.zone_kind])[zone]
        walk[np.ix_(~self.stock, self.stock)] *= physics.back_in
        self.walk = (walk / walk.sum(1, keepdims=True)).astype(np.float32)
        near = np.exp(-(distance**2) / (2 * physics.home_sd_m**2))
        self.near = (near / near.sum(1, keepdims=True)).astype(np.float32)
        self.floor = np.array([kind in FLOOR_KINDS for kind in plan.zone_kind])[zone]
        self.zone_of = zone
        self.zone_sums = np.zeros((len(plan.x), len(plan.zones)), np.float32)
        self.zone_sums[everywhere, zone] = 1

    def of(self, state: Columns, rows: NDArray[np.int64], number: int) -> NDArray[np.float32]:
        """Return the rows' priors over a patch, shape [rows, positions]; not normalised."""
        local = self.local[number]
        positions = local.positions
        form = state["prior"][rows]
        made = np.ones((len(rows), len(positions)), np.float32)
        arriving = form == ARRIVAL
        made[arriving] = np.where(self.stock[positions], 1.0, ARRIVES_ELSEWHERE)
        certain = np.flatnonzero(form >= 0)
        elsewhere = np.maximum(state["prior_stay"][rows[certain], None], CERTAIN_ELSEWHERE)
        made[certain] = np.where(self.zone_of[positions] == form[certain, None], 1.0, elsewhere)
        mixed = np.flatnonzero(form == MIXTURE)
        if len(mixed):
            at, weight = state["prior_at"][rows[mixed]].astype(np.int64), state["prior_weight"][rows[mixed]]
            stay = state["prior_stay"][rows[mixed], None]
            here = local.index[at]
            made[mixed] = stay * spread(local.near, here, weight) + (1 - stay) * spread(local.walk, here, weight) + LOST
        return made

    def carry(self, state: Columns, rows: NDArray[np.int64], stay: float) -> None:
        """Let the kept posterior be the prior of the next segment: with weight `stay` it did not move."""
        state["prior"][rows] = MIXTURE
        state["prior_stay"][rows] = stay
        state["prior_at"][rows] = state["post_at"][rows]
        state["prior_weight"][rows] = state["post_weight"][rows]


def spread(kernel: NDArray[np.float32], at: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mixtures smeared by a patch's kernel [p, p], shape [rows, p]; points outside the patch (-1) are lost."""
    inside = np.where(at >= 0, weight, np.float32(0))
    return np.asarray(np.einsum("rk,rkp->rp", inside, kernel[np.maximum(at, 0)], optimize=False), np.float32)


def condense(
    post: NDArray[np.float32], zone_sums: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `POINTS` heaviest positions of each row and their weights; each zone's mass is that of the row."""
    size = post.shape[1]
    count = min(POINTS, size)
    at = (
        np.argpartition(-post, count - 1, axis=1)[:, :count]
        if size > count
        else np.tile(np.arange(size), (len(post), 1))
    )
    at = np.sort(at, axis=1)
    weight = np.take_along_axis(post, at, axis=1)
    mass = post @ zone_sums
    kept = np.einsum("rp,rpz->rz", weight, zone_sums[at])
    scale = mass / np.maximum(kept, 1e-9)
    weight = weight * np.take_along_axis(scale, zone_sums[at].argmax(2), axis=1)
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-9)
    if count < POINTS:
        at = np.pad(at, ((0, 0), (0, POINTS - count)))
        weight = np.pad(weight, ((0, 0), (0, POINTS - count)))
    return at, weight.astype(np.float32)
