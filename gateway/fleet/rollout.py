r"""A roll-out: how a profile reaches many devices, a few at first, and how it is stopped. Pure: facts and time in.

Theory of operation. The devices stand in waves: N canaries, then 4N, 16N, ... Each wave goes the same way:

    measuring  how much does each device read, in the minutes before?
    asked      its edge is asked for the profile; each device that was up must be up with it, read back, in time
    watching   the reads a minute of each device are compared with its own before

A device that refuses, differs, does not come up, or whose reads fall by more than half, stops everything: the devices
of that wave are brought back to their last good profile. Earlier waves were found good and keep it, until a person
says `rollback`. A device that was not up when its wave began is asked all the same and not waited for; one that read
too little before cannot be judged by its reads; both are said.

    planned -> canary -> watching -> rolling -> done
                  \________\__________\___> stopped -> rolled_back     (rolled_back: no device has it any more)
                                     done -> rolling_back -> rolled_back
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from gateway.fleet.device import DeviceName, Rate, Seen, Setting
from gateway.fleet.limits import FALL, RATE_LEAST, SAMPLES_LEAST
from gateway.fleet.rollout_values import (
    ACTIVE,
    HAS_IT,
    Event,
    Facts,
    Member,
    MemberState,
    Move,
    Phase,
    Rollout,
    Stage,
)

_READ_BACK: Final = frozenset({"applied", "adapted"})
_WRONG: Final = frozenset({"differs", "refused", "unable"})


def step(rollout: Rollout, facts: Facts, now_us: int) -> Move:
    """Move a roll-out as far as the facts let it; call it again after each move that changed something."""
    match rollout.phase:
        case Phase.MEASURING:
            return _measure(rollout, facts, now_us)
        case Phase.ASKED:
            return _await_reports(rollout, facts, now_us)
        case Phase.WATCHING:
            return _watch(rollout, facts, now_us)
        case Phase.UNDOING:
            return _await_return(rollout, facts, now_us)
        case Phase.OVER:
            return Move(rollout)


# -- before


def _measure(rollout: Rollout, facts: Facts, now_us: int) -> Move:
    """Ask the devices of the wave as soon as it is known how much each of them reads."""
    pace = rollout.pace
    of_wave = _of_wave(rollout)
    rates = {m.name: facts.rate(m.name, now_us - _us(pace.baseline_s), now_us) for m in of_wave}
    up = {m.name: facts.seen(m.name).up for m in of_wave}
    unknown = [m for m in of_wave if up[m.name] is None or (up[m.name] and rates[m.name].samples < SAMPLES_LEAST)]
    if unknown and _waited_us(rollout, facts, now_us) < _us(pace.measure_s):
        return Move(rollout)
    asked = {m.name: _asked(m, bool(up[m.name]), rates[m.name], facts.seen(m.name), now_us) for m in of_wave}
    stage = Stage.CANARY if rollout.wave == 0 else Stage.ROLLING
    move = Move(_with(rollout, asked, stage=stage, phase=Phase.ASKED, phase_us=now_us))
    move.asks = dict.fromkeys(asked, rollout.setting)
    move.events.append(Event("wave", f"wave {rollout.wave + 1} of {rollout.waves}: {len(asked)} devices are asked"))
    move.events += [Event("unjudged", m.said, m.name) for m in asked.values() if m.said]
    return move


def _asked(member: Member, up: bool, rate: Rate, seen: Seen, now_us: int) -> Member:
    """Return a member that is asked, and what it will be judged by."""
    if not up:
        said = f"was not up when its wave began ({seen.up_said or 'unknown'}): asked, and not waited for"
        return replace(member, state=MemberState.ABSENT, state_us=now_us, version=0, said=said)
    before, said = _baseline(rate)
    return replace(member, state=MemberState.ASKED, state_us=now_us, version=0, before=before, said=said)


def _baseline(rate: Rate) -> tuple[float | None, str]:
    if rate.samples < SAMPLES_LEAST:
        return None, f"{rate.samples} samples of its reads before, {SAMPLES_LEAST} are needed: not judged by them"
    if rate.per_min < RATE_LEAST:
        return None, f"{rate.per_min:g} reads a minute before, at least {RATE_LEAST:g} are needed: not judged by them"
    return rate.per_min, ""


# -- asked


def _await_reports(rollout: Rollout, facts: Facts, now_us: int) -> Move:
    """Wait until each device of the wave reports the profile, read back, and is up."""
    late = _waited_us(rollout, facts, now_us) >= _us(rollout.pace.apply_s)
    found: dict[DeviceName, Member] = {}
    failures: list[Member] = []
    for member in _of_wave(rollout):
        if member.state not in {MemberState.ASKED, MemberState.ABSENT} or not member.version:
            continue
        seen = facts.seen(member.name)
        wrong = _wrong(member, seen, rollout.setting)
        if wrong:
            failures.append(_failed(member, wrong, now_us))
        elif _has(member, seen, rollout.setting) and seen.up:
            said = "; ".join(seen.problems) if seen.state == "adapted" else member.said
            found[member.name] = replace(member, state=MemberState.APPLIED, state_us=now_us, said=said)
        elif late and member.state is MemberState.ASKED:
            failures.append(_failed(member, _late(member, seen, rollout), now_us))
    if failures:
        return _stop(_with(rollout, found | {m.name: m for m in failures}), failures, now_us)
    after = _with(rollout, found)
    move = Move(after)
    move.events += [Event("applied", m.said or "read back as asked", m.name) for m in found.values()]
    if any(m.state is MemberState.ASKED for m in _of_wave(after)):
        return move
    stage = Stage.WATCHING if rollout.wave == 0 else Stage.ROLLING
    move.rollout = replace(after, stage=stage, phase=Phase.WATCHING, phase_us=now_us)
    return move


def _has(member: Member, seen: Seen, setting: Setting) -> bool:
    """Whether a device runs a setting, as its edge read it back."""
    return seen.version >= member.version and seen.hash == setting.hash and seen.state in _READ_BACK


def _wrong(member: Member, seen: Seen, setting: Setting) -> str:
    """Return what is wrong with a device's report of this roll-out; empty: nothing, so far."""
    if seen.version < member.version:
        named = f"version {member.version}:" in seen.error
        return f"its edge refuses the configuration: {seen.error}" if named else ""
    if seen.state in _WRONG:
        why = "; ".join(seen.problems) or "its edge says no more"
        return f"{seen.state}: {why}"
    if seen.state in _READ_BACK and seen.hash != setting.hash:
        return f"it runs {seen.hash or 'another profile'}, {setting.hash} was asked"
    return ""


def _late(member: Member, seen: Seen, rollout: Rollout) -> str:
    within = f"within {rollout.pace.apply_s:g} s"
    if seen.version < member.version:
        return f"its edge did not take the configuration {within}"
    how = seen.up_said or "unknown"
    return f"it did not come up {within} (reported: {seen.state or 'nothing'}; its health: {how})"


# -- watching


def _watch(rollout: Rollout, facts: Facts, now_us: int) -> Move:
    """Compare the reads of each device with its own before; at the end all of them must be up and heard of."""
    pace = rollout.pace
    over = now_us - rollout.phase_us >= _us(pace.watch_s)
    waited_us = _waited_us(rollout, facts, now_us)
    late = waited_us >= _us(pace.watch_s + pace.settle_s + pace.measure_s)
    found: dict[DeviceName, Member] = {}
    failures: list[Member] = []
    unheard = False
    for applied in _of_wave(rollout):
        if applied.state is not MemberState.APPLIED:
            continue
        seen = facts.seen(applied.name)
        rate = facts.rate(applied.name, applied.state_us + _us(pace.settle_s), now_us)
        enough = rate.samples >= SAMPLES_LEAST
        member = replace(applied, after=rate.per_min if enough else None)
        found[member.name] = member
        wrong = _wrong(member, seen, rollout.setting) or _fallen(member)
        if not wrong and over and not seen.up:
            wrong = f"it is not up any more: {seen.up_said or 'unknown'}"
        if not wrong and late and member.before is not None and not enough:
            wrong = f"nothing was heard of its reads for {waited_us / 1e6:.0f} s, {member.before:g} a minute before"
        if wrong:
            failures.append(_failed(member, wrong, now_us))
        unheard |= member.before is not None and not enough
    after = _with(rollout, found | {m.name: m for m in failures})
    if failures:
        return _stop(after, failures, now_us)
    if not over or unheard:
        return Move(after)
    return _next_wave(after, now_us)


def _fallen(member: Member) -> str:
    if member.before is None or member.after is None or member.after >= FALL * member.before:
        return ""
    return f"its reads fell from {member.before:g} to {member.after:g} a minute, to less than {FALL:.0%}"


def _next_wave(rollout: Rollout, now_us: int) -> Move:
    good = {
        m.name: replace(m, state=MemberState.GOOD, state_us=now_us)
        for m in _of_wave(rollout)
        if m.state is MemberState.APPLIED
    }
    after = _with(rollout, good)
    passed = Event("passed", f"wave {rollout.wave + 1} of {rollout.waves}: {len(good)} devices do well")
    if rollout.wave + 1 < rollout.waves:
        following = replace(after, stage=Stage.ROLLING, phase=Phase.MEASURING, wave=rollout.wave + 1, phase_us=now_us)
        return Move(following, good=list(good), events=[passed])
    absent = sum(m.state is MemberState.ABSENT for m in after.members)
    reason = f"{len(after.members) - absent} devices do well" + (f", {absent} were not up" if absent else "")
    done = replace(after, stage=Stage.DONE, phase=Phase.OVER, phase_us=now_us, reason=reason)
    return Move(done, good=list(good), events=[passed, Event("done", reason)])


# -- back


def stop(rollout: Rollout, why: str, now_us: int) -> Move:
    """Stop for a person: the devices of the wave under way are brought back."""
    return _stop(rollout, (), now_us, why) if rollout.stage in ACTIVE else Move(rollout)


def _stop(rollout: Rollout, failures: Iterable[Member], now_us: int, why: str = "") -> Move:
    said = why or "; ".join(f"{member.name}: {member.said}" for member in failures)
    move = _undo(rollout, (m for m in _of_wave(rollout) if m.state in HAS_IT), Stage.STOPPED, said, now_us)
    move.events = [Event("failed", m.said, m.name) for m in failures] + [Event("stopped", said)] + move.events
    return move


def rollback(rollout: Rollout, why: str, still: Callable[[DeviceName], bool], now_us: int) -> Move:
    """Bring every device of a roll-out back. `still`: whether a device is asked for its profile, and for no other."""
    if rollout.stage in {Stage.ROLLING_BACK, Stage.ROLLED_BACK}:
        return Move(rollout)
    mine = [m for m in rollout.members if m.state in HAS_IT]
    others = {
        m.name: replace(m, state=MemberState.LEFT, state_us=now_us, said="has another profile by now")
        for m in mine
        if not still(m.name)
    }
    move = _undo(_with(rollout, others), (m for m in mine if still(m.name)), Stage.ROLLING_BACK, why, now_us)
    move.events.insert(0, Event("rollback", why))
    return move


def _undo(rollout: Rollout, members: Iterable[Member], stage: Stage, reason: str, now_us: int) -> Move:
    """Ask these members for what they had; those that were never asked are left."""
    changed = {
        m.name: replace(m, state=MemberState.LEFT, state_us=now_us)
        for m in rollout.members
        if m.state is MemberState.WAITING
    }
    back = {m.name: replace(m, state=MemberState.RETURNING, state_us=now_us, version=0) for m in members}
    after = _with(rollout, changed | back, stage=stage, phase=Phase.UNDOING, phase_us=now_us, reason=reason)
    move = Move(after, asks={m.name: m.came_from for m in back.values()})
    move.events = [Event("returning", f"asked for {m.came_from}", m.name) for m in back.values()]
    return move


def overtaken(rollout: Rollout, still: Callable[[DeviceName], bool], now_us: int) -> Rollout:
    """Wait no longer for devices that another roll-out has taken over."""
    gone = {
        m.name: replace(m, state=MemberState.LEFT, state_us=now_us, said="another roll-out took it over")
        for m in rollout.members
        if m.state is MemberState.RETURNING and not still(m.name)
    }
    return _with(rollout, gone) if gone else rollout


def _await_return(rollout: Rollout, facts: Facts, now_us: int) -> Move:
    found: dict[DeviceName, Member] = {}
    for member in rollout.members:
        if member.state is MemberState.RETURNING and member.version and _is_back(member, facts.seen(member.name)):
            found[member.name] = replace(member, state=MemberState.BACK, state_us=now_us)
    after = _with(rollout, found)
    move = Move(after)
    move.events += [Event("back", f"runs {m.came_from} again", m.name) for m in found.values()]
    if any(m.state is MemberState.RETURNING for m in after.members):
        return move
    has_it = sum(m.state in HAS_IT for m in after.members)
    stage = after.stage if has_it else Stage.ROLLED_BACK
    move.rollout = replace(after, stage=stage, phase=Phase.OVER, phase_us=now_us)
    kept = f"; {has_it} devices of earlier waves keep it" if has_it else "; no device has it any more"
    move.events.append(Event("over", f"all devices that were asked are back{kept}"))
    return move


def _is_back(member: Member, seen: Seen) -> bool:
    """Whether a device has what it had, as far as its edge can say: a device that is away is told when it comes."""
    if seen.version < member.version:
        return False
    if not member.came_from.hash:
        return not seen.asked
    return seen.hash == member.came_from.hash and seen.state not in {"waiting", "refused"}


# -- helpers


def _failed(member: Member, why: str, now_us: int) -> Member:
    return replace(member, state=MemberState.FAILED, state_us=now_us, said=why)


def _of_wave(rollout: Rollout) -> list[Member]:
    return [member for member in rollout.members if member.wave == rollout.wave]


def _with(rollout: Rollout, changed: dict[DeviceName, Member], **also: object) -> Rollout:
    members = tuple(changed.get(member.name, member) for member in rollout.members)
    return replace(rollout, members=members, **also)  # type: ignore[arg-type]


def _waited_us(rollout: Rollout, facts: Facts, now_us: int) -> int:
    """Return how long the phase has gone on while edges could be heard; a clock that went back makes it 0."""
    return max(0, now_us - max(rollout.phase_us, facts.since_us))


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
