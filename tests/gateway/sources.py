"""Each kind of source beside a broker and an edge that publishes to it, for the contract tests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
from amqtt.broker import Broker as AmqttBroker

from gateway.clock import system_clock
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.port import Delivery, Source
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto

KINDS = ("memory", "mosquitto", "amqtt")


@dataclass(slots=True)
class Peer:
    """What stands at the other end of a source."""

    send: Callable[[str, bytes, bool], Awaitable[None]]
    hear: Callable[[str, float], Coroutine[Any, Any, bytes]]
    """Wait for one message on a topic; the second value is the longest wait in seconds."""


@dataclass(slots=True)
class Rig:
    """A source, what it delivered so far, and its peer."""

    source: Source
    peer: Peer
    delivered: list[Delivery]
    running: "asyncio.Task[None]"

    async def until(self, count: int, wait_s: float = 10.0) -> list[Delivery]:
        """Wait until `count` messages were delivered."""
        await until(lambda: len(self.delivered) >= count, wait_s)
        return self.delivered

    async def until_connected(self, wait_s: float = 10.0) -> None:
        await until(lambda: self.source.connected, wait_s)


@asynccontextmanager
async def rig(kind: str, folder: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        source: Source
        if kind == "memory":
            broker = MemoryBroker()
            source, peer = MemorySource(broker, system_clock), _memory_peer(broker)
        else:
            port = await _broker_port(kind, folder, stack)
            source, peer = MqttSource(Broker("127.0.0.1", port), system_clock), _mqtt_peer(port)
        delivered: list[Delivery] = []
        running = asyncio.create_task(_collect(source, delivered))
        found = Rig(source, peer, delivered, running)
        await found.until_connected()
        try:
            yield found
        finally:
            await source.close()
            await asyncio.wait_for(running, 10)


async def _collect(source: Source, into: list[Delivery]) -> None:
    async for delivery in source.deliveries():
        into.append(delivery)  # noqa: PERF401 - the test looks at the list meanwhile


async def _broker_port(kind: str, folder: Path, stack: AsyncExitStack) -> int:
    if kind == "mosquitto":
        return stack.enter_context(Mosquitto(folder)).port
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = AmqttBroker(config)
    await broker.start()
    stack.push_async_callback(broker.shutdown)
    server: Any = broker._servers["default"].instance
    return int(server.sockets[0].getsockname()[1])


def _memory_peer(broker: MemoryBroker) -> Peer:
    async def send(topic: str, payload: bytes, retain: bool) -> None:
        broker.send(topic, payload, retain=retain)

    async def hear(topic: str, wait_s: float) -> bytes:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        broker.listen(topic, lambda _topic, payload: heard.put_nowait(payload))
        return await asyncio.wait_for(heard.get(), wait_s)

    return Peer(send, hear)


def _mqtt_peer(port: int) -> Peer:
    async def send(topic: str, payload: bytes, retain: bool) -> None:
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.publish(topic, payload, qos=1, retain=retain)

    async def hear(topic: str, wait_s: float) -> bytes:
        async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.timeout(wait_s):
            await client.subscribe(topic, qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                return message.payload
        raise AssertionError("the broker went away")

    return Peer(send, hear)
