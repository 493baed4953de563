"""Tag reads to a file instead of a gateway: NDJSON with `t, reader, antenna, epc, rssi_dbm`.

For site surveys, replay and tuning. Raw: nothing is filtered, merged or decoded. A reader's report that stands for
several reads gives its first and its last sighting, both real. `t` is ISO 8601 in UTC on the host's clock.

    {"t":"2026-11-22T05:45:00.123456+00:00","reader":"R1","antenna":1,"epc":"3034257BF7194E4000001A85","rssi_dbm":-54.5}

The event loop only gathers lines; once a second a thread writes and flushes them. A disk that is too slow costs reads,
bounded and counted. What is written is flushed to the file, and synced at the end.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Final

from edge.config import SiteOfEdge, choose_edge
from edge.drivers.port import Driver, Host, Sink, What
from edge.errors import ConfigError
from edge.limits import READS_FILE_FLUSH_S, READS_FILE_WAITING_MAX
from edge.log import get_log
from edge.service import build_drivers, system_host
from wire.messages import DeviceEvent
from wire.site import Site
from wire.window import TagRead

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class ReadsFileFigures:
    """Progress of a survey."""

    reads: int = 0
    lines: int = 0
    dropped_lines: int = 0
    events: int = 0
    not_reads: int = 0
    """Scans and counts: they have no place in a file of tag reads."""
    devices: int = 0
    devices_up: int = 0
    seconds: float = 0.0
    never_up: tuple[str, ...] = ()
    """Devices that have not been up yet, in the site file's order."""


class ReadsFile:
    """One NDJSON file. Raises `ConfigError` when it cannot be created, or is there and `append` is off."""

    def __init__(self, path: Path, *, append: bool = False) -> None:
        self.figures = ReadsFileFigures()
        self._waiting: list[str] = []
        if path.is_dir():
            raise ConfigError(f"{path} is a folder: name the file to write in it, such as {path / 'reads.ndjson'}")
        try:
            self._file: IO[str] = path.open("a" if append else "x", encoding="utf-8")
        except FileExistsError as error:
            raise ConfigError(f"{path} is there already: choose another name, or append to it") from error
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error

    def add(self, device: str, reads: list[TagRead]) -> None:
        """Gather the lines of some reads; never blocks."""
        self.figures.reads += len(reads)
        for read in reads:
            self._add_line(device, read, read.first_us)
            if read.last_us != read.first_us:
                self._add_line(device, read, read.last_us)

    async def flush(self) -> None:
        """Write what gathered, in a thread."""
        lines, self._waiting = self._waiting, []
        if lines:
            await asyncio.to_thread(self._write, lines)
            self.figures.lines += len(lines)

    async def close(self) -> None:
        """Write the rest, sync, close."""
        await self.flush()
        await asyncio.to_thread(self._sync)

    def _add_line(self, device: str, read: TagRead, at_us: int) -> None:
        if len(self._waiting) >= READS_FILE_WAITING_MAX:
            self.figures.dropped_lines += 1
            return
        try:
            line = reads_line(device, read.port, read.epc, read.rssi_cdbm, at_us)
        except OverflowError:  # a reader's clock beyond the year 9999
            self.figures.dropped_lines += 1
            return
        self._waiting.append(line)

    def _write(self, lines: list[str]) -> None:
        self._file.write("".join(lines))
        self._file.flush()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def reads_line(device: str, port: int, epc: bytes, rssi_cdbm: int, at_us: int) -> str:
    """Return one line of a reads file, with its end. Device ids need no escaping (`wire.topics.check_id`)."""
    when = (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")
    rssi_dbm, text = rssi_cdbm / 100, epc.hex().upper()
    return f'{{"t":"{when}","reader":"{device}","antenna":{port},"epc":"{text}","rssi_dbm":{rssi_dbm}}}\n'


async def run_edge_to_file(
    site: Site,
    out: Path,
    *,
    edge: str = "",
    site_file: str = "site file",
    drivers: Mapping[str, Driver] | None = None,
    host: Host | None = None,
    append: bool = False,
    seconds: float | None = None,
    stopping: asyncio.Event | None = None,
    progress: Callable[[ReadsFileFigures], None] | None = None,
) -> ReadsFileFigures:
    """Write the reads of one edge's devices to `out` for `seconds`, or until `stopping` is set.

    `progress` is called about once a second with the figures so far. `drivers` and `host` default to the site's own
    devices and this machine's clocks; `site_file` is named in errors. Raises `ConfigError`; `OSError` when the disk
    fails meanwhile.
    """
    host = host or system_host()
    chosen = SiteOfEdge(site, choose_edge(site, edge, site_file), file=site_file)
    running = dict(drivers) if drivers is not None else build_drivers(chosen, host)
    stopping = stopping or asyncio.Event()
    file = ReadsFile(out, append=append)
    file.figures.never_up = tuple(running)
    file.figures.devices = len(running)
    began_s = host.monotonic_s()
    try:
        _start(running, file)
        while not stopping.is_set() and (seconds is None or host.monotonic_s() - began_s < seconds):
            await _pause(stopping, READS_FILE_FLUSH_S if seconds is None else min(READS_FILE_FLUSH_S, seconds))
            await file.flush()
            _note_health(running, file.figures)
            file.figures.seconds = round(host.monotonic_s() - began_s, 3)
            if progress is not None:
                progress(replace(file.figures))
    finally:
        await asyncio.gather(*(driver.stop() for driver in running.values()))
        await file.close()
    return file.figures


def _note_health(drivers: Mapping[str, Driver], figures: ReadsFileFigures) -> None:
    up = {device for device, driver in drivers.items() if driver.health().state == "up"}
    figures.devices_up = len(up)
    figures.never_up = tuple(device for device in figures.never_up if device not in up)


def _start(drivers: Mapping[str, Driver], file: ReadsFile) -> None:
    log = get_log()

    def on_event(event: DeviceEvent) -> None:
        file.figures.events += 1
        if event.what == What.UP:  # also when it is down again before anybody asks
            file.figures.never_up = tuple(device for device in file.figures.never_up if device != event.device)
        log.info("device", device=event.device, what=event.what, port=event.port, detail=event.detail[:200])

    def not_a_read(_: object) -> None:
        file.figures.not_reads += 1

    for device, driver in drivers.items():
        driver.start(Sink(partial(file.add, device), on_event, not_a_read, not_a_read))


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
