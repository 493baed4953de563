"""The Zebra driver over a real broker: mode and start, numbers, glued events, heartbeats, inputs, faults."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator.json_readers.zebra import Topics, ZebraReader
from tests.edge.drivers.contract import until
from tests.edge.iot.json_sites import ANTENNAS, COMMANDS, Options, login_files, zebra_device
from tests.edge.iot.json_watch import watched
from tests.servers.mosquitto import Mosquitto
from wire.messages import AntennaSettings
from wire.site import Antenna

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


EPC = bytes.fromhex("3034257BF7194E4000001A85")
TOPICS = Topics("s1/Z9/data", "s1/Z9/events", "s1/Z9/commands", "s1/Z9/answers")
HEARTBEAT_S = 0.3
"""What the driver expects; the reader is quicker, so that a busy machine does not make it late."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("zebra")) as started:
        yield started


@asynccontextmanager
async def reader_on(broker: Mosquitto, heartbeat_s: float = 0.1) -> AsyncIterator[ZebraReader]:
    async with ZebraReader("127.0.0.1", broker.port, TOPICS, heartbeat_s=heartbeat_s) as reader:
        yield reader


def options(broker: Mosquitto, *, steered: bool = True, **more: str | float | bool) -> Options:
    return {"broker": broker.url, "keepalive_s": HEARTBEAT_S, **(COMMANDS if steered else {}), **more}


async def test_it_sets_the_mode_starts_and_stops(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        antennas = (replace(ANTENNAS[0], power_dbm=27.0), ANTENNAS[1])
        async with watched(zebra_device(options(broker), antennas)) as watch:
            await watch.up()
            assert reader.commands == ["stop", "set_mode", "get_mode", "start"]
            assert reader.active
            mode = reader.mode
            assert (mode["type"], mode["antennas"]) == ("CUSTOM", [1, 2])
            assert mode["transmitPower"] == [27, 15]
            assert {"ANTENNA", "RSSI", "SEEN_COUNT"} <= set(mode["tagMetaData"])
            assert [query["session"] for query in mode["query"]] == ["S1", "S1"]
            first, second = (look.settings for look in watch.driver.looked(0.0))
            assert isinstance(first, AntennaSettings)
            assert isinstance(second, AntennaSettings)
            assert (first.session, first.tx_power_cdbm, second.tx_power_cdbm) == (1, 2_700, 1_500)
            assert watch.whats() == ["up"]
        assert reader.commands[-1] == "stop"
        assert not reader.active


async def test_glued_events_of_one_message(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.see([number.to_bytes(12) for number in range(50)], 2, rssi_dbm=-61, reads=3)
        await watch.seen(50)
        read = watch.told.reads[7]
        assert (read.port, read.epc, read.epc_bits, read.rssi_cdbm, read.reads) == (2, (7).to_bytes(12), 96, -6_100, 3)
        assert watch.driver.clock().quality == "synced"
        assert watch.driver.health().reads == 50


async def test_missing_numbers_are_a_loss_and_a_boot_is_none(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.see([EPC, EPC], 1)
        reader.lose(17)
        reader.see([EPC], 1)
        await watch.seen(3)
        assert watch.details("reader_overflow") == ["17 events before number 20 never came"]
        for dropped in (2, 9):
            reader.dropped = dropped
            reader.heartbeat()
        await watch.heard("reader_overflow", "the reader dropped 7 events")
        losses = watch.details("reader_overflow")
        await reader.vanish()
        await watch.down("silent for")
        await reader.come_back()
        await watch.up(2)
        reader.see([EPC, EPC], 1)
        await watch.seen(5)
        assert watch.details("reader_overflow") == losses


async def test_simple_mode_says_no_place(broker: Mosquitto) -> None:
    """`start: false` with a reader as made: one antenna is enough, two are not."""
    async with reader_on(broker) as reader:
        reader.active = True
        async with watched(zebra_device(options(broker, steered=False), ANTENNAS[:1])) as one:
            await one.up()
            reader.see([EPC], 1)
            await one.seen(1)
            assert one.told.reads[0].port == 1
            await one.heard("config_differs", "no signal strength")
            await until(lambda: one.looked_ms()[0] > 0, lambda: "heartbeats say that the radio is active")
        async with watched(zebra_device(options(broker))) as two:
            await two.up()
            reader.mode = {"type": "SIMPLE"}
            reader.see([EPC], 1)
            await two.heard("undecodable", "name no antenna")
            await two.heard("config_differs", "no antenna")
            assert two.told.reads == []


async def test_what_an_unstarted_mode_lacks_is_told(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        async with watched(zebra_device(options(broker, start=False))) as watch:
            await watch.heard("config_differs", "tagMetaData: without ANTENNA")
            await watch.up()
            await asyncio.sleep(0.3)
            assert watch.looked_ms() == [0, 0], "an inactive radio looks at nothing"
            assert reader.commands == ["get_mode"]
            reader.active = True
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "somebody started it")
        assert reader.active, "what we did not start we do not stop"


async def test_heartbeats_tell_antennas_and_temperature(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.antennas[2] = reader.antennas[4] = "disconnected"
        await watch.heard("antenna_down")
        assert [event.port for event in watch.told.events if event.what == "antenna_down"] == [2]
        assert watch.driver.health().temperature_c == 31.0
        reader.antennas[2] = "connected"
        await watch.heard("antenna_up")


async def test_inputs_and_complaints(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.manage("gpi", {"pin": 2, "state": "LOW"})
        reader.manage("error", {"message": "radio module gone"})
        reader.manage("gpo", {"pin": 2, "state": "LOW"})
        await watch.heard("reader_exception", "error: radio module gone")
        assert [(event.port, event.detail) for event in watch.told.events if event.what == "gpi"] == [(2, "low")]


async def test_somebody_else_stops_the_inventory(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.active = False
        await watch.up(2)
        assert watch.details("lost") == ["its inventory was stopped by somebody else"]
        assert reader.active


async def test_a_silent_reader_is_left_although_the_broker_is_there(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        reader.heartbeats = False
        await watch.down("silent for 0.9 s")
        reader.heartbeats = True
        await watch.up(2)


@pytest.mark.parametrize(
    ("denied", "words"), [("set_mode", "set_mode was denied: antenna 7"), ("start", "start was denied: antenna 7")]
)
async def test_the_readers_own_words_on_what_it_denies(broker: Mosquitto, denied: str, words: str) -> None:
    async with reader_on(broker) as reader:
        reader.denies[denied] = "antenna 7: no such port"
        async with watched(zebra_device(options(broker))) as watch:
            await watch.down(words)
            reader.denies.clear()
            await watch.up()


@pytest.mark.parametrize(("denied", "why"), [("start", "start currently ongoing"), ("get_mode", "unknown command")])
async def test_what_may_be_denied(broker: Mosquitto, denied: str, why: str) -> None:
    async with reader_on(broker) as reader:
        reader.denies[denied] = why
        async with watched(zebra_device(options(broker))) as watch:
            await watch.up()
            assert watch.driver.health().errors == 0


async def test_a_mode_that_is_not_the_asked_one_is_told(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        change = reader.mode

        def differently(command: str, _payload: dict[str, object]) -> tuple[dict[str, object], str]:
            if command == "get_mode":
                return {**change, "type": "CUSTOM", "reportFilter": {"duration": 5, "type": "PER_ANTENNA"}}, ""
            reader.active = command == "start"
            return {}, ""

        reader.do = differently
        async with watched(zebra_device(options(broker))) as watch:
            await watch.heard("config_differs", "reportFilter: asked")


async def test_a_deaf_reader_is_not_up(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        reader.deaf = True
        async with watched(zebra_device(options(broker))) as watch:
            await watch.down("stop: the reader does not answer")
            assert "up" not in watch.whats(), "its heartbeats are no sign that it is set up"


async def test_retained_messages_are_the_brokers_memory(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        reader.active, reader.mode = True, {"type": "INVENTORY"}
        reader.send(reader.tag(EPC, 1), retain=True)
        async with watched(zebra_device(options(broker, steered=False))) as watch:
            await watch.up()
            reader.see([bytes(12)], 1)
            await watch.seen(1)
            assert [read.epc for read in watch.told.reads] == [bytes(12)]
        reader.send(b"", retain=True)  # forget it, for the other tests on this broker


async def test_a_bad_message_costs_itself(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader, watched(zebra_device(options(broker))) as watch:
        await watch.up()
        good = reader.tag(EPC, 1)
        reader.send(good + b'{"data":{"idHex":"30' + reader.tag(EPC, 2))
        reader.send(b"\xff\x00 nonsense")
        reader.send(reader.tag(EPC, 2))
        await watch.seen(2)
        await watch.heard("undecodable")
        assert [read.port for read in watch.told.reads] == [1, 2]
        assert "lost" not in watch.whats()


async def test_the_broker_goes_and_comes(broker: Mosquitto) -> None:
    own = Mosquitto(broker.folder / "own")
    own.start()
    try:
        async with reader_on(own) as reader, watched(zebra_device(options(own))) as watch:
            await watch.up()
            await reader.vanish()
            own.kill()
            await watch.down("cannot reach the broker")
            own.start()
            await reader.come_back()
            await watch.up(2)
            reader.see([EPC], 1)
            await watch.seen(1)
    finally:
        own.kill()


async def test_the_login_at_the_broker(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("login")
    with Mosquitto(folder, users={"edge": "right"}) as own:
        wrong = options(own) | login_files(folder / "wrong", "edge", "guess")
        async with watched(zebra_device(wrong)) as watch:
            await watch.down("refused us")
            assert watch.state() == "refused"
        right = options(own, steered=False) | login_files(folder / "right", "edge", "right")
        async with watched(zebra_device(right, (Antenna(1, "FLOOR"),))) as watch:
            await watch.down("silent for")
