"""Every bound of scoring, each with its reason."""

from typing import Final

CASE_MAX_S: Final = 31 * 86_400
"""A month. A longer time is a slip of a digit, and counts are compared every ten seconds of it."""

ITEMS_MAX: Final = 1_000_000
"""As many as a site may hold."""

ROWS_MAX: Final = 20_000_000
"""Of estimates or promises: 20 bytes each while they are read."""

PROBLEMS_SHOWN: Final = 5
"""The first ones tell what is wrong with the file; all are counted."""

VALUE_SHOWN_CHARS: Final = 60
