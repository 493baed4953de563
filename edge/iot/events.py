"""What a reader that speaks JSON tells, whatever its make: small frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


class BadEvent(ValueError):  # noqa: N818 - says what it is
    """An object that should be an event and cannot be used: it costs itself. The text names no EPC."""


class Tag(NamedTuple):
    """One tag report. What the reader did not say is None.

    Attributes:
        port: the antenna.
        epc: its bytes.
        rssi_cdbm: peak, 0.01 dBm.
        seen_us: when the tag was last seen, UTC on the reader's clock.
        made_us: when the event was made, UTC on the reader's clock.
        reads: how often it was seen since the last report.
        number: the event's number in its run.
    """

    epc: bytes
    port: int | None
    rssi_cdbm: int | None
    seen_us: int | None
    made_us: int | None
    reads: int = 1
    number: int | None = None


@dataclass(frozen=True, slots=True)
class AntennaState:
    """Something was plugged into a port, or pulled out."""

    port: int
    connected: bool


@dataclass(frozen=True, slots=True)
class Overflow:
    """The reader threw events away."""

    text: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the reader's inventory does. `other`: a state that is none of these for certain (starting, stopping)."""

    state: Literal["running", "armed", "idle", "other"]


@dataclass(frozen=True, slots=True)
class Input:
    """A general purpose input changed."""

    pin: int
    high: bool


@dataclass(frozen=True, slots=True)
class Complaint:
    """The reader's own words on something that is wrong."""

    text: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The reader lives. `active`: whether its radio inventories; None: not said. `dropped`: events, since its boot."""

    made_us: int | None
    active: bool | None = None
    antennas: Mapping[int, bool] = field(default_factory=dict)
    temperature_c: float | None = None
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The reader answered a command."""

    command: str
    command_id: str
    success: bool
    text: str
    payload: Mapping[str, object]


Event: TypeAlias = Tag | AntennaState | Overflow | Inventory | Input | Complaint | Heartbeat | Answer
