"""Errors of the wire: each says who must act.

`WireError` is the root. `FrameError`, `MessageError` and `TopicError` mean that the *peer* broke the contract:
the message goes to quarantine, the connection stays. `SiteFileError` and `CatalogueError` mean that a *person* must
mend a file. `LimitError` means that the *caller* asked for something over a stated bound.
"""

from dataclasses import dataclass


class WireError(ValueError):
    """Root of everything that the wire refuses. `code` is stable and short: it travels in an Ack."""

    code = "wire"


class FrameError(WireError):
    """The 40-byte header is not one of ours: nothing can be acked."""

    code = "frame"


class MessageError(WireError):
    """The header is good and the body is not: it is acked as rejected and quarantined."""

    code = "body"


class IdentityError(MessageError):
    """The body names another site or edge than the topic that it came on."""

    code = "identity"


class TopicError(WireError):
    """A topic that the topics module would not build."""

    code = "topic"


class LimitError(WireError):
    """A value over a bound of `wire.limits`."""

    code = "limit"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a file: where it stands and what is wrong with it.

    `line` counts from 1; 0 means the file as a whole. `key` is the dotted path of the value, such as `zones[2].kind`.
    """

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "file"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class SiteFileError(WireError):
    """A site file that cannot be used; `problems` names each line and key."""

    code = "site_file"

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.problems = problems
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))
