"""A fleet in memory, and a roll-out that is looked at in it second by second: no database, no broker."""

from dataclasses import dataclass, field, replace

from gateway.fleet.device import SITE_FILE, DeviceName, Seen, Setting
from gateway.fleet.rates import Rates
from gateway.fleet.rollout import rollback, step, stop
from gateway.fleet.rollout_values import Event, Facts, Member, Move, Pace, Phase, Rollout, Stage
from wire.messages import DeviceHealth, EdgeState

T0_US = 1_764_000_000_000_000
NEW = Setting("dock", "1111222233334444")
OLD = Setting("before", "aaaabbbbccccdddd")
PACE = Pace(canaries=2, apply_s=60, watch_s=120, settle_s=15, baseline_s=600, measure_s=150)


@dataclass(slots=True)
class Box:
    """One edge with one device; how it behaves is set by the test. `per_min_new`: what it reads by the new profile."""

    name: DeviceName
    state: str = "up"
    per_min: float = 600.0
    per_min_new: float = 600.0
    takes_s: float = 5.0
    answers: str = "applied"
    problems: tuple[str, ...] = ()
    error: str = ""
    deaf: bool = False
    asked: Setting = SITE_FILE
    runs: Setting = SITE_FILE
    version: int = 0
    in_force: int = 0
    asked_us: int = 0
    reads: float = 0.0
    said: list[str] = field(default_factory=list)

    def second(self, now_us: int) -> None:
        """Live for a second."""
        if self.asked != self.runs and not self.deaf and now_us - self.asked_us >= self.takes_s * 1e6:
            self.in_force = self.version
            if self.answers in {"applied", "adapted"}:
                self.runs = self.asked
        elif self.asked == self.runs and not self.deaf:
            self.in_force = self.version
        per_min = self.per_min_new if self.runs == NEW else self.per_min
        if self.state == "up":
            self.reads += per_min / 60.0

    def seen(self, up: bool | None, up_said: str) -> Seen:
        new = self.runs == NEW
        answers = self.answers if self.asked == NEW and self.in_force == self.version else "applied"
        return Seen(
            up=up,
            up_said=up_said,
            version=self.in_force,
            error=self.error.format(version=self.version),
            state=answers if new or answers in {"refused", "differs", "unable"} else "applied",
            hash=self.runs.hash,
            asked=bool(self.runs.hash),
            problems=self.problems,
        )


class World:
    """Boxes, a clock, and one roll-out. `second` lets a second pass; healths come every thirty."""

    def __init__(self, boxes: list[Box], waves: list[int], pace: Pace = PACE, came_from: Setting = SITE_FILE) -> None:
        self.boxes = {box.name: box for box in boxes}
        for box in boxes:
            box.asked = box.runs = came_from
        self.rates = Rates()
        self.now_us = T0_US
        self.events: list[Event] = []
        self.since_us = 0
        self.muted = False
        self.good: list[DeviceName] = []
        members = tuple(
            Member(name=box.name, wave=wave, came_from=came_from) for box, wave in zip(boxes, waves, strict=True)
        )
        self.rollout = Rollout(setting=NEW, pace=pace, members=members, phase_us=T0_US)

    def member(self, number: int) -> Member:
        return self.rollout.members[number]

    def passes(self, seconds: int, *, look: bool = True) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.now_us += 1_000_000
            for box in self.boxes.values():
                box.second(self.now_us)
            if (self.now_us - T0_US) // 1_000_000 % 30 == 0 and not self.muted:
                self.say()
            if look:
                self.take(step(self.rollout, self.facts(), self.now_us))

    def until(self, stage: Stage, most_s: int = 2_000) -> int:
        """Let time pass until a stage is reached; return the seconds."""
        for second in range(most_s):
            if self.rollout.stage is stage:
                return second
            self.passes(1)
        raise AssertionError(f"{stage} was not reached: {self.rollout.stage} {self.rollout.reason!r}")

    def over(self, most_s: int = 2_000) -> Stage:
        """Let time pass until nothing is waited for any more."""
        for _ in range(most_s):
            if self.rollout.phase is Phase.OVER:
                return self.rollout.stage
            self.passes(1)
        raise AssertionError(f"not over: {self.rollout.stage} {self.rollout.phase} {self.rollout.reason!r}")

    def say(self) -> None:
        """Each edge says its health."""
        for box in self.boxes.values():
            health = DeviceHealth(
                device=box.name.device,
                driver="llrp",
                state=box.state,  # type: ignore[arg-type]
                since_us=T0_US,
                reads=round(box.reads),
            )
            said = EdgeState(
                what="health", site=box.name.site, edge=box.name.edge, at_us=self.now_us + 7, devices=(health,)
            )
            self.rates.heard(said, self.now_us)

    def facts(self) -> Facts:
        return Facts(
            seen=lambda name: self.boxes[name].seen(self.rates.up(name), self.rates.said(name)),
            rate=self.rates.between,
            since_us=self.since_us,
        )

    def stop(self, why: str) -> None:
        self.take(stop(self.rollout, why, self.now_us))

    def rollback(self, why: str) -> None:
        self.take(rollback(self.rollout, why, lambda name: self.boxes[name].asked == NEW, self.now_us))

    def take(self, move: Move) -> None:
        """Do what a move asks for, as the process does: each ask gets the next version of its edge."""
        self.events += move.events
        self.good += move.good
        changed = {}
        for name, setting in move.asks.items():
            box = self.boxes[name]
            box.asked, box.version, box.asked_us = setting, box.version + 1, self.now_us
            changed[name] = box.version
        members = tuple(replace(m, version=changed[m.name]) if m.name in changed else m for m in move.rollout.members)
        self.rollout = replace(move.rollout, members=members)

    def told(self, what: str) -> list[str]:
        """Return the details of events of one kind."""
        return [event.detail for event in self.events if event.what == what]


def boxes(number: int, **how: object) -> list[Box]:
    """Return boxes in as many sites, all alike."""
    return [Box(DeviceName(f"s{at:02}", "edge", "reader"), **how) for at in range(number)]  # type: ignore[arg-type]
