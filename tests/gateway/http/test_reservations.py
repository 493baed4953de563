"""Reservations over HTTP: one buyer's units from the cart to the hands, and the last one for exactly one of many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.http.app import create_app
from gateway.http.reservation_rows import item_link
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database
from tests.gateway.holds.rig import Rig
from tests.gateway.http.problems import problem
from tests.gateway.small_store import FOREIGN, SHIRT_M, SHIRT_S, SITE

PATH = "/v1/reservations"
LINE = {"gtin": SHIRT_S, "quantity": 1, "site": SITE.id}
BODY: dict[str, Any] = {"lines": [LINE], "mode": "pickup"}


@dataclass
class Desk:
    rig: Rig
    http: httpx.AsyncClient
    number: int = 0

    async def ask(self, body: dict[str, Any] | None = None, key: str = "", **more: Any) -> httpx.Response:
        self.number += 1
        headers = {"Idempotency-Key": key or f"k{self.number}"}
        return await self.http.post(PATH, json=(BODY if body is None else body) | more, headers=headers)

    async def do(self, name: str, verb: str, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"{PATH}/{name}:{verb}"
        return await (self.http.post(path) if body is None else self.http.post(path, json=body))


@asynccontextmanager
async def open_desk(rig: Rig, database: Database) -> AsyncIterator[Desk]:
    services = Services(holds=rig.holds(database))
    app = create_app(Queries(database, rig.clock), ChangeFeed(), services=services, clock=rig.clock)
    limits = httpx.Limits(max_connections=400)
    async with (
        serving(app, listen()) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as http,
    ):
        yield Desk(rig, http)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(await Rig(database).open(), database) as opened:
        yield opened


async def test_a_jacket_from_the_cart_to_the_hands(desk: Desk) -> None:
    await desk.rig.put("1", "a/b", zone="BACK")
    made = await desk.ask(key="k1", cart_ref="c1", ttl_s=60)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    row = made.json()
    assert row["lines"] == [
        {
            "gtin": SHIRT_S,
            "site": SITE.id,
            "quantity": 1,
            "items": [{"digital_link": item_link(SHIRT_S, "1"), "zone": "BACK", "confidence": 1.0, "picked": False}],
            "untagged": 0,
            "substitution_needed": 0,
        }
    ]
    assert (row["state"], row["expires_at"]) == ("held", "2026-11-18T11:07:40.000Z")
    again = await desk.ask(key="k1", cart_ref="c1", ttl_s=60)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (201, made.content, "true")
    assert "idempotency-replayed" not in made.headers
    problem(await desk.ask(key="k1", cart_ref="c1", ttl_s=61), "idempotency-key-reused")
    name = row["id"]
    assert (await desk.http.get(f"{PATH}/{name}")).json() == row
    assert (await desk.do(name, "renew")).json()["expires_at"] == "2026-11-18T11:21:40.000Z"
    assert (await desk.do(name, "renew", {"ttl_s": 5})).json()["state"] == "held"
    assert (await desk.do(name, "transfer", {"cart_ref": "c2"})).json()["state"] == "held"
    assert (await desk.do(name, "confirm")).json()["state"] == "confirmed"
    repeated = await desk.do(name, "confirm")
    assert (repeated.json()["state"], repeated.headers["idempotency-replayed"]) == ("confirmed", "true")
    missed = (await desk.do(name, "pick-miss", {"item": row["lines"][0]["items"][0]["digital_link"]})).json()
    assert missed["lines"][0]["items"][0]["digital_link"] == item_link(SHIRT_S, "a/b")
    assert (await desk.do(name, "pick", {"items": [item_link(SHIRT_S, "a/b")]})).json()["state"] == "picked"
    assert (await desk.do(name, "fulfil")).json()["state"] == "fulfilled"
    problem(await desk.do(name, "release"), "wrong-state")
    assert await desk.rig.sold() == ["a/b"]
    await desk.rig.check()


async def test_a_refusal_says_what_there_is_and_where_else(desk: Desk) -> None:
    await desk.rig.open("store-002")
    await desk.rig.put("1")
    await desk.rig.put("2", "3", site="store-002")
    found = problem(await desk.ask({"lines": [LINE, LINE], "mode": "ship"}), "insufficient-atp")
    told = {key: found[key] for key in ("gtin", "site", "requested", "atp", "alternatives")}
    assert told == {
        "gtin": SHIRT_S,
        "site": SITE.id,
        "requested": 2,  # lines of one SKU are one
        "atp": 1,
        "alternatives": [{"site": "store-002", "atp": 2, "confidence": 1.0}],
    }
    assert found["shortages"] == [told]
    made = (await desk.ask({"lines": [LINE, LINE], "mode": "ship", "allow_partial": True})).json()
    assert [line["quantity"] for line in made["lines"]] == [1]
    assert made["short"] == [{"gtin": SHIRT_S, "site": SITE.id, "requested": 2, "quantity": 1}]
    problem(await desk.ask(allow_partial=True), "insufficient-atp")


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no site": ({"lines": [{"gtin": SHIRT_S, "quantity": 1}]}, "site-needed", "lines[0].site"),
    "another site": ({"lines": [LINE | {"site": "store-9"}]}, "unknown-site", "lines.site"),
    "no line": ({"lines": []}, "invalid-body", "lines"),
    "no units": ({"lines": [LINE | {"quantity": 0}]}, "invalid-body", "lines[0].quantity"),
    "too many units": ({"lines": [LINE | {"quantity": 600}] * 2}, "invalid-body", "lines"),
    "no GTIN": ({"lines": [LINE, LINE | {"gtin": SHIRT_S[:-1] + "0"}]}, "invalid-body", "lines[1].gtin"),
    "unknown member": ({"line": []}, "invalid-body", "line"),
    "unknown member of a line": ({"lines": [LINE | {"size": "M"}]}, "invalid-body", "lines[0].size"),
    "another mode": ({"mode": "drone"}, "invalid-body", "mode"),
    "two days": ({"ttl_s": 2 * 86_400}, "invalid-body", "ttl_s"),
    "a reference that is a novel": ({"cart_ref": "c" * 129}, "invalid-body", "cart_ref"),
}


async def test_every_refusal_of_a_body_names_its_member(sqlite_database: Database) -> None:
    async with open_desk(await Rig(sqlite_database).open(), sqlite_database) as desk:
        for case, (more, code, member) in REFUSED.items():
            assert problem(await desk.ask(BODY | more), code).get("parameter", "") == member, case


async def test_headers_paths_and_verbs_that_cannot_be(sqlite_database: Database) -> None:
    async with open_desk(await Rig(sqlite_database).open(), sqlite_database) as desk:
        problem(await desk.http.post(PATH, json=BODY), "idempotency-key-missing")
        for key in ("a b", "k" * 256):
            found = await desk.http.post(PATH, json=BODY, headers={"Idempotency-Key": key})
            assert problem(found, "invalid-parameter")["parameter"] == "Idempotency-Key"
        problem(await desk.ask({"lines": [LINE | {"gtin": FOREIGN}], "mode": "ship"}), "insufficient-atp")
        problem(await desk.ask({"lines": [LINE | {"gtin": SHIRT_M}], "mode": "ship"}), "insufficient-atp")
        problem(await desk.http.get(f"{PATH}/nothing"), "unknown-reservation")
        problem(await desk.do("nothing", "confirm"), "unknown-reservation")
        problem(await desk.do("nothing", "eat"), "method-not-allowed")
        problem(await desk.do("nothing", "transfer", {}), "invalid-body")
        problem(await desk.do("nothing", "pick-miss", {"item": "hello"}), "invalid-body")
        problem(await desk.http.get(f"{PATH}/nothing?deep=1"), "unknown-parameter")
        await desk.rig.put("1")
        name = (await desk.ask(ttl_s=1)).json()["id"]
        problem(await desk.do(name, "transfer", {"to_key": "nobody"}), "unknown-key")
        problem(await desk.do(name, "fulfil"), "wrong-state")
        problem(await desk.do(name, "pick-miss", {"item": item_link(SHIRT_S, "7")}), "item-not-held")
        desk.rig.clock.advance(1)
        problem(await desk.do(name, "confirm"), "hold-expired")


async def test_the_document_has_every_path_with_its_examples(sqlite_database: Database) -> None:
    async with open_desk(await Rig(sqlite_database).open(), sqlite_database) as desk:
        document = (await desk.http.get("/openapi.json")).json()
    paths = {path: found for path, found in document["paths"].items() if path.startswith(PATH)}
    verbs = ("confirm", "release", "renew", "pick", "pick-miss", "fulfil", "transfer")
    assert set(paths) == {PATH, f"{PATH}/{{reservation}}", *(f"{PATH}/{{reservation}}:{verb}" for verb in verbs)}
    made = paths[PATH]["post"]
    assert made["responses"]["201"]["content"]["application/json"]["examples"]
    assert set(made["responses"]["409"]["content"]["application/problem+json"]["examples"]) == {
        "insufficient-atp",
        "no-plan",
    }
    assert [header["name"] for header in made["parameters"]] == ["Idempotency-Key"]
    assert {"Reservation", "ReservationBody", "PickMissBody"} <= set(document["components"]["schemas"])


async def test_one_unit_for_three_hundred_at_once_in_two_processes(postgres_url: str) -> None:
    first, second = Database(postgres_url), Database(postgres_url)
    rig = await Rig(first).open()
    await rig.put("1")
    async with open_desk(rig, first) as one, open_desk(rig, second) as two:
        answers = await asyncio.gather(*((one, two)[number % 2].ask(key=f"r{number}") for number in range(300)))
        codes = [answer.status_code for answer in answers]
        assert (codes.count(201), codes.count(409)) == (1, 299)
        assert {problem(answer, "insufficient-atp")["atp"] for answer in answers if answer.status_code == 409} == {0}
    await rig.check()
    await first.close()
    await second.close()
