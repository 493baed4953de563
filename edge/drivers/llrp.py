"""The LLRP driver: keeps one reader connected, and turns what its session tells into what the edge daemon wants.

Theory of operation. One task per reader: connect or wait for its call (`edge.llrp.approach`), carry a session until it
ends, pause, again, for ever. The pause grows with failures in a row (`edge.backoff`); a reader that refuses us is asked
more slowly than one that is not there. How a reader stands is told by `edge.drivers.standing`. Tags are never logged.

All callbacks run on the loop's thread, in the order of the wire.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol

from edge.backoff import REFUSED, UNREACHABLE, Backoff
from edge.clock import DeviceTime
from edge.drivers.port import Readback, What
from edge.drivers.profiles import antenna_asks, configured, named_profile
from edge.drivers.standing import Standing
from edge.llrp import events as news
from edge.llrp.approach import ApproachError, approach_to
from edge.llrp.dialogue import wishes_of
from edge.llrp.limits import PLUG_GRACE_US, STOP_TIMEOUT_S
from edge.llrp.looking import LookAccount
from edge.llrp.reads import to_reads
from edge.llrp.session import Session
from edge.llrp.transport import Connection
from firmware_config.profile import KEEPALIVE_MAX_MS, KEEPALIVE_MIN_MS, Profile, ProfileError, load_profile
from firmware_config.vendors import FALLBACK_PROFILE, PROFILE_BY_VENDOR
from wire.messages import DeviceClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.backoff import Pace
    from edge.drivers.port import Host, Sink
    from edge.llrp.approach import Approach
    from wire.llrp.tag_report import TagReport
    from wire.messages import AntennaLook, DeviceHealth
    from wire.site import Device, Site
    from wire.window import TagRead


def build_llrp(device: Device, site: Site, host: Host, given: Profile | None = None) -> LlrpDriver:
    """Return the driver of an LLRP reader. Raises `ProfileError` or `TlsError` for settings that cannot be used.

    `given`: a profile by value, in place of the one that the site file names.
    """
    profile = given or named_profile(device, FALLBACK_PROFILE)
    asks = antenna_asks(device, site, profile)
    device = configured(device, site, profile)
    chosen = given is not None or bool(device.profile)
    by_vendor = {} if chosen else {pen: load_profile(name) for pen, name in PROFILE_BY_VENDOR.items()}
    if not device.antennas:
        raise ProfileError(f"device {device.id}: antennas: an LLRP reader needs at least one")
    keepalive_s = device.options.get("keepalive_s")
    keepalive_ms = profile.keepalive_ms if keepalive_s is None else round(float(keepalive_s) * 1_000)
    if not KEEPALIVE_MIN_MS <= keepalive_ms <= KEEPALIVE_MAX_MS:
        raise ProfileError(
            f"device {device.id}: keepalive_s: {keepalive_s}, expected {KEEPALIVE_MIN_MS / 1_000} to "
            f"{KEEPALIVE_MAX_MS / 1_000}"
        )
    wishes = wishes_of(device, site)
    version = device.options.get("llrp_version")
    negotiate = None if version is None else version == NEWEST

    def new_session(*, may_negotiate: bool) -> Session:
        return Session(
            lambda vendor: by_vendor.get(vendor, profile),
            asks,
            keepalive_ms,
            negotiate=negotiate if may_negotiate else False,
            wishes=wishes,
        )

    approach = approach_to(device, site, patience_s=keepalive_ms / 1_000)
    return LlrpDriver(device.id, approach, new_session, [ask.port for ask in asks], host)


NEWEST: Final = "1.1"
"""The site file's word for the version that is worth a question. Nothing said: where the reader greets with it."""


class NewSession(Protocol):
    """Makes the session of a new connection."""

    def __call__(self, *, may_negotiate: bool) -> Session:
        """Return one; `may_negotiate`: the last connection was not lost over the question of its version."""


class LlrpDriver:
    """One reader (implements `edge.drivers.port.Driver`). `ports`: those of the site file, in its order."""

    def __init__(
        self, device: str, approach: Approach, new_session: NewSession, ports: Sequence[int], host: Host
    ) -> None:
        self._device = device
        self._approach = approach
        self._new_session = new_session
        self._may_negotiate = True
        self._host = host
        self._ports = frozenset(ports)
        self._sole_port = ports[0] if len(ports) == 1 else None
        self._look = LookAccount(device, ports)
        self._time = DeviceTime()
        self._backoff = Backoff(host.rng)
        self._standing = Standing(device, "llrp", host)
        self._unplugged_us: dict[int, int] = {}
        self._verified: Readback | None = None
        self._readback: Readback | None = None
        self._up_s: float | None = None
        self._connection: Connection | None = None
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
        self._approach.tell_rivals_to(self._rival)
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"llrp {self._device}")

    async def stop(self) -> None:
        """Stop and delete our ROSpec, close the connection; within `STOP_TIMEOUT_S`, then by force."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        self._standing.leaving = True
        self._approach.wake()
        if self._connection is not None:
            self._connection.leave()
        await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await self._approach.close()

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
        """Return what was read back from the reader when it came up last."""
        return self._readback

    # -- the task

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            try:
                pace = await self._attempt()
            except Exception as error:  # our bug must not end the device for good: said, and tried again
                self._standing.log.exception("llrp session failed")
                self._standing.enter("down", f"our own error: {type(error).__name__}: {error}")
                pace = UNREACHABLE
            if pace is None:
                continue
            pause_s = self._backoff.failed(pace)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    async def _attempt(self) -> Pace | None:
        """Connect and carry one session to its end; return how to pause after it, None where that was a pause."""
        session = self._new_session(may_negotiate=self._may_negotiate)
        try:
            connection = await self._approach.open(
                lambda: Connection(session, lambda events: self._take(session, events), self._host.monotonic_s)
            )
        except ApproachError as error:
            self._standing.enter("down", str(error))
            return None if error.waited else UNREACHABLE
        self._connection = connection
        try:
            if self._stopping.is_set():
                connection.leave()
            await connection.closed
        finally:
            connection.abort()
            await connection.closed
            self._connection = None
            self._approach.ended()
            self._ended()
        if session.failed_negotiating:
            self._may_negotiate = False
        return REFUSED if self._standing.condition == "refused" else UNREACHABLE

    def _ended(self) -> None:
        """Settle the accounts of a session that is over."""
        self._look.lost()
        self._standing.tell_bad(self._host.monotonic_s())
        if self._up_s is not None:
            self._backoff.worked(self._host.monotonic_s() - self._up_s)
            self._up_s = None

    def _rival(self) -> None:
        self._standing.tell(What.RIVAL, "a second call from the reader's address while it is connected was closed")

    # -- what the session tells

    def _take(self, session: Session, events: Sequence[news.Event]) -> None:
        for event in events:
            match event:
                case news.Reports():
                    self._take_reports(session, event.reports)
                case news.ReaderTime():
                    self._take_time(event)
                case news.AntennaState():
                    self._take_antenna(event)
                case news.ReaderEvent():
                    self._standing.tell(event.what, event.detail, event.port)
                    if event.what is What.READER_OVERFLOW:
                        self._look.forfeit(session.heard_s)
                case news.BadMessage():
                    self._standing.count_bad(event.problem, event.count)
                    self._look.forfeit(session.heard_s)
                case news.Settings():
                    self._take_settings(event)
                case _:
                    self._take_fate(event)
        self._approach.heard(session.heard_s)
        self._look.vouch(session.heard_s, session.inventorying)
        self._standing.tell_bad_in_time(session.heard_s)

    def _take_fate(self, event: news.Up | news.Refused | news.Lost | news.Left) -> None:
        match event:
            case news.Up():
                self._up_s = self._host.monotonic_s()
                self._readback = self._verified
                self._standing.enter("up")
            case news.Refused():
                self._standing.enter("refused", event.text)
            case news.Lost():
                self._standing.enter("down", event.reason)
            case news.Left():
                self._standing.enter("down", "stopped")

    def _take_settings(self, event: news.Settings) -> None:
        self._look.settings(event.by_port)
        for problem in event.problems:
            self._standing.tell(What.CONFIG_DIFFERS, problem)
        self._verified = Readback(event.profile, event.antennas, event.problems, event.differences, event.inventory)

    def _take_reports(self, session: Session, reports: list[TagReport]) -> None:
        """Take reports by runs of one clock: a reader may get its UTC amid those that it held."""
        uptime = reports[0].uptime
        if all(report.uptime == uptime for report in reports):  # nearly always: no list is copied
            self._take_run(session, reports)
            return
        for _, run in groupby(reports, key=attrgetter("uptime")):
            self._take_run(session, list(run))

    def _take_run(self, session: Session, reports: list[TagReport]) -> None:
        newest = reports[-1]
        now_us = self._host.wall_us()
        seen_us = newest.last_seen_us or newest.first_seen_us
        if seen_us is not None:
            self._stepped(self._time.sample(seen_us, now_us, uptime=newest.uptime))
        offset_us = self._time.offset_us(uptime=newest.uptime)
        reads = to_reads(reports, offset_us, now_us, self._sole_port)
        placeless = len(reports) - len(reads)
        if placeless:
            self._standing.count_bad("reads that name no antenna", placeless)
        if not reads:
            return
        self._standing.reads += len(reads)
        if self._unplugged_us:
            self._trust_reads(session, reads)
        self._sink.on_reads(reads)

    def _take_time(self, event: news.ReaderTime) -> None:
        now_us = self._host.wall_us()
        fresh = event.fresh and self._approach.is_prompt()
        self._stepped(self._time.sample(event.device_us, now_us, uptime=event.uptime, fresh=fresh))

    def _stepped(self, jump_us: int | None) -> None:
        if jump_us is not None:
            # The envelope is host minus device: it falls when the device's clock jumps ahead.
            self._standing.tell(What.CLOCK_STEP, f"{-round(jump_us / 1_000)} ms")

    def _take_antenna(self, event: news.AntennaState) -> None:
        if event.port not in self._ports:
            return
        if event.connected:
            if self._unplugged_us.pop(event.port, None) is not None:
                self._standing.tell(What.ANTENNA_UP, port=event.port)
        elif event.port not in self._unplugged_us:
            self._unplugged_us[event.port] = self._host.wall_us()
            self._standing.tell(What.ANTENNA_DOWN, "the reader sees nothing plugged in", event.port)

    def _trust_reads(self, session: Session, reads: list[TagRead]) -> None:
        """Believe an antenna that reads more than its plug: hubs and metal deceive the reader's own test."""
        for read in reads:
            since_us = self._unplugged_us.get(read.port)
            if since_us is not None and read.last_us > since_us + PLUG_GRACE_US:
                del self._unplugged_us[read.port]
                session.antenna_works(read.port)
                self._standing.tell(What.ANTENNA_UP, "it reads tags", read.port)
