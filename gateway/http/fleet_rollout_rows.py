"""Roll-outs as they come in and go out: what is asked, plans, where one is, what happened."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.clock import iso, iso_or_none
from gateway.fleet.desk import Said, Shown
from gateway.fleet.device import Setting
from gateway.fleet.limits import (
    APPLY_S,
    CANARIES,
    CANARIES_MAX,
    LEFT_OUT_SHOWN,
    PACE_MAX_S,
    PACE_MIN_S,
    SETTLE_S,
    TARGETS_MAX,
    WATCH_S,
)
from gateway.fleet.plan import Plan, Targets
from gateway.fleet.profiles import Given
from gateway.fleet.rollout_values import Member, Pace
from gateway.fleet.store import Stored
from gateway.http.fleet_rows import ProfileNamed, named
from gateway.http.patterns import NAME
from gateway.http.rows import Instant
from gateway.http.task_rows import Person
from wire.limits import ID_MAX_CHARS

DEVICES_SHOWN: Final = 1_000
"""Devices of one roll-out in an answer: 300 KB. The others are counted."""

Model = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
DevicePath = Annotated[str, Meta(min_length=1, max_length=2 * ID_MAX_CHARS + 1, pattern=NAME)]
Seconds = Annotated[float, Meta(ge=PACE_MIN_S, le=PACE_MAX_S)]
Stage = Literal["planned", "canary", "watching", "rolling", "done", "stopped", "rolling_back", "rolled_back"]
MemberState = Literal["waiting", "asked", "absent", "applied", "good", "failed", "returning", "back", "left"]
Name = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS, pattern=NAME)]


class RolloutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A profile, whom it is for, and how fast it goes. Whom nothing narrows: every device that it fits.

    `table`: the profile by value, as `lastunit firmware show --json` prints one; without it one of our own profiles.
    `dry_run`: say what would be done, and do nothing.
    """

    profile: Annotated[Name, Meta(description="the profile's name")]
    table: dict[str, Any] | None = None
    sites: Annotated[list[Name], Meta(max_length=TARGETS_MAX)] = []
    models: Annotated[list[Model], Meta(max_length=TARGETS_MAX, description="as `inventory.model` says, any case")] = []
    devices: Annotated[list[DevicePath], Meta(max_length=TARGETS_MAX, description="`device` or `site/device`")] = []
    canaries: Annotated[int, Meta(ge=1, le=CANARIES_MAX)] = CANARIES
    apply_s: Annotated[Seconds, Meta(description="until a device is up with it, read back")] = APPLY_S
    watch_s: Annotated[Seconds, Meta(description="how long each wave's reads are watched")] = WATCH_S
    settle_s: Annotated[float, Meta(ge=0, le=600, description="of that, not counted at the beginning")] = SETTLE_S
    dry_run: bool = False
    by: Person | None = None


class ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who stops a roll-out, or brings it back."""

    by: Person | None = None


class RolloutDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device of a roll-out. `before`, `after`: its reads a minute; null: not judged by them, or not known yet."""

    site: str
    edge: str
    device: str
    wave: int
    state: MemberState
    came_from: ProfileNamed | None
    before: float | None
    after: float | None
    said: str
    since: Instant | None


class RolloutEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; `site` and `device` are empty where it is of the whole roll-out."""

    at: Instant
    what: str
    site: str
    device: str
    detail: str
    by: str


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A roll-out. `wave` of `waves` is under way, counted from 1; `reason`: why it is in its stage.

    `wish`: what a person asked for and is not done yet. `over`: nothing is waited for any more.
    """

    id: str
    profile: str
    hash: str
    stage: Stage
    phase: str
    over: bool
    wave: int
    waves: int
    reason: str
    wish: str
    by: str
    canaries: int
    apply_s: float
    watch_s: float
    begun_at: Instant
    changed_at: Instant
    counts: dict[str, int]
    devices: list[RolloutDevice]
    devices_left_out: int
    events: list[RolloutEvent]


class RolloutEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A roll-out in a list."""

    id: str
    profile: str
    hash: str
    stage: Stage
    over: bool
    reason: str
    by: str
    begun_at: Instant
    changed_at: Instant


class Rollouts(msgspec.Struct, frozen=True):
    """Roll-outs, the newest first."""

    rollouts: list[RolloutEntry]


class PlannedDevice(msgspec.Struct, frozen=True):
    """A device, and what it would be brought back to; null: its site file's."""

    site: str
    device: str
    came_from: ProfileNamed | None


class LeftOutDevice(msgspec.Struct, frozen=True):
    """A device that was named and gets nothing."""

    site: str
    device: str
    why: str


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the profile, wave by wave: the first are the canaries. `notes`: what one should know before.

    `wave_sizes` counts all, `waves` names the first of them.
    """

    profile: str
    hash: str
    wave_sizes: list[int]
    waves: list[list[PlannedDevice]]
    left_out: list[LeftOutDevice]
    left_out_more: int
    notes: list[str]


class RolloutAnswer(msgspec.Struct, frozen=True):
    """What would be done (`dry_run`), or what was begun; `plan` is null where it was begun before."""

    rollout: Rollout | None
    plan: RolloutPlan | None


# -- in


def targets_of(body: RolloutBody, sites: frozenset[str] | None, given: Given) -> Targets:
    """Return whom a body names; a key that is for some sites names no others."""
    named = frozenset(body.sites)
    return Targets(
        sites=named or (sites or frozenset()),
        models=frozenset(body.models),
        devices=frozenset(body.devices),
        scanner=given.scanner,
        vendor=given.vendor,
    )


def pace_of(body: RolloutBody) -> Pace:
    """Return how fast a body asks it to go."""
    return Pace(canaries=body.canaries, apply_s=body.apply_s, watch_s=body.watch_s, settle_s=body.settle_s)


# -- out


def rollout_row(shown: Shown) -> Rollout:
    """Return a roll-out as it is shown."""
    stored = shown.stored
    rollout = stored.rollout
    counts: dict[str, int] = {}
    for member in rollout.members:
        counts[member.state.value] = counts.get(member.state.value, 0) + 1
    return Rollout(
        id=stored.id,
        profile=rollout.setting.profile,
        hash=rollout.setting.hash,
        stage=rollout.stage.value,
        phase=rollout.phase.value,
        over=_is_over(stored),
        wave=rollout.wave + 1,
        waves=rollout.waves,
        reason=rollout.reason,
        wish=stored.wish.what,
        by=stored.by,
        canaries=rollout.pace.canaries,
        apply_s=rollout.pace.apply_s,
        watch_s=rollout.pace.watch_s,
        begun_at=iso(stored.created_us),
        changed_at=iso(stored.updated_us),
        counts=dict(sorted(counts.items())),
        devices=[_member_row(member) for member in rollout.members[:DEVICES_SHOWN]],
        devices_left_out=max(0, len(rollout.members) - DEVICES_SHOWN),
        events=[_event_row(said) for said in shown.events],
    )


def _is_over(stored: Stored) -> bool:
    return stored.rollout.phase.value == "over" and not stored.wish.what


def _member_row(member: Member) -> RolloutDevice:
    return RolloutDevice(
        site=member.name.site,
        edge=member.name.edge,
        device=member.name.device,
        wave=member.wave + 1,
        state=member.state.value,
        came_from=named(member.came_from),
        before=member.before,
        after=member.after,
        said=member.said,
        since=iso_or_none(member.state_us),
    )


def _event_row(said: Said) -> RolloutEvent:
    name = said.event.name
    return RolloutEvent(
        at=iso(said.at_us),
        what=said.event.what,
        site=name.site if name else "",
        device=name.device if name else "",
        detail=said.event.detail,
        by=said.by or said.key,
    )


def entry_row(stored: Stored) -> RolloutEntry:
    """Return a roll-out as it stands in a list."""
    return RolloutEntry(
        id=stored.id,
        profile=stored.rollout.setting.profile,
        hash=stored.rollout.setting.hash,
        stage=stored.rollout.stage.value,
        over=_is_over(stored),
        reason=stored.rollout.reason,
        by=stored.by,
        begun_at=iso(stored.created_us),
        changed_at=iso(stored.updated_us),
    )


def plan_row(made: Plan, setting: Setting) -> RolloutPlan:
    """Return a plan as it is shown."""
    waves: list[list[PlannedDevice]] = []
    sizes: list[int] = []
    for number, member in enumerate(made.members):
        if member.wave == len(sizes):
            sizes.append(0)
            waves.append([])
        sizes[-1] += 1
        if number < DEVICES_SHOWN:
            waves[-1].append(PlannedDevice(member.name.site, member.name.device, named(member.came_from)))
    return RolloutPlan(
        profile=setting.profile,
        hash=setting.hash,
        wave_sizes=sizes,
        waves=[wave for wave in waves if wave],
        left_out=[LeftOutDevice(one.name.site, one.name.device, one.why) for one in made.left_out[:LEFT_OUT_SHOWN]],
        left_out_more=max(0, len(made.left_out) - LEFT_OUT_SHOWN),
        notes=list(made.said),
    )
