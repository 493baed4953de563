"""Sold goods, from the till to the antenna: HTTP -> ledger -> real Mosquitto -> a whole edge, and back.

After its grace no read of a sold item leaves the edge, also when the edge was started anew; after its return its reads
do at once. Other items are read all the time.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import structlog
from pydantic import SecretStr

from edge.daemon import EdgeDaemon
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from gateway.app import Gateway
from gateway.config import GatewayConfig
from gateway.http.app import create_app
from gateway.storage.input_log import Kind, entries_after
from tests.edge.fake_driver import FakeDriver, tag_read
from tests.edge.uplink_sides import system_host
from tests.gateway.small_store import EDGE, SHIRT_M, SHIRT_S, SITE, epc
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto
from wire.messages import ReadBatch, decode_durable

LOG = structlog.get_logger("edge")
SOLD, OTHER = epc(SHIRT_S, 1), epc(SHIRT_M, 2)
GRACE_S = 1


class Store:
    """One edge with one reader that reads two items ten times a second, and a gateway that sells them."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        url = SecretStr(f"sqlite:///{folder}/gateway.db")
        settings = GatewayConfig(database_url=url, broker_url=SecretStr(broker.url), http_port=0, sold_grace_s=GRACE_S)
        self.gateway = Gateway(settings, sites=[SITE], http=create_app)
        self.edge = self.new_edge()

    def new_edge(self) -> EdgeDaemon:
        host = system_host()
        address = parse_broker_url(self.broker.url)
        self.driver = FakeDriver("R1", ports=(1, 2, 3, 4))
        return EdgeDaemon(
            SITE,
            EDGE,
            drivers={"R1": self.driver},
            uplink=lambda site, edge: MqttUplink(address, site, edge, host, log=LOG),
            outbox_path=self.folder / "outbox.db",
            host=host,
            log=LOG,
        )

    async def read_on(self) -> None:
        while True:
            if self.driver.running:
                now_us = time.time_ns() // 1_000
                self.driver.push(*(tag_read(code, port=2, at_us=now_us) for code in (SOLD, OTHER)))
            await asyncio.sleep(0.1)

    async def restart_edge(self) -> None:
        await self.edge.stop()
        self.edge = self.new_edge()
        await self.edge.start()

    async def windows(self, count: int) -> list[frozenset[bytes]]:
        """Return what was read in the next windows, so many, that begin after now and saw anything."""
        now_us, n = time.time_ns() // 1_000, 0
        found: list[frozenset[bytes]] = []
        async with asyncio.timeout(30):
            while len(found) < count:
                async with self.gateway.database.read() as connection:
                    entries = await entries_after(connection, SITE.id, n, 500)
                for entry in entries:
                    n = entry.n
                    message = decode_durable(entry.body) if entry.kind is Kind.DATA else None
                    if isinstance(message, ReadBatch) and message.window_start_us >= now_us and message.antenna:
                        found.append(frozenset(message.observations().epcs()))
                await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def open_store(folder: Path, broker: Mosquitto) -> AsyncIterator[Store]:
    store = Store(folder, broker)
    async with store.gateway:
        await store.edge.start()
        reading = asyncio.create_task(store.read_on())
        try:
            yield store
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await store.edge.stop()


async def said(client: httpx.AsyncClient, path: str, name: str) -> None:
    body: dict[str, Any] = {
        "source_event_id": name,
        "site": SITE.id,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "lines": [{"epc": SOLD.hex().upper()}],
    }
    answer = await client.post(path, json=body)
    assert answer.status_code in {200, 201}, answer.text


async def test_reads_of_a_sold_item_stay_in_the_edge_until_it_is_returned(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        async with (
            open_store(tmp_path, broker) as store,
            httpx.AsyncClient(base_url=store.gateway.http_url or "", timeout=60) as till,
        ):
            told = store.gateway.counters
            await until(lambda: told()["sold_lists"] == 1)
            assert await store.windows(1) == [{SOLD, OTHER}]

            await said(till, "/v1/sales", "sale-1")
            await until(lambda: store.edge.stats().pipeline.sold_reads)
            assert await store.windows(2) == [{OTHER}] * 2

            await store.restart_edge()
            await until(lambda: store.edge.stats().pipeline.sold_reads)
            assert await store.windows(2) == [{OTHER}] * 2

            await said(till, "/v1/returns", "return-1")
            await until(lambda: told()["sold_taken_back"] == 1)
            async with asyncio.timeout(30):
                while {SOLD, OTHER} not in await store.windows(1):
                    pass
