"""The devices of one edge and their drivers: at most one driver for a device at any time, also while it is replaced.

Theory of operation. A device whose configuration changes gets a new driver. The old one is stopped first, which gives
the device back (`Driver.stop` says that no callback comes after it), and the window is closed while it still stands
here, so that what it looked at is not lost. Only then does the new one take its place and begin. What the earlier
drivers of a device counted is added to what the present one counts: reads and errors go on as if there were one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from edge.drivers.port import Driver, Sink
    from wire.messages import DeviceHealth


class Devices:
    """The drivers of one edge.

    Args:
        drivers: by device id, not started.
        sink_of: gives a device's sink.
        before_swap: called with a device after its driver was stopped and before another stands in its place.
    """

    def __init__(
        self,
        drivers: Mapping[str, Driver],
        *,
        sink_of: Callable[[str], Sink],
        before_swap: Callable[[str], None],
        log: Any,
    ) -> None:
        self.drivers: dict[str, Driver] = dict(drivers)
        """The present driver of each device. One object for as long as this lives: others may hold on to it."""
        self._sink_of = sink_of
        self._before_swap = before_swap
        self._log = log
        self._earlier: dict[str, tuple[int, int]] = {}
        """Reads and errors that earlier drivers counted."""
        self._running: set[str] = set()
        self._stopping = False

    def __iter__(self) -> Iterator[str]:
        return iter(self.drivers)

    # -- life

    def put(self, device: str, driver: Driver) -> None:
        """Choose another driver for a device before it starts."""
        assert device not in self._running, f"{device} runs: replace its driver"
        self.drivers[device] = driver

    def start(self) -> None:
        """Start all drivers."""
        for device in self.drivers:
            self._begin(device)

    async def replace(self, device: str, driver: Driver) -> str:
        """Stop a device's driver and start another one; return why not, empty when it was done.

        A driver that cannot be stopped stays: two on one device would fight for it.
        """
        old = self.drivers[device]
        try:
            await old.stop()
        except Exception as error:  # noqa: BLE001 - our bug, in one driver: the others must not suffer
            self._log.error("driver_not_stopped", device=device, error=f"{type(error).__name__}: {error}")
            return f"its driver could not be stopped ({type(error).__name__}: {error}): start the edge anew"
        if self._stopping:
            return "the edge stops"
        self._before_swap(device)
        health, (reads, errors) = old.health(), self._earlier.get(device, (0, 0))
        self._earlier[device] = (reads + health.reads, errors + health.errors)
        self._running.discard(device)
        self.drivers[device] = driver
        try:
            self._begin(device)
        except Exception as error:  # noqa: BLE001 - as above
            self._log.error("driver_not_started", device=device, error=f"{type(error).__name__}: {error}")
            return f"its new driver did not start ({type(error).__name__}: {error}): start the edge anew"
        return ""

    async def stop(self, device: str) -> None:
        """Stop a device's driver for good. Raises what the driver raises."""
        self._stopping = True
        if device in self._running:
            self._running.discard(device)
            await self.drivers[device].stop()

    def _begin(self, device: str) -> None:
        self.drivers[device].start(self._sink_of(device))
        self._running.add(device)

    # -- questions

    def health(self, device: str) -> DeviceHealth:
        """Return a device's health, with the counts of all drivers that it had."""
        health = self.drivers[device].health()
        earlier = self._earlier.get(device)
        if earlier is None:
            return health
        return msgspec.structs.replace(health, reads=health.reads + earlier[0], errors=health.errors + earlier[1])
