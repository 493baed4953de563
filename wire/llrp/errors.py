"""What can go wrong with LLRP bytes, sorted by who must act.

``FramingError``: the peer broke the stream; the connection is lost. ``DecodeError``: one message (or one
parameter of it) is bad; the stream goes on. ``EncodeError``: our own caller asked for what LLRP cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wire.llrp.framer import RawMessage


class LlrpError(Exception):
    """Anything that this package raises."""


class FramingError(LlrpError):
    """The byte stream can no longer be cut into messages: drop the connection.

    Attributes:
        messages: whole messages that stood before the fault in the same chunk.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.messages: list[RawMessage] = []


class MessageTooLong(FramingError):  # noqa: N818 - named by the fault
    """A header announces more bytes than `limits.MAX_MESSAGE_BYTES`."""


class MessageTooShort(FramingError):  # noqa: N818 - named by the fault
    """A header announces fewer bytes than the header itself has (10)."""


class DecodeError(LlrpError):
    """A message's body breaks LLRP's rules. It costs this message (or parameter) only.

    Attributes:
        offset: byte offset in the message body.
        path: names from the message down to the parameter, joined by ``/``.
    """

    def __init__(self, problem: str, *, offset: int = 0, path: str = "") -> None:
        where = f" in {path}" if path else ""
        super().__init__(f"{problem}{where} at body offset {offset}")
        self.problem = problem
        self.offset = offset
        self.path = path


class MissingParameter(DecodeError):  # noqa: N818 - named by the fault
    """A caller asked a decoded value for a parameter or a field that it does not have."""


class EncodeError(LlrpError):
    """The caller's value cannot be put on the wire: unknown name, value out of range, wrong cardinality.

    Attributes:
        path: names from the message down to the parameter or field, joined by ``/``.
    """

    def __init__(self, problem: str, *, path: str = "") -> None:
        super().__init__(f"{problem} in {path}" if path else problem)
        self.problem = problem
        self.path = path
