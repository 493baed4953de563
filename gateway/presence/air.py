"""What the antennas tell about themselves: whether they look, how crowded it is, how many tags get through.

* A *look* is one window in which an antenna inventoried; its weight is the inventory time beside the antenna's usual
  one. Looks are counted in a ring, so that the looks since any instant of the last hours can be had again.
* *Crowd* is a common change of all reads of an antenna: people stand before it. The still goods are its reference tags.
* *Through* is the share of looks in which a strong tag gets through: air time is scarce where many tags answer.
* *Read sd* is the spread of the reads of still tags, learned.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.physics import Physics
from gateway.presence.tracker import SnapshotError

RING_STEP_US: Final = 5_000_000
RING: Final = 2_880
"""Four hours in steps of five seconds. A silence of more looks than that says nothing new."""

LOOK_LATE_US: Final = 600_000_000
"""A look that arrives so late tells of the past only: a backlog makes no zone live."""


class Air:
    """Per antenna (shape [a]) and device (shape [d]) running figures; deterministic, no clock."""

    def __init__(
        self, antennas: int, devices: int, device_of: NDArray[np.int32], exits: NDArray[np.bool_], physics: Physics
    ) -> None:
        self.device_of = device_of
        self.physics = physics
        self.unit_ms = np.zeros(antennas)
        self.looks = np.zeros(antennas)
        self.looked_end_us = np.zeros(antennas, np.int64)
        self.device_end_us = np.zeros(devices, np.int64)
        self.device_s = np.zeros(devices)
        self.crowd_db = np.zeros(antennas)
        self.through = np.full(antennas, 0.7)
        self.silent_target = np.zeros(antennas, bool)
        self.loud = exits.copy()
        self.dual = np.zeros(antennas, bool)
        self.logged_us = np.zeros(antennas, np.int64)
        self.read_var = np.array([physics.read_sd_db**2])
        self.ring = np.zeros((RING, antennas))
        self.ring_at = np.zeros(1, np.int64)

    def set_inventory(self, antenna: int, session: int | None, *, single_target: bool | None) -> None:
        """Say how an antenna inventories.

        In session 0 a tag answers every look, in session 2 or 3 with a single target only the first. A dual target
        asks for both flags: a tag that was read is found again.
        """
        if session is not None:
            self.loud[antenna] = session == 0
            self.dual[antenna] = session > 0 and single_target is False
            self.silent_target[antenna] = session >= 2 and bool(single_target)

    def look(
        self,
        antennas: NDArray[np.int64],
        inventory_ms: NDArray[np.int32],
        span: tuple[int, int],
        logged_us: int,
    ) -> NDArray[np.float64]:
        """Count one window's looks; return the weight of each antenna's look, shape [all antennas].

        `span` is the window's, UTC microseconds; one that ends before an antenna's newest tells of the past: its
        weight is 0. `logged_us` is the gateway's time at its receipt.
        """
        start_us, end_us = span
        weight = np.zeros(len(self.looks))
        fresh = (inventory_ms > 0) & (end_us > self.looked_end_us[antennas])
        rows, ms = antennas[fresh], inventory_ms[fresh].astype(float)
        if not len(rows):
            return weight
        unit = self.unit_ms[rows]
        self.unit_ms[rows] = np.where(unit > 0, unit + 0.05 * (ms - unit), ms)
        weight[rows] = np.minimum(ms / self.unit_ms[rows], 2.0)
        weight[self.silent_target] = 0.0
        self._fill_ring(end_us)
        self.looks += weight
        self.looked_end_us[rows] = end_us
        if end_us >= logged_us - LOOK_LATE_US:
            self.logged_us[rows] = np.maximum(logged_us, 1)
        telling = rows[~self.silent_target[rows]]
        for device in np.unique(self.device_of[telling]).tolist():
            since = max(int(self.device_end_us[device]), start_us)
            if end_us > since:
                self.device_s[device] += (end_us - since) / 1e6
                self.device_end_us[device] = end_us
        return weight

    def _fill_ring(self, end_us: int) -> None:
        """Note the looks before this window, once for each step of the ring."""
        step = end_us // RING_STEP_US
        last = int(self.ring_at[0])
        if step <= last:
            return
        if last == 0 or step - last >= RING:
            self.ring[:] = self.looks
        else:
            for at in range(last + 1, step + 1):
                self.ring[at % RING] = self.looks
        self.ring_at[0] = step

    def looks_since(self, since_us: NDArray[np.int64], antenna: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the looks of each antenna since its instant, at most the ring's hours; the two are broadcast."""
        newest = int(self.ring_at[0])
        step = np.clip(since_us // RING_STEP_US, newest - RING + 1, newest)
        return np.maximum(self.looks[antenna] - self.ring[step % RING, antenna], 0.0)

    def learn_spread(self, residual: NDArray[np.float64], reads: NDArray[np.float64]) -> None:
        """Take residuals of reads against mature fingerprints of `reads` reads each into the read variance."""
        if not len(residual):
            return
        share = min(len(residual) / 20_000.0, 0.05)
        squares = np.clip(residual**2 / (1 + 1 / reads), 0, 60)
        self.read_var[0] += share * (squares.mean() - self.read_var[0])

    def learn_crowd(self, antenna: NDArray[np.int64], residual: NDArray[np.float64]) -> None:
        """Take residuals of one window's reads against their fingerprints into the antennas' common loss."""
        size = len(self.crowd_db)
        count = np.bincount(antenna, minlength=size)
        total = np.bincount(antenna, np.clip(residual, -5, 5), minlength=size)
        step = np.where(count >= 3, total / np.maximum(count, 1) * np.minimum(count / 30, 0.5), 0)
        self.crowd_db += step

    def fade_crowd(self, seconds: float) -> None:
        """Let the common loss of the antennas fade."""
        self.crowd_db *= 0.998 ** min(seconds, 3_600.0)

    def learn_through(self, hits: NDArray[Any], looks: NDArray[Any], items: NDArray[Any]) -> None:
        """Take the hits and looks of still, strong items into the share that gets through; three make an opinion."""
        self.through = np.clip(np.where(items >= 3, hits / np.maximum(looks, 1), self.through), 0.15, 0.95)

    def dump(self) -> dict[str, bytes]:
        """Return the state as bytes by name."""
        return {name: getattr(self, name).tobytes() for name in _NAMES}

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Take what `dump` gave. Raises `SnapshotError` when something is missing or has another size."""
        for name in _NAMES:
            now = getattr(self, name)
            try:
                setattr(self, name, np.frombuffer(saved[name], now.dtype).reshape(now.shape).copy())
            except (KeyError, ValueError) as error:
                raise SnapshotError(f"antenna figures {name!r} of a snapshot: {error}") from error

    def carry_over(self, saved: Mapping[str, bytes], antenna: NDArray[np.int64], device: NDArray[np.int64]) -> None:
        """Take what `dump` of other antennas gave; `antenna` and `device`: new numbers of the old ones, or -1."""
        old = Air(
            len(antenna), len(device), np.zeros(len(antenna), np.int32), np.zeros(len(antenna), bool), self.physics
        )
        old.load(saved)
        here, there = antenna[antenna >= 0], antenna >= 0
        for name in (
            "crowd_db",
            "dual",
            "logged_us",
            "looked_end_us",
            "looks",
            "loud",
            "silent_target",
            "through",
            "unit_ms",
        ):
            getattr(self, name)[here] = getattr(old, name)[there]
        self.ring[:, here] = old.ring[:, there]
        self.ring_at[:] = old.ring_at
        self.read_var[:] = old.read_var
        here, there = device[device >= 0], device >= 0
        for name in ("device_end_us", "device_s"):
            getattr(self, name)[here] = getattr(old, name)[there]


_NAMES: Final = (
    "crowd_db",
    "device_end_us",
    "device_s",
    "dual",
    "logged_us",
    "looked_end_us",
    "looks",
    "loud",
    "read_var",
    "ring",
    "ring_at",
    "silent_target",
    "through",
    "unit_ms",
)
