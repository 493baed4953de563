"""The uplink over MQTT, by paho-mqtt 2.

Theory of operation
-------------------
Each connection gets a new paho client. Paho would otherwise keep unconfirmed messages and send them again by itself;
here the delivery protocol decides what is sent again, and a fresh client also takes a fresh last will and the protocol
version that worked. Paho runs its network loop in a thread of its own; all that it tells us is handed to the event loop
by `call_soon_threadsafe`, with the client it came from, so that a late word of an old connection is not taken for one
of the new.

A connection is reported when the broker accepted the CONNECT *and* the subscriptions to `ack` and `cmd`: data without
acks would only circle. MQTT 5 is asked for first (`mqtt5_probe`), because it alone says that a publish was refused;
where it is not supported we go on with 3.1.1. There an access rule that denies a publish is invisible, so look at the
acks. Nothing is kept at the broker (clean start): what it would keep for us, the gateway's next Ack says better.

How long it waits after a failure or a loss stands in `edge.uplink.pause`.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.backoff import SETTLED_S
from edge.drivers.port import Host
from edge.limits import (
    ACK_MAX_BYTES,
    COMMAND_MAX_BYTES,
    CONNECT_TIMEOUT_S,
    KEEPALIVE_S,
    UPLINK_FLAPS,
    UPLINK_MAX_IN_FLIGHT,
    UPLINK_MAX_MESSAGES,
)
from edge.outage import Outage
from edge.uplink.broker_url import BrokerUrl, Credentials
from edge.uplink.certificate import OwnCertificate
from edge.uplink.connection import Connection
from edge.uplink.mqtt5_probe import speaks_mqtt5
from edge.uplink.pause import UplinkPause
from edge.uplink.port import UplinkFigures, UplinkListener
from wire.errors import MessageError
from wire.limits import CONFIG_MAX_BYTES
from wire.messages import EdgeState, decode_ack, decode_command, encode_json
from wire.topics import Leaf, edge_topic

if TYPE_CHECKING:
    import ssl

_QOS: Final = 1
_NEEDED: Final = 2
"""Subscriptions without which a connection is of no use: `ack` and `cmd`. Without `config/desired` data still flow."""
_TCP_S: Final = 5.0
"""Name look-up apart, how long a TCP (and TLS) handshake may take; a stop waits for no more than this."""
_LEAVE_S: Final = 2.0
"""How long a polite goodbye may take before the socket is shut."""


class MqttUplink:
    """One edge's connection to a broker. Raises `ConfigError` for credentials that cannot be used."""

    def __init__(
        self,
        broker: BrokerUrl,
        site: str,
        edge: str,
        host: Host,
        *,
        credentials: Credentials | None = None,
        log: Any,
    ) -> None:
        self.figures = UplinkFigures()
        self.broker = broker
        self._client_id = f"lastunit-{site}-{edge}"
        self._data = edge_topic(site, edge, Leaf.DATA)
        self._state = edge_topic(site, edge, Leaf.STATE)
        self._ack = edge_topic(site, edge, Leaf.ACK)
        self._cmd = edge_topic(site, edge, Leaf.CMD)
        self._desired = edge_topic(site, edge, Leaf.CONFIG_DESIRED)
        self._reported = edge_topic(site, edge, Leaf.CONFIG_REPORTED)
        self._pause = UplinkPause(host.rng)
        self._unopened: Exception | None = None
        """Why the last attempt opened no connection at all."""
        self._host = host
        self._log = log.bind(broker=str(broker))
        self._outage = Outage(self._log, "uplink")
        self._refusals = Outage(self._log, "publish")
        credentials = credentials or Credentials()
        self._login = credentials.login()
        self._certificate = OwnCertificate(credentials, tls=broker.tls)
        self.figures.certificate_not_after_us = self._certificate.not_after_us
        self.protocol: MQTTProtocolVersion | None = None
        """Settled by the first answer of the broker, for as long as this uplink lives."""
        self._now: Connection | None = None
        self._connected = False
        self._accepted = False
        self._flaps = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listener: UplinkListener | None = None
        self._will = b""

    # -- the port

    @property
    def connected(self) -> bool:
        """Whether answers can come."""
        return self._connected

    @property
    def held_bytes(self) -> int:
        """Bytes published and not confirmed."""
        return sum(self._now.held.values()) if self._now is not None else 0

    def start(self, listener: UplinkListener, death: EdgeState) -> None:
        """Begin to connect. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError("this uplink runs already")
        self._listener = listener
        self._will = encode_json(death)
        self._task = asyncio.create_task(self._run(), name=f"uplink {self._client_id}")

    async def stop(self, farewell: EdgeState | None = None) -> None:
        """Leave politely within a bounded time."""
        if self._task is None:
            return
        if farewell is not None and self._connected:
            self.publish_state(farewell)
            if self._now is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE_S):
                        await self._now.all_confirmed.wait()
        self._listener = None
        self._stopping.set()
        await self._task
        self._task = None

    def publish_data(self, frame: bytes) -> bool:
        """Publish a frame with QoS 1."""
        return self._publish(self._data, frame, retain=False)

    def publish_state(self, state: EdgeState) -> bool:
        """Publish the retained state with QoS 1."""
        return self._publish(self._state, encode_json(state), retain=True)

    def publish_reported(self, payload: bytes) -> bool:
        """Publish what the devices are, retained, with QoS 1."""
        return self._publish(self._reported, payload, retain=True)

    # -- one connection after another

    async def _run(self) -> None:
        while not self._stopping.is_set():
            began_s = self._host.monotonic_s()
            self._unopened = None
            try:
                await self._one_connection()
            except Exception as error:  # noqa: BLE001 - an edge without uplink is of no use: say it, count it, try again
                self._survive(f"{type(error).__name__}: {error}")
            if self._stopping.is_set():
                return
            lasted_s = self._host.monotonic_s() - began_s
            if self._accepted:
                self._pause.worked(lasted_s)
            self._watch_flapping(lasted_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause.after(self._unopened)):
                    await self._stopping.wait()

    def _survive(self, reason: str) -> None:
        """After something that nobody foresaw: the connection is over, like any other."""
        self._log.error("uplink_failed", error=reason)
        self._failed(reason)
        self._now = None
        if not self._connected:
            return
        self._connected = False
        try:
            if self._listener is not None:
                self._listener.on_disconnected(reason)
        except Exception as error:  # noqa: BLE001 - as in `_run`
            self._log.error("uplink_failed", error=f"{type(error).__name__}: {error}")

    def _watch_flapping(self, lasted_s: float) -> None:
        accepted, self._accepted = self._accepted, False
        self._flaps = self._flaps + 1 if accepted and lasted_s < SETTLED_S else 0
        if self._flaps == UPLINK_FLAPS:
            hint = f"is there another client that calls itself {self._client_id}?"
            self._log.warning("uplink_flaps", times=self._flaps, hint=hint)

    async def _one_connection(self) -> None:
        """Connect and stay until it ends."""
        try:
            self.protocol = self.protocol or await self._unless_stopped(self._settle_protocol())
        except (OSError, UnicodeError) as error:  # a name that cannot be one fails in the IDNA codec
            self._unopened = error
            self._failed(f"{type(error).__name__}: {error}")
            return
        if self.protocol is None:
            return
        connection = self._now = Connection(self._client(self.protocol), asyncio.get_running_loop())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            reason = await self._attempt(connection, stopping)
        finally:
            stopping.cancel()
            await self._leave(connection)
            self._now = None
        if not self._connected:
            self._failed(reason)
            return
        self._connected = False
        if self._listener is not None:
            self._listener.on_disconnected(reason)
        if not self._stopping.is_set():
            self._outage.broke(reason)

    async def _unless_stopped(self, asking: Coroutine[Any, Any, MQTTProtocolVersion]) -> MQTTProtocolVersion | None:
        """Return the answer; None when we are told to stop first: a broker that never answers must not hold that up."""
        answer, stopping = asyncio.create_task(asking), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({answer, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else None
        finally:
            for task in (answer, stopping):
                task.cancel()
            await asyncio.gather(answer, stopping, return_exceptions=True)

    async def _settle_protocol(self) -> MQTTProtocolVersion:
        if await speaks_mqtt5(self.broker.host, self.broker.port, self._tls(), _TCP_S):
            return MQTTProtocolVersion.MQTTv5
        self._log.info("uplink_falls_back", protocol="3.1.1", because="the broker does not speak MQTT 5")
        return MQTTProtocolVersion.MQTTv311

    def _tls(self) -> "ssl.SSLContext | None":
        """Return the TLS of the next connection, with our certificate as it is now. Raises `ConfigError`."""
        context = self._certificate.context()
        self.figures.certificate_not_after_us = self._certificate.not_after_us
        return context

    def _failed(self, reason: str) -> None:
        self.figures.connect_failures += 1
        if not self._stopping.is_set():
            self._outage.broke(reason)

    async def _attempt(self, connection: Connection, stopping: asyncio.Task[Any]) -> str:
        """Return why the connection ended."""
        client = connection.client
        # No MQTT 5 properties: nothing that we want differs from what none means. 3.1.1 has said "clean" by then.
        clean: dict[str, Any] = {"clean_start": True} if self.protocol is MQTTProtocolVersion.MQTTv5 else {}
        try:
            await asyncio.to_thread(client.connect, self.broker.host, self.broker.port, KEEPALIVE_S, **clean)
        except (OSError, ValueError) as error:
            self._unopened = error
            return f"{type(error).__name__}: {error}"
        client.loop_start()
        waiting: set[asyncio.Future[Any]] = {connection.ready, connection.closed, stopping}
        done, _ = await asyncio.wait(waiting, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if connection.closed in done:
            return connection.closed.result()
        if not connection.ready.done():
            return "stopped" if done else f"no answer within {CONNECT_TIMEOUT_S:g} s"
        self.figures.connects += 1
        self._connected = self._accepted = True
        self._outage.back()
        self._refusals = Outage(self._log, "publish")  # said once for each connection
        if self._listener is not None:
            self._listener.on_connected()
        replaced = asyncio.create_task(self._certificate.replaced())
        try:
            await asyncio.wait({connection.closed, stopping, replaced}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            replaced.cancel()
        if connection.closed.done():
            return connection.closed.result()
        return "stopped" if stopping.done() else "our certificate was renewed"

    async def _leave(self, connection: Connection) -> None:
        """End the client's thread, politely first, by the socket's end when nobody answers."""
        client = connection.client
        client.disconnect()
        polite_s = _LEAVE_S if self._connected and not connection.closed.done() else 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout(polite_s):
                await asyncio.shield(connection.closed)
        sock: Any = client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(client.loop_stop)
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None

    # -- paho

    def _client(self, protocol: MQTTProtocolVersion) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if protocol is MQTTProtocolVersion.MQTTv5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _TCP_S
        client.max_inflight_messages_set(UPLINK_MAX_IN_FLIGHT)
        client.max_queued_messages_set(UPLINK_MAX_MESSAGES)
        client.will_set(self._state, self._will, qos=_QOS, retain=True)
        if self._login is not None:
            client.username_pw_set(*self._login)
        tls = self._tls()
        if tls is not None:
            client.tls_set_context(tls)
        client.on_connect = self._from_thread(self._on_connect)
        client.on_subscribe = self._from_thread(self._on_subscribe)
        client.on_disconnect = self._from_thread(self._on_disconnect)
        client.on_publish = self._from_thread(self._on_publish)
        client.on_message = self._from_thread(self._on_message)
        return client

    def _from_thread(self, handle: Callable[..., None]) -> Callable[..., None]:
        """Wrap a handler so that paho's thread only passes its arguments to the event loop."""
        loop = asyncio.get_running_loop()

        def post(client: paho.Client, _userdata: Any, *args: Any) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process ends, and nobody is left to tell
                loop.call_soon_threadsafe(self._if_current, handle, client, args)

        return post

    def _if_current(self, handle: Callable[..., None], client: paho.Client, args: tuple[Any, ...]) -> None:
        connection = self._now
        if connection is not None and connection.client is client:
            handle(connection, *args)

    def _on_connect(self, connection: Connection, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            connection.reason = str(code)
            connection.end(str(code))
            return
        error, _ = connection.client.subscribe([(topic, _QOS) for topic in (self._ack, self._cmd, self._desired)])
        if error is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            connection.end(f"subscribe: {error.name}")

    def _on_subscribe(self, connection: Connection, _mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        refused = [str(code) for code in codes[:_NEEDED] if code.is_failure]
        if any(code.is_failure for code in codes[_NEEDED:]):
            self._log.warning("uplink_takes_no_configuration", topic=self._desired, reason=str(codes[_NEEDED]))
        if refused:
            connection.end(f"the broker refused to subscribe us to our answers: {', '.join(refused)}")
        elif not connection.ready.done():
            connection.ready.set_result(None)

    @staticmethod
    def _on_disconnect(connection: Connection, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        connection.end(str(code))

    def _on_publish(self, connection: Connection, mid: int, code: ReasonCode, _properties: Any) -> None:
        connection.held.pop(mid, None)
        if not connection.held:
            connection.all_confirmed.set()
        if code.is_failure:
            self.figures.refused += 1
            self._refusals.broke(f"the broker refused our data: {code}")
        else:
            self.figures.confirmed += 1
        if self._listener is not None and self._connected:
            self._listener.on_room()

    def _on_message(self, _connection: Connection, message: paho.MQTTMessage) -> None:
        if self._listener is None:
            return
        try:
            if message.topic == self._ack:
                ack = decode_ack(_bounded(message.payload, ACK_MAX_BYTES))
                self._listener.on_ack(ack)
            elif message.topic == self._cmd:
                command = decode_command(_bounded(message.payload, COMMAND_MAX_BYTES))
                self._listener.on_command(command)
            elif message.topic == self._desired:
                # One that is too long is cut, and its reader says that it is.
                self._listener.on_desired(bytes(message.payload[: CONFIG_MAX_BYTES + 1]))
        except MessageError as error:
            self.figures.undecodable += 1
            self._log.warning("uplink_undecodable", topic=message.topic, reason=str(error)[:200])

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        connection = self._now
        if connection is None or not self._connected:
            self.figures.turned_away += 1
            return False
        info = connection.client.publish(topic, payload, qos=_QOS, retain=retain)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.figures.turned_away += 1
            return False
        self.figures.published += 1
        connection.held[info.mid] = len(payload)
        connection.all_confirmed.clear()
        return True


def _bounded(payload: bytes | bytearray, limit: int) -> bytes:
    if len(payload) > limit:
        raise MessageError(f"payload of {len(payload)} bytes: the limit is {limit}")
    return bytes(payload)
