"""A chain of stores, end to end: tag reads go in over a real broker, everything else is asked over HTTP.

The gateway is the whole program in this process, with a clock that runs like the system's and can be let pass faster:
`live(seconds)` lets that much time pass in all stores, and their readers look once in each of those seconds.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.clock import iso, system_clock
from gateway.config import GatewayConfig
from gateway.http.app import create_app
from gateway.ledger.verify import verify
from tests.gateway.wait import until
from tests.scenarios.sites import BUYER, CATALOGUE, SHIRT_M, epc, sites
from tests.scenarios.store_radio import StoreRadio, all_settled
from tests.servers.mosquitto import Mosquitto

STEP_S: Final = 4
"""So far at most the clock is ahead of the reads: readers that are late by more than some seconds look nowhere now."""

SETTLE_S: Final = 12
"""Seconds of reads after which items that lie still have their zone, mostly for sure."""

LIVE_MAX_S: Final = 300
"""Seconds of reads that a scenario waits for: in five minutes the readers are sure of anything."""

SECOND_US: Final = 1_000_000


class ChainClock:
    """The system's clock, and how far ahead of it the chain is."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead_us


class Chain:
    """Stores with readers, and the gateway that they send to. All questions go over HTTP."""

    def __init__(
        self, gateway: Gateway, clock: ChainClock, radios: dict[str, StoreRadio], http: httpx.AsyncClient
    ) -> None:
        self.gateway, self.clock, self.http = gateway, clock, http
        self.stores = radios
        self._events = 0

    # -- time

    async def live(self, seconds: int) -> None:
        """Let time pass in all stores, and wait until the gateway has folded what their readers heard."""
        radios = list(self.stores.values())
        for second in range(1, seconds + 1):
            self.clock.ahead_us += SECOND_US
            for radio in radios:
                radio.look()
            if second % STEP_S == 0 or second == seconds:
                await all_settled(radios)
                await self._folded()

    async def opens(self, **units: int) -> None:
        """Let time pass until stores are looked at and offer so many shirts M (`store_mitte=2`)."""
        await self.settle()
        for store, offered in units.items():
            await self.live_until(store.replace("_", "-"), atp=offered)

    async def settle(self) -> None:
        """Let so much time pass that the readers have heard what lies still, and every store is looked at."""
        await self.live(SETTLE_S)

        async def blind() -> int:
            return sum(site["blind_zones"] for site in (await self.get("/healthz"))["sites"])

        await self.eventually(blind, lambda zones: zones == 0)

    async def live_until(self, site: str, gtin: str = SHIRT_M, **wanted: Any) -> None:
        """Let time pass until a site's row of a size says this, and no longer than `LIVE_MAX_S`."""
        await self.living(lambda: self.row(site, gtin), lambda row: {name: row[name] for name in wanted} == wanted)

    async def living(self, ask: Callable[[], Awaitable[Any]], good: Callable[[Any], object]) -> Any:
        """Let time pass until an answer is good, and no longer than `LIVE_MAX_S`; return it."""
        for _ in range(0, LIVE_MAX_S, STEP_S):
            if good(found := await ask()):
                return found
            await self.live(STEP_S)
        return await self.eventually(ask, good)  # the store is still; some part of the gateway may have to catch up

    def skip(self, seconds: float) -> None:
        """Let time pass in which nobody looks."""
        self.clock.ahead_us += round(seconds * SECOND_US)

    async def _folded(self) -> None:
        async def behind() -> int:
            health = await self.get("/healthz")
            return int(sum(site["behind"] for site in health["sites"]) + health["relay_waiting"])

        await self.eventually(behind, lambda waiting: waiting == 0)

    async def eventually(
        self, ask: Callable[[], Awaitable[Any]], good: Callable[[Any], object], wait_s: float = 60.0
    ) -> Any:
        """Ask again until the answer is good. Raises `AssertionError` after `wait_s`: a limit against hanging."""
        end = time.monotonic() + wait_s
        while not good(found := await ask()):
            assert time.monotonic() < end, f"still {found!r} after {wait_s} s"
            await asyncio.sleep(0.02)
        return found

    # -- HTTP

    async def get(self, path: str, **asked: Any) -> Any:
        answer = await self.http.get(path, params=asked)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self.ask(path, body, **headers)
        assert answer.status_code in {200, 201}, f"{path}: {answer.text}"
        return answer.json()

    async def ask(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Post, whatever the answer may be."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.http.post(path, headers=named)
        return await self.http.post(path, json=body, headers=named)

    async def tell(self, path: str, **body: Any) -> Any:
        """Say a stock operation that happens now, under a name of its own."""
        self._events += 1
        return await self.post(path, {"source_event_id": f"event-{self._events}", "at": iso(self.clock())} | body)

    async def row(self, site: str, gtin: str = SHIRT_M) -> Any:
        return await self.get("/v1/availability", gtin=gtin, site=site)

    async def atp(self, site: str, gtin: str = SHIRT_M) -> int:
        return int((await self.row(site, gtin))["atp"])

    async def offers(self, site: str, units: int, gtin: str = SHIRT_M) -> None:
        """Wait until a site offers so many units: what was told is decided, and channels hear of it a moment later."""
        await self.eventually(lambda: self.atp(site, gtin), lambda found: found == units)

    async def tasks(self, site: str, **asked: Any) -> list[Any]:
        return list((await self.get("/v1/tasks", site=site, **asked))["tasks"])

    async def item(self, serial: int, gtin: str = SHIRT_M) -> Any:
        return await self.get(f"/v1/items/{gtin}/{serial}")

    async def order(self, site: str = "auto", *, mode: str = "ship_from_store", units: int = 1, **more: Any) -> Any:
        """Hold shirts M at a site, or where the gateway chooses for a buyer in Mitte."""
        self._events += 1
        body: dict[str, Any] = {"lines": [{"gtin": SHIRT_M, "quantity": units, "site": site}], "mode": mode}
        if site == "auto":
            body["ship_to"] = BUYER
        return await self.post("/v1/reservations", body | more, Idempotency_Key=f"order-{self._events}")

    async def do(self, task: Any, act: str, **body: Any) -> Any:
        return await self.post(f"/v1/tasks/{task['id']}:{act}", body)

    async def steps(self, order: str) -> list[tuple[str, str]]:
        """What its channel heard of an order so far: site and step, in order."""
        told, cursor = [], 0
        while True:
            answer = await self.http.get("/v1/changes", params={"cursor": cursor, "limit": 1_000})
            assert answer.status_code == 200, answer.text
            told += [json.loads(line) for line in answer.text.splitlines()]
            if cursor == (cursor := int(answer.headers["next-cursor"])):
                return [(row["site"], row["step"]) for row in told if row.get("order_id") == order]

    async def hears(self, order: str, *steps: tuple[str, str]) -> None:
        """Wait until a channel has heard these steps of an order, and nothing else."""
        await self.eventually(lambda: self.steps(order), lambda told: told == list(steps))

    # -- goods

    def lay(self, site: str, zone: str, *serials: int, gtin: str = SHIRT_M) -> None:
        """Lay items into a zone of a store."""
        self.stores[site].put(zone, *(epc(gtin, serial) for serial in serials))

    def take(self, site: str, *serials: int, gtin: str = SHIRT_M) -> None:
        """Carry items out of a store, by no reader that would notice."""
        self.stores[site].take_away(*(epc(gtin, serial) for serial in serials))

    async def check(self) -> None:
        """The books of all stores are right: nothing was sold twice, and every hold has its units."""
        for site in self.stores:
            verdict = await verify(self.gateway.database, site)
            assert verdict.good, verdict.shown


async def cancelled(task: asyncio.Task[None]) -> None:
    """End a task of ours; raise what it raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def open_chain(folder: Path, database_url: str, *names: str) -> AsyncIterator[Chain]:
    """Start a broker, the gateway and the readers of these stores."""
    clock = ChainClock()
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        settings = GatewayConfig(
            database_url=SecretStr(database_url), broker_url=SecretStr(broker.url), http_port=0, lease_ttl_s=0.6
        )
        gateway = Gateway(settings, sites=sites(names), http=create_app, clock=clock)
        await stack.enter_async_context(gateway)
        await import_catalogue(gateway.database, CATALOGUE, clock())
        radios = {name: StoreRadio(broker.url, name, clock) for name in names}
        for radio in radios.values():
            await radio.open()
            stack.push_async_callback(radio.close)
            stack.push_async_callback(cancelled, asyncio.create_task(radio.read_on()))
        url = gateway.http_url or ""
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=20))
        await until(lambda: gateway.source.connected and all(gateway.fold.holds(name) for name in names))
        yield Chain(gateway, clock, radios, http)
