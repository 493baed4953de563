"""From tag reads to durable rows: check, filter, window, encode.

Every read that a driver hands over takes this way, on the event loop's thread: checked (a value that fits no column
is dropped and counted, never the whole window with it) -> foreign tags and sold goods dropped and counted -> the
observation window. The window closes once a second of host time, also when nothing was read, because a batch says
what was *looked at*; it closes early when it holds a whole batch. Device events travel with the next close. What a
device lost (overflow, undecodable) becomes a Gap row at once.

How an antenna inventories is said by its driver when it changes. A gateway that begins with a new stream (it was
restored, or the rows before were evicted) has not heard it: `say_settings_again` puts what was said last into the next
window.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from edge.antenna_witness import AntennaWitness
from edge.drivers.port import Driver, Host, What
from edge.limits import EARLY_CLOSE_OBSERVATIONS, EVENT_DETAIL_MAX_CHARS, EVENTS_PER_MESSAGE, EVENTS_WAITING_MAX
from edge.outbox import NewRow
from edge.sold import SoldTags
from edge.tag_filter import TagFilter, is_well_formed
from wire.errors import WireError
from wire.limits import BATCH_MAX_EVENTS, BODY_MAX_BYTES
from wire.messages import (
    AntennaLook,
    AntennaSettings,
    CountBatch,
    DeviceEvent,
    DeviceEvents,
    Gap,
    ReadBatch,
    Scan,
    ScanBatch,
    encode_durable,
)
from wire.site import Site
from wire.window import ObservationWindow, TagRead

_GAPS: Final[dict[str, str]] = {What.READER_OVERFLOW: "reader_overflow", What.UNDECODABLE: "undecodable"}
_PLUGS: Final = frozenset({What.ANTENNA_UP, What.ANTENNA_DOWN})


@dataclass(slots=True)
class PipelineFigures:
    """Counted since the start."""

    reads: int = 0
    observations: int = 0
    windows: int = 0
    foreign_reads: int = 0
    sold_reads: int = 0
    malformed_reads: int = 0
    clipped: int = 0
    """Times, counts and signal strengths that their column could not hold."""
    events: int = 0
    events_dropped: int = 0
    gaps: int = 0
    broken_windows: int = 0
    scans: int = 0
    count_parts: int = 0


class Pipeline:
    """The pipeline of one edge. `offer` takes the encoded rows; `drivers` are asked what they looked at."""

    def __init__(
        self,
        site: Site,
        edge: str,
        drivers: Mapping[str, Driver],
        host: Host,
        *,
        offer: Callable[[NewRow], None],
        log: Any,
    ) -> None:
        self.sold = SoldTags()
        self._site, self._edge = site.id, edge
        self._drivers = drivers
        self._host = host
        self._offer = offer
        self._log = log
        self._filter = TagFilter(site.company_prefixes)
        self._window = ObservationWindow(site.id, edge, host.wall_us())
        self._events: deque[DeviceEvent] = deque()
        self._counted = PipelineFigures()
        configured = [(one.id, antenna.port) for one in site.devices_of(edge) for antenna in one.antennas]
        self.witness = AntennaWitness(configured)
        self._settings: dict[tuple[str, int], AntennaSettings] = {}
        self._say_settings = False
        self._unplugged: list[tuple[str, int | None]] = []
        """Antennas that were pulled out in this window: what it read of them was read before."""

    @property
    def figures(self) -> PipelineFigures:
        """What was counted."""
        self._counted.foreign_reads = self._filter.foreign_reads
        self._counted.clipped = self._window.clipped
        return self._counted

    def on_reads(self, device: str, reads: list[TagRead]) -> None:
        """Take the reads of one device."""
        counted = self._counted
        counted.reads += len(reads)
        good = [read for read in reads if is_well_formed(read)]
        counted.malformed_reads += len(reads) - len(good)
        ours = self._filter.ours(device, good)
        if len(self.sold):
            kept = self.sold.without_sold(ours, self._host.monotonic_s())
            counted.sold_reads += len(ours) - len(kept)
            ours = kept
        self._window.add(device, ours)
        if len(self._window) >= EARLY_CLOSE_OBSERVATIONS:
            self.close()

    def on_event(self, event: DeviceEvent) -> None:
        """Take an event of a device; losses become a Gap row at once."""
        self._counted.events += 1
        cause = _GAPS.get(event.what)
        if cause is not None:
            self._say_gap(cause, event)
        if event.what in _PLUGS:
            self._take_plug(event.device, event.port, plugged=event.what == What.ANTENNA_UP)
        if len(self._events) >= EVENTS_WAITING_MAX:
            self._counted.events_dropped += 1
            return
        detail = event.detail[:EVENT_DETAIL_MAX_CHARS]
        self._events.append(msgspec.structs.replace(event, detail=detail))

    def on_scans(self, scans: Sequence[Scan]) -> None:
        """Take barcodes of a shelf scanner; as many as it likes, a message holds `BATCH_MAX_EVENTS`."""
        self._counted.scans += len(scans)
        for low in range(0, len(scans), BATCH_MAX_EVENTS):
            self._offer_scans(tuple(scans[low : low + BATCH_MAX_EVENTS]))

    def on_count(self, part: CountBatch) -> None:
        """Take a part of a cycle count; one that is too long for a message goes as several, the end with the last."""
        body = encode_durable(part)
        if len(body) > BODY_MAX_BYTES and len(part.epcs) > 1:
            half = len(part.epcs) // 2
            self.on_count(msgspec.structs.replace(part, epcs=part.epcs[:half], ended_us=None))
            self.on_count(msgspec.structs.replace(part, epcs=part.epcs[half:]))
            return
        self._counted.count_parts += 1
        self._offer(NewRow(body))

    def close(self) -> None:
        """End the window now: its batches and the events that gathered become rows."""
        now_us = self._host.wall_us()
        looks = self._looks(self._host.monotonic_s())
        clocks = tuple(driver.clock() for driver in self._drivers.values())
        self._counted.windows += 1
        from_us = self._window.start_us
        try:
            batches = self._window.close(now_us, looks, clocks)
        except WireError as error:  # our bug: the reads were checked. One window is lost, and said
            self._counted.broken_windows += 1
            self._log.error("window_broken", reason=str(error))
            self._offer_gap("undecodable", from_us, now_us, None, f"window could not be encoded: {error}")
            self.say_settings_again()  # they may have stood in it
            batches = []
        for batch in batches:
            self._offer_batch(batch)
            self._witness(batch)
        for antenna in self._unplugged:
            self.witness.plugged(*antenna, plugged=False)
        self._unplugged.clear()
        self._offer_events()

    def say_settings_again(self) -> None:
        """Say in the next window how every antenna inventories, as far as its driver said so."""
        self._say_settings = True

    # -- inside

    def _looks(self, now_s: float) -> tuple[AntennaLook, ...]:
        """What every antenna looked at, with the foreign tags that it saw."""
        foreign = self._filter.take_counts()
        looks = []
        for driver in self._drivers.values():
            for look in driver.looked(now_s):
                count = foreign.pop((look.device, look.port), 0)
                settings = self._said(look)
                if count or settings is not look.settings:
                    looks.append(msgspec.structs.replace(look, foreign=count, settings=settings))
                else:
                    looks.append(look)
        self._say_settings = False
        looks += [AntennaLook(device, port, foreign=count) for (device, port), count in foreign.items()]
        return tuple(looks)

    def _take_plug(self, device: str, port: int | None, *, plugged: bool) -> None:
        antenna = device, port
        self._unplugged = [one for one in self._unplugged if one != antenna] + ([] if plugged else [antenna])
        self.witness.plugged(device, port, plugged=plugged)

    def _offer_scans(self, scans: tuple[Scan, ...]) -> None:
        body = encode_durable(ScanBatch(site=self._site, edge=self._edge, scans=scans))
        if len(body) > BODY_MAX_BYTES and len(scans) > 1:  # long texts: QR codes of a kilobyte
            self._offer_scans(scans[: len(scans) // 2])
            self._offer_scans(scans[len(scans) // 2 :])
            return
        self._offer(NewRow(body))

    def _said(self, look: AntennaLook) -> AntennaSettings | None:
        """Remember what an antenna's driver said of its settings; give that back where it is to be said again."""
        antenna = look.device, look.port
        if look.settings is not None:
            self._settings[antenna] = look.settings
        elif self._say_settings:
            return self._settings.get(antenna)
        return look.settings

    def _witness(self, batch: ReadBatch) -> None:
        """Tell the witness what each antenna read; a foreign tag is a read as good as any, and counted once."""
        reads = np.bincount(
            np.frombuffer(batch.antenna, "u1"), np.frombuffer(batch.count, "<u2"), minlength=len(batch.antennas)
        )
        for look, own in zip(batch.antennas, reads.tolist(), strict=True):
            if own or look.foreign or look.inventory_ms:
                self.witness.take(look.device, look.port, int(own) + look.foreign, look.inventory_ms)

    def _offer_batch(self, batch: ReadBatch) -> None:
        observations = len(batch.antenna)  # one byte each
        self._counted.observations += observations
        self._offer(NewRow(encode_durable(batch), observations))

    def _offer_events(self) -> None:
        while self._events:
            part = tuple(self._events.popleft() for _ in range(min(len(self._events), EVENTS_PER_MESSAGE)))
            self._offer(NewRow(encode_durable(DeviceEvents(site=self._site, edge=self._edge, events=part))))

    def _say_gap(self, cause: str, event: DeviceEvent) -> None:
        start_us, end_us = sorted((max(0, self._window.start_us), event.at_us))
        self._offer_gap(cause, start_us, end_us, event.device, event.detail)

    def _offer_gap(self, cause: str, from_us: int, to_us: int, device: str | None, detail: str) -> None:
        self._counted.gaps += 1
        gap = Gap(
            site=self._site,
            edge=self._edge,
            cause=cause,  # type: ignore[arg-type]  # from the table above
            from_us=max(0, from_us),
            to_us=max(0, to_us),
            device=device,
            detail=detail[:EVENT_DETAIL_MAX_CHARS],
        )
        self._offer(NewRow(encode_durable(gap), is_gap=True))
