"""The whole gateway: tag reads come in, a refill task goes out by HTTP, tag reads close it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import GatewayConfig
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from tests.gateway.replenishment.refill_rig import CATALOGUE
from tests.gateway.replenishment.test_refill_reads import SURVEYED
from tests.gateway.small_store import BACK, DATA, FLOOR, SHIRT_S, SITE, T0_US, ManualClock, epc, frame, reads
from tests.gateway.wait import until

IN_BACK = [(BACK, 1), (BACK, 2), (BACK, 3)]


class Running:
    """A gateway in this process, its broker, and the edge that sends reads to it."""

    def __init__(self, url: str) -> None:
        self.clock = ManualClock()
        self.broker = MemoryBroker()
        self.source = MemorySource(self.broker, self.clock)
        config: dict[str, Any] = {"database_url": url, "http_port": 0, "lease_ttl_s": 0.3}
        self.gateway = Gateway(
            GatewayConfig(**config), sites=[SURVEYED], source=self.source, http=create_app, clock=self.clock
        )
        self.second = 0
        self.http: httpx.AsyncClient

    async def pass_by(self, seconds: int, places: Iterable[tuple[int, int]]) -> None:
        """Let time pass with these items read: (antenna, serial); come back when all of it is folded."""
        seen = [(antenna, epc(SHIRT_S, serial)) for antenna, serial in places]
        end = self.second + seconds
        while self.second < end:
            for _ in range(5):  # less than what an antenna may be silent
                self.clock.advance(1)
                self.broker.send(DATA, frame(reads(self.second, seen), self.second + 1))
                self.second += 1
            await until(self._folded)

    def _folded(self) -> bool:
        fold = self.gateway.fold.folds.get(SITE.id)
        return fold is not None and fold.state.figures.get("read_batches", 0) >= self.second

    async def until_total(self, total: int, places: Iterable[tuple[int, int]]) -> dict[str, Any]:
        """Let time pass until there are so many rounds; return them. Twenty minutes are a limit, no promise."""
        given = list(places)
        while (found := await self.ask("/v1/replenishment"))["total"] != total:
            assert self.second < 1_200
            await self.pass_by(20, given)
            self.gateway.replenishment.wake()
        return found

    async def ask(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path, params={"site": SITE.id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def open_gateway(url: str) -> AsyncIterator[Running]:
    running = Running(url)
    async with running.gateway as gateway:
        await import_catalogue(gateway.database, CATALOGUE, T0_US)
        await until(lambda: running.source.connected and gateway.fold.holds(SITE.id))
        async with httpx.AsyncClient(base_url=str(gateway.http_url), trust_env=False, timeout=60) as running.http:
            yield running


async def test_from_tag_reads_to_a_round_and_back(sqlite_url: str) -> None:
    async with open_gateway(sqlite_url) as shop:
        opened = await shop.until_total(1, IN_BACK)
        (line,) = opened["rounds"][0]["picks"]
        assert (line["gtin"], line["units"], line["from_zones"]) == (SHIRT_S, 2, ["BACK"])
        assert (await shop.ask("/v1/tasks"))["tasks"][0]["id"] == line["task"]
        assert shop.second > 120  # a shortage has to last
        await shop.until_total(0, [(FLOOR, 1), (FLOOR, 2), (BACK, 3)])
        counted = shop.gateway.counters()
        assert (counted["refill_tasks_opened"], counted["refill_tasks_closed_by_reads"]) == (1, 1)
        assert (counted["refill_failures"], counted["refill_fenced"]) == (0, 0)
