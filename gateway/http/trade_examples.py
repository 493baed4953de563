"""Examples of stock operations for the OpenAPI document: typed values, encoded by the code of the answers."""

from typing import Final

from gateway.http.examples import GTIN, SERIAL, SITE
from gateway.http.trade_bodies import (
    CountBody,
    CountedLine,
    DeltaBody,
    DeltaLine,
    EraseBody,
    GoodsLine,
    InspectedLine,
    InspectionBody,
    ReceiptBody,
    ReturnBody,
    SaleBody,
    SetBody,
    SetLine,
    ShipBody,
    ShipmentBody,
    StepBody,
    StockTransferBody,
    TotalLine,
    TotalsBody,
    TransferReceiptBody,
)
from gateway.http.trade_rows import (
    AdjustedSku,
    AdjustmentTaken,
    AuditPage,
    AuditRow,
    CountedUnits,
    CountTaken,
    DockLine,
    DockRead,
    DockReads,
    Erased,
    InspectionTaken,
    ItemMove,
    ItemPlace,
    ItemStory,
    PostingPage,
    PostingRow,
    ReceiptTaken,
    ReturnTaken,
    SaleLineTaken,
    SaleTaken,
    ShipmentItems,
    ShipmentLine,
    ShipmentList,
    ShipmentRow,
    ShipmentSummary,
    ShipmentTaken,
    TotalsTaken,
    UnitsOf,
)

_AT: Final = "2026-11-22T05:45:00.123Z"
_BEFORE: Final = "2026-11-22T05:44:58.000Z"
_ITEM: Final = f"https://id.gs1.org/01/{GTIN}/21/{SERIAL}"
_DC: Final = "dc-1"

SALE: Final = SaleBody(
    source_event_id="till-4/receipt-20871",
    site=SITE,
    at="2026-11-22T06:44:58+01:00",
    lines=[GoodsLine(epc=_ITEM), GoodsLine(gtin=GTIN, quantity=2)],
    channel="store",
    receipt_ref="20871",
    payment_ref="pay_81f0c2",
    tender="card",
    customer_ref="cust_5d1",
)
COLLECTED: Final = SaleBody(
    source_event_id="till-4/receipt-20872",
    site=SITE,
    at=_BEFORE,
    lines=[GoodsLine(gtin=GTIN, quantity=1)],
    reservation="019ab0a2-6c1e-7b31-9f5e-3a1c55d0f001",
)
SALE_TAKEN: Final = SaleTaken(
    source_event_id=SALE.source_event_id,
    site=SITE,
    lines=[SaleLineTaken(gtin=GTIN, quantity=3, items=1, untagged=1, unplaced=1)],
    reservation_open=None,
    recorded_at=_AT,
)
RETURN: Final = ReturnBody(
    source_event_id="till-2/return-118", site=SITE, at=_BEFORE, lines=[GoodsLine(epc=_ITEM)], receipt_ref="20871"
)
RETURN_TAKEN: Final = ReturnTaken(
    source_event_id=RETURN.source_event_id,
    site=SITE,
    state="returned_unchecked",
    lines=[UnitsOf(gtin=GTIN, items=1, untagged=0)],
    unknown=0,
    recorded_at=_AT,
)
INSPECTION: Final = InspectionBody(
    source_event_id="till-2/inspection-118",
    site=SITE,
    at=_AT,
    lines=[InspectedLine(epc=_ITEM), InspectedLine(gtin=GTIN, quantity=1, disposition="damaged")],
    zone="FLOOR_A",
)
INSPECTION_TAKEN: Final = InspectionTaken(
    source_event_id=INSPECTION.source_event_id,
    site=SITE,
    restocked=[UnitsOf(gtin=GTIN, items=1, untagged=0)],
    damaged=[UnitsOf(gtin=GTIN, items=0, untagged=1)],
    recorded_at=_AT,
)
NOTICE: Final = ShipmentBody(
    source_event_id="asn-77120",
    id="ASN-77120",
    at=_BEFORE,
    to_site=SITE,
    sscc="106141412345678908",
    lines=[GoodsLine(epc=_ITEM), GoodsLine(gtin=GTIN, quantity=11)],
)
SHIPMENT: Final = ShipmentRow(
    id=NOTICE.id,
    kind="asn",
    state="receiving",
    from_site=None,
    to_site=SITE,
    sscc=NOTICE.sscc,
    created_at=_BEFORE,
    updated_at=_AT,
    expected=12,
    received=10,
    seen=1,
    missing=2,
    unexpected=0,
    lines=[ShipmentLine(gtin=GTIN, expected=12, received=10, seen=1, missing=2, unexpected=0)],
)
DOCK: Final = DockReads(
    zones=["DOCK"],
    lines=[DockLine(gtin=GTIN, expected=12, read=1, not_read=11, over=0)],
    items=[DockRead(digital_link=_ITEM, zone="DOCK", at=_AT, expected=True, received=False)],
    left_out=0,
    not_read_items=[],
    not_read_left_out=0,
)
SHIPMENT_ITEMS: Final = ShipmentItems(
    shipment=SHIPMENT, missing_items=[_ITEM], missing_left_out=0, unexpected_items=[], unexpected_left_out=0, dock=DOCK
)
SHIPMENT_LIST: Final = ShipmentList(
    site=SITE,
    shipments=[
        ShipmentSummary(
            id=SHIPMENT.id,
            kind=SHIPMENT.kind,
            state=SHIPMENT.state,
            from_site=None,
            to_site=SITE,
            sscc=SHIPMENT.sscc,
            created_at=_BEFORE,
            updated_at=_AT,
            expected=12,
            received=10,
        )
    ],
    left_out=0,
)
SHIPMENT_TAKEN: Final = ShipmentTaken(source_event_id=NOTICE.source_event_id, shipment=SHIPMENT, recorded_at=_AT)
RECEIPT: Final = ReceiptBody(
    source_event_id="dock-1/2026-11-22/1",
    site=SITE,
    at=_BEFORE,
    shipment=NOTICE.id,
    zone="BACK",
    lines=[GoodsLine(gtin=GTIN, quantity=10)],
)
RECEIPT_TAKEN: Final = ReceiptTaken(
    source_event_id=RECEIPT.source_event_id,
    site=SITE,
    zone="BACK",
    lines=[UnitsOf(gtin=GTIN, items=0, untagged=10)],
    shipment=SHIPMENT,
    recorded_at=_AT,
)
TRANSFER: Final = StockTransferBody(
    source_event_id="dc-1/out-5", id="T-5", at=_BEFORE, from_site=_DC, to_site=SITE, lines=[GoodsLine(epc=_ITEM)]
)
STEP: Final = StepBody(source_event_id="dc-1/out-5/cancel", at=_BEFORE)
SHIP: Final = ShipBody(source_event_id="dc-1/out-5/ship", at=_BEFORE, lines=[GoodsLine(epc=_ITEM)])
WISH: Final = StockTransferBody(
    source_event_id="store-001/wish-5",
    id="T-6",
    at=_BEFORE,
    from_site=_DC,
    to_site=SITE,
    lines=[GoodsLine(gtin=GTIN, quantity=2)],
    announce=True,
)
BY_READS: Final = ReceiptBody(
    source_event_id="dock-1/2026-11-22/2", site=SITE, at=_BEFORE, shipment=NOTICE.id, lines=[], by_reads=True
)
TRANSFER_RECEIPT: Final = TransferReceiptBody(source_event_id="store-001/in-5", at=_BEFORE, zone="BACK")
COUNT: Final = CountBody(
    source_event_id="count-2026-11-22-back",
    site=SITE,
    at=_BEFORE,
    zone="BACK",
    coverage=0.98,
    epcs=["3034257BF400B7800004CB2F"],
    untagged=[CountedLine(GTIN, 3)],
)
COUNT_TAKEN: Final = CountTaken(
    source_event_id=COUNT.source_event_id,
    site=SITE,
    zone="BACK",
    items=1,
    found=0,
    untagged=[CountedUnits(gtin=GTIN, before=4, counted=3, now=3)],
    recorded_at=_AT,
)
DELTA: Final = DeltaBody(
    source_event_id="adj-1",
    site=SITE,
    at=_BEFORE,
    reason="damaged",
    lines=[DeltaLine(epc=_ITEM), DeltaLine(gtin=GTIN, delta=-1)],
)
SET: Final = SetBody(
    source_event_id="erp-2026-11-22/1",
    site=SITE,
    at=_AT,
    quantity_kind="sellable",
    includes_sales_through=_BEFORE,
    lines=[SetLine(GTIN, 5, 17)],
)
TOTALS: Final = TotalsBody(
    source_event_id="erp-2026-11-22", site=SITE, at=_BEFORE, scope="all", lines=[TotalLine(GTIN, 5)]
)
ADJUSTMENT_TAKEN: Final = AdjustmentTaken(
    source_event_id=DELTA.source_event_id,
    site=SITE,
    mode="delta",
    items=1,
    skus=[AdjustedSku(gtin=GTIN, change=-1, untagged=2, version=18)],
    recorded_at=_AT,
)
TOTALS_TAKEN: Final = TotalsTaken(source_event_id=TOTALS.source_event_id, site=SITE, rows=1, older=0, recorded_at=_AT)
ERASE: Final = EraseBody("cust_5d1")
ERASED: Final = Erased(4)

_POSTING: Final = PostingRow(
    id=5120,
    site=SITE,
    gtin=GTIN,
    serial=SERIAL,
    owner="own",
    from_account="available",
    to_account="sold",
    quantity=1,
    cause="sale",
    source=SALE.source_event_id,
    actor="lu_4f9a2c",
    happened_at=_BEFORE,
    recorded_at=_AT,
)
POSTINGS: Final = PostingPage([_POSTING], 5120)
AUDIT: Final = AuditPage(
    [
        AuditRow(
            id=88,
            at=_AT,
            actor="lu_4f9a2c",
            action="sale",
            site=SITE,
            subject=SALE.source_event_id,
            detail={"skus": 1, "units": 3, "channel": "store"},
        )
    ],
    88,
)
ITEM: Final = ItemStory(
    gtin=GTIN,
    serial=SERIAL,
    digital_link=_ITEM,
    state="sold",
    site=SITE,
    owner="own",
    since=_BEFORE,
    places=[ItemPlace(site=SITE, zone="OUT", since=_AT, probability=0.99)],
    hold=None,
    postings=[_POSTING],
    movements=[
        ItemMove(site=SITE, m=981, from_zone="FLOOR_A", to_zone="OUT", happened_at=_AT, cause="sold", probability=0.99)
    ],
)
