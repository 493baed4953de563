"""The daemon around a change of a device: its stop, its counts, its windows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from edge.daemon import EdgeDaemon
from edge.uplink.memory import MemoryBroker, MemoryUplink
from tests.edge.configuration.twin import EDGE, SITE_ID, desired, own_profile, site_of
from tests.edge.fake_driver import FakeDriver
from tests.edge.uplink_sides import system_host, until
from wire.configuration import decode_reported, encode_desired

if TYPE_CHECKING:
    from pathlib import Path


class SlowDriver(FakeDriver):
    """It leaves when it may, and notes the last look that it was asked for."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.may_leave = asyncio.Event()
        self.leaving = asyncio.Event()
        self.looks_after_stop = 0

    async def stop(self) -> None:
        self.leaving.set()
        await self.may_leave.wait()
        await super().stop()

    def looked(self, now_s: float):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the port's
        self.looks_after_stop += not self.running and self.stops > 0
        return super().looked(now_s)


class Edge:
    """A daemon on a memory broker; `made` are the drivers that it had built."""

    def __init__(self, folder: Path) -> None:
        self.broker = MemoryBroker()
        self.first = SlowDriver("R1")
        self.made: list[FakeDriver] = []
        self.daemon = EdgeDaemon(
            site_of({"R1": "127.0.0.1:1"}),
            EDGE,
            drivers={"R1": self.first},
            uplink=lambda site, edge: MemoryUplink(self.broker, site, edge),
            outbox_path=folder / "outbox.db",
            host=system_host(),
            log=structlog.get_logger("test"),
            build=self._build,
        )

    def _build(self, *_: object) -> FakeDriver:
        self.made.append(FakeDriver("R1"))
        return self.made[-1]

    async def begin_a_change(self) -> None:
        await self.daemon.start()
        self.broker.desire(SITE_ID, EDGE, encode_desired(desired(1, {"R1": own_profile()})))
        await self.first.leaving.wait()


async def test_a_stop_amid_a_change_starts_nothing_any_more(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    await edge.begin_a_change()
    stopping = asyncio.create_task(edge.daemon.stop(0.0))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    edge.first.may_leave.set()
    await stopping
    await asyncio.sleep(0.05)
    assert [driver.running for driver in (edge.first, *edge.made)] == [False, False]
    assert edge.made[0].sink is None


async def test_what_the_old_driver_looked_at_goes_into_a_window_of_its_own(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    edge.first.counted = 5
    await edge.begin_a_change()
    edge.first.may_leave.set()
    await until(lambda: bool(edge.made) and edge.made[0].running, "the new driver")
    assert edge.first.looks_after_stop == 1
    edge.made[0].counted = 2
    assert edge.daemon.stats().devices[0].reads == 7
    await until(lambda: (SITE_ID, EDGE) in edge.broker.reported, "a report")
    assert decode_reported(edge.broker.reported[SITE_ID, EDGE]).version == 1
    await edge.daemon.stop(0.0)
