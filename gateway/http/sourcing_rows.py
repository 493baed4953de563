"""Quotes as they come in and go out: which sites can serve an order, at what price, how soon, how sure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.http.reservation_rows import Mode, ShipTo
from gateway.sourcing.limits import LINES_MAX
from gateway.sourcing.plan import PLANS_MAX
from gateway.sourcing.search import QUANTITY_MAX
from wire.limits import ID_MAX_CHARS


class QuoteLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one SKU. Lines of the same SKU are one line."""

    gtin: Annotated[str, Meta(max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]


class QuoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An order that is to be served: `ship_to` a place, or from or to the site `pickup_site`."""

    lines: Annotated[list[QuoteLine], Meta(min_length=1, max_length=LINES_MAX)]
    mode: Annotated[Mode, Meta(description="pickup: the buyer comes to one site; else it is sent")]
    ship_to: ShipTo | None = None
    pickup_site: Annotated[
        Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)] | None,
        Meta(description="where the buyer collects it: the only site that is asked for the mode pickup"),
    ] = None
    need_by: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="RFC 3339 with an offset: no plan is later")
    ] = None
    plans: Annotated[int, Meta(ge=1, le=PLANS_MAX, description="how many plans at most")] = PLANS_MAX


class QuotedLine(msgspec.Struct, frozen=True):
    """Units of one SKU from a site, and how sure it is that all of them are there (null: nobody knows)."""

    gtin: str
    quantity: int
    confidence: float | None


class QuotedPart(msgspec.Struct, frozen=True):
    """What one site does: when it is ready to leave or to be collected, and when the buyer has it."""

    site: str
    lines: list[QuotedLine]
    ready_at: str
    arrives_at: str
    distance_km: float
    cost: float


class QuotedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A way to serve the whole order. `cost` is the sum of `prices`, in the channel's own currency."""

    sites: list[str]
    splits: Annotated[int, Meta(description="parcels beside the first")]
    cost: float
    prices: Annotated[dict[str, float], Meta(description="parcel, km, day, pick, miss, last_unit, overstock")]
    eta: str
    confidence: Annotated[float | None, Meta(description="that every unit is there; null: nobody looks at one of them")]
    reasons: list[str]
    parts: list[QuotedPart]


class SitesLeftOut(msgspec.Struct, frozen=True):
    """How many sites were not asked, and why."""

    reason: Literal["avoided", "does_not", "full", "closed", "late", "nothing", "far"]
    sites: int


class SourcingQuote(msgspec.Struct, frozen=True):
    """Plans, the best first: none when the order cannot be served. It promises nothing, a reservation does."""

    quoted_at: str
    plans: list[QuotedPlan]
    considered: int
    left_out: list[SitesLeftOut]
