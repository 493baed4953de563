"""Where every item is in every second, as changes instead of a grid: 20,000 items over 3 hours are a few megabytes.

An item is `OUT` before its first row. A row at 12.3 s holds from second 13 on; of several rows in one second the last
one of the file counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Rows in any order: item numbers, seconds from the start (float), zone numbers; all shape [m]."""

    item: Ints
    t_s: NDArray[np.float64]
    zone: Ints


class Timeline:
    """The zones of `items` items over `seconds` seconds; zone number `out` means not in the site.

    Columns, sorted by item, then second, real changes only: `item`, `second`, `zone`, shape [m].
    """

    def __init__(self, changes: Changes, items: int, seconds: int, out: int) -> None:
        self.items, self.seconds, self.out = items, seconds, out
        inside = (changes.t_s >= 0) & (changes.t_s < seconds)
        item, t_s, zone = changes.item[inside], changes.t_s[inside], changes.zone[inside]
        order = np.lexsort((t_s, item))  # stable: rows of one time keep their order
        item, zone, second = item[order], zone[order], np.ceil(t_s[order]).astype(np.int64)
        kept = second < seconds
        kept[:-1] &= (item[1:] != item[:-1]) | (second[1:] != second[:-1])
        item, zone, second = item[kept], zone[kept], second[kept]
        before = np.where(_begins(item), out, np.roll(zone, 1))
        real = zone != before
        self.item, self.second, self.zone = item[real], second[real], zone[real]
        self._key = self.item * (seconds + 1) + self.second

    def at(self, item: Ints, second: Ints) -> Ints:
        """Zone of `item[k]` in `second[k]`, shape [k]."""
        row = np.searchsorted(self._key, item * (self.seconds + 1) + second, side="right") - 1
        known = row >= 0
        known[known] = self.item[row[known]] == item[known]
        zone = np.full(len(item), self.out, np.int64)
        zone[known] = self.zone[row[known]]
        return zone

    def next_to(self, item: Ints, after: Ints, zone: Ints) -> Ints:
        """First second, after `after[k]`, in which item[k] changes to zone[k]; `seconds` where it never does."""
        found = np.full(len(item), self.seconds, np.int64)
        for wanted in np.unique(zone).tolist():
            asked = np.flatnonzero(zone == wanted)
            rows = np.flatnonzero(self.zone == wanted)
            found[asked] = self._next(rows, item[asked], after[asked])
        return found

    def next_change(self, item: Ints, after: Ints) -> Ints:
        """First second, after `after[k]`, in which item[k] changes to anywhere; `seconds` where it never does."""
        return self._next(np.arange(len(self.item)), item, after)

    def _next(self, rows: Ints, item: Ints, after: Ints) -> Ints:
        place = np.searchsorted(self._key[rows], item * (self.seconds + 1) + after, side="right")
        found = np.full(len(item), self.seconds, np.int64)
        there = np.flatnonzero(place < len(rows))
        row = rows[place[there]]
        mine = self.item[row] == item[there]
        found[there[mine]] = self.second[row[mine]]
        return found


class Playback:
    """Steps through a timeline in the order of time."""

    def __init__(self, timeline: Timeline) -> None:
        order = np.argsort(timeline.second, kind="stable")
        self._item, self._second, self._zone = timeline.item[order], timeline.second[order], timeline.zone[order]
        self._zones = np.full(timeline.items, timeline.out, np.int64)
        self._row = 0

    def at(self, second: int) -> Ints:
        """Zone of every item in a second, shape [items]; seconds must not go back. The array is reused."""
        upto = int(np.searchsorted(self._second, second, side="right"))
        part = slice(self._row, max(upto, self._row))
        self._zones[self._item[part]] = self._zone[part]  # of several changes the last one stays
        self._row = part.stop
        return self._zones


def changes_of_grid(grid: NDArray[np.int8], out: int) -> Changes:
    """Read the changes off a grid of zone numbers, shape [seconds, items]."""
    before = np.vstack([np.full((1, grid.shape[1]), out, grid.dtype), grid[:-1]])
    second, item = np.nonzero(grid != before)
    return Changes(item.astype(np.int64), second.astype(np.float64), grid[second, item].astype(np.int64))


def _begins(item: Ints) -> Bools:
    """Which rows are the first of their item."""
    first = np.ones(len(item), bool)
    first[1:] = item[1:] != item[:-1]
    return first
