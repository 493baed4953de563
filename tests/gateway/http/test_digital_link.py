"""Digital Links over HTTP: what strangers may know, that it never depends on a serial, and what staff see."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import event, insert, update

from gateway.availability import Policy
from gateway.geo import Location, distance_km
from gateway.http.client_address import address_of
from gateway.http.digital_link_routes import BURST, STRANGERS_AT_ONCE, DigitalLinks, routes, wanted
from gateway.http.digital_link_rows import LAST_ONES_MOST, LinkItem, StyleStock, word_of
from gateway.http.gate import COOKIE
from gateway.queries import Queries
from gateway.shopper import ShopperView
from gateway.storage.commerce import binding, disposition, reservation
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from gateway.storage.schema import stock as stock_table
from gateway.storage.schema import zone_state
from tests.gateway.http.links import (
    BERLIN,
    HAMBURG,
    HARBOUR,
    HTML,
    JSON,
    MAIN,
    NAVY_L,
    NAVY_M,
    NAVY_S,
    NEAR_HAMBURG,
    OUTLET,
    POTSDAM,
    SKY_M,
    SKY_XL,
    UNKNOWN,
    WAREHOUSE,
    Linked,
    fill,
    link,
    open_links,
)
from tests.gateway.http.problems import problem
from tests.gateway.small_store import SECOND_US, T0_US, ManualClock
from tests.gateway.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERIAL_1: Final = f"/01/{NAVY_M}/21/1"
"""An item that is on the floor of Main Street."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """One database for all tests that only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('links')}/gateway.db"
    migrate(url)
    database = Database(url)
    await fill(database)
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(filled: Database) -> AsyncIterator[Linked]:
    """There are keys: whoever has none is a shopper."""
    async with open_links(filled) as found:
        await found.key("stock:read", "staff:read")
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def shopper(linked: Linked) -> AsyncIterator[httpx.AsyncClient]:
    linked.seconds += 3_600  # every bucket is full again
    async with linked.asking() as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def staff(linked: Linked) -> AsyncIterator[httpx.AsyncClient]:
    async with linked.asking(await linked.key("stock:read", "staff:read")) as http:
        yield http


# -- what a shopper sees


async def test_a_shopper_sees_sizes_and_stores_in_words(shopper: httpx.AsyncClient) -> None:
    found = (await link(shopper, f"/01/{NAVY_M}")).json()
    assert (found["name"], found["colour"], found["size"]) == ("Harbour jacket", "navy", "M")
    assert found["digital_link"] == f"https://id.gs1.org/01/{NAVY_M}"
    assert [(row["gtin"], row["size"], row["availability"], row["stores"]) for row in found["sizes"]] == [
        (NAVY_S, "S", "last_ones", 2),
        (NAVY_M, "M", "in_stock", 3),
        (NAVY_L, "L", "not_now", 0),  # the warehouse has nine: nobody can go there
        (SKY_M, "M", "not_now", 0),
        (SKY_XL, "XL", "last_ones", 1),
    ]
    assert [(row["site"], row["availability"], row["also_here"]) for row in found["stores"]] == [
        (HARBOUR, "last_ones", [NAVY_S]),
        (MAIN, "in_stock", [NAVY_S, SKY_XL]),
        (OUTLET, "last_ones", []),
    ]
    assert {row["status"] for row in found["stores"]} == {"live"}
    assert found["item"] is None
    text = str(found)
    assert WAREHOUSE not in text
    assert "zone" not in text
    assert "on_hand" not in text


async def test_the_words_are_what_the_default_policy_promises(filled: Database, shopper: httpx.AsyncClient) -> None:
    queries = Queries(filled, ManualClock(T0_US + 10 * SECOND_US))
    compared = 0
    for number in (NAVY_S, NAVY_M, NAVY_L, SKY_XL):
        stock = await queries.availability(number)
        assert stock is not None
        atp = {row.site: row.offer(Policy()).atp for row in stock.sites}
        for row in (await link(shopper, f"/01/{number}")).json()["stores"]:
            assert row["availability"] == word_of(atp.get(row["site"], 0)), (number, row)
            compared += 1
    assert compared == 12
    assert [word_of(units) for units in (-1, 0, 1, LAST_ONES_MOST, LAST_ONES_MOST + 1)] == [
        *("not_now", "not_now", "last_ones", "last_ones", "in_stock")
    ]


async def test_near_a_place_the_stores_that_have_it_come_by_distance(shopper: httpx.AsyncClient) -> None:
    near = (await link(shopper, f"/01/{NAVY_S}?near={NEAR_HAMBURG}")).json()["stores"]
    here = (53.5, 10.0)
    assert [(row["site"], row["distance_km"]) for row in near] == [
        (HARBOUR, round(distance_km(here, HAMBURG), 1)),
        (MAIN, round(distance_km(here, BERLIN), 1)),
        (OUTLET, round(distance_km(here, POTSDAM), 1)),  # nearer than Main Street, but without this size
    ]
    assert (near[1]["availability"], near[2]["availability"]) == ("last_ones", "not_now")


@pytest.mark.parametrize("near", ["berlin", "91,0", "1,2,3", "nan,nan", "1" * 65])
async def test_a_place_that_is_none_is_refused_in_both_forms(shopper: httpx.AsyncClient, near: str) -> None:
    document = problem(await link(shopper, f"/01/{NAVY_M}?near={near}"), "invalid-parameter")
    assert document["parameter"] == "near"
    page = await shopper.get(f"/01/{NAVY_M}?near={near}", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize("text", [NAVY_M[1:], f"{NAVY_M}"])
async def test_a_gtin_may_be_written_with_fewer_digits(shopper: httpx.AsyncClient, text: str) -> None:
    assert (await link(shopper, f"/01/{text}")).content == (await link(shopper, f"/01/{NAVY_M}")).content


async def test_a_wrong_check_digit_is_named(shopper: httpx.AsyncClient) -> None:
    wrong = f"{NAVY_M[:-1]}{(int(NAVY_M[-1]) + 1) % 10}"
    document = problem(await link(shopper, f"/01/{wrong}"), "invalid-gtin")
    assert document["expected"] == f"check digit {NAVY_M[-1]}"
    page = await shopper.get(f"/01/{wrong}", headers=HTML)
    assert page.status_code == 400
    assert f"check digit {NAVY_M[-1]}" in page.text


async def test_an_unknown_product_is_a_friendly_page_or_a_problem(shopper: httpx.AsyncClient) -> None:
    problem(await link(shopper, f"/01/{UNKNOWN}/21/7"), "unknown-gtin")
    page = await shopper.get(f"/01/{UNKNOWN}", headers=HTML)
    assert (page.status_code, page.headers["cache-control"]) == (404, "no-store")
    assert "<h1>We do not know this product</h1>" in page.text
    assert UNKNOWN in page.text


# -- no answer without a key depends on the serial

SERIALS: Final = (
    "1",  # is on the floor of Main Street
    "999999",  # is nowhere
    "A-1",
    quote("a/b", safe=""),
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "x" * 500,  # no serial at all: twenty characters are the most
    "%zz",
    "%00",
    "",
    "a/b/../c",
)


@pytest.mark.parametrize(
    "accept", [HTML, JSON, {"Accept": "application/linkset+json"}], ids=["html", "json", "linkset"]
)
async def test_without_a_key_any_serial_gives_the_same_bytes_by_the_same_work(
    filled: Database, linked: Linked, shopper: httpx.AsyncClient, accept: dict[str, str]
) -> None:
    """The same status, headers and body, by the same statements with the same values: no serial is looked up."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        statements.append((statement, values))

    async def asked(path: str, key: str | None = None) -> tuple[object, ...]:
        statements.clear()
        headers = accept if key is None else accept | {"Authorization": f"Bearer {key}"}
        found = await shopper.get(path, headers=headers)
        kept = sorted((name, value) for name, value in found.headers.items() if name != "date")
        return found.status_code, kept, found.content, list(statements)

    only_stock = await linked.key("stock:read")
    event.listen(filled.reading.sync_engine, "before_cursor_execute", note)
    try:
        first = await asked(f"/01/{NAVY_M}")
        assert first[0] == 200
        assert len(first[3]) > 3  # type: ignore[arg-type] # the listener hears the statements
        for serial in SERIALS:
            assert await asked(f"/01/{NAVY_M}/21/{serial}") == first, serial
            assert await asked(f"/01/{NAVY_M}/10/LOT/21/{serial}") == first, serial
        assert await asked(SERIAL_1, only_stock) == first
        unknown = await asked(f"/01/{UNKNOWN}")
        assert unknown[0] == 404
        for serial in SERIALS:
            assert await asked(f"/01/{UNKNOWN}/21/{serial}") == unknown, serial
    finally:
        event.remove(filled.reading.sync_engine, "before_cursor_execute", note)


async def test_with_a_staff_key_it_does_depend_on_it(staff: httpx.AsyncClient) -> None:
    """The control of the test above."""
    one, other = await link(staff, SERIAL_1), await link(staff, f"/01/{NAVY_M}/21/999999")
    assert one.json()["item"] != other.json()["item"]
    assert one.json()["stores"] == other.json()["stores"]


# -- what staff see


async def test_staff_see_where_the_item_is(staff: httpx.AsyncClient) -> None:
    found = await link(staff, SERIAL_1)
    item = found.json()["item"]
    (place,) = item["places"]
    assert (place["site"], place["zone"], place["zone_kind"], place["status"]) == (MAIN, "FLOOR", "sales_floor", "live")
    assert 0.9 < place["confidence"] < 1
    assert (item["state"], item["hold"], item["serial"]) == ("available", None, "1")
    assert (item["last_movement"]["from"], item["last_movement"]["to"]) == ("OUT", "FLOOR")
    assert (found.headers["cache-control"], "etag" in found.headers) == ("private, no-store", False)
    page = await staff.get(SERIAL_1, headers=HTML)
    assert "For staff" in page.text
    assert "FLOOR" in page.text
    assert page.headers["cache-control"] == "private, no-store"


async def test_an_item_that_nobody_met_has_no_state(staff: httpx.AsyncClient) -> None:
    item = (await link(staff, f"/01/{NAVY_M}/21/999999")).json()["item"]
    assert (item["state"], item["places"], item["last_movement"]) == (None, [], None)
    assert "ever heard of this item" in (await staff.get(f"/01/{NAVY_M}/21/999999", headers=HTML)).text


async def test_staff_are_told_of_a_serial_that_cannot_be_one(staff: httpx.AsyncClient) -> None:
    problem(await link(staff, f"/01/{NAVY_M}/21/{'x' * 21}"), "invalid-parameter")
    problem(await link(staff, f"/01/{NAVY_M}/21/a/b"), "invalid-parameter")
    assert (await link(staff, f"/01/{NAVY_M}/21/{quote('a/b', safe='')}")).json()["item"]["serial"] == "a/b"


async def test_a_key_for_another_site_learns_nothing_of_the_item(linked: Linked) -> None:
    async with linked.asking(await linked.key("staff:read", sites=[OUTLET])) as http:
        item = (await link(http, SERIAL_1)).json()["item"]
        assert (item["state"], item["places"], item["last_movement"]) == (None, [], None)


async def test_a_browsers_session_shows_staff_what_a_key_shows(linked: Linked, shopper: httpx.AsyncClient) -> None:
    token = await linked.key("stock:read", "staff:read")
    cookie = {"Cookie": f"{COOKIE}={token}"}
    assert (await link(shopper, SERIAL_1, **cookie)).json()["item"]["serial"] == "1"
    await linked.revoke(token)
    old = await link(shopper, SERIAL_1, **cookie)
    assert (old.status_code, old.json()["item"]) == (200, None)
    problem(await link(shopper, SERIAL_1, Authorization=f"Bearer {token}"), "no-key")


async def test_while_there_are_no_keys_this_machine_is_staff(filled: Database, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    migrate(url)
    empty = Database(url)
    linked = Linked(filled, ManualClock(T0_US))
    linked.database = empty  # keys are read from here
    await linked.access.begin()
    transport = httpx.ASGITransport(linked.app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(base_url="http://localhost", transport=transport, timeout=60) as http:
        assert (await link(http, SERIAL_1)).json()["item"]["serial"] == "1"
    await empty.close()


@pytest.fixture
def held_row() -> dict[str, Any]:
    return {
        "id": "0190-hold",
        "key": "k",
        "idempotency_key": "i",
        "body_sha256": b"",
        "channel": "web",
        "mode": "pickup",
        "state": "held",
        "swept": False,
        "expires_us": T0_US + 60 * SECOND_US,
        "created_us": T0_US,
        "updated_us": T0_US,
        "version": 1,
        "answer": b"{}",
    }


@pytest.mark.asyncio(loop_scope="function")
async def test_hold_state_and_blindness_of_an_item_on_both_databases(
    database: Database, held_row: dict[str, Any]
) -> None:
    await fill(database)
    clock = ManualClock(T0_US + 10 * SECOND_US)
    view = ShopperView(database, clock)

    def everywhere(_: str) -> bool:
        return True

    bound = {"gtin": NAVY_M, "serial": "1", "site": MAIN, "reservation": "0190-hold", "line": 0}
    async with database.write() as connection:
        await connection.execute(insert(reservation), held_row)
        await connection.execute(insert(binding), bound | {"picked": False, "bound_us": T0_US})
    item = await view.item(NAVY_M, "1", everywhere)
    assert item.hold is not None
    assert (item.hold.reservation, item.hold.channel, item.hold.mode) == ("0190-hold", "web", "pickup")
    assert (await view.item(NAVY_M, "1", lambda site: site == OUTLET)).hold is None
    clock.now_us = held_row["expires_us"]
    assert (await view.item(NAVY_M, "1", everywhere)).hold is None, "a hold whose time is over counts as gone"

    clock.now_us = T0_US + 10 * SECOND_US
    said = {"gtin": NAVY_M, "serial": "1", "site": MAIN, "state": "damaged", "owner": "brand", "since_us": T0_US}
    blind = (zone_state.c.site == MAIN) & (zone_state.c.zone == "FLOOR")
    async with database.write() as connection:
        await connection.execute(insert(disposition), said)
        await connection.execute(update(zone_state).where(blind).values(status="blind"))
    item = await view.item(NAVY_M, "1", everywhere)
    assert (item.state, item.owner) == ("damaged", "brand")
    assert [(place.zone, place.status, place.confidence) for place in item.places] == [("FLOOR", "stale", None)]
    style = await view.style(NAVY_M)
    assert style is not None
    assert {found.store.site: found.row.status for found in style.stores} == {
        HARBOUR: "live",
        OUTLET: "live",
        MAIN: "stale",
    }
    async with database.write() as connection:
        await connection.execute(update(stock_table).values(promised=None))
    unknown = await view.style(NAVY_M)
    assert unknown is not None
    assert (unknown.most, unknown.having) == (style.most, style.having), "rows that say no promise are looked at"
    assert (style.most[NAVY_M], style.most[NAVY_S], style.most[SKY_XL]) == (4, 1, 2)
    assert style.having[NAVY_M] == 3


# -- one path, three representations


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "text/html"),
        ("", "text/html"),
        (HTML["Accept"], "text/html"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("application/json;q=0.5, text/html;q=0.4", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("APPLICATION/LINKSET+JSON, */*;q=0.1", "application/linkset+json"),
        ("image/png", "text/html"),
        ("application/json;q=many", "text/html"),
    ],
)
async def test_an_accept_header_chooses(accept: str, expected: str) -> None:
    assert wanted(accept) == expected


@pytest.mark.parametrize("asked", ["?linkType=all", "?linkType=linkset", ""])
async def test_a_linkset_names_the_page_and_the_data(shopper: httpx.AsyncClient, asked: str) -> None:
    headers = {"Accept": "text/html" if asked else "application/linkset+json"}
    found = await shopper.get(f"/01/{NAVY_M}/21/1{asked}", headers=headers)
    assert found.headers["content-type"] == "application/linkset+json"
    assert "linkset-context" in found.headers["link"]
    (context,) = found.json()["linkset"]
    here = f"{shopper.base_url.copy_with(path='')}".rstrip("/") + f"/01/{NAVY_M}"
    assert context["anchor"] == here
    assert context["https://ref.gs1.org/voc/defaultLink"][0]["href"] == here
    assert [row["type"] for row in context["https://ref.gs1.org/voc/pip"]] == ["text/html", "application/json"]


@pytest.mark.parametrize("path", [f"/01/{NAVY_M}", SERIAL_1, f"/01/{UNKNOWN}", "/01/12"])
@pytest.mark.parametrize("accept", [HTML, JSON], ids=["html", "json"])
async def test_head_says_what_get_says_without_the_body(
    shopper: httpx.AsyncClient, path: str, accept: dict[str, str]
) -> None:
    got, head = await shopper.get(path, headers=accept), await shopper.head(path, headers=accept)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for response in (got, head):
        del response.headers["date"]
    assert head.headers == got.headers


async def test_other_methods_and_paths_are_refused(shopper: httpx.AsyncClient) -> None:
    problem(await shopper.post(f"/01/{NAVY_M}"), "method-not-allowed")
    for path in (f"/01/{NAVY_M}/", f"/01/{NAVY_M}/99/x", f"/01/{NAVY_M}/10/a/22/b", f"/01/{NAVY_M}/21"):
        problem(await link(shopper, path), "not-found")


async def test_attributes_of_a_link_are_let_pass(shopper: httpx.AsyncClient) -> None:
    plain = await link(shopper, f"/01/{NAVY_M}")
    assert (await link(shopper, f"/01/{NAVY_M}/10/L1/21/7?17=271231&3103=000195")).content == plain.content


# -- caches


async def test_caches_may_keep_a_shoppers_answer_for_a_moment(linked: Linked, shopper: httpx.AsyncClient) -> None:
    for accept in (HTML, JSON):
        first = await shopper.get(f"/01/{NAVY_M}", headers=accept)
        assert first.headers["cache-control"] == "public, max-age=15"
        assert first.headers["vary"] == "Accept, Authorization, Cookie, X-API-Key"
        again = await shopper.get(f"/01/{NAVY_M}", headers=accept | {"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["vary"]) == (304, b"", first.headers["vary"])
    page, data = [(await shopper.get(f"/01/{NAVY_M}", headers=accept)).headers["etag"] for accept in (HTML, JSON)]
    assert page != data
    linked.clock.advance(600)  # nobody folds: what was live is an hour old
    try:
        for accept, etag in ((HTML, page), (JSON, data)):
            later = await shopper.get(f"/01/{NAVY_M}", headers=accept | {"If-None-Match": etag})
            assert later.status_code == 200
        assert "last checked <time" in (await shopper.get(f"/01/{NAVY_M}", headers=HTML)).text
    finally:
        linked.clock.advance(-600)


# -- how often


async def test_an_address_may_not_ask_for_ever(linked: Linked, shopper: httpx.AsyncClient) -> None:
    for _ in range(BURST):
        assert (await shopper.head("/01/12")).status_code == 400
    refused = await link(shopper, f"/01/{NAVY_M}")
    problem(refused, "too-many-requests")
    assert refused.headers["retry-after"] == "1"
    page = await shopper.get(f"/01/{NAVY_M}", headers=HTML)
    assert (page.status_code, page.headers["retry-after"]) == (429, "1")
    assert "<h1>A moment, please</h1>" in page.text
    behind = {"X-Forwarded-For": "198.51.100.7"}
    assert (await link(shopper, f"/01/{NAVY_M}", **behind)).status_code == 200, "another shopper, behind our proxy"
    async with linked.asking(await linked.key("stock:read")) as http:
        assert (await link(http, f"/01/{NAVY_M}")).status_code == 200, "a key has a bucket of its own"
    linked.seconds += 1
    assert (await link(shopper, f"/01/{NAVY_M}")).status_code == 200


class Slow:
    """A view that answers when it is told to, and notes how many wait for it at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def style(self, _gtin: str, _near: Location | None = None) -> StyleStock | None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        self.inside -= 1
        return None

    async def item(self, gtin: str, serial: str, _sees: Callable[[str], bool]) -> LinkItem:
        raise AssertionError(f"nobody may ask for {gtin} {serial}")


@pytest.mark.asyncio(loop_scope="function")
async def test_strangers_take_few_of_the_databases_connections() -> None:
    view = Slow()
    app = FastAPI()
    app.include_router(routes(DigitalLinks(view, lambda: T0_US, lambda: 0.0)))
    transport = httpx.ASGITransport(app)  # without the gate nobody has a key
    async with (
        httpx.AsyncClient(base_url="http://id.example", transport=transport, timeout=60) as http,
        asyncio.timeout(20),
    ):
        asked = [asyncio.create_task(http.get(f"/01/{NAVY_M}")) for _ in range(10)]
        await until(lambda: view.inside == STRANGERS_AT_ONCE)
        view.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {404}
    assert view.most == STRANGERS_AT_ONCE


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # no proxy of ours: it may say what it likes
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1"),  # only the last one was written by our proxy
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("127.0.0.1", "unknown", ""),
        (None, None, ""),
    ],
)
async def test_requests_are_counted_by_address(client: str | None, forwarded: str | None, expected: str) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    assert address_of({"client": None if client is None else (client, 1), "headers": headers}) == expected
