"""The gateway's clock: UTC in microseconds, handed to whoever needs to know the time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Clock: TypeAlias = Callable[[], int]
"""Returns now, UTC microseconds."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_MAX_US: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999: ISO 8601 text ends there."""


def system_clock() -> int:
    """Return now by the machine's clock, UTC microseconds."""
    return time.time_ns() // 1_000


def iso(at_us: int) -> str:
    """Return an instant as ISO 8601 text with milliseconds, such as `2026-11-22T05:45:00.123Z`."""
    at = _EPOCH + timedelta(microseconds=min(max(at_us, 0), _ISO_MAX_US))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03d}Z"


def iso_or_none(at_us: int | None) -> str | None:
    """Return an instant as ISO 8601 text; None and 0 (never) stay None."""
    return iso(at_us) if at_us else None
