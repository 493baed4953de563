"""How right a site's figures are, as far as the gateway itself can know: numbers between 0 and 1, or units.

* `blind_share`: items in zones that nobody looks at, of all items in the site.
* `uncertain_items`: items whose place has a probability below `SURE`, of all items in the site.
* `expected_count_error`: the mean over the cells (SKU, zone) of E|N - count|, in units: N is the number of the SKU's
  units that are really there, by the items' probabilities; the count is the published one. A cell is counted when
  something is published in it, or half a unit or more is expected there. An item that is out, or was never placed,
  is not asked about.
* `count_item_agreement`: of the items that the last cycle count saw in its zone, or that were believed there, those of
  which both is true. `count_cell_agreement`: of the SKUs concerned, those with as many items seen as believed.
* `book_agreement`: of the SKUs of the book, those of which as many units are in the site as the book says.

The first three are what the tracker believes of itself; the others hold it against somebody else's word.
"""

from collections import Counter
from collections.abc import Iterable
from math import erf, exp, pi, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SURE: Final = 0.9
CERTAIN: Final = 0.999
"""An item as sure as this counts as there: over a cell of twenty the difference is a fiftieth of a unit."""

EXACT_MAX: Final = 64
"""Uncertain items of one SKU whose number is worked out exactly; beyond it a normal distribution is as good."""

NUMBERS_AT_ONCE: Final = 2_000_000
"""Numbers in the distributions of one block of SKUs: about 50 MB with what is needed beside them."""

BLIND_SHARE: Final = "blind_share"
UNCERTAIN_ITEMS: Final = "uncertain_items"
EXPECTED_COUNT_ERROR: Final = "expected_count_error"
COUNT_ITEM_AGREEMENT: Final = "count_item_agreement"
COUNT_CELL_AGREEMENT: Final = "count_cell_agreement"
BOOK_AGREEMENT: Final = "book_agreement"

NAMES: Final = (
    BLIND_SHARE,
    UNCERTAIN_ITEMS,
    EXPECTED_COUNT_ERROR,
    COUNT_ITEM_AGREEMENT,
    COUNT_CELL_AGREEMENT,
    BOOK_AGREEMENT,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Figure(NamedTuple):
    """One figure at one instant (UTC microseconds)."""

    at_us: int
    name: str
    value: float


def blind_share(place: Ints, blind: NDArray[np.bool_]) -> float:
    """Return the share of items in blind zones. `place` [n] indexes `blind` [zones]; 0.0 of no items."""
    return float(blind[place].mean()) if len(place) else 0.0


def uncertain_items(here: Floats) -> float:
    """Return the share of items whose place has a probability below `SURE`; `here` [n]; 0.0 of no items."""
    return float((here < SURE).mean()) if len(here) else 0.0


def expected_count_error(chances: Floats, place: Ints, sku: Ints) -> float:
    """Return the mean of E|N - count| over cells, in units; 0.0 where there is no cell.

    `chances` [n, zones + 1] (last column: out), `place` [n] the published zone, `sku` [n] from 0 without holes.
    """
    if not len(place):
        return 0.0
    zones = chances.shape[1] - 1
    total, cells = 0.0, 0
    per_block = max(1, NUMBERS_AT_ONCE // (zones * (EXACT_MAX + 1)))
    order = np.argsort(sku, kind="stable")
    starts = np.searchsorted(sku[order], np.arange(0, int(sku.max()) + 1, per_block))
    for rows in np.split(order, starts[1:]):
        first = int(sku[rows[0]])
        error, expected, published = _errors(chances[rows, :zones], place[rows], sku[rows] - first)
        asked = (published > 0) | (expected >= 0.5)
        total += float(error[asked].sum())
        cells += int(asked.sum())
    return total / cells if cells else 0.0


def _errors(chances: Floats, place: Ints, sku: Ints) -> tuple[Floats, Floats, Floats]:
    """Return E|N - count|, E[N] and the count of each cell, [skus, zones]."""
    shape = (int(sku.max()) + 1, chances.shape[1])
    published = np.zeros(shape)
    np.add.at(published, (sku, place), 1.0)
    expected = np.zeros(shape)
    np.add.at(expected, sku, chances)
    certain = chances[np.arange(len(place)), place] >= CERTAIN
    base = np.zeros(shape)
    np.add.at(base, (sku[certain], place[certain]), 1.0)
    open_sku, open_chances = sku[~certain], chances[~certain]
    many = np.bincount(open_sku, minlength=shape[0]) > EXACT_MAX
    error = _exactly(open_chances[~many[open_sku]], open_sku[~many[open_sku]], published - base)
    if many.any():
        variance = np.zeros(shape)
        np.add.at(variance, open_sku, open_chances * (1.0 - open_chances))
        error[many] = _folded(expected[many] - published[many], variance[many])
    return error, expected, published


def _exactly(chances: Floats, sku: Ints, wanted: Floats) -> Floats:
    """Return E|M - wanted| with M the number of open items in each cell: their Poisson-binomial distribution."""
    order = np.argsort(sku, kind="stable")
    sku, chances = sku[order], chances[order]
    rank = np.arange(len(sku)) - np.searchsorted(sku, sku)
    most = int(rank.max()) + 1 if len(rank) else 0
    distribution = np.zeros((*wanted.shape, most + 1))
    distribution[:, :, 0] = 1.0
    for number in range(most):
        rows = rank == number
        there = chances[rows][:, :, None]
        before = distribution[sku[rows]]
        after = before * (1.0 - there)
        after[:, :, 1:] += before[:, :, :-1] * there
        distribution[sku[rows]] = after
    away = np.abs(np.arange(most + 1) - wanted[:, :, None])
    found: Floats = (distribution * away).sum(axis=2)
    return found


def _folded(mean: Floats, variance: Floats) -> Floats:
    """Return E|X| of normal X, elementwise."""
    pairs = zip(mean.ravel().tolist(), variance.ravel().tolist(), strict=True)
    return np.array([_folded_one(m, v) for m, v in pairs]).reshape(mean.shape)


def _folded_one(mean: float, variance: float) -> float:
    if variance < 1e-12:
        return abs(mean)
    sd = sqrt(variance)
    return sd * sqrt(2 / pi) * exp(-(mean**2) / (2 * variance)) + mean * erf(mean / (sd * sqrt(2)))


def count_agreement(expected: Iterable[str], seen: Iterable[str], matched: int) -> tuple[float, float]:
    """Return the agreement of a cycle count by item and by cell; 1.0 where nothing was believed and nothing seen.

    `expected` and `seen` hold the SKU of each item that was believed in the zone, and of each that was seen there;
    `matched` items are in both.
    """
    believed, found = Counter(expected), Counter(seen)
    either = believed.total() + found.total() - matched
    skus = believed.keys() | found.keys()
    by_item = matched / either if either else 1.0
    by_cell = sum(believed[gtin] == found[gtin] for gtin in skus) / len(skus) if skus else 1.0
    return by_item, by_cell
