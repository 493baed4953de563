"""The PC word in front of an EPC: how long it is, and whether it is one at all (Gen2, section 6.3.2.1.2.2).

    length 5 (in 16-bit words) | user memory 1 | extended PC 1 | toggle 1 | attribute or AFI bits 8

A toggle of 1 says that what follows is an ISO 15961 identifier of the family in the last byte: a library
book, an airline's bag. It must be dropped before its first byte is taken for an EPC header.
"""

from typing import NamedTuple

from wire.epc.decode import decode_epc
from wire.epc.reject import Reject, RejectCode
from wire.epc.value import Epc


class PcWord(NamedTuple):
    """The fields of a PC word; `epc_bits` is a multiple of 16."""

    epc_bits: int
    user_memory: bool
    extended: bool
    toggle: bool
    attribute: int


def pc_word(pc: int) -> PcWord:
    """Take a 16-bit PC word apart.

    Raises:
        ValueError: not 0 to 65535: the caller's mistake.
    """
    if not 0 <= pc <= 0xFFFF:
        raise ValueError(f"PC word: expected 0 to 65535, found {pc}")
    return PcWord(16 * (pc >> 11), bool(pc & 0x400), bool(pc & 0x200), bool(pc & 0x100), pc & 0xFF)


def decode_with_pc(pc: int, epc: bytes, bits: int) -> Epc | Reject:
    """Decode an EPC that a reader reported together with its PC word."""
    word = pc_word(pc)
    if word.toggle:
        text = f"PC word {pc:04X}: toggle bit set, an ISO identifier of AFI {word.attribute:02X}"
        return Reject(RejectCode.ISO_AFI, text)
    if word.epc_bits != bits:
        return Reject(RejectCode.LENGTH, f"PC word {pc:04X} says {word.epc_bits} bits, {bits} came")
    return decode_epc(epc, bits)


def decode_tag(memory: bytes) -> Epc | Reject:
    """Decode PC word and EPC as they stand in the tag, as serial modules hand them over: two bytes, then the EPC."""
    if len(memory) < 2:
        return Reject(RejectCode.LENGTH, f"{len(memory)} bytes; expected a PC word of 2")
    return decode_with_pc(int.from_bytes(memory[:2], "big"), memory[2:], 8 * (len(memory) - 2))


def make_pc(epc: bytes) -> int:
    """The PC word of an EPC that fills whole words, without user memory or attributes.

    Raises:
        ValueError: not whole 16-bit words, or more than 31.
    """
    if len(epc) % 2 or len(epc) > 62:
        raise ValueError(f"EPC: expected up to 31 words of 2 bytes, found {len(epc)} bytes")
    return len(epc) // 2 << 11
