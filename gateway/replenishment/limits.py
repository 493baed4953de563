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

HOME_UNITS: Final = 2
HOME_SHARE: Final = 0.25
"""A run is shown in a floor zone from so many of its units, and this share of them, on: one alone was put down wrongly.
"""

PAGE_SKUS: Final = 250
"""SKUs that are read and judged in one turn: some 50 ms, in which the gateway still answers. A run is never cut."""

SALES_DAYS_US: Final = 86_400_000_000
"""A day of sales is 24 hours that end now, or a whole number of days ago: no time zone, and no short last day."""

LEARN_S: Final = 6 * 3_600.0
"""How often sales are looked at anew. They are those of four weeks: an hour changes little."""

PASS_S: Final = 600.0
"""All SKUs of a site are judged this often, though nothing was told of them: how sure readers are drifts silently."""

TURNED_PASS_S: Final = 60.0
"""All are judged this long after the pass before when a zone turned: one that flickers must not keep a core busy."""

LOOK_S: Final = 1.0
"""How often it is looked for what other processes wrote, and for what time asks for."""

TOGETHER_S: Final = 0.2
"""Changes that are committed within this time are judged together: a shopper's step does not matter by itself."""

CATALOGUE_S: Final = 15.0
"""How often the catalogue is asked whether it changed: two figures of the whole table."""

LEASE_S: Final = 15.0
"""How long the right to decide for a site lasts. A takeover may take longer than that of the fold: nobody waits."""

HOLD_WANTED_S: Final = 30.0
"""How long wishes of one pass wait for more urgent ones of its other pages. A pass of 20,000 SKUs takes 10 s."""

CHANGES_PAGE: Final = 2_000
"""Changes that are read at once: some 20 ms."""

TASKS_MAX: Final = 2 * OPEN_MAX
"""Refill tasks of a site that are read: with those that two processes opened at once, when a lease changed hands."""

REFUSED_MAX: Final = 2_000
"""Tasks that could not be done in the last hours, or were disputed, that are looked at; the newest."""

GAP_SETTLE_US: Final = 10 * 60_000_000
"""A size gap must last this long to be an alarm: longer than the way to the fitting room, or a refill under way."""

SETTLE_EVERY_US: Final = 10_000_000
"""How often the alarms of a site are written, when many gaps come and go."""

OVERDUE_US: Final = 60_000_000
"""Alarms that waited this long are written before the next SKUs are judged, however many there are."""

AGAIN_US: Final = 15 * 60_000_000
"""How often alarms that go on unchanged are written again: they say when their cause was seen last."""

LIST_DEFAULT: Final = 100
LIST_MAX: Final = 500
"""Rows of one page of an answer: 100 KB."""

RETRY_S: Final = 5.0
"""A site whose turn failed is begun anew after this long."""
