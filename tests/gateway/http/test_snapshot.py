"""All rows of a site in pages, and the changes that follow them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, update

from gateway.availability import Policy
from gateway.holds.asked import Who
from gateway.http.app import create_app
from gateway.http.limits import SNAPSHOT_MAX
from gateway.http.serve import listen, serving
from gateway.ledger.picture import SkuKey
from gateway.limits import PAGE_MAX_ROWS
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database
from gateway.storage.schema import site as site_table
from gateway.storage.schema import sku
from gateway.storage.site_register import encode_site
from tests.gateway.holds.rig import KEY, Rig
from tests.gateway.http.conftest import Served
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US, other_site
from wire.site import Site


async def page(http: httpx.AsyncClient, site: str = MAIN, **asked: Any) -> dict[str, Any]:
    answer = await http.get("/v1/snapshot", params={"site": site} | asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_a_page_holds_the_rows_that_are_answered_one_by_one(served: Served) -> None:
    served.gateway.hold(MAIN, JACKET_M, "h", 1)
    served.gateway.by_id[MAIN].untagged[JACKET_L] = 2
    found = await page(served.http)
    assert (found["site"], found["cursor"], found["next"]) == (MAIN, served.gateway.feed.last_seq, None)
    singles = [
        (await served.http.get("/v1/availability", params={"gtin": number, "site": MAIN})).json()
        for number in (JACKET_M, JACKET_L)
    ]
    assert found["rows"] == singles


async def test_pages_are_the_whole_each_row_once(served: Served) -> None:
    served.gateway.stock(MAIN, SHOE_38, {"BACK": 1})
    whole = await page(served.http)
    assert [row["gtin"] for row in whole["rows"]] == [JACKET_M, JACKET_L, SHOE_38]
    after, rows, pages = "", [], 0
    while True:
        found = await page(served.http, after=after, limit=2)
        rows += found["rows"]
        pages += 1
        if found["next"] is None:
            break
        assert len(found["rows"]) == 2
        after = found["next"]
    assert (rows, pages) == (whole["rows"], 2)


async def test_a_last_page_that_is_full_is_followed_by_an_empty_one(served: Served) -> None:
    first = await page(served.http, limit=2)
    assert (len(first["rows"]), first["next"]) == (2, JACKET_L)
    last = await page(served.http, limit=2, after=first["next"])
    assert (last["rows"], last["next"]) == ([], None)


async def test_rows_that_change_while_one_pages_come_again_as_changes(served: Served) -> None:
    """From the cursor of the first page: what a later page already had has no newer version."""
    first = await page(served.http, limit=1)
    served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
    served.gateway.move(MAIN, JACKET_L, "BACK", "FLOOR_A")
    second = await page(served.http, limit=1, after=first["next"])
    held = {row["gtin"]: row for row in first["rows"] + second["rows"]}
    lines = (await served.http.get("/v1/changes", params={"cursor": first["cursor"], "site": MAIN})).text.splitlines()
    newer = {}
    for line in lines:
        change = json.loads(line)
        if change["version"] > held[change["gtin"]]["version"]:
            newer[change["gtin"]] = change["zones"]
    assert newer == {JACKET_M: {"BACK": 1, "FLOOR_A": 2, "FIT": 1}}


async def test_a_site_without_a_row_has_one_empty_page(served: Served) -> None:
    served.gateway.by_id[OUTLET].versions.clear()
    assert (await page(served.http, OUTLET))["rows"] == []


async def test_refusals(served: Served) -> None:
    problem(await served.http.get("/v1/snapshot", params={"site": "nowhere"}), "unknown-site")
    problem(await served.http.get("/v1/snapshot"), "invalid-parameter")
    for limit in (0, SNAPSHOT_MAX + 1, "all"):
        refused = problem(
            await served.http.get("/v1/snapshot", params={"site": MAIN, "limit": limit}), "invalid-parameter"
        )
        assert refused["parameter"] == "limit"
    problem(await served.http.get("/v1/snapshot", params={"site": MAIN, "cursor": 1}), "unknown-parameter")


def test_a_full_page_is_one_that_the_queries_give() -> None:
    """A page that the queries cut shorter would look like the last one."""
    assert SNAPSHOT_MAX <= PAGE_MAX_ROWS


# -- with a database


class Shop(Rig):
    """A shop behind HTTP."""

    http: httpx.AsyncClient

    async def describe(self, site: Site) -> None:
        async with self.database.write() as connection:
            changed = {"config": encode_site(site), "config_hash": "changed"}
            await connection.execute(update(site_table).where(site_table.c.site == site.id).values(**changed))


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    found = Shop(database)
    await found.open("store-002")
    async with database.write() as connection:
        for number in (SHIRT_S, SHIRT_M):
            texts = dict.fromkeys(("style", "colour", "size", "description", "department"), "x")
            await connection.execute(insert(sku), texts | {"gtin": number, "updated_us": T0_US})
    app = create_app(Queries(database, found.clock), ChangeFeed(), clock=found.clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        found.http = http
        yield found


async def one(shop: Shop, number: str = SHIRT_S, **asked: Any) -> dict[str, Any]:
    answer = await shop.http.get("/v1/availability", params={"gtin": number, "site": SITE.id} | asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def batch(shop: Shop, *numbers: str) -> list[dict[str, Any]]:
    asked = {"pairs": [{"gtin": number, "site": SITE.id} for number in numbers]}
    rows: list[dict[str, Any]] = (await shop.http.post("/v1/availability:batch", json=asked)).json()["rows"]
    return rows


async def test_every_way_to_ask_gives_the_same_row(shop: Shop) -> None:
    await shop.put("1", "2", chance=0.97)
    await shop.put("9", gtin=SHIRT_M)
    await shop.book(2, gtin=SHIRT_M)
    await shop.reserve(shop.holds())
    single = [await one(shop), await one(shop, SHIRT_M)]
    assert [(row["atp"], row["held"], row["truth"]) for row in single] == [(1, 1, "rfid"), (3, 0, "mixed")]
    assert await batch(shop, SHIRT_S, SHIRT_M) == single
    assert (await page(shop.http, SITE.id))["rows"] == single


async def test_a_basket_sees_what_it_would_have_without_its_own_hold(shop: Shop) -> None:
    await shop.put("1", "2")
    mine = await shop.reserve(shop.holds(), 1, who=Who("", Policy()))
    others = await shop.reserve(shop.holds(), 1)
    assert (await one(shop))["atp"] == 0
    assert (await one(shop, exclude_hold=mine["id"]))["atp"] == 1
    assert (await one(shop, exclude_hold=others["id"]))["atp"] == 0, "another key's hold is not left out"
    shop.clock.advance(901)
    assert (await one(shop))["atp"] == 2  # it is over
    assert (await batch(shop, SHIRT_S))[0]["atp"] == 2
    assert (await page(shop.http, SITE.id))["rows"][0]["held"] == 0


async def test_a_shop_without_antennas_knows_by_the_book_only(shop: Shop) -> None:
    devices = tuple(replace(device, antennas=()) for device in SITE.devices)
    await shop.describe(replace(SITE, devices=devices))
    await shop.book(3)
    await shop.book(1, gtin=SHIRT_M)
    await shop.book(-1, gtin=SHIRT_M)
    single = [await one(shop), await one(shop, SHIRT_M)]
    assert [(row["on_hand"], row["untagged"], row["truth"]) for row in single] == [(3, 3, "book"), (0, 0, "book")]
    assert (await page(shop.http, SITE.id))["rows"] == single


async def test_the_same_unit_is_not_offered_at_another_site(shop: Shop) -> None:
    await shop.put("1")
    await shop.put("2", site=other_site("store-002").id)
    assert await shop.atp(KEY, Policy()) == 1
    assert await shop.atp(SkuKey("store-002", SHIRT_S), Policy()) == 1
    found = (await shop.http.get("/v1/availability", params={"gtin": SHIRT_S})).json()
    assert (found["atp"], [row["site"] for row in found["rows"]]) == (2, [SITE.id, "store-002"])
