"""One contract for every source: the one in memory, MQTT 5 on Mosquitto, MQTT 3.1.1 on amqtt."""

import asyncio
from pathlib import Path

import pytest

from gateway.clock import system_clock
from tests.gateway.small_store import ACK, DATA, EDGE, SITE
from tests.gateway.sources import KINDS, rig
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
