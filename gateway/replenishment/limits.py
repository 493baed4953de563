"""The bounds of replenishment, each with its reason."""

from typing import Final

FLOOR_MAX: Final = 100_000
"""Units of one size on a sales floor, as in the catalogue: more is a typing mistake."""

LEARNED_MAX: Final = 1_000
"""Units that a rule may let a learned target ask for: no fixture holds more of one size."""

ROWS_MAX: Final = 20_000
"""SKUs judged in one call: some 150 us each, so three seconds. A site with more is judged in pages."""

OPEN_MAX: Final = 200
"""Refill tasks open at a site at a time. A person does some 30 an hour; a longer list is read by nobody."""

HINTS_MAX: Final = 20
"""Items named in a task: more than one fetches in one hand are not looked for by name."""

LINES_MAX: Final = 20
UNITS_MAX: Final = 30
"""Lines and units of one batch: what a rail or a trolley holds, and ten to fifteen minutes of work."""

MOVES_MAX: Final = 10_000
"""Movements of one SKU looked at for one task. A task lives for hours, an item moves a few times an hour."""
