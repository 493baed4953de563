"""What a channel wants of a plan: prices for what is inconvenient, and what must not be.

Everything that makes one plan better than another is a price in the channel's currency, so that a person can weigh them
against each other: a parcel, a kilometre, a day, a broken promise, the last unit of a size on the floor. The cheapest
plan wins. What must never happen is no price but a limit.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

PARCELS_MAX: Final = 3
"""More parcels for one order cost more than any shop earns; it also bounds the search."""
SITES_LISTED_MAX: Final = 1_000
PRICE_MAX: Final = 1_000_000.0
DAYS_MAX: Final = 60.0
KM_MAX: Final = 100_000.0
"""A parcel that takes longer or flies further in a day is a mistake of typing."""

Price = Annotated[float, Meta(ge=0, le=PRICE_MAX)]


class RulesError(ValueError):
    """Rules that cannot be used: says which key, what stood there and what may."""


@dataclass(frozen=True, slots=True)
class SourcingRules:
    """The rules of one channel; prices in its currency.

    `parcel`: each site that sends something; `pick`: each unit, unless the site has its own price; `km`: each
    kilometre to the buyer; `day`: each day until it arrives; `miss`: a unit that may not be found counts this much
    times its chance; `last_unit`: taking the last unit that a site can sell of a SKU; `overstock`: what each unit
    above `overstock_from` at a site is worth to be rid of; `keep`: units of each SKU that a site keeps for walk-ins.
    `sure`: the least probability of a unit; `parcels`: the most sites of one plan; `avoid`: sites that never send.
    `carrier_days`: how long a parcel takes at least; `carrier_km`: how far it gets in each day beside those, 0: as far
    as it must.
    """

    parcel: float = 4.0
    pick: float = 1.0
    km: float = 0.01
    day: float = 1.0
    miss: float = 20.0
    last_unit: float = 0.5
    overstock: float = 0.0
    overstock_from: int = 10
    keep: int = 0
    sure: float = 0.0
    parcels: int = 2
    avoid: frozenset[str] = frozenset()
    carrier_days: float = 1.0
    carrier_km: float = 500.0


DEFAULT: Final = SourcingRules()


class _Shape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    parcel: Price = DEFAULT.parcel
    pick: Price = DEFAULT.pick
    km: Price = DEFAULT.km
    day: Price = DEFAULT.day
    miss: Price = DEFAULT.miss
    last_unit: Price = DEFAULT.last_unit
    overstock: Price = DEFAULT.overstock
    overstock_from: Annotated[int, Meta(ge=0, le=1_000_000)] = DEFAULT.overstock_from
    keep: Annotated[int, Meta(ge=0, le=1_000_000)] = DEFAULT.keep
    sure: Annotated[float, Meta(ge=0, lt=1)] = DEFAULT.sure
    parcels: Annotated[int, Meta(ge=1, le=PARCELS_MAX)] = DEFAULT.parcels
    avoid: Annotated[frozenset[str], Meta(max_length=SITES_LISTED_MAX)] = frozenset()
    carrier_days: Annotated[float, Meta(ge=0, le=DAYS_MAX)] = DEFAULT.carrier_days
    carrier_km: Annotated[float, Meta(ge=0, le=KM_MAX)] = DEFAULT.carrier_km


def parse_rules(plain: Any) -> SourcingRules:
    """Return rules from plain values (JSON, YAML). Raises `RulesError` that names the key and what may stand there."""
    try:
        shape = msgspec.convert(plain, _Shape)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`")
        known = ", ".join(one.name for one in fields(SourcingRules))
        hint = f"; there are {known}" if "unknown field" in message else ""
        raise RulesError(f"{key}: {message}{hint}" if key else f"{message}{hint}") from error
    return SourcingRules(**msgspec.structs.asdict(shape))


def plain_rules(rules: SourcingRules) -> dict[str, Any]:
    """Return rules as plain values, sorted where they have no order."""
    found: dict[str, Any] = {one.name: getattr(rules, one.name) for one in fields(SourcingRules)}
    found["avoid"] = sorted(rules.avoid)
    return found
