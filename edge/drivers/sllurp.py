"""The sllurp driver: an LLRP reader through the library of that name, which runs in a process of its own.

Theory of operation. One task per reader: start the process, carry its session line by line until it ends, pause, again,
for ever. The process says every second that it lives; one that is silent for `CHILD_SILENCE_S` is killed and started
anew, and so is one that does not leave when it is told to. The process dies with the daemon: its standard input ends.
A new process for each attempt costs a tenth of a second of one core, and leaves nothing of the last session behind.

The library is GPL-3.0-only and is never loaded here (`edge.sllurp_child` says how it is kept apart). The daemon's own
`llrp` driver does more; this one is a second opinion, and a way out where the own one does not get along with a reader.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from importlib.util import find_spec
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from edge import sllurp_lines as lines
from edge.backoff import REFUSED, UNREACHABLE, Backoff
from edge.clock import DeviceTime
from edge.drivers.port import Readback, What
from edge.drivers.profiles import antenna_asks, named_profile
from edge.drivers.readback import reported_antennas
from edge.drivers.standing import Standing
from edge.llrp.limits import PLUG_GRACE_US, REQUEST_TIMEOUT_S, STOP_TIMEOUT_S
from edge.llrp.looking import LookAccount
from edge.llrp.reads import to_reads
from edge.sllurp_process import code_of, end
from firmware_config.profile import KEEPALIVE_MAX_MS, KEEPALIVE_MIN_MS, ProfileError, Search
from firmware_config.vendors import FALLBACK_PROFILE
from wire.messages import AntennaSettings, DeviceClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.backoff import Pace
    from edge.drivers.port import Host, Sink
    from firmware_config.profile import Profile
    from firmware_config.render import AntennaAsk
    from wire.llrp.tag_report import TagReport
    from wire.messages import AntennaLook, DeviceHealth
    from wire.site import Device, Site
    from wire.window import TagRead

DRIVER: Final = "sllurp"
COMMAND: Final = (sys.executable, "-P", "-W", "ignore", "-m", "edge.sllurp_child")
LLRP_PORT: Final = 5084

CHILD_SILENCE_S: Final = 15.0
"""The process beats every second; connecting takes it five at most, a send to a reader that reads nothing as long."""

NOT_READ_BACK: Final = "sllurp reads nothing back: the settings shown are those that were sent; driver: llrp does"

_IMPINJ_SEARCH: Final = {Search.SINGLE: "1", Search.DUAL: "2", Search.DUAL_RESET: "6"}
"""ImpinjInventorySearchType, as sllurp wants it. Told only where the profile is an Impinj reader's."""


class MissingLibraryError(ValueError):
    """The optional library of a driver is not installed: a person must install it or choose another driver."""


def build_sllurp(device: Device, site: Site, host: Host, given: Profile | None = None) -> SllurpDriver:
    """Return the driver of an LLRP reader behind sllurp. `given`: a profile by value.

    Raises:
        MissingLibraryError: sllurp is not installed.
        ProfileError: the device's profile or its settings cannot be used.
    """
    if find_spec("sllurp") is None:  # looks for it, and does not load it
        raise MissingLibraryError(
            f"device {device.id}: driver 'sllurp' needs a library that is not installed: pip install lastunit[sllurp] "
            "(it is GPL-3.0-only), or say driver: llrp"
        )
    profile = given or named_profile(device, FALLBACK_PROFILE)
    if not device.antennas:
        raise ProfileError(f"device {device.id}: antennas: an LLRP reader needs at least one")
    keepalive_ms = round(float(device.options.get("keepalive_s", profile.keepalive_ms / 1_000)) * 1_000)
    if not KEEPALIVE_MIN_MS <= keepalive_ms <= KEEPALIVE_MAX_MS:
        raise ProfileError(
            f"device {device.id}: keepalive_s: {keepalive_ms / 1_000:g}, expected {KEEPALIVE_MIN_MS / 1_000} to "
            f"{KEEPALIVE_MAX_MS / 1_000}"
        )
    address, port = device.host_port(LLRP_PORT)
    if not 1 <= port <= 65_535:
        raise ProfileError(
            f"device {device.id}: address: {device.address!r}, expected host or host:port, port 1 to 65535"
        )
    asks = antenna_asks(device, site, profile)
    purposes = [ask.purpose for ask in asks]
    intent = profile.intents[purposes[0]]
    powers = {
        antenna.port: profile.intents[purpose].power_dbm if antenna.power_dbm is None else antenna.power_dbm
        for antenna, purpose in zip(device.antennas, purposes, strict=True)
    }
    search = _IMPINJ_SEARCH.get(intent.search) if profile.vendor == "impinj" else None
    settings = {
        "host": address,
        "port": port,
        "ports": [antenna.port for antenna in device.antennas],
        "power_dbm": powers,
        "session": intent.session,
        "population": intent.population,
        "mode_ids": list(intent.mode_ids),
        "impinj_search": search,
        "report_every": profile.report_every_tags,
        "keepalive_ms": keepalive_ms,
        "setup_s": REQUEST_TIMEOUT_S,
    }
    target = None if search is None else "single" if intent.search is Search.SINGLE else "dual"
    asked = AntennaSettings(session=intent.session, target=target)  # type: ignore[arg-type]  # single or dual
    mixed = (
        f"sllurp has one set-up for all antennas: {purposes[0].value} for all, though the zones ask for "
        f"{', '.join(sorted({purpose.value for purpose in purposes}))}; driver: llrp can do that"
        if len(set(purposes)) > 1
        else ""
    )
    return SllurpDriver(device.id, settings, asked, host, mixed=mixed, chosen=(profile, asks))


class SllurpDriver:
    """One reader (implements `edge.drivers.port.Driver`). `mixed`: what its antennas ask for and cannot get.

    `chosen`: the profile, and what it asks of each antenna: for the report.
    """

    def __init__(
        self,
        device: str,
        settings: dict[str, Any],
        asked: AntennaSettings,
        host: Host,
        *,
        mixed: str = "",
        chosen: tuple[Profile, tuple[AntennaAsk, ...]] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._device = device
        self._settings = settings
        self._asked = asked
        self._host = host
        self._mixed = mixed
        self._chosen = chosen
        self._sent: Readback | None = None
        self._readback: Readback | None = None
        self._command = tuple(command)
        self._ports: tuple[int, ...] = tuple(settings["ports"])
        self._sole_port = self._ports[0] if len(self._ports) == 1 else None
        self._look = LookAccount(device, self._ports)
        self._inventories = False
        self._looking: tuple[int, ...] = ()
        self._time = DeviceTime()
        self._backoff = Backoff(host.rng)
        self._standing = Standing(device, DRIVER, host)
        self._unplugged_us: dict[int, int] = {}
        self._up_s: float | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._sink: Sink

    # -- the port

    def start(self, sink: Sink) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError(f"driver of {self._device} was started before")
        self._sink = sink
        self._standing.tell_to(sink.on_event)
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"sllurp {self._device}")

    async def stop(self) -> None:
        """Tell the process to delete our ROSpec and leave, within `STOP_TIMEOUT_S`; then kill it."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        self._standing.leaving = True
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._standing.enter("down")

    def health(self) -> DeviceHealth:
        """Return the reader as it is now."""
        return self._standing.health()

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:  # noqa: ARG002 - the port's word; credit needs messages
        """Return what each port inventoried since the last call, as far as the reader vouched for it."""
        return self._look.take()

    def clock(self) -> DeviceClock:
        """Return how far the reader's clock can be trusted, and the shift that its reads carry."""
        quality = self._time.quality(self._host.wall_us())
        return DeviceClock(self._device, quality, round(self._time.shift_us() / 1_000))

    def configuration(self) -> Readback | None:
        """Return what was sent to the reader when it came up last."""
        return self._readback

    # -- the task

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._attempt()
            except Exception as error:  # our bug must not end the device for good: said, and tried again
                self._standing.log.exception("sllurp session failed")
                self._standing.enter("down", f"our own error: {type(error).__name__}: {error}")
            pause_s = self._backoff.failed(self._pace())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    def _pace(self) -> Pace:
        """Return how to pause after an attempt: a reader that says no is asked once a second at the most."""
        return REFUSED if self._standing.condition == "refused" else UNREACHABLE

    async def _attempt(self) -> None:
        """Run one process to its end."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=lines.LINE_MAX_BYTES,
                start_new_session=True,  # Ctrl-C in a terminal is for the daemon, which says good-bye in order
            )
        except OSError as error:
            self._standing.enter("down", f"cannot start the sllurp process: {error.strerror or error}")
            return
        self._child = child
        try:
            await self._converse(child)
        finally:
            self._child = None
            await end(child)
            self._ended()

    async def _converse(self, child: asyncio.subprocess.Process) -> None:
        """Take the process's lines until it ends; say what ended it where it does not."""
        assert child.stdin is not None
        assert child.stdout is not None
        over = False
        try:
            child.stdin.write(json.dumps(self._settings).encode() + b"\n")
            if self._stopping.is_set():
                child.stdin.close()
            while line := await next_line(child.stdout):
                over |= self._take(line)
        except TimeoutError:
            self._standing.enter("down", f"the sllurp process said nothing for {CHILD_SILENCE_S:g} s: killed")
        except ValueError:
            self._standing.enter("down", f"the sllurp process wrote a line of more than {lines.LINE_MAX_BYTES} bytes")
        else:
            if not over:
                self._standing.enter("down", f"the sllurp process died ({await code_of(child)})")

    def _ended(self) -> None:
        """Settle the accounts of a session that is over."""
        self._inventories, self._looking = False, ()
        self._look.lost()
        self._standing.tell_bad(self._host.monotonic_s())
        if self._up_s is not None:
            self._backoff.worked(self._host.monotonic_s() - self._up_s)
            self._up_s = None

    # -- what the process says

    def _take(self, data: bytes) -> bool:
        """Take one line; whether it was the last word."""
        try:
            line = lines.parse_line(data)
        except ValueError as error:
            self._standing.count_bad(str(error))
            return False
        now_s = self._host.monotonic_s()
        match line:
            case lines.Refused():
                self._standing.enter("refused", f"held by another client: {line.reason}")
                return True
            case lines.Lost() | lines.Left():
                self._standing.enter("down", getattr(line, "reason", "stopped"))
                return True
            case lines.Hello() | lines.Beat():
                self._standing.tell_bad_in_time(now_s)
                return False
            case lines.Bad():
                self._standing.count_bad(line.problem, line.count)
                self._look.forfeit(now_s)
            case _:
                self._take_news(line)
        self._look.vouch(now_s, self._looking)
        self._standing.tell_bad_in_time(now_s)
        return False

    def _take_news(self, line: lines.Line) -> None:
        match line:
            case lines.Time():
                now_us = self._host.wall_us()
                self._stepped(self._time.sample(line.device_us, now_us, uptime=line.uptime, fresh=True))
            case lines.Settings():
                self._take_settings(line)
            case lines.Up():
                self._up_s = self._host.monotonic_s()
                self._readback = self._sent
                self._standing.enter("up")
                if self._mixed:
                    self._standing.tell(What.CONFIG_DIFFERS, self._mixed)
            case lines.Tags():
                self._take_tags(line)
            case lines.Event(what="antenna_up" | "antenna_down"):
                self._take_antenna(line)
            case lines.Event():
                self._standing.tell(What(line.what), line.detail, line.port)

    def _take_settings(self, line: lines.Settings) -> None:
        self._inventories = True
        self._see(self._unplugged_us)
        sent = {
            port: AntennaSettings(line.power_cdbm.get(port), line.mode, self._asked.session, self._asked.target)
            for port in self._ports
        }
        self._look.settings(sent)
        if self._chosen is not None:
            problems = (NOT_READ_BACK, *((self._mixed,) if self._mixed else ()))
            self._sent = Readback(self._chosen[0], reported_antennas(*self._chosen, sent), problems)

    def _take_tags(self, line: lines.Tags) -> None:
        try:
            reports = line.reports()
        except ValueError as error:
            self._standing.count_bad(f"tags of the sllurp process: {type(error).__name__}", len(line.rows))
            return
        for _, run in groupby(reports, key=attrgetter("uptime")):
            self._take_run(list(run))

    def _take_run(self, reports: list[TagReport]) -> None:
        """Take reports of one clock."""
        newest, now_us = reports[-1], self._host.wall_us()
        seen_us = newest.last_seen_us or newest.first_seen_us
        if seen_us is not None:
            self._stepped(self._time.sample(seen_us, now_us, uptime=newest.uptime))
        reads = to_reads(reports, self._time.offset_us(uptime=newest.uptime), now_us, self._sole_port)
        if len(reads) < len(reports):
            self._standing.count_bad("reads that name no antenna", len(reports) - len(reads))
        if not reads:
            return
        self._standing.reads += len(reads)
        if self._unplugged_us:
            self._trust(reads)
        self._sink.on_reads(reads)

    def _stepped(self, jump_us: int | None) -> None:
        if jump_us is not None:
            self._standing.tell(What.CLOCK_STEP, f"{-round(jump_us / 1_000)} ms")

    def _take_antenna(self, event: lines.Event) -> None:
        port = event.port
        if port is None or port not in self._ports:
            return
        if event.what == "antenna_up":
            if self._unplugged_us.pop(port, None) is not None:
                self._standing.tell(What.ANTENNA_UP, port=port)
        elif port not in self._unplugged_us:
            self._unplugged_us[port] = self._host.wall_us()
            self._standing.tell(What.ANTENNA_DOWN, "the reader sees nothing plugged in", port)
        if self._inventories:
            self._see(self._unplugged_us)

    def _trust(self, reads: list[TagRead]) -> None:
        """Believe an antenna that reads more than its plug: hubs and metal deceive the reader's own test."""
        for read in reads:
            since_us = self._unplugged_us.get(read.port)
            if since_us is not None and read.last_us > since_us + PLUG_GRACE_US:
                del self._unplugged_us[read.port]
                self._see(self._unplugged_us)
                self._standing.tell(What.ANTENNA_UP, "it reads tags", read.port)

    def _see(self, unplugged: dict[int, int]) -> None:
        self._looking = tuple(port for port in self._ports if port not in unplugged)


async def next_line(lines: asyncio.StreamReader) -> bytes:
    """Return a process's next line, empty at its end. Raises `TimeoutError` after `CHILD_SILENCE_S`."""
    async with asyncio.timeout(CHILD_SILENCE_S):
        return await lines.readline()
