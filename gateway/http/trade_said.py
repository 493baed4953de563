"""From the bodies of stock operations to what `gateway.trade` takes. All raise `RefusedError` naming the member."""

from collections.abc import Sequence

import msgspec

from gateway.fold.limits import EVIDENCE_MAX_UNITS
from gateway.http.body import invalid
from gateway.http.told import gtin_of, instant, item_of
from gateway.http.trade_bodies import (
    CountBody,
    DeltaBody,
    GoodsLine,
    InspectionBody,
    ReceiptBody,
    ReturnBody,
    SaleBody,
    SetBody,
    ShipBody,
    ShipmentBody,
    StepBody,
    StockTransferBody,
    TotalsBody,
    TransferReceiptBody,
)
from gateway.ledger.totals import BookRow
from gateway.trade.adjustments import REASONS
from gateway.trade.receipts import named
from gateway.trade.said import (
    RESTOCK,
    Count,
    Delta,
    Goods,
    Inspection,
    ItemName,
    Notice,
    Receipt,
    References,
    Return,
    Sale,
    SetRow,
    SetTo,
    Step,
    Totals,
    Transfer,
)
from wire.gs1 import check_digit, is_checked


def goods_of(lines: Sequence[GoodsLine]) -> Goods:
    """Return lines as goods: items once each, units of a SKU added up. Raises `RefusedError`."""
    items: dict[ItemName, None] = {}
    units: dict[str, int] = {}
    for number, line in enumerate(lines):
        place = f"lines[{number}]"
        if (line.epc is None) == (line.gtin is None):
            raise invalid(place, msgspec.to_builtins(line), "either `epc`, or `gtin` and `quantity`")
        if line.epc is not None:
            if line.quantity is not None:
                raise invalid(f"{place}.quantity", line.quantity, "nothing: an item is one unit")
            _add_item(items, f"{place}.epc", line.epc)
            continue
        if line.quantity is None:
            raise invalid(f"{place}.quantity", None, "1 or more")
        gtin = gtin_of(f"{place}.gtin", line.gtin or "")
        units[gtin] = units.get(gtin, 0) + line.quantity
        if units[gtin] > EVIDENCE_MAX_UNITS:
            raise invalid(f"{place}.quantity", units[gtin], f"at most {EVIDENCE_MAX_UNITS} units of a SKU")
    return Goods(tuple(items), tuple(sorted(units.items())))


def _add_item(items: dict[ItemName, None], place: str, epc: str) -> None:
    name = ItemName(*item_of(place, epc))
    if name in items:
        raise invalid(place, epc, "each item once")
    items[name] = None


def sscc_of(sscc: str | None) -> str:
    """Return an SSCC whose check digit is right; empty for none. Raises `RefusedError`."""
    if sscc is not None and not is_checked(sscc):
        raise invalid("sscc", sscc, f"18 digits, the last of them the check digit {check_digit(sscc[:-1])}")
    return sscc or ""


def references_of(body: SaleBody | ReturnBody) -> References:
    """Return what the event is called elsewhere."""
    names = ("receipt_ref", "payment_ref", "tender", "customer_ref")
    found = ((name, getattr(body, name, None)) for name in names)
    return tuple((name, value) for name, value in found if value)


def sale_of(body: SaleBody, now_us: int) -> Sale:
    """Return a sale. Raises `RefusedError`, as all of these do."""
    return Sale(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        goods=goods_of(body.lines),
        channel=body.channel or "",
        reservation=body.reservation or "",
    )


def return_of(body: ReturnBody, now_us: int) -> Return:
    """Return a return."""
    return Return(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        goods=goods_of(body.lines),
        disposition=body.disposition,
        zone=body.zone or "",
    )


def inspection_of(body: InspectionBody, now_us: int) -> Inspection:
    """Return an inspection."""
    everything = goods_of(body.lines)  # also: no item twice, once good and once damaged
    restock = goods_of([line for line in body.lines if line.disposition == RESTOCK])
    good = frozenset(restock.items)
    damaged = Goods(
        tuple(item for item in everything.items if item not in good),
        goods_of([line for line in body.lines if line.disposition != RESTOCK and line.epc is None]).units,
    )
    return Inspection(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        restock=restock,
        damaged=damaged,
        zone=body.zone or "",
    )


def notice_of(body: ShipmentBody, now_us: int) -> Notice:
    """Return an advance shipping notice."""
    return Notice(
        event=body.source_event_id,
        site=body.to_site,
        at_us=instant("at", body.at, now_us),
        shipment=body.id,
        goods=goods_of(body.lines),
        sscc=sscc_of(body.sscc),
    )


def receipt_of(body: ReceiptBody, now_us: int) -> Receipt:
    """Return a receipt; one without lines only says that a shipment is complete."""
    if not body.lines and not ((body.complete or body.by_reads) and (body.shipment or body.sscc)):
        raise invalid("lines", [], "what came; or `complete` or `by_reads` with the shipment")
    if body.by_reads and not (body.shipment or body.sscc):
        raise invalid(
            "by_reads", True, "the shipment, by `shipment` or `sscc`: reads are held against what is expected"
        )
    if body.shipment and body.sscc:
        raise invalid("sscc", body.sscc, "either `shipment` or `sscc`")
    return Receipt(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        goods=goods_of(body.lines),
        shipment=body.shipment or "",
        sscc=sscc_of(body.sscc),
        zone=body.zone or "",
        complete=body.complete,
        by_reads=body.by_reads,
        owner=body.owner,
    )


def transfer_of(body: StockTransferBody, now_us: int) -> Transfer:
    """Return a transfer; one without an id is named by its event."""
    if body.from_site == body.to_site:
        raise invalid("to_site", body.to_site, "another site than `from_site`")
    return Transfer(
        event=body.source_event_id,
        site=body.from_site,
        at_us=instant("at", body.at, now_us),
        shipment=body.id or named("transfer", body.from_site, body.source_event_id),
        to_site=body.to_site,
        goods=goods_of(body.lines),
        sscc=sscc_of(body.sscc),
        ship=not body.announce,
    )


def step_of(body: StepBody | ShipBody, shipment: str, from_site: str, action: str, now_us: int) -> Step:
    """Return a step of a transfer."""
    at_us = instant("at", body.at, now_us)
    goods = goods_of(body.lines) if isinstance(body, ShipBody) else Goods()
    return Step(event=body.source_event_id, site=from_site, at_us=at_us, shipment=shipment, action=action, goods=goods)


def transfer_receipt_of(body: TransferReceiptBody, shipment: str, to_site: str, now_us: int) -> Receipt:
    """Return the receipt of a transfer."""
    return Receipt(
        event=body.source_event_id,
        site=to_site,
        at_us=instant("at", body.at, now_us),
        goods=goods_of(body.lines),
        shipment=shipment,
        zone=body.zone or "",
        complete=body.complete,
        all_that_is_left=not body.lines and not body.complete and not body.by_reads,
        by_reads=body.by_reads,
    )


def count_of(body: CountBody, now_us: int) -> Count:
    """Return a count."""
    items: dict[ItemName, None] = {}
    for number, epc in enumerate(body.epcs):
        items[ItemName(*item_of(f"epcs[{number}]", epc))] = None  # a sweep reads a tag more than once
    if not items and not body.untagged:
        raise invalid("epcs", [], "what was counted: `epcs`, `untagged`, or both")
    if items and not body.zone:
        raise invalid("zone", None, "the zone in which the items were counted")
    if body.coverage is not None and not items:
        raise invalid("coverage", body.coverage, "nothing: units without tags are counted whole")
    return Count(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        zone=body.zone or "",
        coverage=1.0 if body.coverage is None else body.coverage,
        items=tuple(items),
        untagged=_once("untagged", [(line.gtin, line.quantity) for line in body.untagged]),
        owner=body.owner,
    )


def _once(member: str, rows: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return (GTIN, quantity) rows in order, each SKU once."""
    found: dict[str, int] = {}
    for number, (text, quantity) in enumerate(rows):
        gtin = gtin_of(f"{member}[{number}].gtin", text)
        if gtin in found:
            raise invalid(f"{member}[{number}].gtin", text, "each SKU once")
        found[gtin] = quantity
    return tuple(sorted(found.items()))


def delta_of(body: DeltaBody, now_us: int) -> Delta:
    """Return a delta."""
    items: dict[ItemName, None] = {}
    units: list[tuple[str, int]] = []
    reason = REASONS[body.reason]
    for number, line in enumerate(body.lines):
        place = f"lines[{number}]"
        if (line.epc is None) == (line.gtin is None) or (line.gtin is None) != (line.delta is None):
            raise invalid(place, msgspec.to_builtins(line), "either `epc`, or `gtin` and `delta`")
        if line.epc is not None:
            if not reason.state:
                raise invalid(f"{place}.epc", line.epc, f"units without tags: {body.reason} is not for named items")
            _add_item(items, f"{place}.epc", line.epc)
            continue
        delta = line.delta or 0
        if delta == 0 or (reason.sign and delta * reason.sign < 0):
            wanted = {1: "more than 0", -1: "less than 0", 0: "more or less than 0"}[reason.sign]
            raise invalid(f"{place}.delta", delta, f"{wanted}: {body.reason}")
        units.append((line.gtin or "", delta))
    return Delta(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        reason=body.reason,
        items=tuple(items),
        units=_once("lines", units),
        zone=body.zone or "",
        owner=body.owner,
    )


def set_of(body: SetBody, now_us: int) -> SetTo:
    """Return quantities to set."""
    versions = {gtin_of(f"lines[{n}].gtin", line.gtin): line.expected_version for n, line in enumerate(body.lines)}
    rows = _once("lines", [(line.gtin, line.quantity) for line in body.lines])
    return SetTo(
        event=body.source_event_id,
        site=body.site,
        at_us=instant("at", body.at, now_us),
        rows=tuple(SetRow(gtin, quantity, versions[gtin]) for gtin, quantity in rows),
        quantity_kind=body.quantity_kind,
        includes_sales_through_us=instant("includes_sales_through", body.includes_sales_through, now_us),
        owner=body.owner,
    )


def totals_of(body: TotalsBody, now_us: int) -> Totals:
    """Return a feed of totals."""
    at_us = instant("at", body.at, now_us)
    rows = _once("lines", [(line.gtin, line.quantity) for line in body.lines])
    return Totals(
        event=body.source_event_id,
        site=body.site,
        at_us=at_us,
        rows=tuple(BookRow(gtin, quantity, at_us) for gtin, quantity in rows),
    )
