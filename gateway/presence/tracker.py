"""What a tracker is told and what it answers: the seam between the fold and any presence engine.

A tracker is a deterministic state machine without IO, clock or randomness: the same windows and ticks in the same
order give the same changes and the same snapshot, byte for byte. Items are small integers that the fold hands out
(0, 1, 2 ...); zones are names of the site file, with `counts_as` applied, or `OUT`.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SnapshotError(ValueError):
    """A snapshot that this tracker did not write."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One edge window, resolved: what each antenna looked at, and the items that it saw.

    Per antenna (shape [a]): `antennas` (device, port), `inventory_ms`. Per observation (shape [n]): `item`, `antenna`
    (index into `antennas`), `count` of reads, RSSI in 0.01 dBm, first and last read in UTC microseconds.
    """

    start_us: int
    end_us: int
    antennas: tuple[tuple[str, int], ...]
    inventory_ms: NDArray[np.int32]
    item: NDArray[np.int32]
    antenna: NDArray[np.int32]
    count: NDArray[np.int32]
    rssi_peak_cdbm: NDArray[np.int32]
    rssi_mean_cdbm: NDArray[np.int32]
    first_us: NDArray[np.int64]
    last_us: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A decision: the item is no longer in `from_zone` but in `to_zone`.

    `first_read_us` is the first read that speaks for the new zone, `decided_us` the read (or, for a departure, the end
    of the silence) that made the tracker decide; the difference is the tracker's own decision time.
    """

    item: int
    from_zone: str
    to_zone: str
    happened_us: int
    first_read_us: int
    decided_us: int
    probability: float | None
    cause: str


class Tracker(Protocol):
    """A presence engine as the fold sees it."""

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take one edge window; return what it decides, ordered by item."""
        ...

    def tick(self, now_us: int) -> list[ZoneChange]:
        """Let time pass to `now_us` (the gateway's logged time); return what that decides."""
        ...

    def blind_zones(self) -> frozenset[str]:
        """Return the zones that have antennas of which none is looking."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state; equal states give equal bytes."""
        ...
