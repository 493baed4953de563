"""Were promises kept? Of the answers "at least q are here" the share that is true, and how much stock was promised.

An answer at `t` is held against the truth in the first whole second from then on, as an estimate is. Answers with q 0
promise nothing, those within the warm-up are left out; both are counted.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.figures import WARM_S
from lastunit.scoring.rows import EVERYWHERE, Ints, Items, Promises
from lastunit.scoring.timeline import Playback, Timeline
from lastunit.scoring.zones import ScoredZones

QUANTITIES: Final = ("1", "2", "3+")
STATES: Final = ("settled", "moved")
SCOPES: Final = ("store", "zone")
"""Answers about all sellable zones together (`*`), and about one zone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers of one kind: how many, and the share that was true (None: there were none)."""

    answers: int
    true: float | None


@dataclass(frozen=True, slots=True)
class ScopeFigures:
    """Answers of one scope. `by` holds them per q ("1", "2", "3+"), per state, and per both ("1 settled").

    `promised_share`: of the stock that was really there, the share that the answers promised; None without stock.
    """

    scope: str
    all: Kept
    by: dict[str, Kept]
    promised_share: float | None


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """All answers, by scope, and what was left out: `out_of_time` (warm-up, after the end), `of_nothing` (q 0)."""

    scopes: tuple[ScopeFigures, ...]
    out_of_time: int
    of_nothing: int


def check_promises(promises: Promises, truth: Timeline, items: Items, zones: ScoredZones) -> PromiseFigures:
    """Hold answers against the truth.

    Raises:
        ScoreError: there is no site file (who says what can be sold?), or an answer was given twice.
    """
    if zones.sellable is None:
        raise ScoreError("promises are about what can be sold: name the site file with --site, it says which zones")
    _check_once(promises, zones)
    in_time = (promises.t_s >= WARM_S) & (promises.t_s <= truth.seconds)
    there = np.zeros(len(in_time), np.int64)
    stock = np.zeros(len(SCOPES), np.int64)
    everywhere = promises.zone < 0
    answered = np.unique(promises.zone[in_time & ~everywhere])
    for rows, cells in _cells(promises, np.flatnonzero(in_time), truth, items, len(zones.names)):
        whole = cells[:, zones.sellable].sum(axis=1)
        gtin, zone = promises.gtin[rows], promises.zone[rows]
        there[rows] = np.where(zone < 0, whole[gtin], cells[gtin, np.maximum(zone, 0)])
        stock += (whole.sum() * (zone < 0).any(), cells[:, answered].sum() * (zone >= 0).any())
    scopes = []
    for scope, mine, real in zip(SCOPES, (everywhere, ~everywhere), stock.tolist(), strict=True):
        asked = in_time & mine & (promises.q > 0)
        if (in_time & mine).any():
            kept = int(np.minimum(promises.q, there)[asked].sum())
            scopes.append(_scope(scope, promises, asked, there, kept / real if real else None))
    return PromiseFigures(tuple(scopes), int((~in_time).sum()), int((in_time & (promises.q == 0)).sum()))


def _check_once(promises: Promises, zones: ScoredZones) -> None:
    """An answer that stands twice would count its stock twice."""
    order = np.lexsort((promises.zone, promises.gtin, promises.t_s))
    columns = [column[order] for column in (promises.t_s, promises.gtin, promises.zone)]
    twice = np.flatnonzero(np.all([column[1:] == column[:-1] for column in columns], axis=0))
    if len(twice):
        row = order[twice[0]]
        zone = EVERYWHERE if promises.zone[row] < 0 else zones.names[promises.zone[row]]
        raise ScoreError(
            f"promises: t {promises.t_s[row]:g}, gtin {promises.gtins[promises.gtin[row]]}, zone {zone} stands twice: "
            "keep one; is the file two runs joined?"
        )


def _scope(
    scope: str, promises: Promises, asked: NDArray[np.bool_], there: Ints, promised_share: float | None
) -> ScopeFigures:
    true = there >= promises.q
    by_q = dict(zip(QUANTITIES, (promises.q == 1, promises.q == 2, promises.q >= 3), strict=True))
    by_state = dict(zip(STATES, (promises.settled, ~promises.settled), strict=True))
    both = {f"{q} {state}": one & other for q, one in by_q.items() for state, other in by_state.items()}
    kept = {name: _kept(true, asked & mask) for name, mask in {**by_q, **by_state, **both}.items()}
    return ScopeFigures(scope, _kept(true, asked), kept, promised_share)


def _kept(true: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Kept:
    answers = int(mask.sum())
    return Kept(answers, float(true[mask].mean()) if answers else None)


def _cells(promises: Promises, rows: Ints, truth: Timeline, items: Items, zones: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows of each time, and what there really was: [GTINs + 1, zones], the last row all other items."""
    number = {gtin: k for k, gtin in enumerate(promises.gtins)}
    skus = len(number)
    sku = np.array([number.get(gtin, skus) for gtin in items.gtin], np.int64)
    rows = rows[np.argsort(promises.t_s[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(promises.t_s[rows])) + 1
    playback = Playback(truth)
    for same in np.split(rows, cuts) if len(rows) else []:
        zone = playback.at(min(math.ceil(promises.t_s[same[0]]), truth.seconds - 1))
        counts = np.bincount(sku * (zones + 1) + zone, minlength=(skus + 1) * (zones + 1))
        yield same, counts.reshape(skus + 1, zones + 1)[:, :zones]
