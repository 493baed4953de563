"""What only the MQTT source has: its intake, its reconnection, its choice of version."""

import asyncio
import random
from pathlib import Path

import pytest
from aiomqtt import ProtocolVersion

from gateway.clock import system_clock
from gateway.ingest.intake import Intake
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.port import Delivery, SourceFigures
from tests.gateway.small_store import ACK, DATA
from tests.gateway.sources import rig
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    figures = SourceFigures()
    intake = Intake(figures, max_messages=3, max_bytes=10)
    sizes = [4, 4, 4, 2, 1]
    taken = [intake.put(Delivery(DATA, b"x" * size, 0)) for size in sizes]
    assert taken == [True, True, False, True, False]
    assert (figures.received, figures.dropped, len(intake), intake.waiting_bytes) == (3, 2, 3, 10)
    assert await intake.get() is not None
    assert intake.put(Delivery(DATA, b"xxxx", 0))
    intake.close()
    left = [await intake.get() for _ in range(4)]
    assert [delivery is None for delivery in left] == [False, False, False, True]


async def test_a_lost_broker_is_found_again(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        source = MqttSource(Broker("127.0.0.1", broker.port), system_clock, random.Random(1))
        delivered: list[bytes] = []

        async def collect() -> None:
            async for delivery in source.deliveries():
                delivered.append(delivery.payload)  # noqa: PERF401 - the test looks at the list meanwhile

        running = asyncio.create_task(collect())
        await until(lambda: source.connected)
        broker.kill()
        await until(lambda: not source.connected)
        assert not await source.publish(ACK, b"nobody there")
        broker.start()
        await until(lambda: source.connected)
        assert await source.publish(DATA, b"again")
        await until(lambda: delivered)
        assert delivered == [b"again"]
        assert source.figures.connects == 2
        assert source.figures.disconnects == 1
        await source.close()
        await asyncio.wait_for(running, 10)


async def test_a_connection_that_cannot_even_be_tried_ends_the_deliveries() -> None:
    source = MqttSource(Broker("a" * 64 + ".example"), system_clock)  # no label of a host name is that long

    async def collect() -> None:
        async for _ in source.deliveries():
            pass

    collecting = asyncio.create_task(collect())
    await until(collecting.done)
    assert isinstance(collecting.exception(), UnicodeError)


@pytest.mark.parametrize(("kind", "version"), [("mosquitto", ProtocolVersion.V5), ("amqtt", ProtocolVersion.V311)])
async def test_the_version_is_the_best_that_the_broker_speaks(
    kind: str, version: ProtocolVersion, tmp_path: Path
) -> None:
    async with rig(kind, tmp_path) as found:
        assert isinstance(found.source, MqttSource)
        assert found.source._version is version


async def test_a_refused_password_is_no_reason_to_change_the_version(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, users={"gateway": "right"}) as broker:
        address = Broker("127.0.0.1", broker.port, username="gateway", password="wrong")
        source = MqttSource(address, system_clock, random.Random(1))
        running = asyncio.create_task(_drain(source))
        await asyncio.sleep(0.5)
        assert (source.connected, source._version) == (False, ProtocolVersion.V5)
        await source.close()
        await asyncio.wait_for(running, 10)


async def _drain(source: MqttSource) -> None:
    async for _ in source.deliveries():
        raise AssertionError("nothing can arrive")
