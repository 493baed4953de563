"""Evidence, books, differences and decisions over HTTP, through a real fold, on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from gateway.http.limits import APPROVAL_MAX_BYTES, BOOK_MAX_ROWS
from gateway.ledger.verify import verify
from gateway.storage.engine import Database
from gateway.storage.schema import approval
from tests.gateway.http.problems import problem
from tests.gateway.http.shop import AT, PATH, Shop, link, open_shop
from tests.gateway.small_store import (
    BACK,
    FIT,
    FLOOR,
    FOREIGN,
    SHIRT_M,
    SHIRT_S,
    SITE,
    epc,
)
from wire.gs1 import check_digit
from wire.site import OUT


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with open_shop(database) as opened:
        yield opened


async def test_a_sale_over_http_moves_the_item_once(shop: Shop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    first = await shop.say("till/1", "sale", link(1))
    assert first.status_code == 200, first.text
    assert {key: first.json()[key] for key in ("id", "site", "units")} == {"id": "till/1", "site": SITE.id, "units": 1}
    assert "idempotency-replayed" not in first.headers
    again = await shop.say("till/1", "sale", epc(SHIRT_S, 1).hex())  # the same item, written otherwise
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    problem(await shop.say("till/1", "sale", link(2)), "id-reused")
    await shop.catch_up()
    assert await shop.places() == {"1": OUT, "2": "FLOOR"}
    row = (await shop.http.get(f"/v1/availability?gtin={SHIRT_S}&site={SITE.id}")).json()
    assert (row["atp"], row["held"], row["status"]) == (1, 0, "live")
    assert row["confidence"] == pytest.approx(0.9875, abs=1e-4)  # what was published last: the item is surer by now
    assert (await verify(shop.database, SITE.id)).shown == []
    shop.rig.clock.advance(120)  # nobody folds any more: the count is kept, and nobody is sure of it
    row = (await shop.http.get(f"/v1/availability?gtin={SHIRT_S}&site={SITE.id}")).json()
    assert (row["atp"], row["confidence"], row["status"]) == (1, None, "stale")
    cell = (await shop.http.get(f"{PATH}/stock")).json()["styles"][0]["colours"][0]["cells"][0]
    assert (cell["atp"], cell["held"], cell["status"]) == (1, 0, "stale")


async def test_the_same_event_sent_by_many_at_once_is_one(shop: Shop) -> None:
    before = await shop.entries()
    answers = await asyncio.gather(*(shop.say("till/1", "receipt", link(1)) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await shop.entries() == before + 1


async def test_all_kinds_of_evidence_and_all_names_of_items(shop: Shop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FIT, epc(SHIRT_M, 2)))
    assert (await shop.say("1", "receipt", "urn:epc:id:sgtin:9506000.013435.7", zone="BACK")).status_code == 200
    assert (await shop.say("2", "return", f"(01){SHIRT_S}(21)8")).status_code == 200
    assert (await shop.say("3", "sale", gtin=SHIRT_M[1:], quantity=1)).status_code == 200
    assert (await shop.say("4", "place", link(1), zone=OUT)).status_code == 200
    count = await shop.say("5", "count", link(8), link(7), zone="FLOOR", coverage=0.9, who="Kim")
    assert count.json()["units"] == 2
    await shop.catch_up()
    assert await shop.places() == {"1": OUT, "2": OUT, "7": "FLOOR", "8": "FLOOR"}
    movements = (await shop.http.get(f"{PATH}/movements?limit=6")).json()["rows"]
    assert [row["cause"] for row in movements] == ["counted", "counted", "placed", "sold", "returned", "received"]
    assert {row["probability"] for row in movements} == {0.97}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown member": ({"epc": "x"}, "invalid-body", "epc"),
    "no item at all": ({"epcs": []}, "invalid-body", "epcs"),
    "items and a quantity": ({"gtin": SHIRT_S, "quantity": 1}, "invalid-body", "epcs"),
    "no quantity": ({"epcs": [], "gtin": SHIRT_S}, "invalid-body", "quantity"),
    "a count of a quantity": ({"kind": "count", "epcs": [], "gtin": SHIRT_S, "quantity": 1}, "invalid-body", "epcs"),
    "another kind": ({"kind": "gift"}, "invalid-body", "kind"),
    "no item": ({"epcs": ["hello"]}, "invalid-body", "epcs[0]"),
    "a tag without item": ({"epcs": [link(1), "00" * 12]}, "invalid-body", "epcs[1]"),
    "wrong check digit": ({"epcs": [link(1, SHIRT_S[:-1] + "0")]}, "invalid-body", "epcs[0]"),
    "a time without zone": ({"at": "2026-11-18T11:06:41"}, "invalid-body", "at"),
    "next week": ({"at": "2026-11-25T11:06:41Z"}, "invalid-body", "at"),
    "no time": ({"at": "noon"}, "invalid-body", "at"),
    "a zone that is none": ({"zone": "CELLAR"}, "unknown-zone", "zone"),
    "out by a receipt": ({"kind": "receipt", "zone": OUT}, "unknown-zone", "zone"),
    "a place nowhere": ({"kind": "place"}, "invalid-body", "zone"),
    "the coverage of a sale": ({"coverage": 0.5}, "invalid-body", "coverage"),
    "more than all": ({"kind": "count", "zone": "BACK", "coverage": 1.5}, "invalid-body", "coverage"),
    "a name with a line end": ({"id": "a\nb"}, "invalid-body", "id"),
    "another company's": ({"epcs": [link(1, FOREIGN)]}, "foreign-item", ""),
}


async def test_what_is_refused_is_told_and_not_logged(shop: Shop) -> None:
    before = await shop.entries()
    for what, (change, code, parameter) in REFUSED.items():
        body: dict[str, Any] = {"id": "x", "kind": "sale", "at": AT.format(1), "epcs": [link(1)]} | change
        answer = await shop.http.post(f"{PATH}/evidence", json=body)
        assert problem(answer, code).get("parameter", "") == parameter, what
    assert await shop.entries() == before
    assert (await shop.say("x", "sale", link(1))).status_code == 200  # the name was not used up


async def test_bodies_that_are_none(shop: Shop) -> None:
    url = f"{PATH}/evidence"
    problem(await shop.http.post(url, content=b"{}", headers={"Content-Type": "text/plain"}), "not-json")
    problem(await shop.http.post(url, content=b"{}"), "not-json")
    problem(
        await shop.http.post(url, content=b"[" * 100_000, headers={"Content-Type": "application/json"}), "invalid-body"
    )
    problem(await shop.http.post(url, json=["x"]), "invalid-body")
    large = b'{"who":"' + b"x" * APPROVAL_MAX_BYTES + b'"}'
    approve = f"{PATH}/differences/x:approve"
    problem(await shop.http.post(approve, content=large, headers={"Content-Type": "application/json"}), "too-large")
    problem(await shop.http.post("/v1/sites/nowhere/evidence", json={}), "unknown-site")
    problem(await shop.http.put("/v1/sites/nowhere/book", json={}), "unknown-site")
    problem(await shop.http.get("/v1/sites/nowhere/differences"), "unknown-site")
    problem(await shop.http.get("/v1/sites/nowhere/accuracy"), "unknown-site")
    problem(await shop.http.get(f"{PATH}/accuracy?since_s=100000"), "invalid-parameter")
    problem(await shop.http.get(f"{PATH}/differences?cause=theft"), "invalid-parameter")
    problem(await shop.http.get(f"{PATH}/differences?after=12"), "invalid-gtin")


async def test_a_book_is_compared_and_follows_what_happens(shop: Shop) -> None:
    taken = await shop.book("erp/1", {SHIRT_S: 3, SHIRT_M: 1})
    assert {key: taken.json()[key] for key in ("rows", "older")} == {"rows": 2, "older": 0}
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)), (BACK, epc(SHIRT_M, 3)))
    (row,) = await shop.differences()
    assert (row["gtin"], row["cause"], row["quantity"], row["on_hand"]) == (SHIRT_S, "untagged", 1, 2)
    assert row["book"] == {"quantity": 3, "as_of": "2026-11-18T11:06:40.000Z", "now": 3}
    assert (row["zones"], row["approved"], row["counts"]) == ({"BACK": 1, "FLOOR": 1}, None, [])
    await shop.say("till/1", "sale", link(1))
    await shop.catch_up()
    (row,) = await shop.differences()
    assert (row["quantity"], row["book"]["now"], row["on_hand"]) == (1, 2, 1)  # both sides sold one
    again = await shop.book("erp/1", {SHIRT_S: 3, SHIRT_M: 1})
    assert (again.json(), again.headers["idempotency-replayed"]) == (taken.json(), "true")
    problem(await shop.book("erp/1", {SHIRT_S: 4}), "id-reused")
    older = await shop.book("erp/0", {SHIRT_S: 99}, as_of="2026-11-17T00:00:00Z")
    assert older.json()["older"] == 1
    newer = await shop.book("erp/2", {SHIRT_S: 1}, as_of=AT.format(3))
    assert newer.json()["older"] == 0
    assert await shop.differences() == []


async def test_a_book_that_cannot_be(shop: Shop) -> None:
    answer = problem(await shop.book("1", {"123": 4}), "invalid-body")
    assert answer["parameter"] == "rows[0].gtin"
    twice: dict[str, Any] = {"id": "2", "rows": [{"gtin": SHIRT_S, "quantity": 1, "as_of": AT.format(0)}] * 2}
    assert problem(await shop.http.put(f"{PATH}/book", json=twice), "invalid-body")["parameter"] == "rows[1].gtin"
    many = {"id": "3", "rows": twice["rows"] * BOOK_MAX_ROWS}
    problem(await shop.http.put(f"{PATH}/book", json=many), "invalid-body")
    problem(await shop.http.put(f"{PATH}/book", json={"id": "4", "rows": []}), "invalid-body")


async def test_every_likely_cause_and_a_person_s_decision(shop: Shop) -> None:
    """One of each: book and tags agree in the end, and who decided what stays."""
    floor = [(FLOOR, epc(SHIRT_S, serial)) for serial in range(1, 5)]
    await shop.see(*floor, (BACK, epc(SHIRT_M, 9)))
    await shop.book("erp", {SHIRT_S: 5}, as_of=AT.format(2))
    await shop.see(*floor, (BACK, epc(SHIRT_M, 9)), times=1)
    await shop.say("count", "count", link(1), link(2), link(3), link(9, SHIRT_M), zone="FLOOR", at=AT.format(8))
    await shop.catch_up()
    rows = {(row["gtin"], row["cause"]): row for row in await shop.differences()}
    assert {key: (row["quantity"], row["zone"], [i["serial"] for i in row["items"]]) for key, row in rows.items()} == {
        (SHIRT_S, "untagged"): (1, None, []),
        (SHIRT_S, "unread"): (1, "FLOOR", ["4"]),
        (SHIRT_M, "not_booked"): (1, None, ["9"]),
    }
    assert rows[SHIRT_S, "unread"]["counts"] == [
        {"zone": "FLOOR", "at": "2026-11-18T11:06:48.000Z", "expected": 4, "seen": 3}
    ]
    assert await shop.differences(gtin=SHIRT_M) == [rows[SHIRT_M, "not_booked"]]
    assert await shop.differences(cause="unread") == [rows[SHIRT_S, "unread"]]

    unread = rows[SHIRT_S, "unread"]["id"]
    problem(await shop.approve(unread, "here"), "invalid-body")
    problem(await shop.approve(unread, "here", zone="CELLAR"), "unknown-zone")
    problem(await shop.approve(unread, "gone", serials=["77"]), "invalid-body")
    problem(await shop.approve("nonsense", "gone"), "difference-gone")
    done = (await shop.approve(unread, "gone")).json()
    assert (done["items_placed"], done["place"], done["book_units"], done["book_now"]) == (["4"], OUT, -1, 4)
    again = await shop.approve(unread, "gone")
    assert (again.json(), again.headers["idempotency-replayed"]) == (done, "true")
    problem(await shop.approve(unread, "ignore"), "already-approved")
    problem(await shop.approve(unread, "gone", who="Alex"), "already-approved")
    problem(await shop.approve(rows[SHIRT_S, "untagged"]["id"], "gone"), "difference-gone")  # its book has changed
    await shop.catch_up()
    assert (await shop.places())["4"] == OUT

    (untagged,) = await shop.differences(gtin=SHIRT_S)
    assert (untagged["cause"], untagged["quantity"], untagged["book"]["now"]) == ("untagged", 1, 4)
    ignored = await shop.approve(untagged["id"], "ignore")
    assert (ignored.json()["n"], ignored.json()["book_now"]) == (None, None)
    (untagged,) = await shop.differences(gtin=SHIRT_S)
    assert untagged["approved"] == {"who": "Kim", "decision": "ignore", "at": ignored.json()["approved_at"]}
    await shop.book("erp/2", {SHIRT_S: 3, SHIRT_M: 1}, as_of=AT.format(9))
    assert await shop.differences() == []
    async with shop.database.read() as connection:
        kept = (await connection.execute(select(approval).order_by(approval.c.approved_us))).all()
    assert [(row.who, row.decision, row.cause) for row in kept] == [
        ("Kim", "gone", "unread"),
        ("Kim", "ignore", "untagged"),
    ]
    assert b'"serial":"4"' in bytes(kept[0].before)
    assert (await verify(shop.database, SITE.id)).shown == []


async def test_pages_of_differences_leave_none_out(shop: Shop) -> None:
    bodies = [f"0950600010{number:03d}" for number in range(5)]
    totals = {body + check_digit(body): 1 for body in bodies}
    assert (await shop.book("erp", totals)).status_code == 200
    found, after, pages = [], "", 0
    while after is not None:
        asked: dict[str, Any] = {"limit": 2} | ({"after": after} if after else {})
        page = (await shop.http.get(f"{PATH}/differences", params=asked)).json()
        found += [row["gtin"] for row in page["rows"]]
        after, pages = page["next"], pages + 1
    assert found == list(totals)
    assert pages == 3


async def test_accuracy_is_a_live_number(shop: Shop) -> None:
    empty = (await shop.http.get(f"{PATH}/accuracy")).json()
    assert (empty["site"], empty["latest"], empty["series"]) == (SITE.id, {}, {})
    await shop.book("erp", {SHIRT_S: 1})
    await shop.see((FLOOR, epc(SHIRT_S, 1)), times=70)
    await shop.say("c", "count", link(1), link(2), zone="FLOOR", at=AT.format(9))
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)), times=60)
    answer = (await shop.http.get(f"{PATH}/accuracy?since_s=100")).json()
    values = {name: figure["value"] for name, figure in answer["latest"].items()}
    assert values == {
        "blind_share": 0.0,
        "uncertain_items": 0.0,
        "expected_count_error": pytest.approx(0.0, abs=1e-3),
        "count_item_agreement": 0.5,
        "count_cell_agreement": 0.0,
        "book_agreement": 0.0,
    }
    assert answer["latest"]["count_item_agreement"]["at"] == "2026-11-18T11:06:49.000Z"
    assert [figure["value"] for figure in answer["series"]["book_agreement"]] == [1.0, 0.0]
    (site,) = (await shop.http.get("/v1/sites")).json()["sites"]
    assert site["accuracy"] == values
