"""The MQTT source: aiomqtt behind the `Source` port.

aiomqtt acknowledges a message to the broker when it arrives, before anyone has seen it, and would then drop it when
its queue is full. Both are harmless here: an edge forgets a message only by our own Ack, sent after the commit, so
a dropped one comes again. The drop is counted all the same, and the queue is bounded in bytes too.

MQTT 5 first; a broker that refuses the version (amqtt) gets 3.1.1 from then on. The session is always clean: nothing
rests on a broker's memory, and a backlog that a broker kept for us would only delay the live data.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import structlog
from aiomqtt import MqttError, ProtocolVersion
from aiomqtt.exceptions import MqttConnectError

from gateway.clock import Clock
from gateway.ingest.intake import Intake
from gateway.ingest.port import Delivery, SourceFigures
from gateway.limits import INTAKE_MAX_MESSAGES, PUBLISH_TIMEOUT_S, RECONNECT_CAP_S, RECONNECT_FIRST_S
from gateway.rounds import pause
from wire.topics import FROM_EDGE, every_edge

_log: Final = structlog.get_logger("gateway.mqtt")

_VERSION_REFUSED: Final = frozenset({1, 132})
"""CONNACK reasons "unacceptable protocol version" (MQTT 3.1.1, 3.2.2.3) and "unsupported" (MQTT 5, 3.2.2.2)."""

_KEEPALIVE_S: Final = 20
_CONNECT_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it. `version` None tries MQTT 5, then 3.1.1."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    identifier: str | None = None
    tls: ssl.SSLContext | None = None
    version: ProtocolVersion | None = None


class MqttSource:
    """A `Source` on an MQTT broker; reconnects with full jitter until it is closed."""

    def __init__(self, broker: Broker, clock: Clock, rng: random.Random | None = None) -> None:
        self.figures = SourceFigures()
        self._broker = broker
        self._clock = clock
        self._rng = rng or random.Random()
        self._version = broker.version or ProtocolVersion.V5
        self._intake = Intake(self.figures)
        self._client: aiomqtt.Client | None = None
        self._closing = asyncio.Event()
        self._said_down = False

    @property
    def connected(self) -> bool:
        """Whether the subscription stands."""
        return self._client is not None

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield what edges publish until `close`; a lost broker is looked for again."""
        connection = asyncio.create_task(self._stay_connected())
        connection.add_done_callback(lambda _: self._intake.close())  # a connection that failed must not look idle
        try:
            while (delivery := await self._intake.get()) is not None:
                yield delivery
        finally:
            self._closing.set()
            await connection

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message, QoS 1; return whether the broker took it in time."""
        client = self._client
        if client is None:
            self.figures.unpublished += 1
            return False
        try:
            await client.publish(topic, payload, qos=1, retain=retain, timeout=PUBLISH_TIMEOUT_S)
        except (MqttError, ValueError) as error:
            self.figures.unpublished += 1
            _log.warning("publish_failed", topic=topic, error=str(error))
            return False
        self.figures.published += 1
        return True

    async def close(self) -> None:
        """End `deliveries` and disconnect."""
        self._closing.set()
        self._intake.close()

    async def _stay_connected(self) -> None:
        """Connect, listen, and connect again; ends when `close` was called."""
        delay_s = RECONNECT_FIRST_S
        _log.info("broker_connecting", host=self._broker.host, port=self._broker.port)
        while not self._closing.is_set():
            connects = self.figures.connects
            try:
                await self._one_connection()
            except MqttConnectError as error:
                if self._version is ProtocolVersion.V5 and self._broker.version is None and _refuses_version(error):
                    self._version = ProtocolVersion.V311
                    _log.info("mqtt_version", version="3.1.1", reason=str(error))
                    continue
                self._say_down(error)
            except MqttError as error:
                self._say_down(error)
            delay_s = RECONNECT_FIRST_S if self.figures.connects > connects else min(2 * delay_s, RECONNECT_CAP_S)
            await pause(self._closing, self._rng.uniform(0, delay_s))

    async def _one_connection(self) -> None:
        async with self._new_client() as client:
            for leaf in sorted(FROM_EDGE):
                await client.subscribe(every_edge(leaf), qos=1)
            self.figures.connects += 1
            self._client = client
            _log.info("broker_connected", host=self._broker.host, port=self._broker.port, mqtt=self._version.name)
            self._said_down = False
            try:
                await self._listen(client)
            finally:
                self._client = None
                self.figures.disconnects += 1

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Move messages to the intake until the connection breaks (raises `MqttError`) or we close."""
        reading = asyncio.create_task(self._read(client))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            if not reading.done():
                reading.cancel()
            results = await asyncio.gather(reading, closing, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload
            data = payload if isinstance(payload, bytes) else str(payload).encode()
            self._intake.put(Delivery(message.topic.value, data, self._clock()))

    def _new_client(self) -> aiomqtt.Client:
        v5 = self._version is ProtocolVersion.V5
        extra: dict[str, Any] = {"clean_start": True} if v5 else {"clean_session": True}
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            identifier=self._broker.identifier,
            tls_context=self._broker.tls,
            protocol=self._version,
            keepalive=_KEEPALIVE_S,
            max_queued_incoming_messages=INTAKE_MAX_MESSAGES,
            queue_type=_counting_queue(self.figures),
            timeout=_CONNECT_TIMEOUT_S,
            **extra,
        )

    def _say_down(self, error: MqttError) -> None:
        """Log once when the broker is gone, not at every attempt."""
        if not self._said_down:
            _log.warning("broker_down", host=self._broker.host, port=self._broker.port, error=str(error))
            self._said_down = True


def _counting_queue(figures: SourceFigures) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return the queue class for a client: it counts what aiomqtt drops when the queue is full."""

    class CountingQueue(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            if self.full():
                figures.dropped += 1
            super().put_nowait(item)

    return CountingQueue


def _refuses_version(error: MqttConnectError) -> bool:
    code = error.rc
    return (code if isinstance(code, int) else getattr(code, "value", -1)) in _VERSION_REFUSED
