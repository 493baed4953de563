"""Which size gaps are alarms: those that last. Pure.

A gap is an alarm when it has lasted for `GAP_SETTLE_US`, and no longer when the sizes are shown again. While a size of
the run may lie where nobody looks, its alarm is not cleared by what nobody sees. What was an alarm when this process
began goes on as one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.exceptions.alarm import Kind, NewAlarm, Severity, name_of
from gateway.replenishment.assortment import RunKey
from gateway.replenishment.gaps import GapKind, Run, SizeState
from gateway.replenishment.limits import GAP_SETTLE_US

SHOWN_AGAIN: Final = "the sizes are shown again"

_WORST: Final = tuple(GapKind)


@dataclass(slots=True)
class Lasting:
    """A gap, and since when it is there; `alarm`: whether it has lasted long enough."""

    gap: Run
    since_us: int
    alarm: bool


@dataclass(slots=True)
class SizeAlarms:
    """The gaps of a site. `known`: names of alarms that were there when it began, until their runs are judged."""

    site: str
    known: set[str] = field(default_factory=set)
    gaps: dict[RunKey, Lasting] = field(default_factory=dict)
    unsure: set[RunKey] = field(default_factory=set)
    changed: bool = True

    def judged(self, key: RunKey, gap: Run | None, now_us: int) -> int | None:
        """Take what was found of a run; return when to judge it again."""
        name = self.name(key)
        unsure = gap is not None and any(state is SizeState.UNKNOWN for _, _, state in gap.sizes)
        if unsure != (key in self.unsure):
            self.changed = True
            self.unsure ^= {key}
        before = self.gaps.get(key)
        if gap is None or gap.kind is None:
            if before is not None:
                del self.gaps[key]
                self.changed |= before.alarm
                if unsure and before.alarm:
                    self.known.add(name)
            if not unsure:
                self.changed |= name in self.known
                self.known.discard(name)
            return None
        since_us = before.since_us if before else now_us - GAP_SETTLE_US if name in self.known else now_us
        lasting = Lasting(gap, since_us, alarm=now_us - since_us >= GAP_SETTLE_US)
        self.changed |= lasting.alarm and lasting != before
        self.gaps[key] = lasting
        self.known.discard(name)
        return None if lasting.alarm else since_us + GAP_SETTLE_US

    def forget(self, keys: Iterable[RunKey]) -> None:
        """Forget runs that the site does not carry any more."""
        for key in keys:
            self.gaps.pop(key, None)
            self.unsure.discard(key)
            self.known.discard(self.name(key))
            self.changed = True

    def keep_only(self, keys: Iterable[RunKey]) -> None:
        """Forget alarms of before this process that belong to no run of the site any more."""
        there = {self.name(key) for key in keys}
        self.changed |= not self.known <= there
        self.known &= there

    def causes(self) -> list[NewAlarm]:
        """Return the alarms that there are now, the worst first."""
        lasting = [(key, one) for key, one in self.gaps.items() if one.alarm]
        lasting.sort(key=lambda pair: (_WORST.index(_kind(pair[1].gap)), pair[1].since_us, pair[0]))
        return [self._alarm(key, one) for key, one in lasting]

    def keep(self) -> set[str]:
        """Return names of alarms of which nothing is known now."""
        return {self.name(key) for key in self.unsure} | self.known

    def name(self, key: RunKey) -> str:
        """Return the name of a run's alarm."""
        return name_of(Kind.SIZE_GAP, key.style, key.colour)

    def _alarm(self, key: RunKey, one: Lasting) -> NewAlarm:
        gap = one.gap
        return NewAlarm(
            site=self.site,
            kind=Kind.SIZE_GAP,
            dedup=self.name(key),
            text=_text(gap),
            severity=Severity.CRITICAL if gap.kind is GapKind.NOT_SHOWN else Severity.WARNING,
            evidence={
                "gap": _kind(gap).value,
                "style": key.style,
                "colour": key.colour,
                "missing_core": list(gap.missing_core),
                "sizes": [{"gtin": gtin, "size": size, "state": state.value} for gtin, size, state in gap.sizes],
            },
        )


def _text(gap: Run) -> str:
    """Say what a shopper misses, and what can be done about it."""
    behind = [size for _, size, state in gap.sizes if state is SizeState.BEHIND]
    absent = [size for _, size, state in gap.sizes if state is SizeState.ABSENT]
    said = [f"{gap.style} {gap.colour}: {gap.says}"]
    said += [f"in the store: {', '.join(behind)}"] if behind else []
    said += [f"not in the store: {', '.join(absent)}"] if absent else []
    return "; ".join(said)


def _kind(gap: Run) -> GapKind:
    assert gap.kind is not None, "only gaps are kept"
    return gap.kind
