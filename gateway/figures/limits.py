"""Every bound of the key figures, each with its reason."""

from typing import Final

STEP_MIN_S: Final = 300
"""What the embedded store keeps is five minutes a row."""

STEPS_MAX: Final = 2_016
"""Values of one line: a week of five minutes, more than a screen has pixels."""

SPAN_MAX_S: Final = 90 * 24 * 3_600
"""What the embedded store keeps at most."""

LINES_MAX: Final = 50
"""Lines of one answer: nobody tells more apart."""

ROWS_MAX: Final = 40_000
"""Rows of five minutes that one answer is made of: a week of twenty departments. About two seconds of
work on one core, in small pieces between which everybody else gets his turn."""

NEWEST_KEPT_S: Final = 5.0
HISTORY_KEPT_S: Final = 30.0
"""So long an answer of the store serves everybody who asks: a wall of screens costs as much as one. The gateway writes
every 10 s, and rows of five minutes."""

KEPT_MAX: Final = 256
"""Answers that are kept; the oldest go first."""

DAY_S: Final = 24 * 3_600
"""The time that figures like "in a day" add up."""
