"""The broker is away for long while 1,000 observations come each second: all of them arrive, and live data first.

A whole edge, a real Mosquitto that keeps nothing, the gateway's own ingest on a real database. `make test` lets the
minute pass on the edge's clocks only; `make proof` waits ten real ones.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from edge.daemon import EdgeDaemon
from edge.drivers.port import Host
from edge.limits import LIVE_BACKLOG_S
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from tests.edge.fake_driver import FakeDriver, small_site, tag_read
from tests.edge.real_gateway import RealGateway
from tests.edge.uplink_sides import until
from tests.servers.mosquitto import Mosquitto

RATE = 1_000
SEEN_S = 2.0
LIVE, BACKLOG = b"L", b"B"


class Clocks:
    """The host's clocks, which a test may put forward together."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def host(self) -> Host:
        return Host(
            wall_us=lambda: time.time_ns() // 1_000 + round(self.ahead_s * 1e6),
            monotonic_s=lambda: time.monotonic() + self.ahead_s,
            rng=random.Random(1),
        )


@dataclass
class Store:
    """An edge that runs, and what was pushed into it."""

    daemon: EdgeDaemon
    driver: FakeDriver
    host: Host
    clocks: Clocks
    pushed: int = 0

    def read(self, count: int, mark: bytes) -> None:
        now_us = self.host.wall_us()
        first, self.pushed = self.pushed, self.pushed + count
        self.driver.push(*(tag_read(mark + i.to_bytes(11, "big"), at_us=now_us) for i in range(first, self.pushed)))

    async def live(self, mark: bytes, done: Callable[[], bool]) -> None:
        """`RATE` observations a second in real time, until `done`."""
        next_s = time.monotonic()
        while not done():
            self.read(RATE // 20, mark)
            next_s += 1 / 20
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    async def skip(self, seconds: int) -> None:
        """The same, with the clocks put forward: one full window after the other."""
        for _ in range(seconds):
            self.clocks.ahead_s += 1.0
            self.read(RATE, BACKLOG)
            self.daemon._pipeline.close()
            stored = self.pushed
            await until(lambda stored=stored: self.daemon.stats().outbox.accepted_observations == stored, "a commit")


@asynccontextmanager
async def open_store(folder: Path, broker: Mosquitto) -> AsyncIterator[Store]:
    clocks = Clocks()
    host = clocks.host()
    driver = FakeDriver("R1")
    log = structlog.get_logger()
    daemon = EdgeDaemon(
        small_site(),
        "edge-1",
        drivers={"R1": driver},
        uplink=lambda site, edge: MqttUplink(parse_broker_url(broker.url), site, edge, host, log=log),
        outbox_path=folder / "outbox.db",
        host=host,
        log=log,
    )
    await daemon.start()
    try:
        yield Store(daemon, driver, host, clocks)
    finally:
        await daemon.stop()


async def first_live_s(gateway: RealGateway, store: Store, since_s: float) -> float:
    """Keep the readers reading until the gateway has committed a tag that was read after the outage."""
    seen_s: list[float] = []

    async def watch() -> None:
        while not await gateway.holds(LIVE):  # noqa: ASYNC110 - another task commits
            await asyncio.sleep(0.01)
        seen_s.append(time.monotonic() - since_s)

    watching = asyncio.create_task(watch())
    await store.live(LIVE, watching.done)
    await watching
    return seen_s[0]


async def outage(folder: Path, away: Callable[[Store], object]) -> float:
    """Cut the broker, let `away` happen, bring it back; return after how many seconds live data was seen."""
    broker = Mosquitto(folder, options=("persistence false",))
    await asyncio.to_thread(broker.start)
    gateway = RealGateway(folder, broker.port)
    try:
        await gateway.create()
        await gateway.start()
        async with open_store(folder, broker) as store:
            store.read(RATE, BACKLOG)
            await until(lambda: gateway.arrivals > 0, "data before the outage", 60)
            await asyncio.to_thread(broker.kill)
            await gateway.crash()
            await until(lambda: not store.daemon.stats().connected, "the loss of the broker", 60)
            await away(store)  # type: ignore[misc]
            backlog = store.daemon.stats().waiting_rows
            assert backlog > LIVE_BACKLOG_S
            await asyncio.to_thread(broker.start)
            since_s = time.monotonic()
            await gateway.start()
            live_s = await first_live_s(gateway, store, since_s)
            await until(lambda: not store.daemon.stats().waiting_rows, "all of the backlog", 120)
        stats = store.daemon.stats()
        assert stats.delivery.new_streams == 2
        assert stats.outbox.accepted_observations == store.pushed
        assert (stats.outbox.evicted_rows, stats.intake.dropped_rows) == (0, 0)
        epcs = await gateway.epcs()
        assert (epcs.total(), len(epcs)) == (store.pushed, store.pushed)
        assert await gateway.gaps() == []
        return live_s
    finally:
        await gateway.close()
        await asyncio.to_thread(broker.kill)


async def test_a_minute_without_a_broker_loses_nothing_and_live_data_comes_first(tmp_path: Path) -> None:
    live_s = await outage(tmp_path, lambda store: store.skip(61))
    assert live_s < SEEN_S


@pytest.mark.proof
@pytest.mark.timeout(1_200)
async def test_ten_minutes_without_a_broker_lose_nothing_and_live_data_comes_first(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def ten_minutes(store: Store) -> None:
        until_s = time.monotonic() + 600.0
        await store.live(BACKLOG, lambda: time.monotonic() > until_s)

    live_s = await outage(tmp_path, ten_minutes)
    record_property("live_data_seen_after_s", round(live_s, 2))
    assert live_s < SEEN_S
