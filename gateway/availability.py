"""What can be promised of a SKU at a site, from its counts by zone and from who is looking.

*On hand* is what is in the site. *Available to promise* is what of it lies in sellable zones; holds and safety stock
will be taken off here. A zone that is *blind* (it has antennas, and none of them really looks) keeps its last count,
but a row that rests on it is *stale*: its `as_of` is that zone's last look, and nobody should take the number for
fresh. Where no zone at all is looked at every row is stale, one of no units too. A site whose fold never ran is
*unknown*. `confidence` stays None as long as the tracker says no probability: an invented one would be worse than none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.site import Site

LIVE: Final = "live"
STALE: Final = "stale"
BLIND: Final = "blind"
UNKNOWN: Final = "unknown"


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
