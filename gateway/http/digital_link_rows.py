"""What a Digital Link of a product leads to: what a shopper may know of it, and, for staff, of the item itself.

A shopper reads words, not counts. The words follow from what the default policy promises (`gateway.availability`): a
size that it promises is never called "not now", and one that it does not promise is never called anything else.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal, Protocol

import msgspec
from msgspec import Meta

from gateway.answers import SkuRow
from gateway.geo import Location
from gateway.http.matrix import Status, common_description
from gateway.http.ports import SiteAvailability, StockRow
from gateway.http.size_order import size_key

LAST_ONES_MOST: Final = 2
"""One or two units may be in another shopper's hands by the time that somebody arrives; three rarely all are."""

Word = Annotated[
    Literal["in_stock", "last_ones", "not_now"],
    Meta(description=f"last_ones: 1 to {LAST_ONES_MOST} units are promised by the default policy; in_stock: more"),
]


class Store(msgspec.Struct, frozen=True):
    """A site that shoppers can go to."""

    site: str
    name: str
    location: Location | None


class StoreStock(msgspec.Struct, frozen=True):
    """A style in one store: the row of the SKU that was asked for, and what is promised of each SKU of the style."""

    store: Store
    distance_km: float | None
    row: SiteAvailability
    promised: dict[str, int]


class StyleStock(msgspec.Struct, frozen=True):
    """A SKU, all SKUs of its style, and the stores, those that have the SKU first.

    `most` is what the best store promises of each SKU, `having` the number of stores that promise any. `stores` are
    some of `stores_in_all`; `places` are those whose location is known, to choose a place by.
    """

    asked: SkuRow
    skus: list[SkuRow]
    most: dict[str, int]
    having: dict[str, int]
    stores: list[StoreStock]
    stores_in_all: int
    places: list[Store]


class LinkPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a site has an item: a zone, or `OUT`."""

    site: str
    site_name: str
    zone: str
    zone_kind: str
    since: str
    status: Annotated[str, Meta(description="live, or stale: nobody looks at the zone now")]
    confidence: Annotated[float | None, Meta(description="probability of this place; null: not known, or stale")]


class LinkHold(msgspec.Struct, frozen=True, kw_only=True):
    """The reservation that keeps an item, and whose it is."""

    reservation: str
    channel: str
    mode: str
    state: str
    site: str
    picked: bool
    expires_at: str | None


class LinkMove(msgspec.Struct, frozen=True, kw_only=True, rename={"from_zone": "from", "to_zone": "to"}):
    """The newest movement of an item."""

    site: str
    from_zone: str
    to_zone: str
    happened_at: str
    cause: str
    confidence: float | None


class LinkItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, for staff: what it is to commerce, where it is, who holds it, how it came there.

    `state` is null when no site of the key ever heard of it.
    """

    serial: str
    digital_link: str
    state: str | None
    state_since: str | None
    owner: str | None
    places: list[LinkPlace]
    hold: LinkHold | None
    last_movement: LinkMove | None


class LinkSize(msgspec.Struct, frozen=True):
    """A SKU of the style: the best that any store can say, and how many stores have it."""

    gtin: str
    colour: str
    size: str
    availability: Word
    stores: int


class LinkStore(msgspec.Struct, frozen=True, kw_only=True):
    """The SKU that was asked for in one store, and the GTINs of the style's other SKUs that are to be had there."""

    site: str
    name: str
    distance_km: Annotated[float | None, Meta(description="from `near`; null: not asked, or no place known")]
    availability: Word
    status: Status
    truth: str
    as_of: Annotated[str, Meta(description="the last look at its zones; empty: nobody ever looked")]
    also_here: list[str]


class ProductLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a Digital Link leads to. `item` is for staff, and only of a link with a serial."""

    gtin: str
    digital_link: str
    name: str
    style: str
    colour: str
    size: str
    availability: Word
    sizes: list[LinkSize]
    stores: Annotated[list[LinkStore], Meta(description="those that have the SKU first, then by distance or name")]
    stores_left_out: int
    item: LinkItem | None = None


class Shopper(Protocol):
    """What the links need from the rest of the gateway: `gateway.shopper.ShopperView`."""

    async def style(self, gtin: str, near: Location | None = None) -> StyleStock | None:
        """Return a SKU with its style and the stores, None when no catalogue names it."""
        ...

    async def item(self, gtin: str, serial: str, sees: Callable[[str], bool]) -> LinkItem:
        """Return what the sites that `sees` names know of an item."""
        ...


def word_of(promised: int) -> Word:
    """Return the word for so many units."""
    if promised <= 0:
        return "not_now"
    return "last_ones" if promised <= LAST_ONES_MOST else "in_stock"


def product_name(skus: list[SkuRow]) -> str:
    """Return what the descriptions of a style begin with, or the style's own name."""
    empty: dict[str, int] = {}
    rows = [
        StockRow(
            row.gtin,
            row.style,
            row.colour,
            row.size,
            row.description,
            row.department,
            row.min_floor,
            row.max_floor,
            row.price,
            on_hand=0,
            status="",
            as_of="",
            version=0,
            zones=empty,
        )
        for row in skus
    ]
    return common_description(rows) or skus[0].style


def product_link(stock: StyleStock, link: str, item: LinkItem | None = None) -> ProductLink:
    """Return the answer of a link; sizes in a shop's order, the colour that was asked for first."""
    asked = stock.asked
    in_order = sorted(
        stock.skus, key=lambda row: (row.colour != asked.colour, row.colour, size_key(row.size), row.gtin)
    )
    return ProductLink(
        gtin=asked.gtin,
        digital_link=link,
        name=product_name(stock.skus),
        style=asked.style,
        colour=asked.colour,
        size=asked.size,
        availability=word_of(stock.most.get(asked.gtin, 0)),
        sizes=[
            LinkSize(
                row.gtin, row.colour, row.size, word_of(stock.most.get(row.gtin, 0)), stock.having.get(row.gtin, 0)
            )
            for row in in_order
        ],
        stores=[_store(found, asked.gtin, in_order) for found in stock.stores],
        stores_left_out=stock.stores_in_all - len(stock.stores),
        item=item,
    )


def _store(found: StoreStock, gtin: str, in_order: list[SkuRow]) -> LinkStore:
    return LinkStore(
        site=found.store.site,
        name=found.store.name,
        distance_km=found.distance_km,
        availability=word_of(found.promised.get(gtin, 0)),
        status=found.row.status,
        truth=found.row.truth,
        as_of=found.row.as_of,
        also_here=[row.gtin for row in in_order if row.gtin != gtin and found.promised.get(row.gtin, 0) > 0],
    )


def validator(link: ProductLink) -> tuple[object, ...]:
    """Return everything of a shopper's answer but the clocks: when a row is live, its `as_of` is now."""
    stores = [
        (row.site, row.distance_km, row.availability, row.status, row.status != "live" and row.as_of, row.also_here)
        for row in link.stores
    ]
    product = (link.gtin, link.digital_link, link.name, link.style, link.colour, link.size, link.availability)
    return ("json", *product, link.sizes, stores, link.stores_left_out)
