"""Sourcing over HTTP: quotes, and reservations whose sites the gateway chooses."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.http import sourcing_examples
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.http.sourcing_rows import SourcingQuote
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.sourcing.orders import Orders
from gateway.storage.engine import Database
from tests.gateway.holds.rig import Rig
from tests.gateway.http.keyed import OTHER, OWN, filled_file, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from tests.gateway.sourcing.chain import BUYER, Chain, told

QUOTE = "/v1/sourcing:quote"
RESERVE = "/v1/reservations"
TO = {"lat": BUYER[0], "lon": BUYER[1]}
LINE: dict[str, Any] = {"gtin": SHIRT_S, "quantity": 2}
ASK: dict[str, Any] = {"lines": [LINE], "mode": "ship", "ship_to": TO}
ORDER: dict[str, Any] = ASK | {"lines": [LINE | {"site": "auto"}]}


@dataclass
class Shop:
    chain: Chain
    http: httpx.AsyncClient
    number: int = 0

    async def quote(self, **more: Any) -> httpx.Response:
        body = {name: value for name, value in (ASK | more).items() if value is not None}
        return await self.http.post(QUOTE, json=body)

    async def order(self, key: str = "", **more: Any) -> httpx.Response:
        self.number += 1
        body = {name: value for name, value in (ORDER | more).items() if value is not None}
        return await self.http.post(RESERVE, json=body, headers={"Idempotency-Key": key or f"k{self.number}"})


@pytest.fixture
async def shop(sqlite_database: Database) -> AsyncIterator[Shop]:
    chain = Chain(sqlite_database)
    holds = chain.rig.holds()
    services = Services(holds=holds, quotes=chain.quotes, orders=Orders(chain.quotes, holds))
    queries = Queries(sqlite_database, chain.rig.clock)
    app = create_app(queries, ChangeFeed(), services=services, clock=chain.rig.clock)
    async with (
        serving(app, listen()) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http,
    ):
        yield Shop(chain, http)


async def test_a_quote_says_where_from_at_what_price_and_why(shop: Shop) -> None:
    await shop.chain.stores(a=1, b=1, c=2, d=0)
    answer = await shop.quote()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found = answer.json()
    assert [plan["sites"] for plan in found["plans"]] == [["c"], ["a", "b"], ["b", "c"], ["a", "c"]][
        : len(found["plans"])
    ]
    best, second = found["plans"][:2]
    assert (best["splits"], second["splits"], best["confidence"]) == (0, 1, 1.0)
    assert best["cost"] == pytest.approx(sum(best["prices"].values()), abs=1e-3)
    assert best["eta"] == best["parts"][0]["arrives_at"] > best["parts"][0]["ready_at"] > found["quoted_at"]
    assert best["parts"][0]["lines"] == [{"gtin": SHIRT_S, "quantity": 2, "confidence": 1.0}]
    assert best["reasons"][0] == "all of it from c"
    assert second["reasons"][0] == "2 parcels, from a and b"
    assert "parcel +4.00" in second["reasons"][-1]
    assert (found["considered"], found["left_out"]) == (4, [{"reason": "nothing", "sites": 1}])
    assert msgspec.convert(found, SourcingQuote).plans
    one = (await shop.quote(plans=1)).json()["plans"]
    assert one == found["plans"][:1]


async def test_lines_of_one_sku_are_one_and_any_form_of_a_gtin_will_do(shop: Shop) -> None:
    await shop.chain.stores(a=1, b=2)
    lines = [{"gtin": SHIRT_S, "quantity": 1}, {"gtin": SHIRT_S.lstrip("0"), "quantity": 1}]
    found = (await shop.quote(lines=lines)).json()["plans"][0]
    assert found["parts"][0]["lines"] == [{"gtin": SHIRT_S, "quantity": 2, "confidence": 1.0}]


async def test_what_nobody_can_serve_has_no_plan(shop: Shop) -> None:
    await shop.chain.stores(a=1)
    found = (await shop.quote()).json()
    assert (found["plans"], found["considered"], found["left_out"]) == ([], 1, [])
    soon = told(shop.chain.rig.clock() + 60_000_000)
    found = (await shop.quote(need_by=soon)).json()
    assert found["left_out"] == [{"reason": "late", "sites": 1}]


@pytest.mark.parametrize(
    ("more", "code", "parameter"),
    [
        ({"ship_to": None}, "invalid-body", "ship_to"),
        ({"pickup_site": "a"}, "invalid-body", "ship_to"),
        ({"ship_to": None, "pickup_site": "x"}, "unknown-site", "pickup_site"),
        ({"ship_to": {"lat": 91, "lon": 0}}, "invalid-body", "ship_to.lat"),
        ({"need_by": "tomorrow"}, "invalid-body", "need_by"),
        ({"need_by": "2026-11-24T12:00:00"}, "invalid-body", "need_by"),
        ({"lines": []}, "invalid-body", "lines"),
        ({"lines": [{"gtin": "9506000134353", "quantity": 1}]}, "invalid-body", "lines[0].gtin"),
        ({"lines": [{"gtin": SHIRT_S, "quantity": 101}]}, "invalid-body", "lines[0].quantity"),
        ({"lines": [{"gtin": SHIRT_S, "quantity": 60}] * 2}, "invalid-body", "lines[1].quantity"),
        ({"lines": [LINE] * 51}, "invalid-body", "lines"),
        ({"plans": 6}, "invalid-body", "plans"),
        ({"mode": "fly"}, "invalid-body", "mode"),
    ],
)
async def test_quotes_that_cannot_be_asked_for(shop: Shop, more: dict[str, Any], code: str, parameter: str) -> None:
    await shop.chain.stores(a=1)
    assert problem(await shop.quote(**more), code)["parameter"] == parameter


async def test_a_quoted_plan_is_held(shop: Shop) -> None:
    await shop.chain.stores(a=1, b=1, c=2)
    second = (await shop.quote()).json()["plans"][1]["sites"]
    made = await shop.order(key="k", plan=second, cart_ref="c-1")
    assert made.status_code == 201, made.text
    found = made.json()
    assert [part["lines"][0]["site"] for part in found["parts"]] == second == ["a", "b"]
    assert {part["order_id"] for part in found["parts"]} == {found["order_id"]}
    again = await shop.order(key="k", plan=second, cart_ref="c-1")
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (201, made.content, "true")
    problem(await shop.order(key="k", plan=["c"], cart_ref="c-1"), "idempotency-key-reused")
    part = (await shop.http.get(f"{RESERVE}/{found['parts'][0]['id']}")).json()
    assert (part["order_id"], part["state"]) == (found["order_id"], "held")
    one = await shop.order()
    assert [line["site"] for line in one.json()["lines"]] == ["c"]
    assert one.json()["order_id"] is None
    gone = problem(await shop.order(), "no-plan")
    assert (gone["considered"], gone["left_out"]) == (3, [{"reason": "nothing", "sites": 3}])
    await shop.chain.rig.check()


@pytest.mark.parametrize(
    ("more", "code", "parameter"),
    [
        ({"lines": [LINE]}, "site-needed", "lines[0].site"),
        ({"lines": [LINE], "ship_to": None}, "site-needed", "lines[0].site"),
        ({"lines": [LINE | {"site": "auto"}, LINE]}, "site-needed", "lines[1].site"),
        ({"lines": [LINE | {"site": "auto"}, LINE | {"site": "a"}]}, "invalid-body", "lines[1].site"),
        ({"lines": [LINE | {"site": "a"}]}, "invalid-body", "ship_to"),
        ({"lines": [LINE | {"site": "a"}], "ship_to": None, "plan": ["a"]}, "invalid-body", "plan"),
        ({"ship_to": None}, "invalid-body", "ship_to"),
        ({"allow_partial": True}, "invalid-body", "allow_partial"),
        ({"plan": []}, "invalid-body", "plan"),
        ({"plan": ["a", "b", "c", "d"]}, "invalid-body", "plan"),
        ({"lines": [LINE | {"site": "auto", "quantity": 101}]}, "invalid-body", "lines[0].quantity"),
        ({"lines": [LINE | {"site": "auto", "gtin": SHIRT_M, "quantity": 1}]}, "no-plan", None),
    ],
)
async def test_orders_that_cannot_be_placed(shop: Shop, more: dict[str, Any], code: str, parameter: str | None) -> None:
    await shop.chain.stores(a=5)
    assert problem(await shop.order(**more), code).get("parameter") == parameter


async def test_without_the_part_that_chooses_every_line_names_its_site(sqlite_database: Database) -> None:
    chain = Chain(sqlite_database)
    app = create_app(
        Queries(sqlite_database, chain.rig.clock), ChangeFeed(), services=Services(holds=chain.rig.holds())
    )
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        problem(await http.post(RESERVE, json=ORDER, headers={"Idempotency-Key": "k"}), "site-needed")
        assert (await http.post(QUOTE, json=ASK)).status_code == 404


async def test_the_examples_add_up(shop: Shop) -> None:
    document = (await shop.http.get("/openapi.json")).json()
    assert QUOTE in document["paths"]
    for plan in sourcing_examples.QUOTE.plans:
        assert plan.cost == pytest.approx(sum(plan.prices.values()), abs=2e-3)
        assert plan.cost == pytest.approx(sum(part.cost for part in plan.parts), abs=2e-3)
        assert plan.eta == max(part.arrives_at for part in plan.parts)
    made = document["paths"][RESERVE]["post"]["responses"]["201"]["content"]["application/json"]
    assert [one["$ref"].rpartition("/")[2] for one in made["schema"]["oneOf"]] == ["Reservation", "Order"]
    for name, example in document["paths"][QUOTE]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].items():
        await shop.chain.store("store-001", km=1)
        answer = await shop.http.post(QUOTE, json=example["value"])
        assert answer.status_code == 200, (name, answer.text)


async def test_a_key_is_served_from_its_own_sites_only(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "filled"
    folder.mkdir()
    async with open_keyed(await asyncio.to_thread(filled_file, migrated_sqlite_file, folder), tmp_path) as keyed:
        for site, units in ((OWN, 3), (OTHER, 2)):
            await Rig(keyed.database, keyed.clock).book(units, site=site)
        own = await keyed.key("stock:read", "hold:write", sites=[OWN])
        every = await keyed.key("stock:read", "hold:write")
        async with keyed.asking(own) as mine, keyed.asking(every) as theirs:
            one, four = ({"lines": [LINE | {"quantity": units}]} for units in (1, 4))
            assert [plan["sites"] for plan in (await mine.post(QUOTE, json=ASK | one)).json()["plans"]] == [[OWN]]
            assert (await mine.post(QUOTE, json=ASK | four)).json()["plans"] == []
            assert (await theirs.post(QUOTE, json=ASK | four)).json()["plans"][0]["sites"] == [OWN, OTHER]
            many = {"lines": [LINE | {"site": "auto", "quantity": 4}]}
            named = {"Idempotency-Key": "k"}
            problem(await mine.post(RESERVE, json=ORDER | many, headers=named), "no-plan")
            planned = await mine.post(RESERVE, json=ORDER | {"plan": [OTHER]}, headers=named)
            problem(planned, "site-not-allowed")
            held = await theirs.post(RESERVE, json=ORDER | many | {"plan": [OWN, OTHER]}, headers=named)
            assert held.status_code == 201, held.text
            theirs_part = held.json()["parts"][0]["id"]
            problem(await mine.get(f"{RESERVE}/{theirs_part}"), "unknown-reservation")
