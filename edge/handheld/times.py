"""Times as handhelds write them, as UTC in microseconds. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_NUMBER: Final = re.compile(r"([0-9]{9,17})(\.[0-9]{1,9})?", re.ASCII)
_SLASHES: Final = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})", re.ASCII)
_US_PER: Final = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Seconds, milliseconds or microseconds since 1970, told apart by size: each reaches from 1973 to beyond 5000."""

_LAST_US: Final = 253_402_300_800_000_000
"""The first instant of the year 10000, which no calendar here can name any more."""

EXPECTED: Final = (
    "expected year first, as 2026-11-22 15:14:18 (with an offset, or in the store's time zone), or Unix time"
)


def instant_us(text: str, zone: ZoneInfo) -> int:
    """Return the instant that a text names; one without offset is `zone`'s. Raises `ValueError` that says what is read.

    Day-first and month-first dates are refused: nobody can tell 11/12 from 12/11.
    """
    number = _NUMBER.fullmatch(text)
    if number is not None:
        value = int(number[1])
        factor = next(factor for top, factor in _US_PER if value < top)
        return value * factor + round(float(number[2] or 0) * factor)
    try:
        found = datetime.fromisoformat(_SLASHES.sub(r"\1-\2-\3", text))
        utc_us = round((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() * 1e6)
    except (ValueError, OverflowError) as error:
        raise ValueError(EXPECTED) from error
    if not 0 <= utc_us < _LAST_US:
        raise ValueError(EXPECTED)
    return utc_us
