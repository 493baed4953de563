"""A network that delivers twice, as MQTT's QoS 1 may: a client that publishes every frame once more, a little later."""

import time
from collections import deque
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from wire.topics import Leaf, every_edge


class Echo:
    """Repeats each frame of every edge once, at least `after` frames later, so that it is also out of order."""

    def __init__(self, broker_url: str, after: int = 3) -> None:
        address = urlsplit(broker_url)
        self.repeated = 0
        self._after = after
        self._seen: set[bytes] = set()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(every_edge(Leaf.DATA), 1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(address.hostname or "", address.port or 1883)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed = True

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        frame = bytes(message.payload)
        if frame in self._seen:
            return  # our own
        self._seen.add(frame)
        self._waiting.append((message.topic, frame))
        if len(self._waiting) > self._after:
            topic, payload = self._waiting.popleft()
            client.publish(topic, payload, qos=1)
            self.repeated += 1

    def __enter__(self) -> Self:
        self._client.loop_start()
        until = time.monotonic() + 10
        while not self._subscribed and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
