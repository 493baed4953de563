"""GS1 identification keys as they stand in catalogues, on barcodes and in Digital Links."""

from wire.gs1.check_digit import check_digit, is_checked
from wire.gs1.errors import BadCharacter, BadCheckDigit, BadLength, IdentifierError, OutOfRange
from wire.gs1.gtin import Gtin14, parse_gtin

__all__ = [
    "BadCharacter",
    "BadCheckDigit",
    "BadLength",
    "Gtin14",
    "IdentifierError",
    "OutOfRange",
    "check_digit",
    "is_checked",
    "parse_gtin",
]
