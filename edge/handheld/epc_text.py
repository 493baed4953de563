"""From what a handheld writes for a tag to the bytes of its EPC.

Understood are an EPC in hexadecimal (with or without spaces and `0x`), the URIs `urn:epc:id:...` and `urn:epc:tag:...`
(TDS sections 6 and 12), a GS1 Digital Link and an element string, where they name one item: a GTIN with its serial
(AI 01 and 21). Items that come without a tag's bits get those of an SGTIN that holds them; gateway and filter look at
GTIN and serial only. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from edge.handheld.limits import CELL_MAX_CHARS
from wire.epc import EPC_MAX_BITS, Sgtin, encode_epc, parse_gtin
from wire.epc.uri import TAG_PREFIX, URN_PREFIX, parse_tag_uri, parse_urn
from wire.gs1.barcode import BarcodeReject, parse_barcode
from wire.gs1.errors import IdentifierError, PrefixUnknown

_HEX: Final = re.compile(r"(?:0[xX])?([0-9A-Fa-f]+)", re.ASCII)
_GAPS: Final = re.compile(r"[ \t:-]+")
_ELEMENTS: Final = re.compile(r"01[0-9]{14}21.", re.ASCII | re.DOTALL)
"""An element string that begins with a GTIN and a serial, which may look like hexadecimal; no EPC header is 01."""
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
_WORD_DIGITS: Final = 4
_HEX_MIN_DIGITS: Final = 8
_HEX_MAX_DIGITS: Final = EPC_MAX_BITS // 4
_GTIN_DIGITS: Final = frozenset((8, 12, 13, 14))
_SHOWN_MAX_CHARS: Final = 60


class NotAnItem(ValueError):  # noqa: N818 - what is wrong with a line, for its report
    """A text that names no tag. `brief` says why without the text itself: for logs, which hold no EPCs."""

    def __init__(self, text: str, brief: str) -> None:
        self.brief = brief
        shown = text if len(text) <= _SHOWN_MAX_CHARS else f"{text[:_SHOWN_MAX_CHARS]}..."
        super().__init__(f"{shown!r}: {brief}")


def epc_of(text: str) -> bytes:
    """Return the EPC that a text names, in whole 16-bit words. Raises `NotAnItem`."""
    text = text.strip()
    if not text or len(text) > CELL_MAX_CHARS:
        raise NotAnItem(text, f"{len(text)} characters: expected an EPC")
    if text.startswith((URN_PREFIX, TAG_PREFIX)):
        return _of_uri(text)
    digits = _HEX.fullmatch(_GAPS.sub("", text))
    if digits is not None and not _ELEMENTS.match(text):
        return _of_hex(text, digits[1])
    if _ROUNDED.fullmatch(text):
        raise NotAnItem(text, "a spreadsheet rounded it to a number: export again, and do not open it in a spreadsheet")
    return _of_code(text)


def epc_of_item(gtin: str, serial: str) -> bytes:
    """Return the EPC of an item that is named by GTIN (8, 12, 13 or 14 digits) and serial. Raises `NotAnItem`."""
    try:
        item = Sgtin(parse_gtin(gtin.strip()), serial.strip())
        try:
            return encode_epc(item)
        except PrefixUnknown:  # the length of its company prefix: an SGTIN+ has no need of it
            return encode_epc(item, "sgtin+")
    except IdentifierError as error:
        raise NotAnItem(f"{gtin} {serial}", f"no item: {error.what}, expected {error.expected}") from error


def _of_hex(text: str, digits: str) -> bytes:
    if digits.isdecimal() and len(digits) in _GTIN_DIGITS:
        raise NotAnItem(text, "a GTIN without a serial names no single item")
    if len(digits) % _WORD_DIGITS or not _HEX_MIN_DIGITS <= len(digits) <= _HEX_MAX_DIGITS:
        raise NotAnItem(
            text,
            f"{len(digits)} hexadecimal digits: an EPC has whole words of 4, {_HEX_MIN_DIGITS} to {_HEX_MAX_DIGITS}",
        )
    return bytes.fromhex(digits)


def _of_uri(text: str) -> bytes:
    parse = parse_urn if text.startswith(URN_PREFIX) else parse_tag_uri
    try:
        return encode_epc(parse(text))
    except IdentifierError as error:
        raise NotAnItem(text, f"no EPC URI: {error.what}, expected {error.expected}") from error


def _of_code(text: str) -> bytes:
    code = parse_barcode(text)
    if isinstance(code, BarcodeReject):
        raise NotAnItem(text, f"no EPC in hexadecimal, no EPC URI and no GS1 code ({code.code.value})")
    if code.suspect:
        raise NotAnItem(text, f"AI {code.suspect} ran into the next: the scanner does not send GS (FNC1)")
    if code.gtin is None or not code.serial:
        raise NotAnItem(text, "a code without GTIN and serial names no single item")
    return epc_of_item(code.gtin, code.serial)
