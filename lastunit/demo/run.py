"""The demo, put together: simulated readers -> LLRP -> edges -> MQTT -> gateway -> HTTP, in one process."""

import asyncio
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import func, select

from edge.daemon import EdgeStats
from edge.drivers.port import Host
from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import GatewayConfig
from gateway.http.app import create_app
from gateway.storage.schema import item
from lastunit.client import LastUnitClient
from lastunit.demo.broker import EmbeddedBroker
from lastunit.demo.cells import Cell, cell_exact
from lastunit.demo.figures import DemoFigures, latency_figures
from lastunit.demo.stage import DemoStore
from lastunit.demo.watch import StreamWatcher
from simulator.sites import demo_sites, read_demo_site
from simulator.store import Store

DRAIN_S: Final = 20.0
"""After the readers stopped, so long the edges may take to hand over what their outboxes hold."""
JOIN_EVERY_S: Final = 1.0
PROGRESS_EVERY_S: Final = 10.0
SIMULATED_HOURS: Final = 12.0
BUSY: Final = 4.0
"""Four times the shoppers of an ordinary hour, so that a minute shows something."""
HASTE: Final = 3.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`seconds` None: until Ctrl-C. `port` 0: any free one."""

    seconds: float | None = None
    port: int = 0
    level: str = "realistic"
    seed: int = 1


Say = Callable[[str], None]
Part = asyncio.Task[None]


async def run_demo(options: DemoOptions, say: Say) -> DemoFigures:
    """Run the demo and return its figures. `say` is given progress, a line at a time."""
    host = Host(wall_us=lambda: time.time_ns() // 1_000, monotonic_s=time.monotonic, rng=random.Random(options.seed))
    watcher = StreamWatcher(host.wall_us)
    stopping = _stop_signals()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lastunit-demo-")))
        stores = await _open_stores(options, host, watcher, stack, say)
        broker = await stack.enter_async_context(EmbeddedBroker())
        say(f"broker        {broker.url} (amqtt, in this process)")
        gateway = await stack.enter_async_context(
            Gateway(_config(broker.url, folder, options.port), sites=[store.site for store in stores], http=create_app)
        )
        for store in stores:
            await import_catalogue(gateway.database, store.catalogue_csv(), host.wall_us())
        assert gateway.http_url is not None
        client = await stack.enter_async_context(LastUnitClient(gateway.http_url))
        for store in stores:
            await store.open(broker.url, folder)
        say(f"\n  Open  {gateway.http_url}/   (Ctrl-C ends the demo)\n")
        started_s = time.monotonic()
        # The stream is followed until the drain is over: what comes late is seen late, not never.
        async with _running(watcher.watch(client), _join_on(watcher, gateway)) as watching:
            async with _running(_progress(stores, gateway, watcher, say)) as progress:
                await _live(options, stores, gateway, stopping, watching + progress)
            ran_s = time.monotonic() - started_s
            say("stopping: the edges hand over what their outboxes hold ...")
            stats = [figures for store in stores for figures in await store.close_edges(DRAIN_S)]
            await _settle(gateway, stats)
        await watcher.join(gateway.queries, everything=True)
        return await _figures(ran_s, stores, stats, gateway, client, watcher)


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _config(broker_url: str, folder: Path, port: int) -> GatewayConfig:
    return GatewayConfig(
        database_url=SecretStr(f"sqlite:///{folder / 'gateway.db'}"), broker_url=SecretStr(broker_url), http_port=port
    )


async def _open_stores(
    options: DemoOptions, host: Host, watcher: StreamWatcher, stack: AsyncExitStack, say: Say
) -> list[DemoStore]:
    stores = []
    for number, name in enumerate(demo_sites()):
        site = read_demo_site(name)
        store = Store(site, options.level, seed=options.seed + number, hours=SIMULATED_HOURS, busy=BUSY, haste=HASTE)
        shown = DemoStore(site, store, host, on_went=watcher.went, on_reported=watcher.reported)
        await stack.enter_async_context(shown)
        say(
            f"store         {site.id} {site.name}: {sum(shown.truth().values()):,} garments, "
            f"{len(site.devices)} readers on {', '.join(device.address for device in shown.site.devices[:2])} ..."
        )
        stores.append(shown)
    return stores


async def _live(
    options: DemoOptions, stores: list[DemoStore], gateway: Gateway, stopping: asyncio.Event, others: list[Part]
) -> None:
    """Let the stores live until the time is over or a signal comes. Raises what a part that failed raised."""
    async with _running(*(store.live() for store in stores), gateway.wait_ended()) as tasks:
        stop = asyncio.create_task(stopping.wait())
        done, _ = await asyncio.wait(
            {*tasks, *others, stop}, timeout=options.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        stop.cancel()
        for task in done:
            task.result()


@asynccontextmanager
async def _running(*parts: Coroutine[None, None, None]) -> AsyncIterator[list[Part]]:
    """Run parts in the background as long as the context lasts."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _join_on(watcher: StreamWatcher, gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(JOIN_EVERY_S)
        await watcher.join(gateway.queries)


async def _progress(stores: list[DemoStore], gateway: Gateway, watcher: StreamWatcher, say: Say) -> None:
    while True:
        await asyncio.sleep(PROGRESS_EVERY_S)
        up = [store.edges_up() for store in stores]
        sites = (await gateway.queries.health()).sites
        present = sum(site.items_present for site in sites)
        say(
            f"readers {sum(one for one, _ in up)}/{sum(all_ for _, all_ in up)} up, {present:,} garments counted, "
            f"{watcher.events:,} changes pushed"
        )


async def _settle(gateway: Gateway, stats: list[EdgeStats]) -> None:
    """Wait until the fold and the relay have done with everything that the edges handed over."""
    wanted = sum(edge.outbox.accepted_observations for edge in stats)
    until_s = time.monotonic() + DRAIN_S
    while time.monotonic() < until_s:
        health = await gateway.queries.health()
        logged = sum(site.figures.get("observations", 0) for site in health.sites)
        if logged >= wanted and not any(site.behind for site in health.sites) and not health.feed.waiting:
            return
        await asyncio.sleep(0.1)


async def _figures(  # noqa: PLR0917 - the six that measured
    ran_s: float,
    stores: list[DemoStore],
    stats: list[EdgeStats],
    gateway: Gateway,
    client: LastUnitClient,
    watcher: StreamWatcher,
) -> DemoFigures:
    truth: Counter[Cell] = sum((store.truth() for store in stores), Counter())
    counted: Counter[Cell] = Counter()
    for store in stores:
        stock = await client.site_stock(store.site.id)
        for style in stock.styles:
            for row in style.colours:
                for cell in row.cells:
                    counted.update({(stock.site, cell.gtin, zone): units for zone, units in cell.zones.items()})
    sites = (await gateway.queries.health()).sites
    accepted = sum(edge.outbox.accepted_observations for edge in stats)
    return DemoFigures(
        seconds=round(ran_s, 1),
        reads=sum(edge.pipeline.reads for edge in stats),
        observations=accepted,
        batches_sent=sum(edge.outbox.accepted_rows for edge in stats),
        batches_acked=sum(edge.delivery.acked_rows for edge in stats),
        lost=accepted - sum(site.figures.get("observations", 0) for site in sites),
        items_seen=await _items_seen(gateway),
        items_in_stores=sum(truth.values()),
        movements=sum(site.figures.get("movements", 0) for site in sites),
        cell_exact=round(cell_exact(counted, truth), 4),
        **latency_figures(watcher.meter),  # type: ignore[arg-type]
    )


async def _items_seen(gateway: Gateway) -> int:
    async with gateway.database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(item)) or 0)
