"""The observation window: many tag reads in, one observation for each tag and antenna out.

A window is a span of the *host's* time of receipt, so that it closes on time whatever the readers' clocks say. The
reads inside keep their own times: a report that a reader held back while it was cut off has a `first` far before the
window's start, never a false "now". An antenna that saw nothing still stands in the table with the time it looked.

Pure: `add` and `close` are told the time. Bounded: `close` splits what is over the limits of a batch.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from wire.limits import (
    BATCH_MAX_ANTENNAS,
    BATCH_MAX_OBSERVATIONS,
    COUNT_MAX,
    RSSI_MAX_CDBM,
    RSSI_MIN_CDBM,
    WINDOW_MAX_MS,
)
from wire.messages import AntennaLook, DeviceClock, ReadBatch, read_batch
from wire.observations import GHOST, Observations

_I32: Final = 2**31 - 1
GHOST_READS: Final = 2
"""A tag that was read at most this often in a window may be a phantom of a lucky CRC."""


class TagRead(NamedTuple):
    """One read as a driver hands it over: times in UTC microseconds on the host's clock, RSSI in 0.01 dBm."""

    port: int
    epc: bytes
    epc_bits: int
    rssi_cdbm: int
    first_us: int
    last_us: int
    reads: int


@dataclass(slots=True)
class _Sum:
    count: int
    peak: int
    weighted: int
    first_us: int
    last_us: int


@dataclass(slots=True)
class ObservationWindow:
    """Collects the reads of one edge from `start_us` (UTC) on; `close` gives the batches and begins the next window."""

    site: str
    edge: str
    start_us: int
    _sums: dict[tuple[str, int, bytes, int], _Sum] = field(default_factory=dict)
    clipped: int = 0

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, device: str, reads: list[TagRead]) -> None:
        """Merge reads of one device into the window."""
        sums = self._sums
        for port, epc, bits, rssi, first_us, last_us, count in reads:
            key = (device, port, epc, bits)
            found = sums.get(key)
            if found is None:
                sums[key] = _Sum(count, rssi, rssi * count, first_us, last_us)
                continue
            found.count += count
            found.weighted += rssi * count
            # Comparisons, not min and max: this runs for every read.
            found.peak = max(found.peak, rssi)
            found.first_us = min(found.first_us, first_us)
            found.last_us = max(found.last_us, last_us)

    def close(
        self, end_us: int, looks: tuple[AntennaLook, ...], clocks: tuple[DeviceClock, ...] = ()
    ) -> list[ReadBatch]:
        """End the window at `end_us` and return its batches, at least one: an empty window says what was looked at."""
        # A host that slept, or whose clock was set, must not build a window that the gateway would refuse.
        start_us, sums = min(max(self.start_us, end_us - WINDOW_MAX_MS * 1_000), end_us), self._sums
        self.start_us, self._sums = end_us, {}
        window_ms = max(1, (end_us - start_us) // 1_000)
        table = {(look.device, look.port): look for look in looks}
        for device, port, _, _ in sums:
            table.setdefault((device, port), AntennaLook(device, port))
        batches = []
        antennas = list(table.values())
        for low in range(0, max(1, len(antennas)), BATCH_MAX_ANTENNAS):
            part = tuple(antennas[low : low + BATCH_MAX_ANTENNAS])
            index = {(look.device, look.port): i for i, look in enumerate(part)}
            devices = {look.device for look in part}
            part_clocks = tuple(clock for clock in clocks if clock.device in devices)
            rows = [(index[key[0], key[1]], key, value) for key, value in sums.items() if (key[0], key[1]) in index]
            # The looks of a window travel once: a second batch of the same antennas says 0 ms.
            for cut in range(0, max(1, len(rows)), BATCH_MAX_OBSERVATIONS):
                shown = part if cut == 0 else tuple(AntennaLook(look.device, look.port) for look in part)
                columns = self._columns(rows[cut : cut + BATCH_MAX_OBSERVATIONS], start_us, end_us)
                batches.append(
                    read_batch(
                        site=self.site,
                        edge=self.edge,
                        window_start_us=start_us,
                        window_ms=window_ms,
                        antennas=shown,
                        clocks=part_clocks,
                        columns=columns,
                    )
                )
        return batches

    def _columns(
        self, rows: list[tuple[int, tuple[str, int, bytes, int], _Sum]], start_us: int, end_us: int
    ) -> Observations:
        """Turn summed reads into columns; values that a column cannot hold are clipped and counted.

        So is a time after the window's end: nothing was read after it arrived, and one such time would make the
        gateway refuse the whole window.
        """
        latest = (end_us - start_us) // 1_000
        first = [(value.first_us - start_us) // 1_000 for _, _, value in rows]
        last = [(value.last_us - start_us) // 1_000 for _, _, value in rows]
        peak = [value.peak for _, _, value in rows]
        mean = [round(value.weighted / value.count) for _, _, value in rows]
        count = [value.count for _, _, value in rows]
        ghost = [GHOST if value.count <= GHOST_READS else 0 for _, _, value in rows]
        self.clipped += sum(begin < -_I32 or end > latest for begin, end in zip(first, last, strict=True))
        self.clipped += sum(reads > COUNT_MAX for reads in count)
        self.clipped += sum(not RSSI_MIN_CDBM <= rssi <= RSSI_MAX_CDBM for rssi in peak)
        return Observations(
            antenna=np.array([row[0] for row in rows], "u1"),
            epc_bits=np.array([key[3] for _, key, _ in rows], "<u2"),
            epc=b"".join(key[2] for _, key, _ in rows),
            count=np.minimum(count, COUNT_MAX).astype("<u2"),
            rssi_peak=np.clip(peak, RSSI_MIN_CDBM, RSSI_MAX_CDBM).astype("<i2"),
            rssi_mean=np.clip(mean, RSSI_MIN_CDBM, RSSI_MAX_CDBM).astype("<i2"),
            first=np.clip(first, -_I32, latest).astype("<i4"),
            last=np.clip(last, -_I32, latest).astype("<i4"),
            flags=np.array(ghost, "u1"),
        )
