"""Replenishment over HTTP: rounds in walking order, gaps, and why nobody is sent; page by page, for staff."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from gateway.catalogue import import_catalogue
from gateway.channels import Channels
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.replenishment.board import RefillBoard
from gateway.storage.engine import Database
from gateway.tasks.acts import Said
from tests.gateway.holds.rig import WEB
from tests.gateway.http.problems import problem
from tests.gateway.replenishment.refill_rig import SETTLED, SHIRT_M, SHIRT_S, SITE, Staff, Store

PATH = "/v1/replenishment"


@dataclass
class Shop:
    """A store, its staff, and the gateway over both."""

    store: Store
    staff: Staff
    http: httpx.AsyncClient

    async def get(self, path: str = "", **asked: Any) -> dict[str, Any]:
        answer = await self.http.get(PATH + path, params={"site": SITE.id} | asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def open_shop(database: Database) -> AsyncIterator[Shop]:
    store = await Store(database).stock_up()
    staff = Staff(store)
    channels = Channels(database, store.clock, Relay(database, ChangeFeed(), "test", store.clock))
    board = RefillBoard(database, store.clock, staff.process)
    services = replace(channels.services, access=None, mirror=None, refill=board)
    app = create_app(Queries(database, store.clock), ChangeFeed(), services=services, clock=store.clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Shop(store, staff, http)
    await channels.close()


@pytest.fixture
async def shop(sqlite_database: Database) -> AsyncIterator[Shop]:
    async with open_shop(sqlite_database) as opened:
        yield opened


async def test_a_round_as_somebody_walks_it(shop: Shop) -> None:
    store, staff = shop.store, shop.staff
    await store.put("1", "2", "3", zone="BACK", chance=0.98)
    await store.put("m1", gtin=SHIRT_M, zone="BACK", chance=0.98)
    assert (await shop.get())["figures"] is None  # nobody has begun to decide
    await staff.work()
    await staff.after(SETTLED)
    found = await shop.get()
    assert (found["site"], found["total"], len(found["rounds"])) == (SITE.id, 1, 1)
    (walk,) = found["rounds"]
    assert (walk["department"], walk["urgency"], walk["units"]) == ("Men", "core_gap", 3)
    lines = {line["gtin"]: line for line in walk["picks"]}
    assert sorted(walk["drops"]) == sorted(line["task"] for line in walk["picks"])
    shirt = lines[SHIRT_S]
    assert (shirt["size"], shirt["units"], shirt["from_zones"], shirt["to_zones"]) == ("S", 2, ["BACK"], ["FLOOR"])
    assert (shirt["state"], shirt["urgency"], shirt["last"], shirt["ask"]) == ("open", "core_gap", False, False)
    assert shirt["reasons"][0] == "0 on the floor, 1 to 2 belong there"
    assert lines[SHIRT_M]["last"] is True
    figures = found["figures"]
    assert (figures["tasks_open"], figures["shown"], figures["behind"]) == (2, 0, 2)
    assert (figures["floor_availability"], figures["gaps"], figures["complete"]) == (0.0, {"not_shown": 1}, True)
    assert figures["oldest_task_at"] is not None
    await store.desk().claim(WEB, shirt["task"], "Kim")
    await store.put("1", zone="FLOOR", chance=0.98)
    await staff.after(31)
    await staff.after(31)
    (walk,) = (await shop.get())["rounds"]
    shirt = {line["gtin"]: line for line in walk["picks"]}[SHIRT_S]
    assert (shirt["state"], shirt["units"], shirt["quantity"]) == ("claimed", 1, 2)
    await store.desk().done(WEB, shirt["task"], Said("Kim"))
    assert [line["gtin"] for line in (await shop.get())["rounds"][0]["picks"]] == [SHIRT_M]  # nobody walks for it now
    assert (await shop.http.get("/v1/tasks", params={"site": SITE.id, "kind": "refill"})).json()["total"] == 1


async def test_gaps_and_reasons_page_by_page(shop: Shop) -> None:
    store, staff = shop.store, shop.staff
    rows = "".join(f"{gtin},Parka {n},red,M,Coat,Women,1,2,9\n" for n, gtin in enumerate(GTINS))
    header = "gtin,style,colour,size,description,department,min_floor,max_floor,price\n"
    await import_catalogue(store.database, header + rows, store.clock())
    for gtin in GTINS:
        await store.put(f"{gtin}-1", gtin=gtin, zone="BACK", chance=0.98)
    await staff.work()
    pages, after = [], ""
    while True:
        page = await shop.get("/gaps", limit=2, after=after)
        assert (page["decided_here"], page["total"]) == (True, len(GTINS))
        pages.append([gap["sizes"][0]["gtin"] for gap in page["gaps"]])
        if page["next"] is None:
            break
        after = page["next"]
    assert pages == [GTINS[:2], GTINS[2:4], GTINS[4:]]
    gap = (await shop.get("/gaps"))["gaps"][0]
    assert (gap["style"], gap["colour"], gap["kind"], gap["alarm"]) == ("Parka 0", "red", "not_shown", False)
    assert gap["says"] == "none on the floor, though the store has some"
    first = await shop.get("/not-now", limit=3)
    assert (first["total"], first["next"], len(first["not_now"])) == (len(GTINS), GTINS[2], 3)
    rest = await shop.get("/not-now", after=first["next"])
    assert [row["gtin"] for row in rest["not_now"]] == GTINS[3:]
    row = rest["not_now"][0]
    assert (row["style"], row["size"], row["department"], row["why"]) == ("Parka 3", "M", "Women", "settling")
    assert row["says"] == "0 on the floor, 1 to 2 belong there; for a moment only; it may come back"


GTINS = ["09506000000015", "09506000000022", "09506000000039", "09506000000046", "09506000000053"]


async def test_a_gateway_that_does_not_decide_says_so(shop: Shop) -> None:
    other = Staff(shop.store, holder="another")
    await shop.store.put("1", zone="BACK", chance=0.98)
    await other.work()
    await other.after(SETTLED)
    await shop.staff.work()
    found = await shop.get()
    assert (found["figures"], len(found["rounds"])) == (None, 1)  # tasks are of all
    assert (await shop.get("/gaps"))["decided_here"] is False
    assert (await shop.get("/not-now"))["decided_here"] is False


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("", {"site": "nowhere"}, "unknown-site"),
        ("", {"limit": 0}, "invalid-parameter"),
        ("", {"limit": 201}, "invalid-parameter"),
        ("/gaps", {"after": "x"}, "invalid-parameter"),
        ("/not-now", {"limit": 501}, "invalid-parameter"),
        ("/not-now", {"why": "empty"}, "unknown-parameter"),
    ],
)
async def test_what_is_refused(shop: Shop, path: str, asked: dict[str, Any], code: str) -> None:
    problem(await shop.http.get(PATH + path, params={"site": SITE.id} | asked), code)
