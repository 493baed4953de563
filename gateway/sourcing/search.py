"""The cheapest sets of sites for an order: exhaustive over the candidates it is given, and bounded by their number.

What a set of sites costs is the fixed cost of each, and for each line the cheapest way to take its units from them.
Lines do not touch each other, so a line is settled for all sets at once: for one site, for pairs, for triples, by the
cheapest split of its quantity. With `PAIRED_MAX` sites in pairs and triples that is some hundred thousand sets, in
arrays. More sites than that stand a chance alone; which of them may share an order is decided by `promising`.

Deterministic: equal costs go to fewer sites, then to the earlier ones.
"""

from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAIRED_MAX: Final = 40
"""Sites that are tried together: 780 pairs, 9,880 triples."""
QUANTITY_MAX: Final = 100
"""Units of one line; above it nobody's floor stock is the right place to look."""

Costs = NDArray[np.float64]
"""[sites, units + 1]: what taking k units of a line from a site costs, infinite where it has not so many."""


class Choice(NamedTuple):
    """A set of sites (ascending), what it costs, and how many units of each line each of them gives."""

    cost: float
    sites: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]
    """[lines][sites of this set]"""


def choose(fixed: NDArray[np.float64], lines: list[Costs], *, most: int, keep: int) -> list[Choice]:
    """Return the `keep` cheapest sets of up to `most` sites (1 to 3) in which every site gives something.

    `fixed` [sites]; `lines`: one for each line of the order, each with its own number of units.
    """
    found = _rank(*_alone(fixed, lines), keep)
    if most > 1 and len(fixed) > 1:
        few = promising(fixed, lines)
        small = [line[few] for line in lines]
        sets = _pairs(fixed[few], small)
        found += [Choice(one.cost, tuple(few[list(one.sites)].tolist()), one.units) for one in _rank(*sets, keep * 2)]
        if most > 2 and len(few) > 2:
            sets = _triples(fixed[few], small)
            triples = _rank(*sets, keep * 2)
            found += [Choice(one.cost, tuple(few[list(one.sites)].tolist()), one.units) for one in triples]
    full = [_with_units(choice, lines) for choice in found]
    working = [
        choice for choice in full if all(any(row[at] for row in choice.units) for at in range(len(choice.sites)))
    ]
    working.sort(key=lambda one: (round(one.cost, 9), len(one.sites), one.sites))
    return working[:keep]


def promising(fixed: NDArray[np.float64], lines: list[Costs]) -> NDArray[np.int64]:
    """Return the sites that are tried together, ascending: in turn the best of each line, by what a unit costs there.

    Among as many sites as there may be, all.
    """
    if len(fixed) <= PAIRED_MAX:
        return np.arange(len(fixed))
    orders = []
    for line in lines:
        units = np.arange(1, line.shape[1])
        has = np.isfinite(line[:, 1:])
        each = np.where(has, (line[:, 1:] + fixed[:, None]) / units, np.inf).min(1)
        most = np.where(has, units, 0).max(1)
        orders.append(np.lexsort((np.arange(len(fixed)), each)))
        orders.append(np.lexsort((np.arange(len(fixed)), each, -most)))
    taken: dict[int, None] = {}
    for rank in range(len(fixed)):
        for order in orders:
            taken.setdefault(int(order[rank]))
        if len(taken) >= PAIRED_MAX:
            break
    return np.array(sorted(list(taken)[:PAIRED_MAX]))


def _alone(fixed: NDArray[np.float64], lines: list[Costs]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    cost = fixed + sum(line[:, -1] for line in lines)
    return cost, np.arange(len(fixed))[:, None]


def _pairs(fixed: NDArray[np.float64], lines: list[Costs]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    sets = np.array(list(combinations(range(len(fixed)), 2)))
    one, two = sets.T
    cost = fixed[one] + fixed[two]
    for line in lines:
        cost += (line[one] + line[two][:, ::-1]).min(1)
    return cost, sets


def _triples(fixed: NDArray[np.float64], lines: list[Costs]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    sets = np.array(list(combinations(range(len(fixed)), 3)))
    one, two, three = sets.T
    cost = fixed[one] + fixed[two] + fixed[three]
    for line in lines:
        units = line.shape[1]
        both = np.full((len(fixed), len(fixed), units), np.inf)
        for first in range(units):
            both[:, :, first:] = np.minimum(
                both[:, :, first:], line[:, None, first, None] + line[None, :, : units - first]
            )
        cost += (both[one, two] + line[three][:, ::-1]).min(1)
    return cost, sets


def _rank(cost: NDArray[np.float64], sets: NDArray[np.int64], keep: int) -> list[Choice]:
    """Return the cheapest sets that can serve the order at all."""
    order = np.lexsort((*sets.T[::-1], cost.round(9)))[:keep]
    return [Choice(float(cost[at]), tuple(sets[at].tolist()), ()) for at in order if np.isfinite(cost[at])]


def _with_units(choice: Choice, lines: list[Costs]) -> Choice:
    return choice._replace(units=tuple(_split(line[list(choice.sites)]) for line in lines))


def _split(line: Costs) -> tuple[int, ...]:
    """Return how many units each site gives in the cheapest split; of equal ones, the earlier sites give more."""
    wanted = line.shape[1] - 1
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for costs in line:
        step: dict[int, tuple[float, tuple[int, ...]]] = {}
        for done, (cost, units) in best.items():
            for more in range(wanted - done + 1):
                total = cost + float(costs[more])
                if not np.isfinite(total):
                    break
                offer = (total, (*units, more))
                held = step.get(done + more)
                if held is None or (round(total, 9), [-one for one in offer[1]]) < (
                    round(held[0], 9),
                    [-one for one in held[1]],
                ):
                    step[done + more] = offer
        best = step
    return best[wanted][1]
