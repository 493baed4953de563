"""Plays reads and events to a tracker, second by second, and says what it decides.

Theory of operation. The replay's clock begins with the second of the first read and goes on to that of the last. For
each second: hard evidence that happened before its end, then the window of its reads, then a tick, as a gateway would
have met them. A change stands at the time at which it was *decided* (`ZoneChange.decided_us`): the item's own last
read in the window where that decided, else the window's end, or the evidence's own time. So what is said of a time
rests on nothing that came after the second it lies in. Changes come in the order of their times: one that was decided
before what a second ago was told (a late read) stands at that. Items are met (numbered) in the second in which they
are read or named first.

Pure: no IO, no clock. `Replay.steps` gives control back after each second, so that the tracker can be asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.tracker import Evidence, EvidenceKind, Tracker, ZoneChange
from gateway.replay.events import Event
from gateway.replay.instant import US
from gateway.replay.looks import Looks
from gateway.replay.reads import Reads
from gateway.replay.reorder import Reorder
from gateway.replay.tags import FOREIGN, OVER_LIMIT, Tags
from gateway.replay.windows import Windows
from wire.site import OUT, Site

_NEVER_MET: Final = -1
_BEFORE_ALL_US: Final = -(2**63)


class Change(NamedTuple):
    """An item is somewhere else from `at_us` on: decided then, and by what was known then."""

    at_us: int
    item: int
    zone: str


class Step(NamedTuple):
    """A second has passed: the clock, and what was decided in it, in the order of time."""

    now_us: int
    changes: list[Change]


@dataclass(slots=True)
class ReplayFigures:
    """What was played; reads are rows of the file, observations are what is left of them in windows of a second."""

    seconds: int = 0
    reads: int = 0
    windows: int = 0
    observations: int = 0
    items: int = 0
    movements: int = 0
    events: int = 0
    foreign: int = 0
    over_item_limit: int = 0
    unknown_antenna: int = 0
    late: int = 0
    duplicates: int = 0


@dataclass(slots=True)
class Replay:
    """One run. `tags` is the register that the reads and events were parsed with; read `figures` at any time."""

    site: Site
    tracker: Tracker
    tags: Tags
    figures: ReplayFigures = field(default_factory=ReplayFigures)
    tag_of_item: list[int] = field(default_factory=list)
    _item_of_tag: NDArray[np.int32] = field(default_factory=lambda: np.full(1_024, _NEVER_MET, np.int32))
    _places: list[str] = field(default_factory=list)
    _told_us: int = _BEFORE_ALL_US

    def epc(self, item: int) -> str:
        """Return the EPC of an item, as the file first wrote it."""
        return self.tags.epcs[self.tag_of_item[item]]

    def gtin(self, item: int) -> str:
        """Return the GTIN of an item, empty where its tag says none."""
        return self.tags.gtins[self.tag_of_item[item]]

    def steps(self, reads: Iterable[Reads], events: Iterable[Event] = ()) -> Iterator[Step]:
        """Play `reads` (blocks in the order of the file) and `events`; yield after each second of the clock."""
        antennas = tuple(self.site.zone_of_antenna())
        looks, windows = Looks(antennas), Windows(antennas)
        waiting = _Waiting(events)
        nothing = _no_reads()
        clock_s: int | None = None
        for second, found in self._seconds(reads):
            for now in range(second if clock_s is None else clock_s, second + 1):
                mine = self._known(found) if now == second else nothing
                here = found.antenna[found.antenna >= 0] if now == second else nothing.antenna
                changes = self._witness(waiting.until((now + 1) * US))
                inventory_ms = looks.window(np.bincount(here, minlength=len(antennas)) > 0)
                window = windows.window(now, mine, self._items(mine.tag), inventory_ms)
                changes += self._changed(self.tracker.observe(window))
                changes += self._changed(self.tracker.tick(window.end_us))
                self.figures.seconds += 1
                self.figures.windows += 1
                self.figures.observations += len(window.item)
                self.figures.duplicates = windows.duplicates
                yield Step(window.end_us, self._in_order(changes, window.end_us))
            clock_s = second + 1
        rest = list(waiting.until(None))
        if rest:
            yield Step(rest[-1].at_us, self._in_order(self._witness(rest), rest[-1].at_us))

    # -- reads

    def _seconds(self, reads: Iterable[Reads]) -> Iterator[tuple[int, Reads]]:
        reorder = Reorder()
        for block in reads:
            self.figures.reads += len(block)
            yield from reorder.add(block)
            self.figures.late = reorder.late
        yield from reorder.rest()

    def _known(self, reads: Reads) -> Reads:
        """Return the reads of our items at our antennas; count the others."""
        figures = self.figures
        placed, ours = reads.antenna >= 0, reads.tag >= 0
        if placed.all() and ours.all():
            return reads
        figures.unknown_antenna += int((~placed).sum())
        figures.foreign += int((placed & (reads.tag == FOREIGN)).sum())
        figures.over_item_limit += int((placed & (reads.tag == OVER_LIMIT)).sum())
        return reads.rows(placed & ours)

    def _items(self, tags: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the item number of each tag; those of new ones go by their EPC, whatever the order of the rows."""
        if len(tags) == 0:
            return tags
        top = int(tags.max())
        if top >= len(self._item_of_tag):
            more = np.full(max(top + 1 - len(self._item_of_tag), len(self._item_of_tag)), _NEVER_MET, np.int32)
            self._item_of_tag = np.concatenate([self._item_of_tag, more])
        items = self._item_of_tag[tags]
        if (items >= 0).all():
            return items
        new = sorted(np.unique(tags[items < 0]).tolist(), key=self.tags.epcs.__getitem__)
        self._item_of_tag[new] = np.arange(len(self.tag_of_item), len(self.tag_of_item) + len(new))
        self.tag_of_item += new
        self._places += [OUT] * len(new)
        self.figures.items = len(self.tag_of_item)
        self.tracker.meet([self.tags.gtins[tag] for tag in new])
        return self._item_of_tag[tags]

    # -- decisions

    def _changed(self, changes: list[ZoneChange]) -> list[Change]:
        """Note what the tracker decided; a change to where an item is already is none."""
        done = []
        for change in changes:
            if self._places[change.item] != change.to_zone:
                self._places[change.item] = change.to_zone
                done.append(Change(change.decided_us, change.item, change.to_zone))
        self.figures.movements += len(done)
        return done

    def _in_order(self, changes: list[Change], end_us: int) -> list[Change]:
        """Return a second's changes by time: none before what was told already, none after the second's end."""
        latest: dict[int, int] = {}
        done = []
        for change in changes:
            since_us = max(self._told_us, latest.get(change.item, _BEFORE_ALL_US))
            at_us = latest[change.item] = min(max(change.at_us, since_us), end_us)
            done.append(Change(at_us, change.item, change.zone))
        done.sort(key=lambda change: change.at_us)
        if done:
            self._told_us = done[-1].at_us
        return done

    def _witness(self, events: Iterable[Event]) -> list[Change]:
        """Tell the tracker what happened; events of one instant, kind and SKU are one piece of evidence."""
        done: list[Change] = []
        for (at_us, kind, gtin), same in groupby(events, key=lambda event: (event.at_us, event.kind, event.gtin)):
            group = list(same)
            self.figures.events += len(group)
            if gtin:
                evidence = Evidence(kind, at_us, gtin=gtin, quantity=len(group))
            else:
                items = self._items(np.array([event.tag for event in group], np.int32))
                evidence = Evidence(kind, at_us, items=np.unique(items))
            done += self._changed(self.tracker.witness(evidence))
        return done


class _Waiting:
    """Events in the order of time, those of an instant by kind and SKU."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = sorted(events, key=lambda event: (event.at_us, list(EvidenceKind).index(event.kind), event.gtin))
        self._next = 0

    def until(self, end_us: int | None) -> list[Event]:
        """Take the events before `end_us`, all of them without it."""
        first = self._next
        while self._next < len(self._events) and (end_us is None or self._events[self._next].at_us < end_us):
            self._next += 1
        return self._events[first : self._next]


def _no_reads() -> Reads:
    none = np.zeros(0, np.int32)
    return Reads(np.zeros(0, np.int64), none, none, none)


def replay(
    site: Site, reads: Iterable[Reads], tracker: Tracker, tags: Tags, events: Iterable[Event] = ()
) -> Iterator[Change]:
    """Yield every change of place that `tracker` decides over `reads` and `events`, in the order of time."""
    for step in Replay(site, tracker, tags).steps(reads, events):
        yield from step.changes
