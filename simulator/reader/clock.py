"""The simulator's clock: one source of time, passed in everywhere.

The reader and the store never ask the operating system. A `Clock` says what time it is in the simulation (UTC
microseconds) and how long to wait in reality for a moment in it, so that a store can run at any pace.
"""

from __future__ import annotations

import time
from typing import Protocol

SECOND_US = 1_000_000


class Clock(Protocol):
    """What the adapters need of time."""

    def now_us(self) -> int:
        """Return the simulation's time, UTC microseconds. Never runs backwards."""
        ...

    def delay_s(self, until_us: int) -> float:
        """Return how many real seconds to wait until the simulation reaches `until_us`; 0 if it has."""
        ...


class SystemClock:
    """UTC taken once at the start, then carried on by the monotonic clock: a step of the host's clock is not seen.

    Args:
        pace: simulated seconds in a real one.
    """

    def __init__(self, pace: float = 1.0) -> None:
        if not pace > 0:
            raise ValueError(f"pace {pace}, expected more than 0")
        self._pace = pace
        self._start_us = time.time_ns() // 1_000
        self._start_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """Return UTC microseconds."""
        return self._start_us + int((time.monotonic_ns() - self._start_ns) * self._pace) // 1_000

    def delay_s(self, until_us: int) -> float:
        """Return the real seconds until then."""
        return max(0.0, (until_us - self.now_us()) / (SECOND_US * self._pace))


class ManualClock:
    """A clock that only moves when told: for tests of the cores."""

    def __init__(self, now_us: int = 1_700_000_000 * SECOND_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Return UTC microseconds."""
        return self._now_us

    def delay_s(self, until_us: int) -> float:
        """Return the simulated seconds until then."""
        return max(0.0, (until_us - self._now_us) / SECOND_US)

    def advance(self, seconds: float) -> int:
        """Move on, return the new time. Raises `ValueError` for a step back."""
        if seconds < 0:
            raise ValueError(f"step {seconds} s, expected 0 or more: time never runs backwards")
        self._now_us += round(seconds * SECOND_US)
        return self._now_us
