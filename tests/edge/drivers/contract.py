"""What a test needs of a driver's device: the rig that each driver brings along, and what a test sees of the driver.

A rig is an emulated device on a real transport (TCP, a pty, a broker, a folder) and the driver of it, built the way
the daemon builds it (`edge.drivers.build_driver`). It lives in `rig_<driver>.py` beside this file, which has

    RIGS: dict[str, RigFactory]

one entry for each way that the device can be attached ("impinj_iot-http", "impinj_iot-mqtt"); a factory takes a folder
of its own (not made yet) and gives an async context manager. `test_driver_contract.py` finds the files by itself.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

from edge.drivers.port import Host, Sink, What

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.drivers.port import Driver
    from wire.messages import CountBatch, DeviceEvent, Scan
    from wire.window import TagRead

PATIENCE_S = 30.0
"""Ends a test that has failed already; no test passes or fails by it."""


class ShortPause(Random):
    """The shortest pause that a pace allows, and a little: an absent device is tried about twenty times a second."""

    def uniform(self, a: float, b: float) -> float:
        """Return nearly the lower end."""
        return min(b, a + 0.05)


def rig_host() -> Host:
    """Return this machine's clocks and short pauses: what a rig builds its driver with."""
    return Host(lambda: time.time_ns() // 1_000, time.monotonic, ShortPause())


@dataclass(slots=True)
class Told:
    """All that a driver handed over, in lists."""

    reads: list[TagRead] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    counts: list[CountBatch] = field(default_factory=list)

    def sink(self) -> Sink:
        """Return the sink to start the driver with."""
        return Sink(self.reads.extend, self.events.append, self.scans.extend, self.counts.append)

    def total(self) -> int:
        """Return how many things were handed over."""
        return len(self.reads) + len(self.events) + len(self.scans) + len(self.counts)

    def times(self, *whats: What) -> int:
        """Return how often one of these events was told."""
        return sum(event.what in whats for event in self.events)


class DriverRig(Protocol):
    """One emulated device with its driver. Entering starts the device; the driver is started by the test."""

    @property
    def driver(self) -> Driver:
        """The driver of the device, built and not started."""

    @property
    def gives(self) -> Literal["reads", "scans", "counts"]:
        """Where that which it sees arrives: as tag reads, as scans (whose text contains the EPC as upper-case
        hexadecimal), or as parts of a count.
        """

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that the site file gives it; empty for a scanner or a folder."""

    @property
    def looks(self) -> bool:
        """Whether its ports earn inventory time by themselves, while it is up and nothing is presented."""

    @property
    def told_bad(self) -> bool:
        """Whether what `babble` sends can be told from something good: then it has to be counted and told."""

    async def __aenter__(self) -> Self:
        """Start the emulated device."""

    async def __aexit__(self, *_: object) -> None:
        """End it; nothing of it may stay behind (the leak tests count tasks, descriptors and threads)."""

    async def present(self, epc: bytes, port: int) -> None:
        """Let the device see this once and report it now. Does nothing when nobody is connected. EPCs are 12 bytes."""

    async def vanish(self) -> None:
        """Take the device away: cable pulled, power gone, folder unmounted."""

    async def come_back(self) -> None:
        """Bring it back at the same address, without memory of its client."""

    async def babble(self, nonsense: bytes) -> None:
        """Let it send one unit of its framing (message, line, frame, file) that holds these bytes and is nonsense."""


RigFactory: TypeAlias = "Callable[[Path], DriverRig]"


class Bench:
    """A rig under test: the driver's life, what it told, and waiting for it."""

    def __init__(self, rig: DriverRig) -> None:
        self.rig = rig
        self.driver = rig.driver
        self.told = Told()

    def start(self) -> None:
        """Start the driver."""
        self.driver.start(self.told.sink())

    def state(self) -> str:
        """Return the condition of the device, as the driver sees it."""
        return self.driver.health().state

    async def up(self, times: int = 1) -> None:
        """Wait until the device is up, and was told so `times` times."""
        await until(
            lambda: self.state() == "up" and self.told.times(What.UP) >= times,
            lambda: f"the device to be up {times} times: {self.driver.health()}",
        )

    async def away(self) -> None:
        """Wait until the driver noticed that the device is not there."""
        await until(
            lambda: self.state() in ("down", "refused"), lambda: f"the device to be down: {self.driver.health()}"
        )

    async def seen(self, epc: bytes, port: int) -> None:
        """Present this until it was handed over: what a device reports before it is asked to may be lost."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.has(epc):
                await self.rig.present(epc, port)
                for _ in range(20):
                    if self.has(epc):
                        return
                    await asyncio.sleep(0.01)

    def has(self, epc: bytes) -> bool:
        """Whether this was handed over."""
        if self.rig.gives == "reads":
            return any(read.epc == epc for read in self.told.reads)
        if self.rig.gives == "scans":
            return any(epc.hex().upper() in scan.text for scan in self.told.scans)
        return any(epc in part.epcs for part in self.told.counts)

    def credited(self) -> dict[int, int]:
        """Return the milliseconds that each port looked since the last call; checks the rows on the way."""
        rows = self.driver.looked(time.monotonic())
        assert tuple(row.port for row in rows) == self.rig.ports, "one row for each configured port, in its order"
        assert all(row.device == self.driver.health().device for row in rows)
        assert all(row.inventory_ms >= 0 and row.foreign == 0 for row in rows)
        return {row.port: row.inventory_ms for row in rows}


async def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for a condition; fail with `what` when it never comes."""
    began_s = time.monotonic()
    while not condition():  # conditions of many kinds, none of them an event
        assert time.monotonic() - began_s < PATIENCE_S, f"waited {PATIENCE_S:g} s for {what()}"
        await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds: tasks of the loop, descriptors, threads (without the loop's own pool, which stays)."""

    tasks: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Held:
        """Count, after garbage is gone."""
        gc.collect()
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return cls(len(asyncio.all_tasks()), len([*Path("/proc/self/fd").iterdir()]), len(threads))

    def no_more_than(self, other: Held) -> bool:
        """Whether nothing is held beyond `other`."""
        return self.tasks <= other.tasks and self.descriptors <= other.descriptors and self.threads <= other.threads
