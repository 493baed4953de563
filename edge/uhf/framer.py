"""Frames out of a serial line's bytes, and back into step after garbage.

Theory of operation. A frame begins where its family's first bytes allow one, says its own length, and proves itself by
its checksum. As long as the line is in step, each frame begins where the last one ended. What fails the checksum was
no frame: one byte is stepped over and the search goes on *within* what was already received, so that good frames behind
or inside a false beginning are found. All bytes between two good frames count as one loss (`Noise`), whatever their
number, because that is what one disturbance costs. A false beginning can claim bytes that never come; so each frame has
a time in which it must be whole (`expire`), counted from its own first byte: later frames do not keep it alive.

What comes out depends on the bytes and when they came, never on how they were cut into pieces. Bounded: no more is held
than the longest frame. Pure.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol, TypeAlias

from edge.uhf.limits import FRAME_S, NOISE_MAX_BYTES


class Framing(Protocol):
    """What a family's frames look like."""

    def length(self, data: bytearray, at: int) -> int | None:
        """Return the whole length of a frame that begins at `at`; 0: none can; None: too few bytes to tell."""

    def proves(self, frame: bytes) -> bool:
        """Whether the checksum is right."""


class Noise(NamedTuple):
    """Bytes that are no frame."""

    size: int


Cut: TypeAlias = "bytes | Noise"


class Framer:
    """The bytes of one line. `in_step` is False until the first good frame: what comes before was torn, not lost."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._held = bytearray()
        self._came: deque[tuple[int, float]] = deque()
        """How many of the held bytes came when, oldest first."""
        self._skipped = 0
        self.in_step = False

    def feed(self, data: bytes, now_s: float) -> list[Cut]:
        """Take bytes; return frames and what was lost between them, in order. `now_s`: monotonic."""
        if data:
            self._held += data
            self._came.append((len(data), now_s))
        cuts: list[Cut] = []
        self._cut(cuts)
        return cuts

    def deadline(self) -> float | None:
        """Return until when the frame that has begun must be whole; None when none has."""
        return self._came[0][1] + FRAME_S if self._came else None

    def expire(self, now_s: float) -> list[Cut]:
        """Give up beginnings whose time is over; return what was found behind them."""
        cuts: list[Cut] = []
        while self._came and now_s >= self._came[0][1] + FRAME_S:
            self._drop(1)
            self._skip(cuts)
            self._cut(cuts)
        if not self._held:
            self._tell_noise(cuts)
        return cuts

    def _cut(self, cuts: list[Cut]) -> None:
        held, framing, at = self._held, self._framing, 0
        while at < len(held):
            length = framing.length(held, at)
            if length is None or at + length > len(held):
                break
            frame = bytes(held[at : at + length])
            if length and framing.proves(frame):
                self._tell_noise(cuts)
                self.in_step = True
                cuts.append(frame)
                at += length
            else:
                self._skip(cuts)
                at += 1
        self._drop(at)

    def _drop(self, count: int) -> None:
        """Forget the oldest bytes."""
        del self._held[:count]
        while count:
            size, came_s = self._came.popleft()
            if size > count:
                self._came.appendleft((size - count, came_s))
            count -= min(size, count)

    def _skip(self, cuts: list[Cut]) -> None:
        self._skipped += 1
        if self._skipped >= NOISE_MAX_BYTES:
            self._tell_noise(cuts)

    def _tell_noise(self, cuts: list[Cut]) -> None:
        if self._skipped and self.in_step:
            cuts.append(Noise(self._skipped))
        self._skipped = 0
