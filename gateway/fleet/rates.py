"""How much each device reads: samples out of the counts that edges say with their health, and their medians. Pure.

An edge says a rate of its own, over its last minute. Here a rate is the difference of two counts over the time between
them, so that each sample has a beginning and an end, and one that began before a change is never taken for one after.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from gateway.fleet.device import DeviceName, Rate
from gateway.fleet.limits import DEVICES_MAX, SAMPLES_KEPT
from wire.messages import DeviceHealth, EdgeState

MIN_S = 1.0
"""Two states within a second say too little."""
MAX_S = 300.0
"""Longer than ten healths: the edge was away, and what it read then is no rate of now."""


class _Sample(NamedTuple):
    began_us: int
    ended_us: int
    per_min: float


@dataclass(slots=True)
class _Device:
    said_us: int  # by the edge's clock
    heard_us: int  # by ours
    reads: int
    health: DeviceHealth
    samples: deque[_Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))


class Rates:
    """What one process has heard of the health of devices. `heard_us` are instants of the gateway's clock."""

    def __init__(self) -> None:
        self._devices: dict[DeviceName, _Device] = {}
        self._gone: set[tuple[str, str]] = set()
        self.left_out = 0
        """Devices that found no room."""

    def heard(self, state: EdgeState, heard_us: int) -> None:
        """Take what an edge said of itself."""
        edge = (state.site, state.edge)
        if state.what == "death":
            self._gone.add(edge)
            return
        self._gone.discard(edge)
        for health in state.devices:
            self._take(DeviceName(*edge, health.device), health, state.at_us, heard_us)

    def _take(self, name: DeviceName, health: DeviceHealth, said_us: int, heard_us: int) -> None:
        known = self._devices.get(name)
        if known is None:
            if len(self._devices) >= DEVICES_MAX:
                self.left_out += 1
                return
            self._devices[name] = _Device(said_us, heard_us, health.reads, health)
            return
        lasted_s = (said_us - known.said_us) / 1e6
        if 0 <= lasted_s < MIN_S:
            known.health = health
            return
        was_up = known.health.state == "up" and health.state == "up"
        if was_up and MIN_S <= lasted_s <= MAX_S and health.reads >= known.reads:
            per_min = (health.reads - known.reads) * 60.0 / lasted_s
            known.samples.append(_Sample(heard_us - round(lasted_s * 1e6), heard_us, per_min))
        known.said_us, known.heard_us, known.reads, known.health = said_us, heard_us, health.reads, health

    def names(self) -> Iterable[DeviceName]:
        """Return the devices that were heard of, sorted."""
        return sorted(self._devices)

    def up(self, name: DeviceName) -> bool | None:
        """Whether a device is up; None: nobody said."""
        if (name.site, name.edge) in self._gone:
            return False
        known = self._devices.get(name)
        return None if known is None else known.health.state == "up"

    def said(self, name: DeviceName) -> str:
        """Return how its edge last described a device, in words."""
        if (name.site, name.edge) in self._gone:
            return "its edge is offline"
        known = self._devices.get(name)
        if known is None:
            return "nothing is known of it"
        error = known.health.last_error
        return known.health.state if known.health.state == "up" or not error else f"{known.health.state}: {error}"

    def health(self, name: DeviceName) -> DeviceHealth | None:
        """Return a device's newest health."""
        known = self._devices.get(name)
        return None if known is None else known.health

    def between(self, name: DeviceName, from_us: int, to_us: int) -> Rate:
        """Return the median of the samples that lie wholly within two instants."""
        known = self._devices.get(name)
        found = [
            sample.per_min
            for sample in (() if known is None else known.samples)
            if from_us <= sample.began_us and sample.ended_us <= to_us
        ]
        return Rate(round(median(found), 1), len(found)) if found else Rate(0.0, 0)
