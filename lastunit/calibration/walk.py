"""Plays a survey's reads to what counts them, by the very replay that a tracker is fed with."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.presence.calibrate import Truth
from gateway.presence.tracker import Evidence, Window, ZoneChange
from gateway.replay import Reads, Replay, ReplayFigures, Tags
from wire.site import Site


class Taker(Protocol):
    """What counts or judges a walk: `Survey` and `Check` of `gateway.presence`."""

    def begin(self, truth: Truth) -> None:
        """Begin with a walk."""
        ...

    def take(self, window: Window, subject: NDArray[np.int64]) -> None:
        """Take one window; `subject`: which subject of the truth each observation is of, below 0 for none."""
        ...


class _Listener:
    """A tracker that decides nothing: it hands the windows on. Subjects of the truth are tags by their number."""

    def __init__(self, taker: Taker, subjects: int) -> None:
        self._taker = taker
        self._subjects = subjects
        self._subject_of_item = np.zeros(0, np.int64)
        self.tag_of_item: list[int] = []
        self.zones: tuple[str, ...] = ()

    def meet(self, gtins: Sequence[str]) -> None:
        known = len(self._subject_of_item)
        tags = np.array(self.tag_of_item[known : known + len(gtins)], np.int64)
        self._subject_of_item = np.concatenate([self._subject_of_item, np.where(tags < self._subjects, tags, -1)])

    def observe(self, window: Window) -> list[ZoneChange]:
        self._taker.take(window, self._subject_of_item[window.item])
        return []

    def tick(self, now_us: int) -> list[ZoneChange]:  # noqa: ARG002 - a tracker has it
        return []

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        raise AssertionError(f"a survey has no {evidence.kind}")

    def blind_zones(self) -> frozenset[str]:
        return frozenset()

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        raise AssertionError(f"a listener knows no places of {len(items)} items")

    def snapshot(self) -> bytes:
        return b""


def play(site: Site, tags: Tags, reads: Iterable[Reads], truth: Truth, taker: Taker) -> ReplayFigures:
    """Play one walk; return what the replay counted. The truth's subjects are the first tags of `tags`."""
    listener = _Listener(taker, truth.subjects)
    replay = Replay(site, listener, tags)
    listener.tag_of_item = replay.tag_of_item
    taker.begin(truth)
    for _ in replay.steps(reads):
        pass
    return replay.figures
