"""Cuts a byte stream into LLRP messages (LLRP 1.0.1 section 16.1), with no socket in sight.

Theory of operation. A message begins with ten bytes: 3 reserved bits, 3 bits version, 10 bits type, then 32 bits
length (header included) and 32 bits message id. The framer keeps what has not become a whole message yet, at
most one message plus the last chunk. The same bytes give the same messages whatever the chunks. A length that
cannot be (below 10, or above the bound) means that the position in the stream is lost for good: the framer
raises, hands out what was whole before, and stays broken until `reset`, because the connection must be dropped.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from wire.llrp.errors import FramingError, MessageTooLong, MessageTooShort
from wire.llrp.limits import HEADER_BYTES, MAX_MESSAGE_BYTES

_HEADER = struct.Struct(">HII")


class RawMessage(NamedTuple):
    """One message as framed: `version` (0-7), `type` (0-1023), `message_id` (u32), and the undecoded `body`."""

    version: int
    type: int
    message_id: int
    body: bytes

    def to_bytes(self) -> bytes:
        """Return header and body as they go over the wire."""
        return _HEADER.pack(self.version << 10 | self.type, HEADER_BYTES + len(self.body), self.message_id) + self.body


class Framer:
    """Collects chunks of one connection and gives whole messages.

    Args:
        max_message_bytes: a longer message breaks the stream (`MessageTooLong`).
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max = max_message_bytes
        self._held = bytearray()
        self._broken: FramingError | None = None

    @property
    def held_bytes(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._held)

    def reset(self) -> None:
        """Forget everything: a new connection begins."""
        self._held.clear()
        self._broken = None

    def feed(self, data: bytes | bytearray | memoryview) -> list[RawMessage]:
        """Take the next chunk, return the messages that are whole now (often none, often many).

        Raises:
            FramingError: the stream is broken (`MessageTooLong`, `MessageTooShort`). Its `messages` hold what
                was whole before the fault. Every further call raises again, until `reset`.
        """
        if self._broken is not None:
            raise type(self._broken)(str(self._broken))
        held = self._held
        held += data
        messages: list[RawMessage] = []
        start = 0
        end = len(held)
        while end - start >= HEADER_BYTES:
            word, length, message_id = _HEADER.unpack_from(held, start)
            if not HEADER_BYTES <= length <= self._max:
                self._break(word, length, messages)
            if end - start < length:
                break
            body = bytes(held[start + HEADER_BYTES : start + length])
            messages.append(RawMessage(word >> 10 & 0x7, word & 0x3FF, message_id, body))
            start += length
        if start:
            del held[:start]
        return messages

    def _break(self, word: int, length: int, messages: list[RawMessage]) -> None:
        self._held.clear()
        place = f"message type {word & 0x3FF}, after {len(messages)} whole messages in this chunk"
        fault: FramingError
        if length < HEADER_BYTES:
            fault = MessageTooShort(f"message length {length}, expected at least {HEADER_BYTES} ({place})")
        else:
            fault = MessageTooLong(f"message length {length}, expected at most {self._max} ({place})")
        self._broken = fault
        fault.messages = messages
        raise fault
