"""Who gets which units: one SKU at one site, decided in memory under the lock of its row of `stock`. Pure.

An `OpenStock` is what is free of a SKU while requests are decided one after the other. A request is granted when it
asks for no more than its channel may sell at that moment (`gateway.availability.offer` of the ladder); then the surest
items are bound to it, and are free no more.

Order of binding: items that are likelier there than not (`FOUND`), surest first; then units without tags; then the
other items. An item that is less likely than `FADED` is never bound: such a unit is promised as one of many, and its
buyer's line says at once that it needs a substitution.

The ladders. Items leave in the order of their chance, so what is left is always the tail of the sorted list. One pass
from its end builds the distribution of every tail (each item adds itself to the one before), and keeps those that are
needed: hundreds of decisions cost no more than one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.availability import Ladder, Offer, Policy, offer
from gateway.ledger.picture import FADED, FOUND, SkuKey, SkuPicture, Unit
from gateway.promise import PROMISED_MAX, TOLERANCE

_KEPT: Final = 256
"""Distributions kept at once: 2 MB. Another pass makes the next ones."""

_NOTHING: Final[NDArray[np.float64]] = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Wish:
    """Units of one SKU at one site that a request asks for."""

    key: SkuKey
    quantity: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request gets of one SKU."""

    key: SkuKey
    quantity: int
    items: tuple[Unit, ...]
    untagged: int
    substitution_needed: int


@dataclass(frozen=True, slots=True)
class Short:
    """A SKU of which a request asked for more than can be sold to it."""

    key: SkuKey
    requested: int
    atp: int


class OpenStock:
    """What is free of one SKU. `status` is its row's: live, stale or unknown."""

    def __init__(self, picture: SkuPicture, status: str) -> None:
        self.picture = picture
        self._status = status
        self._known = picture.known
        self._free = picture.free()
        self._sure = sum(unit.chance >= 1.0 - TOLERANCE for unit in self._free)
        self._any = sum(unit.chance > TOLERANCE for unit in self._free)
        self._taken = 0
        self._certain = picture.certain()
        self._untagged = max(0, picture.untagged_available - picture.untagged_held)
        self._tails: dict[int, NDArray[np.float64]] = {}
        self._offers: dict[Policy, Offer] = {}

    def offer(self, policy: Policy) -> Offer:
        """Return what a channel may sell now."""
        found = self._offers.get(policy)
        if found is None:
            found = self._offers[policy] = offer(self.ladder(), policy, self._status, known=self._known)
        return found

    def ladder(self) -> Ladder:
        """Return the chances that one more buyer can get 1, 2, ... units."""
        shift = max(0, self._sure - self._taken) + self._certain
        tail = self._tail(max(self._taken, self._sure))
        rungs = np.concatenate([np.ones(min(max(shift, 0), PROMISED_MAX)), tail[max(-shift, 0) :]])[:PROMISED_MAX]
        ladder: Ladder = np.minimum(rungs, 1.0).astype(np.float32)
        return ladder

    def _tail(self, first: int) -> NDArray[np.float64]:
        """Return P(N >= 1), P(N >= 2) ... of the unsure items from number `first` on."""
        if first >= self._any:
            return _NOTHING
        if first not in self._tails:
            self._tails = self._pass(first)
        return self._tails[first]

    def _pass(self, first: int) -> dict[int, NDArray[np.float64]]:
        """Build the distributions of the tails that begin at `first` and after it."""
        kept: dict[int, NDArray[np.float64]] = {}
        exactly = np.zeros(min(self._any - first, PROMISED_MAX) + 1)
        exactly[0] = 1.0
        for number in range(self._any - 1, first - 1, -1):
            up = exactly[:-1] * self._free[number].chance
            exactly[:-1] -= up
            exactly[1:] += up
            if number < first + _KEPT:
                kept[number] = np.cumsum(exactly[::-1])[::-1][1 : self._any - number + 1]
        return kept

    def take(self, quantity: int) -> Granted:
        """Take units; the caller has seen that no more is asked for than is offered."""
        likely = self._next(quantity, FOUND)
        untagged = min(quantity - len(likely), self._untagged)
        rest = self._next(quantity - len(likely) - untagged, FADED)
        short = quantity - len(likely) - untagged - len(rest)
        self._untagged -= untagged
        self._certain -= untagged + short
        self._offers.clear()
        return Granted(self.picture.key, quantity, (*likely, *rest), untagged, short)

    def _next(self, most: int, at_least: float) -> tuple[Unit, ...]:
        begin = self._taken
        while self._taken < min(begin + most, len(self._free)) and self._free[self._taken].chance >= at_least:
            self._taken += 1
        return tuple(self._free[begin : self._taken])


def decide(
    stocks: Mapping[SkuKey, OpenStock], wishes: Sequence[Wish], policy: Policy, *, allow_partial: bool
) -> tuple[list[Granted], list[Short]]:
    """Decide about one request: all of it, or nothing; or what there is of it (`allow_partial`), if there is anything.

    `wishes` name each SKU once. Returns what is granted, in order, and what is short; nothing granted: refused.
    """
    assert len({wish.key for wish in wishes}) == len(wishes), "lines of one SKU are summed first"
    short: list[Short] = []
    granted: list[tuple[OpenStock, int]] = []
    for wish in wishes:
        found = stocks[wish.key]
        atp = found.offer(policy).atp
        if atp < wish.quantity:
            short.append(Short(wish.key, wish.quantity, atp))
        units = min(atp, wish.quantity)
        if units:
            granted.append((found, units))
    if short and not allow_partial:
        return [], short
    return [found.take(units) for found, units in granted], short
