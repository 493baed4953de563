"""A module's session on one open line: frames and time to the family's conversation, its words and news back.

Theory of operation. There are two times: until when the conversation waits for a frame, and until when a frame that has
begun must be whole. Whatever comes is cut into frames; each is given to the conversation, which says what next.
When a time is over, the conversation hears nothing (None), or the frame is given up. It ends by `Failed`.

Pure: bytes and monotonic seconds in, bytes and news out. What comes out does not depend on how bytes were cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.uhf.conversation import Heard, ModuleError
from edge.uhf.framer import Framer, Noise
from edge.uhf.news import Bad, Failed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.uhf.conversation import Family
    from edge.uhf.framer import Cut
    from edge.uhf.news import News


class ModuleSession:
    """One line's life. `begin` first; after `Failed` nothing comes out any more."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._framer = Framer(family.framing)
        self._talk = family.converse()
        self._out = bytearray()
        self._until_s: float | None = None
        self._ended = False

    # -- what happens

    def begin(self, now_s: float) -> None:
        """Say the first words: the line is open."""
        self._step(None, now_s)

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes, in pieces of any size."""
        if self._ended:
            return
        self._hear(self._framer.feed(data, now_s), now_s)

    def tick(self, now_s: float) -> None:
        """Look at the time; may come early."""
        if self._ended:
            return
        self._hear(self._framer.expire(now_s), now_s)
        if self._until_s is not None and now_s >= self._until_s:
            self._until_s = None
            self._step(Heard(None, now_s), now_s)

    def deadline(self) -> float | None:
        """Return when `tick` is needed at the latest; None once it has ended."""
        times = [at_s for at_s in (self._until_s, self._framer.deadline()) if at_s is not None]
        return None if self._ended else min(times, default=None)

    # -- what comes of it

    def take(self) -> bytes:
        """Return what is to be sent, and forget it."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def news(self) -> list[News]:
        """Return what was told since the last call."""
        told, self._family.news = self._family.news, []
        return told

    # -- the conversation

    def _hear(self, cuts: Iterable[Cut], now_s: float) -> None:
        for cut in cuts:
            if self._ended:
                return
            if isinstance(cut, Noise):
                self._family.news.append(Bad(f"{cut.size} bytes that are no frame"))
                self._family.damaged(now_s)
            else:
                self._step(Heard(cut, now_s), now_s)

    def _step(self, heard: Heard | None, now_s: float) -> None:
        try:
            turn = next(self._talk) if heard is None else self._talk.send(heard)
        except ModuleError as trouble:
            self._ended = True
            self._family.news.append(Failed(str(trouble)))
            return
        self._out += turn.say
        if turn.within_s is not None:
            self._until_s = now_s + turn.within_s
        elif self._until_s is None:
            raise AssertionError("a conversation listens on, and its time was over: it would wait for ever")
