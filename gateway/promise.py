"""How many units can be promised, by the probability of each: the Poisson-binomial distribution.

N units of a SKU are in some place, each item for itself with its own probability. The largest q with P(N >= q) of at
least the target can be promised there. The distribution is built item by item (a dynamic program): after an item with
probability p, P(N = k) is (1 - p) P(N = k) + p P(N = k - 1). States above `PROMISED_MAX` are one, so that the largest
SKU costs a bounded time; more than that is never promised. Items are taken for independent: where they are not (a rack
that moves as a whole), the target is not kept, and the figures of honesty show it.

Exact up to `TOLERANCE`, on the generous side: a probability that is stored with seven digits and should be the target
itself counts as the target.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PROMISED_MAX: Final = 1_000
"""Nobody orders more of one size at one site, and fashion SKUs have ten units; it bounds the states per SKU."""

TOLERANCE: Final = 1e-6
"""Presence comes as float32: 0.95 is 0.94999999 there."""

_VALUES_MAX: Final = 2_000_000
"""States worked on at once: 16 MB."""


def largest_promised(probabilities: NDArray[np.floating], target: float) -> int:
    """Return the largest q with P(N >= q) >= `target`, N of independent items with `probabilities`, shape [n].

    At most `PROMISED_MAX`. Raises `ValueError` for a target that is not in (0, 1].
    """
    group = np.zeros(len(probabilities), np.int64)
    return int(largest_promised_by_group(probabilities[:, None], group, 1, target)[0, 0])


def largest_promised_by_group(
    probabilities: NDArray[np.floating], group: NDArray[np.integer], groups: int, target: float
) -> NDArray[np.int32]:
    """Return `largest_promised` of each group (SKU) in each column (place), shape [groups, columns].

    `probabilities` [n, columns] of the items, `group` [n] the group of each, 0 to `groups` - 1; a group without items
    is promised 0. Raises `ValueError` for a target that is not in (0, 1].
    """
    if not 0 < target <= 1:
        raise ValueError(f"target {target}: expected more than 0, at most 1")
    promised = np.zeros((groups, probabilities.shape[1]), np.int32)
    size = np.bincount(group, minlength=groups)
    order = np.argsort(group, kind="stable")
    begin = np.cumsum(size) - size
    by_size = np.argsort(-size, kind="stable")
    by_size = by_size[size[by_size] > 0]
    low = 0
    while low < len(by_size):
        states = min(int(size[by_size[low]]), PROMISED_MAX) + 1
        some = by_size[low : low + max(1, _VALUES_MAX // (states * max(1, probabilities.shape[1])))]
        low += len(some)
        tail = _at_least(probabilities, order, begin[some], size[some], states)
        promised[some] = (tail[:, 1:, :] >= target - TOLERANCE).sum(axis=1)
    return promised


def _at_least(
    probabilities: NDArray[np.floating],
    order: NDArray[np.int64],
    begin: NDArray[np.int64],
    size: NDArray[np.int64],
    states: int,
) -> NDArray[np.float64]:
    """Return P(N >= k), shape [groups, states, columns], of groups that are sorted by size, the largest first.

    The items of a group are `order[begin : begin + size]`. The last state stands for all from there on.
    """
    exactly = np.zeros((len(size), states, probabilities.shape[1]))
    exactly[:, 0] = 1.0
    for number in range(int(size[0])):
        alive = int((size > number).sum())
        chance = np.clip(probabilities[order[begin[:alive] + number]].astype(np.float64), 0.0, 1.0)[:, None, :]
        top = min(number + 1, states - 1)
        now = exactly[:alive, : top + 1]
        up = now[:, :-1] * chance
        if number + 1 > top:  # from the last state nothing goes up
            now[:, :-1] -= up
        else:
            now *= 1.0 - chance
        now[:, 1:] += up
    tail: NDArray[np.float64] = np.cumsum(exactly[:, ::-1], axis=1)[:, ::-1]
    return tail
