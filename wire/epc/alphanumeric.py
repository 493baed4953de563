"""The variable-length fields of the `+` schemes (TDS section 14.5).

*Alphanumeric* (14.5.6): an encoding indicator of 3 bits picks the tightest alphabet that holds the whole
value, a length of (here) 5 bits counts its characters, then the characters follow. *Numeric without
indicator* (14.5.13): a length and an integer. *Delimited numeric* (14.5.5): decimal digits in nibbles up to
F (end) or E (an alphanumeric field follows).
"""

from base64 import urlsafe_b64encode
from typing import Final

from wire.epc.bits import Bits
from wire.epc.characters import SET_82_BYTES, unpack7
from wire.epc.reject import Refused, RejectCode

INTEGER, UPPER_HEX, LOWER_HEX, BASE64, SEVEN_BIT, CODE_40 = range(6)
"""Encoding indicators (TDS table E)."""

DELIMITER: Final = 0xE
END: Final = 0xF

LENGTH_LIMIT: Final = 128
"""The widest length field of table F has 7 bits."""

INTEGER_BITS: Final[tuple[int, ...]] = tuple((10**length - 1).bit_length() for length in range(LENGTH_LIMIT))
"""Bits for an integer of so many digits (TDS table B): the least that hold the largest."""

ALPHABET_64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ALPHABET_40: Final = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"
"""URN Code 40: three characters in 16 bits as 1600 a + 40 b + c + 1; 0 pads the last group."""

CODES_64: Final = {character: code for code, character in enumerate(ALPHABET_64)}
CODES_40: Final = {character: code for code, character in enumerate(ALPHABET_40) if code}

DIGIT_SET: Final = frozenset("0123456789")
UPPER_HEX_SET: Final = DIGIT_SET | frozenset("ABCDEF")
LOWER_HEX_SET: Final = DIGIT_SET | frozenset("abcdef")
BASE64_SET: Final = frozenset(ALPHABET_64)
CODE_40_SET: Final = frozenset(CODES_40)


def field_bits(indicator: int, length: int) -> int:
    """Width of `length` characters under an indicator (TDS table B)."""
    if indicator == INTEGER:
        return INTEGER_BITS[length]
    if indicator <= LOWER_HEX:
        return 4 * length
    if indicator == BASE64:
        return 6 * length
    return 7 * length if indicator == SEVEN_BIT else 16 * -(-length // 3)


def read_alphanumeric(bits: Bits, longest: int, length_bits: int = 5, allowed: bytes = SET_82_BYTES) -> str:
    """A variable-length alphanumeric field of 1 to `longest` characters (TDS section 14.5.6).

    `allowed` are the characters that 7-bit codes may stand for: the 82, or the 39 of component references.

    Raises:
        Refused: reserved indicator, bad length, codes that stand for nothing, or over the end.
    """
    head = bits.take(3 + length_bits)
    length = head & ((1 << length_bits) - 1)
    indicator = head >> length_bits
    if not 1 <= length <= longest:
        raise wrong_length(length, longest)
    if indicator > CODE_40:
        raise Refused(RejectCode.ENCODING, f"encoding indicator {indicator} is reserved; expected 0 to 5")
    text = characters_of(bits.take(field_bits(indicator, length)), indicator, length, allowed)
    if text is None:
        what = f"{length} characters under encoding indicator {indicator}: a code that stands for none"
        raise Refused(RejectCode.CHARACTER, what)
    return text


def read_numeric(bits: Bits, longest: int, length_bits: int = 4) -> str:
    """A variable-length numeric string without encoding indicator (TDS section 14.5.13).

    Raises:
        Refused: bad length, more than the digits allow, or over the end.
    """
    length = bits.take(length_bits)
    if not 1 <= length <= longest:
        raise wrong_length(length, longest)
    return read_integer(bits, length)


def read_integer(bits: Bits, length: int) -> str:
    """A numeric string of `length` digits as an integer of fixed width (TDS section 14.5.2).

    Raises:
        Refused: more than the digits allow, or over the end.
    """
    value = bits.take(INTEGER_BITS[length])
    if value >= 10**length:
        raise Refused(RejectCode.RANGE, f"{value} has more than {length} digits")
    return f"{value:0{length}d}"


def read_delimited(bits: Bits, longest: int, allowed: bytes = SET_82_BYTES) -> str:
    """A delimited or terminated numeric field, with what follows the delimiter (TDS section 14.5.5).

    Raises:
        Refused: a nibble A to D, nothing in it, too long, or over the end.
    """
    text = f"{bits.rest() >> bits.left % 4:0{bits.left // 4}x}"
    rest = text.lstrip("0123456789")
    digits = text[: len(text) - len(rest)]
    if len(digits) > longest:
        raise wrong_length(len(digits), longest)
    nibble = bits.take(4 * len(digits) + 4) & 0xF
    if nibble == END:
        if not digits:
            raise wrong_length(0, longest)
        return digits
    if nibble != DELIMITER:
        wrong = f"nibble {nibble:X} behind {digits!r}; expected a digit, E or F"
        raise Refused(RejectCode.DIGIT, wrong)
    return digits + read_alphanumeric(bits, longest - len(digits), allowed=allowed)


def wrong_length(length: int, longest: int) -> Refused:
    """Why a field of this length is refused."""
    if length == 0:
        return Refused(RejectCode.EMPTY, f"an empty field; expected 1 to {longest} characters")
    return Refused(RejectCode.LENGTH, f"{length} characters; expected 1 to {longest}")


def characters_of(field: int, indicator: int, length: int, allowed: bytes = SET_82_BYTES) -> str | None:
    """The characters of a field, None if one of its codes stands for none."""
    if indicator == INTEGER:
        return f"{field:0{length}d}" if field < 10**length else None
    if indicator == UPPER_HEX:
        return f"{field:0{length}X}"
    if indicator == LOWER_HEX:
        return f"{field:0{length}x}"
    if indicator == BASE64:
        groups = -(-length // 4)
        aligned = (field << (24 * groups - 6 * length)).to_bytes(3 * groups, "big")
        return urlsafe_b64encode(aligned)[:length].decode("ascii")
    if indicator == SEVEN_BIT:
        raw = unpack7(field, length)
        return None if raw.translate(None, allowed) else raw.decode("ascii")
    return _code40(field, length)


def _code40(field: int, length: int) -> str | None:
    groups = -(-length // 3)
    text = ""
    for group in range(groups - 1, -1, -1):
        value = (field >> 16 * group & 0xFFFF) - 1
        if not 0 <= value < 64_000:
            return None
        text += ALPHABET_40[value // 1600] + ALPHABET_40[value // 40 % 40] + ALPHABET_40[value % 40]
    body = text[:length]
    return None if "\0" in body or text[length:].strip("\0") else body


# -- the other direction: (field, width in bits)


def choose_indicator(text: str) -> int:
    """The indicator whose field is narrowest for this text; the lower one of equals (TDS section 14.5.6)."""
    used = frozenset(text)
    fitting = [
        indicator
        for indicator, alphabet in (
            (INTEGER, DIGIT_SET),
            (UPPER_HEX, UPPER_HEX_SET),
            (LOWER_HEX, LOWER_HEX_SET),
            (BASE64, BASE64_SET),
            (CODE_40, CODE_40_SET),
        )
        if used <= alphabet
    ]
    return min([*fitting, SEVEN_BIT], key=lambda indicator: (field_bits(indicator, len(text)), indicator))


def write_alphanumeric(text: str, length_bits: int = 5) -> tuple[int, int]:
    """An alphanumeric field with its indicator and length."""
    indicator = choose_indicator(text)
    bits = field_bits(indicator, len(text))
    head = indicator << length_bits | len(text)
    return head << bits | codes_of(text, indicator), 3 + length_bits + bits


def write_numeric(text: str, length_bits: int = 4) -> tuple[int, int]:
    """A numeric field with its length."""
    bits = INTEGER_BITS[len(text)]
    return len(text) << bits | int(text), length_bits + bits


def write_delimited(text: str) -> tuple[int, int]:
    """Leading digits in nibbles, then F, or E and the rest as an alphanumeric field."""
    rest = text.lstrip("0123456789")
    digits = text[: len(text) - len(rest)]
    field = int(digits or "0", 16) << 4 | (DELIMITER if rest else END)
    width = 4 * len(digits) + 4
    if not rest:
        return field, width
    tail, bits = write_alphanumeric(rest)
    return field << bits | tail, width + bits


def codes_of(text: str, indicator: int) -> int:
    """The field for a text that the indicator's alphabet holds."""
    if indicator == INTEGER:
        return int(text)
    if indicator <= LOWER_HEX:
        return int(text, 16)
    field = 0
    if indicator == CODE_40:
        for start in range(0, len(text), 3):
            a, b, c = (CODES_40.get(character, 0) for character in text[start : start + 3].ljust(3, "\0"))
            field = field << 16 | 1600 * a + 40 * b + c + 1
        return field
    for character in text:
        field = field << 6 | CODES_64[character] if indicator == BASE64 else field << 7 | ord(character)
    return field
