"""Stock operations over HTTP, through a real fold, on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.catalogue import import_catalogue
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.ledger.verify import verify
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database
from gateway.storage.site_register import register_site
from gateway.trade.collect import HeldUnits
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade
from tests.gateway.http.problems import problem
from tests.gateway.http.shop import AT, Shop, link
from tests.gateway.log_rig import LogRig
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import BACK, FLOOR, FOREIGN, SHIRT_M, SHIRT_S, SITE, T0_US, epc, other_site
from tests.gateway.test_catalogue import GOOD
from wire.site import OUT

OTHER = "store-002"


class TradeShop(Shop):
    """A shop that sells."""

    def __init__(self, database: Database, http: httpx.AsyncClient, rig: LogRig) -> None:
        super().__init__(database, http, rig)
        self._events = 0

    async def post(self, path: str, *lines: dict[str, Any], **more: Any) -> httpx.Response:
        self._events += 1
        body: dict[str, Any] = {"source_event_id": f"e/{self._events}", "site": SITE.id, "at": AT.format(9)}
        body |= {"lines": list(lines)} if lines else {}
        body |= more
        return await self.http.post(f"/v1/{path}", json={name: value for name, value in body.items() if value != ""})

    async def atp(self, gtin: str = SHIRT_S, site: str = SITE.id) -> tuple[int, int]:
        row = (await self.http.get(f"/v1/availability?gtin={gtin}&site={site}")).json()
        return row["atp"], row["on_hand"]


@asynccontextmanager
async def open_trade_shop(database: Database) -> AsyncIterator[TradeShop]:
    rig = await LogRig(database, presence=plain()).open()
    async with database.write() as connection:
        await register_site(connection, other_site(OTHER), T0_US)
    await import_catalogue(database, GOOD, T0_US)
    services = Services(trade=Trade(database, rig.clock, HeldUnits()), trade_reads=TradeReads(database))
    app = create_app(Queries(database, rig.clock), ChangeFeed(), services=services, clock=rig.clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        yield TradeShop(database, http, rig)


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[TradeShop]:
    async with open_trade_shop(database) as opened:
        yield opened


def item(serial: int, gtin: str = SHIRT_S) -> dict[str, Any]:
    return {"epc": link(serial, gtin)}


def units(quantity: int, gtin: str = SHIRT_S) -> dict[str, Any]:
    return {"gtin": gtin, "quantity": quantity}


async def test_a_sale_is_promised_to_nobody_before_the_fold_has_seen_it(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    assert await shop.atp() == (2, 2)
    references = {"receipt_ref": "R1", "payment_ref": "P1", "tender": "card", "customer_ref": "C1"}
    first = await shop.post("sales", item(1), channel="store", **references)
    assert first.status_code == 200, first.text
    assert first.json()["lines"] == [
        {"gtin": SHIRT_S, "quantity": 1, "items": 1, "untagged": 0, "unplaced": 0, "left": 0, "history": 0}
    ]
    assert "P1" not in first.text
    assert await shop.atp() == (1, 2)  # nobody has folded yet
    again = await shop.post("sales", {"epc": epc(SHIRT_S, 1).hex()}, source_event_id="e/1", channel="store")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    problem(await shop.post("sales", item(2), source_event_id="e/1"), "id-reused")
    sold = problem(await shop.post("sales", {"epc": "urn:epc:id:sgtin:9506000.013435.1"}), "already-sold")
    assert sold["value"] == [f"{SHIRT_S}/1"]
    await shop.catch_up()
    assert await shop.atp() == (1, 1)
    assert await shop.places() == {"1": OUT, "2": "FLOOR"}
    assert (await verify(shop.database, SITE.id)).shown == []


async def test_the_fold_finds_the_item_of_a_sale_by_quantity(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    await shop.post("counts", untagged=[units(1)])
    assert await shop.atp() == (3, 3)
    (line,) = (await shop.post("sales", units(2))).json()["lines"]
    assert (line["untagged"], line["unplaced"]) == (1, 1)
    assert await shop.atp() == (1, 2)
    await shop.catch_up()
    assert await shop.atp() == (1, 1)
    story = (await shop.http.get(f"/v1/items/{SHIRT_S}/1")).json()
    assert (story["state"], story["places"][0]["zone"]) == ("sold", OUT)
    assert (await verify(shop.database, SITE.id)).shown == []


async def test_the_book_follows_what_is_told_here_too(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    totals = await shop.post("adjustments", units(5), mode="totals", scope="all", at=AT.format(0))
    assert totals.json()["rows"] == 1, totals.text
    assert await shop.atp() == (2, 2)
    await shop.post("counts", untagged=[units(2)])
    await shop.post("sales", units(3))
    await shop.post("returns", item(7), units(1))
    await shop.post("receipts", units(1))
    await shop.catch_up()
    (row,) = await shop.differences(gtin=SHIRT_S)
    assert row["book"]["now"] == 5 - 3 + 2 + 1


async def test_an_asn_a_receipt_and_a_transfer(shop: TradeShop) -> None:
    announced = await shop.post(
        "shipments", item(1), units(2), site="", to_site=SITE.id, id="ASN-1", sscc="106141412345678908"
    )
    assert announced.json()["shipment"]["state"] == "announced", announced.text
    received = (await shop.post("receipts", item(1), item(5), units(1), sscc="106141412345678908")).json()
    assert received["shipment"]["lines"] == [
        {"gtin": SHIRT_S, "expected": 3, "received": 3, "seen": 0, "missing": 0, "unexpected": 0}
    ]
    await shop.see((BACK, epc(SHIRT_S, 1)))
    shown = (await shop.http.get("/v1/shipments/ASN-1")).json()
    assert (shown["shipment"]["state"], shown["shipment"]["seen"]) == ("received", 2)
    assert await shop.atp() == (3, 3)
    sent = await shop.post("transfers", item(1), units(1), site="", from_site=SITE.id, to_site=OTHER, id="T-1")
    assert sent.json()["shipment"]["state"] == "in_transit", sent.text
    assert (await shop.atp())[0] == 1
    await shop.catch_up()
    assert await shop.atp() == (1, 1)
    arrived = await shop.post("transfers/T-1:receive", site="")
    assert arrived.json()["shipment"]["state"] == "received", arrived.text
    assert await shop.atp(site=OTHER) == (1, 1)
    problem(await shop.post("transfers/T-1:cancel", site=""), "shipment-state")
    problem(await shop.post("transfers/T-1:ship", site=""), "shipment-state")
    for path in ("transfers/T-9:receive", "transfers/ASN-1:receive", "transfers/ASN-1:cancel"):
        problem(await shop.post(path, site=""), "unknown-shipment")
    problem(await shop.http.get("/v1/shipments/T-9"), "unknown-shipment")
    for site in (SITE.id, OTHER):
        assert (await verify(shop.database, site)).shown == []


async def test_what_comes_back_is_looked_at_and_sold_again(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    await shop.post("sales", item(1), item(2))
    assert (await shop.post("returns", item(1), item(2), units(2))).json()["state"] == "returned_unchecked"
    assert (await shop.post("returns", item(9), disposition="damaged")).json()["state"] == "damaged"
    bad = item(2) | {"disposition": "damaged"}
    looked = await shop.post("returns:inspect", item(1), bad, units(1), zone="FLOOR")
    assert looked.json()["restocked"] == [{"gtin": SHIRT_S, "items": 1, "untagged": 1}], looked.text
    assert looked.json()["damaged"] == [{"gtin": SHIRT_S, "items": 1, "untagged": 0}]
    again = await shop.post("returns:inspect", item(1), bad, units(1), zone="FLOOR", source_event_id="e/4")
    assert (again.json(), again.headers["idempotency-replayed"]) == (looked.json(), "true")
    assert problem(await shop.post("returns:inspect", item(1)), "not-returned")["value"] == [f"{SHIRT_S}/1"]
    assert problem(await shop.post("returns:inspect", units(2)), "not-enough")["value"] == 1
    await shop.catch_up()
    await shop.see((FLOOR, epc(SHIRT_S, 1)))
    assert (await shop.atp())[0] == 2
    assert (await verify(shop.database, SITE.id)).shown == []


async def test_a_person_corrects_and_an_erp_sets(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)))
    damaged = await shop.post("adjustments", item(1), mode="delta", reason="damaged")
    assert (damaged.json()["items"], (await shop.atp())[0]) == (1, 0), damaged.text
    line = units(4) | {"expected_version": damaged.json()["skus"][0]["version"]}
    said = {"mode": "set", "quantity_kind": "on_hand", "includes_sales_through": AT.format(9)}
    done = await shop.post("adjustments", line, **said)
    assert done.json()["skus"][0]["untagged"] == 3, done.text
    assert await shop.atp() == (3, 4)
    conflict = problem(await shop.post("adjustments", line, **said), "version-conflict")
    assert conflict["current_version"] == conflict["expected"] + 1
    below = units(0) | {"expected_version": conflict["current_version"]}
    problem(await shop.post("adjustments", below, **said), "below-tagged")
    short = {"gtin": SHIRT_S, "delta": -9}
    assert problem(await shop.post("adjustments", short, mode="delta", reason="missing"), "not-enough")["value"] == 3


async def test_who_did_what_and_what_became_of_goods(shop: TradeShop) -> None:
    await shop.post("sales", item(1), customer_ref="C1")
    await shop.post("returns", item(1), site=OTHER)
    page = (await shop.http.get("/v1/postings?limit=1")).json()
    assert (page["rows"][0]["from"], page["rows"][0]["to"], page["rows"][0]["cause"]) == ("available", "sold", "sale")
    page = (await shop.http.get(f"/v1/postings?limit=1&after={page['next']}")).json()
    assert (page["rows"][0]["site"], page["next"]) == (OTHER, None)
    assert [row["action"] for row in (await shop.http.get("/v1/audit")).json()["rows"]] == ["sale", "return"]
    erased = await shop.http.post("/v1/references:erase", json={"customer_ref": "C1"})
    assert erased.json() == {"erased": 1}
    problem(await shop.http.get(f"/v1/items/{SHIRT_M}/404"), "unknown-item")
    problem(await shop.http.get("/v1/items/123/404"), "invalid-gtin")
    problem(await shop.http.get("/v1/audit?limit=501"), "invalid-parameter")
    problem(await shop.http.get(f"/v1/items/{SHIRT_S}/a%00b"), "unknown-item")
    problem(await shop.http.get("/v1/shipments/%00"), "unknown-shipment")
    for path in ("postings?site=%00", "postings?serial=%00", "audit?site=%00"):
        assert (await shop.http.get(f"/v1/{path}")).json()["rows"] == []
    problem(await shop.post("sales", item(1), site="a\0b"), "invalid-body")


SALE: dict[str, tuple[dict[str, Any], str, str]] = {
    "no line": ({"lines": []}, "invalid-body", "lines"),
    "neither item nor units": ({"lines": [{}]}, "invalid-body", "lines[0]"),
    "both": ({"lines": [item(1) | units(1)]}, "invalid-body", "lines[0]"),
    "no quantity": ({"lines": [{"gtin": SHIRT_S}]}, "invalid-body", "lines[0].quantity"),
    "two of an item": ({"lines": [item(1) | {"quantity": 2}]}, "invalid-body", "lines[0].quantity"),
    "an item twice": ({"lines": [item(1), {"epc": epc(SHIRT_S, 1).hex()}]}, "invalid-body", "lines[1].epc"),
    "too many": ({"lines": [units(9_000), units(9_000)]}, "invalid-body", "lines[1].quantity"),
    "no item": ({"lines": [{"epc": "hello"}]}, "invalid-body", "lines[0].epc"),
    "wrong check digit": ({"lines": [units(1, SHIRT_S[:-1] + "0")]}, "invalid-body", "lines[0].gtin"),
    "unknown member": ({"card_number": "4111"}, "invalid-body", "card_number"),
    "a time without zone": ({"at": "2026-11-18T11:06:41"}, "invalid-body", "at"),
    "an event with a space": ({"source_event_id": "a b"}, "invalid-body", "source_event_id"),
    "no such site": ({"site": "nowhere"}, "unknown-site", ""),
    "another company's": ({"lines": [item(1, FOREIGN)]}, "foreign-item", ""),
    "no such reservation": ({"reservation": "none"}, "reservation-unusable", ""),
}
OTHERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("returns", {"lines": [item(1)], "zone": "CELLAR"}, "unknown-zone", "zone"),
    ("returns", {"lines": [item(1)], "disposition": "new"}, "invalid-body", "disposition"),
    ("receipts", {"lines": []}, "invalid-body", "lines"),
    ("receipts", {"lines": [item(1)], "zone": "FLOOR"}, "not-receiving", "zone"),
    ("receipts", {"lines": [item(1)], "sscc": "106141412345678901"}, "invalid-body", "sscc"),
    ("receipts", {"lines": [item(1)], "shipment": "none"}, "unknown-shipment", ""),
    ("shipments", {"lines": [item(1)], "site": "", "to_site": SITE.id, "id": "a/b"}, "invalid-body", "id"),
    (
        "transfers",
        {"lines": [item(1)], "site": "", "from_site": SITE.id, "to_site": SITE.id},
        "invalid-body",
        "to_site",
    ),
    ("transfers", {"lines": [units(1)], "site": "", "from_site": SITE.id, "to_site": OTHER}, "not-enough", ""),
    ("returns", {"lines": [item(1)], "disposition": "sellable"}, "invalid-body", "disposition"),
    ("returns:inspect", {"lines": [item(1)]}, "not-returned", ""),
    ("returns:inspect", {"lines": [item(1), item(1) | {"disposition": "damaged"}]}, "invalid-body", "lines[1].epc"),
    ("returns:inspect", {"lines": [item(1) | {"disposition": "inspect"}]}, "invalid-body", "lines[0].disposition"),
    ("receipts", {"by_reads": True}, "invalid-body", "lines"),
    ("receipts", {"lines": [item(1)], "by_reads": True}, "invalid-body", "by_reads"),
    ("counts", {}, "invalid-body", "epcs"),
    ("counts", {"epcs": [link(1)]}, "invalid-body", "zone"),
    ("counts", {"untagged": [units(1), units(2)]}, "invalid-body", "untagged[1].gtin"),
    ("counts", {"untagged": [units(1)], "coverage": 0.5}, "invalid-body", "coverage"),
    ("adjustments", {"lines": [item(1)]}, "invalid-body", "mode"),
    ("adjustments", {"mode": "delta", "reason": "stolen", "lines": [item(1)]}, "invalid-body", "reason"),
    ("adjustments", {"mode": "delta", "reason": "disposed", "lines": [item(1)]}, "invalid-body", "lines[0].epc"),
    (
        "adjustments",
        {"mode": "delta", "reason": "found", "lines": [{"gtin": SHIRT_S, "delta": -1}]},
        "invalid-body",
        "lines[0].delta",
    ),
    (
        "adjustments",
        {"mode": "set", "quantity_kind": "on_hand", "lines": [units(1)]},
        "invalid-body",
        "lines[0].expected_version",
    ),
    ("adjustments", {"mode": "totals", "scope": "some", "lines": [units(1)]}, "invalid-body", "scope"),
]


async def test_what_is_refused_is_told_and_leaves_no_trace(shop: TradeShop) -> None:
    before = await shop.entries()
    for what, (change, code, parameter) in SALE.items():
        body: dict[str, Any] = {"source_event_id": "x", "site": SITE.id, "at": AT.format(1), "lines": [item(1)]}
        answer = await shop.http.post("/v1/sales", json=body | change)
        assert problem(answer, code).get("parameter", "") == parameter, what
    for path, body, code, parameter in OTHERS:
        assert problem(await shop.post(path, **body), code).get("parameter", "") == parameter, (path, body)
    sscc = await shop.post("receipts", item(1), sscc="106141412345678901")
    assert "the last of them the check digit 8" in problem(sscc, "invalid-body")["detail"]
    assert await shop.entries() == before
    assert (await shop.http.get("/v1/audit")).json()["rows"] == []
    assert (await shop.http.get("/v1/postings")).json()["rows"] == []
    assert (await shop.post("sales", item(1), source_event_id="x")).status_code == 200  # the name was not used up


def test_every_operation_is_described_with_examples_that_it_would_take() -> None:
    database = Database("sqlite:////nonexistent/x.db")
    services = Services(trade=Trade(database, lambda: T0_US), trade_reads=TradeReads(database))
    app = create_app(Queries(database, lambda: T0_US), ChangeFeed(), services=services)
    paths = app.openapi_schema or _document(app)
    operations = {path: more for path, more in paths["paths"].items() if _is_trade(more)}
    assert len(operations) == 16, sorted(operations)  # GET and POST of shipments share a path
    for path, more in operations.items():
        for operation in more.values():
            assert operation["summary"], path
            answer = operation["responses"]["200"]["content"]["application/json"]
            assert answer["examples"], path
            assert "401" in operation["responses"], path


def _document(app: Any) -> dict[str, Any]:
    from gateway.http.openapi import document

    return document(app)


def _is_trade(more: dict[str, Any]) -> bool:
    return any("trade" in operation.get("tags", ()) for operation in more.values())
