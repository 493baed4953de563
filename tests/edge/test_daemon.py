"""A whole edge in one loop: reads in at the drivers, batches out at the gateway's half."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from edge.daemon import EdgeDaemon
from edge.drivers.port import What
from edge.errors import OutboxLocked
from edge.limits import OUTBOX_SILENT_S, WINDOW_LATE_S
from edge.uplink.memory import MemoryBroker, MemoryUplink
from edge.uplink.port import Uplink
from tests.edge.fake_driver import OURS, FakeDriver, small_site, tag_read
from tests.edge.gateway_half import GatewayHalf
from tests.edge.uplink_sides import system_host, until
from wire.messages import (
    AntennaLook,
    AntennaSettings,
    CountBatch,
    DeviceEvent,
    DeviceEvents,
    EdgeState,
    ForgetSold,
    Gap,
    ReadBatch,
    ReadMore,
    Rebirth,
    decode_durable,
)

SITE = "store-1"


class Gateway:
    """Serves a memory broker: takes every frame, commits, answers."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.halves: dict[str, GatewayHalf] = {}
        self.silent = False

    async def run(self) -> None:
        while True:
            while self.broker.data and not self.silent:
                site, edge, frame = self.broker.pop()
                half = self.halves.setdefault(edge, GatewayHalf())
                answer = half.receive(frame)
                half.commit()
                self.broker.ack(site, edge, answer)
            await asyncio.sleep(0.005)

    def messages(self, edge: str = "edge-1") -> list[object]:
        return [decode_durable(body) for body in self.halves.get(edge, GatewayHalf()).durable.log]

    def observations(self, edge: str = "edge-1") -> int:
        return sum(len(one.observations()) for one in self.messages(edge) if isinstance(one, ReadBatch))


class Shop:
    """A site with drivers, broker and gateway; builds daemons."""

    def __init__(self, folder: Path, edges: tuple[str, ...] = ("edge-1",)) -> None:
        self.folder = folder
        self.site = small_site(edges=edges)
        self.broker = MemoryBroker()
        self.gateway = Gateway(self.broker)
        self.drivers = {device.id: FakeDriver(device.id) for device in self.site.devices}

    def daemon(self, edge: str = "edge-1", *, say_lost_outbox: bool = False) -> EdgeDaemon:
        own = {device.id: self.drivers[device.id] for device in self.site.devices_of(edge)}

        def uplink(site: str, name: str) -> Uplink:
            return MemoryUplink(self.broker, site, name)

        return EdgeDaemon(
            self.site,
            edge,
            drivers=own,
            uplink=uplink,
            outbox_path=self.folder / f"{edge}.db",
            host=system_host(),
            log=structlog.get_logger(),
            config_hash="abc",
            say_lost_outbox=say_lost_outbox,
        )

    def read(self, device: str = "R1", count: int = 1) -> None:
        now_us = time.time_ns() // 1_000
        self.drivers[device].push(*(tag_read(i.to_bytes(12, "big"), at_us=now_us) for i in range(1, count + 1)))

    def state(self, edge: str = "edge-1") -> EdgeState | None:
        return self.broker.states.get((SITE, edge))


@asynccontextmanager
async def open_shop(folder: Path, edges: tuple[str, ...] = ("edge-1",)) -> AsyncIterator[Shop]:
    shop = Shop(folder, edges)
    serving = asyncio.create_task(shop.gateway.run())
    try:
        yield shop
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_reads_reach_the_gateway_and_the_figures_agree(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        shop.read(count=30)
        await until(lambda: shop.gateway.observations() == 30, "all observations")
        shop.read(count=7)
        await daemon.stop()
        assert shop.gateway.observations() == 37
        stats = daemon.stats()
        assert stats.outbox.accepted_observations == 37
        assert (stats.outbox.rows, stats.waiting_rows) == (0, 0)
        assert stats.pipeline.reads == 37
        assert not shop.drivers["R1"].running


async def test_birth_health_death_are_retained(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: shop.state() is not None, "birth")
        state = shop.state()
        assert state is not None
        assert (state.what, state.stream, state.config_hash) == ("birth", daemon.stats().stream, "abc")
        assert [device.device for device in state.devices] == ["R1"]
        await daemon.stop()
        state = shop.state()
        assert state is not None
        assert state.what == "death"


async def test_a_rebirth_is_answered_and_sold_tags_are_dropped(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: shop.state() is not None, "birth")
        shop.broker.states.clear()
        shop.broker.command(SITE, "edge-1", Rebirth())
        await until(lambda: shop.state() is not None, "the second birth")
        shop.broker.command(SITE, "edge-1", ForgetSold(epcs=((1).to_bytes(12, "big").hex(),), grace_s=0))
        await asyncio.sleep(0.02)
        shop.read(count=2)
        await daemon.stop()
        assert shop.gateway.observations() == 1


class SettledDriver(FakeDriver):
    """Says once how it inventories, and can look harder."""

    told = False
    harder: tuple[float, ...] = ()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:
        first, second = super().looked(now_s)
        settings = None if self.told else AntennaSettings(session=2, target="single")
        self.told = True
        return msgspec.structs.replace(first, settings=settings), second

    def look_harder(self, seconds: float) -> bool:
        self.harder += (seconds,)
        return True


def settings_of(messages: list[object]) -> list[bool]:
    """Whether each window says how port 1 inventories."""
    return [one.antennas[0].settings is not None for one in messages if isinstance(one, ReadBatch)]


async def test_settings_are_said_again_to_whoever_missed_them(tmp_path: Path) -> None:
    """After a rebirth, and when a new stream begins: the rows that said them may be lost."""
    async with open_shop(tmp_path) as shop:
        shop.drivers["R1"] = SettledDriver("R1")
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: len(settings_of(shop.gateway.messages())) >= 2, "two windows")
        assert settings_of(shop.gateway.messages())[:2] == [True, False]
        shop.broker.command(SITE, "edge-1", Rebirth())
        await until(lambda: settings_of(shop.gateway.messages()).count(True) == 2, "the settings again")
        daemon._forwarder.delivery._live = daemon._forwarder.delivery._begin(b"another stream !")
        await until(lambda: settings_of(shop.gateway.messages()).count(True) == 3, "the settings in the new stream")
        await daemon.stop()


async def test_who_can_look_harder_is_asked_to(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        able = shop.drivers["R1"] = SettledDriver("R1")
        daemon = shop.daemon()
        with capture_logs() as logs:
            await daemon.start()
            await until(lambda: shop.state() is not None, "birth")
            shop.broker.command(SITE, "edge-1", ReadMore(zones=("FLOOR",), seconds=30))
            shop.broker.command(SITE, "edge-1", ReadMore(zones=("ELSEWHERE",), seconds=31))
            await until(lambda: sum(entry["event"] == "read_more" for entry in logs) == 2, "both commands")
            await daemon.stop()
        assert able.harder == (30,)
        told = [(entry["devices"], entry["as_before"]) for entry in logs if entry["event"] == "read_more"]
        assert told == [(["R1"], []), ([], [])]


async def test_health_says_what_the_daemon_knows_of_a_device(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: shop.state() is not None, "birth")
        state = shop.state()
        assert state is not None
        (device,) = state.devices
        assert (device.clock, device.clock_offset_ms) == ("synced", 3)
        assert [(antenna.port, antenna.state) for antenna in device.antennas] == [(1, "unknown"), (2, "unknown")]
        assert state.started_us > 0
        assert state.disk == "ok"
        await daemon.stop()


async def test_a_driver_hears_when_what_it_handed_over_is_durable(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        driver = shop.drivers["R1"]
        assert driver.sink is not None
        assert driver.sink.stored is not None
        count = CountBatch(site=SITE, edge="edge-1", session="s1", zone="FLOOR", started_us=1, epcs=(OURS,))
        before = daemon.stats().outbox.accepted_rows
        driver.sink.on_count(count)
        assert await driver.sink.stored()
        assert daemon.stats().outbox.accepted_rows > before
        await daemon.stop()


async def test_a_daemon_that_hangs_is_seen_to(tmp_path: Path) -> None:
    """The watchdog's question: do windows close, does the outbox answer?"""
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        assert not daemon.works()
        await daemon.start()
        assert daemon.works()
        late = daemon._host
        daemon._host = late._replace(monotonic_s=lambda: late.monotonic_s() + WINDOW_LATE_S + 1)
        assert not daemon.works()
        daemon._host = late
        assert daemon.works()
        holding = threading.Event()
        stuck = asyncio.create_task(daemon._outbox._run(lambda: holding.wait(30)))
        await asyncio.sleep(0.01)
        shop.read()
        daemon._pipeline.close()
        await asyncio.sleep(0.01)
        shop.read()
        daemon._pipeline.close()
        assert daemon.works()  # a card may stall for a while
        daemon._outbox_s -= OUTBOX_SILENT_S + 1
        assert not daemon.works()
        holding.set()
        await stuck
        await until(daemon.works, "the outbox to answer")
        await daemon.stop()
        assert not daemon.works()


async def test_windows_close_every_second_also_when_empty(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: len(shop.gateway.messages()) >= 2, "two windows")
        await daemon.stop()
        batches = [one for one in shop.gateway.messages() if isinstance(one, ReadBatch)]
        assert all(batch.antennas[0].inventory_ms == 500 for batch in batches)
        starts = [batch.window_start_us for batch in batches]
        assert starts == sorted(starts)


async def test_events_and_overflows_reach_the_gateway(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        shop.drivers["R1"].event(DeviceEvent("R1", 5, What.READER_OVERFLOW, detail="full"))
        await daemon.stop()
        kinds = [type(one) for one in shop.gateway.messages()]
        assert [kind for kind in kinds if kind is not ReadBatch] == [Gap, DeviceEvents]


async def test_a_broker_that_is_away_costs_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        shop.broker.up = False
        await daemon.start()
        shop.read(count=5)
        await asyncio.sleep(1.2)
        assert daemon.stats().outbox.rows >= 1
        shop.broker.restart()
        await until(lambda: shop.gateway.observations() == 5, "the backlog")
        shop.broker.crash()
        shop.read(count=6)
        await asyncio.sleep(1.2)
        shop.broker.restart()
        await until(lambda: shop.gateway.observations() == 11, "the second backlog")
        await daemon.stop()
        assert daemon.stats().outbox.accepted_observations == 11


async def test_what_a_stopped_daemon_still_held_goes_out_with_the_next_one(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.gateway.silent = True
        first = shop.daemon()
        await first.start()
        shop.read(count=9)
        await first.stop(drain_s=0.1)
        assert first.stats().outbox.rows >= 1
        shop.gateway.silent = False
        second = shop.daemon()
        await second.start()
        shop.read(count=4)
        await until(lambda: shop.gateway.observations() == 13, "old and new rows")
        assert second.stats().stream != first.stats().stream
        await second.stop()
        assert second.stats().outbox.accepted_observations == 13


async def test_two_edges_share_a_loop(tmp_path: Path) -> None:
    async with open_shop(tmp_path, ("edge-1", "edge-2")) as shop:
        daemons = [shop.daemon("edge-1"), shop.daemon("edge-2")]
        for daemon in daemons:
            await daemon.start()
        shop.read("R1", 3)
        shop.read("R2", 5)
        await asyncio.gather(*(daemon.stop() for daemon in daemons))
        assert (shop.gateway.observations("edge-1"), shop.gateway.observations("edge-2")) == (3, 5)


async def test_a_new_outbox_is_said_where_it_is_a_loss(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon(say_lost_outbox=True)
        await daemon.start()
        await daemon.stop()
        first = shop.gateway.messages()[0]
        assert isinstance(first, Gap)
        assert first.cause == "stream_lost"
        again = shop.daemon(say_lost_outbox=True)
        await again.start()
        await again.stop()
        assert sum(isinstance(one, Gap) for one in shop.gateway.messages()) == 1


async def test_two_daemons_cannot_share_an_outbox(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        first = shop.daemon()
        await first.start()
        second = shop.daemon()
        with pytest.raises(OutboxLocked):
            await second.start()
        await second.stop()
        await first.stop()


async def test_an_outbox_that_breaks_ends_the_daemon_with_its_error(tmp_path: Path) -> None:
    """What cannot be survived is not hidden: `wait` raises, and the service manager starts anew."""
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()

        def break_it() -> None:
            daemon._outbox._outbox.close()
            (tmp_path / "edge-1.db").write_bytes(b"no database at all" * 1_000)

        await daemon._outbox._run(break_it)
        shop.read()
        with pytest.raises(Exception, match="not a database"):
            await asyncio.wait_for(daemon.wait(), 20)
        await daemon.stop()


async def test_a_daemon_is_started_once(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        with pytest.raises(RuntimeError):
            await daemon.start()
        await daemon.stop()
        await daemon.stop()


def test_the_epc_of_the_examples_is_ours() -> None:
    assert len(OURS) == 12
