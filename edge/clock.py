"""How far a device's clock is from the host's, told from the arrival of its messages.

Theory of operation. A message cannot arrive before it was made. So with every (device time, host time of arrival) pair
the true offset is at most `host - device`, and the difference is the delay of that message. Delays vary, and the
smallest of many comes close to none: the offset is the *lower envelope*, the minimum over a window. Reports that a
reader held back while it was cut off lie far above the envelope and do not move it; with the envelope they keep their
own old time, where "shift so that the newest becomes now" would turn them into sightings of the present.

The window is a ring of short buckets, each with its minimum, so the estimate follows drift (50 ppm is 15 ms in five
minutes) and costs a constant. A device clock that jumps *forward* shows soon: a message would have arrived before it
was made. One such message proves nothing (a wild time in a single report), and must not move the envelope for five
minutes; two in a row that agree are a step. A clock that jumps *backward* looks like delay; it is believed when every
message of two buckets in a row is late. A message that is known to be fresh (the greeting of a new connection) is
believed at once, either way. After a step the window begins anew. Before the first fresh message, and within the first
bucket, a fall of the envelope is no step: it only finds its level. Devices without a UTC clock give microseconds since
their boot; to the envelope that is just a large offset, and a reboot is a step back that is not reported as one.

Times are integers in microseconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wire.messages import ClockQuality

BUCKET_US: Final = 10_000_000
"""Ten seconds: long enough that one fresh message falls into each bucket of a live reader."""
BUCKETS: Final = 30
"""Five minutes: a drift of 50 ppm moves the offset by 15 ms in it, below a report's own delay."""
STEP_US: Final = 500_000
"""Half a second: no LAN delays every message of ten seconds by so much, and NTP slews smaller errors away."""
AGREE_US: Final = 5_000_000
"""Two messages from the future mean the same step when they are no further apart: reports gather for seconds."""
SYNCED_US: Final = 100_000
"""A device within a tenth of a second of the host counts as synchronised: a shopper walks 15 cm in it."""


@dataclass(slots=True)
class _Bucket:
    number: int
    lowest_us: int


@dataclass(slots=True)
class OffsetEstimate:
    """The offset of one device clock (`host - device`, in us). `uptime`: it counts from boot, not from 1970."""

    uptime: bool = False
    offset_us: int = 0
    steps: int = 0
    _buckets: deque[_Bucket] = field(default_factory=lambda: deque(maxlen=BUCKETS))
    _stepped_until: int | None = None
    _trusted: bool = False
    _ahead: int | None = None
    """The offset that the last message would mean, if it came from the future."""

    def sample(self, device_us: int, host_us: int, *, fresh: bool = False) -> int | None:
        """Take one message made at `device_us`, arrived at `host_us`; return the jump in us if the clock stepped.

        `fresh`: the message is known to have been made just now, so that its lateness means a step.
        """
        seen = host_us - device_us
        number = host_us // BUCKET_US
        buckets = self._buckets
        if not buckets:
            self._begin(number, seen, fresh=fresh)
            return None
        newest = buckets[-1]
        jump = seen - self.offset_us
        if self._trusted and fresh and abs(jump) > STEP_US:
            return self._step(number, seen, jump)
        if self._trusted and jump < -STEP_US:
            return self._from_the_future(number, seen, jump)
        self._ahead = None
        self._trusted = self._trusted or fresh
        if number > newest.number:
            return self._turn(number, seen)
        if seen < newest.lowest_us:
            newest.lowest_us = seen
            self.offset_us = min(self.offset_us, seen)
        return None

    def _from_the_future(self, number: int, seen: int, jump: int) -> int | None:
        """Believe the second of two messages that arrived before they were made, and mean the same."""
        before, self._ahead = self._ahead, seen
        if before is None or abs(seen - before) > AGREE_US:
            return None
        lower = min(seen, before)
        return self._step(number, lower, jump + lower - seen)

    def _turn(self, number: int, seen: int) -> int | None:
        """Close the running bucket and begin the next one."""
        buckets = self._buckets
        self._trusted = True
        if len(buckets) > 2:
            late = min(buckets[-1].lowest_us, buckets[-2].lowest_us) - self.offset_us
            if late > STEP_US:
                return self._step(number, min(seen, self.offset_us + late), late)
        if number - buckets[-1].number >= BUCKETS:  # a long silence: its first word may be one that was held back
            buckets[0] = _Bucket(buckets[-1].number, self.offset_us)
            while len(buckets) > 1:
                buckets.pop()
        buckets.append(_Bucket(number, seen))
        while number - buckets[0].number >= BUCKETS and len(buckets) > 2:
            buckets.popleft()
        self.offset_us = min(bucket.lowest_us for bucket in buckets)
        return None

    def quality(self, host_us: int) -> ClockQuality:
        """Return how far the device's times can be trusted at `host_us`."""
        if not self._buckets:
            return "unknown"
        if self._stepped_until is not None and host_us // BUCKET_US < self._stepped_until:
            return "stepped"
        return "estimated" if self.uptime or abs(self.offset_us) > SYNCED_US else "synced"

    def _begin(self, number: int, seen: int, *, fresh: bool) -> None:
        self._buckets.append(_Bucket(number, seen))
        self.offset_us = seen
        self._trusted = fresh

    def _step(self, number: int, seen: int, jump: int) -> int | None:
        self._buckets.clear()
        self._ahead = None
        self._begin(number, seen, fresh=True)
        if self.uptime and jump > 0:
            return None  # a reboot: counting from boot begins anew, nothing is wrong
        self.steps += 1
        self._stepped_until = number + BUCKETS
        return jump


@dataclass(slots=True)
class DeviceTime:
    """The clocks of one device: UTC, uptime, or (some readers) first one and then the other."""

    _utc: OffsetEstimate = field(default_factory=OffsetEstimate)
    _uptime: OffsetEstimate = field(default_factory=lambda: OffsetEstimate(uptime=True))
    _last: OffsetEstimate | None = None

    def sample(self, device_us: int, host_us: int, *, uptime: bool, fresh: bool = False) -> int | None:
        """Take one message's time; return the jump in us if that clock stepped."""
        self._last = self._uptime if uptime else self._utc
        return self._last.sample(device_us, host_us, fresh=fresh)

    def offset_us(self, *, uptime: bool) -> int:
        """Return what to add to a device time to get the host's UTC."""
        return (self._uptime if uptime else self._utc).offset_us

    def quality(self, host_us: int) -> ClockQuality:
        """Return the quality of the clock that was heard last."""
        return self._last.quality(host_us) if self._last is not None else "unknown"

    def shift_us(self) -> int:
        """Return the offset of the clock that was heard last; 0 before the first."""
        return self._last.offset_us if self._last is not None else 0
