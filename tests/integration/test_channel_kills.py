"""kill -9 of gateways and of PostgreSQL while channels reserve, sell, adjust: what was answered 2xx is there, once.

Buyers keep a log of their own of what they were answered, and repeat under the same name whatever was not answered.
Afterwards the log is held against the database: every reservation is in the state that was answered last, every sale
and adjustment was posted once, and the ledger agrees with itself.
"""

import asyncio
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gateway.storage.commerce import posting, reservation
from gateway.storage.engine import Database
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE
from tests.integration.channel_shop import ChannelShop, digital_link, now, reservation_body
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres

BUYERS = 6
ITEMS = 60
CLIENT_ERRORS = (httpx.TransportError, json.JSONDecodeError)


@dataclass
class Answered:
    """What buyers were told, by the names that they gave."""

    holds: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    sales: dict[str, str] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    refused: int = 0


class Buyer:
    """Does one thing after the other until told to stop, each until it is answered."""

    def __init__(self, shop: ChannelShop, seed: int, items: list[int], told: Answered) -> None:
        self._shop = shop
        self._random = random.Random(seed)
        self._items = items
        self._told = told

    async def run(self, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while not stop.is_set():
                act = self._random.choice((self._hold, self._hold, self._sell, self._find))
                await act(http)

    async def _answer(self, http: httpx.AsyncClient, path: str, body: Any, **headers: str) -> httpx.Response:
        """Send until it is answered, whichever gateway is up."""
        while True:
            try:
                url = self._random.choice(self._shop.urls)
                answer = await http.post(f"{url}{path}", content=json.dumps(body), headers=headers | JSON)
                if answer.status_code < 500:
                    return answer
            except (*CLIENT_ERRORS, IndexError):
                pass
            self._told.repeats += 1
            await asyncio.sleep(0.05)

    async def _hold(self, http: httpx.AsyncClient) -> None:
        key = uuid.uuid4().hex
        body = json.loads(reservation_body(SHIRT_S))
        answer = await self._answer(http, "/v1/reservations", body, **{"idempotency-key": key})
        if answer.status_code == 409:
            self._told.refused += 1
            return
        assert answer.status_code == 201, answer.text
        name = answer.json()["id"]
        self._told.keys[key] = name
        self._told.holds[name] = "held"
        for verb, state in self._random.choice(((), CONFIRM, RELEASE, (*CONFIRM, *FULFIL), (*CONFIRM, *RELEASE))):
            done = await self._answer(http, f"/v1/reservations/{name}:{verb}", {})
            assert done.status_code == 200, f"{verb} of {name}: {done.text}"
            self._told.holds[name] = state

    async def _sell(self, http: httpx.AsyncClient) -> None:
        if not self._items:
            return
        serial, name = self._items.pop(), f"sale-{uuid.uuid4().hex}"
        lines = [{"epc": digital_link(SHIRT_M, serial)}]
        body = {"source_event_id": name, "site": SITE.id, "at": now(), "lines": lines}
        answer = await self._answer(http, "/v1/sales", body)
        assert answer.status_code in {200, 201}, answer.text
        self._told.sales[name] = str(serial)

    async def _find(self, http: httpx.AsyncClient) -> None:
        name, units = f"found-{uuid.uuid4().hex}", self._random.randint(1, 3)
        delta = {"gtin": SHIRT_S, "delta": units}
        body: dict[str, Any] = {
            "mode": "delta",
            "source_event_id": name,
            "site": SITE.id,
            "at": now(),
            "reason": "found",
        }
        body["lines"] = [delta]
        answer = await self._answer(http, "/v1/adjustments", body)
        assert answer.status_code in {200, 201}, answer.text
        self._told.found[name] = units


JSON = {"content-type": "application/json"}
CONFIRM = (("confirm", "confirmed"),)
RELEASE = (("release", "released"),)
FULFIL = (("fulfil", "fulfilled"),)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


async def live_through(shop: ChannelShop, postgres: Postgres, kills: int) -> Answered:
    told = Answered()
    await shop.receive("shirts", SHIRT_M, list(range(ITEMS)))
    rng, stop = random.Random(5), asyncio.Event()
    each = ITEMS // BUYERS
    buyers = [Buyer(shop, n, list(range(n * each, (n + 1) * each)), told) for n in range(BUYERS)]
    buying = [asyncio.create_task(buyer.run(stop)) for buyer in buyers]
    for number in range(kills):
        await asyncio.sleep(rng.uniform(0.05, 0.6))
        if number % 2:
            await asyncio.to_thread(postgres.kill)
            await asyncio.to_thread(postgres.start)
        else:
            gateway = shop.gateways[number // 2 % len(shop.gateways)]
            gateway.kill()
            await asyncio.to_thread(gateway.start)
        for task in buying:
            if task.done():
                task.result()
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*buying), 60)
    return told


async def check(shop: ChannelShop, told: Answered) -> None:
    database = Database(shop.database)
    try:
        async with database.read() as connection:
            states = {
                row.id: row.state for row in await connection.execute(select(reservation.c.id, reservation.c.state))
            }
            query = select(posting.c.source, posting.c.cause, func.sum(posting.c.quantity).label("units"))
            posted = {row.source: row.units for row in await connection.execute(query.group_by("source", "cause"))}
    finally:
        await database.close()
    assert {name: states.get(name) for name in told.holds} == told.holds
    assert set(states) == set(told.keys.values()), "a reservation that nobody was told of"
    assert {name: posted.get(name) for name in told.sales} == dict.fromkeys(told.sales, 1)
    assert {name: posted.get(name) for name in told.found} == told.found
    verdict = await shop.verified()
    assert verdict.good, verdict.shown


async def killed(tmp_path: Path, mosquitto: Mosquitto, postgres: Postgres, kills: int) -> None:
    shop = ChannelShop(tmp_path, mosquitto.url, postgres.new_database(), gateways=2)
    try:
        shop.start()
        told = await live_through(shop, postgres, kills)
        assert all((told.holds, told.sales, told.found)), told
        assert told.repeats > 0, "nothing was interrupted: the test shows nothing"
        await check(shop, told)
    finally:
        shop.stop()


async def test_what_was_answered_survives_kills(tmp_path: Path, mosquitto: Mosquitto, own_postgres: Postgres) -> None:
    await killed(tmp_path, mosquitto, own_postgres, kills=20)


@pytest.mark.proof
async def test_what_was_answered_survives_two_hundred_kills(
    tmp_path: Path, mosquitto: Mosquitto, own_postgres: Postgres
) -> None:
    await killed(tmp_path, mosquitto, own_postgres, kills=200)
