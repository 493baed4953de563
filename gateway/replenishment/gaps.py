"""Size gaps: which sizes of a style and colour a shopper misses on the floor, and which the whole store misses. Pure.

A gap in a run is worse than a low size: whoever does not see her size does not ask. Each style and colour gets one
answer. It is an *alarm* when a core size is missing from the floor, when none of it is shown though the store has
some, or when so few sizes are left on the floor that the run is broken. Sizes that may lie where nobody looks are
*unknown*, and never an alarm.

A size that the store has none of (`absent`) is no matter of refill: it has to be ordered or transferred. It counts for
styles that the store carries, that is, of which it has a unit.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.replenishment.places import Places, Role, role_of
from gateway.replenishment.stock import Held, Known, SkuRow, StockRules, chance_of, known_of

_BEHIND: Final = frozenset({Role.BACK, Role.RECEIVING, Role.WINDOW})


class SizeState(StrEnum):
    """Where a shopper finds a size."""

    SHOWN = "shown"
    LAST = "last"
    """Shown, and it is the last unit: nothing refills it."""
    BEHIND = "behind"
    """In the back room, in receiving or in a window only."""
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """It may lie where nobody looks, or nobody is sure enough."""


class GapKind(StrEnum):
    """What is wrong with a run, the worst first."""

    NOT_SHOWN = "not_shown"
    """The store has some, and none of it is on the floor."""
    CORE_GAP = "core_gap"
    """A core size is not on the floor."""
    BROKEN_RUN = "broken_run"
    """Fewer sizes on the floor than `run_share` of those that belong there."""


@dataclass(frozen=True, slots=True)
class Run:
    """The sizes of a style and colour, as their rows come when sorted by size and GTIN."""

    style: str
    colour: str
    sizes: tuple[tuple[str, str, SizeState], ...]
    """(GTIN, size, where it is)"""
    missing_core: tuple[str, ...]
    """Core sizes that are not on the floor."""
    kind: GapKind | None
    says: str = ""


def state_of(row: SkuRow, known: Known, places: Places, rules: StockRules) -> SizeState:
    """Return where a shopper finds a size."""
    on_floor = chance_of(known.floor, 1)
    behind = (unit for unit in row.units if unit.held is not Held.ORDER and role_of(places, unit.zone) in _BEHIND)
    has_behind = any(True for _ in behind) or row.untagged.back > 0
    if on_floor >= rules.enough:
        alone = known.likely_floor == 1 and not has_behind and not known.anywhere
        return SizeState.LAST if alone and not known.blind_floor else SizeState.SHOWN
    if known.blind_floor or known.anywhere or on_floor > 1 - rules.short:
        return SizeState.UNKNOWN
    return SizeState.BEHIND if has_behind else SizeState.ABSENT


def runs(
    rows: Iterable[SkuRow], places: Places, rules: StockRules, now_us: int, *, run_share: float = 0.5
) -> tuple[Run, ...]:
    """Return the runs of the styles and colours that the store carries. `rows`: all sizes, those without stock too.

    Sizes whose target is 0 do not belong on the floor and are left out. Raises `ValueError` for a share outside 0 to 1.
    """
    if not 0 <= run_share <= 1:
        raise ValueError(f"run_share {run_share}: expected 0 to 1")
    by_run: dict[tuple[str, str], list[SkuRow]] = defaultdict(list)
    for row in rows:
        if row.target.low:
            by_run[row.style, row.colour].append(row)
    found = []
    for (style, colour), sizes in sorted(by_run.items()):
        sizes.sort(key=lambda row: (row.size, row.gtin))
        states = [state_of(row, known_of(row, places, rules, now_us), places, rules) for row in sizes]
        if set(states) != {SizeState.ABSENT}:
            found.append(_run(style, colour, sizes, states, run_share))
    return tuple(found)


def _run(style: str, colour: str, sizes: list[SkuRow], states: list[SizeState], run_share: float) -> Run:
    off_floor = {SizeState.BEHIND, SizeState.ABSENT}
    listed = tuple((row.gtin, row.size, state) for row, state in zip(sizes, states, strict=True))
    missing = tuple(row.size for row, state in zip(sizes, states, strict=True) if row.core and state in off_floor)
    gone = sum(state in off_floor for state in states)
    kind, says = None, ""
    if gone == len(states):
        kind, says = GapKind.NOT_SHOWN, "none on the floor, though the store has some"
    elif missing:
        kind, says = GapKind.CORE_GAP, f"not on the floor: {', '.join(missing)}"
    elif len(states) - gone < run_share * len(states):
        kind, says = GapKind.BROKEN_RUN, f"{len(states) - gone} of {len(states)} sizes on the floor"
    return Run(style, colour, listed, missing, kind, says)
