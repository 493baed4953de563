"""One contract for whatever retains stock: in memory, MQTT 5 on Mosquitto, MQTT 3.1.1 on amqtt."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.push.limits import IN_FLIGHT
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE
from tests.gateway.sources import KINDS, rig
from wire.topics import stock_topic

if TYPE_CHECKING:
    from gateway.push.publisher import Publisher

every_kind = pytest.mark.parametrize("kind", KINDS)
whole_kinds = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "amqtt"])
"""amqtt is for demonstrations: to its next subscriber it gives what it had retained for another topic."""

TOPIC = stock_topic(SITE.id, "web", SHIRT_S)


@every_kind
async def test_whoever_subscribes_later_gets_the_newest(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        publisher: Publisher = found.source
        for text in (b'{"atp":3}', b'{"atp":2}'):
            assert await publisher.publish(TOPIC, text, retain=True)
        assert await found.peer.hear(TOPIC, 5.0) == b'{"atp":2}'


@whole_kinds
async def test_an_empty_message_takes_it_away(kind: str, tmp_path: Path) -> None:
    other = stock_topic(SITE.id, "web", SHIRT_M)
    async with rig(kind, tmp_path) as found:
        publisher: Publisher = found.source
        for topic in (TOPIC, other):
            assert await publisher.publish(topic, b"{}", retain=True)
        assert await publisher.publish(TOPIC, b"", retain=True)
        assert await found.peer.hear(other, 5.0) == b"{}"
        with pytest.raises(TimeoutError):
            await found.peer.hear(TOPIC, 0.3)


@whole_kinds
async def test_many_at_once_are_all_taken(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        publisher: Publisher = found.source
        topics = [stock_topic(SITE.id, "web", f"{number:014}") for number in range(IN_FLIGHT)]
        taken = await asyncio.gather(*(publisher.publish(topic, topic.encode(), retain=True) for topic in topics))
        assert all(taken)
        assert publisher.figures.published == len(topics)
        assert await found.peer.hear(topics[-1], 5.0) == topics[-1].encode()
        assert await found.peer.hear(topics[0], 5.0) == topics[0].encode()


@every_kind
async def test_a_publisher_that_is_closed_says_no(kind: str, tmp_path: Path) -> None:
    async with rig(kind, tmp_path) as found:
        publisher: Publisher = found.source
        await found.source.close()
        await asyncio.wait_for(found.running, 5)
        assert not publisher.connected
        assert not await publisher.publish(TOPIC, b"{}", retain=True)
        assert publisher.figures.unpublished == 1
