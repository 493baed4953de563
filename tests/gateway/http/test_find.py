"""`GET /v1/sites/{site}/find`: what a scan names, and where that lies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from gateway.channels import Channels
from gateway.http.app import create_app
from gateway.http.reservation_rows import item_link
from gateway.http.scan_text import Named, named_by
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.storage.engine import Database
from gateway.storage.schema import sku
from tests.gateway.holds.rig import Rig
from tests.gateway.http.keyed import OTHER, OWN, filled_file, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, epc
from wire.epc import Sgtin, decode_epc
from wire.epc.uri import urn_of

PATH = f"/v1/sites/{SITE.id}/find"


@dataclass
class Shop:
    rig: Rig
    http: httpx.AsyncClient

    async def find(self, text: str, site: str = SITE.id) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/sites/{site}/find", params={"text": text})
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def open_shop(database: Database) -> AsyncIterator[Shop]:
    rig = await Rig(database).open("store-002")
    channels = Channels(database, rig.clock, Relay(database, ChangeFeed(), "test", rig.clock))
    services = replace(channels.services, access=None, mirror=None)
    app = create_app(Queries(database, rig.clock), ChangeFeed(), services=services, clock=rig.clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Shop(rig, http)
    await channels.close()


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with open_shop(database) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("9506000134352", Named(SHIRT_S)),
        (f" {SHIRT_S}\r\n", Named(SHIRT_S)),
        ("]E09506000134352", Named(SHIRT_S)),
        (f"01{SHIRT_S}", Named(SHIRT_S)),
        (f"01{SHIRT_S}21a/b", Named(SHIRT_S, "a/b")),
        (f"(01){SHIRT_S}(21)42", Named(SHIRT_S, "42")),
        (f"https://shop.example/01/{SHIRT_S}/21/a%2Fb", Named(SHIRT_S, "a/b")),
        (epc(SHIRT_S, 42).hex(), Named(SHIRT_S, "42")),
        (epc(SHIRT_S, 42).hex().upper(), Named(SHIRT_S, "42")),
        ("urn:epc:id:sgtin:9506000.013435.42", Named(SHIRT_S, "42")),
    ],
)
def test_every_way_to_write_a_product_names_it(text: str, named: Named) -> None:
    assert named_by(text) == named


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9506000134353", "expected check digit 2, found 3"),
        ("urn:epc:id:sgtin:9506000.013435", "urn:epc:id:sgtin"),
        ("urn:epc:id:sscc:9506000.0134352222", "something else than a product"),
        ("00" + "106141412345678908", "something else than a product"),
        ("E2801160600002054E1E0000", ""),
        ("3066C4", ""),
        ("linen shirt", ""),
        ("", ""),
        ("x" * 20_000, ""),
    ],
)
def test_what_names_no_product_says_why(text: str, why: str) -> None:
    told = named_by(text)
    assert isinstance(told, str)
    assert why in told


async def test_a_size_has_its_places_in_the_order_of_walking_and_its_items(shop: Shop) -> None:
    rig = shop.rig
    await rig.put("3", "1", zone="FLOOR", chance=0.91)
    await rig.put("2", zone="BACK", chance=0.98)
    await rig.book(2)
    async with rig.database.write() as connection:
        row = {"gtin": SHIRT_S, "style": "Aspen", "colour": "navy", "size": "S", "description": "Shirt, navy, S"}
        await connection.execute(insert(sku), row | {"department": "Women", "updated_us": 0})
    found = await shop.find("9506000134352")
    assert (found["site"], found["serial"], found["item"]) == (SITE.id, None, None)
    size = found["sku"]
    assert (size["known"], size["style"], size["colour"], size["size"]) == (True, "Aspen", "navy", "S")
    assert (size["on_hand"], size["untagged"], size["held"]) == (5, 2, 0)
    assert [(place["zone"], place["zone_kind"], place["units"], place["status"]) for place in size["places"]] == [
        ("BACK", "back_room", 1, "live"),
        ("FLOOR", "sales_floor", 2, "live"),
    ]
    assert size["places"][0]["as_of"] == "2026-11-18T11:06:40.000Z"
    assert [(one["serial"], one["zone"], one["state"], one["held"]) for one in size["items"]] == [
        ("2", "BACK", "available", False),
        ("1", "FLOOR", "available", False),
        ("3", "FLOOR", "available", False),
    ], "the surest first"
    assert size["items_left_out"] == 0


async def test_an_item_says_where_it_is_what_it_is_and_who_has_it(shop: Shop) -> None:
    rig = shop.rig
    await rig.put("1", zone="FLOOR")
    await rig.put("a/b", zone="BACK", chance=0.5)
    made = await shop.http.post(
        "/v1/reservations",
        json={"lines": [{"gtin": SHIRT_S, "quantity": 1, "site": SITE.id}], "mode": "pickup"},
        headers={"Idempotency-Key": "k"},
    )
    assert made.status_code == 201, made.text
    found = await shop.find(item_link(SHIRT_S, "1"))
    assert found["serial"] == "1"
    assert found["item"]["places"][0]["zone"] == "FLOOR"
    assert found["item"]["hold"]["reservation"] == made.json()["id"]
    held = {one["serial"]: one["held"] for one in found["sku"]["items"]}
    assert held == {"1": True, "a/b": False}
    assert found["sku"]["held"] == 1
    await rig.state("a/b", "damaged")
    again = await shop.find(item_link(SHIRT_S, "a/b"))
    assert (again["item"]["state"], again["item"]["places"][0]["zone"]) == ("damaged", "BACK")
    assert {one["serial"]: one["state"] for one in again["sku"]["items"]}["a/b"] == "damaged"


async def test_a_zone_that_nobody_looks_at_gives_no_number(shop: Shop) -> None:
    await shop.rig.put("1", zone="FLOOR", chance=0.97)
    await shop.rig.blind("FLOOR")
    size = (await shop.find(SHIRT_S))["sku"]
    assert [(place["zone"], place["status"]) for place in size["places"]] == [("FLOOR", "blind")]
    assert [(one["status"], one["confidence"]) for one in size["items"]] == [("stale", None)]


async def test_what_is_elsewhere_or_nowhere_is_answered_too(shop: Shop) -> None:
    await shop.rig.put("7", zone="BACK", site="store-002")
    found = await shop.find(epc(SHIRT_S, 7).hex())
    assert (found["sku"]["known"], found["sku"]["on_hand"], found["sku"]["places"]) == (False, 0, [])
    assert [(place["site"], place["zone"]) for place in found["item"]["places"]] == [("store-002", "BACK")]
    never = await shop.find(epc(SHIRT_M, 8).hex())
    assert (never["item"]["state"], never["item"]["places"]) == (None, [])


async def test_refusals_name_the_text_and_what_it_could_have_been(shop: Shop) -> None:
    bad = problem(await shop.http.get(PATH, params={"text": "9506000134353"}), "invalid-parameter")
    assert (bad["parameter"], bad["value"]) == ("text", "9506000134353")
    assert "expected check digit 2, found 3" in bad["detail"]
    words = problem(await shop.http.get(PATH, params={"text": "linen shirt"}), "invalid-parameter")
    assert "a GTIN" in words["detail"]
    problem(await shop.http.get("/v1/sites/nowhere/find", params={"text": SHIRT_S}), "unknown-site")
    assert (await shop.http.get(PATH, params={"text": ""})).status_code == 400
    assert (await shop.http.get(PATH, params={"text": "1" * 513})).status_code == 400


async def test_of_many_items_the_surest_are_listed(shop: Shop) -> None:
    await shop.rig.put(*[f"{number:03}" for number in range(53)], zone="BACK", chance=0.5)
    await shop.rig.put("sure", zone="BACK", chance=0.9)
    size = (await shop.find(SHIRT_S))["sku"]
    assert (len(size["items"]), size["items_left_out"], size["on_hand"]) == (50, 4, 54)


def test_the_urn_of_a_tag_is_the_same_item() -> None:
    tag = decode_epc(epc(SHIRT_S, 42), 96)
    assert isinstance(tag, Sgtin)
    assert named_by(urn_of(tag)) == Named(SHIRT_S, "42")


@pytest.fixture
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


async def test_a_key_for_one_site_learns_nothing_of_another(filled: Path, tmp_path: Path) -> None:
    async with open_keyed(filled, tmp_path) as keyed:
        token = await keyed.key("staff:read", sites=[OWN])
        async with keyed.asking(token) as http:
            there = epc(SHIRT_S, 100).hex()  # an item of the other store
            answer = await http.get(f"/v1/sites/{OWN}/find", params={"text": there})
            assert answer.json()["item"]["places"] == []
            problem(await http.get(f"/v1/sites/{OTHER}/find", params={"text": there}), "site-not-allowed")
        async with keyed.asking(await keyed.key("stock:read")) as http:
            problem(await http.get(f"/v1/sites/{OWN}/find", params={"text": there}), "scope-missing")
