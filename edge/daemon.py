"""The edge daemon's composition root: drivers -> pipeline -> outbox -> delivery -> uplink, and its life.

`EdgeDaemon` is one edge of a site. It runs inside any event loop, several in one if need be, and owns what it is given:
`stop` ends all of it. Each driver supervises its own device and never gives up. What cannot be survived (the outbox's
file is damaged while we run) ends the daemon with its error: `wait` raises it, the process ends, and the service
manager starts it anew.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from edge.configuration.file import KeptFile
from edge.configuration.keeper import Build, ConfigurationKeeper
from edge.delivery import Delivery
from edge.devices import Devices
from edge.drivers import build_driver
from edge.drivers.port import Driver, Host, LooksHarder, Sink
from edge.errors import OutboxError, OutboxUnavailable
from edge.forwarder import Forwarder
from edge.intake import Intake
from edge.limits import HANDOVER_S, HEALTH_S, OUTBOX_SILENT_S, STOP_DRAIN_S, WINDOW_LATE_S, WINDOW_S
from edge.outbox import NewRow, OutboxLimits
from edge.outbox_thread import OutboxThread
from edge.pipeline import Pipeline
from edge.state import EdgeStats, ReadRates, device_healths, edge_state
from edge.uplink.port import Uplink
from wire.configuration import ReportedConfig
from wire.limits import STREAM_BYTES
from wire.messages import Command, DeviceEvent, EdgeState, ForgetSold, Gap, ReadMore, RememberAgain, encode_durable
from wire.site import Site
from wire.topics import check_id
from wire.window import TagRead

__all__ = ["EdgeDaemon", "EdgeStats", "UplinkFactory"]


class UplinkFactory(Protocol):
    """Builds the uplink of an edge."""

    def __call__(self, site: str, edge: str, /) -> Uplink:
        """Return an uplink that has not been started."""


class EdgeDaemon:
    """One edge of one site.

    `drivers` by device id; `draw_stream` gives 16 random bytes and must not repeat over runs; `say_lost_outbox`: a new
    outbox file is a loss (a replaced disk) and is told by a Gap row. Off where a new file is the normal start.
    `build`: makes the driver of a device that is to be another one; None: `edge.drivers.build_driver`.
    `config_hash` and `version` are only told on.
    """

    def __init__(
        self,
        site: Site,
        edge: str,
        *,
        drivers: Mapping[str, Driver],
        uplink: UplinkFactory,
        outbox_path: Path,
        host: Host,
        log: Any,
        outbox_limits: OutboxLimits | None = None,
        draw_stream: Callable[[], bytes] = lambda: secrets.token_bytes(STREAM_BYTES),
        config_hash: str = "",
        version: str = "",
        say_lost_outbox: bool = False,
        build: Build | None = None,
    ) -> None:
        self.site, self.edge = site, check_id("edge", edge)
        self._devices = Devices(drivers, sink_of=self._sink_of, before_swap=self._before_swap, log=log)
        self._drivers = self._devices.drivers
        self._uplink = uplink(site.id, edge)
        self._outbox_path = outbox_path
        self._outbox_limits = outbox_limits
        self._host = host
        self._log = log.bind(site=site.id, edge=edge)
        self._draw_stream = draw_stream
        self._configuration = ConfigurationKeeper(
            site,
            self.edge,
            self._devices,
            host,
            build=build or (lambda device, profile: build_driver(device, site, host, profile)),
            file=KeptFile(outbox_path.with_name(f"{outbox_path.name}.desired")),
            publish=self._uplink.publish_reported,
            log=self._log,
        )
        self._config_hash, self._version = config_hash, version
        self._say_lost_outbox = say_lost_outbox
        self._outbox: OutboxThread
        self._intake: Intake
        self._forwarder: Forwarder
        self._pipeline: Pipeline
        self._composed = False
        self._oldest_us: int | None = None
        self._started_us = 0
        self._rates = ReadRates()
        self._quiet: frozenset[tuple[str, int]] = frozenset()
        self._settled_stream = b""
        self._given_up_rows = 0
        self._window_s = self._outbox_s = 0.0
        self._outbox_word = (0, 0)
        self._tasks: list[asyncio.Task[None]] = []
        self._ended: asyncio.Future[None] | None = None

    # -- life

    async def start(self) -> None:
        """Open the outbox, connect, start the drivers. Raises `OutboxError`; `RuntimeError` when called twice."""
        if self._ended is not None:
            raise RuntimeError(f"edge {self.edge} was started before: build a new one")
        self._ended = asyncio.get_running_loop().create_future()
        self._started_us = self._host.wall_us()
        self._outbox = await OutboxThread.open(self._outbox_path, self.site.id, self.edge, self._outbox_limits)
        await self._configuration.load()
        self._compose(Delivery(self._draw_stream(), await self._outbox.held()))
        if self._outbox.fresh_because:
            self._log.info("outbox_begins", because=self._outbox.fresh_because)
            if self._say_lost_outbox:
                self._intake.offer(self._lost_outbox())
        self._settled_stream = self._forwarder.delivery.live
        self._window_s = self._outbox_s = self._host.monotonic_s()
        self._uplink.start(self._forwarder, self._state("death"))
        for run, name in (
            (self._intake.run, "intake"),
            (self._forwarder.run, "forwarder"),
            (self._close_windows, "window"),
            (self._tell_health, "health"),
            (self._configuration.run, "configuration"),
        ):
            task = asyncio.create_task(run(), name=f"{name} {self.edge}")
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)
        self._devices.start()

    async def wait(self) -> None:
        """Wait until the daemon stops. Raises the error that ended it."""
        assert self._ended is not None, "start() comes first"
        await asyncio.shield(self._ended)

    async def stop(self, drain_s: float = STOP_DRAIN_S) -> None:
        """Stop the drivers, close the window, store it, give the gateway `drain_s` to take what waits, leave."""
        if self._ended is None or not self._composed:
            return
        self._composed = False
        await self._end_tasks("configuration")  # first: it starts drivers
        for outcome in await asyncio.gather(*map(self._devices.stop, self._devices), return_exceptions=True):
            self._say_failure(outcome)
        if not self._ended.done():
            self._pipeline.close()
            await self._intake.flush(max(drain_s, STOP_DRAIN_S))
            if self._uplink.connected:
                await self._forwarder.drain(drain_s)
        await self._end_tasks()
        await self._uplink.stop(self._state("death"))
        await self._close_outbox()
        if not self._ended.done():
            self._ended.set_result(None)
        self._ended.exception()  # said already by the task's end; nobody need wait for it
        self._log.info("edge_stopped", waiting_rows=self._outbox.figures().rows, not_stored=len(self._intake))

    # -- questions

    def stats(self) -> EdgeStats:
        """Return the figures of this run and of the outbox's file."""
        outbox = self._outbox.figures()
        oldest_s = 0.0
        if self._oldest_us is not None and outbox.rows:
            oldest_s = max(0.0, round((self._host.wall_us() - self._oldest_us) / 1e6, 1))
        return EdgeStats(
            site=self.site.id,
            edge=self.edge,
            stream=self._forwarder.delivery.live.hex(),
            connected=self._uplink.connected,
            pipeline=self._pipeline.figures,
            intake=self._intake.figures,
            outbox=outbox,
            delivery=self._forwarder.delivery.figures,
            uplink=self._uplink.figures,
            waiting_rows=self._forwarder.delivery.held_rows() + len(self._intake),
            devices=device_healths(self._drivers, self._rates, self._pipeline.witness, self._devices.health),
            config_hash=self._config_hash,
            version=self._version,
            started_us=self._started_us,
            outbox_oldest_s=oldest_s,
            disk="refuses" if self._intake.refusing else "ok",
        )

    def reported(self) -> ReportedConfig:
        """Return what the devices are, as it is said on `config/reported`."""
        return self._configuration.reported()

    def works(self) -> bool:
        """Whether the daemon does its work: windows close, and the outbox answers, be it that the disk is full.

        What does not work by this is best ended and started anew; a device or a broker that is away is not meant.
        """
        if self._ended is None or self._ended.done():
            return False
        now_s = self._host.monotonic_s()
        word = (self._outbox.figures().accepted_rows, self._intake.figures.refusals)
        if word != self._outbox_word or not len(self._intake):
            self._outbox_word, self._outbox_s = word, now_s
        return now_s - self._window_s < WINDOW_LATE_S and now_s - self._outbox_s < OUTBOX_SILENT_S

    # -- inside

    def _compose(self, delivery: Delivery) -> None:
        self._composed = True
        self._forwarder = Forwarder(
            delivery,
            self._outbox,
            self._uplink,
            self._host,
            draw_stream=self._draw_stream,
            on_link=self._on_link,
            on_command=self._on_command,
            on_desired=self._configuration.on_desired,
            log=self._log,
        )
        self._intake = Intake(
            self._outbox,
            self._host,
            site=self.site.id,
            edge=self.edge,
            live=lambda: delivery.live,
            on_appended=self._forwarder.on_appended,
            log=self._log,
        )
        self._pipeline = Pipeline(
            self.site, self.edge, self._drivers, self._host, offer=self._intake.offer, log=self._log
        )

    def _sink_of(self, device: str) -> Sink:
        def on_reads(reads: list[TagRead]) -> None:
            self._pipeline.on_reads(device, reads)

        return Sink(on_reads, self._on_event, self._pipeline.on_scans, self._pipeline.on_count, self._stored)

    def _before_swap(self, device: str) -> None:
        """Take what a stopped driver still has to say; what is usual for its antennas holds no longer."""
        self._close_window()
        self._pipeline.witness.begin_anew(device)

    async def _stored(self) -> bool:
        return await self._intake.flush(HANDOVER_S)

    def _on_event(self, event: DeviceEvent) -> None:
        self._log.info("device", device=event.device, what=event.what, port=event.port, detail=event.detail[:200])
        self._pipeline.on_event(event)

    def _on_link(self, connected: bool) -> None:
        if connected:
            self._uplink.publish_state(self._state("birth"))
            self._configuration.on_connected()
            self._close_window()  # live data at once, not with the end of the second

    def _on_command(self, command: Command) -> None:
        if isinstance(command, ForgetSold):
            self._forget_sold(command)
        elif isinstance(command, RememberAgain):
            self._pipeline.sold.remember(command)
            self._log.info("sold_taken_back", items=len(command.items), listed=len(self._pipeline.sold))
        elif isinstance(command, ReadMore):
            self._read_more(command)
        else:
            self._log.info("rebirth_asked")
            self._pipeline.say_settings_again()
            self._uplink.publish_state(self._state("birth"))

    def _forget_sold(self, command: ForgetSold) -> None:
        sold = self._pipeline.sold
        before = sold.malformed
        sold.forget(command, self._host.monotonic_s())
        said = {"items": len(command.items) + len(command.epcs), "grace_s": command.grace_s, "anew": command.anew}
        self._log.info("sold_told", **said, malformed=sold.malformed - before, listed=len(sold))

    def _read_more(self, command: ReadMore) -> None:
        """Let the devices of these zones look harder; what none of them can do is said."""
        zones = set(command.zones)
        asked = [
            device.id
            for device in self.site.devices_of(self.edge)
            if zones.intersection(antenna.zone for antenna in device.antennas)
        ]
        obeyed: list[str] = []
        for device in asked:
            driver = self._drivers.get(device)
            if isinstance(driver, LooksHarder) and driver.look_harder(command.seconds):
                obeyed.append(device)
        others = [device for device in asked if device not in obeyed]
        self._log.info("read_more", zones=command.zones, seconds=command.seconds, devices=obeyed, as_before=others)

    async def _close_windows(self) -> None:
        """Close on a fixed beat; a beat that a busy loop missed is skipped, its reads are in the next window."""
        next_s = self._host.monotonic_s() + WINDOW_S
        while True:
            await asyncio.sleep(max(0.0, next_s - self._host.monotonic_s()))
            self._close_window()
            now_s = self._window_s = self._host.monotonic_s()
            next_s += WINDOW_S * max(1, int((now_s - next_s) // WINDOW_S) + 1)

    def _close_window(self) -> None:
        """Close it. Settings are said again in a new stream, and when rows that may have said them were given up."""
        live, given_up = self._forwarder.delivery.live, self._intake.figures.dropped_rows
        if live != self._settled_stream or given_up != self._given_up_rows:
            self._settled_stream, self._given_up_rows = live, given_up
            self._pipeline.say_settings_again()
        self._pipeline.close()

    async def _tell_health(self) -> None:
        await self._take_vitals()
        while True:
            await asyncio.sleep(HEALTH_S)
            await self._take_vitals()
            self._uplink.publish_state(self._state("health"))

    async def _take_vitals(self) -> None:
        """Look at what is not counted by itself: rates, antennas, the age of the outbox."""
        for device in self._devices:
            self._rates.sample(device, self._devices.health(device).reads, self._host.monotonic_s())
        self._say_quiet()
        try:
            self._oldest_us = await self._outbox.oldest_us()
        except OutboxUnavailable as error:  # the intake says so and counts
            self._log.debug("outbox_age_unknown", reason=str(error))

    def _say_quiet(self) -> None:
        """Log once when an antenna reads far less than usual, and once when it reads again."""
        quiet = self._pipeline.witness.quiet()
        for device, port in sorted(quiet - self._quiet):
            self._log.warning("antenna_quiet", device=device, port=port, because="it reads less than a tenth of usual")
        for device, port in sorted(self._quiet - quiet):
            self._log.info("antenna_reads_again", device=device, port=port)
        self._quiet = quiet

    def _state(self, what: Literal["birth", "health", "death"]) -> EdgeState:
        return edge_state(what, self.stats(), self._host.wall_us())

    def _lost_outbox(self) -> NewRow:
        gap = Gap(
            site=self.site.id,
            edge=self.edge,
            cause="stream_lost",
            from_us=0,
            to_us=max(0, self._host.wall_us()),
            detail=f"{self._outbox.fresh_because}: what an earlier one still held is lost",
        )
        return NewRow(encode_durable(gap), is_gap=True)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._ended is None or self._ended.done():
            return
        error = task.exception() or RuntimeError(f"task {task.get_name()} ended by itself")
        self._log.error("edge_failed", task=task.get_name(), error=f"{type(error).__name__}: {error}")
        self._ended.set_exception(error)

    async def _end_tasks(self, name: str = "") -> None:
        """End all tasks, or those whose name begins so."""
        ending = [task for task in self._tasks if task.get_name().startswith(name)]
        for task in ending:
            task.cancel()
        for outcome in await asyncio.gather(*ending, return_exceptions=True):
            self._say_failure(outcome)
        self._tasks = [task for task in self._tasks if task not in ending]

    def _say_failure(self, outcome: object) -> None:
        if isinstance(outcome, Exception):
            self._log.error("stop_met_failure", error=f"{type(outcome).__name__}: {outcome}")

    async def _close_outbox(self) -> None:
        try:
            await self._forwarder.flush_deletes()
        except OutboxError as error:  # rows that stay are sent again, and the gateway drops what it has
            self._say_failure(error)
        await self._outbox.close()
