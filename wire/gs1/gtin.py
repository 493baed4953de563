"""GTIN: the number of a trade item, always in its 14-digit form.

GTIN-8, GTIN-12 and GTIN-13 become a GTIN-14 by zeros on the left (GS1 General Specifications, section
3.3.2): the number space is one, so that a shelf scan, a catalogue row and a tag meet in the same key. An
indicator of 1 to 8 in front means another trade item (a case of the same goods), 9 a variable measure.
"""

from typing import Final, NewType

from wire.gs1.check_digit import check_digit
from wire.gs1.errors import BadCharacter, BadCheckDigit, BadLength

Gtin14 = NewType("Gtin14", str)
"""Fourteen ASCII digits, the last of which is the right check digit. Made by `parse_gtin` and the EPC decoders."""

GTIN_LENGTHS: Final = (8, 12, 13, 14)


def parse_gtin(text: str) -> Gtin14:
    """A GTIN-8, -12, -13 or -14 as Gtin14.

    Raises:
        BadLength: not 8, 12, 13 or 14 characters.
        BadCharacter: something else than the digits 0 to 9 (blanks and dashes are not taken out silently).
        BadCheckDigit: the last digit does not fit.
    """
    if len(text) not in GTIN_LENGTHS:
        raise BadLength("GTIN", value=text, expected="8, 12, 13 or 14 digits", found=f"{len(text)} characters")
    require_digits("GTIN", text)
    right = check_digit(text[:-1])
    if text[-1] != right:
        raise BadCheckDigit(
            "GTIN", value=text, expected=f"check digit {right}", found=text[-1], place=f"digit {len(text)}"
        )
    return Gtin14(text.zfill(14))


def require_digits(what: str, text: str) -> None:
    """Check that `text` is ASCII digits only.

    Raises:
        BadCharacter: naming the first character that is not.
    """
    if text.isascii() and text.isdigit():
        return
    at, character = next(((i, c) for i, c in enumerate(text) if c not in "0123456789"), (0, ""))
    raise BadCharacter(what, value=text, expected="digits 0 to 9", found=repr(character), place=f"character {at + 1}")
