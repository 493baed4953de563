"""One second of reads to a `Window`: one observation for each item and antenna, as the edge makes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.presence.tracker import Window
from gateway.replay.instant import US
from gateway.replay.reads import Reads


class Windows:
    """Makes the windows of one site. `duplicates` counts reads that stood in the file twice and are taken once."""

    def __init__(self, antennas: Sequence[tuple[str, int]]) -> None:
        self._antennas = tuple(antennas)
        self._tables: dict[bytes, tuple[tuple[str, int], ...]] = {}
        self.duplicates = 0

    def window(self, second: int, reads: Reads, item: NDArray[np.int32], inventory_ms: NDArray[np.int32]) -> Window:
        """Return the window of `second` (since the epoch).

        `reads`: of known antennas and items only, by time; `item`: their item numbers, shape [n]; `inventory_ms`: per
        antenna of the site, below 0 where the device is not looking: such antennas are left out.
        """
        shown = inventory_ms >= 0
        place = (np.cumsum(shown) - 1).astype(np.int32)
        key = item.astype(np.int64) * max(1, len(self._antennas)) + reads.antenna
        order = np.argsort(key, kind="stable")
        key, rssi, at_us = key[order], reads.rssi_cdbm[order], reads.at_us[order]
        single = self._single(key, at_us)
        if len(single) < len(key):  # of two the stronger, so that the order of rows means nothing
            order, key, at_us, rssi = order[single], key[single], at_us[single], np.maximum.reduceat(rssi, single)
        start = np.flatnonzero(np.diff(key, prepend=-1))
        count = np.diff(start, append=len(key)).astype(np.int32)
        some = len(start) > 0
        total = np.add.reduceat(rssi.astype(np.int64), start) if some else np.zeros(0, np.int64)
        first = order[start]
        last = start + count - 1
        return Window(
            start_us=second * US,
            end_us=(second + 1) * US,
            antennas=self._table(shown),
            inventory_ms=inventory_ms[shown],
            item=item[first].astype(np.int32),
            antenna=place[reads.antenna[first]],
            count=count,
            rssi_peak_cdbm=np.maximum.reduceat(rssi, start) if some else rssi,
            rssi_mean_cdbm=np.rint(total / count).astype(np.int32),
            first_us=at_us[start],
            last_us=at_us[last],
        )

    def _single(self, key: NDArray[np.int64], at_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the sorted reads are not the one before once more."""
        single = np.ones(len(key), bool)
        single[1:] = (np.diff(key) != 0) | (np.diff(at_us) != 0)
        self.duplicates += int(len(key) - single.sum())
        return np.flatnonzero(single)

    def _table(self, shown: NDArray[np.bool_]) -> tuple[tuple[str, int], ...]:
        """The antennas in the window: the very same tuple as long as the same devices are looking."""
        which = shown.tobytes()
        table = self._tables.get(which)
        if table is None:
            if len(self._tables) > 1_000:  # devices that come and go in ever new sets
                self._tables.clear()
            table = self._tables[which] = tuple(self._antennas[i] for i in np.flatnonzero(shown).tolist())
        return table
