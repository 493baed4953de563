"""The usable reads of one window, as the engine's parts take them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Heard(NamedTuple):
    """Reads of one window, shape [n] each: one for each item and antenna, ordered by item, then antenna."""

    row: NDArray[np.int64]
    antenna: NDArray[np.int64]
    rssi_dbm: NDArray[np.float64]
    peak_dbm: NDArray[np.float64]
    last_us: NDArray[np.int64]

    def only(self, mine: NDArray[np.bool_]) -> "Heard":
        """Return some of the reads."""
        return Heard(self.row[mine], self.antenna[mine], self.rssi_dbm[mine], self.peak_dbm[mine], self.last_us[mine])


class Moment(NamedTuple):
    """One window for the items that are watched: its end, its new seconds, the weight of missed looks [m, a]."""

    now_us: int
    seconds: float
    missed: NDArray[np.float32]
