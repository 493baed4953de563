"""Which devices a roll-out is for, and in which order they come. Pure.

Canaries are up and read something, so that they can be judged, and stand in as many different sites as there are:
first the busiest device of each site, then the second busiest. The others follow in the same order; those that are not
up come last. Who is left out is said, with the reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.fleet.device import SITE_FILE, DeviceName, Setting
from gateway.fleet.limits import GROWTH, MEMBERS_MAX, RATE_LEAST, WAVE_MAX
from gateway.fleet.rollout_values import Member
from wire.errors import TopicError
from wire.topics import check_id

SCANNER_DRIVER: Final = "barcode_serial"
ANY_VENDOR: Final = "any"


class PlanError(ValueError):
    """A roll-out that cannot be begun; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Whom a roll-out is for; each that is not empty narrows it.

    Models in any case; devices as `device` or `site/device`. `scanner`, `vendor`: what the profile is for; `any`
    vendor: every reader.
    """

    sites: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    scanner: bool = False
    vendor: str = ANY_VENDOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A device of the fleet. `rollout`: the one that is under way for it; `reported`: its edge reports configurations.

    `now`: what it is asked for; `good`: its last good setting. `state`: as reported.
    """

    name: DeviceName
    driver: str = ""
    vendor: str = ""
    model: str = ""
    reported: bool = True
    state: str = ""
    hash: str = ""
    up: bool = False
    per_min: float = 0.0
    now: Setting = SITE_FILE
    good: Setting = SITE_FILE
    rollout: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A device that was named and is left out."""

    name: DeviceName
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The devices in their waves, who is left out, and what a person should know."""

    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]
    said: tuple[str, ...]


def plan(candidates: Iterable[Candidate], targets: Targets, setting: Setting, canaries: int) -> Plan:
    """Return who gets a profile, and when. Raises `PlanError` when there is nobody to begin with."""
    named = [candidate for candidate in candidates if _is_named(candidate, targets)]
    if not named:
        raise PlanError("no device is named by these sites, models and devices: `lastunit firmware status` lists all")
    left_out: list[LeftOut] = []
    fit: list[Candidate] = []
    for candidate in sorted(named, key=lambda one: one.name):
        why = _why_not(candidate, targets, setting)
        if why:
            left_out.append(LeftOut(candidate.name, why))
        else:
            fit.append(candidate)
    if not fit:
        some = "; ".join(f"{one.name}: {one.why}" for one in left_out[:3])
        raise PlanError(f"none of the {len(named)} devices that are named can be given it: {some}")
    if len(fit) > MEMBERS_MAX:
        raise PlanError(f"{len(fit)} devices: a roll-out takes {MEMBERS_MAX} at most; name some of the sites")
    ordered = _ordered(fit)
    if not ordered[0].up:
        raise PlanError(f"none of the {len(fit)} devices is up: nobody could be a canary")
    members = _in_waves(ordered, canaries)
    return Plan(members, tuple(left_out), _said(ordered, canaries))


def _is_named(candidate: Candidate, targets: Targets) -> bool:
    if targets.sites and candidate.name.site not in targets.sites:
        return False
    if targets.models and candidate.model.casefold() not in {model.casefold() for model in targets.models}:
        return False
    return not targets.devices or bool(targets.devices & {candidate.name.device, str(candidate.name)})


def _why_not(candidate: Candidate, targets: Targets, setting: Setting) -> str:
    """Return why a device is left out; empty: it is not."""
    why = ""
    if not _is_id(candidate.name.device):
        why = "its name cannot be that of a device"
    elif not candidate.reported:
        why = "its edge reports no configuration: it runs an older release, or was never connected"
    elif candidate.state == "unable":
        why = f"its driver ({candidate.driver}) takes no profile"
    elif candidate.driver and (candidate.driver == SCANNER_DRIVER) != targets.scanner:
        why = f"its driver is {candidate.driver}, the profile is for {'scanners' if targets.scanner else 'readers'}"
    elif not _is_of_vendor(candidate, targets.vendor):
        why = f"it is a {candidate.vendor} {candidate.model}".rstrip() + f", the profile is for {targets.vendor}"
    elif candidate.rollout:
        why = f"roll-out {candidate.rollout} is under way for it"
    elif candidate.now == setting and candidate.hash == setting.hash:
        why = "it has this profile already"
    return why


def _is_id(name: str) -> bool:
    """Whether a name that an edge reports can be a device's: anything else would not even reach the database."""
    try:
        check_id("device", name)
    except TopicError:
        return False
    return True


def _is_of_vendor(candidate: Candidate, vendor: str) -> bool:
    """Whether a profile for a vendor may be for this device; one that does not say whose it is may be anybody's."""
    return vendor == ANY_VENDOR or not candidate.vendor or vendor.casefold() in candidate.vendor.casefold()


def _ordered(fit: Sequence[Candidate]) -> list[Candidate]:
    """Return devices as they come: those that can be judged, then the others that are up, then those that are not."""
    ranks: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in fit:
        ranks[0 if candidate.up and candidate.per_min >= RATE_LEAST else 1 if candidate.up else 2].append(candidate)
    return [candidate for rank in sorted(ranks) for candidate in _spread(ranks[rank])]


def _spread(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the busiest of each site first, then the second busiest of each, and so on."""
    by_site: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda one: (-one.per_min, one.name)):
        by_site[candidate.name.site].append(candidate)
    placed = [(place, candidate) for of_site in by_site.values() for place, candidate in enumerate(of_site)]
    return [one for _, one in sorted(placed, key=lambda pair: (pair[0], -pair[1].per_min, pair[1].name))]


def _in_waves(ordered: Sequence[Candidate], canaries: int) -> tuple[Member, ...]:
    """Return members in waves of N, 4N, 16N; a canary is up."""
    members: list[Member] = []
    wave, room = 0, min(canaries, sum(candidate.up for candidate in ordered))
    for candidate in ordered:
        if room == 0:
            wave += 1
            room = min(canaries * GROWTH**wave, WAVE_MAX)
        members.append(Member(name=candidate.name, wave=wave, came_from=candidate.good))
        room -= 1
    return tuple(members)


def _said(ordered: Sequence[Candidate], canaries: int) -> tuple[str, ...]:
    said: list[str] = []
    first = [candidate for candidate in ordered[:canaries] if candidate.up]
    if len(first) < canaries:
        said.append(f"{canaries} canaries were asked for, {len(first)} devices are up")
    unjudged = [str(one.name) for one in first if one.per_min < RATE_LEAST]
    if unjudged:
        said.append(f"read too little now to be judged by their reads: {', '.join(unjudged)}")
    down = sum(not candidate.up for candidate in ordered)
    if down:
        said.append(f"{down} devices are not up: they are asked in the last waves, and not waited for")
    unproven = sum(candidate.now != candidate.good for candidate in ordered)
    if unproven:
        said.append(f"{unproven} devices run what no roll-out found good: they would be brought back to what was")
    return tuple(said)
