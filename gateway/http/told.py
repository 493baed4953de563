"""What people and tills tell: the bodies of the desk's routes, and how they become what the desk takes."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.fold.evidence import EvidenceEntry
from gateway.fold.limits import (
    EVIDENCE_ID_MAX_CHARS,
    EVIDENCE_MAX_ITEMS,
    EVIDENCE_MAX_UNITS,
    EVIDENCE_WHO_MAX_CHARS,
)
from gateway.http.body import invalid
from gateway.http.limits import BOOK_MAX_ROWS, BOOK_MAX_UNITS
from gateway.http.patterns import NAME, WHO
from gateway.ledger.totals import BookRow
from gateway.presence.tracker import EvidenceKind
from wire.epc import Reject, Sgtin, decode_epc
from wire.epc.uri import TAG_PREFIX, URN_PREFIX, parse_tag_uri, parse_urn
from wire.gs1 import IdentifierError, parse_gtin
from wire.gs1.barcode import Barcode, parse_barcode
from wire.limits import CLOCK_SKEW_MAX_US, EPC_MAX_BITS, ID_MAX_CHARS

EventId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=EVIDENCE_ID_MAX_CHARS,
        pattern=NAME,
        description="the sender's own name of this event; the same again is taken once",
    ),
]
At = Annotated[str, Meta(max_length=64, description="RFC 3339 with an offset", examples=["2026-11-22T05:45:00Z"])]
Who = Annotated[str, Meta(min_length=1, max_length=EVIDENCE_WHO_MAX_CHARS, pattern=WHO)]
ZoneName = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=512)]

_HEX: Final = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_EXPECTED: Final = "hexadecimal EPC, urn:epc:id:sgtin:..., or a GS1 Digital Link with serial"
_WITHOUT_ITEMS: Final = frozenset({EvidenceKind.SALE, EvidenceKind.RECEIPT, EvidenceKind.RETURN})
MICROS: Final = 1_000_000


class EvidenceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Something that happened to stock: either the items (`epcs`), or a GTIN and a quantity."""

    id: EventId
    kind: Literal["sale", "receipt", "return", "count", "place"]
    at: At
    epcs: Annotated[list[Text], Meta(max_length=EVIDENCE_MAX_ITEMS, description=f"items, each as {_EXPECTED}")] = []
    gtin: Annotated[str, Meta(max_length=64, description="with `quantity`: a sale, receipt or return of any items")] = (
        ""
    )
    quantity: Annotated[int, Meta(ge=0, le=EVIDENCE_MAX_UNITS)] = 0
    zone: Annotated[
        ZoneName | None, Meta(description="of a count or place (OUT: gone); of a receipt or return if it is known")
    ] = None
    coverage: Annotated[
        Share | None, Meta(description="of a count: the share of the zone's tags that such a sweep sees")
    ] = None
    who: Who | None = None


class BookTotal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units of a SKU another system says there were at an instant."""

    gtin: Annotated[str, Meta(max_length=64)]
    quantity: Annotated[int, Meta(ge=-BOOK_MAX_UNITS, le=BOOK_MAX_UNITS)]
    as_of: At


class BookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Totals of SKUs, each once. They are compared with what the tags say, never added."""

    id: EventId
    rows: Annotated[list[BookTotal], Meta(min_length=1, max_length=BOOK_MAX_ROWS)]


class ApprovalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a person decides about a difference.

    `gone`: the units are not in the site. `here`: they are, the items in `zone`. `ignore`: change nothing. `serials`
    names the items that are meant, where a difference has more of them than units.
    """

    who: Who
    decision: Literal["gone", "here", "ignore"]
    zone: ZoneName | None = None
    serials: Annotated[list[Text], Meta(max_length=EVIDENCE_MAX_ITEMS)] = []


def evidence_entry(body: EvidenceBody, now_us: int) -> EvidenceEntry:
    """Return a body as an entry for the log. Raises `RefusedError` naming the member that cannot be."""
    kind = EvidenceKind(body.kind)
    at_us = instant("at", body.at, now_us)
    items = tuple(dict.fromkeys(item_of(f"epcs[{number}]", text) for number, text in enumerate(body.epcs)))
    if bool(items) == bool(body.gtin or body.quantity):
        raise invalid("epcs", len(items), "either `epcs`, or `gtin` and `quantity`")
    if not items and kind not in _WITHOUT_ITEMS:
        raise invalid("epcs", len(items), f"the items of a {kind.value}")
    if kind in {EvidenceKind.COUNT, EvidenceKind.PLACE} and body.zone is None:
        raise invalid("zone", None, f"the zone of a {kind.value}")
    if body.coverage is not None and kind is not EvidenceKind.COUNT:
        raise invalid("coverage", body.coverage, "nothing: only a count has a coverage")
    if not items and not body.quantity:
        raise invalid("quantity", body.quantity, "1 or more")
    more: dict[str, Any] = {} if body.coverage is None else {"coverage": body.coverage}
    if not items:
        more |= {"gtin": gtin_of("gtin", body.gtin), "quantity": body.quantity}
    return EvidenceEntry(
        id=body.id, kind=kind, at_us=at_us, items=items, zone=body.zone or "", who=body.who or "", **more
    )


def book_rows(body: BookBody, now_us: int) -> list[BookRow]:
    """Return the totals of a body. Raises `RefusedError` naming the member that cannot be."""
    rows: dict[str, BookRow] = {}
    for number, total in enumerate(body.rows):
        gtin = gtin_of(f"rows[{number}].gtin", total.gtin)
        if gtin in rows:
            raise invalid(f"rows[{number}].gtin", total.gtin, "each SKU once")
        rows[gtin] = BookRow(gtin, total.quantity, instant(f"rows[{number}].as_of", total.as_of, now_us))
    return list(rows.values())


def gtin_of(member: str, text: str) -> str:
    """Return a GTIN-14. Raises `RefusedError`."""
    try:
        return str(parse_gtin(text))
    except IdentifierError as error:
        raise invalid(member, text, error.expected) from error


def instant(member: str, text: str, now_us: int) -> int:
    """Return an instant in UTC microseconds, at most a day ahead of `now_us`. Raises `RefusedError`."""
    expected = "RFC 3339 with an offset, such as 2026-11-22T05:45:00Z"
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(member, text, expected) from error
    if at.tzinfo is None or not 1970 <= at.year < 9999:
        raise invalid(member, text, expected)
    at_us = round(at.timestamp() * MICROS)
    if not 0 <= at_us <= now_us + CLOCK_SKEW_MAX_US:
        raise invalid(member, text, "an instant that is not more than a day ahead")
    return at_us


def item_of(member: str, text: str) -> tuple[str, str]:
    """Return the GTIN and serial that an EPC names, in whichever form. Raises `RefusedError`."""
    try:
        found = _item(text.strip())
    except IdentifierError as error:
        raise invalid(member, text, error.expected) from error
    if found is None:
        raise invalid(member, text, f"an item: {_EXPECTED}")
    return found


def _item(text: str) -> tuple[str, str] | None:
    if text.startswith(TAG_PREFIX):
        return _of_epc(parse_tag_uri(text))
    if text.startswith(URN_PREFIX):
        return _of_epc(parse_urn(text))
    if _HEX.fullmatch(text) and len(text) >= 16 and len(text) % 4 == 0 and len(text) * 4 <= EPC_MAX_BITS:
        return _of_epc(decode_epc(bytes.fromhex(text), len(text) * 4))
    scan = parse_barcode(text)
    if isinstance(scan, Barcode) and scan.gtin and scan.serial:
        return str(scan.gtin), scan.serial
    return None


def _of_epc(epc: object) -> tuple[str, str] | None:
    return (str(epc.gtin), epc.serial) if isinstance(epc, Sgtin) and not isinstance(epc, Reject) else None
