"""The figures of an estimate against the truth: counts by cell, items, moves and departures.

Counts are compared every `STEP_S` seconds after `WARM_S`. A *cell* is a size-level SKU in a zone. A true stay counts
when it lasts `STAY_S` or more, and is found when the estimate agrees within `LATE_S`. An estimated change is right when
the item really changed zones in the `LATE_S` before it (or `EARLY_S` after) and was in the estimated zone in that time.
"""

from dataclasses import dataclass
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.timeline import Playback, Timeline

STEP_S: Final = 10
WARM_S: Final = 600
STAY_S: Final = 20
LATE_S: Final = 120
EARLY_S: Final = 5
HALF_DAY_S: Final = 43_200

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What an estimate is worth; each figure is explained in `MEANINGS`. None: there was nothing to measure."""

    cell_exact: float
    cell_mae: float
    sku_exact: float
    item_zone: float
    recall: float
    precision: float
    delay_med: float | None
    delay_p90: float | None
    false_left_12h: float
    missed_exit: float
    false_oos: float
    phantom: float


MEANINGS: Final = {
    "cell_exact": "share of (size-level SKU, zone) cells with goods whose count is exactly right",
    "cell_mae": "mean absolute error of those counts, items",
    "sku_exact": "share of SKUs whose whole-store count is exactly right",
    "item_zone": "share of items in the right zone",
    "recall": "share of true zone changes (stays of 20 s or more) that were found within 120 s",
    "precision": "share of estimated zone changes that follow a true one",
    "delay_med": "seconds from a true change to its estimate, median",
    "delay_p90": "the same, 90 % are quicker",
    "false_left_12h": "items declared OUT while in the store, per 12 hours",
    "missed_exit": "share of items that left and are not OUT 120 s later",
    "false_oos": "share of SKUs on the sales floor that are reported out of stock there",
    "phantom": "share of SKUs not on the sales floor that are reported there",
}


def score(estimate: Timeline, truth: Timeline, sku: Ints, floor: NDArray[np.bool_]) -> Figures:
    """Score an estimate.

    Args:
        estimate: zones 0 to z - 1, and z for OUT, as in `truth`.
        truth: the same items and seconds.
        sku: number of each item's size-level SKU, from 0 without holes, shape [items].
        floor: which zones are the sales floor, shape [z].

    Raises:
        ScoreError: the case is not longer than the warm-up, or nothing is ever in the store.
    """
    if truth.seconds <= WARM_S:
        raise ScoreError(
            f"the case is {truth.seconds} s long: figures begin after a warm-up of {WARM_S} s; take a longer one"
        )
    return Figures(**_counts(estimate, truth, sku, floor), **_stays(estimate, truth), **_moves(estimate, truth))


class _Counts(TypedDict):
    cell_exact: float
    cell_mae: float
    sku_exact: float
    item_zone: float
    false_oos: float
    phantom: float


class _Stays(TypedDict):
    recall: float
    delay_med: float | None
    delay_p90: float | None
    missed_exit: float


class _Moves(TypedDict):
    precision: float
    false_left_12h: float


def _counts(estimate: Timeline, truth: Timeline, sku: Ints, floor: NDArray[np.bool_]) -> _Counts:
    """Counts every `STEP_S`: cells, SKUs, items, and the sales floor's shelves."""
    zones, skus = len(floor), int(sku.max(initial=-1)) + 1
    exact = error = cells = sku_right = steps = 0
    empty_wrong = stocked = full_wrong = bare = 0
    items_right: list[float] = []
    guess, real = Playback(estimate), Playback(truth)
    for second in range(WARM_S, truth.seconds, STEP_S):
        here, there = guess.at(second), real.at(second)
        e, g = (_by_cell(zone, sku, skus, zones) for zone in (here, there))
        used = (e > 0) | (g > 0)
        wrong = np.abs(e - g)[used]
        exact, error, cells = exact + int((wrong == 0).sum()), error + int(wrong.sum()), cells + wrong.size
        sku_right, steps = sku_right + int((e.sum(axis=1) == g.sum(axis=1)).sum()), steps + 1
        on_floor_e, on_floor_g = e[:, floor].sum(axis=1) > 0, g[:, floor].sum(axis=1) > 0
        empty_wrong, stocked = empty_wrong + int((~on_floor_e & on_floor_g).sum()), stocked + int(on_floor_g.sum())
        full_wrong, bare = full_wrong + int((on_floor_e & ~on_floor_g).sum()), bare + int((~on_floor_g).sum())
        counted = (here != zones) | (there != zones)
        if counted.any():
            items_right.append(float((here == there)[counted].mean()))
    if not cells:
        raise ScoreError(f"nothing to score: no item is in the store after the warm-up of {WARM_S} s")
    return {
        "cell_exact": exact / cells,
        "cell_mae": error / cells,
        "sku_exact": sku_right / (steps * skus),
        "item_zone": float(np.mean(items_right)),
        "false_oos": empty_wrong / max(stocked, 1),
        "phantom": full_wrong / max(bare, 1),
    }


def _by_cell(zone: Ints, sku: Ints, skus: int, zones: int) -> Ints:
    """Items per SKU and zone, OUT left off: [skus, zones]."""
    counts = np.bincount(sku * (zones + 1) + zone, minlength=skus * (zones + 1))
    return counts.reshape(skus, zones + 1)[:, :zones]


def _stays(estimate: Timeline, truth: Timeline) -> _Stays:
    """True stays: found or not, how soon, and departures that were missed."""
    begins, zone, item = truth.second, truth.zone, truth.item
    last = np.ones(len(item), bool)
    last[:-1] = item[1:] != item[:-1]
    ends = np.where(last, truth.seconds, np.roll(begins, -1))
    counted = (begins >= max(WARM_S, 1)) & (ends - begins >= STAY_S) & (begins + LATE_S <= truth.seconds)
    item, begins, ends, zone = item[counted], begins[counted], ends[counted], zone[counted]
    deadline = np.minimum(begins + LATE_S, ends)
    already = estimate.at(item, begins) == zone
    came = np.where(already, begins, estimate.next_to(item, begins, zone))
    found = came < deadline
    delay = (came - begins)[found]
    left = zone == truth.out
    return {
        "recall": int(found.sum()) / max(len(found), 1),
        "delay_med": float(np.median(delay)) if len(delay) else None,
        "delay_p90": float(np.quantile(delay, 0.9)) if len(delay) else None,
        "missed_exit": int((left & ~found).sum()) / max(int(left.sum()), 1),
    }


def _moves(estimate: Timeline, truth: Timeline) -> _Moves:
    """Estimated changes: right or not, and departures that were none."""
    counted = estimate.second >= max(WARM_S, 1)
    item, second, zone = estimate.item[counted], estimate.second[counted], estimate.zone[counted]
    false_left = (zone == estimate.out) & (truth.at(item, second) != truth.out)
    start, end = np.maximum(second - LATE_S, 0), np.minimum(second + EARLY_S + 1, truth.seconds)
    moved = truth.next_change(item, start) < end
    was_there = (truth.at(item, start) == zone) | (truth.next_to(item, start, zone) < end)
    right = int((moved & was_there).sum())
    return {
        "precision": right / max(len(item), 1),
        "false_left_12h": int(false_left.sum()) / (truth.seconds - WARM_S) * HALF_DAY_S,
    }
