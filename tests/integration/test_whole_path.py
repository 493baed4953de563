"""Readers over real LLRP -> edge -> real Mosquitto -> `lastunit gateway` -> real PostgreSQL, with kill -9 in between.

The edge and the simulated store run here; the gateway is a process of its own, killed without warning while batches
are on their way, and the network delivers every frame twice. What must hold afterwards: every observation that the
outbox accepted is in the input log, once; and what stands in the database equals, byte for byte, a fold of the same
log that nobody ever killed.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from edge.daemon import EdgeDaemon, EdgeStats
from edge.drivers import build_driver
from edge.drivers.port import Host
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from gateway.fold.folder import Folder
from gateway.fold.state import FoldState
from gateway.ledger.verify import verify
from gateway.storage.engine import Database
from gateway.storage.input_log import Entry, Kind, entries_after
from gateway.storage.schema import checkpoint, item, movement, site_fold, stock_count
from simulator.reader.live_store import LiveStore
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.integration.echo import Echo
from tests.integration.gateway_process import GatewayProcess
from tests.servers.mosquitto import Mosquitto
from wire.messages import ReadBatch, decode_durable
from wire.site import OUT, Site

LOG = structlog.get_logger("edge")
SITE_FILE = Path(__file__).parents[2] / "simulator" / "sites" / "main-street.yaml"


def system_host() -> Host:
    return Host(wall_us=lambda: time.time_ns() // 1_000, monotonic_s=time.monotonic, rng=random.Random(7))


def daemon(site: Site, broker: str, outbox: Path) -> EdgeDaemon:
    host = system_host()
    address = parse_broker_url(broker)
    return EdgeDaemon(
        site,
        site.edges()[0],
        drivers={device.id: build_driver(device, site, host) for device in site.devices},
        uplink=lambda name, edge: MqttUplink(address, name, edge, host, log=LOG),
        outbox_path=outbox,
        host=host,
        log=LOG,
    )


async def run(
    site: Site, broker: Mosquitto, gateway: GatewayProcess, folder: Path, lives_s: Sequence[float]
) -> EdgeStats:
    """Let the store live; kill the gateway after each of `lives_s` but the last; then let everything drain."""
    store = Store(site, "realistic", seed=3, busy=8, haste=4)
    async with LiveStore(site, store) as live:
        edge = daemon(live.site, broker.url, folder / "outbox.db")
        await edge.start()
        living = asyncio.create_task(live.run())
        for life_s in lives_s[:-1]:
            await asyncio.sleep(life_s)
            gateway.kill()
            await asyncio.to_thread(gateway.start)
        await asyncio.sleep(lives_s[-1])
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        await edge.stop(drain_s=60.0)
        return edge.stats()


async def logged(database: Database, site: str) -> list[Entry]:
    entries: list[Entry] = []
    while True:
        async with database.read() as connection:
            page = await entries_after(connection, site, len(entries), 500)
        if not page:
            return entries
        entries += page


async def applied(database: Database, site: str) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(site_fold.c.applied_n).where(site_fold.c.site == site)) or 0)


def observations(entries: list[Entry]) -> int:
    messages = [decode_durable(entry.body) for entry in entries if entry.kind is Kind.DATA]
    return sum(len(message.observations()) for message in messages if isinstance(message, ReadBatch))


async def compare_with_an_unbroken_fold(database: Database, site: str, entries: list[Entry]) -> int:
    """Fold the log from entry 1 in one go; compare with what the killed gateways left. Return the movements."""
    folder = Folder(FoldState())
    movements = [made for entry in entries for made in folder.fold(entry).movements]
    async with database.read() as connection:
        saved = await connection.scalar(
            select(checkpoint.c.state).where(checkpoint.c.site == site, checkpoint.c.n == len(entries))
        )
        ledger = [
            (row.m, row.n, row.gtin, row.serial, row.credit, row.debit, row.happened_us, row.decided_us)
            for row in await connection.execute(select(movement).where(movement.c.site == site).order_by(movement.c.m))
        ]
        counts = {
            (row.gtin, row.zone): row.quantity
            for row in await connection.execute(select(stock_count).where(stock_count.c.site == site))
            if row.quantity
        }
        places = {
            (row.gtin, row.serial): row.zone
            for row in await connection.execute(select(item).where(item.c.site == site))
        }
    assert saved is not None, "a gateway that stops politely leaves a checkpoint of all that it folded"
    assert bytes(saved) == folder.state.snapshot()
    assert ledger == [(m.m, m.n, m.gtin, m.serial, m.credit, m.debit, m.happened_us, m.decided_us) for m in movements]
    assert counts == folder.state.counts()
    assert places == {
        (key.gtin, key.serial): place
        for key, place in zip(folder.state.items, folder.state.places, strict=True)
        if place
    }
    assert sum(counts.values()) == sum(place != OUT for place in places.values())
    return len(movements)


async def check_run(folder: Path, broker: Mosquitto, url: str, lives_s: Sequence[float]) -> None:
    site = read_demo_site("main-street")
    gateway = GatewayProcess(folder, sites=[SITE_FILE], broker=broker.url, database=url)
    with gateway, Echo(broker.url) as echo:
        stats = await run(site, broker, gateway, folder, lives_s)
        assert await asyncio.to_thread(gateway.stop) == 0
    database = Database(url)
    try:
        entries = await logged(database, site.id)
        assert await applied(database, site.id) == len(entries)
        assert gateway.starts == len(lives_s)
        assert echo.repeated > len(lives_s)
        assert stats.waiting_rows == 0
        assert stats.outbox.evicted_rows == 0
        accepted = stats.outbox.accepted_observations
        assert accepted > 50 * len(lives_s)
        assert sum(entry.kind is Kind.DATA for entry in entries) == stats.outbox.accepted_rows
        assert observations(entries) == accepted
        assert await compare_with_an_unbroken_fold(database, site.id, entries) > 100
        verdict = await verify(database, site.id)
        assert verdict.good, verdict.shown
    finally:
        await database.close()


async def test_kill_9_of_the_gateway_loses_and_doubles_nothing(
    tmp_path: Path, mosquitto: Mosquitto, database_url: str
) -> None:
    await check_run(tmp_path, mosquitto, database_url, (4.0, 3.0, 6.0))


@pytest.mark.proof
@pytest.mark.timeout(1_800)
async def test_twenty_kills_lose_and_double_nothing(tmp_path: Path, mosquitto: Mosquitto, database_url: str) -> None:
    moments = random.Random(11)
    await check_run(tmp_path, mosquitto, database_url, [moments.uniform(1.0, 6.0) for _ in range(20)] + [10.0])
