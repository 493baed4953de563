"""The port between the gateway and whatever carries the edges' messages."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Delivery(NamedTuple):
    """One message as it came: its topic, its bytes, and when it reached this process (UTC microseconds)."""

    topic: str
    payload: bytes
    received_us: int


@dataclass(slots=True)
class SourceFigures:
    """What a source counted since it was made."""

    received: int = 0
    dropped: int = 0
    """The intake was full; an edge sends what was not acked again."""
    published: int = 0
    unpublished: int = 0
    """Not handed to the broker: it was away, or did not answer in time."""
    connects: int = 0
    disconnects: int = 0


class Source(Protocol):
    """Carries messages from every edge, and answers to them.

    Delivery is *at most once* as far as the gateway is concerned: a source may drop, double or reorder. What makes it
    exact is the stream's sequence and the Ack after the commit (`gateway.ingest.watermark`), so every source is a
    thin thing.
    """

    figures: SourceFigures

    @property
    def connected(self) -> bool:
        """Whether messages can flow now."""
        ...

    def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield what comes on the edges' topics until the source is closed; reconnects by itself."""
        ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message, QoS 1; return whether the broker took it. Never raises for a broker that is away."""
        ...

    async def close(self) -> None:
        """End `deliveries` and the connection."""
        ...
