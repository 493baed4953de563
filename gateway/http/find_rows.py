"""What a scan finds in a store: the SKU, how many units are in which zone, and where single items lie. For staff."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.http.digital_link_rows import LinkItem
from gateway.http.rows import Fraction


class FoundPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Units of the SKU in one zone; `as_of`: when an antenna last looked there, null: never."""

    zone: str
    zone_kind: str
    units: int
    status: Annotated[str, Meta(description="live, blind (nobody looks there now) or unknown")]
    as_of: str | None


class FoundUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the SKU that is in the store."""

    serial: str
    digital_link: str
    zone: str
    zone_kind: str
    since: Annotated[str, Meta(description="since when it is in this zone")]
    status: Annotated[str, Meta(description="live, or stale: nobody looks at the zone now")]
    confidence: Annotated[Fraction | None, Meta(description="probability of the zone; null: not known, or stale")]
    state: Annotated[str, Meta(description="available, missing, damaged ...")]
    held: Annotated[bool, Meta(description="an order or a cart has it")]


class FoundSku(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU in one site. `items`: where the surest ones lie; `items_left_out` of them are not listed."""

    gtin: str
    known: Annotated[bool, Meta(description="whether a catalogue names it")]
    style: str
    colour: str
    size: str
    description: str
    department: str
    on_hand: int
    held: int
    untagged: Annotated[int, Meta(description="units without a tag: nobody knows in which zone")]
    places: list[FoundPlace]
    items: list[FoundUnit]
    items_left_out: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a text names at a site: a SKU, and of it one item if the text names one."""

    site: str
    serial: str | None
    sku: FoundSku
    item: LinkItem | None
