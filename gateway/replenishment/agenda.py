"""Which runs of a site to judge next: those of which something was told, those whose time has come, then all. Pure."""

import heapq
from collections.abc import Iterable

from gateway.replenishment.assortment import RunKey


class Agenda:
    """Runs that are due. A run is named once, however often it is asked for."""

    def __init__(self) -> None:
        self._soon: dict[RunKey, None] = {}
        self._later: dict[RunKey, None] = {}
        self._wakes: list[tuple[int, RunKey]] = []
        self._wake_us: dict[RunKey, int] = {}

    def __len__(self) -> int:
        return len(self._soon) + len(self._later)

    @property
    def passing(self) -> bool:
        """Whether a pass over all runs is under way."""
        return bool(self._later)

    def ask(self, runs: Iterable[RunKey]) -> None:
        """Judge these soon."""
        for run in runs:
            self._later.pop(run, None)
            self._soon[run] = None

    def ask_all(self, runs: Iterable[RunKey]) -> None:
        """Judge these when nothing is more urgent."""
        self._later |= {run: None for run in runs if run not in self._soon}

    def wake_at(self, run: RunKey, at_us: int | None) -> None:
        """Judge a run again then; None: time alone asks for nothing. What was said before of it is over."""
        if at_us is None:
            self._wake_us.pop(run, None)
        elif self._wake_us.get(run) != at_us:
            self._wake_us[run] = at_us
            heapq.heappush(self._wakes, (at_us, run))
            if len(self._wakes) > 64 + 4 * len(self._wake_us):  # mostly wakes that are over
                self._wakes = [(wake_us, name) for name, wake_us in self._wake_us.items()]
                heapq.heapify(self._wakes)

    def forget(self, runs: Iterable[RunKey]) -> None:
        """Judge these no more."""
        for run in runs:
            self._soon.pop(run, None)
            self._later.pop(run, None)
            self._wake_us.pop(run, None)

    def due(self, now_us: int) -> bool:
        """Whether any run is due; those that time asks for are put among the others."""
        while self._wakes and self._wakes[0][0] <= now_us:
            at_us, run = heapq.heappop(self._wakes)
            if self._wake_us.get(run) == at_us:
                del self._wake_us[run]
                self.ask([run])
        return len(self) > 0

    def take(self, sizes: dict[RunKey, int], most: int) -> list[RunKey]:
        """Return the next runs, with `most` sizes in all, or one run that has more; `sizes` of each run."""
        taken: list[RunKey] = []
        total = 0
        for queue in (self._soon, self._later):
            for run in list(queue):
                units = sizes.get(run, 0)
                if taken and total + units > most:
                    return taken
                del queue[run]
                taken.append(run)
                total += units
        return taken
