"""The bounded queue between a connection and the gateway; it counts what does not fit."""

import asyncio
from collections import deque

from gateway.ingest.port import Delivery, SourceFigures
from gateway.limits import INTAKE_MAX_BYTES, INTAKE_MAX_MESSAGES


class Intake:
    """First in, first out, bounded by messages and by bytes. For one consumer."""

    def __init__(
        self, figures: SourceFigures, max_messages: int = INTAKE_MAX_MESSAGES, max_bytes: int = INTAKE_MAX_BYTES
    ) -> None:
        self._figures = figures
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiting: deque[Delivery] = deque()
        self._bytes = 0
        self._closed = False
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the payloads that wait."""
        return self._bytes

    def put(self, delivery: Delivery) -> bool:
        """Take a delivery, or drop it and count that when there is no room."""
        size = len(delivery.payload)
        if self._closed or len(self._waiting) >= self._max_messages or self._bytes + size > self._max_bytes:
            self._figures.dropped += 1
            return False
        self._figures.received += 1
        self._waiting.append(delivery)
        self._bytes += size
        self._news.set()
        return True

    async def get(self) -> Delivery | None:
        """Return the next delivery; None once the intake is closed and empty."""
        while not self._waiting:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        delivery = self._waiting.popleft()
        self._bytes -= len(delivery.payload)
        return delivery

    def close(self) -> None:
        """Let `get` return None after what still waits."""
        self._closed = True
        self._news.set()
