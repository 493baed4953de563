"""How a module family is written: one conversation, told from its beginning to its end.

Theory of operation. A family is a generator. It yields a `Turn`: what to say, and how long to wait for a frame. It is
sent a `Heard`: a frame, or None when the time is over. Between two turns it tells what it learnt as news. So set-up,
inventory, faults and pauses of a family stand in one place, in the order in which they happen, and there is no clock,
no port and no timer in them: `edge.uhf.session` supplies time and frames, a test does the same with lists.

A conversation never ends by itself; what cannot go on raises `ModuleError` in words for the person who must mend it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from edge.uhf.framer import Framing
    from edge.uhf.news import News


class ModuleError(Exception):
    """The module cannot be worked with now: it keeps silent, refuses a setting, or has none of our antennas."""


class FrameError(ValueError):
    """A frame whose checksum is right and whose content makes no sense: it costs itself."""


class Turn(NamedTuple):
    """What a family does next. `within_s` None: the time that runs already goes on."""

    say: bytes
    within_s: float | None


class Heard(NamedTuple):
    """What came of a turn. `frame` None: nothing within the time. `now_s`: monotonic."""

    frame: bytes | None
    now_s: float


LISTEN_ON = Turn(b"", None)
"""Say nothing and wait on, for what is left of the time."""

T = TypeVar("T")
Talk: TypeAlias = Generator[Turn, Heard, T]
"""A part of a conversation that finds out a `T`."""


class Family(Protocol):
    """One module of a family, on one line."""

    framing: Framing
    news: list[News]
    """What it told since it was last looked at; the session takes it."""
    awake_until_s: float
    """Until then it does not rest between two inventories; monotonic."""

    def converse(self) -> Talk[None]:
        """Hold the conversation. Raises `ModuleError`."""

    def farewell(self) -> bytes:
        """Return the last words: stop inventorying."""

    def damaged(self, now_s: float) -> None:
        """Hear that something came damaged and is lost: the time in which it was told earns no looks."""
