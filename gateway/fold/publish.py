"""Which probabilities enter the rows of items, and when: only when they cross a band.

A tracker's probabilities move a little with every read; a row for each of these moves would be the most expensive thing
that the gateway does, and nobody could tell the difference. So an item's row is written anew when the probability of
its place, or that of being in a sellable zone, crosses one of `EDGES`; and with each of its movements. Looked at are,
every five seconds of logged time, items that were read meanwhile, and in turn all others: time alone changes what is
known, too. All of it follows from the log: the same log publishes the same numbers at the same entries.

Nothing is published of a tracker that gave no movement a probability.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from gateway.availability import sellable_zones
from gateway.fold.limits import (
    REFRESH_TOUCHED_MAX,
    REFRESH_TURN,
    REFRESH_TURN_MAX,
    REFRESH_TURN_MIN,
    REFRESH_US,
)
from gateway.fold.outputs import Chance
from gateway.fold.state import NEVER, FoldState
from gateway.presence.tracker import Tracker
from wire.site import OUT

EDGES: Final = (0.5, 0.8, 0.9, 0.95, 0.99)
_BITS: Final = 3
"""Six bands fit three bits; the band of the place and that of being sellable share a byte."""


class Publisher:
    """Publishes the probabilities of one site's items, by one description of the site."""

    def __init__(self, state: FoldState, tracker: Tracker) -> None:
        self._state = state
        self._tracker = tracker
        self._column = {zone: column for column, zone in enumerate(tracker.zones)} | {OUT: len(tracker.zones)}
        self._sellable = sellable_zones(state.site) if state.site is not None else frozenset()
        self._can_sell = np.array([zone in self._sellable for zone in tracker.zones] + [False])

    def due(self) -> bool:
        """Whether five seconds of logged time went by since the last look."""
        return self._state.says_probability and self._state.now_us - self._state.refreshed_us >= REFRESH_US

    def refresh(self) -> dict[int, Chance]:
        """Look at the items that are due; return the probabilities of each whose band changed."""
        self._state.refreshed_us = self._state.now_us
        return self.publish(sorted({*self._take_touched(), *self._take_turn()}))

    def publish(self, numbers: Iterable[int], *, anyhow: bool = False) -> dict[int, Chance]:
        """Look at these items; return the probabilities of each whose band changed (`anyhow`: of each)."""
        state = self._state
        placed = [number for number in numbers if state.places[number] != NEVER]
        if not placed or not state.says_probability:
            return {}
        chances = self._tracker.probabilities(np.array(placed, np.int32)).astype(np.float64)
        columns = np.array([self._column.get(state.places[number], -1) for number in placed])
        here = np.where(columns >= 0, chances[np.arange(len(placed)), columns], 0.0)
        sellable = np.clip(chances @ self._can_sell, 0.0, 1.0)
        bands = np.digitize(here, EDGES) | (np.digitize(sellable, EDGES) << _BITS)
        published = {}
        rows = zip(placed, bands.tolist(), np.clip(here, 0.0, 1.0).tolist(), sellable.tolist(), strict=True)
        for number, band, probability, can_sell in rows:
            if anyhow or band != state.bands[number]:
                state.bands[number] = band
                published[number] = Chance(probability, can_sell)
        return published

    def publish_all(self) -> dict[int, Chance]:
        """Publish the probabilities of all items: what can be sold is another matter by a new description."""
        return self.publish(range(len(self._state.items)), anyhow=True)

    def _take_touched(self) -> list[int]:
        """Take items that were read, the next ones from where the last look ended."""
        state = self._state
        waiting = sorted(state.touched)
        if len(waiting) > REFRESH_TOUCHED_MAX:
            begin = int(np.searchsorted(waiting, state.turn))
            waiting = (waiting[begin:] + waiting[:begin])[:REFRESH_TOUCHED_MAX]
        state.touched.difference_update(waiting)
        return waiting

    def _take_turn(self) -> list[int]:
        """Take the items whose turn it is."""
        state = self._state
        items = len(state.items)
        step = min(max(-(-items // REFRESH_TURN), REFRESH_TURN_MIN), REFRESH_TURN_MAX)
        if state.turn >= items:
            state.turn = 0
        begin, state.turn = state.turn, state.turn + step
        return [n for n in range(begin, min(state.turn, items)) if state.places[n] not in {NEVER, OUT}]
