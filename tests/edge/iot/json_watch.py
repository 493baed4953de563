"""A driver of a reader that speaks JSON, running, and all that it told."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from edge.drivers import build_driver
from edge.drivers.port import Host
from tests.edge.drivers.contract import ShortPause, Told, until
from tests.edge.iot.json_sites import SITE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from edge.drivers.port import Driver
    from wire.site import Device


def host(rng: Random | None = None) -> Host:
    return Host(lambda: time.time_ns() // 1_000, time.monotonic, rng or ShortPause())


class Watch:
    """A running driver."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.told = Told()

    def whats(self) -> list[str]:
        return [event.what for event in self.told.events]

    def details(self, what: str) -> list[str]:
        return [event.detail for event in self.told.events if event.what == what]

    def state(self) -> str:
        return self.driver.health().state

    def reason(self) -> str:
        return self.driver.health().last_error

    async def up(self, times: int = 1) -> None:
        await until(
            lambda: self.state() == "up" and self.whats().count("up") >= times,
            lambda: f"up: {self.driver.health()} {self.told.events}",
        )

    async def down(self, words: str) -> None:
        """Wait until it is not up, for a reason with these words in it."""
        await until(
            lambda: self.state() in ("down", "refused") and words in self.reason(),
            lambda: f"{words!r}: {self.driver.health()}",
        )

    async def seen(self, count: int) -> None:
        await until(lambda: len(self.told.reads) >= count, lambda: f"{count} reads: {len(self.told.reads)}")

    async def heard(self, what: str, words: str = "") -> None:
        await until(
            lambda: any(words in detail for detail in self.details(what)),
            lambda: f"{what} {words!r}: {self.told.events}",
        )

    def looked_ms(self) -> list[int]:
        return [look.inventory_ms for look in self.driver.looked(time.monotonic())]


@asynccontextmanager
async def watched(device: Device) -> AsyncIterator[Watch]:
    watch = Watch(build_driver(device, SITE, host()))
    watch.driver.start(watch.told.sink())
    try:
        yield watch
    finally:
        await watch.driver.stop()
