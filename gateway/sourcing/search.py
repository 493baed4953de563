"""The cheapest sets of sites for an order: exhaustive over the candidates it is given, and bounded by their number.

What a set of sites costs is the fixed cost of each, and for each line the cheapest way to take its units from them.
Lines do not touch each other, so a line is settled for all sets at once: for one site, for pairs, for triples, by the
cheapest split of its quantity, in arrays. All sites are tried alone. In pairs and triples there are `PAIRED_MAX` of
them, fewer when an order is so large that their sets would be more than `WORK_MAX` numbers; which ones, `promising`
decides.

A set in which one site could be left out costs more than without it (no fixed cost is below 0), so it is none: what is
found is the cheapest sets whose sites all give something. Deterministic: equal costs go to fewer sites, then to the
earlier ones.
"""

from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAIRED_MAX: Final = 40
"""Sites that are tried together: 780 pairs, 9,880 triples."""
QUANTITY_MAX: Final = 100
"""Units of one line; above it nobody's floor stock is the right place to look."""
WORK_MAX: Final = 4_000_000
"""Numbers that trying sites together may touch: some ten milliseconds."""
_EQUAL: Final = 1e-9
"""Costs that differ by less are the same: sums of prices in another order."""

Costs = NDArray[np.float64]
"""[sites, units + 1]: what taking k units of a line from a site costs, infinite where it has not so many."""

Sets = tuple[NDArray[np.float64], NDArray[np.int64]]
"""What sets of sites cost, and the sets [n, sites of each]."""


class Choice(NamedTuple):
    """A set of sites (ascending), what it costs, and how many units of each line each of them gives."""

    cost: float
    sites: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]
    """[lines][sites of this set]"""


def choose(fixed: NDArray[np.float64], lines: list[Costs], *, most: int, keep: int) -> list[Choice]:
    """Return the `keep` cheapest sets of up to `most` sites (1 to 3) in which every site gives something.

    `fixed` [sites], 0 or more; `lines`: one for each line of the order, each with its own number of units.
    """
    found = _rank(*_alone(fixed, lines), keep)
    few = promising(fixed, lines, together(lines, most)) if most > 1 else np.arange(0)
    if len(few) > 1:
        near, small = fixed[few], [line[few] for line in lines]
        pairs = _pairs(near, small)
        found += [_renamed(one, few) for one in _rank(*pairs, keep)]
        if most > 2 and len(few) > 2:
            found += [_renamed(one, few) for one in _rank(*_triples(near, small, pairs), keep)]
    found.sort(key=lambda one: (round(one.cost, 9), len(one.sites), one.sites))
    full = (_with_units(choice, lines) for choice in found)
    return [one for one in full if all(any(row[at] for row in one.units) for at in range(len(one.sites)))][:keep]


def together(lines: list[Costs], most: int) -> int:
    """Return how many sites are tried together in sets of up to `most`: `PAIRED_MAX`, or what `WORK_MAX` allows."""
    units = [line.shape[1] for line in lines]
    for sites in range(PAIRED_MAX, 2, -1):
        work = sites * sites // 2 * sum(units)
        if most > 2:
            work += sum(sites * sites * each * each // 2 + sites**3 // 6 * each for each in units)
        if work <= WORK_MAX:
            return sites
    return 2


def promising(fixed: NDArray[np.float64], lines: list[Costs], most: int = PAIRED_MAX) -> NDArray[np.int64]:
    """Return the sites that are tried together, ascending: in turn the best of each line, by what a unit costs there.

    Among as many sites as there may be, all.
    """
    if len(fixed) <= most:
        return np.arange(len(fixed))
    orders = []
    for line in lines:
        units = np.arange(1, line.shape[1])
        has = np.isfinite(line[:, 1:])
        each = np.where(has, (line[:, 1:] + fixed[:, None]) / units, np.inf).min(1)
        many = np.where(has, units, 0).max(1)
        orders.append(np.lexsort((np.arange(len(fixed)), each)))
        orders.append(np.lexsort((np.arange(len(fixed)), each, -many)))
    taken: dict[int, None] = {}
    for rank in range(len(fixed)):
        for order in orders:
            taken.setdefault(int(order[rank]))
        if len(taken) >= most:
            break
    return np.array(sorted(list(taken)[:most]))


def _alone(fixed: NDArray[np.float64], lines: list[Costs]) -> Sets:
    cost = fixed + sum(line[:, -1] for line in lines)
    return cost, np.arange(len(fixed))[:, None]


def _pairs(fixed: NDArray[np.float64], lines: list[Costs]) -> Sets:
    sets = np.stack(np.triu_indices(len(fixed), 1), axis=1)
    one, two = sets.T
    cost = fixed[one] + fixed[two]
    for line in lines:
        cost += (line[one] + line[two][:, ::-1]).min(1)
    alone, _ = _alone(fixed, lines)
    without = np.minimum(alone[one] + fixed[two], alone[two] + fixed[one])
    return np.where(cost < without - _EQUAL, cost, np.inf), sets


def _triples(fixed: NDArray[np.float64], lines: list[Costs], pairs: Sets) -> Sets:
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
    less = _at_most_two(fixed, lines, pairs)
    without = np.minimum(less[one, two] + fixed[three], less[one, three] + fixed[two])
    without = np.minimum(without, less[two, three] + fixed[one])
    return np.where(cost < without - _EQUAL, cost, np.inf), sets


def _at_most_two(fixed: NDArray[np.float64], lines: list[Costs], pairs: Sets) -> NDArray[np.float64]:
    """Return what each two sites cost, whether both give something or one of them pays for nothing: [sites, sites]."""
    alone, _ = _alone(fixed, lines)
    least = np.minimum(alone[:, None] + fixed[None, :], alone[None, :] + fixed[:, None])
    cost, (one, two) = pairs[0], pairs[1].T
    least[one, two] = np.minimum(least[one, two], cost)
    return least


def _rank(cost: NDArray[np.float64], sets: NDArray[np.int64], keep: int) -> list[Choice]:
    """Return the cheapest sets that can serve the order at all."""
    able = np.flatnonzero(np.isfinite(cost))
    if len(able) > 8 * keep:  # all that may be equal to the last one stay in
        limit = np.partition(cost[able], keep)[keep] + _EQUAL
        able = able[cost[able] <= limit]
    order = able[np.lexsort((*sets[able].T[::-1], cost[able].round(9)))[:keep]]
    return [Choice(float(cost[at]), tuple(sets[at].tolist()), ()) for at in order]


def _renamed(choice: Choice, names: NDArray[np.int64]) -> Choice:
    return choice._replace(sites=tuple(names[list(choice.sites)].tolist()))


def _with_units(choice: Choice, lines: list[Costs]) -> Choice:
    return choice._replace(units=tuple(_split(line[list(choice.sites)]) for line in lines))


def _split(line: Costs) -> tuple[int, ...]:
    """Return how many units each site gives in the cheapest split; of equal ones, the earlier sites give more."""
    wanted = line.shape[1] - 1
    rest = [line[-1]]  # what it costs to have r units from the last site, from the last two ...
    for costs in line[-2:0:-1]:
        rest.append(np.array([(costs[: left + 1] + rest[-1][left::-1]).min() for left in range(wanted + 1)]))
    found = []
    for costs in line[:-1]:
        ways = costs[: wanted + 1] + rest.pop()[wanted::-1]
        found.append(int(np.flatnonzero(ways <= ways.min() + _EQUAL)[-1]))
        wanted -= found[-1]
    return (*found, wanted)
