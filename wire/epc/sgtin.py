"""SGTIN: one item, named by its GTIN and a serial. SGTIN-96 and SGTIN-198 (TDS sections 6.3.1 and 14.6.1).

Layout of both, in bits: header 8, filter 3, partition 3, company prefix and item reference 44, serial 38 (a number
without leading zeros) or 140 (20 characters of 7 bits). The first digit of the item reference is the GTIN's indicator:
it moves to the front, and the check digit, which the tag leaves out, is computed.
"""

from typing import Final

from wire.epc.characters import SET_82, SET_82_BYTES, pack7, unpack7
from wire.epc.partition import GCP_BITS, PARTITIONS, SGTIN_PARTITIONS
from wire.epc.reject import Reject, RejectCode
from wire.epc.value import Epc
from wire.gs1.check_digit import GROUP_SUMS
from wire.gs1.errors import BadCharacter, BadLength, OutOfRange
from wire.gs1.gtin import Gtin14, parse_gtin

SGTIN_96: Final = "sgtin-96"
SGTIN_198: Final = "sgtin-198"
SGTIN_96_HEADER: Final = 0x30
SGTIN_198_HEADER: Final = 0x36
SERIAL_96_MAX: Final = (1 << 38) - 1
SERIAL_MAX_CHARS: Final = 20
MASK_44: Final = (1 << 44) - 1


class Sgtin(Epc, frozen=True, eq=False, gc=False):
    """One item: `gtin` and `serial` are its identity. `date` is set by DSGTIN+ only: (AI, YYMMDD)."""

    gtin: Gtin14
    serial: str
    date: tuple[str, str] | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """(GTIN-14, serial)."""
        return (self.gtin, self.serial)


def decode_sgtin96(epc: bytes) -> Sgtin | Reject:
    """An SGTIN-96 of exactly 12 bytes with header 30 (TDS section 14.6.1.1)."""
    bits = int.from_bytes(epc, "big")
    key = _gtin14(bits >> 82 & 7, bits >> 38 & MASK_44, SGTIN_96)
    if isinstance(key, Reject):
        return key
    return Sgtin(
        key[0],
        str(bits & SERIAL_96_MAX),
        scheme=SGTIN_96,
        filter=bits >> 85 & 7,
        company_prefix_length=key[1],
    )


def decode_sgtin198(epc: bytes) -> Sgtin | Reject:
    """An SGTIN-198 in 25 or 26 bytes with header 36: the 2 or 10 bits after the serial must be 0 (TDS 14.6.1.2)."""
    bits = int.from_bytes(epc, "big")
    spare = 8 * len(epc) - 198
    if bits & ((1 << spare) - 1):
        return Reject(RejectCode.PADDING, f"SGTIN-198: {spare} bits after the serial must be 0", SGTIN_198)
    bits >>= spare
    key = _gtin14(bits >> 184 & 7, bits >> 140 & MASK_44, SGTIN_198)
    if isinstance(key, Reject):
        return key
    raw = unpack7(bits & ((1 << 140) - 1), SERIAL_MAX_CHARS).rstrip(b"\0")
    if not raw or raw.translate(None, SET_82_BYTES):
        return serial_reject(raw, "serial", SGTIN_198)
    return Sgtin(
        key[0],
        raw.decode("ascii"),
        scheme=SGTIN_198,
        filter=bits >> 187 & 7,
        company_prefix_length=key[1],
    )


def _gtin14(partition: int, field: int, scheme: str) -> tuple[Gtin14, int] | Reject:
    """GTIN-14 and company prefix length from a partition value and its 44-bit field."""
    if partition == PARTITIONS:
        return Reject(RejectCode.PARTITION, "partition 7 is reserved; expected 0 to 6", scheme)
    row = SGTIN_PARTITIONS[partition]
    gcp = field >> row[2]
    item = field & row[3]
    if gcp >= row[1] or item >= row[5]:
        return range_reject(partition, gcp, item, scheme)
    tail = row[5] // 10
    indicator, item = divmod(item, tail)
    body = indicator * 1_000_000_000_000 + gcp * tail + item
    high, low = divmod(body, 100_000_000)
    check = -(
        GROUP_SUMS[low % 10_000] + GROUP_SUMS[low // 10_000] + GROUP_SUMS[high % 10_000] + GROUP_SUMS[high // 10_000]
    )
    return Gtin14(f"{body * 10 + check % 10:014d}"), row[0]


def range_reject(partition: int, gcp: int, reference: int, scheme: str) -> Reject:
    """The reject for a company prefix or a reference over its decimal digits."""
    row = SGTIN_PARTITIONS[partition]
    if gcp >= row.gcp_limit:
        text = f"partition {partition}: company prefix {gcp} has more than {row.gcp_digits} digits"
    else:
        text = f"partition {partition}: item reference {reference} has more than {row.ref_digits} digits"
    return Reject(RejectCode.RANGE, text, scheme)


def serial_reject(raw: bytes, field: str, scheme: str) -> Reject:
    """The reject for a 7-bit field that is empty or holds a code outside of the 82 characters."""
    if not raw:
        return Reject(RejectCode.EMPTY, f"{field} is empty; expected at least one character", scheme)
    at, code = next((i, c) for i, c in enumerate(raw) if c not in SET_82_BYTES)
    text = f"{field}: code {code:#04x} at character {at + 1} is not one of the 82 characters of GS1's set"
    return Reject(RejectCode.CHARACTER, text, scheme)


def encode_sgtin96(gtin: str, serial: str | int, *, company_prefix_length: int, filter: int = 1) -> bytes:  # noqa: A002 - the standard's word
    """The 12 bytes of an SGTIN-96.

    Raises:
        IdentifierError: bad GTIN, filter not 0..7, company prefix length not 6..12, serial not a number without
            leading zeros up to 274,877,906,943.
    """
    text = str(serial)
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise BadCharacter(
            "SGTIN-96 serial", value=text, expected="a number without leading zeros", found="other characters"
        )
    number = int(text)
    if number > SERIAL_96_MAX:
        raise OutOfRange(
            "SGTIN-96 serial", value=text, expected=f"at most {SERIAL_96_MAX}", found=f"{len(text)} digits"
        )
    head = _head(SGTIN_96_HEADER, gtin, company_prefix_length, filter)
    return (head << 38 | number).to_bytes(12, "big")


def encode_sgtin198(gtin: str, serial: str, *, company_prefix_length: int, filter: int = 1) -> bytes:  # noqa: A002 - the standard's word
    """The 26 bytes of an SGTIN-198: 198 bits, padded with zero bits to a 16-bit word.

    Raises:
        IdentifierError: bad GTIN, filter not 0..7, company prefix length not 6..12, serial not 1 to 20 of GS1's
            82 characters.
    """
    require_set82("SGTIN-198 serial", serial, SERIAL_MAX_CHARS)
    head = _head(SGTIN_198_HEADER, gtin, company_prefix_length, filter)
    return ((head << 140 | pack7(serial.encode(), SERIAL_MAX_CHARS)) << 10).to_bytes(26, "big")


def require_set82(what: str, text: str, most: int) -> None:
    """Check a serial: 1 to `most` of GS1's 82 characters.

    Raises:
        BadLength: empty or too long.
        BadCharacter: naming the first character outside of the set.
    """
    if not 1 <= len(text) <= most:
        raise BadLength(what, value=text, expected=f"1 to {most} characters", found=str(len(text)))
    for at, character in enumerate(text):
        if character not in SET_82:
            raise BadCharacter(
                what,
                value=text,
                expected="GS1's 82 characters",
                found=repr(character),
                place=f"character {at + 1}",
            )


def _head(header: int, gtin: str, company_prefix_length: int, filter_value: int) -> int:
    """Header, filter, partition, company prefix and item reference: the first 58 bits."""
    digits = parse_gtin(gtin)
    if not 6 <= company_prefix_length <= 12:
        raise OutOfRange(
            "company prefix length", value=company_prefix_length, expected="6 to 12", found="another number"
        )
    if not 0 <= filter_value <= 7:
        raise OutOfRange("filter", value=filter_value, expected="0 to 7", found="another number")
    partition = 12 - company_prefix_length
    gcp = int(digits[1 : 1 + company_prefix_length])
    item = int(digits[0] + digits[1 + company_prefix_length : 13])
    field = gcp << (44 - GCP_BITS[partition]) | item
    return ((header << 3 | filter_value) << 3 | partition) << 44 | field
