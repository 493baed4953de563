"""The port through which stock is retained on the broker."""

from typing import Protocol

from gateway.ingest.port import SourceFigures


class Publisher(Protocol):
    """Hands messages to a broker. Every `gateway.ingest.port.Source` is one: one connection is enough for both."""

    figures: SourceFigures

    @property
    def connected(self) -> bool:
        """Whether messages can flow now."""
        ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message, QoS 1; return whether the broker took it. Never raises for a broker that is away.

        A retained message stays at its topic for whoever subscribes later; an empty one takes it away.
        """
        ...
