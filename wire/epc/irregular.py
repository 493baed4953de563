"""The classic schemes that no partition table describes whole: GIAI-202, CPI-var, ADI-var, GID-96, USDoD-96.

Two of them have 6-bit strings: the low six bits of the ASCII code, and six zero bits behind the last
character (TDS section 14.4.8 and appendix G). Nothing but padding may follow the last field.
"""

from collections.abc import Callable
from typing import Final

from wire.epc.bits import Bits
from wire.epc.characters import pack7, read_characters
from wire.epc.grammar import SET_ADI, SET_CAGE, SET_COMPONENT
from wire.epc.headers import HEADER_OF
from wire.epc.keys import Cpi, Giai
from wire.epc.partition import GCP_BITS, GCP_DIGITS, PARTITIONS
from wire.epc.plain_keys import Adi, Gid, Usdod
from wire.epc.reject import Refused, RejectCode
from wire.epc.value import Epc

OPEN_KEY_MAX: Final = 30
"""Company prefix and reference together, as AI 8004 and 8010 hold them (GS1 General Specifications, section 3.9)."""

CPI_SERIAL_BITS: Final = 40
CPI_SERIAL_MAX: Final = 10**12 - 1
ADI_PART_MAX: Final = 32
ADI_SERIAL_MAX: Final = 30


def decode_irregular(number: int, bits: int, scheme: str) -> Epc:
    """Decode one of the schemes of this module; `bits` is the width of `number`.

    Raises:
        Refused: a rule is broken.
    """
    reader = Bits(number, bits)
    reader.take(8)
    epc = READERS[scheme](reader)
    reader.end()
    return epc


def _read_gid(reader: Bits) -> Epc:
    """TDS section 14.6.12: three numbers of 28, 24 and 36 bits."""
    return Gid.of((str(reader.take(28)), str(reader.take(24)), str(reader.take(36))), scheme="gid-96")


def _read_usdod(reader: Bits) -> Epc:
    """TDS section 14.6.13: filter 4, six characters of 8 bits with a space in front of five, serial 36."""
    filter_value = reader.take(4)
    cage = _cage(reader.take(48).to_bytes(6, "big").decode("latin-1"))
    return Usdod.of((cage, str(reader.take(36))), scheme="usdod-96", filter=filter_value)


def _read_adi(reader: Bits) -> Epc:
    """TDS section 14.6.14: filter 6, six characters with a space in front of five, part number, serial."""
    filter_value = reader.take(6)
    cage = _cage("".join(_character(reader.take(6)) for _ in range(6)))
    part = _read6(reader, SET_ADI, ADI_PART_MAX, "part number")
    serial = _read6(reader, SET_ADI + "#", ADI_SERIAL_MAX, "serial")
    if serial in {"", "#"} or "#" in serial[1:]:
        raise Refused(RejectCode.CHARACTER, f"serial {serial!r}; expected one # at most, in front")
    return Adi.of((cage, part, serial), scheme="adi-var", filter=filter_value)


def _read_cpi(reader: Bits) -> Epc:
    """TDS section 14.6.9.2: filter, partition, company prefix, 6-bit string, serial of 40 bits."""
    filter_value = reader.take(3)
    gcp = _company_prefix(reader)
    component = _read6(reader, SET_COMPONENT, OPEN_KEY_MAX - len(gcp), "component reference")
    serial = reader.take(CPI_SERIAL_BITS)
    if not component or serial > CPI_SERIAL_MAX:
        text = f"component {component!r}, serial {serial}; expected one character, at most {CPI_SERIAL_MAX}"
        raise Refused(RejectCode.RANGE, text)
    parts = gcp, component, str(serial)
    return Cpi.of(parts, scheme="cpi-var", filter=filter_value, company_prefix_length=len(gcp))


def _read_giai(reader: Bits) -> Epc:
    """TDS section 14.6.5.2: company prefix, then 7-bit characters up to 30 with it, then zero bits to 202."""
    filter_value = reader.take(3)
    gcp = _company_prefix(reader)
    length = OPEN_KEY_MAX - len(gcp)
    reference = read_characters(reader.take(7 * length), length, "asset reference")
    if reader.take(reader.left):
        raise Refused(RejectCode.PADDING, "the bits behind the asset reference must be 0")
    return Giai.of((gcp, reference), scheme="giai-202", filter=filter_value, company_prefix_length=len(gcp))


READERS: Final[dict[str, Callable[[Bits], Epc]]] = {
    "gid-96": _read_gid,
    "usdod-96": _read_usdod,
    "adi-var": _read_adi,
    "cpi-var": _read_cpi,
    "giai-202": _read_giai,
}


def _company_prefix(reader: Bits) -> str:
    partition = reader.take(3)
    if partition == PARTITIONS:
        raise Refused(RejectCode.PARTITION, "partition 7 is reserved; expected 0 to 6")
    gcp, digits = reader.take(GCP_BITS[partition]), GCP_DIGITS[partition]
    if gcp >= 10**digits:
        raise Refused(RejectCode.RANGE, f"partition {partition}: company prefix {gcp} has more than {digits} digits")
    return f"{gcp:0{digits}d}"


def _cage(raw: str) -> str:
    cage = raw.removeprefix(" ")
    bad = next((c for c in cage if c not in SET_CAGE), None)
    if bad is not None:
        raise Refused(RejectCode.CHARACTER, f"CAGE or DoDAAC {raw!r}: {bad!r} is not one of {SET_CAGE}")
    return cage


def _character(code: int) -> str:
    """A 6-bit code as its character: 100000 to 111111 are 20 to 3F, the rest 40 to 5F (TDS appendix G)."""
    return chr(code) if code >= 0x20 else chr(code | 0x40)


def _read6(reader: Bits, allowed: str, most: int, what: str) -> str:
    """Characters up to six zero bits."""
    text = ""
    while code := reader.take(6):
        character = _character(code)
        if character not in allowed or len(text) == most:
            wrong = f"{what}: {character!r} behind {text!r}; expected at most {most} of {allowed}"
            raise Refused(RejectCode.CHARACTER, wrong)
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
    length = OPEN_KEY_MAX - len(parts[0])
    number = head << 7 * length | pack7(parts[1].encode("ascii"), length)
    return number << (202 - width - 7 * length), 202


def _pack6(number: int, text: str) -> int:
    for character in text:
        number = number << 6 | ord(character) & 0x3F
    return number
