"""How long the company prefix in a number is, by the table that GS1 publishes and biip carries.

Classic tags say it themselves. Barcodes and `+` tags do not, and a URN cannot be written without it (TDS
section 7.1).
"""

from functools import lru_cache
from typing import Final

from biip.gs1_prefixes import GS1CompanyPrefix

KNOWN_MAX: Final = 65_536
"""A large assortment; an entry is about 150 bytes."""

LOOKED_AT: Final = 12
"""A company prefix has at most 12 digits."""


def known_prefix_length(number: str) -> int | None:
    """Digits of the company prefix at the start of `number`, None if the table does not say or tags cannot hold it.

    `number` begins with the prefix: take off the indicator of a GTIN-14 and the extension digit of an SSCC first. What
    follows the digits (the rest of a GIAI) is not looked at.
    """
    head = number[:LOOKED_AT]
    digits = len(head) - len(head.lstrip("0123456789"))
    return _length(head[:digits]) if digits else None


@lru_cache(KNOWN_MAX)
def _length(digits: str) -> int | None:
    found = GS1CompanyPrefix.extract(digits)
    if found is None or len(found.value) < 6:
        return None
    return len(found.value)
