"""What a channel would have been promised while the replay ran: for the figures of honesty.

Each `EVERY_S` after a warm-up, for each SKU and *scope* (each zone, and `*`: all sellable zones together) the largest
q with P(N >= q) >= target. A SKU is *settled* when none of its items has changed its zone for `SETTLED_S`. A SKU that
has items is told also where nothing is promised.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.availability import sellable_zones
from gateway.promise import largest_promised_by_group
from gateway.replay.instant import US
from gateway.replay.run import Replay, Step

WARM_UP_S: Final = 600
EVERY_S: Final = 60
SETTLED_S: Final = 300
ALL_SELLABLE: Final = "*"


class Promised(NamedTuple):
    """At `at_us`, at least `q` units of a SKU are said to be in `scope`."""

    at_us: int
    gtin: str
    scope: str
    q: int
    settled: bool


class Promises:
    """Asks a replay's tracker after each step; `target` in (0, 1]."""

    def __init__(self, replay: Replay, target: float) -> None:
        self._replay = replay
        self._tracker = replay.tracker
        self._target = target
        zones = self._tracker.zones
        sellable = sellable_zones(replay.site)
        self._scopes = (*zones, ALL_SELLABLE)
        self._sellable = [i for i, zone in enumerate(zones) if zone in sellable]
        self._start_us: int | None = None
        self._sku: dict[str, int] = {}
        self._sku_of_item: list[int] = []
        self._moved_us: list[int] = []

    def after(self, step: Step) -> Iterator[Promised]:
        """Note what a step changed; yield the promises when they are due, by GTIN and scope."""
        self._meet()
        for change in step.changes:
            sku = self._sku_of_item[change.item]
            if sku >= 0:
                self._moved_us[sku] = change.at_us
        if self._start_us is None:
            self._start_us = step.now_us - US
        passed_s, part_us = divmod(step.now_us - self._start_us, US)
        if part_us == 0 and passed_s >= WARM_UP_S and passed_s % EVERY_S == 0:
            yield from self._promised(step.now_us)

    def _meet(self) -> None:
        for item in range(len(self._sku_of_item), len(self._replay.tag_of_item)):
            gtin = self._replay.gtin(item)
            if not gtin:
                self._sku_of_item.append(-1)
                continue
            sku = self._sku.setdefault(gtin, len(self._sku))
            if sku == len(self._moved_us):
                self._moved_us.append(-1)
            self._sku_of_item.append(sku)

    def _promised(self, now_us: int) -> Iterator[Promised]:
        sku = np.array(self._sku_of_item, np.int64)
        items = np.flatnonzero(sku >= 0).astype(np.int32)
        if len(items) == 0:
            return
        q = largest_promised_by_group(self._chances(items), sku[items], len(self._sku), self._target)
        for gtin in sorted(self._sku):
            row = self._sku[gtin]
            settled = now_us - self._moved_us[row] >= SETTLED_S * US
            for scope, units in zip(self._scopes, q[row].tolist(), strict=True):
                yield Promised(now_us, gtin, scope, units, settled)

    def _chances(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the probability of each item in each scope, shape [n, scopes]."""
        where = self._tracker.probabilities(items).astype(np.float64)
        anywhere = where[:, self._sellable].sum(axis=1, keepdims=True)
        return np.hstack((where[:, : len(self._scopes) - 1], anywhere))
