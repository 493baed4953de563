"""What a reader says: builds, encodes and counts the messages that go out, in order.

`Outgoing` holds the effects of one input to the machine until they are taken. It knows the connection's protocol
version and how the reader stamps time; whether something may go out now is the machine's to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from simulator.reader import notification as notes
from simulator.reader.status import status, status_of
from wire.llrp.codec import encode
from wire.llrp.framer import RawMessage
from wire.llrp.message import message
from wire.llrp.tables import MESSAGES, response_to

if TYPE_CHECKING:
    from simulator.reader.counters import Counters
    from simulator.reader.status import RefusedError
    from wire.llrp.message import Message, Parameter
    from wire.llrp.tables.enumerations import ConnectionAttemptStatusType, StatusCode

FIRST_VERSION: Final = 1
_REPORT_TYPE: Final = MESSAGES["RO_ACCESS_REPORT"].number


class Send(NamedTuple):
    """One whole message to send. `answer`: it answers a request."""

    name: str
    data: bytes
    answer: bool = False


class Close(NamedTuple):
    """Close the connection, after what was sent before."""

    reason: str


Effect: TypeAlias = Send | Close


class Outgoing:
    """The effects that wait to be handed out.

    Args:
        counters: counts what is sent.
        boot_us: when the reader booted, if it stamps with its uptime; None for UTC.

    Attributes:
        version: protocol version of the connection, for every header.
    """

    def __init__(self, counters: Counters, boot_us: int | None) -> None:
        self.version = FIRST_VERSION
        self._counters = counters
        self._boot_us = boot_us
        self._effects: list[Effect] = []
        self._next_id = 1

    def taken(self) -> list[Effect]:
        """Hand the effects out."""
        effects, self._effects = self._effects, []
        return effects

    def take_id(self) -> int:
        """Return the id for the next message of our own."""
        taken = self._next_id
        self._next_id = taken % 0xFFFFFFFF + 1
        return taken

    def send(self, outgoing: Message, *, answer: bool = False) -> None:
        """Send any message."""
        self._counters.messages_out += 1
        self._effects.append(Send(outgoing.name, encode(outgoing), answer))

    def close(self, reason: str) -> None:
        """Close the connection after what was sent."""
        self._effects.append(Close(reason))

    def notification(self, event: Parameter, at_us: int) -> Message:
        """Return a READER_EVENT_NOTIFICATION, stamped as this reader does."""
        return notes.notification(event, at_us, self._boot_us, self.version)

    def greet(self, outcome: ConnectionAttemptStatusType, now_us: int) -> None:
        """Say how a connection attempt went."""
        self.send(self.notification(notes.connection_attempt(outcome), now_us))

    def report(self, message_id: int, body: bytes, tags: int, *, answer: bool = False) -> None:
        """Send an RO_ACCESS_REPORT."""
        self._counters.messages_out += 1
        self._counters.reports_out += 1
        self._counters.tags_out += tags
        data = RawMessage(self.version, _REPORT_TYPE, message_id, body).to_bytes()
        self._effects.append(Send("RO_ACCESS_REPORT", data, answer))

    def answer(self, request: str, message_id: int, *parameters: Parameter) -> None:
        """Send a request's response. Raises `LookupError` if it has none."""
        response = response_to(request)
        if response is None:
            raise LookupError(f"{request} has no response")
        self.send(message(response, message_id, *parameters, version=self.version), answer=True)

    def refuse(self, request: str, message_id: int, refused: RefusedError) -> None:
        """Answer with a status other than success: in the request's own response, else in an ERROR_MESSAGE."""
        self._counters.errors_out += 1
        response = response_to(request)
        name = response if response is not None and _holds_status_only(response) else "ERROR_MESSAGE"
        self.send(message(name, message_id, status_of(refused), version=self.version), answer=True)

    def error(self, message_id: int, code: StatusCode, problem: str) -> None:
        """Send an ERROR_MESSAGE."""
        self._counters.errors_out += 1
        self.send(message("ERROR_MESSAGE", message_id, status(code, problem), version=self.version), answer=True)


def _holds_status_only(response: str) -> bool:
    """Return whether a response may consist of nothing but its LLRPStatus."""
    definition = MESSAGES[response]
    needed = [slot for slot in definition.slots if slot.least]
    return not definition.named_fields and all("LLRPStatus" in slot.names for slot in needed)
