"""What a scanner's text or a person's typing names: a product, perhaps one item of it. Pure.

A barcode is tried first: sixteen digits that begin with 01 are an element string with a GTIN, and no EPC begins so
(0x01 is no header of TDS 2.1 table 14-1). Then an EPC: as hexadecimal digits, as a reader's log has it, or as URI.
"""

import re
from typing import Final, NamedTuple

from wire.epc import Reject, Sgtin, decode_epc
from wire.epc.uri import TAG_PREFIX, URN_PREFIX, parse_tag_uri, parse_urn
from wire.gs1 import IdentifierError
from wire.gs1.barcode import Barcode, BarcodeCode, parse_barcode
from wire.limits import EPC_MAX_BITS

_HEX: Final = re.compile(r"[0-9A-Fa-f]{16,}", re.ASCII)
EPC_DIGITS_STEP: Final = 4
"""An EPC is whole 16-bit words of memory: four hexadecimal digits each."""


class Named(NamedTuple):
    """A product by its GTIN-14, and an item of it by its serial, or None."""

    gtin: str
    serial: str | None = None


def named_by(text: str) -> Named | str:
    """Return what a text names, or in words why it names no product; empty words: it is no identifier at all."""
    text = text.strip()
    try:
        if text.startswith(TAG_PREFIX):
            return _of_epc(parse_tag_uri(text))
        if text.startswith(URN_PREFIX):
            return _of_epc(parse_urn(text))
    except IdentifierError as error:
        return str(error)
    scan = parse_barcode(text)
    if isinstance(scan, Barcode):
        return Named(str(scan.key), scan.serial) if scan.key else "it is a code of something else than a product"
    if _HEX.fullmatch(text) and len(text) % EPC_DIGITS_STEP == 0 and len(text) * 4 <= EPC_MAX_BITS:
        return _of_epc(decode_epc(bytes.fromhex(text), len(text) * 4))
    return "" if scan.code is BarcodeCode.NOT_GS1 else scan.message


def _of_epc(epc: object) -> Named | str:
    if isinstance(epc, Sgtin):
        return Named(str(epc.gtin), epc.serial)
    return epc.message if isinstance(epc, Reject) else "the tag is of something else than a product"
