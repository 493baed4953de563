"""The usable reads of a window: by known antennas, on time, each said once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.fingerprint import SLOTS
from gateway.presence.heard import Heard
from gateway.presence.tiers import Tiers
from gateway.presence.tracker import Window

LATE_US: Final = 2_000_000
"""Edges of one site are that much apart; evidence older than an item's newest by more is history."""


def usable_reads(
    window: Window, index: NDArray[np.int64], repeated: NDArray[np.bool_], tiers: Tiers
) -> tuple[Heard, int]:
    """Return the window's reads by known antennas that are not history (`row`: items), and how many were too late.

    `index` [a]: the antennas' numbers, -1 for unknown ones. `repeated` antennas [all] told of a later window already:
    what they say of an item has to be new.
    """
    antenna = index[window.antenna] if len(window.antenna) else np.zeros(0, np.int64)
    item = window.item.astype(np.int64)
    last_us = window.last_us
    seen_us, told_us, strict = tiers.heard_of(item)
    if len(repeated):
        strict |= repeated[antenna]
    newest_us = np.maximum(seen_us - np.where(strict, 0, LATE_US), told_us)
    on_time = (antenna >= 0) & np.where(strict, last_us > newest_us, last_us >= newest_us)
    late = int(((antenna >= 0) & ~on_time).sum())
    rows = np.flatnonzero(on_time)
    pair = item[rows] * len(repeated) + antenna[rows]
    tell = -window.rssi_peak_cdbm[rows], -window.rssi_mean_cdbm[rows], -last_us[rows], pair
    order = np.lexsort(tell)
    rows = rows[order[np.flatnonzero(np.diff(pair[order], prepend=-1))]]
    if len(rows) > SLOTS:
        rows = rows[_loudest(item[rows], window.rssi_mean_cdbm[rows])]
    heard = Heard(
        item[rows],
        antenna[rows],
        window.rssi_mean_cdbm[rows] / 100.0,
        window.rssi_peak_cdbm[rows] / 100.0,
        last_us[rows],
    )
    return heard, late


def _loudest(item: NDArray[np.int64], rssi: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return which reads to keep, in order: of each item (ordered) the loudest `SLOTS`."""
    first = np.searchsorted(item, item)
    if (np.arange(len(item)) - first < SLOTS).all():
        return np.arange(len(item))
    order = np.lexsort((np.arange(len(item)), -rssi, item))
    rank = np.arange(len(item)) - first
    return np.sort(order[rank < SLOTS])
