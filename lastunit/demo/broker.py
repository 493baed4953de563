"""The broker inside the demo: amqtt on a free port of the loopback. MQTT 3.1.1 only, nothing kept."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from amqtt.broker import Broker

_CONFIG: dict[str, Any] = {
    "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0", "max_connections": 50}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


class EmbeddedBroker:
    """An MQTT broker in this process, as an async context manager."""

    def __init__(self) -> None:
        # amqtt warns about every MQTT 5 client that asks before it falls back to 3.1.1.
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self._broker: Broker | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._broker = Broker(_CONFIG)
        await self._broker.start()
        server = self._broker._servers["default"].instance  # noqa: SLF001 - the only way to learn a free port
        assert isinstance(server, asyncio.Server)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._broker is not None:
            await self._broker.shutdown()
