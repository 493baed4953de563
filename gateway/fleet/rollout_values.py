"""A roll-out as values: its stages, its devices, what a move makes of it. `gateway.fleet.rollout` moves it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.fleet.device import DeviceName, Rate, Seen, Setting
from gateway.fleet.limits import APPLY_S, BASELINE_S, CANARIES, MEASURE_S, SETTLE_S, WATCH_S


class Stage(StrEnum):
    """Where a roll-out is, for people."""

    PLANNED = "planned"
    CANARY = "canary"
    WATCHING = "watching"
    ROLLING = "rolling"
    DONE = "done"
    STOPPED = "stopped"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class Phase(StrEnum):
    """What is being waited for."""

    MEASURING = "measuring"
    ASKED = "asked"
    WATCHING = "watching"
    UNDOING = "undoing"
    OVER = "over"


class MemberState(StrEnum):
    """Where one device is."""

    WAITING = "waiting"
    """Its wave has not begun."""
    ASKED = "asked"
    ABSENT = "absent"
    """It was not up: it is asked, and not waited for."""
    APPLIED = "applied"
    GOOD = "good"
    FAILED = "failed"
    RETURNING = "returning"
    """It is asked for what it had."""
    BACK = "back"
    LEFT = "left"
    """It was never asked, or has another profile by now."""


HAS_IT: Final = frozenset(
    {MemberState.ASKED, MemberState.ABSENT, MemberState.APPLIED, MemberState.GOOD, MemberState.FAILED}
)
"""Devices that are asked for the profile of the roll-out."""
ACTIVE: Final = frozenset({Stage.PLANNED, Stage.CANARY, Stage.WATCHING, Stage.ROLLING})
"""No second roll-out may name their devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a roll-out goes. Seconds."""

    canaries: int = CANARIES
    apply_s: float = APPLY_S
    watch_s: float = WATCH_S
    settle_s: float = SETTLE_S
    baseline_s: float = BASELINE_S
    measure_s: float = MEASURE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One device of a roll-out. `came_from`: its last good setting. `before`, `after`: reads a minute."""

    name: DeviceName
    wave: int
    came_from: Setting
    state: MemberState = MemberState.WAITING
    state_us: int = 0
    version: int = 0
    """Of its edge's desired configuration that says what it is asked for now; 0: none yet."""
    before: float | None = None
    after: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A roll-out as it is."""

    setting: Setting
    pace: Pace
    members: tuple[Member, ...]
    stage: Stage = Stage.PLANNED
    phase: Phase = Phase.MEASURING
    wave: int = 0
    phase_us: int = 0
    reason: str = ""

    @property
    def waves(self) -> int:
        """How many waves there are."""
        return 1 + max((member.wave for member in self.members), default=0)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, to be written down. `name` None: to the whole roll-out."""

    what: str
    detail: str
    name: DeviceName | None = None


@dataclass(slots=True)
class Move:
    """What one look made of a roll-out: what it is now, what is to be asked of devices, what is to be written down.

    `good`: devices whose setting was found good.
    """

    rollout: Rollout
    asks: dict[DeviceName, Setting] = field(default_factory=dict)
    good: list[DeviceName] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Facts:
    """How a roll-out sees the world: what is known of a device, and its rate between two instants (microseconds).

    `since_us`: since when edges can be heard. No device is late before it had its time from then on: that the gateway
    was away is not the device's fault.
    """

    seen: Callable[[DeviceName], Seen]
    rate: Callable[[DeviceName, int, int], Rate]
    since_us: int = 0
