"""Text that PostgreSQL cannot hold names nothing that there is: it is refused, and fails nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.channels import Channels
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.storage.engine import Database
from tests.gateway.http.keyed import fill
from tests.gateway.small_store import SECOND_US, SHIRT_S, SITE, T0_US, ManualClock

NUL = "\0"
AT = "2026-11-18T11:06:40Z"
ANY_ID = "0189aaaa-0000-7000-8000-000000000000"


@pytest.fixture
async def http(postgres_url: str) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(postgres_url)
    await fill(database)
    clock = ManualClock(T0_US + 5 * SECOND_US)
    channels = Channels(database, clock, Relay(database, ChangeFeed(), "test", clock))
    app = create_app(Queries(database, clock), ChangeFeed(), services=channels.services, clock=clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        yield client
    await channels.close()
    await database.close()


def line(site: str) -> dict[str, object]:
    return {"gtin": SHIRT_S, "quantity": 1, "site": site}


async def reserve(http: httpx.AsyncClient, name: str, site: str = SITE.id) -> httpx.Response:
    body = {"lines": [line(site)], "mode": "pickup"}
    return await http.post("/v1/reservations", json=body, headers={"Idempotency-Key": name})


@pytest.mark.parametrize(
    "path",
    [
        f"availability?gtin={SHIRT_S}&site=%00",
        f"availability?gtin={SHIRT_S}&site={SITE.id}&exclude_hold=%00",
        "snapshot?site=%00",
        f"snapshot?site={SITE.id}&after=%00",
        "sites/%00/stock",
        "sites/%00/movements",
        "sites/%00/differences",
        f"sites/{SITE.id}/differences?gtin=%00",
        f"sites/{SITE.id}/movements?gtin=%00",
        "changes?site=%00&wait=0",
        "reservations/%00",
        "shipments/%00",
        "webhooks/%00",
        f"items/{SHIRT_S}/%00",
        "postings?site=%00",
        "audit?site=%00",
    ],
)
async def test_a_read(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/v1/{path}")
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("verb", ["confirm", "release", "renew", "pick", "fulfil"])
async def test_a_verb(http: httpx.AsyncClient, verb: str) -> None:
    assert (await http.post(f"/v1/reservations/%00:{verb}")).status_code == 404


async def test_a_reservation_among_others(http: httpx.AsyncClient) -> None:
    counted = {"source_event_id": "c1", "site": SITE.id, "at": AT, "untagged": [{"gtin": SHIRT_S, "quantity": 3}]}
    assert (await http.post("/v1/counts", json=counted)).status_code == 200
    bad, *good = await asyncio.gather(reserve(http, "bad", NUL), *(reserve(http, f"good-{n}") for n in range(3)))
    assert [answer.status_code for answer in good] == [201] * 3, good[0].text
    assert 400 <= bad.status_code < 500, bad.text


async def test_other_bodies(http: httpx.AsyncClient) -> None:
    told = {"source_event_id": "e1", "at": AT}
    sale = told | {"site": SITE.id, "lines": [{"gtin": SHIRT_S, "quantity": 1}], "reservation": ANY_ID}
    bodies = {
        "availability:batch": {"pairs": [{"gtin": SHIRT_S, "site": NUL}]},
        "sales": sale,
        "transfers": told | {"from_site": SITE.id, "to_site": NUL, "lines": [{"gtin": SHIRT_S, "quantity": 1}]},
        "returns": told | {"site": SITE.id, "zone": NUL, "lines": [{"gtin": SHIRT_S, "quantity": 1}]},
        "references:erase": {"customer_ref": NUL},
        "webhooks": {"url": "https://example.com/", "sites": [NUL]},
    }
    for path, body in bodies.items():
        answer = await http.post(f"/v1/{path}", json=body)
        assert answer.status_code < 500, (path, answer.text)
    raw = json.dumps({"lines": [line("\ud800")], "mode": "pickup"})
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert (await http.post("/v1/reservations", content=raw, headers=headers)).status_code == 400
