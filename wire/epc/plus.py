"""The `+` and `++` schemes of TDS 2, both directions (TDS section 14.6, the schemes added by 2.0 and 2.3).

    header 8 | data toggle 1 | filter 3 | [date type 4, date 16] | key | [serial] | [host name] | [further AIs]

No partition and no company prefix: the key stands as on a barcode, one digit in a nibble, check digit
included. Every part up to the key begins on a nibble, so that the key is read from the hexadecimal text as
it is. A serial is an alphanumeric field. GIAI+ and CPI+ have one delimited field instead. `++` schemes add a
host name. With the data toggle set, further application identifiers follow (TDS section 15.3). Zero bits pad
to a 16-bit word.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from wire.epc.aidc import Data, read_aidc, write_aidc
from wire.epc.alphanumeric import (
    read_alphanumeric,
    read_delimited,
    read_numeric,
    write_alphanumeric,
    write_delimited,
    write_numeric,
)
from wire.epc.bits import Bits
from wire.epc.characters import SET_82, SET_82_BYTES
from wire.epc.date import DATE_TYPES, read_date, write_date
from wire.epc.grammar import SET_COMPONENT
from wire.epc.headers import HEADER_OF
from wire.epc.hostname import read_hostname, write_hostname
from wire.epc.keys import Cpi, Gdti, Giai, Grai, Gsrn, Gsrnp, Itip, Sgcn, Sgln, Sgtin, Sscc
from wire.epc.reject import Refused, RejectCode
from wire.epc.value import Epc
from wire.gs1.check_digit import check_digit_of
from wire.gs1.errors import BadCharacter
from wire.gs1.gtin import Gtin14

HEAD_BITS: Final = 12
DATA_TOGGLE: Final = 8


class Plus(NamedTuple):
    """One scheme family: class, digits of the key (0: delimited), where its check digit stands, longest serial."""

    key: Callable[..., Epc]
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

COMPONENT_BYTES: Final = SET_COMPONENT.encode()
COMPONENT_SET: Final = frozenset(SET_COMPONENT)

DELIMITED_MAX: Final = 30
DELIMITED_MIN_DIGITS: Final = 4
"""A GIAI or CPI begins with a company prefix, and the shortest has four digits (TDT 2.2, GIAI+ and CPI+)."""


def decode_plus(epc: bytes, bits: int, scheme: str) -> Epc:
    """Decode a `+` or `++` scheme of `bits` bits, left-aligned in `epc`.

    Raises:
        Refused: a rule is broken.
    """
    name, spec, has_host = SCHEMES[scheme]
    reader = Bits(int.from_bytes(epc, "big") >> -bits % 8, bits)
    flags = reader.take(HEAD_BITS) & 0xF
    date = _read_dated(reader) if name == "dsgtin" else None
    key = _read_key(reader, epc, bits, spec) if spec.digits else _read_open_key(reader, name)
    serial = ""
    if spec.serial:
        serial = read_numeric(reader, spec.serial) if spec.numeric else read_alphanumeric(reader, spec.serial)
        if name == "cpi" and serial[0] == "0" and serial != "0":
            raise Refused(RejectCode.RANGE, f"serial {serial}; expected a number without leading zeros (AI 8011)")
    host = read_hostname(reader) if has_host else ""
    data: Data = ()
    if flags & DATA_TOGGLE:
        data = read_aidc(reader)
    else:
        reader.end()
    if date is not None:
        return Sgtin(Gtin14(key), serial, date, scheme=scheme, filter=flags & 7, data=data, hostname=host)
    parts = _parts(spec.key, key, serial)
    return spec.key(*parts, scheme=scheme, filter=flags & 7, data=data, hostname=host)


def _read_key(reader: Bits, epc: bytes, bits: int, spec: Plus) -> str:
    """A numeric key with its check digit, from the nibbles where it stands (TDS section 14.5.4)."""
    at = (bits - reader.left) // 4
    reader.take(4 * spec.digits)
    key = epc.hex()[at : at + spec.digits]
    if not key.isdigit():
        raise Refused(RejectCode.DIGIT, f"key {key.upper()}: expected decimal digits in its nibbles")
    right = check_digit_of(int(key[: spec.check_at - 1]))
    if right != int(key[spec.check_at - 1]):
        text = f"key {key}: expected check digit {right} at digit {spec.check_at}, found {key[spec.check_at - 1]}"
        raise Refused(RejectCode.CHECK_DIGIT, text)
    return key


def _read_open_key(reader: Bits, name: str) -> str:
    """A GIAI or CPI: at least four digits, then their own characters, 30 in all."""
    allowed = COMPONENT_BYTES if name == "cpi" else SET_82_BYTES
    key = read_delimited(reader, DELIMITED_MAX, allowed)
    if not key[:DELIMITED_MIN_DIGITS].isdigit() or len(key) <= DELIMITED_MIN_DIGITS:
        text = f"{name.upper()} {key!r}: expected a company prefix of at least four digits and a reference"
        raise Refused(RejectCode.DIGIT, text)
    if name == "cpi" and not frozenset(key) <= COMPONENT_SET:
        raise Refused(RejectCode.CHARACTER, f"CPI {key!r}: expected characters of {SET_COMPONENT}")
    return key


def _read_dated(reader: Bits) -> tuple[str, str]:
    """Date type and date of a DSGTIN+ (TDS sections 14.5.3 and 14.6.1.4)."""
    kind = reader.take(4)
    if kind >= len(DATE_TYPES):
        raise Refused(RejectCode.DATE, f"date type {kind} is reserved; expected 0 to {len(DATE_TYPES) - 1}")
    return DATE_TYPES[kind], read_date(reader)


def _parts(key_class: Callable[..., Epc], key: str, serial: str) -> tuple[str, ...]:
    """The fields of the value, from a checked key and its serial."""
    if key_class is Grai:
        if key[0] != "0":
            raise Refused(RejectCode.DIGIT, f"GRAI {key}: expected 0 in front, found {key[0]}")
        return key[1:], serial
    if key_class is Itip:
        return key[:14], key[14:16], key[16:], serial
    return (key, serial) if serial else (key,)


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
        raise BadCharacter("DSGTIN+", value=epc, expected=f"a date under one of the AIs {DATE_TYPES}", found=repr(date))
    return DATE_TYPES.index(date[0]) << 16 | write_date(f"date ({date[0]})", date[1])


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
