"""Reservations as they come in and go out: bodies, answers, and the digest that tells one request from another."""

import hashlib
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from gateway.holds.limits import COLLECT_MAX_S, LINES_MAX, REF_MAX_CHARS, TTL_MAX_S, UNITS_MAX
from gateway.http.patterns import NAME, WHO
from gateway.sourcing.rules import PARCELS_MAX
from wire.gs1.digital_link import DEFAULT_HOST
from wire.limits import ID_MAX_CHARS
from wire.site import AUTO

Mode = Literal["ship", "pickup", "ship_from_store"]
Ref = Annotated[str, Meta(min_length=1, max_length=REF_MAX_CHARS, pattern=WHO)]
Ttl = Annotated[int, Meta(ge=1, le=TTL_MAX_S, description="seconds; without it the channel's")]
ItemText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=512,
        description="an item: hexadecimal EPC, urn:epc:id:sgtin:..., or a GS1 Digital Link with serial",
    ),
]

SiteName = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]

REFERENCES: Final = ("cart_ref", "customer_ref", "payment_ref")


class ReservationLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Units of one SKU. Lines of the same SKU and site are one line."""

    gtin: Annotated[str, Meta(max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_MAX)]
    site: Annotated[
        SiteName | None,
        Meta(description=f"needed; `{AUTO}`: the gateway chooses, for all lines or for none"),
    ] = None


class ShipTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the buyer is: latitude and longitude, degrees (WGS 84)."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class ReservationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Units that are to be kept for one buyer. References are opaque here, and may be erased."""

    lines: Annotated[list[ReservationLine], Meta(min_length=1, max_length=LINES_MAX)]
    mode: Mode
    ttl_s: Ttl | None = None
    cart_ref: Ref | None = None
    customer_ref: Ref | None = None
    payment_ref: Ref | None = None
    allow_partial: Annotated[bool, Meta(description="take what there is, if there is anything")] = False
    ship_to: Annotated[ShipTo | None, Meta(description=f"with `{AUTO}`: where the buyer is")] = None
    need_by: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        Meta(description=f"with `{AUTO}`: RFC 3339 with an offset, when it must be there"),
    ] = None
    plan: Annotated[
        Annotated[list[SiteName], Meta(min_length=1, max_length=PARCELS_MAX)] | None,
        Meta(description=f"with `{AUTO}`: the sites of a plan that was quoted; no others are asked"),
    ] = None


class ConfirmBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long a pickup is kept for its buyer, from now on; without it three days."""

    collect_s: Annotated[int, Meta(ge=1, le=COLLECT_MAX_S, description="seconds")] | None = None


class RenewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """More time."""

    ttl_s: Ttl | None = None


class PickBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The items that were taken; none: those that are held. Another item of the SKU may stand in for a held one."""

    items: Annotated[list[ItemText], Meta(max_length=UNITS_MAX)] = []


class PickMissBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The item that was not found."""

    item: ItemText


class TransferBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Who goes on with the reservation: another cart, customer, payment, or key (by its id)."""

    cart_ref: Ref | None = None
    customer_ref: Ref | None = None
    payment_ref: Ref | None = None
    to_key: Annotated[str, Meta(min_length=1, max_length=16, pattern=NAME)] | None = None


class HeldItem(msgspec.Struct, frozen=True):
    """A named item that is kept: where it should lie, and how sure that is (null: not known, or nobody looks)."""

    digital_link: str
    zone: str
    confidence: float | None
    picked: bool = False


class AlternativeSite(msgspec.Struct, frozen=True):
    """Another site that has enough."""

    site: str
    atp: int
    confidence: float | None


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU: `quantity` = items + `untagged` (no tag) + `substitution_needed` (lost, no other).

    `alternatives`, where some are lost: up to ten other sites that have as many, the surest first.
    """

    gtin: str
    site: str
    quantity: int
    items: list[HeldItem]
    untagged: int = 0
    substitution_needed: int = 0
    alternatives: list[AlternativeSite] | msgspec.UnsetType = msgspec.UNSET


class ShortLine(msgspec.Struct, frozen=True):
    """Of an `allow_partial` request: a SKU of which less was kept than was asked for."""

    gtin: str
    site: str
    requested: int
    quantity: int


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation. `expires_at` is null once it does not expire any more.

    `collect_by`: of a confirmed pickup; what was not collected by then is released.
    """

    id: str
    state: Literal["held", "confirmed", "picked", "fulfilled", "released", "expired"]
    mode: Mode
    created_at: str
    expires_at: str | None
    version: int
    lines: list[HeldLine]
    short: list[ShortLine] = []
    order_id: Annotated[str | None, Meta(description="the order that it is a part of; null: it is all of it")] = None
    collect_by: str | None = None


class Order(msgspec.Struct, frozen=True):
    """An order that several sites serve: a reservation of each, which live on their own. All were made, or none.

    `expires_at`: of the part that ends first; null once none does any more.
    """

    order_id: str
    mode: Mode
    created_at: str
    expires_at: str | None
    parts: list[Reservation]


class ShortageRow(msgspec.Struct, frozen=True):
    """A SKU of which a site has not enough, and up to ten other sites that have, the surest first."""

    gtin: str
    site: str
    requested: int
    atp: int
    alternatives: list[AlternativeSite]


def item_link(gtin: str, serial: str) -> str:
    """Return an item as a GS1 Digital Link (Digital Link URI syntax 1.3, section 4.4)."""
    return f"https://{DEFAULT_HOST}/01/{gtin}/21/{quote(serial, safe='')}"


def digest_of(body: ReservationBody, lines: list[tuple[str, str, int]]) -> bytes:
    """Return what two requests share that mean the same: SHA-256 over its members, lines as they are summed."""
    return hashlib.sha256(msgspec.msgpack.encode([lines, _rest(body)])).digest()


def sourced_digest_of(body: ReservationBody, lines: list[tuple[str, int]]) -> bytes:
    """Return the same of a request whose sites the gateway chooses: what was asked, not what was chosen."""
    where = (body.ship_to, body.need_by, sorted(body.plan or ()))
    return hashlib.sha256(msgspec.msgpack.encode([AUTO, lines, _rest(body), where])).digest()


def _rest(body: ReservationBody) -> tuple[object, ...]:
    return (body.mode, body.ttl_s, body.cart_ref, body.customer_ref, body.payment_ref, body.allow_partial)
