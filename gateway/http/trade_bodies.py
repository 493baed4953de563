"""The bodies of stock operations, and how they become what `gateway.trade` takes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.fold.limits import EVIDENCE_ID_MAX_CHARS, EVIDENCE_MAX_UNITS
from gateway.http.limits import BOOK_MAX_ROWS, BOOK_MAX_UNITS
from gateway.http.patterns import NAME, SHIPMENT_NAME, WHO
from gateway.http.told import At, EventId, Share, Text, ZoneName
from gateway.ledger.accounts import OWN
from gateway.trade.limits import GOODS_MAX, REFERENCE_MAX_CHARS, SALE_LINES_MAX, SKUS_SET_MAX
from wire.limits import ID_MAX_CHARS

SiteName = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS, pattern=NAME)]
Units = Annotated[int, Meta(ge=1, le=EVIDENCE_MAX_UNITS)]
Reference = Annotated[str, Meta(min_length=1, max_length=REFERENCE_MAX_CHARS, pattern=WHO)]
Owner = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
Sscc = Annotated[str, Meta(pattern=r"^[0-9]{18}$", description="serial shipping container code, with its check digit")]
ShipmentName = Annotated[str, Meta(min_length=1, max_length=EVIDENCE_ID_MAX_CHARS, pattern=SHIPMENT_NAME)]
GtinText = Annotated[str, Meta(max_length=64)]
ByReads = Annotated[bool, Meta(description="beside `lines` came what the readers at the dock have read")]


class GoodsLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One item (`epc`: hexadecimal, urn:epc:..., or a GS1 Digital Link with serial), or units of a SKU."""

    epc: Text | None = None
    gtin: GtinText | None = None
    quantity: Units | None = None


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    source_event_id: EventId
    at: At


class SaleBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods were sold. References are opaque and can be erased; they are no part of the ledger."""

    site: SiteName
    lines: Annotated[list[GoodsLine], Meta(min_length=1, max_length=SALE_LINES_MAX)]
    channel: Annotated[str, Meta(max_length=64, pattern=NAME)] | None = None
    reservation: (
        Annotated[str, Meta(min_length=1, max_length=36, pattern=NAME, description="whose units they are")] | None
    ) = None
    receipt_ref: Reference | None = None
    payment_ref: Reference | None = None
    tender: Reference | None = None
    customer_ref: Reference | None = None


class ReturnBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods came back from a shopper. `inspect`: not for sale until somebody has looked at them."""

    site: SiteName
    lines: Annotated[list[GoodsLine], Meta(min_length=1, max_length=SALE_LINES_MAX)]
    disposition: Literal["restock", "inspect", "damaged"] = "inspect"
    zone: ZoneName | None = None
    receipt_ref: Reference | None = None
    payment_ref: Reference | None = None
    customer_ref: Reference | None = None


class InspectedLine(GoodsLine, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Returned goods that somebody looked at: an item, or units without tags."""

    disposition: Literal["restock", "damaged"] = "restock"


class InspectionBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Somebody looked at returned goods. `zone`: where the good ones lie now, if not where the readers have them."""

    site: SiteName
    lines: Annotated[list[InspectedLine], Meta(min_length=1, max_length=SALE_LINES_MAX)]
    zone: ZoneName | None = None


class ShipmentBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods will come: an advance shipping notice (ASN) under the supplier's own number."""

    id: ShipmentName
    to_site: SiteName
    lines: Annotated[list[GoodsLine], Meta(min_length=1, max_length=GOODS_MAX)]
    sscc: Sscc | None = None


class ReceiptBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods came in, of a shipment (by its id or SSCC) or of none. `complete`: nothing more comes of it."""

    site: SiteName
    lines: Annotated[list[GoodsLine], Meta(max_length=GOODS_MAX)]
    shipment: ShipmentName | None = None
    sscc: Sscc | None = None
    zone: Annotated[ZoneName | None, Meta(description="receiving or a back room; the first of them by default")] = None
    complete: bool = False
    by_reads: ByReads = False
    owner: Owner = OWN


class StockTransferBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods go from a site to another. `announce`: they have not left yet; who wants them may say so, too.

    Units by GTIN are units without tags; of what is only announced they may be any.
    """

    from_site: SiteName
    to_site: SiteName
    lines: Annotated[list[GoodsLine], Meta(min_length=1, max_length=GOODS_MAX)]
    id: ShipmentName | None = None
    sscc: Sscc | None = None
    announce: bool = False


class ShipBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A transfer leaves. `lines`: what really leaves, where it is not what was announced, or was not named by item."""

    lines: Annotated[list[GoodsLine], Meta(max_length=GOODS_MAX)] = []


class StepBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A transfer goes on."""


class TransferReceiptBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Goods of a transfer came in. Without lines: all that is still on its way."""

    lines: Annotated[list[GoodsLine], Meta(max_length=GOODS_MAX)] = []
    zone: ZoneName | None = None
    complete: bool = False
    by_reads: ByReads = False


class CountedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of a SKU without tags that were counted in the whole site."""

    gtin: GtinText
    quantity: Annotated[int, Meta(ge=0, le=BOOK_MAX_UNITS)]


class CountBody(_Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Somebody counted: items in a zone (`coverage`: the share of its tags that such a sweep sees), untagged units."""

    site: SiteName
    zone: ZoneName | None = None
    coverage: Share | None = None
    epcs: Annotated[list[Text], Meta(max_length=GOODS_MAX)] = []
    untagged: Annotated[list[CountedLine], Meta(max_length=SKUS_SET_MAX)] = []
    owner: Owner = OWN


class DeltaLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named item, or `delta` units of a SKU without tags: more, or (below 0) fewer for sale."""

    epc: Text | None = None
    gtin: GtinText | None = None
    delta: Annotated[int, Meta(ge=-EVIDENCE_MAX_UNITS, le=EVIDENCE_MAX_UNITS)] | None = None


class DeltaBody(
    _Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, tag_field="mode", tag="delta"
):
    """What people correct, and why."""

    site: SiteName
    reason: Literal["damaged", "missing", "found", "repaired", "checked", "disposed", "correction"]
    lines: Annotated[list[DeltaLine], Meta(min_length=1, max_length=SKUS_SET_MAX)]
    zone: Annotated[ZoneName | None, Meta(description="where the named items are")] = None
    owner: Owner = OWN


class SetLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity, and the `version` of the row that its sender has seen (0: there is none)."""

    gtin: GtinText
    quantity: Annotated[int, Meta(ge=0, le=BOOK_MAX_UNITS)]
    expected_version: Annotated[int, Meta(ge=0, le=2**53)]


class SetBody(
    _Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, tag_field="mode", tag="set"
):
    """What another system says there is, with all sales up to `includes_sales_through` taken off."""

    site: SiteName
    quantity_kind: Literal["on_hand", "sellable"]
    includes_sales_through: At
    lines: Annotated[list[SetLine], Meta(min_length=1, max_length=SKUS_SET_MAX)]
    owner: Owner = OWN


class TotalLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units of a SKU another system says there were."""

    gtin: GtinText
    quantity: Annotated[int, Meta(ge=-BOOK_MAX_UNITS, le=BOOK_MAX_UNITS)]


class TotalsBody(
    _Told, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, tag_field="mode", tag="totals"
):
    """A feed of totals of all stock, true at `at`: compared with what the tags say, never added."""

    site: SiteName
    scope: Literal["all"]
    lines: Annotated[list[TotalLine], Meta(min_length=1, max_length=BOOK_MAX_ROWS)]


AdjustmentBody = DeltaBody | SetBody | TotalsBody


class EraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose references are to go."""

    customer_ref: Reference
