"""How long the company prefix in a number is, by the table that GS1 publishes and biip carries.

Classic tags say it themselves. Barcodes and `+` tags do not, and a URN cannot be written without it (TDS
sections 7.1 and 7.2).
"""

from functools import lru_cache
from typing import Final

from biip.gs1_prefixes import GS1CompanyPrefix

KNOWN_MAX: Final = 65_536
"""A large assortment; an entry is about 150 bytes."""

LOOKED_AT: Final = 12
"""A company prefix has at most 12 digits."""

GTIN_8_ZEROS: Final = "00000"
"""What stands in front of a GTIN-8 in 13 digits."""

GTIN_8_PREFIX_LENGTH: Final = 8
"""Five zeros and the first three digits of the GTIN-8 (TDS section 7.3.2)."""


def known_prefix_length(number: str) -> int | None:
    """Digits of the company prefix at the start of `number`, None if the table does not say or tags cannot hold it.

    `number` begins with the prefix: take off the indicator of a GTIN-14 and the extension digit of an SSCC first. What
    follows the digits (the rest of a GIAI) is not looked at.
    """
    head = number[:LOOKED_AT]
    digits = len(head) - len(head.lstrip("0123456789"))
    return _length(head[:digits]) if digits else None


def gtin_prefix_length(number: str) -> int | None:
    """As `known_prefix_length`, for a GTIN-14 without its indicator: a GTIN-8 has a rule of its own.

    None for an RCN-8 (a GTIN-8 that begins with 0 or 2): a shop's own number makes no EPC (TDS section 7.3.3).
    """
    if number.startswith(GTIN_8_ZEROS):
        return None if number[5:6] in {"0", "2"} else GTIN_8_PREFIX_LENGTH
    return known_prefix_length(number)


@lru_cache(KNOWN_MAX)
def _length(digits: str) -> int | None:
    found = GS1CompanyPrefix.extract(digits)
    if found is None or len(found.value) < 6:
        return None
    return len(found.value)
