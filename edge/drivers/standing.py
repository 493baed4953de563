"""How a device stands: what every driver tells of it, told once and the same way.

A device is `connecting` (before the first result), `up`, `down` or `refused`. Only a change of that is
told and logged, not each attempt; each failure counts. What came and could not be understood is told in one event a
second, with its number, however much of it comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import structlog

from edge.drivers.port import What
from wire.messages import DeviceEvent, DeviceHealth

if TYPE_CHECKING:
    from edge.drivers.port import Host, OnEvent

Condition: TypeAlias = Literal["connecting", "up", "down", "refused"]

BAD_EVENT_PAUSE_S: Final = 1.0
"""A device that sends nothing but rubbish gets one event a second, with a count."""


class Standing:
    """The standing of one device. `driver` is its name in the site file."""

    def __init__(self, device: str, driver: str, host: Host) -> None:
        self.device = device
        self.condition: Condition = "connecting"
        self.reads = 0
        """Reads or scans that were handed over."""
        self.temperature_c: float | None = None
        """Where the device tells it."""
        self.leaving = False
        """The driver is told to stop: that the device goes down now is no failure."""
        self.log: Any = structlog.get_logger("edge.drivers").bind(device=device, driver=driver)
        self._driver = driver
        self._host = host
        self._on_event: OnEvent
        self._since_us = host.wall_us()
        self._errors = 0
        self._last_error = ""
        self._bad = 0
        self._bad_problem = ""
        self._bad_told_s = float("-inf")

    def tell_to(self, on_event: OnEvent) -> None:
        """Say who gets the events, before the first one."""
        self._on_event = on_event

    def health(self) -> DeviceHealth:
        """Return the device as it is now."""
        return DeviceHealth(
            device=self.device,
            driver=self._driver,
            state=self.condition,
            since_us=self._since_us,
            reads=self.reads,
            errors=self._errors,
            last_error=self._last_error,
            holder=self._last_error if self.condition == "refused" else "",
            temperature_c=self.temperature_c,
        )

    def enter(self, condition: Condition, reason: str = "") -> None:
        """Take up a condition; a `reason` is counted as a failure, a change is told and logged."""
        if reason and not self.leaving:
            self._errors += 1
        self._last_error = _sayable(reason) or self._last_error
        if condition == self.condition:
            return
        was, self.condition = self.condition, condition
        self._since_us = self._host.wall_us()
        if condition == "up":
            self.tell(What.UP)
            self.log.info("device up", was=was)
        elif self.leaving:
            self.log.info("device left", was=was)
        else:
            self.tell(What.REFUSED if condition == "refused" else What.LOST, reason)
            self.log.warning("device refused" if condition == "refused" else "device down", was=was, reason=reason)

    def tell(self, what: What, detail: str = "", port: int | None = None) -> None:
        """Hand an event over."""
        self._on_event(DeviceEvent(self.device, self._host.wall_us(), what.value, port, _sayable(detail)))

    def count_bad(self, problem: str, count: int = 1) -> None:
        """Count what could not be understood and is lost; `tell_bad_in_time` says so."""
        self._bad += count
        self._bad_problem = problem
        self._errors += count
        self._last_error = _sayable(problem)

    def tell_bad_in_time(self, now_s: float) -> None:
        """Tell what was bad, if the last time is long enough ago. `now_s`: monotonic."""
        if self._bad and now_s >= self._bad_told_s + BAD_EVENT_PAUSE_S:
            self.tell_bad(now_s)

    def tell_bad(self, now_s: float) -> None:
        """Tell what could not be understood since the last time, in one event."""
        if self._bad:
            self.tell(What.UNDECODABLE, f"{self._bad}: {self._bad_problem}")
            self._bad, self._bad_problem, self._bad_told_s = 0, "", now_s


def _sayable(text: str) -> str:
    """Return a text that a message can hold: half a character, from a file name or a device, becomes `?`."""
    return text.encode("utf-8", "replace").decode()
