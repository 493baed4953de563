"""The two far sides that the uplink's contract is tested against: a real Mosquitto, and the in-memory broker."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.drivers.port import Host
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.memory import MemoryBroker, MemoryUplink
from edge.uplink.mqtt import MqttUplink
from edge.uplink.port import Uplink
from tests.servers.mosquitto import Mosquitto
from wire.messages import Ack, Command, EdgeState, decode_state, encode_json
from wire.topics import Leaf, edge_topic

SITE, EDGE = "store-1", "edge-1"
LOG = structlog.get_logger("test")
SOON_S = 20.0


def system_host(seed: int = 1) -> Host:
    return Host(wall_us=lambda: time.time_ns() // 1_000, monotonic_s=time.monotonic, rng=random.Random(seed))


async def until(condition: Any, what: str = "condition", timeout_s: float = SOON_S) -> None:
    """Wait until `condition()` is true; fail with `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for: {what}")
        await asyncio.sleep(0.005)


class Listener:
    """Writes down what an uplink says."""

    def __init__(self) -> None:
        self.links: list[str] = []
        self.acks: list[Ack] = []
        self.commands: list[Command] = []
        self.desired: list[bytes] = []
        self.rooms = 0

    def on_connected(self) -> None:
        self.links.append("up")

    def on_disconnected(self, reason: str) -> None:
        self.links.append(f"down: {reason}")

    def on_ack(self, ack: Ack) -> None:
        self.acks.append(ack)

    def on_command(self, command: Command) -> None:
        self.commands.append(command)

    def on_desired(self, payload: bytes) -> None:
        self.desired.append(payload)

    def on_room(self) -> None:
        self.rooms += 1


class FarSide(Protocol):
    """What the gateway and the broker's keeper can do."""

    @property
    def frames(self) -> list[bytes]: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def uplink(self) -> Uplink: ...
    def ack(self, ack: Ack) -> None: ...
    def command(self, command: Command) -> None: ...
    async def desire(self, payload: bytes) -> None: ...
    async def reported(self) -> bytes | None: ...
    async def state(self) -> EdgeState | None: ...
    async def crash(self) -> None: ...
    async def restart(self) -> None: ...


class MemorySide:
    """The in-memory broker, looked at from the gateway."""

    def __init__(self, _folder: Path) -> None:
        self._broker = MemoryBroker()
        self._taken: list[bytes] = []

    @property
    def frames(self) -> list[bytes]:
        while self._broker.data:
            self._taken.append(self._broker.pop()[2])
        return self._taken

    async def open(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)

    def uplink(self) -> Uplink:
        return MemoryUplink(self._broker, SITE, EDGE)

    def ack(self, ack: Ack) -> None:
        self._broker.ack(SITE, EDGE, ack)

    def command(self, command: Command) -> None:
        self._broker.command(SITE, EDGE, command)

    async def desire(self, payload: bytes) -> None:
        await asyncio.sleep(0)
        self._broker.desire(SITE, EDGE, payload)

    async def reported(self) -> bytes | None:
        await asyncio.sleep(0)
        return self._broker.reported.get((SITE, EDGE))

    async def state(self) -> EdgeState | None:
        await asyncio.sleep(0)
        return self._broker.states.get((SITE, EDGE))

    async def crash(self) -> None:
        await asyncio.sleep(0)
        self._broker.crash()

    async def restart(self) -> None:
        await asyncio.sleep(0)
        self._broker.restart()


class MosquittoSide:
    """A real broker, and a client of our own that plays the gateway."""

    def __init__(self, folder: Path) -> None:
        self.frames: list[bytes] = []
        self.broker = Mosquitto(folder)
        self._client: paho.Client | None = None
        self._subscribed = False

    async def open(self) -> None:
        await asyncio.to_thread(self.broker.start)
        await self._join()

    async def close(self) -> None:
        await asyncio.to_thread(self._part)
        await asyncio.to_thread(self.broker.kill)

    def uplink(self) -> Uplink:
        return MqttUplink(parse_broker_url(self.broker.url), SITE, EDGE, system_host(), log=LOG)

    def ack(self, ack: Ack) -> None:
        self._publish(Leaf.ACK, encode_json(ack))

    def command(self, command: Command) -> None:
        self._publish(Leaf.CMD, encode_json(command))

    def raw(self, leaf: Leaf, payload: bytes) -> None:
        self._publish(leaf, payload)

    async def desire(self, payload: bytes) -> None:
        assert self._client is not None
        sent = self._client.publish(edge_topic(SITE, EDGE, Leaf.CONFIG_DESIRED), payload, qos=1, retain=True)
        await until(sent.is_published, "the broker to have what is desired")

    async def reported(self) -> bytes | None:
        return await self._retained(Leaf.CONFIG_REPORTED)

    async def state(self) -> EdgeState | None:
        payload = await self._retained(Leaf.STATE)
        return None if payload is None else decode_state(payload)

    async def _retained(self, leaf: Leaf) -> bytes | None:
        """Ask a fresh session for what is retained, as a gateway does that starts now."""
        found: list[bytes] = []
        client = self._new_client()
        client.on_message = lambda _c, _d, message: found.append(bytes(message.payload))
        client.on_connect = lambda c, *_: c.subscribe(edge_topic(SITE, EDGE, leaf), 1)
        client.connect("127.0.0.1", self.broker.port, 10)
        client.loop_start()
        await asyncio.sleep(0.1)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
        return found[-1] if found else None

    async def crash(self) -> None:
        """SIGKILL; the kernel closes the sockets, and nothing that was retained survives."""
        await asyncio.to_thread(self._part)
        await asyncio.to_thread(self.broker.kill)

    async def restart(self) -> None:
        await asyncio.to_thread(self.broker.start)
        await self._join()

    async def _join(self) -> None:
        self._subscribed = False
        client = self._client = self._new_client()
        client.on_message = lambda _c, _d, message: self.frames.append(bytes(message.payload))
        client.on_connect = lambda c, *_: c.subscribe(edge_topic(SITE, EDGE, Leaf.DATA), 1)
        client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        client.connect("127.0.0.1", self.broker.port, 10)
        client.loop_start()
        await until(lambda: self._subscribed, "the gateway's subscription")

    def _part(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _publish(self, leaf: Leaf, payload: bytes) -> None:
        assert self._client is not None
        self._client.publish(edge_topic(SITE, EDGE, leaf), payload, qos=1)

    @staticmethod
    def _new_client() -> paho.Client:
        return paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)


def death() -> EdgeState:
    return EdgeState(what="death", site=SITE, edge=EDGE, at_us=1)
