"""The figures of accuracy that follow from the fold's state alone, once a minute of logged time."""

from collections.abc import Callable
from typing import Final

import numpy as np

from gateway.accuracy import figures
from gateway.accuracy.figures import Figure
from gateway.fold.cycle_count import ELSEWHERE, MATCHED, NEW, UNSEEN
from gateway.fold.state import NEVER, FoldState
from gateway.fold.witness import CountResult
from gateway.presence.tracker import Tracker
from wire.site import OUT

ITEMS_AT_ONCE: Final = 100_000
"""Items whose probabilities are asked for at once: 80 MB at a hundred zones."""


def measure(state: FoldState, tracker: Tracker) -> list[Figure]:
    """Return the figures of this instant; those about probabilities only of a tracker that gives any."""
    column = {zone: number for number, zone in enumerate(tracker.zones)}
    present = [number for number, place in enumerate(state.places) if place in column and place not in {NEVER, OUT}]
    place = np.array([column[state.places[number]] for number in present], np.int64)
    blind = tracker.blind_zones()
    found = {figures.BLIND_SHARE: figures.blind_share(place, np.array([zone in blind for zone in tracker.zones], bool))}
    if state.says_probability and present:
        items = np.array(present, np.int32)
        parts = [tracker.probabilities(items[low : low + ITEMS_AT_ONCE]) for low in range(0, len(items), ITEMS_AT_ONCE)]
        chances = np.concatenate(parts).astype(np.float64)
        found[figures.UNCERTAIN_ITEMS] = figures.uncertain_items(chances[np.arange(len(place)), place])
        _, sku = np.unique([state.items[number].gtin for number in present], return_inverse=True)
        found[figures.EXPECTED_COUNT_ERROR] = figures.expected_count_error(chances, place, sku.astype(np.int64))
    return [Figure(state.now_us, name, value) for name, value in found.items()]


def of_count(count: CountResult, gtin_of: Callable[[int], str]) -> list[Figure]:
    """Return the agreement of a cycle count, at its own time."""
    believed = [gtin_of(one.item) for one in count.findings if one.finding in {MATCHED, UNSEEN}]
    seen = [gtin_of(one.item) for one in count.findings if one.finding in {MATCHED, ELSEWHERE, NEW}]
    matched = sum(one.finding == MATCHED for one in count.findings)
    by_item, by_cell = figures.count_agreement(believed, seen, matched)
    return [
        Figure(count.at_us, figures.COUNT_ITEM_AGREEMENT, by_item),
        Figure(count.at_us, figures.COUNT_CELL_AGREEMENT, by_cell),
    ]
