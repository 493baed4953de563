"""The time series of a gateway, put together: stores, looks, and what is sent to a server.

Part of the composition root (`gateway.app`).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import Clock
from gateway.ledger.series import newest_of_all
from gateway.limits import LEASE_TTL_S
from gateway.series.deployment import DeploymentLook
from gateway.series.embedded import Embedded
from gateway.series.influx import Sender, Sending
from gateway.series.influx_http import Api, V1Sender, V2Sender, read_token
from gateway.series.limits import MIB, OUTBOX_MAX_BYTES, RETENTION_DAYS
from gateway.series.look import Counters, Look
from gateway.series.looks_devices import EdgeLook
from gateway.series.looks_fleet import FleetLook
from gateway.series.looks_ledger import EventsLook, GapsLook, MovementsLook, PostingsLook
from gateway.series.looks_people import ALARMS_OPEN, AlarmsLook, BacklogLook, HoldsLook, TaskFlowLook
from gateway.series.looks_pipeline import AccuracyLook, FoldLook, PipelineLook, PushLook, RequestsLook, StoreLook
from gateway.series.looks_stock import SiteLook, StockLook, SumsLook, ZoneLook
from gateway.series.looks_truth import BooksLook, Checker, in_a_thread
from gateway.series.outbox import Outbox
from gateway.series.port import Reader, Sink
from gateway.series.process import SeriesProcess, Slowest
from gateway.series.requests import Requests
from gateway.series.shelf import ShelfLook, Shelves, no_shelves
from gateway.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesConfig:
    """What can be set of the time series. `url` empty: no server, the embedded store alone."""

    gateway: str = "gateway"
    days: int = RETENTION_DAYS
    url: str = ""
    api: Api = "v2"
    bucket: str = "lastunit"
    org: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    outbox_mb: int = OUTBOX_MAX_BYTES // MIB


def sender_of(config: SeriesConfig) -> Sender | None:
    """Return a sender to the configured server, None without one. Raises `ServerError`."""
    if not config.url:
        return None
    token = read_token(config.token_file)
    if config.api == "v1":
        return V1Sender(config.url, config.bucket, token, ca_file=config.ca_file)
    return V2Sender(config.url, config.bucket, config.org, token, ca_file=config.ca_file)


class SeriesPart:
    """The time series of one process; `run` is to be run and, with a server, `send`.

    `counters` are those of the whole process. Raises `ServerError` for a server that cannot be used as configured.
    """

    def __init__(
        self,
        database: Database,
        url: str,
        holder: str,
        clock: Clock,
        *,
        config: SeriesConfig,
        counters: Counters,
        shelves: Shelves = no_shelves,
        checker: Checker | None = None,
        chance: Callable[[], float] = random.random,
        ttl_s: float = LEASE_TTL_S,
    ) -> None:
        self.requests = Requests()
        self._lag, self._took = Slowest(), Slowest()
        self.embedded = Embedded(database, days=config.days)
        self.sending: Sending | None = None
        self._outbox: Outbox | None = None
        sinks: list[Sink] = [self.embedded]
        sender = sender_of(config)
        if sender is not None:
            self._outbox = Outbox(clock, max_bytes=config.outbox_mb * MIB)
            sinks.append(self._outbox)
            self.sending = Sending(database, sender, clock, chance=chance, allowed=lambda: self.process.alone)
        self.books = BooksLook(checker or in_a_thread(url))
        looks = self._looks(clock, config.gateway, counters, shelves)
        wrote = (lambda: None) if self.sending is None else self.sending.wake
        self.process = SeriesProcess(
            database, looks, sinks, holder, clock, ttl_s=ttl_s, wrote=wrote, lag=self._lag, took=self._took
        )

    def _looks(self, clock: Clock, gateway: str, counters: Counters, shelves: Shelves) -> list[Look]:
        waiting = None if self._outbox is None else self._outbox.recount
        return [
            StockLook(clock, shelves),
            SiteLook(clock, ALARMS_OPEN),
            ZoneLook(clock),
            EdgeLook(clock),
            FleetLook(),
            FoldLook(clock),
            BacklogLook(),
            TaskFlowLook(),
            AlarmsLook(),
            MovementsLook(clock),
            PostingsLook(),
            GapsLook(),
            EventsLook(),
            DeploymentLook(gateway),
            PushLook(gateway),
            PipelineLook(gateway, counters, self._lag.take_ms),
            RequestsLook(gateway, self.requests),
            ShelfLook(shelves),
            SumsLook(),
            AccuracyLook(newest_of_all),
            HoldsLook(),
            self.books,
            StoreLook(gateway, self.counters, self._took.take_ms, waiting),
        ]

    @property
    def reader(self) -> Reader:
        """Where figures over time come from: the embedded store."""
        return self.embedded

    def counters(self) -> dict[str, int]:
        """Return the counters of the time series."""
        found = self.process.counters() | self.embedded.counters()
        found["series_failures"] += self.books.failures
        if self.sending is not None and self._outbox is not None:
            found |= self.sending.counters() | {"series_dropped": self._outbox.figures.series_dropped}
        return found

    async def run(self) -> None:
        """Take looks until `stop`, then wait for a check of the books that runs."""
        await self.process.run()
        await self.books.settle()

    async def send(self) -> None:
        """Send to the server until `stop`; without one, nothing."""
        if self.sending is not None:
            await self.sending.run()

    def stop(self) -> None:
        """Let `run` and `send` end."""
        self.process.stop()
        if self.sending is not None:
            self.sending.stop()
