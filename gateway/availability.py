"""What can be promised of a SKU at a site, from its counts by zone and from who is looking.

*On hand* is what is in the site. *Available to promise* is what of it lies in sellable zones; holds and safety stock
will be taken off here. A zone that is *blind* (it has antennas, and none of them really looks) keeps its last count,
but a row that rests on it is *stale*: its `as_of` is that zone's last look, and nobody should take the number for
fresh. Where no zone at all is looked at every row is stale, one of no units too. A site whose fold never ran is
*unknown*.

*Confidence* is the probability that `atp` units really lie in sellable zones, *promised* the most units that are there
with the probability `TARGET`; both by the Poisson-binomial distribution over the SKU's items. They are None while the
tracker says no probability, and of a row that is not live: an invented number would be worse than none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.promise import PROMISED_MAX, TOLERANCE, largest_promised_by_group
from wire.site import Site

LIVE: Final = "live"
STALE: Final = "stale"
BLIND: Final = "blind"
UNKNOWN: Final = "unknown"

TARGET: Final = 0.95
"""How sure `promised` is, until channels say their own targets."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a zone is looked at, and its newest look (UTC microseconds, 0: never)."""

    live: bool
    as_of_us: int


@dataclass(frozen=True, slots=True)
class Promise:
    """The figures of one SKU at one site."""

    atp: int
    on_hand: int
    status: str
    as_of_us: int


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure the figures of one SKU at one site are, by the probabilities of its items; None: not known."""

    confidence: float | None = None
    promised: int | None = None


NOT_KNOWN: Final = Sureness()


def sellable_zones(site: Site) -> frozenset[str]:
    """Return the zones whose units can be sold, with `counts_as` applied."""
    return frozenset(zone.counts_as for zone in site.zones if zone.sellable and zone.counts_as == zone.id)


def promise(units: Mapping[str, int], sellable: frozenset[str], looks: Mapping[str, Look], now_us: int) -> Promise:
    """Return what can be promised of `units` by zone. `now_us` is the fold's clock, 0 before its first tick."""
    on_hand = sum(units.values())
    atp = sum(quantity for zone, quantity in units.items() if zone in sellable)
    blind = [look.as_of_us for zone, look in looks.items() if not look.live and units.get(zone, 0) > 0]
    if blind:
        return Promise(atp, on_hand, STALE, min(blind))
    if looks and not any(look.live for look in looks.values()):
        return Promise(atp, on_hand, STALE, max(look.as_of_us for look in looks.values()))
    return Promise(atp, on_hand, LIVE if now_us else UNKNOWN, now_us)


def sureness(chances: NDArray[np.float64], sku: NDArray[np.int64], atp: Sequence[int]) -> list[Sureness]:
    """Return how sure the units of each SKU are: `atp[i]` units of SKU number i.

    `chances` [n]: of each item in the site, that it lies in a sellable zone; `sku` [n]: the number of its SKU. Of no
    units nothing is promised, so there is nothing to be sure of; nor of more than `PROMISED_MAX`.
    """
    if not atp:
        return []
    promised = largest_promised_by_group(chances[:, None], sku, len(atp), TARGET)[:, 0].tolist()
    order = np.argsort(sku, kind="stable")
    ends = np.searchsorted(sku[order], np.arange(1, len(atp)))
    of_sku = np.split(chances[order], ends)
    return [
        Sureness(round(at_least(some, units), 4) if 0 < units <= PROMISED_MAX else None, most)
        for some, units, most in zip(of_sku, atp, promised, strict=True)
    ]


def at_least(chances: NDArray[np.float64], units: int) -> float:
    """Return P(N >= units) of independent items with these chances (Poisson-binomial), shape [n]."""
    certain = chances >= 1.0 - TOLERANCE
    wanted = units - int(certain.sum())
    if wanted <= 0:
        return 1.0
    fewer = np.zeros(wanted)  # P(N = k) of the items so far, k < wanted
    fewer[0] = 1.0
    for chance in chances[~certain].tolist():
        fewer[1:] += (fewer[:-1] - fewer[1:]) * chance
        fewer[0] *= 1.0 - chance
    return max(0.0, 1.0 - float(fewer.sum()))


def said(made: Promise, sure: Sureness) -> Sureness:
    """Return what an answer says of sureness: nothing unless the row is live."""
    return sure if made.status == LIVE else NOT_KNOWN
