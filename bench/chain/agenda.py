"""What happens next, for the whole chain: one queue. Of equal instants, what was planned first comes first."""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Final

from simulator.chain.demand import DAY_MIN
from simulator.chain.goods import Goods
from simulator.chain.parameters import Chain

MINUTE_US: Final = 60_000_000
MONDAY_US: Final = 1_793_574_000_000_000
"""Monday, 2 November 2026, midnight in Berlin."""

Deed = Callable[[], None]


class Agenda:
    """Runs deeds in the order of their minutes (from Monday midnight)."""

    def __init__(self, chain: Chain) -> None:
        self.now_min = 0.0
        self.done = 0
        self._chain = chain
        self._queue: list[tuple[float, int, Deed]] = []
        self._number = count()

    @property
    def now_us(self) -> int:
        """This instant, UTC microseconds."""
        return us_of(self.now_min)

    def at(self, minute: float, deed: Deed) -> None:
        """Plan a deed; one in the past is done next."""
        heappush(self._queue, (max(minute, self.now_min), next(self._number), deed))

    def after(self, minutes: float, deed: Deed) -> None:
        """Plan a deed so long after now."""
        self.at(self.now_min + minutes, deed)

    def opening(self) -> float:
        """Return this minute if the stores are open, else the one in which they open next."""
        return self._chain_open(self.now_min)

    def open_after(self, minutes: float) -> float:
        """Return the minute that is so many open minutes from now: nothing changes in a closed store."""
        span = (self._chain.closes_h - self._chain.opens_h) * 60
        begin = self._chain_open(self.now_min)
        day, into = divmod(begin, DAY_MIN)
        total = into - self._chain.opens_h * 60 + minutes
        return (day + total // span) * DAY_MIN + self._chain.opens_h * 60 + total % span

    def _chain_open(self, minute: float) -> float:
        day, into = divmod(minute, DAY_MIN)
        if into < self._chain.opens_h * 60:
            return day * DAY_MIN + self._chain.opens_h * 60
        return minute if into < self._chain.closes_h * 60 else (day + 1) * DAY_MIN + self._chain.opens_h * 60

    def run(self, until_min: float) -> None:
        """Do everything that is planned before a minute."""
        while self._queue and self._queue[0][0] < until_min:
            self.now_min, _, deed = heappop(self._queue)
            self.done += 1
            deed()


def us_of(minute: float) -> int:
    """Return a minute of the week as UTC microseconds."""
    return MONDAY_US + int(minute * MINUTE_US)


@dataclass(frozen=True, slots=True)
class Scene:
    """What all parts of a run share: the chain, its true goods, the agenda, the seed."""

    chain: Chain
    goods: Goods
    agenda: Agenda
    seed: int


def nobody(*_told: object) -> None:
    """Stand where nobody listens."""
