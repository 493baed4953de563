"""Misbehaviour on demand: what a real reader, or the network before it, does on a bad day. Pure: bytes in, bytes out.

Switches hold until they are switched back (`refusal`, `silent`, `answer_delay_s`); corruptions apply to the next
messages of a name and are used up.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from wire.llrp.framer import RawMessage
from wire.llrp.limits import HEADER_BYTES

if TYPE_CHECKING:
    from simulator.reader.outgoing import Send

UNKNOWN_MESSAGE_TYPE: Final = 999
UNKNOWN_PARAMETER_TYPE: Final = 700
HUGE_LENGTH: Final = 0xFFFFFFF0
TINY_LENGTH: Final = 4
_LENGTH_AT: Final = 2
_BEYOND: Final = 1_000


class Refusal(Enum):
    """How a reader lets nobody in."""

    HELD = auto()
    """Says that another client holds it, and closes."""
    HELD_OPEN = auto()
    """Says that another client holds it, and leaves the socket open."""
    OTHER = auto()
    """Says that it failed for another reason, and closes."""
    MUTE = auto()
    """Accepts, and never says anything."""
    RESET = auto()
    """Accepts, and resets."""


class Corruption(Enum):
    """What is done to a message."""

    UNKNOWN_MESSAGE = auto()
    """A message of a type that does not exist goes before it."""
    UNKNOWN_PARAMETER = auto()
    """A parameter of a type that does not exist is appended."""
    BAD_PARAMETER = auto()
    """The length of its first parameter reaches beyond the message."""
    TRUNCATED_FIELD = auto()
    """Its last byte is missing; the lengths of the message and of its last parameter say so."""
    LENGTH_HUGE = auto()
    """Its header announces nearly 4 GiB."""
    LENGTH_TINY = auto()
    """Its header announces less than a header."""
    DROP_MID = auto()
    """Half of it is sent, then the connection is reset."""
    SWALLOW = auto()
    """It is never sent."""


class Transmission(NamedTuple):
    """What goes out instead of a message, and whether the connection is reset after it."""

    data: bytes
    reset: bool = False


@dataclass(slots=True)
class _Planned:
    """A corruption that waits for messages of a name ("" = any)."""

    message: str
    times: int
    corruption: Corruption | None = None
    body: bytes = b""


@dataclass(slots=True)
class Faults:
    """The faults of one reader.

    Attributes:
        refusal: how clients are refused; None = they are not.
        silent: the socket stays open, nothing goes out, and nothing that comes in is heard.
        answer_delay_s: real seconds by which answers to requests are late.
        applied: corruptions that have been done.
    """

    refusal: Refusal | None = None
    silent: bool = False
    answer_delay_s: float = 0.0
    applied: int = 0
    _planned: list[_Planned] = field(default_factory=list)

    def corrupt(self, corruption: Corruption, message: str = "", times: int = 1) -> None:
        """Corrupt the next `times` messages of that name (any name if empty)."""
        self._planned.append(_Planned(message, times, corruption))

    def bodies(self, body: bytes, message: str) -> None:
        """Send these bytes instead of the next such message's body, under a right header."""
        self._planned.append(_Planned(message, 1, body=body))

    def clear(self) -> None:
        """End all faults."""
        self.refusal, self.silent, self.answer_delay_s = None, False, 0.0
        self._planned.clear()

    def outgoing(self, send: Send) -> Transmission:
        """Return what goes out for a message."""
        if self.silent:
            return Transmission(b"")
        for planned in self._planned:
            if planned.message in ("", send.name):
                planned.times -= 1
                self.applied += 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                if planned.corruption is None:
                    return Transmission(with_body(send.data, planned.body))
                return corrupted(send.data, planned.corruption)
        return Transmission(send.data)


def with_body(data: bytes, body: bytes) -> bytes:
    """Return a message with another body and a length that fits it."""
    word, _, message_id = struct.unpack_from(">HII", data)
    return RawMessage(word >> 10 & 0x7, word & 0x3FF, message_id, body).to_bytes()


def corrupted(data: bytes, corruption: Corruption) -> Transmission:
    """Return what goes out for a whole message under a corruption."""
    if corruption is Corruption.SWALLOW:
        return Transmission(b"")
    if corruption is Corruption.DROP_MID:
        return Transmission(data[: len(data) // 2], reset=True)
    if corruption is Corruption.UNKNOWN_MESSAGE:
        return Transmission(RawMessage(1, UNKNOWN_MESSAGE_TYPE, 1, b"whatever").to_bytes() + data)
    length = {Corruption.LENGTH_HUGE: HUGE_LENGTH, Corruption.LENGTH_TINY: TINY_LENGTH}.get(corruption)
    if length is not None:
        return Transmission(data[:_LENGTH_AT] + struct.pack(">I", length) + data[_LENGTH_AT + 4 :])
    change = {
        Corruption.UNKNOWN_PARAMETER: _with_unknown,
        Corruption.BAD_PARAMETER: _longer_first,
        Corruption.TRUNCATED_FIELD: _shorter_last,
    }[corruption]
    return Transmission(with_body(data, change(data[HEADER_BYTES:])))


def _with_unknown(body: bytes) -> bytes:
    """Append a TLV parameter of a type that does not exist."""
    return body + struct.pack(">HH", UNKNOWN_PARAMETER_TYPE, 8) + b"\xde\xad\xbe\xef"


def _longer_first(body: bytes) -> bytes:
    """Let the first TLV parameter of a body claim more than the body holds."""
    return body[:2] + struct.pack(">H", min(0xFFFF, len(body) + _BEYOND)) + body[4:]


def _shorter_last(body: bytes) -> bytes:
    """Cut the last byte off a body of TLV parameters, and off the length of the last of them."""
    at = 0
    while True:
        (length,) = struct.unpack_from(">H", body, at + 2)
        if at + length >= len(body):
            return body[: at + 2] + struct.pack(">H", length - 1) + body[at + 4 : -1]
        at += length
