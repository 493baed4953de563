"""What a shelf scanner sent, as a value or a typed reject: one function for every symbol in a shop.

The AIM identifier in front (`]E0`, `]d2`, ...; ISO/IEC 15424) says what the symbol was and so how to read
the rest:

    ]E0..]E4  EAN-13, UPC-A, UPC-E (sent as 13 digits), EAN-8; two or five digits of an add-on may follow
    ]I1       ITF-14                        ]C1 ]e0..]e2 ]d2 ]Q3 ]J1   element strings, FNC1 sent as GS
    ]Q1 ]d1 ]J0 ...                         free text: a Digital Link, or none of ours

Without one, digits of a GTIN's length with a right check digit are a GTIN and never "AI 95 and eleven more
digits", a text that begins with a key's AI is an element string, and an address is a Digital Link. Element
strings are taken apart by biip; what it lets pass (check digits, a separator that the scanner did not send)
is tested here. Never raises for any text.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
from biip import ParseConfig, ParseError
from biip.gs1_element_strings import GS1ElementString

from wire.gs1.digital_link import parse_digital_link
from wire.gs1.element_string import GS, Elements, check_key, format_bracketed, parse_bracketed
from wire.gs1.errors import BadCheckDigit, IdentifierError, shown
from wire.gs1.gtin import GTIN_LENGTHS, Gtin14, parse_gtin
from wire.gs1.missing_fnc1 import swallowed
from wire.gs1.restricted import Restricted, is_restricted, read_restricted
from wire.gs1.upc_e import expand_upc_e

BARCODE_MAX_CHARS: Final = 8_192
"""The largest QR code holds 7,089 digits; more comes from a stuck key or an attacker."""

PRINTABLE: Final = re.compile(r"[\x20-\x7E\x1D]*", re.ASCII)

EAN: Final[dict[str, tuple[str, int]]] = {
    "]E0": ("ean-13", 13),
    "]E1": ("add-on-2", 0),
    "]E2": ("add-on-5", 0),
    "]E3": ("ean-13", 13),
    "]E4": ("ean-8", 8),
    "]I1": ("itf-14", 14),
}
"""Symbols of digits only: name, digits of the number. An add-on alone names nothing."""

MESSAGES: Final[dict[str, str]] = {
    "]C1": "gs1-128",
    "]e0": "gs1-databar",
    "]e1": "gs1-composite",
    "]e2": "gs1-composite",
    "]d2": "gs1-datamatrix",
    "]Q3": "gs1-qr",
    "]J1": "gs1-dotcode",
}
"""Symbols that hold element strings."""

TEXTS: Final[dict[str, str]] = {
    "]Q": "qr",
    "]d": "datamatrix",
    "]J": "dotcode",
    "]C": "code-128",
    "]A": "code-39",
    "]I": "itf",
}
"""Symbols that hold anything, by the first two characters."""

ADD_ON_DIGITS: Final = (0, 2, 5)

KEY_START: Final = re.compile(r"(?:01|02)[0-9]{14}|00[0-9]{18}|414[0-9]{13}|8003[0-9]{14}|8006[0-9]{18}", re.ASCII)
"""How an element string begins for which nobody sent an AIM identifier."""

LINK_STARTS: Final = ("http://", "https://", "HTTP://", "HTTPS://")


@lru_cache(maxsize=16)
def _config(separators: str) -> ParseConfig:
    """Biip's configuration for a scanner's separators; a site has a handful."""
    return ParseConfig(separator_chars=tuple(separators))


class BarcodeCode(StrEnum):
    """Stable names of rejects."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    CHARACTER = "character"
    SYMBOLOGY = "symbology"
    """An AIM identifier that is none, or of a symbol that holds no GS1 data."""
    LENGTH = "length"
    CHECK_DIGIT = "check_digit"
    ELEMENT = "element"
    """An unknown AI, or a value that does not have its form."""
    MISSING_FNC1 = "missing_fnc1"
    """Values run into each other: the scanner does not send GS. Switch it on in its configuration."""
    DIGITAL_LINK = "digital_link"
    NOT_GS1 = "not_gs1"
    """Text that is no GS1 identifier."""


class Barcode(msgspec.Struct, frozen=True, gc=False):
    """A scan.

    `kind` is "gtin", "elements" or "digital_link". `gtin` is set if it names a trade item; `key` is what the
    catalogue is asked for: the GTIN, for a price-embedded code the one with the price taken out. `elements` hold
    every AI of the scan. `suspect` names an AI whose value may have swallowed others, because the scanner sends
    no FNC1: do not trust that value.
    """

    kind: str
    symbology: str = ""
    gtin: Gtin14 | None = None
    serial: str | None = None
    sscc: str | None = None
    elements: Elements = ()
    restricted: Restricted | None = None
    suspect: str = ""

    @property
    def key(self) -> Gtin14 | None:
        """What to ask the catalogue for."""
        return self.restricted.key if self.restricted else self.gtin


class BarcodeReject(msgspec.Struct, frozen=True, gc=False):
    """A typed reject: `code` for counters, `message` for people."""

    code: BarcodeCode
    message: str
    symbology: str = ""


class Refused(Exception):  # noqa: N818 - an answer on its way up, not an error
    """Inside this module only."""

    def __init__(self, code: BarcodeCode, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def parse_barcode(text: str, *, region: str = "", separators: str = GS) -> Barcode | BarcodeReject:
    """Read one scan, with or without its AIM identifier; line ends and blanks around it are taken off.

    `region` is the two-letter country whose rules price-embedded numbers follow ("de"); without it they are recognised
    and their own number is the key. `separators` are the characters that the scanner sends for FNC1.
    """
    text = text.strip(" \r\n\t")
    symbology = ""
    try:
        _require_text(text)
        if text[0] == "]":
            aim, text = text[:3], text[3:]
            symbology = _symbology(aim)
            return _parse_symbol(aim, text, symbology, region, separators)
        return _parse_bare(text, region, separators)
    except Refused as refused:
        return BarcodeReject(refused.code, refused.message, symbology)
    except BadCheckDigit as error:
        return BarcodeReject(BarcodeCode.CHECK_DIGIT, str(error), symbology)
    except IdentifierError as error:
        return BarcodeReject(BarcodeCode.ELEMENT, str(error), symbology)


def _require_text(text: str) -> None:
    if not text:
        raise Refused(BarcodeCode.EMPTY, "nothing was scanned")
    if len(text) > BARCODE_MAX_CHARS:
        raise Refused(BarcodeCode.TOO_LONG, f"{len(text)} characters; expected at most {BARCODE_MAX_CHARS}")
    if not PRINTABLE.fullmatch(text):
        raise Refused(BarcodeCode.CHARACTER, f"{shown(text)}: expected printable ASCII and GS")


def _symbology(aim: str) -> str:
    name = EAN.get(aim, ("", 0))[0] or MESSAGES.get(aim) or TEXTS.get(aim[:2], "")
    if not name or len(aim) < 3:
        raise Refused(BarcodeCode.SYMBOLOGY, f"{aim!r}: expected an AIM identifier of a symbol for GS1 data")
    return name


def _parse_symbol(aim: str, text: str, symbology: str, region: str, separators: str) -> Barcode:
    if aim in EAN:
        return _parse_ean(text, EAN[aim], region)
    if text.startswith(LINK_STARTS):
        return _parse_link(text, symbology)
    if aim in MESSAGES:
        return _parse_message(text, symbology, region, separators)
    if symbology == "itf" and len(text) == 14:
        return _of_gtin(text, symbology, region)
    raise Refused(BarcodeCode.NOT_GS1, f"{shown(text)}: a {symbology} symbol without GS1 data or Digital Link")


def _parse_ean(text: str, symbol: tuple[str, int], region: str) -> Barcode:
    """EAN, UPC and ITF-14, with an add-on or the composite part of a symbol that was printed above."""
    name, digits = symbol
    number, _, composite = text.partition("|]e0")
    add_on = len(number) - digits
    if not digits or add_on not in (ADD_ON_DIGITS if name == "ean-13" else (0,)):
        raise Refused(BarcodeCode.LENGTH, f"{shown(text)}: expected {digits} digits for {name}, found {len(number)}")
    scan = _of_gtin(number[:digits], name, region)
    if not composite:
        return scan
    elements = _parse_message(composite, name, region, GS).elements
    return msgspec.structs.replace(scan, elements=elements)


def _parse_bare(text: str, region: str, separators: str) -> Barcode:
    """A scan without AIM identifier, or a number that a person typed."""
    if text.startswith(LINK_STARTS):
        return _parse_link(text, "")
    if text[0] == "(":
        return _of_elements(parse_bracketed(text), "", region, "")
    if text.isdigit() and len(text) in GTIN_LENGTHS:
        return _parse_digits(text, region)
    if text[0] in separators or KEY_START.match(text):
        return _parse_message(text, "", region, separators)
    if text.isdigit() and len(text) == 18:
        check_key("00", text)
        return Barcode("elements", sscc=text, elements=(("00", text),))
    raise Refused(BarcodeCode.NOT_GS1, f"{shown(text)}: expected a GTIN, an element string or a Digital Link")


def _parse_digits(text: str, region: str) -> Barcode:
    try:
        return _of_gtin(text, "", region)
    except BadCheckDigit:
        expanded = expand_upc_e(text) if len(text) == 8 else None
        if expanded is None:
            raise
        return _of_gtin(expanded, "upc-e", region)


def _parse_link(text: str, symbology: str) -> Barcode:
    try:
        elements = parse_digital_link(text).elements
    except BadCheckDigit:
        raise
    except IdentifierError as error:
        raise Refused(BarcodeCode.DIGITAL_LINK, str(error)) from error
    return msgspec.structs.replace(_of_elements(elements, symbology, "", ""), kind="digital_link")


def _parse_message(text: str, symbology: str, region: str, separators: str) -> Barcode:
    """An element string as biip takes it apart, then with our own tests."""
    text = text.lstrip(separators)
    if not text:
        raise Refused(BarcodeCode.EMPTY, "a symbol for GS1 data without any")
    config = _config(separators)
    elements: list[tuple[str, str]] = []
    rest = text
    while rest:
        try:
            element = GS1ElementString.extract(rest, config=config)
        except ParseError as error:
            raise Refused(BarcodeCode.ELEMENT, f"{shown(text)}: {error}") from error
        ai, value = element.ai.ai, element.value
        check_key(ai, value)
        elements.append((ai, value))
        rest = rest[len(ai) + len(value) :]
        if rest and element.ai.separator_required and rest[0] not in separators:
            wrong = f"{shown(text)}: ({ai}) is followed by {shown(rest)} without a separator"
            raise Refused(BarcodeCode.MISSING_FNC1, wrong)
        rest = rest.lstrip(separators)
    is_open = element.ai.separator_required and not set(separators) & set(text)
    suspect = ai if is_open and swallowed(value) else ""
    return _of_elements(tuple(elements), symbology, region, suspect)


def _of_elements(elements: Elements, symbology: str, region: str, suspect: str) -> Barcode:
    values = dict(elements)
    if len(values) < len(set(elements)):
        wrong = f"{format_bracketed(elements)}: an application identifier with two values"
        raise Refused(BarcodeCode.ELEMENT, wrong)
    gtin = values.get("01") or values.get("8006", "")[:14]
    return Barcode(
        "elements",
        symbology,
        Gtin14(gtin) if gtin else None,
        None if suspect == "21" else values.get("21"),
        values.get("00"),
        elements,
        read_restricted(Gtin14(gtin), region) if gtin and is_restricted(gtin) else None,
        suspect,
    )


def _of_gtin(digits: str, symbology: str, region: str) -> Barcode:
    gtin = parse_gtin(digits)
    restricted = read_restricted(gtin, region) if is_restricted(gtin) else None
    return Barcode("gtin", symbology, gtin, restricted=restricted)
