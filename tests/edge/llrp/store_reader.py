"""A driver, its site and its simulated reader over TCP, ready to be watched."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING, Self

from edge.drivers import build_driver
from edge.drivers.port import Host
from simulator.reader.sighting import Sighting
from tests.edge.fake_driver import sink_of
from wire.site import Antenna, Device, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.reader.server import ReaderServer
    from wire.messages import DeviceEvent
    from wire.window import TagRead

KEEPALIVE_S = 1.0
"""The watchdog bites after 2.5 of them: long enough for a busy machine."""
SITE = Site(
    "store-001",
    "Main Street",
    "UTC",
    (
        Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"),
        Zone("FIT", ZoneKind.FITTING_ROOM, False, "FIT"),
        Zone("EXIT", ZoneKind.EXIT, False, "FLOOR"),
    ),
    (),
    (),
)


SIGN_EPC = b"sign of life"
"""Twelve bytes, like any EPC."""


class NoPause(Random):
    """The shortest pause that a pace allows: for tests that reconnect often."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


def host(rng: Random | None = None) -> Host:
    return Host(lambda: time.time_ns() // 1_000, time.monotonic, rng or NoPause())


def device(
    address: str, profile: str = "impinj-r420-stock", zones: Sequence[str] = ("FLOOR", "FIT", "EXIT", "FLOOR")
) -> Device:
    antennas = tuple(Antenna(port, zone) for port, zone in enumerate(zones, 1))
    return Device(
        "R1", Driver.LLRP, address, "edge-1", profile, antennas=antennas, options={"keepalive_s": KEEPALIVE_S}
    )


class Watched:
    """A driver that runs, and all that it told."""

    def __init__(
        self,
        address: str,
        profile: str = "impinj-r420-stock",
        rng: Random | None = None,
        options: Mapping[str, str | int | float | bool] | None = None,
    ) -> None:
        asked = device(address, profile)
        asked.options.update(options or {})
        self.driver = build_driver(asked, SITE, host(rng))
        self.reads: list[TagRead] = []
        self.events: list[DeviceEvent] = []

    async def __aenter__(self) -> Self:
        self.driver.start(sink_of(self.take, self.events.append))
        return self

    def take(self, reads: list[TagRead]) -> None:
        self.reads += [read for read in reads if read.epc != SIGN_EPC]

    async def __aexit__(self, *_: object) -> None:
        await self.driver.stop()

    def told(self) -> list[str]:
        return [event.what for event in self.events]

    def state(self) -> str:
        return self.driver.health().state


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for a condition; the timeout only ends a test that has failed already."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds, none of them an event
            await asyncio.sleep(0.005)


async def up(watched: Watched, reader: ReaderServer) -> None:
    """Wait until the reader is up, with tags as its first sign of life that `watched` does not show."""
    await until(lambda: reader.connected and reader.looking is not None)
    while watched.state() != "up":
        reader.feed([Sighting(SIGN_EPC, 96, 1, -6_000, reader.clock.now_us())])
        await asyncio.sleep(0.02)
