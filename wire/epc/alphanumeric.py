"""The variable-length fields of the `+` schemes (TDS section 14.5).

*Alphanumeric* (14.5.6): an encoding indicator of 3 bits picks the tightest alphabet that holds the whole value, a length
of (here) 5 bits counts its characters, then the characters follow. *Numeric without indicator* (14.5.13): a length and an
integer. *Delimited numeric* (14.5.5): decimal digits in nibbles up to F (end) or E (an alphanumeric field follows).

Readers take `number`, an integer that holds all bits of the EPC, and `left`, how many of them are still to be read; they
give (text, left) or a reject.
"""

from base64 import urlsafe_b64encode
from typing import Final

from wire.epc.characters import SET_82_BYTES, unpack7
from wire.epc.reject import Reject, RejectCode

Read = tuple[str, int] | Reject

INTEGER, UPPER_HEX, LOWER_HEX, BASE64, SEVEN_BIT, CODE_40 = range(6)
"""Encoding indicators (TDS table E)."""

LENGTH_LIMIT: Final = 128
"""The widest length field of table F has 7 bits."""

INTEGER_BITS: Final = tuple((10**length - 1).bit_length() for length in range(LENGTH_LIMIT))
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


def read_alphanumeric(number: int, left: int, longest: int, scheme: str, length_bits: int = 5) -> Read:
    """A variable-length alphanumeric field of 1 to `longest` characters (TDS section 14.5.6)."""
    left -= 3 + length_bits
    if left < 0:
        return Reject(RejectCode.TRUNCATED, "encoding indicator and length run over the end", scheme)
    head = number >> left
    length = head & ((1 << length_bits) - 1)
    indicator = head >> length_bits & 7
    if not 1 <= length <= longest:
        return _length_reject(length, longest, scheme)
    if indicator > CODE_40:
        return Reject(RejectCode.ENCODING, f"encoding indicator {indicator} is reserved; expected 0 to 5", scheme)
    bits = field_bits(indicator, length)
    left -= bits
    if left < 0:
        text = f"{length} characters under indicator {indicator} take {bits} bits, {left + bits} are left"
        return Reject(RejectCode.TRUNCATED, text, scheme)
    value = characters_of(number >> left & ((1 << bits) - 1), indicator, length)
    if value is None:
        text = f"{length} characters under encoding indicator {indicator}: a code that stands for none"
        return Reject(RejectCode.CHARACTER, text, scheme)
    return value, left


def read_numeric(number: int, left: int, longest: int, scheme: str, length_bits: int = 4) -> Read:
    """A variable-length numeric string without encoding indicator (TDS section 14.5.13)."""
    left -= length_bits
    if left < 0:
        return Reject(RejectCode.TRUNCATED, "the length runs over the end", scheme)
    length = number >> left & ((1 << length_bits) - 1)
    if not 1 <= length <= longest:
        return _length_reject(length, longest, scheme)
    bits = INTEGER_BITS[length]
    left -= bits
    if left < 0:
        return Reject(RejectCode.TRUNCATED, f"{length} digits take {bits} bits, {left + bits} are left", scheme)
    value = number >> left & ((1 << bits) - 1)
    if value >= 10**length:
        return Reject(RejectCode.RANGE, f"{value} has more than {length} digits", scheme)
    return f"{value:0{length}d}", left


def read_delimited(number: int, left: int, longest: int, scheme: str) -> Read:
    """A delimited or terminated numeric field, with what follows the delimiter (TDS section 14.5.5)."""
    digits = ""
    while True:
        left -= 4
        if left < 0:
            return Reject(RejectCode.TRUNCATED, f"no end behind the digits {digits}", scheme)
        nibble = number >> left & 0xF
        if nibble > 9:
            break
        digits += str(nibble)
        if len(digits) > longest:
            return _length_reject(len(digits), longest, scheme)
    if nibble == 0xF:
        return (digits, left) if digits else _length_reject(0, longest, scheme)
    if nibble != 0xE:
        text = f"nibble {nibble:X} behind {digits!r}; expected a digit, E or F"
        return Reject(RejectCode.DIGIT, text, scheme)
    rest = read_alphanumeric(number, left, longest - len(digits), scheme)
    return rest if isinstance(rest, Reject) else (digits + rest[0], rest[1])


def _length_reject(length: int, longest: int, scheme: str) -> Reject:
    if length == 0:
        return Reject(RejectCode.EMPTY, f"an empty field; expected 1 to {longest} characters", scheme)
    return Reject(RejectCode.LENGTH, f"{length} characters; expected 1 to {longest}", scheme)


def characters_of(field: int, indicator: int, length: int) -> str | None:
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
        return None if raw.translate(None, SET_82_BYTES) else raw.decode("ascii")
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
    field = int(digits or "0", 16) << 4 | (0xE if rest else 0xF)
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
