"""What can be promised of a SKU at a site, from what is there, from who holds what, and from who is looking.

*On hand* is what is in the site. What one more buyer can get is less, and never certain: items in sellable zones that
nobody holds and that nobody has bought, each with its own probability to be there, and units without tags. The
*ladder* of a SKU says it whole: P(F >= 1), P(F >= 2), ..., F being the number of such units (Poisson-binomial). What a
channel may sell (*available to promise*, ATP) follows from the ladder and the channel's own policy: the most units q
with P(F >= safety + q) of at least its target.

A zone that is *blind* (it has antennas, and none of them really looks) keeps its last probabilities, but a row that
rests on it is *stale*: its `as_of` is that zone's last look, and the channel's `when_blind` says what becomes of its
ATP. Where no zone at all is looked at every row is stale, one of no units too. A site whose fold never ran is
*unknown*.

*Confidence* is the probability that the promise is kept. It is None while the tracker says no probability, of no
units, and of a row that is not live: an invented number would be worse than none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.promise import PROMISED_MAX, TOLERANCE
from wire.site import Site

LIVE: Final = "live"
STALE: Final = "stale"
BLIND: Final = "blind"
UNKNOWN: Final = "unknown"

KEEP: Final = "keep"
ZERO: Final = "zero"
CAP: Final = "cap"
WHEN_BLIND: Final = (KEEP, ZERO, CAP)
BLIND_CAP: Final = 1
"""Units that a channel with `when_blind: cap` may still sell of a row that is stale."""

TARGET: Final = 0.95
TTL_S: Final = 900
HOLDS_MAX: Final = 1_000

Ladder = NDArray[np.float32]
NOTHING: Final[Ladder] = np.zeros(0, np.float32)

_TARGETS: Final = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999])
RUNGS: Final = (_TARGETS - TOLERANCE).astype(np.float32)
"""Targets that channels may care for: a change of the ladder that crosses none of them is no news. As wide as the
ladder's own numbers: `offer` compares in these, too."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much is kept back from a channel, and for how long it holds.

    `target`: how sure a promise must be; `safety`: units kept back of each SKU at each site; `ttl_s`: how long a hold
    lasts that says nothing else; `when_blind`: what a stale row offers; `holds_max`: open holds of one key.
    """

    name: str = ""
    target: float = TARGET
    safety: int = 0
    ttl_s: int = TTL_S
    when_blind: str = KEEP
    holds_max: int = HOLDS_MAX


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a zone is looked at, and its newest look (UTC microseconds, 0: never)."""

    live: bool
    as_of_us: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in a site of one SKU, what of it lies where it can be sold, and how fresh that is."""

    sellable: int
    on_hand: int
    status: str
    as_of_us: int


class Offer(NamedTuple):
    """What a channel may sell, and how sure that is."""

    atp: int
    confidence: float | None


def sellable_zones(site: Site) -> frozenset[str]:
    """Return the zones whose units can be sold, with `counts_as` applied."""
    return frozenset(zone.counts_as for zone in site.zones if zone.sellable and zone.counts_as == zone.id)


def standing(units: Mapping[str, int], sellable: frozenset[str], looks: Mapping[str, Look], now_us: int) -> Standing:
    """Return how `units` by zone stand. `now_us` is the fold's clock, 0 before its first tick."""
    on_hand = sum(units.values())
    can_sell = sum(quantity for zone, quantity in units.items() if zone in sellable)
    blind = [look.as_of_us for zone, look in looks.items() if not look.live and units.get(zone, 0) > 0]
    if blind:
        return Standing(can_sell, on_hand, STALE, min(blind))
    if looks and not any(look.live for look in looks.values()):
        return Standing(can_sell, on_hand, STALE, max(look.as_of_us for look in looks.values()))
    return Standing(can_sell, on_hand, LIVE if now_us else UNKNOWN, now_us)


def ladder_of(chances: Sequence[float], certain: int = 0) -> Ladder:
    """Return P(F >= k) for k = 1, 2, ...: items with these chances, and `certain` units more (below 0: fewer).

    At most `PROMISED_MAX` rungs; rungs of no chance at all are left out at the end.
    """
    sure = [chance for chance in chances if chance >= 1.0 - TOLERANCE]
    unsure = np.array([chance for chance in chances if TOLERANCE < chance < 1.0 - TOLERANCE])
    exactly = np.zeros(min(len(unsure), PROMISED_MAX) + 1)
    exactly[0] = 1.0
    for chance in unsure.tolist():
        up = exactly[:-1] * chance
        exactly[:-1] -= up
        exactly[1:] += up
    tail = np.cumsum(exactly[::-1])[::-1][1:]
    shift = len(sure) + certain
    rungs = np.concatenate([np.ones(min(max(shift, 0), PROMISED_MAX)), tail[max(-shift, 0) :]])[:PROMISED_MAX]
    found: Ladder = np.minimum(rungs, 1.0).astype(np.float32)
    return found[found > 0]


def encode_ladder(ladder: Ladder) -> bytes:
    """Return a ladder as its row holds it."""
    return ladder.astype("<f4").tobytes()


def decode_ladder(held: bytes | None) -> Ladder:
    """Return the ladder of a row; of a row that says none, nothing can be promised."""
    return NOTHING if not held else np.frombuffer(held, "<f4")


def offer(ladder: Ladder, policy: Policy, status: str, *, known: bool = True) -> Offer:
    """Return what a channel may sell of a row. `known`: whether its probabilities are."""
    promised = max(0, int(np.count_nonzero(ladder >= policy.target - TOLERANCE)) - policy.safety)
    if status == STALE and policy.when_blind == ZERO:
        promised = 0
    elif status == STALE and policy.when_blind == CAP:
        promised = min(promised, BLIND_CAP)
    if not promised or not known or status != LIVE:
        return Offer(promised, None)
    return Offer(promised, round(float(ladder[policy.safety + promised - 1]), 4))


def steps(ladder: Ladder) -> tuple[int, ...]:
    """Return how many units can be promised at each of `RUNGS`: when it changes, some channel may have to know."""
    return tuple(np.count_nonzero(ladder[:, None] >= RUNGS, axis=0).tolist())
