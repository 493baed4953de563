"""The uplink port: a connection that comes and goes, frames up, answers down.

The uplink keeps nothing. It may lose, repeat or delay what it is given; the delivery protocol is above it. What it
must do: say truly when it is connected (which includes that answers can arrive), call its listener on the
event loop's thread only, bound what it holds, try again for ever, and leave a retained `death` behind when it is cut.
"""

from dataclasses import dataclass
from typing import Protocol

from wire.messages import Ack, Command, EdgeState


@dataclass(slots=True)
class UplinkFigures:
    """Counted since the start."""

    connects: int = 0
    connect_failures: int = 0
    published: int = 0
    confirmed: int = 0
    """Messages that the broker took over; says nothing about their future."""
    refused: int = 0
    """Messages that the broker refused, by its reason code (MQTT 5 only: 3.1.1 has no way to say so)."""
    turned_away: int = 0
    """Messages that the client itself did not take: not connected, or its queue was full."""
    undecodable: int = 0
    """Answers and commands that could not be read."""
    certificate_not_after_us: int | None = None
    """When our certificate at the broker ends, UTC microseconds; None without one. No count."""


class UplinkListener(Protocol):
    """Who uses an uplink. All calls come on the event loop's thread."""

    def on_connected(self) -> None:
        """Messages can be published and answers will come."""

    def on_disconnected(self, reason: str) -> None:
        """The connection that was last reported is gone, and with it all that was not confirmed."""

    def on_ack(self, ack: Ack) -> None:
        """The gateway answered."""

    def on_command(self, command: Command) -> None:
        """The gateway asks for something."""

    def on_desired(self, payload: bytes) -> None:
        """What the devices of this edge should be: what the gateway wrote, as it came; retained, so also old news."""

    def on_room(self) -> None:
        """`held_bytes` fell: there is room for more."""


class Uplink(Protocol):
    """One edge's connection. Methods are called on the event loop's thread."""

    @property
    def connected(self) -> bool:
        """Whether `on_connected` was the last word."""

    @property
    def held_bytes(self) -> int:
        """Bytes that were published and not confirmed by the broker yet."""

    @property
    def figures(self) -> UplinkFigures:
        """What was counted."""

    def start(self, listener: UplinkListener, death: EdgeState) -> None:
        """Begin to connect, and keep at it. `death` is left as the retained last will."""

    async def stop(self, farewell: EdgeState | None = None) -> None:
        """Publish a last retained state when connected, and leave. No call of the listener comes afterwards."""

    def publish_data(self, frame: bytes) -> bool:
        """Publish a frame; False when it was not taken (it will never go out then)."""

    def publish_state(self, state: EdgeState) -> bool:
        """Publish the retained state; False when it was not taken."""

    def publish_reported(self, payload: bytes) -> bool:
        """Publish what the devices are, retained; False when it was not taken."""
