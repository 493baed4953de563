"""From the bits of an EPC to a value or a typed reject, by the header byte (TDS section 14.2, table 14-1)."""

from typing import Final

from wire.epc.reject import Reject, RejectCode
from wire.epc.sgtin import SGTIN_96, SGTIN_198, decode_sgtin96, decode_sgtin198
from wire.epc.value import Epc

EPC_MAX_BITS: Final = 496
"""31 words of 16 bits: the most that the length field of a PC word can say (Gen2, section 6.3.2.1.2.2)."""


def decode_epc(epc: bytes, bits: int) -> Epc | Reject:
    """Decode `bits` bits of `epc`, left-aligned. Never raises for any content.

    `bits` is what the reader or the PC word said; the bytes must be exactly those that hold it.
    """
    if not 8 <= bits <= EPC_MAX_BITS or len(epc) != (bits + 7) >> 3:
        text = f"{len(epc)} bytes for {bits} bits; expected 8 to {EPC_MAX_BITS} bits in their bytes"
        return Reject(RejectCode.LENGTH, text)
    header = epc[0]
    if header == 0x30:
        if bits == 96:
            return decode_sgtin96(epc)
        return Reject(RejectCode.LENGTH, f"SGTIN-96 of {bits} bits; expected 96", SGTIN_96)
    if header == 0x36:
        if bits in {198, 208}:
            return decode_sgtin198(epc)
        return Reject(RejectCode.LENGTH, f"SGTIN-198 of {bits} bits; expected 198 or 208", SGTIN_198)
    if header == 0x00:
        return Reject(RejectCode.UNPROGRAMMED, "header 00: the tag was never written")
    if header == 0xE2:
        return Reject(RejectCode.TID, "header E2 begins a TID, not an EPC: the reader reads bank 2")
    return Reject(RejectCode.UNKNOWN_HEADER, f"header {header:02X} belongs to no GS1 scheme")
