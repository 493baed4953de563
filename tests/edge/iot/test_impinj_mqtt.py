"""The Impinj driver over a broker: with REST beside it, and with the broker's word only."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from simulator.json_readers.impinj import ImpinjReader
from tests.edge.drivers.contract import until
from tests.edge.iot.json_sites import Options, impinj_device, login_files
from tests.edge.iot.json_watch import watched
from tests.servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

EPC = bytes.fromhex("3034257BF7194E4000001A85")
TOPIC, STATE = "s1/R7/events", "s1/R7/state"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("impinj")) as started:
        yield started


@asynccontextmanager
async def reader_on(broker: Mosquitto) -> AsyncIterator[ImpinjReader]:
    async with ImpinjReader() as reader:
        await reader.publish_to("127.0.0.1", broker.port, TOPIC, STATE)
        yield reader


def options(broker: Mosquitto, **more: str | float) -> Options:
    return {"via": "mqtt", "broker": broker.url, "topic": TOPIC, "keepalive_s": 0.1, **more}


async def test_rest_starts_it_and_asks_how_it_is(broker: Mosquitto, tmp_path: Path) -> None:
    async with reader_on(broker) as reader:
        async with watched(impinj_device(reader.address, options(broker, **login_files(tmp_path)))) as watch:
            await watch.up()
            assert reader.active == "lastunit"
            reader.see(EPC, 2)
            await watch.seen(1)
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "looks by its status")
            assert "GET /api/v1/data/stream" not in reader.requests
        assert reader.active == ""


async def test_a_reader_that_cannot_publish_is_credited_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    """It inventories, and its reads do not arrive: time that counts as looked would empty its shelves."""
    async with ImpinjReader() as reader:
        device = impinj_device(reader.address, options(broker, **login_files(tmp_path)))
        async with watched(device) as watch:
            await watch.heard("config_differs", "not connected to its MQTT broker")
            watch.looked_ms()
            await asyncio.sleep(0.3)
            assert watch.looked_ms() == [0, 0]
            await reader.publish_to("127.0.0.1", broker.port, TOPIC)
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "it is connected now")


async def test_without_rest_the_broker_tells_its_death(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, options(broker, management_topic=STATE))) as watch:
            await until(lambda: watch.state() == "connecting", lambda: "nothing was heard yet")
            while watch.state() != "up":
                reader.see(EPC, 1)
                await asyncio.sleep(0.02)
            watch.looked_ms()
            await asyncio.sleep(0.1)
            reader.see(EPC, 1)
            await until(lambda: min(watch.looked_ms()) > 0, lambda: "its events say that it looks")
            assert reader.requests == [], "nobody asked it"
            await reader.vanish()
            await watch.down("the broker says of the reader: connection lost")
            await reader.come_back()
            while watch.whats().count("up") < 2:
                reader.see(EPC, 1)
                await asyncio.sleep(0.02)


async def test_without_rest_an_inventory_that_ends_earns_nothing(broker: Mosquitto) -> None:
    async with reader_on(broker) as reader:
        reader.active, reader.status = "default", "running"
        async with watched(impinj_device(reader.address, options(broker, management_topic=STATE))) as watch:
            while watch.state() != "up":
                reader.see(EPC, 1)
                await asyncio.sleep(0.02)
            reader.stop_inventory()
            reader.tell("antennaDisconnected", {"antennaPort": 2})
            await watch.heard("antenna_down")
            watch.looked_ms()
            await asyncio.sleep(0.1)
            reader.tell("antennaConnected", {"antennaPort": 2})
            await watch.heard("antenna_up")
            assert watch.looked_ms() == [0, 0]
            assert watch.state() == "up"
