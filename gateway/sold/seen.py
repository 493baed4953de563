"""Which postings were looked at. Pure.

Numbers rise, but PostgreSQL gives a posting its number before its commit: one that is seen now may have a lower number
than one that was seen before. Therefore what is behind the newest is looked at again for `LATE_US`, and what was seen
is passed over.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from gateway.sold.limits import LATE_US, POSTINGS_MAX
from gateway.sold.reading import Change


class SeenPostings:
    """All up to `floor`, and those behind it that came lately. Begins a little before the newest. UTC microseconds."""

    def __init__(self, newest: int, now_us: int) -> None:
        self.floor = max(0, newest - POSTINGS_MAX + 1)
        self._ids: set[int] = set()
        self._tops = deque([(now_us, self.floor)])

    def new(self, found: Iterable[Change]) -> list[Change]:
        """Return those that were not seen yet."""
        return [change for change in found if change.id not in self._ids]

    def saw(self, found: Sequence[Change], now_us: int) -> bool:
        """Take what a look behind `floor` found, oldest first; return whether there may be more.

        A full look moves `floor` at once: so many postings in half a minute are a night's import.
        """
        self._ids.update(change.id for change in found)
        if found and found[-1].id > self._tops[-1][1]:
            self._tops.append((now_us, found[-1].id))
        full = len(found) >= POSTINGS_MAX
        while len(self._tops) > 1 and (full or not 0 <= now_us - self._tops[1][0] < LATE_US):
            self._tops.popleft()
        self.floor = self._tops[0][1]
        self._ids = {number for number in self._ids if number > self.floor}
        return full
