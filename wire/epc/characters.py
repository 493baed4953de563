"""Seven-bit character fields: GS1's set of 82 characters, one character in 7 bits, NUL behind the last.

TDS appendix A (GS1 AI encodable character set 82) says which codes are allowed; section 14.4.2 how a string of less
than the field's length ends: with NULs to the end, so that anything behind the first NUL is an error.
"""

from typing import Final

SET_82: Final = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
SET_82_BYTES: Final = SET_82.encode()

SET_39: Final = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Component and part references (GS1 General Specifications, figure 7.11-2)."""


def unpack7(field: int, length: int) -> bytes:
    """The `length` 7-bit codes of a field, most significant first."""
    return bytes([field >> shift & 0x7F for shift in range(7 * (length - 1), -1, -7)])


def pack7(text: bytes, length: int) -> int:
    """A field of `length` 7-bit codes, NUL padded."""
    field = 0
    for code in text:
        field = field << 7 | code
    return field << 7 * (length - len(text))
