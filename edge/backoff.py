"""When to try again: exponential, with full jitter, a floor and a cap.

Theory of operation. After the n-th failure in a row the pause is drawn evenly from `floor_s` to `floor_s + span`, where
the span grows by `factor` up to a cap. Full jitter keeps the hundred readers of a store, which all came back with the
same power, from knocking in step. The floor bounds the rate against a device that answers at once and says no: such a
device is not overloaded, it is busy, and asking it faster than once a second only fills its log. A device that works
resets the pause only when it worked for a while, so that one that dies right after each start is not restarted in a
tight loop.

Pure: randomness comes in as `random.Random`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Pace:
    """How a pause grows. Seconds. Raises `ValueError` for a pace that would not grow or would never pause."""

    floor_s: float
    first_s: float
    factor: float
    cap_s: float

    def __post_init__(self) -> None:
        if self.floor_s < 0 or self.first_s <= 0 or self.factor < 1 or self.cap_s < self.first_s:
            raise ValueError(f"{self}: expected floor >= 0, first > 0, factor >= 1 and cap >= first")


UNREACHABLE: Final = Pace(floor_s=0.0, first_s=0.5, factor=2.0, cap_s=30.0)
"""Nobody answers: a reader that boots takes a minute, a cable pulled out a day. At the cap, four attempts a minute on
average find it within half a minute."""

REFUSED: Final = Pace(floor_s=1.0, first_s=1.0, factor=1.5, cap_s=30.0)
"""The device answers and says no: never faster than once a second, slower growing, because the other client's
leaving is worth noticing soon."""

SETTLED_S: Final = 10.0
"""A device that worked this long counts as working."""


class Backoff:
    """The pauses of one device."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def failed(self, pace: Pace) -> float:
        """Count one failure and return the pause before the next attempt, in seconds."""
        span = pace.first_s
        for _ in range(self._failures):
            span *= pace.factor
            if span >= pace.cap_s:
                span = pace.cap_s
                break
        self._failures += 1
        return pace.floor_s + self._rng.uniform(0.0, span)

    def worked(self, for_s: float) -> None:
        """Say that the device worked for `for_s` seconds: long enough, and the pauses begin anew."""
        if for_s >= SETTLED_S:
            self._failures = 0
