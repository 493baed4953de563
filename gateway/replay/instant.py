"""Times of reads files: seconds from the start, or ISO 8601 with its offset. Within a replay: UTC microseconds.

A file of seconds begins at a fixed instant, so that the same file gives the same bytes on every run. What is written
has the form of what was read.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.replay.limits import TIME_MAX_S

US: Final = 1_000_000
START_US: Final = 1_577_836_800 * US
"""Second 0 of a file of seconds: 2020-01-01 00:00 UTC. Trackers take 0 for "never", so it is not the epoch."""

NO_TIME: Final = -(2**63)
"""In a column: this is no time."""

_UTC: Final = "+00:00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class TimeForm(Enum):
    """How a file writes its times."""

    SECONDS = "seconds from the start"
    ISO = "ISO 8601"


def form_of(text: str) -> TimeForm:
    """Return the form that a value has: a number is seconds, everything else has to be ISO 8601."""
    try:
        float(text)
    except ValueError:
        return TimeForm.ISO
    return TimeForm.SECONDS


def seconds_us(text: str) -> int:
    """Return the instant of a number of seconds. Raises `ValueError` that says what was expected."""
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("expected seconds from the start, such as 12.345") from None
    if not -TIME_MAX_S <= seconds <= TIME_MAX_S:
        raise ValueError(f"expected seconds from the start, at most {TIME_MAX_S}")
    return START_US + round(seconds * US)


def iso_us(text: str) -> int:
    """Return the instant of an ISO 8601 time. Raises `ValueError` that says what was expected."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected ISO 8601 with its offset, such as 2026-11-22T09:30:00.5+01:00") from None
    if when.tzinfo is None:
        raise ValueError("has no offset: write 2026-11-22T09:30:00Z, or +01:00 for local time")
    at_us = (when - _EPOCH) // _MICROSECOND
    if not 0 <= at_us <= TIME_MAX_S * US:
        raise ValueError("expected a time from 1970 to 2096")
    return at_us


def instant_us(text: str, form: TimeForm) -> int:
    """Return the instant of a value of `form`. Raises `ValueError`."""
    return seconds_us(text) if form is TimeForm.SECONDS else iso_us(text)


def column_us(texts: Sequence[str], form: TimeForm) -> NDArray[np.int64]:
    """Return the instants of values of `form`, `NO_TIME` for those that are none; the same as `instant_us` each."""
    quick = _seconds_column(texts) if form is TimeForm.SECONDS else _utc_column(texts)
    if quick is not None:
        return quick
    return np.fromiter((_instant_or_none(text, form) for text in texts), np.int64, len(texts))


def _seconds_column(texts: Sequence[str]) -> NDArray[np.int64] | None:
    """As `column_us` when all are numbers, else None."""
    try:
        seconds = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None
    good = np.abs(seconds) <= TIME_MAX_S
    at_us = np.rint(np.where(good, seconds, 0.0) * US).astype(np.int64) + START_US
    return np.where(good, at_us, NO_TIME)


def _utc_column(texts: Sequence[str]) -> NDArray[np.int64] | None:
    """As `column_us` when all are written as our edge writes them, to the second or finer and in UTC; else None."""
    if not all(text.endswith(_UTC) and 25 <= len(text) <= 32 for text in texts):
        return None
    try:
        at_us = np.array([text[: -len(_UTC)] for text in texts], "datetime64[us]").astype(np.int64)
    except ValueError:
        return None
    return np.where((at_us >= 0) & (at_us <= TIME_MAX_S * US), at_us, NO_TIME)


def _instant_or_none(text: str, form: TimeForm) -> int:
    try:
        return instant_us(text, form)
    except ValueError:
        return NO_TIME


def written(at_us: int, form: TimeForm) -> str:
    """Return an instant as the file writes it, to the millisecond."""
    if form is TimeForm.SECONDS:
        return f"{(at_us - START_US) / US:.3f}"
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds")
