"""The `+` and `++` schemes of TDS 2, both directions (TDS section 14.6, the schemes added by 2.0 and 2.3).

    header 8 | data toggle 1 | filter 3 | [date type 4, date 16] | key | [serial] | [host name] | [further AIs]

No partition and no company prefix: the key stands as on a barcode, one digit in a nibble, check digit included. Every part
up to the key begins on a nibble, so that the key is read from the hexadecimal text as it is. A serial is an alphanumeric
field. GIAI+ and CPI+ have one delimited field instead. `++` schemes add a host name. With the data toggle set, further
application identifiers follow (TDS section 15.3). Zero bits pad to a 16-bit word.
"""

from typing import Any, Final, NamedTuple

from wire.epc.aidc import read_aidc, write_aidc
from wire.epc.alphanumeric import (
    read_alphanumeric,
    read_delimited,
    read_numeric,
    write_alphanumeric,
    write_delimited,
    write_numeric,
)
from wire.epc.characters import SET_82
from wire.epc.date import DATE_TYPES, date_field, date_text
from wire.epc.grammar import SET_COMPONENT
from wire.epc.headers import HEADER_OF
from wire.epc.hostname import read_hostname, write_hostname
from wire.epc.keys import Cpi, Gdti, Giai, Grai, Gsrn, Gsrnp, Itip, Sgcn, Sgln, Sgtin, Sscc
from wire.epc.reject import Reject, RejectCode
from wire.epc.value import Epc
from wire.gs1.check_digit import check_digit_of
from wire.gs1.errors import BadCharacter, OutOfRange
from wire.gs1.gtin import Gtin14

HEAD_NIBBLES: Final = 3


class Plus(NamedTuple):
    """One scheme family: class, digits of the key (0: delimited), where its check digit stands, longest serial."""

    key: type[Epc]
    digits: int
    check_at: int
    serial: int
    numeric: bool = False


PLUS: Final[dict[str, Plus]] = {
    "sgtin": Plus(Sgtin, 14, 14, 20),
    "dsgtin": Plus(Sgtin, 14, 14, 20),
    "sscc": Plus(Sscc, 18, 18, 0),
    "sgln": Plus(Sgln, 13, 13, 20),
    "grai": Plus(Grai, 14, 14, 16),
    "giai": Plus(Giai, 0, 0, 0),
    "gsrn": Plus(Gsrn, 18, 18, 0),
    "gsrnp": Plus(Gsrnp, 18, 18, 0),
    "gdti": Plus(Gdti, 13, 13, 17),
    "cpi": Plus(Cpi, 0, 0, 12, numeric=True),
    "sgcn": Plus(Sgcn, 13, 13, 12, numeric=True),
    "itip": Plus(Itip, 18, 14, 20),
}

SCHEMES: Final = {
    scheme: (scheme.rstrip("+"), PLUS[scheme.rstrip("+")], scheme.endswith("++"))
    for scheme in HEADER_OF
    if scheme.endswith("+")
}

DELIMITED_MAX: Final = 30
DELIMITED_MIN_DIGITS: Final = 4
"""A GIAI or CPI begins with a company prefix, and the shortest has four digits (TDT 2.2, GIAI+ and CPI+)."""


def decode_plus(epc: bytes, bits: int, scheme: str) -> Epc | Reject:
    """Decode a `+` or `++` scheme of `bits` bits, left-aligned in `epc`."""
    name, spec, has_host = SCHEMES[scheme]
    text = epc.hex()
    if bits < 16:
        return Reject(RejectCode.TRUNCATED, f"{bits} bits end in the head", scheme)
    number = int.from_bytes(epc, "big") >> -bits % 8
    flags = int(text[2], 16)
    attributes: dict[str, Any] = {"scheme": scheme, "filter": flags & 7}
    at = HEAD_NIBBLES
    if name == "dsgtin":
        date = _read_date(text[at : at + 5], scheme)
        if isinstance(date, Reject):
            return date
        attributes["date"] = date
        at += 5
    key = text[at : at + spec.digits]
    left = bits - 4 * (at + spec.digits)
    if spec.digits:
        if left < 0 or not key.isdigit():
            return _key_reject(key, left, scheme)
        if check_digit_of(int(key[: spec.check_at - 1])) != int(key[spec.check_at - 1]):
            return _check_digit_reject(key, spec.check_at, scheme)
    else:
        field = _read_open_key(number, left, name, scheme)
        if isinstance(field, Reject):
            return field
        key, left = field
    serial = ""
    if spec.serial:
        read = read_numeric if spec.numeric else read_alphanumeric
        field = read(number, left, spec.serial, scheme)
        if isinstance(field, Reject):
            return field
        serial, left = field
    if has_host:
        field = read_hostname(number, left, scheme)
        if isinstance(field, Reject):
            return field
        attributes["hostname"], left = field
    if flags & 8:
        data = read_aidc(number, left, scheme)
        if isinstance(data, Reject):
            return data
        attributes["data"] = data
    elif left > 15 or number & ((1 << left) - 1):
        what = f"{left} bits follow the last field; expected fewer than 16, all 0"
        return Reject(RejectCode.PADDING, what, scheme)
    return _value(spec.key, key, serial, attributes, scheme)


def _value(key_class: type[Epc], key: str, serial: str, attributes: dict[str, Any], scheme: str) -> Epc | Reject:
    """The value from a checked key and its serial."""
    if key_class is Sgtin:
        return Sgtin(Gtin14(key), serial, **attributes)
    if key_class is Grai:
        if key[0] != "0":
            return Reject(RejectCode.DIGIT, f"GRAI {key}: expected 0 in front, found {key[0]}", scheme)
        return Grai(key[1:], serial, **attributes)
    if key_class is Itip:
        return Itip(Gtin14(key[:14]), key[14:16], key[16:], serial, **attributes)
    return key_class(key, serial, **attributes) if serial else key_class(key, **attributes)


def _read_date(nibbles: str, scheme: str) -> tuple[str, str] | Reject:
    """Date type and date of a DSGTIN+ (TDS section 14.6.1.4)."""
    if len(nibbles) < 5:
        return Reject(RejectCode.TRUNCATED, "date type and date run over the end", scheme)
    kind = int(nibbles[0], 16)
    if kind >= len(DATE_TYPES):
        return Reject(RejectCode.DATE, f"date type {kind} is reserved; expected 0 to 6", scheme)
    text = date_text(int(nibbles[1:], 16))
    if text is None:
        return Reject(RejectCode.DATE, f"date bits {nibbles[1:].upper()}: no such day", scheme)
    return DATE_TYPES[kind], text


def _read_open_key(number: int, left: int, name: str, scheme: str) -> tuple[str, int] | Reject:
    """A GIAI or CPI: at least four digits, then their own characters, 30 in all."""
    field = read_delimited(number, left, DELIMITED_MAX, scheme)
    if isinstance(field, Reject):
        return field
    key = field[0]
    if not key[:DELIMITED_MIN_DIGITS].isdigit() or len(key) <= DELIMITED_MIN_DIGITS:
        text = f"{name.upper()} {key!r}: expected a company prefix of at least four digits and a reference"
        return Reject(RejectCode.DIGIT, text, scheme)
    if name == "cpi" and not frozenset(key) <= frozenset(SET_COMPONENT):
        return Reject(RejectCode.CHARACTER, f"CPI {key!r}: expected characters of {SET_COMPONENT}", scheme)
    return field


def _key_reject(key: str, left: int, scheme: str) -> Reject:
    if left < 0:
        return Reject(RejectCode.TRUNCATED, f"the key runs over the end by {-left} bits", scheme)
    return Reject(RejectCode.DIGIT, f"key {key.upper()}: expected decimal digits in its nibbles", scheme)


def _check_digit_reject(key: str, at: int, scheme: str) -> Reject:
    right = check_digit_of(int(key[: at - 1]))
    text = f"key {key}: expected check digit {right} at digit {at}, found {key[at - 1]}"
    return Reject(RejectCode.CHECK_DIGIT, text, scheme)


# -- the other direction


def encode_plus(epc: Epc, scheme: str) -> tuple[int, int]:
    """Bits of a `+` or `++` scheme from a value that keeps its grammar: (number, width), without padding.

    Raises:
        IdentifierError: DSGTIN+ without a date, a bad host name, further data that table F cannot encode.
    """
    name, spec, has_host = SCHEMES[scheme]
    key, serial = _key_and_serial(epc)
    number = HEADER_OF[scheme] << 4 | (8 if epc.data else 0) | epc.filter
    width = 12
    if name == "dsgtin":
        number, width = number << 20 | _date_bits(epc), width + 20
    fields = [(int(key, 16), 4 * len(key)) if spec.digits else write_delimited(key)]
    if spec.serial:
        fields.append(write_numeric(serial) if spec.numeric else write_alphanumeric(serial))
    if has_host:
        fields.append(write_hostname(epc.hostname))
    if epc.data:
        fields.append(write_aidc(epc.data))
    for field, bits in fields:
        number, width = number << bits | field, width + bits
    return number, width


def _key_and_serial(epc: Epc) -> tuple[str, str]:
    if isinstance(epc, Grai):
        return f"0{epc.grai}", epc.serial
    if isinstance(epc, Itip):
        return epc.gtin + epc.piece + epc.total, epc.serial
    key, *serial = epc.identity
    return key, "".join(serial)


def _date_bits(epc: Epc) -> int:
    date = epc.date if isinstance(epc, Sgtin) else None
    if date is None or date[0] not in DATE_TYPES:
        raise BadCharacter(
            "DSGTIN+", value=epc, expected=f"a date under one of the AIs {DATE_TYPES}", found=repr(date)
        )
    field = date_field(date[1])
    if field is None:
        raise OutOfRange(f"date ({date[0]})", value=date[1], expected="YYMMDD", found="no such day")
    return DATE_TYPES.index(date[0]) << 16 | field


def check_open_key(epc: Epc) -> None:
    """Check a GIAI or CPI that comes without a company prefix length, for a `+` scheme.

    Raises:
        BadCharacter: fewer than four digits in front, or characters that it cannot have.
    """
    if not isinstance(epc, Giai | Cpi):
        return
    key = epc.identity[0]
    allowed = SET_COMPONENT if isinstance(epc, Cpi) else SET_82
    digits = key[:DELIMITED_MIN_DIGITS]
    fits = DELIMITED_MIN_DIGITS < len(key) <= DELIMITED_MAX and digits.isascii() and digits.isdigit()
    if not fits or not frozenset(key) <= frozenset(allowed):
        raise BadCharacter(
            epc.urn, value=key, expected=f"four digits, then up to 26 characters of {allowed}", found="another form"
        )
