"""The bounds of the fold, each with its reason: all of them in logged time or in items, none by a clock."""

from typing import Final

MINUTE_US: Final = 60_000_000

# -- evidence
EVIDENCE_MAX_ITEMS: Final = 20_000
"""Items that one piece of evidence names: the largest count of one zone, or delivery, that we know of."""

EVIDENCE_ID_MAX_CHARS: Final = 128
EVIDENCE_WHO_MAX_CHARS: Final = 64
EVIDENCE_MAX_UNITS: Final = 10_000
"""Units of one SKU in one piece of evidence; more is a typing mistake."""

# -- cycle counts by handhelds
COUNT_SESSIONS_MAX: Final = 64
"""Counts that are open at once in a site: a dozen handhelds in a few zones each. The one that is quiet longest goes."""

COUNT_SESSION_MAX_ITEMS: Final = 200_000
"""Items held for one open count: the largest shop in one zone. Those beyond it are counted and not held."""

COUNT_EXPIRES_US: Final = 4 * 60 * MINUTE_US
"""A handheld that said nothing for four hours will not end its count: its owner went home."""

COUNTS_REMEMBERED: Final = 256
"""Ended counts whose late parts are known as late: without it a straggler would be a count of almost nothing."""

COUNT_COVERAGE: Final = 0.97
"""What a handheld's sweep sees of the tags in its zone, where the count does not say. Published sweeps: 95 to 99 %."""

# -- published probabilities
REFRESH_US: Final = 5_000_000
REFRESH_TOUCHED_MAX: Final = 4_000
"""Items that were read and are looked at in one refresh: a few milliseconds of work."""

REFRESH_TURN: Final = 24
REFRESH_TURN_MIN: Final = 256
REFRESH_TURN_MAX: Final = 20_000
"""All items in 24 refreshes, which is two minutes, within these bounds: a million items take about four minutes."""

# -- accuracy
MEASURE_US: Final = MINUTE_US
"""One row a minute for each figure: what a board draws over days."""
