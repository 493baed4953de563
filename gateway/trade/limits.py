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

DOCK_MOVES_MAX: Final = 50_000
"""Movements of a site, the newest, in which is looked for goods that came by the dock and that nobody announced: some
days of a busy store, read in less than a tenth of a second."""

DOCK_SHIPMENTS_MAX: Final = 200
"""Other shipments of these days whose goods are none of this one's."""

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 500
"""A page of a few hundred rows stays below 200 KB."""

HISTORY_MAX: Final = 200
"""Postings, and movements, of one item in one answer, the newest."""
