"""The last unit over HTTP: many buyers at once, two gateways on PostgreSQL or one on SQLite, and one unit.

Each gateway is the real program in a process of its own; every request is one HTTP request on its own open connection.
That a race is really run is shown by the control in `tests/gateway/holds`: without the lock the same desk oversells.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bench._http_load import closed_loop, request
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.engine import Database
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from tests.integration.channel_shop import ChannelShop, reservation_body, until
from tests.servers.mosquitto import Mosquitto

OPEN = 500


@pytest.fixture
def two_gateways(tmp_path: Path, mosquitto: Mosquitto, database_url: str) -> Iterator[ChannelShop]:
    shop = ChannelShop(tmp_path, mosquitto.url, database_url, gateways=2)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def one_gateway(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[ChannelShop]:
    shop = ChannelShop(tmp_path, mosquitto.url, f"sqlite:///{tmp_path / 'shop.db'}", gateways=1)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


def buyers(number: int, gtin: str) -> list[bytes]:
    body = reservation_body(gtin)
    return [request("POST", "/v1/reservations", {"idempotency-key": uuid.uuid4().hex}, body) for _ in range(number)]


async def race(shop: ChannelShop, gtin: str, requests: int) -> Counter[int]:
    answers = await closed_loop(shop.urls, buyers(requests, gtin), min(OPEN, requests))
    return Counter(answers.statuses)


async def give_back(shop: ChannelShop, gtin: str, units: int) -> None:
    """Release every open hold of a SKU, as its owner would."""
    async with httpx.AsyncClient(base_url=shop.urls[0], trust_env=False, timeout=30) as http:
        for name in await open_holds(shop, gtin):
            answer = await http.post(f"/v1/reservations/{name}:release", json={})
            assert answer.status_code == 200, answer.text
        await until(lambda: shop.atp(http, gtin), lambda atp: atp == units)


async def open_holds(shop: ChannelShop, gtin: str) -> list[str]:
    database = Database(shop.database)
    try:
        async with database.read() as connection:
            query = (
                select(reservation.c.id)
                .join(reservation_line, reservation_line.c.reservation == reservation.c.id)
                .where(reservation.c.state == "held", reservation_line.c.gtin == gtin)
            )
            return list(await connection.scalars(query))
    finally:
        await database.close()


async def last_unit(shop: ChannelShop, requests: int, rounds: int) -> None:
    await shop.receive("one", SHIRT_S, [1])
    for number in range(rounds):
        statuses = await race(shop, SHIRT_S, requests)
        assert statuses == {201: 1, 409: requests - 1}, f"round {number}: {json.dumps(statuses)}"
        assert len(await open_holds(shop, SHIRT_S)) == 1
        verdict = await shop.verified()
        assert verdict.good, verdict.shown
        await give_back(shop, SHIRT_S, 1)


async def hundred_units(shop: ChannelShop, requests: int) -> None:
    await shop.receive("hundred", SHIRT_M, list(range(100)))
    statuses = await race(shop, SHIRT_M, requests)
    assert statuses == {201: 100, 409: requests - 100}
    verdict = await shop.verified()
    assert verdict.good, verdict.shown


async def test_one_unit_and_two_gateways(two_gateways: ChannelShop) -> None:
    await last_unit(two_gateways, requests=1_000, rounds=1)
    await hundred_units(two_gateways, requests=600)


async def test_one_unit_on_sqlite(one_gateway: ChannelShop) -> None:
    await last_unit(one_gateway, requests=600, rounds=1)
    await hundred_units(one_gateway, requests=300)


@pytest.mark.proof
async def test_one_unit_ten_thousand_buyers_twenty_times(two_gateways: ChannelShop) -> None:
    await last_unit(two_gateways, requests=10_000, rounds=20)
    await hundred_units(two_gateways, requests=10_000)


@pytest.mark.proof
async def test_one_unit_ten_thousand_buyers_on_sqlite(one_gateway: ChannelShop) -> None:
    await last_unit(one_gateway, requests=10_000, rounds=5)
    await hundred_units(one_gateway, requests=10_000)
