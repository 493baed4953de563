"""Carries ROSpecs out: their states, triggers and AISpecs (LLRP 1.1 section 10.1). No IO, no clock.

Theory of operation. A ROSpec is Disabled, Inactive (enabled, waiting for its start trigger) or Active. One ROSpec
is active at a time; a more important one (lower number) preempts it, and an equally important one does not start.
While active, its AISpecs run one after the other, each until its own stop trigger; the last one's end (after the
loops of a LoopSpec) ends the ROSpec. One with the Immediate start trigger that ends by itself starts again at once, as
real readers do (clients such as sllurp count on it); one that was stopped by command does not.

Everything that depends on time is a deadline: `deadline_us` names the next, `tick` fires what is due, in order of
time and with the time at which it was due, so that a late caller sees the same history as a punctual one. What happens
comes back as `RoEvent`s in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from simulator.reader.limits import EVENTS_PER_TICK_MAX
from wire.llrp.tables.enumerations import ROSpecStartTriggerType, ROSpecState, TagObservationTriggerType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.reader.rospec import AiPlan, GpiEdge, RoPlan
    from simulator.reader.sighting import Sighting

UNIQUE = frozenset(
    {
        TagObservationTriggerType.Upon_Seeing_N_Unique_Tags_Or_Timeout,
        TagObservationTriggerType.Upon_Seeing_No_More_New_Unique_Tags_For_Tms_Or_Timeout,
    }
)
QUIET = frozenset(
    {
        TagObservationTriggerType.Upon_Seeing_No_More_New_Tags_For_Tms_Or_Timeout,
        TagObservationTriggerType.Upon_Seeing_No_More_New_Unique_Tags_For_Tms_Or_Timeout,
    }
)


class Happening(Enum):
    """What the engine tells."""

    STARTED = "started"
    ENDED = "ended"
    PREEMPTED = "preempted"
    AI_ENDED = "ai ended"


class RoEvent(NamedTuple):
    """One thing that happened to a ROSpec. `by`: the ROSpec that preempted it."""

    what: Happening
    plan: RoPlan
    at_us: int
    spec_index: int = 0
    by: int = 0


@dataclass(slots=True)
class AiRun:
    """An AISpec that runs: since when, and what it has seen."""

    plan: AiPlan
    since_us: int
    tags_seen: int = 0
    last_new_us: int = 0
    epcs: set[bytes] = field(default_factory=set)

    def deadline_us(self) -> int | None:
        """Return when it ends by itself, if nothing more is seen."""
        stop = self.plan.stop
        ends: list[int] = []
        if stop.duration_us:
            ends.append(self.since_us + stop.duration_us)
        if stop.gpi is not None and stop.gpi.timeout_us:
            ends.append(self.since_us + stop.gpi.timeout_us)
        if stop.tags is not None:
            if stop.tags.timeout_us:
                ends.append(self.since_us + stop.tags.timeout_us)
            if stop.tags.kind in QUIET and self.tags_seen:
                ends.append(self.last_new_us + stop.tags.quiet_us)
        return min(ends, default=None)

    def saw(self, sighting: Sighting) -> bool:
        """Take note of a tag; return whether that was enough to end the AISpec."""
        wanted = self.plan.stop.tags
        if wanted is None:
            return False
        if wanted.kind in UNIQUE:
            if sighting.epc in self.epcs:
                return False
            self.epcs.add(sighting.epc)
        self.tags_seen += 1
        self.last_new_us = sighting.time_us
        return wanted.kind not in QUIET and self.tags_seen >= wanted.tags


@dataclass(slots=True)
class Entry:
    """A ROSpec of the reader and where it stands."""

    plan: RoPlan
    state: ROSpecState = ROSpecState.Disabled
    next_start_us: int | None = None
    since_us: int = 0
    loops_done: int = 0
    ai: AiRun | None = None

    def deadline_us(self) -> int | None:
        """Return when time alone changes something here."""
        if self.state == ROSpecState.Disabled:
            return None
        ends = [self.next_start_us] if self.next_start_us is not None else []
        if self.state == ROSpecState.Active:
            ends += [due for due in (self.stop_us(), self.ai.deadline_us() if self.ai else None) if due is not None]
        return min(ends, default=None)

    def stop_us(self) -> int | None:
        """Return when its own stop trigger ends it."""
        stop = self.plan.stop
        wait_us = stop.duration_us or (stop.gpi.timeout_us if stop.gpi is not None else 0)
        return self.since_us + wait_us if wait_us else None


class Engine:
    """The ROSpecs of one reader.

    Attributes:
        not_started: start triggers that fired while a ROSpec of the same or more importance ran.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.not_started = 0
        self._events: list[RoEvent] = []

    @property
    def active(self) -> Entry | None:
        """The ROSpec that runs."""
        return next((entry for entry in self.entries.values() if entry.state == ROSpecState.Active), None)

    @property
    def running(self) -> AiRun | None:
        """The AISpec that runs."""
        entry = self.active
        return entry.ai if entry is not None else None

    def deadline_us(self) -> int | None:
        """Return when `tick` has something to do; None if time alone changes nothing."""
        dues = [due for entry in self.entries.values() if (due := entry.deadline_us()) is not None]
        return min(dues, default=None)

    # -- what the client commands; each returns what happened

    def add(self, plan: RoPlan) -> None:
        """Add a ROSpec, Disabled. Its id must be new."""
        self.entries[plan.rospec_id] = Entry(plan)

    def enable(self, entry: Entry, now_us: int) -> list[RoEvent]:
        """Let a ROSpec wait for its start trigger; it may fire at once."""
        if entry.state == ROSpecState.Disabled:
            entry.state = ROSpecState.Inactive
            start = entry.plan.start
            if start.kind == ROSpecStartTriggerType.Immediate:
                self._start(entry, now_us)
            elif start.kind == ROSpecStartTriggerType.Periodic:
                entry.next_start_us = _first_start(start.at_us, start.offset_us, start.period_us, now_us)
        return self._taken()

    def start(self, entry: Entry, now_us: int) -> tuple[bool, list[RoEvent]]:
        """Start an enabled ROSpec; False if one of the same or more importance runs."""
        started = entry.state == ROSpecState.Active or self._start(entry, now_us)
        return started, self._taken()

    def stop(self, entry: Entry, now_us: int) -> list[RoEvent]:
        """Stop a ROSpec if it runs; it stays enabled."""
        self._end(entry, now_us)
        return self._taken()

    def disable(self, entry: Entry, now_us: int) -> list[RoEvent]:
        """Stop a ROSpec and let no trigger start it."""
        self._end(entry, now_us)
        entry.state = ROSpecState.Disabled
        return self._taken()

    def delete(self, entry: Entry, now_us: int) -> list[RoEvent]:
        """Stop a ROSpec and forget it."""
        events = self.disable(entry, now_us)
        del self.entries[entry.plan.rospec_id]
        return events

    # -- what happens around it

    def tick(self, now_us: int) -> list[RoEvent]:
        """Fire every deadline up to `now_us`, in order of time."""
        for _ in range(EVENTS_PER_TICK_MAX):
            due = self.deadline_us()
            if due is None or due > now_us:
                break
            self._fire(due)
        return self._taken()

    def saw(self, sightings: Iterable[Sighting], now_us: int) -> list[RoEvent]:
        """Let the AISpec's tag observation trigger count tags."""
        for sighting in sightings:
            entry = self.active
            if entry is None or entry.ai is None:
                break
            if entry.ai.saw(sighting):
                self._end_ai(entry, now_us)
        return self._taken()

    def gpi(self, port: int, high: bool, now_us: int) -> list[RoEvent]:
        """An input changed its level: fire the triggers that wait for it."""
        entry = self.active
        if entry is not None:
            if _fits(entry.plan.stop.gpi, port, high):
                self._end(entry, now_us)
            elif entry.ai is not None and _fits(entry.ai.plan.stop.gpi, port, high):
                self._end_ai(entry, now_us)
        for waiting in list(self.entries.values()):
            if waiting.state == ROSpecState.Inactive and _fits(waiting.plan.start.gpi, port, high):
                self._start(waiting, now_us)
        return self._taken()

    # -- inside

    def _taken(self) -> list[RoEvent]:
        events, self._events = self._events, []
        return events

    def _fire(self, due: int) -> None:
        for entry in list(self.entries.values()):
            if entry.deadline_us() != due:
                continue
            if entry.state == ROSpecState.Active:
                if entry.stop_us() == due:
                    self._end(entry, due)
                    self._start_again(entry, due)
                elif entry.ai is not None and entry.ai.deadline_us() == due:
                    self._end_ai(entry, due)
            if entry.next_start_us == due:
                period_us = entry.plan.start.period_us
                entry.next_start_us = due + period_us if period_us else None
                if entry.state == ROSpecState.Inactive:
                    self._start(entry, due)

    def _start(self, entry: Entry, now_us: int) -> bool:
        running = self.active
        if running is not None:
            if running.plan.priority <= entry.plan.priority:
                self.not_started += 1
                return False
            self._end(running, now_us, by=entry.plan.rospec_id)
        entry.state = ROSpecState.Active
        entry.since_us = now_us
        entry.loops_done = 0
        entry.ai = AiRun(entry.plan.specs[0], now_us)
        self._events.append(RoEvent(Happening.STARTED, entry.plan, now_us))
        return True

    def _start_again(self, entry: Entry, now_us: int) -> None:
        if entry.plan.start.kind == ROSpecStartTriggerType.Immediate:
            self._start(entry, now_us)

    def _end_ai(self, entry: Entry, now_us: int) -> None:
        """End the AISpec that runs; go on to the next, or end the ROSpec."""
        if entry.ai is None:
            return
        ended = entry.ai.plan
        self._events.append(RoEvent(Happening.AI_ENDED, entry.plan, now_us, ended.spec_index))
        specs = entry.plan.specs
        following = specs.index(ended) + 1
        if following == len(specs):
            following = 0
            entry.loops_done += 1
            if entry.plan.loops and entry.loops_done >= entry.plan.loops:
                entry.ai = None
                self._end(entry, now_us)
                self._start_again(entry, now_us)
                return
        entry.ai = AiRun(specs[following], now_us)

    def _end(self, entry: Entry, now_us: int, by: int = 0) -> None:
        if entry.state != ROSpecState.Active:
            return
        if entry.ai is not None:
            self._events.append(RoEvent(Happening.AI_ENDED, entry.plan, now_us, entry.ai.plan.spec_index))
        entry.ai = None
        entry.state = ROSpecState.Inactive
        what = Happening.PREEMPTED if by else Happening.ENDED
        self._events.append(RoEvent(what, entry.plan, now_us, by=by))


def _fits(wanted: GpiEdge | None, port: int, high: bool) -> bool:
    return wanted is not None and (wanted.port, wanted.high) == (port, high)


def _first_start(at_us: int | None, offset_us: int, period_us: int, now_us: int) -> int | None:
    """Return a periodic trigger's first start that is not past; None if it only was once, in the past."""
    if at_us is None:
        return now_us + offset_us
    first = at_us + offset_us
    if first >= now_us:
        return first
    return first + -(-(now_us - first) // period_us) * period_us if period_us else None
