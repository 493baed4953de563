"""Readers that speak JSON: time that they did not vouch for must not empty their shelves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from edge.drivers import build_driver
from edge.drivers.standing import Standing
from edge.drivers.zebra_iotc import ZebraMqtt
from edge.iot.broker import Inbox, Message
from edge.iot.events import Heartbeat, Overflow, Tag
from edge.iot.taker import EventTaker
from simulator.json_readers.impinj import ImpinjReader, factory_preset
from simulator.json_readers.zebra import Topics, ZebraReader
from tests.edge.drivers.contract import Told, until
from tests.edge.fake_driver import ManualTime
from tests.edge.iot.json_sites import COMMANDS, SITE, Options, impinj_device, login_files, zebra_device
from tests.edge.iot.json_watch import watched
from tests.servers.mosquitto import Mosquitto
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPC = bytes.fromhex("3034257BF7194E4000001A85")
BOTH = {1: AntennaSettings(session=1), 2: AntennaSettings(session=1)}
TOPICS = Topics("s1/Z9/data", "s1/Z9/events", "s1/Z9/commands", "s1/Z9/answers")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("review")) as started:
        yield started


class Bench:
    """A taker whose reader runs."""

    def __init__(self) -> None:
        self.time = ManualTime()
        self.told = Told()
        standing = Standing("R7", "impinj_iot", self.time.host())
        standing.tell_to(self.told.events.append)
        self.taker = EventTaker("R7", (1, 2), self.time.host(), standing)
        self.taker.hand_to(self.told.sink())
        self.taker.asked(BOTH)
        self.taker.runs(running=True)
        self.taker.heard(self.time.now_s)

    def looked(self) -> list[int]:
        return [look.inventory_ms for look in self.taker.looked()]

    def hears(self, *events: Any, after_s: float = 60.0) -> list[int]:
        self.time.pass_s(after_s)
        self.taker.take(events)
        self.taker.heard(self.time.now_s)
        return self.looked()


def test_a_heartbeat_that_finds_the_radio_inactive_vouches_for_no_time() -> None:
    """It stopped at some time of the last minute, or booted: nobody knows when."""
    bench = Bench()
    assert bench.hears(Heartbeat(None, active=True)) == [30_000, 30_000]
    assert bench.hears(Heartbeat(None, active=False)) == [0, 0]
    assert bench.hears(Heartbeat(None, active=True)) == [0, 0]
    assert bench.hears(Heartbeat(None, active=True)) == [30_000, 30_000]


def test_a_heartbeat_that_finds_an_antenna_unplugged_vouches_for_none_of_its_time() -> None:
    bench = Bench()
    assert bench.hears(Heartbeat(None, active=True, antennas={2: False}))[1] == 0
    assert bench.hears(Heartbeat(None, active=True, antennas={2: False})) == [60_000, 0]


def test_a_heartbeat_that_does_not_say_whether_it_inventories_proves_nothing() -> None:
    bench = Bench()
    assert bench.hears(Heartbeat(None)) == [0, 0]
    assert bench.hears(Heartbeat(None)) == [0, 0]


def test_events_that_make_no_sense_take_their_time_with_them() -> None:
    """All its reads may be among them."""
    bench = Bench()
    for _ in range(10):
        bench.time.pass_s(1.0)
        bench.taker.bad("a tag event without an EPC that can be read")
        bench.taker.heard(bench.time.now_s)
    assert bench.looked() == [0, 0]
    assert bench.hears(after_s=2.0) == [1_000, 1_000]


@pytest.mark.parametrize(
    "loss",
    [
        [Overflow("the reader purged 7 events")],
        [Tag(EPC, 1, -5_500, None, None, 1, 3), Tag(EPC, 1, -5_500, None, None, 1, 9)],
        [Tag(EPC, None, -5_500, None, None)],
    ],
    ids=["overflow", "numbers", "placeless"],
)
def test_a_loss_takes_its_time_with_it(loss: list[Any]) -> None:
    bench = Bench()
    assert bench.hears(*loss, after_s=2.0) == [0, 0]
    assert bench.hears(after_s=2.0) == [1_000, 1_000]


# -- Zebra


def zebra(options: Options) -> tuple[ZebraMqtt, Told, ManualTime]:
    """A driver in the middle of a session, and a time that the test owns."""
    time, told = ManualTime(), Told()
    driver = build_driver(zebra_device(options), SITE, time.host())
    assert isinstance(driver, ZebraMqtt)
    driver._standing.tell_to(told.events.append)
    driver._taker.hand_to(told.sink())
    driver._taker.asked(BOTH)
    driver._has_set_up()
    return driver, told, time


def hear(driver: ZebraMqtt, payload: bytes) -> list[int]:
    driver._take_inbox(Inbox([Message("s1/Z9/events", payload, retained=False)], 0))
    return [look.inventory_ms for look in driver.looked(0.0)]


ACTIVE = b'{"type":"heartbeat","data":{"radio_control":{"radioActivity":"active"}}}'
SILENT = b'{"type":"heartbeat","data":{"radio_control":{"status":"running"}}}'


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"gpi","data":{"pin":1,"state":"HIGH"}}',
        b'{"type":"error","data":{"message":"radio module gone"}}',
        b'{"command":"start","command_id":"x","response":"success"}',
    ],
)
async def test_words_that_are_not_of_the_inventory_prove_no_inventory(payload: bytes) -> None:
    driver, _, time = zebra({"broker": "mqtt://127.0.0.1:1", "keepalive_s": 60})
    hear(driver, ACTIVE)
    time.pass_s(50.0)
    assert hear(driver, payload) == [0, 0]
    time.pass_s(10.0)
    assert hear(driver, ACTIVE) == [30_000, 30_000], "it was active all along"


async def test_heartbeats_without_activity_earn_nothing_though_we_started_it() -> None:
    """It may have booted since, and waits for us: it was credited for ever."""
    driver, told, time = zebra({"broker": "mqtt://127.0.0.1:1", "keepalive_s": 60, **COMMANDS})
    driver._taker.runs(running=True)
    driver._alive()
    for _ in range(5):
        time.pass_s(60.0)
        assert hear(driver, SILENT) == [0, 0]
    assert any("RADIO_ACTIVITY" in event.detail for event in told.events)


async def test_a_power_that_cannot_be_set_is_told(broker: Mosquitto) -> None:
    """A reader takes power for all antennas or for none: a fitting room at full power reads the whole floor."""
    options: Options = {"broker": broker.url, "keepalive_s": 0.3, **COMMANDS}
    async with (
        ZebraReader("127.0.0.1", broker.port, TOPICS, heartbeat_s=0.1) as reader,
        watched(zebra_device(options)) as watch,
    ):
        await watch.up()
        assert "transmitPower" not in reader.mode
        await watch.heard("config_differs", "port 2: 15 dBm asked and not set")


# -- Impinj


async def test_another_preset_of_somebody_else_is_read_anew(tmp_path: Path) -> None:
    """It inventories fewer antennas: the others earn nothing from then on."""
    async with ImpinjReader(pace=300.0) as reader:
        reader.presets["one"] = factory_preset((1,))
        reader.active, reader.status = "default", "running"
        device = impinj_device(reader.address, {"start": False, "keepalive_s": 1, **login_files(tmp_path)})
        async with watched(device) as watch:
            await watch.up()
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "both ports")
            reader.stop_inventory()
            reader.active = "one"
            reader._become("running")
            await watch.heard("config_differs", "port 2: the reader is not told to inventory it")
            watch.looked_ms()
            first = 0
            for _ in range(20):
                await asyncio.sleep(0.05)
                looked = watch.looked_ms()
                first += looked[0]
                assert looked[1] == 0
            assert first > 0
            assert watch.state() == "up"


async def test_what_our_own_start_stopped_is_no_loss(tmp_path: Path) -> None:
    """The reader tells by the stream that it was idle for a moment, from before we listened."""
    async with ImpinjReader() as reader:
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, login_files(tmp_path))) as watch:
            await watch.up()
            reader.see(EPC, 1)
            await watch.seen(1)
            assert watch.whats() == ["up"]
            assert watch.driver.health().errors == 0


async def test_over_a_broker_our_own_start_is_no_loss_either(broker: Mosquitto, tmp_path: Path) -> None:
    options: Options = {"via": "mqtt", "broker": broker.url, "topic": "s1/R7/e", "keepalive_s": 0.1}
    async with ImpinjReader() as reader:
        await reader.publish_to("127.0.0.1", broker.port, "s1/R7/e")
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, options | login_files(tmp_path))) as watch:
            await watch.up()
            reader.see(EPC, 1)
            await watch.seen(1)
            assert watch.whats() == ["up"]


async def test_a_preset_of_somebody_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Ours was stopped and another one started, within one chunk of the stream."""
    async with (
        ImpinjReader(pace=30.0) as reader,
        watched(impinj_device(reader.address, {"keepalive_s": 1, **login_files(tmp_path)})) as watch,
    ):
        await watch.up()
        reader.stop_inventory()
        reader.active = "default"
        reader._become("running")
        await watch.up(2)
        assert watch.details("lost") == ["its inventory was stopped by somebody else"]
        assert reader.active == "lastunit"


@pytest.mark.parametrize("state", ["idle", "disconnected"])
async def test_what_a_question_finds_does_not_count_back(broker: Mosquitto, tmp_path: Path, state: str) -> None:
    """Over a broker the reader is asked now and then; when it ended is not known."""
    options: Options = {"via": "mqtt", "broker": broker.url, "topic": "s1/R7/q", "keepalive_s": 0.4, "start": False}
    async with ImpinjReader() as reader:
        await reader.publish_to("127.0.0.1", broker.port, "s1/R7/q")
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, options | login_files(tmp_path))) as watch:
            await watch.up()
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "it looks")
            if state == "idle":
                reader.status = "idle"
            else:
                assert reader._mqtt is not None
                await reader._mqtt.close()
                reader._mqtt = None
            watch.looked_ms()
            asked = len(reader.requests)
            await until(lambda: len(reader.requests) >= asked + 2, lambda: "it was asked")
            await asyncio.sleep(0.1)
            assert watch.looked_ms() == [0, 0]
