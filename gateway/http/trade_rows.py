"""The answers of stock operations. Every instant is RFC 3339 text in UTC."""

from typing import Any

import msgspec


class SaleLineTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale was of, by SKU: `items` that are known, `untagged` units, and `unplaced` ones.

    `left` of the items had left unsold before the sale was told; `history` of them came back since, and stay as they
    are.
    """

    gtin: str
    quantity: int
    items: int
    untagged: int
    unplaced: int
    left: int = 0
    history: int = 0


class SaleTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A sale was taken. `reservation_open`: units that the named reservation still holds; null: none was named."""

    source_event_id: str
    site: str
    lines: list[SaleLineTaken]
    reservation_open: int | None
    recorded_at: str


class UnitsOf(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation was of, by SKU."""

    gtin: str
    items: int
    untagged: int


class ReturnTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A return was taken. `state`: what the goods are now. `unknown` of the items were heard of for the first time."""

    source_event_id: str
    site: str
    state: str
    lines: list[UnitsOf]
    unknown: int
    recorded_at: str


class InspectionTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Returned goods were looked at: what is for sale again, and what is damaged."""

    source_event_id: str
    site: str
    restocked: list[UnitsOf]
    damaged: list[UnitsOf]
    recorded_at: str


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU of a shipment. `seen`: of its named items those that the site's readers, or a count, have inside.

    `missing` is what is expected and was not received, `unexpected` what was received beyond that.
    """

    gtin: str
    expected: int
    received: int
    seen: int
    missing: int
    unexpected: int


class ShipmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment: an ASN of a supplier (`from_site` null), or a transfer between sites."""

    id: str
    kind: str
    state: str
    from_site: str | None
    to_site: str
    sscc: str | None
    created_at: str
    updated_at: str
    expected: int
    received: int
    seen: int
    missing: int
    unexpected: int
    lines: list[ShipmentLine]


class DockRead(msgspec.Struct, frozen=True, kw_only=True):
    """An item that readers saw come in: by which zone, and when. `expected`: the shipment has it, by name or by SKU."""

    digital_link: str
    zone: str
    at: str
    expected: bool
    received: bool


class DockLine(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU at the dock: units that are expected, and that readers saw come in; `not_read` of them, `over` beyond."""

    gtin: str
    expected: int
    read: int
    not_read: int
    over: int


class DockReads(msgspec.Struct, frozen=True, kw_only=True):
    """What readers saw come in, held against a shipment: evidence beside what people said.

    `not_read_items` are expected by name and were not read, as Digital Links; `left_out` counts rows of `items`,
    `not_read_left_out` links that are not shown.
    """

    zones: list[str]
    lines: list[DockLine]
    items: list[DockRead]
    left_out: int
    not_read_items: list[str]
    not_read_left_out: int


class ShipmentItems(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment with the items that are missing, and those that nobody expected, as Digital Links. For staff."""

    shipment: ShipmentRow
    missing_items: list[str]
    missing_left_out: int
    unexpected_items: list[str]
    unexpected_left_out: int
    dock: DockReads


class ShipmentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment in a list: units that are expected, and that were received, whether they were expected or not."""

    id: str
    kind: str
    state: str
    from_site: str | None
    to_site: str
    sscc: str | None
    created_at: str
    updated_at: str
    expected: int
    received: int


class ShipmentList(msgspec.Struct, frozen=True, kw_only=True):
    """Shipments to a site and from it, the one that changed last first; `left_out` of them are not shown."""

    site: str
    shipments: list[ShipmentSummary]
    left_out: int


class ShipmentTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment was announced, sent, received or cancelled."""

    source_event_id: str
    shipment: ShipmentRow
    recorded_at: str


class ReceiptTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Goods came in: `lines` by this event, and `shipment` as it stands after it."""

    source_event_id: str
    site: str
    zone: str
    lines: list[UnitsOf]
    shipment: ShipmentRow
    recorded_at: str


class CountedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units without tags of a SKU: as they stood at the count's instant, as they were counted, and as they are now."""

    gtin: str
    before: int
    counted: int
    now: int


class CountTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A count was taken. `found` of the items had been missing, or had left unsold."""

    source_event_id: str
    site: str
    zone: str
    items: int
    found: int
    untagged: list[CountedUnits]
    recorded_at: str


class AdjustedSku(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU after an adjustment: its row's version, and its units without tags that are for sale."""

    gtin: str
    change: int
    untagged: int
    version: int


class AdjustmentTaken(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment was taken. `items` changed their state."""

    source_event_id: str
    site: str
    mode: str
    items: int
    skus: list[AdjustedSku]
    recorded_at: str


class TotalsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Totals were compared: of `rows` SKUs, of which `older` were older than the total that is held."""

    source_event_id: str
    site: str
    rows: int
    older: int
    recorded_at: str


class Erased(msgspec.Struct, frozen=True):
    """How many references are gone."""

    erased: int


class PostingRow(msgspec.Struct, frozen=True, kw_only=True, rename={"from_account": "from", "to_account": "to"}):
    """A posting: units left one account for another. An empty serial: units without a tag, or not placed yet."""

    id: int
    site: str
    gtin: str
    serial: str
    owner: str
    from_account: str
    to_account: str
    quantity: int
    cause: str
    source: str
    actor: str
    happened_at: str
    recorded_at: str


class PostingPage(msgspec.Struct, frozen=True):
    """Postings, oldest first. `next` is the `after` of the next page; null at the end."""

    rows: list[PostingRow]
    next: int | None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what. `actor` is a key's id; empty: there were no keys."""

    id: int
    at: str
    actor: str
    action: str
    site: str | None
    subject: str
    detail: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True):
    """The audit, oldest first. `next` is the `after` of the next page; null at the end."""

    rows: list[AuditRow]
    next: int | None


class ItemPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a site has an item: a zone, or `OUT`."""

    site: str
    zone: str
    since: str
    probability: float | None


class ItemHold(msgspec.Struct, frozen=True, kw_only=True):
    """The reservation that an item is bound to."""

    reservation: str
    line: int
    site: str
    picked: bool
    state: str
    expires_at: str


class ItemMove(msgspec.Struct, frozen=True, kw_only=True, rename={"from_zone": "from", "to_zone": "to"}):
    """A movement of an item."""

    site: str
    m: int
    from_zone: str
    to_zone: str
    happened_at: str
    cause: str
    probability: float | None


class ItemStory(msgspec.Struct, frozen=True, kw_only=True):
    """An item: what it is to commerce, where each site has it, who holds it, and how that came; newest first."""

    gtin: str
    serial: str
    digital_link: str
    state: str
    site: str | None
    owner: str
    since: str | None
    places: list[ItemPlace]
    hold: ItemHold | None
    postings: list[PostingRow]
    movements: list[ItemMove]
