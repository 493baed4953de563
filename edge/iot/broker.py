"""One connection to an MQTT broker that a reader publishes to, by paho-mqtt 2. Thin.

Each connection gets a client of its own, with its network loop in a thread of its own. What comes is put into a bounded
queue, and the event loop is woken once for all that waits there. MQTT 3.1.1 says all that is needed; nothing is kept at
the broker for us (clean session): what was published while we were away is lost, and Zebra's numbers tell how much.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge.iot.driver import SessionOver
from edge.iot.limits import (
    CONNECT_TIMEOUT_S,
    LEAVE_TIMEOUT_S,
    MESSAGES_WAITING_MAX,
    MQTT_KEEPALIVE_S,
    PAYLOAD_MAX_BYTES,
    WAITING_MAX_BYTES,
)
from edge.tls import tls_problem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from paho.mqtt.reasoncodes import ReasonCode

    from edge.uplink.broker_url import BrokerUrl

_QOS: Final = 1
_BAD_LOGINS: Final = frozenset({"Bad user name or password", "Not authorized"})


class Message(NamedTuple):
    """What was published. `retained`: the broker kept it from earlier."""

    topic: str
    payload: bytes
    retained: bool


class Inbox(NamedTuple):
    """What came since the last time, and how many messages found no room."""

    messages: list[Message]
    lost: int


class BrokerLink:
    """One connection. `open` first, `close` in the end; `closed` is resolved with the reason when it breaks."""

    def __init__(
        self,
        broker: BrokerUrl,
        client_id: str,
        topics: Sequence[str],
        on_inbox: Callable[[Inbox], None],
        *,
        login: tuple[str, str | None] | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._broker = broker
        self._topics = tuple(topics)
        self._on_inbox = on_inbox
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._lock = threading.Lock()
        self._waiting: list[Message] = []
        self._waiting_bytes = 0
        self._lost = 0
        self._left = False
        self._connecting: asyncio.Future[Any] | None = None
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if login is not None:
            client.username_pw_set(*login)
        if tls is not None:
            client.tls_set_context(tls)
        client.on_connect = self._from_thread(self._connected)
        client.on_subscribe = self._from_thread(self._subscribed)
        client.on_disconnect = self._from_thread(self._disconnected)
        client.on_message = self._received

    async def open(self) -> None:
        """Connect and subscribe. Raises `SessionOver`."""
        broker = self._broker
        connecting = asyncio.to_thread(self._client.connect, broker.host, broker.port, MQTT_KEEPALIVE_S)
        self._connecting = asyncio.ensure_future(connecting)
        try:
            await asyncio.shield(self._connecting)
        except (OSError, ValueError) as error:
            raise SessionOver(
                f"cannot reach the broker {broker}: {tls_problem(error) or error or type(error).__name__}"
            ) from error
        self._client.loop_start()
        answers: set[asyncio.Future[Any]] = {self._ready, self.closed}
        await asyncio.wait(answers, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            reason = self.closed.result()
            raise SessionOver(f"the broker {broker} refused us: {reason}", refused=reason in _BAD_LOGINS)
        if not self._ready.done():
            raise SessionOver(f"the broker {broker} does not answer")

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1. Raises `SessionOver` when it cannot go out."""
        info = self._client.publish(topic, payload, qos=_QOS)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise SessionOver(f"the broker {self._broker} takes nothing: {info.rc.name}")

    async def close(self) -> None:
        """End it, politely first; within `LEAVE_TIMEOUT_S` and what the network loop takes."""
        client = self._client
        polite = self._ready.done() and not self.closed.done()
        client.disconnect()
        if polite:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await asyncio.shield(self.closed)
        self._left = True
        self._shut()
        await asyncio.to_thread(client.loop_stop)
        client.on_connect = client.on_subscribe = client.on_disconnect = client.on_message = None
        if self._connecting is not None and not self._connecting.done():
            self._connecting.add_done_callback(self._connected_too_late)

    def _shut(self) -> None:
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
                sock.close()

    def _connected_too_late(self, connecting: asyncio.Future[Any]) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            self._shut()

    # -- on the event loop

    def _connected(self, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            self.end(str(code))
            return
        error, _ = self._client.subscribe([(topic, _QOS) for topic in self._topics])
        if error is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.end(f"subscribe: {error.name}")

    def _subscribed(self, _mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        denied = [topic for topic, code in zip(self._topics, codes, strict=False) if code.is_failure]
        if denied:
            self.end(f"we may not subscribe to {', '.join(denied)}")
        elif not self._ready.done():
            self._ready.set_result(None)

    def _disconnected(self, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self.end(f"the broker {self._broker} is gone: {code}" if self._ready.done() else str(code))

    def end(self, reason: str) -> None:
        """Give it up, for a reason: `closed` is resolved; `close` is still to be called."""
        if not self.closed.done():
            self.closed.set_result(reason)

    def _empty(self) -> None:
        with self._lock:
            inbox = Inbox(self._waiting, self._lost)
            self._waiting, self._waiting_bytes, self._lost = [], 0, 0
        if not self._left:
            self._on_inbox(inbox)

    # -- on the client's thread

    def _from_thread(self, handle: Callable[..., None]) -> Callable[..., None]:
        def post(_client: paho.Client, _userdata: Any, *args: Any) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(handle, *args)

        return post

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        with self._lock:
            wake = not self._waiting and not self._lost
            size = len(message.payload)
            room = len(self._waiting) < MESSAGES_WAITING_MAX and self._waiting_bytes + size <= WAITING_MAX_BYTES
            if room and size <= PAYLOAD_MAX_BYTES:
                self._waiting_bytes += size
                self._waiting.append(Message(message.topic, bytes(message.payload), message.retain))
            else:
                self._lost += 1
        if wake:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._empty)
