"""What many sites may promise of one SKU, in arrays: the ladders of a thousand rows at once. Pure.

The same rule as `gateway.availability.offer`, which says it for one row; a test holds the two together. Of each ladder
only the rungs that an order can touch are looked at (`rungs_needed`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.availability import BLIND_CAP, CAP, ZERO, Policy
from gateway.promise import PROMISED_MAX, TOLERANCE
from gateway.sourcing.rules import SourcingRules

RUNG_BYTES: Final = 4


class Offers(NamedTuple):
    """What sites have of a SKU, in the sites' order.

    `chances` [sites, rungs]: P(at least 1, 2, ... units), 0 where the ladder ends. `offered` [sites]: how many units
    the channel may take (as many as there are rungs: so many or more). `known` [sites]: whether anybody knows those
    probabilities now: not of a row that is stale.
    """

    chances: NDArray[np.float32]
    offered: NDArray[np.int64]
    known: NDArray[np.bool_]


def rungs_needed(quantity: int, rules: SourcingRules, policy: Policy) -> int:
    """Return how many rungs of a ladder decide about so many units: those taken, kept, and what is beyond them."""
    taken = max(quantity + rules.keep, rules.overstock_from + quantity if rules.overstock else 0)
    return min(PROMISED_MAX, policy.safety + taken + 1)


def offers_of(
    ladders: Sequence[bytes],
    policy: Policy,
    rungs: int,
    *,
    known: Sequence[bool] | NDArray[np.bool_],
    stale: NDArray[np.bool_],
) -> Offers:
    """Return what rows offer to a channel: each ladder as its row holds it, empty where there is none."""
    size = rungs * RUNG_BYTES
    held = b"".join([ladder[:size].ljust(size, b"\0") for ladder in ladders])
    chances = np.frombuffer(held, "<f4").reshape(len(ladders), rungs)
    offered = np.maximum(0, np.count_nonzero(chances >= policy.target - TOLERANCE, axis=1) - policy.safety)
    if policy.when_blind == ZERO:
        offered = np.where(stale, 0, offered)
    elif policy.when_blind == CAP:
        offered = np.where(stale, np.minimum(offered, BLIND_CAP), offered)
    return Offers(chances, offered, np.asarray(known, bool) & ~stale)
