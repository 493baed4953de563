"""Reads in the order of time, a second at a time, from rows that may be a minute out of order."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from gateway.replay.instant import US
from gateway.replay.limits import HELD_MAX_READS, OUT_OF_ORDER_S
from gateway.replay.reads import Reads, join


class Reorder:
    """Holds the newest `OUT_OF_ORDER_S` seconds; `late` counts reads that came after their second had gone on."""

    def __init__(self, held_max: int = HELD_MAX_READS) -> None:
        self.late = 0
        self._held_max = held_max
        self._held: dict[int, list[Reads]] = {}
        self._count = 0
        self._newest_s: int | None = None
        self._next_s: int | None = None

    def add(self, reads: Reads) -> Iterator[tuple[int, Reads]]:
        """Take reads in any order; yield (second, its reads sorted by time) for every second that is complete."""
        if len(reads) == 0:
            return
        if (np.diff(reads.at_us) < 0).any():
            reads = reads.rows(np.argsort(reads.at_us, kind="stable"))
        if self._next_s is not None:
            late = int(np.searchsorted(reads.at_us, self._next_s * US))
            self.late += late
            reads = reads.rows(slice(late, None))
        self._hold(reads)
        yield from self._release()

    def rest(self) -> Iterator[tuple[int, Reads]]:
        """Yield what is still held; nothing may be added after it."""
        for second in sorted(self._held):
            yield second, self._take(second)

    def _hold(self, reads: Reads) -> None:
        seconds = reads.at_us // US
        cuts = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(reads)]
        for low, high in pairwise(cuts):
            if low < high:
                self._held.setdefault(int(seconds[low]), []).append(reads.rows(slice(low, high)))
        self._count += len(reads)
        if len(reads):
            newest = int(seconds[-1])
            self._newest_s = newest if self._newest_s is None else max(self._newest_s, newest)

    def _release(self) -> Iterator[tuple[int, Reads]]:
        if self._newest_s is None:
            return
        complete = self._newest_s - OUT_OF_ORDER_S
        for second in sorted(self._held):
            if second >= complete and self._count <= self._held_max:
                break
            self._next_s = second + 1
            yield second, self._take(second)
        self._next_s = complete if self._next_s is None else max(self._next_s, complete)

    def _take(self, second: int) -> Reads:
        parts = self._held.pop(second)
        reads = join(parts)
        self._count -= len(reads)
        if len(parts) > 1:
            reads = reads.rows(np.argsort(reads.at_us, kind="stable"))
        return reads
