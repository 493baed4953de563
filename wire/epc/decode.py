"""From the bits of an EPC to a value or a typed reject, by the header byte (TDS section 14.2, table 14-1)."""

from typing import Final

from wire.epc.bits import WORD_BITS
from wire.epc.classic import CLASSIC, decode_classic
from wire.epc.headers import HEADERS, NOT_GS1, Header
from wire.epc.irregular import decode_irregular
from wire.epc.plus import decode_plus
from wire.epc.reject import Refused, Reject, RejectCode
from wire.epc.sgtin96 import HEADER as SGTIN_96
from wire.epc.sgtin96 import decode_sgtin96
from wire.epc.value import Epc
from wire.limits import EPC_MAX_BITS

FIRST_PLUS: Final = 0xE6
"""All `+` and `++` headers stand from here up (TDS table 14-1)."""


def decode_epc(epc: bytes, bits: int) -> Epc | Reject:
    """Decode `bits` bits of `epc`, left-aligned. Never raises for any content.

    `bits` is what the reader or the PC word said; the bytes must be exactly those that hold it. Bits of the last byte
    beyond `bits` are the transport's padding, not the tag's, and are not looked at.
    """
    if not 8 <= bits <= EPC_MAX_BITS or len(epc) != (bits + 7) >> 3:
        text = f"{len(epc)} bytes for {bits} bits; expected 8 to {EPC_MAX_BITS} bits in their bytes"
        return Reject(RejectCode.LENGTH, text)
    byte = epc[0]
    try:
        if byte == SGTIN_96 and bits == 96:
            return decode_sgtin96(epc)
        header = HEADERS.get(byte)
        if header is None:
            return header_reject(byte)
        if byte >= FIRST_PLUS:
            return decode_plus(epc, bits, header.scheme)
        return _decode_classic(epc, bits, header)
    except Refused as refused:
        return Reject(refused.code, refused.message, HEADERS[byte].scheme)


def _decode_classic(epc: bytes, bits: int, header: Header) -> Epc:
    """The schemes of TDS 1: of fixed width, with zero bits to the next word, except for two."""
    scheme, width = header
    number = int.from_bytes(epc, "big") >> -bits % 8
    if width:
        spare = bits - width
        if not 0 <= spare <= -width % WORD_BITS:
            raise _wrong_length(epc, bits, header)
        if number & ((1 << spare) - 1):
            raise Refused(RejectCode.PADDING, f"the {spare} bits behind bit {width} must be 0")
        number >>= spare
        bits = width
    if scheme in CLASSIC:
        return decode_classic(number, scheme)
    return decode_irregular(number, bits, scheme)


def header_reject(byte: int) -> Reject:
    """The reject for a header that GS1 has not given to a scheme."""
    if byte == 0x00:
        return Reject(RejectCode.UNPROGRAMMED, "header 00: the tag was never written")
    if byte == 0xE2:
        return Reject(RejectCode.TID, "header E2 begins a TID, not an EPC: the reader reads bank 2")
    known = NOT_GS1.get(byte)
    text = f"header {byte:02X}: {known}" if known else f"header {byte:02X} belongs to no GS1 scheme"
    return Reject(RejectCode.UNKNOWN_HEADER, text)


def _wrong_length(epc: bytes, bits: int, header: Header) -> Refused:
    """Why a length is refused that the scheme does not have."""
    scheme, width = header
    padded = width + -width % WORD_BITS
    expected = f"{width}" if padded == width else f"{width} to {padded}"
    hint = ""
    if bits == 112 and epc[:2] == b"\x30\x00" and epc[2] in HEADERS:
        hint = "; this looks like a PC word 3000 in front of an EPC of 96 bits"
    return Refused(RejectCode.LENGTH, f"{scheme} of {bits} bits; expected {expected}{hint}")
