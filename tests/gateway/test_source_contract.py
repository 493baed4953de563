"""One contract for every source: the one in memory, MQTT 5 on Mosquitto, MQTT 3.1.1 on amqtt."""

import asyncio
import random
from pathlib import Path

import pytest
from aiomqtt import ProtocolVersion

from gateway.clock import system_clock
from gateway.ingest.intake import Intake
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.port import Delivery, SourceFigures
from tests.gateway.small_store import ACK, DATA, EDGE, SITE
from tests.gateway.sources import KINDS, rig
from tests.servers.mosquitto import Mosquitto
from wire.topics import Leaf, edge_topic, stock_topic

STATE = edge_topic(SITE.id, EDGE, Leaf.STATE)
REPORTED = edge_topic(SITE.id, EDGE, Leaf.CONFIG_REPORTED)

pytestmark = pytest.mark.parametrize("kind", KINDS)


async def test_what_edges_write_arrives_once_with_its_bytes(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        payloads = [bytes([i]) * (i + 1) for i in range(50)]
        before_us = system_clock()
        for topic, payload in zip([DATA, STATE, REPORTED, DATA, DATA] * 10, payloads, strict=True):
            await found.peer.send(topic, payload, False)
        got = await found.until(len(payloads))
        await asyncio.sleep(0.05)
        assert sorted(delivery.payload for delivery in got) == sorted(payloads)
        assert {delivery.topic for delivery in got} == {DATA, STATE, REPORTED}
        assert all(before_us <= delivery.received_us <= system_clock() for delivery in got)
        assert found.source.figures.received == len(payloads)


async def test_other_topics_do_not_arrive(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        for topic in (ACK, stock_topic(SITE.id, "web", "09506000134352"), "lastunit/1/a/b/cmd", "elsewhere"):
            await found.peer.send(topic, b"x", False)
        await found.peer.send(DATA, b"last", False)
        assert [delivery.payload for delivery in await found.until(1)] == [b"last"]


async def test_a_retained_state_arrives_although_it_was_sent_before(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        assert await found.source.publish(STATE, b"born", retain=True)
        assert await found.peer.hear(STATE, 5.0) == b"born"


async def test_an_ack_reaches_its_edge(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        hearing = asyncio.create_task(found.peer.hear(ACK, 5.0))
        async with asyncio.timeout(5):
            while not hearing.done():
                assert await found.source.publish(ACK, b"upto 7")
                await asyncio.sleep(0.02)
        assert hearing.result() == b"upto 7"
        assert found.source.figures.published >= 1


async def test_close_ends_the_deliveries_after_what_waits(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        await found.peer.send(DATA, b"1", False)
        await found.until(1)
        await found.source.close()
        await asyncio.wait_for(found.running, 5)
        assert not found.source.connected
        assert not await found.source.publish(ACK, b"late")
        assert found.source.figures.unpublished == 1


async def test_what_does_not_fit_is_dropped_and_counted(kind: str) -> None:
    figures = SourceFigures()
    intake = Intake(figures, max_messages=3, max_bytes=10)
    sizes = [4, 4, 4, 2, 1]
    taken = [intake.put(Delivery(kind, b"x" * size, 0)) for size in sizes]
    assert taken == [True, True, False, True, False]
    assert (figures.received, figures.dropped, len(intake), intake.waiting_bytes) == (3, 2, 3, 10)
    assert await intake.get() is not None
    assert intake.put(Delivery(kind, b"xxxx", 0))
    intake.close()
    left = [await intake.get() for _ in range(4)]
    assert [delivery is None for delivery in left] == [False, False, False, True]


async def test_a_lost_broker_is_found_again(kind: str, tmp_path: Path) -> None:
    if kind != "mosquitto":
        pytest.skip("only Mosquitto is a process of its own that can be killed and started on the same port")
    with Mosquitto(tmp_path) as broker:
        source = MqttSource(Broker("127.0.0.1", broker.port), system_clock, random.Random(1))
        delivered: list[bytes] = []

        async def collect() -> None:
            async for delivery in source.deliveries():
                delivered.append(delivery.payload)  # noqa: PERF401 - the test looks at the list meanwhile

        running = asyncio.create_task(collect())
        async with asyncio.timeout(20):
            while not source.connected:
                await asyncio.sleep(0.01)
            broker.kill()
            while source.connected:
                await asyncio.sleep(0.01)
            assert not await source.publish(ACK, b"nobody there")
            broker.start()
            while not source.connected:
                await asyncio.sleep(0.01)
            assert await source.publish(DATA, b"again")
            while not delivered:
                await asyncio.sleep(0.01)
        assert delivered == [b"again"]
        assert source.figures.connects == 2
        assert source.figures.disconnects == 1
        await source.close()
        await asyncio.wait_for(running, 10)


async def test_the_version_is_the_best_that_the_broker_speaks(kind: str, tmp_path: Path) -> None:
    if kind == "memory":
        pytest.skip("no MQTT in memory")
    async with rig(kind, tmp_path) as found:
        assert isinstance(found.source, MqttSource)
        assert found.source._version is (ProtocolVersion.V5 if kind == "mosquitto" else ProtocolVersion.V311)
