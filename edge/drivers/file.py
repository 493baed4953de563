"""The driver of a folder: handhelds (or whoever empties them) put count files there, and each becomes a cycle count.

Theory of operation. One task looks into the folder once a second. A file that is whole is read in a thread, handed over
part by part, and moved to `done` only when the outbox holds it: a crash before the move reads it again, and its session
is its content, so the gateway counts it once. What cannot be read goes to `failed` with a report, and is told as
undecodable. A folder that is not there (an unmounted share) is waited for.

EPCs stand in the report beside the file, and in no event and no log.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.backoff import SETTLED_S, UNREACHABLE, Backoff
from edge.drivers.standing import Standing
from edge.handheld import report
from edge.handheld.count_file import CountFile, CountFileError, CountReader
from edge.handheld.folder import DONE, FAILED, CountFolder, Taken, Waiting
from edge.handheld.limits import FOLDER_MAX_FILES, LOOK_S, SETTLE_S, STOP_TIMEOUT_S, STORED_RETRY_S
from wire.messages import AntennaLook, DeviceClock

if TYPE_CHECKING:
    from edge.drivers.port import Host, Sink
    from wire.messages import DeviceHealth
    from wire.site import Device, Site

DRIVER: Final = "file"


def build_file(device: Device, site: Site, host: Host) -> FileDriver:
    """Return the driver of a folder of count files. Raises `ValueError` for company prefixes that are none."""
    coverage = device.options.get("coverage")
    reader = CountReader(site, zone=device.zone, coverage=None if coverage is None else float(coverage))
    folder = CountFolder(Path(device.address), float(device.options.get("settle_s", SETTLE_S)))
    return FileDriver(device, site.id, reader, folder, host)


class FileDriver:
    """One folder (implements `edge.drivers.port.Driver`)."""

    def __init__(self, device: Device, site: str, reader: CountReader, folder: CountFolder, host: Host) -> None:
        self._device = device
        self._site = site
        self._reader = reader
        self._folder = folder
        self._host = host
        self._backoff = Backoff(host.rng)
        self._standing = Standing(device.id, DRIVER, host)
        self._look_s = min(LOOK_S, folder.settle_s)
        self._ignored = 0
        self._unmoved: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._sink: Sink

    # -- the port

    def start(self, sink: Sink) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError(f"driver of {self._device.id} was started before")
        self._sink = sink
        self._standing.tell_to(sink.on_event)
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"file {self._device.id}")

    async def stop(self) -> None:
        """Finish the step that is being made, within `STOP_TIMEOUT_S`, then by force: nothing is lost by it."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        self._standing.leaving = True
        await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._standing.tell_bad(self._host.monotonic_s())
        self._standing.enter("down")

    def health(self) -> DeviceHealth:
        """Return the folder as it is now; `reads` are tags that were counted."""
        return self._standing.health()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:  # noqa: ARG002 - the port's word
        """Return no time for any port: a count says what it covered, and a folder has no antennas."""
        return tuple(AntennaLook(self._device.id, antenna.port) for antenna in self._device.antennas)

    def clock(self) -> DeviceClock:
        """Say that nothing is known of a handheld's clock: its times are taken as they are."""
        return DeviceClock(self._device.id, "unknown", 0)

    # -- the task

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            pause_s = await self._round()
            self._standing.tell_bad_in_time(self._host.monotonic_s())
            await self._pause(pause_s)

    async def _round(self) -> float:
        """Look once and take what waits; return how long to pause."""
        try:
            for one in await asyncio.to_thread(self._folder.look, self._host.monotonic_s()):
                if self._stopping.is_set():
                    return 0.0
                await self._take_alone(one)
        except OSError as error:
            self._folder.lost()
            self._standing.enter("down", f"folder {self._device.address}: {error.strerror or error}{_mend(error)}")
            return self._backoff.failed(UNREACHABLE)
        self._standing.enter("up")  # after the files: one that cannot be moved shows that the folder does not work
        self._backoff.worked(SETTLED_S)
        self._tell_ignored()
        return self._look_s

    async def _take_alone(self, waiting: Waiting) -> None:
        """Take one file; our own error with it is said once, and does not end the device or hold up other files."""
        try:
            await self._take(waiting)
        except OSError:
            raise
        except Exception as error:
            if self._folder.is_news(waiting):
                self._standing.count_bad(f"count file {waiting.name}: our own error: {type(error).__name__}")
                self._standing.log.exception("count file failed", file=waiting.name)

    async def _take(self, waiting: Waiting) -> None:
        """Read one file, hand it over, put it away."""
        name = waiting.name
        try:
            taken = await asyncio.to_thread(self._folder.take, waiting)
        except FileNotFoundError:  # somebody took it away
            return
        except OSError as error:  # the others can be read
            if self._folder.is_news(waiting):
                self._standing.count_bad(f"count file {name}: cannot be read: {error.strerror}{_mend(error)}")
            return
        if taken is None:
            return
        if self._folder.was_counted(taken.session):
            said = self._unmoved.get(taken.session) or report.counted_before(name, taken.session)
            await self._put_away(taken, DONE, said)
            return
        try:
            file = await asyncio.to_thread(self._reader.read, taken.data, self._host.wall_us())
        except CountFileError as error:
            if await self._put_away(taken, FAILED, report.refused(name, str(error))):
                self._standing.count_bad(f"count file {name}: {error.brief}")
                self._standing.log.warning("count file refused", file=name, reason=error.brief)
            return
        await self._count(taken, file)

    async def _count(self, taken: Taken, file: CountFile) -> None:
        name, written_us = taken.waiting.name, min(taken.waiting.changed_us, self._host.wall_us())
        if not await self._stored():  # a disk that takes nothing: part of a count would be dropped, part of it kept
            return
        for part in file.parts(self._site, self._device.edge, max(0, written_us)):
            self._sink.on_count(part)
        if not await self._stored():
            return  # told to stop before the outbox held it: the next start reads it again
        self._folder.remember(taken.session)
        if len(self._unmoved) >= FOLDER_MAX_FILES:
            self._unmoved.clear()
        self._unmoved[taken.session] = said = report.counted(name, file, written_us)
        self._standing.reads += file.tags
        figures = {"tags": file.tags, "foreign": file.foreign, "bad_lines": file.bad_lines}
        self._standing.log.info("count taken", file=name, session=file.session, zones=list(file.zones), **figures)
        if file.bad_lines:
            first = file.problems[0]
            self._standing.count_bad(
                f"lines of count file {name}; the first is line {first.line}: {first.brief}", file.bad_lines
            )
        await self._put_away(taken, DONE, said)

    async def _stored(self) -> bool:
        """Wait until what was handed over is durable; False when the daemon stops before."""
        if self._sink.stored is None:
            return True
        while not await self._sink.stored():
            await self._pause(STORED_RETRY_S)
            if self._stopping.is_set():
                return False
        return True

    async def _put_away(self, taken: Taken, folder: str, said: str) -> bool:
        """Move a file; False when it was written to or taken away meanwhile."""
        moved = await asyncio.to_thread(self._folder.put_away, taken, folder, said, self._host.wall_us())
        self._unmoved.pop(taken.session, None)
        return moved

    def _tell_ignored(self) -> None:
        """Say once that there are files which are not taken: somebody may wait for them to be counted."""
        if self._folder.ignored > self._ignored:
            self._standing.log.warning("files in the folder that are no exports", files=self._folder.ignored)
        self._ignored = self._folder.ignored

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _mend(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return ": let the edge's user read and write in it, and in done/ and failed/"
    if isinstance(error, FileNotFoundError):
        return ": make it, mount it, or mend the device's address"
    return ""
