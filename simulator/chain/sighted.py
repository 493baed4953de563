"""Measures the sight model on watches of the real engine, and plays the model over the same truth. Pure."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.chain.sight import (
    ANY,
    FRESH_S,
    GROUPS,
    LEVELS,
    SEEN_S,
    PlaceFigures,
    Sight,
    SightFigures,
    Slip,
    WayFigures,
)
from simulator.chain.watch import FLOOR_0, FLOOR_1, GONE, STEP_S, Watch

_STAY_S: Final = {"back": 1_200, "floor": 1_200, "fit": 60, "pos": 60, "gone": 60}
"""Stays that are looked at last so long at least: a shorter one may end before it is seen, and is no miss."""

_WARM_ROWS: Final = 3_600 // STEP_S
"""The engine meets the whole store at once in a watch, and needs an hour; a chain's has run for months."""

_MOVES_MIN: Final = 50
"""A way that was gone less often is not measured on its own."""

Grid = NDArray[np.bool_]


def measured(watches: Sequence[Watch], says: str = "") -> SightFigures:
    """Return the figures of some hours of the engine. Raises `ValueError` for no watch."""
    if not watches:
        raise ValueError("no watch: expected at least one")
    parts = [_Part(watch) for watch in watches]
    members = {
        group: [kind for kind, name in GROUPS.items() if name == group] for group in dict.fromkeys(GROUPS.values())
    }
    places = {group: _place(parts, kinds) for group, kinds in members.items()}
    chances = {}
    for situation in ("right", "fresh", "wrong", "ghost"):
        for group, kinds in members.items():
            found = [part.chances(situation, kinds) for part in parts]
            place, sellable = (np.concatenate([pair[at] for pair in found]) for at in (0, 1))
            if group != "gone" and len(place) >= len(LEVELS):
                chances[f"{situation}/{group}"] = (_levels(place), _levels(sellable))
    return SightFigures(places, chances, says)


class _Part:
    """One watch with what follows from it."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.true, self.believed = watch.true, watch.believed
        still = np.zeros(self.true.shape, np.int32)
        for row in range(1, len(still)):
            still[row] = np.where(self.true[row] == self.true[row - 1], still[row - 1] + STEP_S, 0)
        self.settled = still >= FRESH_S
        self.unsold = np.broadcast_to(~watch.sold, self.true.shape)
        was_in = np.maximum.accumulate(self.true != GONE, axis=0)
        self.counts = was_in & (self.unsold | (self.true != GONE))
        """Sold goods are the till's matter, and what was never there is nobody's."""
        self.slipped = np.zeros(self.true.shape, bool)
        """Wrong, and was right before in the same place."""
        was_right = self.believed[0] == self.true[0]
        for row in range(1, len(still)):
            was_right = np.where(still[row] > 0, was_right, False) | (self.believed[row] == self.true[row])
            self.slipped[row] = was_right & (self.believed[row] != self.true[row])

    def at(self, kinds: Sequence[int]) -> Grid:
        here: Grid = np.isin(self.true, kinds) & self.counts
        return here

    def chances(self, situation: str, kinds: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        right = self.believed == self.true
        picked = {
            "right": right & self.settled,
            "fresh": right & ~self.settled,
            "wrong": ~right & (self.true != GONE),
            "ghost": ~right & (self.true == GONE) & self.settled,
        }[situation]
        mask = picked & np.isin(self.believed, kinds) & self.counts
        return self.watch.place[mask], self.watch.sellable[mask]

    def arrivals(self, kinds: Sequence[int]) -> Iterator[tuple[str, float | None]]:
        """Yield where each move there came from, and how many seconds it took to be seen; None: it was not."""
        came = (self.true[1:] != self.true[:-1]) & self.at(kinds)[1:]
        for row, item in np.argwhere(came).tolist():
            kind = int(self.true[row + 1, item])
            group, end = GROUPS[kind], row + 1
            rows = int(SEEN_S[group]) // STEP_S
            while end < len(self.true) and self.true[end, item] == kind and end <= row + rows:
                end += 1
            if (end - row - 1) * STEP_S < _STAY_S[group]:
                continue
            hits = np.flatnonzero(self.believed[row + 1 : end, item] == kind)
            yield GROUPS[int(self.true[row, item])], float(hits[0]) * STEP_S if len(hits) else None


def _way(delays: Sequence[float | None]) -> WayFigures:
    seen = [delay for delay in delays if delay is not None]
    quantiles = _levels(np.array(seen, np.float32)) if seen else (float(STEP_S),) * len(LEVELS)
    return WayFigures(len(delays), round(len(seen) / len(delays), 4) if delays else 1.0, quantiles)


def _ways(parts: Sequence[_Part], kinds: Sequence[int]) -> dict[str, WayFigures]:
    found: dict[str, list[float | None]] = {ANY: []}
    for part in parts:
        for before, delay in part.arrivals(kinds):
            found[ANY].append(delay)
            found.setdefault(before, []).append(delay)
    return {name: _way(delays) for name, delays in found.items() if name == ANY or len(delays) >= _MOVES_MIN}


def _spells(part: _Part, kinds: Sequence[int], begin: Grid) -> Iterator[Slip]:
    """Yield the wrong beliefs that `begin` marks (row, item), each until it is mended or nobody can tell any more."""
    here, right = part.at(kinds), part.believed == part.true
    for row, item in np.argwhere(begin).tolist():
        end = row
        while (
            end < len(right)
            and here[end, item]
            and not right[end, item]
            and part.true[end, item] == part.true[row, item]
        ):
            end += 1
        mended = end < len(right) and bool(right[end, item] and part.true[end, item] == part.true[row, item])
        middle, believed = (row + end) // 2, int(part.believed[row, item])
        place, sellable = float(part.watch.place[middle, item]), float(part.watch.sellable[middle, item])
        yield Slip(_name(believed, kinds), float(end - row) * STEP_S, mended, round(place, 4), round(sellable, 4))


def _name(believed: int, kinds: Sequence[int]) -> str:
    floors = {FLOOR_0, FLOOR_1}
    return "other_floor" if believed in floors and set(kinds) == floors else GROUPS[believed]


def _place(parts: Sequence[_Part], kinds: Sequence[int]) -> PlaceFigures:
    hours_right, settled, wrong = 0.0, 0, 0
    slips: list[Slip] = []
    spells: list[Slip] = []
    for part in parts:
        here, right = part.at(kinds) & part.settled, part.believed == part.true
        hours_right += float((here & right).sum()) * STEP_S / 3_600
        lost = np.zeros(here.shape, bool)
        lost[1:] = here[:-1] & here[1:] & right[:-1] & ~right[1:]
        slips += _spells(part, kinds, lost)
        warm = min(_WARM_ROWS, len(here) // 2)
        stuck = here & ~right & ~part.slipped
        settled += int(here[warm:].sum())
        wrong += int(stuck[warm:].sum())
        seen_at = np.zeros(here.shape, bool)
        seen_at[warm] = stuck[warm]
        spells += _spells(part, kinds, seen_at)
    return PlaceFigures(
        ways=_ways(parts, kinds),
        right=round(1 - wrong / max(settled, 1), 5),
        wrong=tuple(spells),
        slip_h=round(len(slips) / max(hours_right, 1e-9), 5),
        slips=tuple(slips),
    )


def _levels(values: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in np.quantile(values, LEVELS))


def imagined(watch: Watch, figures: SightFigures, seed: int) -> Watch:
    """Return what the model believes of the same true places; what the till sold, it is told at once."""
    rows, items = watch.true.shape
    believed = np.full((rows, items), GONE, np.int8)
    place, sellable = np.ones((rows, items), np.float32), np.zeros((rows, items), np.float32)
    for item in range(items):
        sight = Sight(figures, Random(f"{seed}/{item}"))
        for row, belief in enumerate(_beliefs(watch.true[:, item].tolist(), sight, sold=bool(watch.sold[item]))):
            believed[row, item], place[row, item], sellable[row, item] = belief
    return Watch(watch.true, believed, place, sellable, watch.sku, watch.sold)


def _beliefs(true: Sequence[int], sight: Sight, *, sold: bool) -> Iterator[tuple[int, float, float]]:
    """Yield the belief in each row of one item."""
    now, step = sight.opening(true[0]) if true[0] != GONE else (sight.belief(GONE, GONE, fresh=False), None)
    at_s, moving = 0.0, False
    for row, kind in enumerate(true):
        time_s = row * STEP_S
        if row and kind != true[row - 1]:
            if kind == GONE and sold:
                now, step = sight.belief(GONE, GONE, fresh=False), None
            else:
                step, at_s, moving = sight.moved(true[row - 1], kind, now.kind), float(time_s), True
        while step is not None and at_s + step.delay_s <= time_s:
            at_s += step.delay_s
            now, step = (sight.after_move if moving else sight.after)(step, kind, now.kind)
            moving = False
        yield now.kind, now.place, now.sellable
