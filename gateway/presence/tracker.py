"""What a tracker is told and what it answers: the seam between the fold and any presence engine.

A tracker is a deterministic state machine without IO, clock or randomness: the same windows and ticks in the same
order give the same changes and the same snapshot, byte for byte. Items are small integers that the fold hands out
(0, 1, 2 ...); zones are names of the site file, with `counts_as` applied, or `OUT`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SnapshotError(ValueError):
    """A snapshot that this tracker did not write."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One edge window, resolved: what each antenna looked at, and the items that it saw.

    Per antenna (shape [a]): `antennas` (device, port), `inventory_ms`. Per observation (shape [n]): `item`, `antenna`
    (index into `antennas`), `count` of reads, RSSI in 0.01 dBm, first and last read in UTC microseconds. `settings`
    tells of antennas (index) whose Gen2 session or target was said in this window.
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
    settings: tuple["Inventory", ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """How an antenna (index into the window's `antennas`) inventories from now on; None: not known.

    With session 2 or 3 and a single target a tag answers once and is silent for as long as it is powered.
    """

    antenna: int
    session: int | None
    single_target: bool | None


class EvidenceKind(StrEnum):
    """What speaks for an item's place besides reads."""

    SALE = "sale"
    RECEIPT = "receipt"
    RETURN = "return"
    COUNT = "count"
    PLACE = "place"
    """A person says where the items are (`OUT`: gone)."""
    MISS = "miss"
    """A person looked for the items in the zone where they should be, and did not find them."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Hard evidence, at `at_us`: about `items` that were named, or about `quantity` units of `gtin`, whichever they be.

    `zone`: where (a receipt or return without one: the engine's own choice by zone kind; a sale needs none).
    `coverage`: of a count, the share of the zone's tags that such a sweep sees; items that it did not see are the less
    likely there. `gtin` alone is allowed for a sale only.
    """

    kind: EvidenceKind
    at_us: int
    items: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    gtin: str = ""
    quantity: int = 0
    zone: str = ""
    coverage: float = 1.0


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

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that items can be in, `counts_as` applied, without `OUT`."""
        ...

    def meet(self, gtins: Sequence[str]) -> None:
        """Say what the next items are: their numbers follow on from those met before.

        Every item is met before the first window or evidence that has it. The GTIN (14 digits, or empty when the tag
        says none) groups items of one SKU.
        """
        ...

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take one edge window; return what it decides, ordered by item."""
        ...

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        """Take hard evidence; return what it decides, ordered by item."""
        ...

    def tick(self, now_us: int) -> list[ZoneChange]:
        """Let time pass to `now_us` (the gateway's logged time); return what that decides."""
        ...

    def blind_zones(self) -> frozenset[str]:
        """Return the zones that have antennas of which none is looking."""
        ...

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return where each item is, shape [n, zones + 1]: rows sum to one, the last column is `OUT`."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state; equal states give equal bytes."""
        ...
