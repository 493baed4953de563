"""A broker in memory: the source of tests and of programs that have their edges in the same process.

It keeps MQTT's promises that the contract rests on and no others: retained messages come first to whoever subscribes
later, a subscriber sees only topics that match, and nothing is kept for one that is away.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable

from gateway.clock import Clock
from gateway.ingest.intake import Intake
from gateway.ingest.port import Delivery, SourceFigures
from gateway.limits import INTAKE_MAX_BYTES, INTAKE_MAX_MESSAGES
from wire.errors import TopicError
from wire.topics import FROM_EDGE, EdgeTopic, parse

Listener = Callable[[str, bytes], None]


def is_from_edge(topic: str) -> bool:
    """Whether the gateway subscribes to this topic."""
    try:
        parsed = parse(topic)
    except TopicError:
        return False
    return isinstance(parsed, EdgeTopic) and parsed.leaf in FROM_EDGE


class MemoryBroker:
    """Hands messages around inside one process."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self._exact: dict[str, list[Listener]] = defaultdict(list)
        self._edges: list[Listener] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish to whoever listens now; an empty retained payload deletes what was retained."""
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        listeners = list(self._exact.get(topic, ()))
        if is_from_edge(topic):
            listeners += self._edges
        for listener in listeners:
            listener(topic, payload)

    def listen(self, topic: str, listener: Listener) -> None:
        """Call `listener` for every message on one topic, the retained one first."""
        self._exact[topic].append(listener)
        if topic in self.retained:
            listener(topic, self.retained[topic])

    def listen_edges(self, listener: Listener) -> None:
        """Call `listener` for everything that edges publish, retained messages first."""
        self._edges.append(listener)
        for topic, payload in list(self.retained.items()):
            if is_from_edge(topic):
                listener(topic, payload)

    def leave(self, listener: Listener) -> None:
        """Forget a listener of the edges' topics."""
        self._edges = [other for other in self._edges if other != listener]


class MemorySource:
    """A `Source` on a `MemoryBroker`."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        max_messages: int = INTAKE_MAX_MESSAGES,
        max_bytes: int = INTAKE_MAX_BYTES,
    ) -> None:
        self.figures = SourceFigures()
        self._broker = broker
        self._clock = clock
        self._intake = Intake(self.figures, max_messages, max_bytes)
        self._connected = False
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether someone iterates over the deliveries."""
        return self._connected

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield what edges publish until `close`."""
        self._broker.listen_edges(self._arrived)
        self._connected = True
        self.figures.connects += 1
        try:
            while (delivery := await self._intake.get()) is not None:
                yield delivery
        finally:
            self._connected = False
            self._broker.leave(self._arrived)

    def _arrived(self, topic: str, payload: bytes) -> None:
        self._intake.put(Delivery(topic, payload, self._clock()))

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message to whoever listens."""
        if self._closed:
            self.figures.unpublished += 1
            return False
        self._broker.send(topic, payload, retain=retain)
        self.figures.published += 1
        return True

    async def close(self) -> None:
        """End `deliveries`."""
        self._closed = True
        self._intake.close()
