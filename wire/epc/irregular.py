"""The classic schemes that no partition table describes whole: GIAI-202, CPI-var, ADI-var, GID-96, USDoD-96.

Two of them have 6-bit strings: the low six bits of the ASCII code, and six zero bits behind the last character
(TDS section 14.4.8 and appendix G). Nothing but padding may follow the last field.
"""

from typing import Final

from wire.epc.characters import SET_82_BYTES, pack7, unpack7
from wire.epc.classic import characters_reject
from wire.epc.grammar import SET_ADI, SET_CAGE, SET_COMPONENT
from wire.epc.headers import HEADER_OF
from wire.epc.keys import Adi, Cpi, Giai, Gid, Usdod
from wire.epc.partition import GCP_BITS, GCP_DIGITS, PARTITIONS
from wire.epc.reject import Reject, RejectCode
from wire.epc.value import Epc

GIAI_CHARACTERS: Final = 30
"""Company prefix and asset reference together (GS1 General Specifications, section 3.9.5)."""

CPI_SERIAL_BITS: Final = 40
CPI_SERIAL_MAX: Final = 10**12 - 1
ADI_PART_MAX: Final = 32
ADI_SERIAL_MAX: Final = 30


class Bits:
    """A reader over a bit string: `take` from the front, `left` says how many remain."""

    __slots__ = ("left", "number")

    def __init__(self, number: int, left: int) -> None:
        self.number = number
        self.left = left

    def take(self, bits: int) -> int:
        """The next `bits` bits, or -1 if fewer are left."""
        if bits > self.left:
            return -1
        self.left -= bits
        return self.number >> self.left & ((1 << bits) - 1)

    def padding_reject(self, scheme: str) -> Reject | None:
        """None if what is left is padding to a 16-bit word: fewer than 16 bits, all zero (TDS section 15.1.1)."""
        rest = self.number & ((1 << self.left) - 1)
        if rest or self.left > 15:
            text = f"{self.left} bits follow the last field; expected fewer than 16, all 0"
            return Reject(RejectCode.PADDING, text, scheme)
        return None


def decode_irregular(number: int, bits: int, scheme: str) -> Epc | Reject:
    """Decode one of the schemes of this module; `bits` is the width of `number`."""
    reader = Bits(number, bits)
    reader.take(8)
    if scheme == "gid-96":
        parts = str(reader.take(28)), str(reader.take(24)), str(reader.take(36))
        return Gid.of(parts, scheme=scheme)
    if scheme == "usdod-96":
        return _decode_usdod(reader)
    if scheme == "adi-var":
        return _decode_adi(reader)
    return _decode_cpi(reader) if scheme == "cpi-var" else _decode_giai(reader)


def _decode_usdod(reader: Bits) -> Epc | Reject:
    """TDS section 14.6.12: filter 4, six characters of 8 bits with a space in front of five, serial 36."""
    filter_value = reader.take(4)
    raw = reader.take(48).to_bytes(6, "big").decode("latin-1")
    cage = raw.removeprefix(" ")
    bad = next((c for c in cage if c not in SET_CAGE), None)
    if bad is not None:
        text = f"CAGE or DoDAAC {raw!r}: {bad!r} is not one of {SET_CAGE}"
        return Reject(RejectCode.CHARACTER, text, "usdod-96")
    return Usdod.of((cage, str(reader.take(36))), scheme="usdod-96", filter=filter_value)


def _decode_adi(reader: Bits) -> Epc | Reject:
    """TDS section 14.6.14: filter 6, six characters with a space in front of five, part number, serial."""
    if reader.left < 42:
        return Reject(RejectCode.TRUNCATED, "the CAGE or DoDAAC runs over the end", "adi-var")
    filter_value = reader.take(6)
    raw = "".join(_character(reader.take(6)) for _ in range(6))
    cage = raw.removeprefix(" ")
    bad = next((c for c in cage if c not in SET_CAGE), None)
    if bad is not None:
        text = f"CAGE or DoDAAC {raw!r}: {bad!r} is not one of {SET_CAGE}"
        return Reject(RejectCode.CHARACTER, text, "adi-var")
    part = _string6(reader, SET_ADI, ADI_PART_MAX, "part number", "adi-var")
    if isinstance(part, Reject):
        return part
    serial = _string6(reader, SET_ADI + "#", ADI_SERIAL_MAX, "serial", "adi-var")
    if isinstance(serial, Reject):
        return serial
    if serial in {"", "#"} or "#" in serial[1:]:
        return Reject(RejectCode.CHARACTER, f"serial {serial!r}; expected one # at most, in front", "adi-var")
    return reader.padding_reject("adi-var") or Adi.of(
        (cage, part, serial), scheme="adi-var", filter=filter_value
    )


def _decode_cpi(reader: Bits) -> Epc | Reject:
    """TDS section 14.6.9.2: filter, partition, company prefix, 6-bit string, serial of 40 bits."""
    filter_value = reader.take(3)
    gcp = _company_prefix(reader, "cpi-var")
    if isinstance(gcp, Reject):
        return gcp
    component = _string6(reader, SET_COMPONENT, GIAI_CHARACTERS - len(gcp), "component reference", "cpi-var")
    if isinstance(component, Reject):
        return component
    serial = reader.take(CPI_SERIAL_BITS)
    if serial < 0:
        return Reject(RejectCode.TRUNCATED, "the serial runs over the end", "cpi-var")
    if not component or serial > CPI_SERIAL_MAX:
        text = f"component {component!r}, serial {serial}; expected one character, at most {CPI_SERIAL_MAX}"
        return Reject(RejectCode.RANGE, text, "cpi-var")
    return reader.padding_reject("cpi-var") or Cpi.of(
        (gcp, component, str(serial)), scheme="cpi-var", filter=filter_value, company_prefix_length=len(gcp)
    )


def _decode_giai(reader: Bits) -> Epc | Reject:
    """TDS section 14.6.5.2: company prefix, then 7-bit characters up to 30 with it, then zero bits to 202."""
    filter_value = reader.take(3)
    gcp = _company_prefix(reader, "giai-202")
    if isinstance(gcp, Reject):
        return gcp
    length = GIAI_CHARACTERS - len(gcp)
    raw = unpack7(reader.take(7 * length), length).rstrip(b"\0")
    if not raw or raw.translate(None, SET_82_BYTES):
        return characters_reject(raw, "asset reference", "giai-202")
    if reader.take(reader.left):
        return Reject(RejectCode.PADDING, "the bits behind the asset reference must be 0", "giai-202")
    parts = gcp, raw.decode("ascii")
    return Giai.of(parts, scheme="giai-202", filter=filter_value, company_prefix_length=len(gcp))


def _company_prefix(reader: Bits, scheme: str) -> str | Reject:
    partition = reader.take(3)
    if partition == PARTITIONS:
        return Reject(RejectCode.PARTITION, "partition 7 is reserved; expected 0 to 6", scheme)
    gcp = reader.take(GCP_BITS[partition]) if partition >= 0 else -1
    if gcp < 0:
        return Reject(RejectCode.TRUNCATED, "the company prefix runs over the end", scheme)
    digits = GCP_DIGITS[partition]
    if gcp >= 10**digits:
        text = f"partition {partition}: company prefix {gcp} has more than {digits} digits"
        return Reject(RejectCode.RANGE, text, scheme)
    return f"{gcp:0{digits}d}"


def _character(code: int) -> str:
    """A 6-bit code as its character: 100000 to 111111 are 20 to 3F, the rest 40 to 5F (TDS appendix G)."""
    return chr(code) if code >= 0x20 else chr(code | 0x40)


def _string6(reader: Bits, allowed: str, most: int, field: str, scheme: str) -> str | Reject:
    """Characters up to six zero bits."""
    text = ""
    while code := reader.take(6):
        if code < 0:
            return Reject(RejectCode.TRUNCATED, f"the {field} runs over the end", scheme)
        character = _character(code)
        if character not in allowed or len(text) == most:
            wrong = f"{field}: {character!r} behind {text!r}; expected at most {most} of {allowed}"
            return Reject(RejectCode.CHARACTER, wrong, scheme)
        text += character
    return text


# -- the other direction


def encode_irregular(parts: tuple[str, ...], scheme: str, filter_value: int) -> tuple[int, int]:
    """Bits of a scheme from parts that keep their grammar: (number, width in bits), without padding."""
    header = HEADER_OF[scheme]
    if scheme == "gid-96":
        return ((header << 28 | int(parts[0])) << 24 | int(parts[1])) << 36 | int(parts[2]), 96
    if scheme == "usdod-96":
        cage = int.from_bytes(parts[0].rjust(6).encode("ascii"), "big")
        return ((header << 4 | filter_value) << 48 | cage) << 36 | int(parts[1]), 96
    if scheme == "adi-var":
        codes = f"{parts[0]:>6}{parts[1]}\0{parts[2]}\0"
        return _pack6(header << 6 | filter_value, codes), 14 + 6 * len(codes)
    partition = 12 - len(parts[0])
    head = ((header << 3 | filter_value) << 3 | partition) << GCP_BITS[partition] | int(parts[0])
    width = 14 + GCP_BITS[partition]
    if scheme == "cpi-var":
        codes = parts[1] + "\0"
        number = _pack6(head, codes) << CPI_SERIAL_BITS | int(parts[2])
        return number, width + 6 * len(codes) + CPI_SERIAL_BITS
    length = GIAI_CHARACTERS - len(parts[0])
    number = head << 7 * length | pack7(parts[1].encode("ascii"), length)
    return number << (202 - width - 7 * length), 202


def _pack6(number: int, text: str) -> int:
    for character in text:
        number = number << 6 | ord(character) & 0x3F
    return number
