"""The bounds of stock operations, each with its reason."""

from typing import Final

SALE_LINES_MAX: Final = 1_000
"""Lines of one receipt: a wholesale order; more is a mistake."""

GOODS_MAX: Final = 20_000
"""Lines of a delivery or a count: what one entry of a site's log names at most."""

SKUS_SET_MAX: Final = 1_000
"""SKUs in one adjustment: their rows of stock are locked until it is done."""

REFERENCE_MAX_CHARS: Final = 128
"""A reference is a number or a token of another system, not a text."""

ITEMS_SHOWN: Final = 200
"""Missing and unexpected items that an answer names; how many more there are is said."""

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 500
"""A page of a few hundred rows stays below 200 KB."""

HISTORY_MAX: Final = 200
"""Postings, and movements, of one item in one answer, the newest."""
