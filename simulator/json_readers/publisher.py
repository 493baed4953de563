"""The MQTT side of an emulated reader, by paho-mqtt 2. What comes is handed over on the event loop's thread."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_S = 5.0
"""The broker is on this machine or in this building."""


class Publisher:
    """One connection of a reader to a broker."""

    def __init__(self, client_id: str, *, will: tuple[str, str] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._subscribed = self._loop.create_future()
        self._take: Callable[[bytes], None] | None = None
        self._topic = ""
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if will is not None:
            client.will_set(will[0], will[1], qos=1)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    async def connect(self, host: str, port: int, topic: str = "", take: Callable[[bytes], None] | None = None) -> None:
        """Connect; with a topic, subscribe to it. Raises `OSError` or `TimeoutError`."""
        self._topic, self._take = topic, take
        await asyncio.to_thread(self._client.connect, host, port, 20)
        self._client.loop_start()
        async with asyncio.timeout(CONNECT_S):
            await self._subscribed

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    async def close(self, *, politely: bool = True) -> None:
        """Disconnect; impolitely as a power cut would, so that the broker sends the will."""
        if politely:
            self._client.disconnect()
        sock: Any = self._client.socket()
        if sock is not None and not politely:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(self._client.loop_stop)
        if sock is not None:
            with suppress(OSError):
                sock.close()

    # -- on the client's thread

    def _on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._post(self._fail, str(code))
        elif self._topic:
            client.subscribe(self._topic, qos=1)
        else:
            self._post(self._ready)

    def _on_subscribe(self, _client: paho.Client, *_: Any) -> None:
        self._post(self._ready)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._post(self._hand_over, bytes(message.payload))

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *args)

    # -- on the event loop's

    def _ready(self) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self._subscribed.done():
            self._subscribed.set_exception(ConnectionError(reason))

    def _hand_over(self, payload: bytes) -> None:
        if self._take is not None:
            self._take(payload)
