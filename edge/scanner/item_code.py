"""Which item a scanned code names, and its EPC: what a count session counts.

An item is a GTIN with a serial: an element string with AI 01 and 21 (GS1 DataMatrix, GS1-128, QR), a Digital Link, and
for printed RFID labels also an EPC itself, as URI or hexadecimal. A code without a serial names no item.

A barcode does not say how long the company prefix in its GTIN is, and a classic EPC cannot be written without it. It
is taken from the site's own `company_prefixes` (the longest of 6 to 12 digits that the GTIN begins with), else from
GS1's published table; where neither knows, the EPC is an SGTIN+, which holds the whole GTIN and needs no prefix. The
gateway knows an item by GTIN and serial whichever of them it gets, so a wrong length costs nothing but the hexadecimal
likeness with the tag on the item.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wire.epc import CompanyPrefixes, Epc, Sgtin, decode_epc, encode_epc
from wire.epc.uri import TAG_PREFIX, URN_PREFIX, parse_tag_uri, parse_urn
from wire.gs1.barcode import Barcode, parse_barcode
from wire.gs1.errors import IdentifierError, PrefixUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.scanner.scan_text import ScanText

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{4}){6,31}", re.ASCII)
"""Whole words of 16 bits, as tags have them: 96 to 496 bits."""
_POINT_OF_SALE: Final = 1
"""Filter value of a trade item that is sold at a till (TDS section 10.2): what tags of goods have."""
_IN_A_TAG: Final = range(6, 13)
"""Digits of a company prefix that classic schemes can hold (TDS section 14.3)."""


class ItemCodes:
    """Reads the codes of a site. Raises `IdentifierError` for company prefixes that are none."""

    def __init__(self, company_prefixes: Iterable[str]) -> None:
        self._ours = CompanyPrefixes(company_prefixes)
        lengths = (prefix for prefix in self._ours.values if len(prefix) in _IN_A_TAG)
        self._prefixes = sorted(lengths, key=len, reverse=True)

    def item(self, scan: ScanText) -> Sgtin | None:
        """Return the item that a code names, None when it names none."""
        text = scan.text
        if text.startswith((URN_PREFIX, TAG_PREFIX)):
            named = _of_uri(text)
            return named if isinstance(named, Sgtin) else None
        code = parse_barcode(scan.symbology + text)
        if isinstance(code, Barcode):
            if code.gtin is None or not code.serial or code.restricted is not None:
                return None
            return Sgtin(code.gtin, code.serial, filter=_POINT_OF_SALE)
        decoded = decode_epc(bytes.fromhex(text), 4 * len(text)) if _HEX.fullmatch(text) else None
        return decoded if isinstance(decoded, Sgtin) else None

    def is_ours(self, item: Sgtin) -> bool:
        """Whether an item is under one of the site's company prefixes; always, where it names none."""
        return self._ours.has(item.gtin)

    def epc(self, item: Sgtin) -> bytes:
        """Return the item's EPC. Raises `IdentifierError` for a serial that no EPC can hold."""
        length = item.company_prefix_length or self._prefix_length(item.gtin)
        try:
            return encode_epc(item, company_prefix_length=length)
        except PrefixUnknown:
            return encode_epc(item, "sgtin+")

    def _prefix_length(self, gtin: str) -> int | None:
        """Return the length of the site's prefix that a GTIN begins with, behind its indicator digit."""
        return next((len(prefix) for prefix in self._prefixes if gtin.startswith(prefix, 1)), None)


def _of_uri(text: str) -> Epc | None:
    try:
        return parse_urn(text) if text.startswith(URN_PREFIX) else parse_tag_uri(text)
    except IdentifierError:
        return None
