"""What replenishment thinks of the floor: each size, each gap. A port; `gateway.replenishment` answers from memory.

It answers for the sites that its process decides for, so this look is taken by every process, each for its sites.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.replenishment.gaps import GapKind, SizeState
from gateway.replenishment.process import Replenishment
from gateway.replenishment.site_work import SiteWork
from gateway.series.limits import GAPS_RUNS_MAX, MINUTE_S
from gateway.series.look import Draft, Memory
from wire import measurements as m


class Shelved(NamedTuple):
    """A size that belongs on the floor: at least `low` units, and where it is."""

    gtin: str
    department: str
    low: int
    state: SizeState


class ShelfGap(NamedTuple):
    """A broken run, and since when."""

    department: str
    style: str
    colour: str
    kind: GapKind
    sizes: int
    missing: int
    core_missing: int
    since_us: int


@dataclass(frozen=True, slots=True)
class ShelfView:
    """One site. `sizes` by GTIN, of styles of which the site has any; `complete`: all of them were judged once."""

    sizes: Mapping[str, Shelved] = field(default_factory=dict)
    gaps: Sequence[ShelfGap] = ()
    complete: bool = False


Shelves: TypeAlias = Callable[[], Mapping[str, ShelfView]]
"""The sites that this process decides for."""

_OFF_FLOOR: Final = frozenset({SizeState.BEHIND, SizeState.ABSENT})
_SHOWN: Final = frozenset({SizeState.SHOWN, SizeState.LAST})


def no_shelves() -> Mapping[str, ShelfView]:
    """Return nothing: nobody decides here."""
    return {}


def shelves_of(replenishment: Replenishment) -> Shelves:
    """Return the shelves of the process that decides."""
    return lambda: {site: _view(work) for site, work in sorted(replenishment.works.items())}


def _view(work: SiteWork) -> ShelfView:
    sizes = {}
    department = {}
    for key, sized in work.assortment.runs.items():
        department[key] = sized[0].product.department if sized else ""
        for one in sized:
            state = work.states.get(one.product.gtin)
            if state is not None:
                product = one.product
                sizes[product.gtin] = Shelved(product.gtin, product.department, one.target.low, state)
    gaps = [
        ShelfGap(
            department.get(key, ""),
            lasting.gap.style,
            lasting.gap.colour,
            lasting.gap.kind,
            len(lasting.gap.sizes),
            sum(state in _OFF_FLOOR for _, _, state in lasting.gap.sizes),
            len(lasting.gap.missing_core),
            lasting.since_us,
        )
        for key, lasting in work.alarms.gaps.items()
        if lasting.gap.kind is not None
    ]
    return ShelfView(sizes, gaps, work.complete)


class ShelfLook:
    """The floor by department, and its gaps."""

    every_s = MINUTE_S
    alone = False

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `floor`, `size_gap`, `size_gap_run`, and the floor availability of `site`."""
        memory = Memory(connection, draft)
        for site, view in self._shelves().items():
            if not view.complete:
                continue
            counts: dict[str, dict[SizeState, int]] = {}
            for one in view.sizes.values():
                mine = counts.setdefault(one.department, dict.fromkeys(SizeState, 0))
                mine[one.state] += 1
            for department, mine in sorted(counts.items()):
                draft.add(m.FLOOR, _floor(mine), site, department)
            whole = {state: sum(mine[state] for mine in counts.values()) for state in SizeState}
            draft.add(m.SITE, {"floor_availability": _floor(whole)["availability"]}, site)
            for (department,) in await memory.vanished(f"floor/{site}", [(name,) for name in counts]):
                draft.add(m.FLOOR, _floor(dict.fromkeys(SizeState, 0)), site, department)
            await self._gaps(memory, draft, site, view.gaps)

    @staticmethod
    async def _gaps(memory: Memory, draft: Draft, site: str, gaps: Sequence[ShelfGap]) -> None:
        sums: dict[tuple[str, ...], tuple[int, float]] = {}
        runs: dict[tuple[str, ...], ShelfGap] = {}
        worst = sorted(gaps, key=lambda gap: (list(GapKind).index(gap.kind), gap.since_us, gap.style, gap.colour))
        for gap in worst:
            key = (gap.department, gap.kind.value)
            runs_before, oldest_s = sums.get(key, (0, 0.0))
            sums[key] = runs_before + 1, max(oldest_s, max(0, draft.now_us - gap.since_us) / 1e6)
            if len(runs) < GAPS_RUNS_MAX:
                runs[gap.department, gap.style, gap.colour, gap.kind.value] = gap
        for gone in await memory.vanished(f"size_gap/{site}", sums):
            draft.add(m.SIZE_GAP, {"runs": 0, "oldest_s": 0.0}, site, *gone)
        for none in sorted(
            {kind.value for kind in GapKind} - {name for _, name in sums}
        ):  # that there is none is said, too
            draft.add(m.SIZE_GAP, {"runs": 0, "oldest_s": 0.0}, site, "", none)
        for kind, (count, oldest_s) in sorted(sums.items()):
            draft.add(m.SIZE_GAP, {"runs": count, "oldest_s": oldest_s}, site, *kind)
        for gone in await memory.vanished(f"size_gap_run/{site}", runs):
            draft.add(m.SIZE_GAP_RUN, {"open": False, "missing": 0, "core_missing": 0, "age_s": 0.0}, site, *gone)
        for name, gap in sorted(runs.items()):
            values = {"open": True, "sizes": gap.sizes, "missing": gap.missing, "core_missing": gap.core_missing}
            draft.add(m.SIZE_GAP_RUN, values | {"age_s": max(0, draft.now_us - gap.since_us) / 1e6}, site, *name)


def _floor(counts: Mapping[SizeState, int]) -> dict[str, int | float | None]:
    shown = sum(counts[state] for state in _SHOWN)
    known = sum(counts.values()) - counts[SizeState.UNKNOWN]
    return {
        "availability": shown / known if known else None,
        "carried": sum(counts.values()),
        "shown": shown,
        "last": counts[SizeState.LAST],
        "behind": counts[SizeState.BEHIND],
        "absent": counts[SizeState.ABSENT],
        "unknown": counts[SizeState.UNKNOWN],
    }
