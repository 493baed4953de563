"""The gateway, put together: the one place where its parts meet.

    source -> ingest -> site_input -> fold -> ledger, stock, change -> relay -> change feed -> HTTP

All parts run in one event loop. They meet in the database only; waking each other is a courtesy that saves a poll.
The order of stopping follows the arrows, so that what was received is committed, folded and relayed, and the open
streams see it before they end; a long backlog is cut short, and waits safely in the log.
"""

import asyncio
import secrets
import signal
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol, Self

import structlog
from fastapi import FastAPI

from gateway.channels import Channels
from gateway.clock import Clock, system_clock
from gateway.config import BrokerAddress, ConfigError, GatewayConfig, broker_login, check_not_anonymous, load_sites
from gateway.enrol.part import IdentityPart
from gateway.exceptions.process import ExceptionsProcess
from gateway.fleet.findings import load_findings
from gateway.fleet.part import FleetPart
from gateway.fold.process import FoldProcess, LeaseTimes
from gateway.fold.site_fold import FoldRules
from gateway.fold.site_model import encode_entry
from gateway.holds.ids import random_ids
from gateway.http.serve import listen, serve, url_of
from gateway.http.services import Services
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.port import Source
from gateway.ingest.service import Ingest
from gateway.limits import LEASE_TTL_S, TICK_S
from gateway.log import configure_log
from gateway.model_files import load_models
from gateway.pauses import fewer_pauses
from gateway.push.service import Push
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.replenishment.board import RefillBoard
from gateway.replenishment.limits import LEASE_S
from gateway.replenishment.process import Replenishment
from gateway.retention import Retention
from gateway.secret_files import check_guessable
from gateway.series.influx_http import ServerError, read_token
from gateway.series.part import SeriesConfig, SeriesPart
from gateway.series.shelf import shelves_of
from gateway.service_manager import ServiceManager, answers, keep_status, keep_watchdog, service_manager
from gateway.sold.teller import SoldTeller
from gateway.steps import Step, pass_by
from gateway.storage.engine import Database
from gateway.storage.readiness import bring_up_to_date, told
from gateway.storage.site_register import register_model, register_site
from wire.messages import EdgeState
from wire.site import Site

_log: Final = structlog.get_logger("gateway")

STOP_TIMEOUT_S: Final = 20.0
"""A stop that takes longer is cut short: everything that matters is committed anyway."""


class HttpFactory(Protocol):
    """Makes the HTTP application: `gateway.http.app.create_app`."""

    def __call__(self, queries: Queries, feed: ChangeFeed, *, services: Services) -> FastAPI:
        """Return the application."""
        ...


def mqtt_source(config: GatewayConfig, clock: Clock) -> MqttSource:
    """Return the source that the configuration names. Raises `ConfigError`, `SecretError`."""
    address = BrokerAddress(config.broker_url.get_secret_value())
    username, password = broker_login(config)
    tls: ssl.SSLContext | None = None
    if address.tls:
        try:
            tls = ssl.create_default_context(cafile=config.broker_ca_file)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            if config.broker_cert_file is not None:
                tls.load_cert_chain(config.broker_cert_file, config.broker_key_file)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(f"broker_ca_file, broker_cert_file or broker_key_file: {error}") from error
    check_not_anonymous(config)
    broker = Broker(address.host, address.port, username, password, tls=tls)
    return MqttSource(broker, clock)


def series_config(config: GatewayConfig) -> SeriesConfig:
    """Return what the configuration says of time series. Raises `ServerError`, `SecretError`."""
    username, _, password = read_token(config.series_token_file).rpartition(":")
    if password and not config.insecure_dev:
        check_guessable("series_token_file", password, username)
    return SeriesConfig(
        gateway=config.gateway_name,
        days=config.series_days,
        url=config.series_url,
        api=config.series_api,
        bucket=config.series_bucket,
        org=config.series_org,
        token_file=config.series_token_file,
        ca_file=config.series_ca_file,
        outbox_mb=config.series_outbox_mb,
    )


class Gateway:
    """All parts of a gateway in this process. `start`, then `stop`; or `async with`.

    `sites` and `source` replace what the configuration names, for a program that has them in the same process. Without
    `http` nothing listens.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        sites: Sequence[Site] | None = None,
        source: Source | None = None,
        http: HttpFactory | None = None,
        clock: Clock = system_clock,
        step: Step = pass_by,
    ) -> None:
        self.config = config
        self._sites = {site.id: site for site in (load_sites(config) if sites is None else sites)}
        self._models = load_models(config, self._sites.values())
        self._clock = clock
        self._http = http
        self._url = config.database_url.get_secret_value()
        holder = f"gateway-{secrets.token_hex(8)}"
        ttl_s = config.lease_ttl_s
        tick_s = min(TICK_S, TICK_S * ttl_s / LEASE_TTL_S)
        rules = FoldRules(
            checkpoint_entries=config.checkpoint_entries, checkpoint_s=config.checkpoint_s, keep_log=config.keep_log
        )
        with told(self._url):
            self.database = Database(self._url)
        self.feed = ChangeFeed()
        self.queries = Queries(self.database, clock, self.counters)
        self.source: Source = mqtt_source(config, clock) if source is None else source
        self.relay = Relay(self.database, self.feed, holder, clock, step=step, ttl_s=ttl_s)
        self.fold = FoldProcess(
            self.database,
            self._sites,
            holder,
            clock,
            rules=rules,
            times=LeaseTimes(ttl_s=ttl_s, tick_s=tick_s),
            committed=self.relay.wake,
            step=step,
        )
        self.sold = SoldTeller(
            self.database, self._sites, self.source, clock, grace_s=config.sold_grace_s, holds=self.fold.holds
        )
        findings = load_findings(config)
        self.fleet = FleetPart(self.database, self.source, holder, clock, ttl_s=ttl_s, findings=findings)
        self.ingest = Ingest(
            self.source,
            self.database,
            self._sites,
            clock,
            wake=self.fold.wake,
            heard=self._heard,
            reported=self.fleet.process.reported,
            step=step,
        )
        self.channels = Channels(self.database, clock, self.relay, self._logged)
        self.exceptions = ExceptionsProcess(
            self.database,
            self._sites,
            clock,
            random_ids(clock),
            holds=self.fold.holds,
            committed=self.channels.alarm_boards.wake,
        )
        self.push = Push(
            self.database,
            self.queries,
            self.feed,
            self.source,
            holder=holder,
            clock=clock,
            allow_private=config.webhook_allow_private,
            ttl_s=ttl_s,
            step=step,
        )
        self.replenishment = Replenishment(
            self.database,
            self._sites,
            holder,
            clock,
            self.feed,
            ttl_s=LEASE_S * ttl_s / LEASE_TTL_S,
            committed=self._tasks_moved,
            step=step,
        )
        self.retention = Retention(self.database, self._sites.values(), clock)
        self.refill = RefillBoard(self.database, clock, self.replenishment)
        self.series = self._time_series(holder, ttl_s)
        self.identity = IdentityPart(
            self.database,
            clock,
            ca_dir=config.ca_dir,
            files_dir=config.broker_files_dir,
            broker=config.broker_public_url,
        )
        self.http_url: str | None = None
        self._http_stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()

    def _time_series(self, holder: str, ttl_s: float) -> SeriesPart:
        try:
            return SeriesPart(
                self.database,
                self._url,
                holder,
                self._clock,
                config=series_config(self.config),
                counters=self.counters,
                shelves=shelves_of(self.replenishment),
                ttl_s=ttl_s,
            )
        except ServerError as error:
            raise ConfigError(str(error)) from error

    def _logged(self, site: str) -> None:
        self.fold.wake(site)
        self.sold.wake()

    def _heard(self, state: EdgeState) -> None:
        self.sold.heard(state)
        self.fleet.process.state(state)

    def _tasks_moved(self) -> None:
        boards = self.channels.services.boards
        if boards is not None:
            boards.wake()

    def counters(self) -> dict[str, int]:
        """Return the counters of this process."""
        connected = {"source_connected": int(self.source.connected)}
        mine = self.ingest.counters() | self.fold.counters() | self.relay.counters()
        mine |= self.exceptions.counters() | self.replenishment.counters() | self.retention.counters()
        mine |= self.series.counters() | self.identity.counters()
        mine |= self.fleet.counters()
        return mine | self.channels.counters() | self.push.counters() | self.sold.counters() | connected

    def one_line(self) -> str:
        """Return how this process is, for the service manager's status line."""
        folded = sum(self.fold.holds(site) for site in self._sites)
        broker = "connected" if self.source.connected else "away"
        taken = self.ingest.counters()["appended"]
        return f"{len(self._sites)} sites, {folded} folded here; broker {broker}; {taken:,} messages taken"

    async def start(self) -> None:
        """Bring the database up to date, make the sites known, and run every part. Raises `DatabaseError`."""
        revision = await asyncio.to_thread(bring_up_to_date, self._url)
        async with self.database.write() as connection:
            for name, site in sorted(self._sites.items()):
                await register_site(connection, site, self._clock())
                await register_model(connection, name, encode_entry(self._models.get(name)), self._clock())
        await self.identity.begin()
        _log.info("gateway_starts", sites=sorted(self._sites), models=sorted(self._models), revision=revision)
        if self.config.insecure_dev:
            _log.warning("insecure_dev", says="open brokers and well-known secrets are taken: never in production")
        elif isinstance(self.source, MqttSource) and not (
            self.config.broker_username_file or self.config.broker_cert_file
        ):
            _log.warning("broker_without_login", mend="docs/identity.md: mutual TLS")
        if self._http is not None:
            keys_exist = await self.channels.keys_exist()
            socket = listen(self.config.http_host, self.config.http_port, keys_exist=keys_exist)
            self.http_url = url_of(socket)
            services = replace(
                self.channels.services,
                webhooks=self.push.desk,
                feeds=self.push.feeds,
                refill=self.refill,
                figures=self.series.reader,
                requests=self.series.requests,
                fleet=self.fleet.desk,
                fleet_board=self.fleet.board,
                enrolment=self.identity.enrolment,
            )
            application = self._http(self.queries, self.feed, services=services)
            _log.info("http_listens", url=self.http_url)
            self._spawn("http", serve(application, socket, stop=self._http_stop))
        self._spawn("relay", self.relay.run())
        self._spawn("sweeper", self.channels.sweeper.run())
        self._spawn("task_sweeper", self.channels.task_sweeper.run())
        self._spawn("fades", self.channels.fades.run())
        self._spawn("unserved", self.channels.unserved.run())
        self._spawn("pairing", self.channels.pairing.run())
        self._spawn("exceptions", self.exceptions.run())
        self._spawn("replenishment", self.replenishment.run())
        self._spawn("retention", self.retention.run())
        self._spawn("identity", self.identity.run())
        self._spawn("series", self.series.run())
        if self.series.sending is not None:
            self._spawn("series_sending", self.series.send())
        self._spawn("push", self.push.run())
        self._spawn("sold", self.sold.run())
        self._spawn("fleet", self.fleet.process.run())
        self._spawn("fold", self.fold.run())
        self._spawn("ingest", self.ingest.run())

    def _spawn(self, name: str, part: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(part, name=f"gateway-{name}")
        task.add_done_callback(lambda _: self._ended.set())
        self._tasks[name] = task

    async def wait_ended(self) -> None:
        """Return, or raise what it raised, when a part ends by itself; a part that is needed never should."""
        await self._ended.wait()
        for task in self._tasks.values():
            if task.done():
                await task

    async def stop(self) -> None:
        """Stop the parts in the order of the flow; then close the database. Safe to call twice."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("fold", self.fold.stop),
            ("sweeper", self.channels.sweeper.stop),
            ("task_sweeper", self.channels.task_sweeper.stop),
            ("fades", self.channels.fades.stop),
            ("unserved", self.channels.unserved.stop),
            ("exceptions", self.exceptions.stop),
            ("replenishment", self.replenishment.stop),
            ("retention", self.retention.stop),
            ("relay", self.relay.stop),
            ("push", self.push.stop),
            ("sold", self.sold.stop),
            ("fleet", self.fleet.process.stop),
            ("http", self._http_stop.set),
            ("pairing", self.channels.pairing.stop),
            ("identity", self.identity.stop),
            ("series", self.series.stop),
            ("series_sending", self.series.stop),
        )
        await self.source.close()
        await self._join("ingest")
        for name, stop in steps:
            stop()
            await self._join(name)
        await self.channels.close()
        await self.database.close()

    async def _join(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is None:
            return
        _, pending = await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
        if pending:
            _log.warning("stop_cut_short", part=name, after_s=STOP_TIMEOUT_S)
            task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        if isinstance(results[0], Exception):
            _log.error("part_failed", part=name, error=repr(results[0]))

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def run_gateway(config: GatewayConfig, http: HttpFactory | None = None) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises what a part raised, so that a supervisor starts it again."""
    configure_log(config.log_level)
    asyncio.run(_run(config, http, service_manager()))


async def _run(config: GatewayConfig, http: HttpFactory | None, manager: ServiceManager) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with Gateway(config, http=http) as gateway:
        fewer_pauses()
        manager.say("READY=1")
        beside = {
            asyncio.create_task(keep_watchdog(manager, lambda within_s: answers(gateway.database, within_s))),
            asyncio.create_task(keep_status(manager, gateway.one_line)),
        }
        waits = {asyncio.create_task(asked.wait()), asyncio.create_task(gateway.wait_ended())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        manager.say("STOPPING=1")
        for task in pending | beside:
            task.cancel()
        await asyncio.gather(*pending, *beside, return_exceptions=True)
        for task in done:
            task.result()
        _log.info("gateway_stops", asked=asked.is_set())
