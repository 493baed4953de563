"""Cycle counts: what a handheld saw in a zone, part by part, until its session ends; then what the count found.

A count comes in parts (`CountBatch`), each with EPCs of one zone; the part that says when it ended is the last. It
counts for that one zone. Open counts are held here, bounded in number, items and age. An ended count is remembered by
its name: a part that comes later is no new count of two tags, which would make everything else missing.

`findings` holds a count against where the items were believed to be at that moment, before it counts as evidence:

* *matched*: believed in the zone and seen there;
* *unseen*: believed in the zone and not seen;
* *elsewhere*: seen in the zone and believed in another;
* *new*: seen in the zone and believed to be out, or never placed.

A count with coverage 0 looked nothing through (a few barcodes of a shelf): it says where its items are, and is not
held against anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.fold.limits import (
    COUNT_EXPIRES_US,
    COUNT_SESSION_MAX_ITEMS,
    COUNT_SESSIONS_MAX,
    COUNTS_REMEMBERED,
)
from wire.site import OUT


class CountName(NamedTuple):
    """Which count: a handheld counts several zones in one session."""

    edge: str
    session: str
    zone: str


SavedCounts = tuple[list[tuple[CountName, int, int, list[int], int]], list[CountName]]
"""What a snapshot holds: the open counts and the names of ended ones, oldest first."""


@dataclass(slots=True)
class CountSession:
    """An open count: when it began and was last heard of, the items seen, and how many there was no room for."""

    started_us: int
    heard_us: int
    items: set[int] = field(default_factory=set)
    over: int = 0


class OpenCounts:
    """The counts of a site that have begun and not ended."""

    def __init__(self) -> None:
        self._open: dict[CountName, CountSession] = {}
        self._ended: dict[CountName, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def part(self, name: CountName, items: Iterable[int], started_us: int, heard_us: int) -> int:
        """Add a part of a count; return how many counts had to go to make room for it (0 or 1)."""
        gone = 0
        session = self._open.get(name)
        if session is None:
            if len(self._open) >= COUNT_SESSIONS_MAX:
                del self._open[min(self._open, key=lambda other: (self._open[other].heard_us, other))]
                gone = 1
            session = self._open[name] = CountSession(started_us, heard_us)
        session.heard_us = max(session.heard_us, heard_us)
        for item in items:
            if item in session.items or len(session.items) < COUNT_SESSION_MAX_ITEMS:
                session.items.add(item)
            else:
                session.over += 1
        return gone

    def has_ended(self, name: CountName) -> bool:
        """Whether a count of this name has ended already."""
        return name in self._ended

    def end(self, name: CountName) -> CountSession:
        """Take the count out, and remember its name."""
        self._ended[name] = None
        while len(self._ended) > COUNTS_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return self._open.pop(name)

    def expire(self, now_us: int) -> int:
        """Forget counts that nobody went on with; return how many."""
        old = [name for name, session in self._open.items() if session.heard_us < now_us - COUNT_EXPIRES_US]
        for name in old:
            del self._open[name]
        return len(old)

    def saved(self) -> SavedCounts:
        """Return the open counts for a snapshot; equal counts give equal values."""
        opened = [
            (name, session.started_us, session.heard_us, sorted(session.items), session.over)
            for name, session in self._open.items()
        ]
        return opened, list(self._ended)

    @classmethod
    def restored(cls, saved: SavedCounts) -> "OpenCounts":
        """Return the open counts as `saved` left them."""
        counts = cls()
        opened, ended = saved
        for name, started_us, heard_us, items, over in opened:
            counts._open[CountName(*name)] = CountSession(started_us, heard_us, set(items), over)
        counts._ended = dict.fromkeys(CountName(*name) for name in ended)
        return counts


MATCHED: Final = "matched"
UNSEEN: Final = "unseen"
ELSEWHERE: Final = "elsewhere"
NEW: Final = "new"


@dataclass(frozen=True, slots=True)
class Finding:
    """One item of a count: what the count says about it, and the place where it was believed to be (`OUT`: nowhere)."""

    item: int
    finding: str
    place: str


def findings(zone: str, seen: Iterable[int], places: Sequence[str]) -> list[Finding]:
    """Return what a count of `zone` found, ordered by item. `places` holds every item's; empty: never placed."""
    there = set(seen)
    found = [
        Finding(item, MATCHED if item in there else UNSEEN, zone) for item, place in enumerate(places) if place == zone
    ]
    for item in there:
        place = places[item]
        if place in {OUT, ""}:
            found.append(Finding(item, NEW, OUT))
        elif place != zone:
            found.append(Finding(item, ELSEWHERE, place))
    return sorted(found, key=lambda finding: finding.item)
