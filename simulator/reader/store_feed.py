"""Lets a simulated store be seen through its readers: one second of life, in slices, at the pace of the clock.

Theory of operation. Second t of the store lies between `start + t` and `start + t + 1` of the clock. It is computed
when it begins, with what the readers inventory at that moment, and handed over in slices: at the end of each slice the
reads that fell into it, stamped with their own time, so that a read is never later than one slice. A reader takes
only what its running AISpec asks for. A level's reader outages cut the reader's network, so that its client has to
come back. When the host is too slow, slices come late and are counted; no second is ever left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from simulator.looking import Looking as StoreLooking
from simulator.reader.clock import SECOND_US
from simulator.reader.sighting import Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.air import Reads
    from simulator.reader.clock import Clock
    from simulator.reader.server import ReaderServer
    from simulator.reader.sighting import Looking
    from simulator.store import Store

SLICES_MIN: Final = 1
SLICES_MAX: Final = 100
"""More than a hundred wake-ups a second buy nothing: a report takes a few milliseconds anyway."""

LATE_US: Final = 250_000
"""A slice that is handed over this much too late counts as late: a quarter of the demo's budget of a second."""

CHANNEL_DWELL_US: Final = 200_000
"""A reader stays on one channel at most 0.4 s (FCC 15.247), usually half of that."""

OnFed: TypeAlias = "Callable[[str, Sequence[Sighting], int], None]"
"""Called with device, the sightings that were handed to it, and when (UTC microseconds)."""

OnSecond: TypeAlias = "Callable[[int], None]"
"""Called after each `Store.step`, with its second."""


@dataclass(slots=True)
class FeedCounters:
    """What the feed has done. `behind_us_max`: the largest delay of a slice."""

    seconds: int = 0
    slices: int = 0
    late_slices: int = 0
    behind_us_max: int = 0
    reads: int = 0
    fed: int = 0
    outages: int = 0


class StoreFeed:
    """Feeds the readers of a site from a store.

    Args:
        store: is stepped from its next second on.
        readers: servers by device id; devices without one read nothing.
        clock: paces the store and stamps the reads.
        slices_per_s: 1 to 100.
        with_power: let the transmit power of the ROSpecs decide; False keeps that of the site file.
        on_fed, on_second: see `OnFed`, `OnSecond`.

    Raises:
        ValueError: `slices_per_s` out of range.
    """

    def __init__(
        self,
        store: Store,
        readers: Mapping[str, ReaderServer],
        clock: Clock,
        *,
        slices_per_s: int = 8,
        with_power: bool = True,
        on_fed: OnFed | None = None,
        on_second: OnSecond | None = None,
    ) -> None:
        if not SLICES_MIN <= slices_per_s <= SLICES_MAX:
            raise ValueError(f"slices_per_s {slices_per_s}, expected {SLICES_MIN} to {SLICES_MAX}")
        self.counters = FeedCounters()
        self._store = store
        self._readers = readers
        self._clock = clock
        self._slices = slices_per_s
        self._with_power = with_power
        self._on_fed = on_fed
        self._on_second = on_second
        self._antennas = [(antenna.device, antenna.port) for antenna in store.antennas]
        self._epcs = [store.epcs[tag].tobytes() for tag in range(store.tags)]
        self._told: dict[str, Looking | None] = {}
        self._out: set[str] = set()

    async def run(self, seconds: int | None = None) -> None:
        """Run until cancelled, or for some seconds of the store."""
        first_s = self._store.next_s
        start_us = self._clock.now_us() - first_s * SECOND_US
        t_s = first_s
        while seconds is None or t_s < first_s + seconds:
            await self._second(t_s, start_us + t_s * SECOND_US)
            t_s += 1

    async def _second(self, t_s: int, begin_us: int) -> None:
        await self._sleep_until(begin_us)
        await self._play_outages(t_s)
        self._tell_looking()
        reads = self._store.step(t_s)
        self.counters.seconds += 1
        self.counters.reads += len(reads)
        if self._on_second is not None:
            self._on_second(t_s)
        sightings = self._sightings(reads, begin_us)
        edges = np.arange(1, self._slices + 1, dtype=np.int64) * SECOND_US // self._slices
        bounds = np.searchsorted(reads.offset_us, edges)
        low = 0
        for edge_us, high in zip(edges.tolist(), bounds.tolist(), strict=True):
            await self._sleep_until(begin_us + edge_us)
            now_us = self._clock.now_us()
            self._note_delay(now_us - begin_us - edge_us)
            self._feed(sightings[low:high], now_us)
            low = high

    async def _sleep_until(self, due_us: int) -> None:
        await asyncio.sleep(self._clock.delay_s(due_us))

    def _note_delay(self, behind_us: int) -> None:
        counters = self.counters
        counters.slices += 1
        counters.late_slices += behind_us > LATE_US
        counters.behind_us_max = max(counters.behind_us_max, behind_us)

    # -- store to readers

    def _sightings(self, reads: Reads, begin_us: int) -> list[tuple[str, Sighting]]:
        """Return (device, sighting) in order of time."""
        found: list[tuple[str, Sighting]] = []
        columns = (reads.item.tolist(), reads.antenna.tolist(), reads.rssi_cdbm.tolist(), reads.offset_us.tolist())
        for tag, antenna, rssi_cdbm, offset_us in zip(*columns, strict=True):
            device, port = self._antennas[antenna]
            epc, time_us = self._epcs[tag], begin_us + offset_us
            channels = self._channels(device)
            channel = (time_us // CHANNEL_DWELL_US * 7 + port) % channels + 1
            found.append((device, Sighting(epc, len(epc) * 8, port, rssi_cdbm, time_us, channel)))
        return found

    def _channels(self, device: str) -> int:
        reader = self._readers.get(device)
        tables = reader.persona.hop_tables if reader is not None else []
        return len(tables[0][1]) if tables else 1

    def _feed(self, sightings: Sequence[tuple[str, Sighting]], now_us: int) -> None:
        by_device: dict[str, list[Sighting]] = {}
        for device, sighting in sightings:
            by_device.setdefault(device, []).append(sighting)
        for device, seen in by_device.items():
            reader = self._readers.get(device)
            looking = reader.looking if reader is not None else None
            if reader is None or looking is None:
                continue
            asked = [sighting for sighting in seen if sighting.antenna in looking.ports]
            if asked:
                self.counters.fed += len(asked)
                reader.feed(asked)
                if self._on_fed is not None:
                    self._on_fed(device, asked, now_us)

    # -- readers to store

    def _tell_looking(self) -> None:
        """Tell the store what each reader inventories, where that has changed."""
        for device in dict.fromkeys(device for device, _ in self._antennas):
            reader = self._readers.get(device)
            looking = reader.looking if reader is not None else None
            if device not in self._told or self._told[device] != looking:
                self._told[device] = looking
                self._store.set_looking(device, self._in_store(device, looking))

    def _in_store(self, device: str, looking: Looking | None) -> StoreLooking | None:
        """Translate; ports that the site file does not know look at nothing."""
        known = {port for name, port in self._antennas if name == device}
        ports = tuple(sorted(known & looking.ports)) if looking is not None else ()
        if looking is None or not ports:
            return None
        powers = {port: cdbm / 100 for port, cdbm in looking.power_cdbm if port in ports}
        return StoreLooking(
            ports=ports,
            session=looking.session,
            dual_target=looking.dual_target,
            power_dbm=powers if self._with_power else {},
        )

    async def _play_outages(self, t_s: int) -> None:
        """Cut and mend the network of readers as the level says."""
        for device, reader in self._readers.items():
            is_out = self._store.is_out(device, t_s)
            if is_out and device not in self._out:
                self._out.add(device)
                self.counters.outages += 1
                await reader.unplug()
            elif not is_out and device in self._out:
                self._out.discard(device)
                await reader.plug()
