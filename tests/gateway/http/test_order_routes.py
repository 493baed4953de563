"""Orders over HTTP: a miss that another store serves, an order as one, and who hears of its steps."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.http.limits import StreamLimits
from gateway.http.reservation_rows import item_link
from gateway.http.tail import Tail
from gateway.keys.store import ChannelChange
from gateway.push import webhook_store
from gateway.push.webhook_desk import Owner
from gateway.relay import relay, take_feed
from gateway.storage.engine import Database
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, id_of, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.http.test_task_routes import Floor, open_floor
from tests.gateway.push.feed_rig import NOBODY, stock, zone
from tests.gateway.push.feed_rig import Rig as FeedRig
from tests.gateway.push.receiver import receiving
from tests.gateway.small_store import SHIRT_S, SITE, T0_US
from tests.gateway.wait import until

RESERVE = "/v1/reservations"
EAST = "store-002"
UNSURE = ChannelChange(target=0.5)
"""Its shirts were read for a few seconds only."""


@pytest.fixture
async def floor(sqlite_database: Database) -> AsyncIterator[Floor]:
    async with open_floor(sqlite_database, EAST) as opened:
        yield opened


def parts(order: httpx.Response) -> list[tuple[str, list[str]]]:
    assert order.status_code == 200, order.text
    return sorted((part["state"], [line["site"] for line in part["lines"]]) for part in order.json()["parts"])


async def test_a_plain_pick_miss_is_served_by_the_next_store_in_the_same_request(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("2", site=EAST)
    name = await floor.order("ship_from_store")
    begun = time.perf_counter()
    missed = await floor.http.post(f"{RESERVE}/{name}:pick-miss", json={"item": item_link(SHIRT_S, "1")})
    took_s = time.perf_counter() - begun
    assert (missed.status_code, missed.json()["state"], missed.json()["order_id"]) == (200, "released", name)
    order = await floor.http.get(f"/v1/orders/{name}")
    assert parts(order) == [("confirmed", [EAST]), ("released", [SITE.id])]
    assert [task["kind"] for task in await floor.tasks(EAST)] == ["pick"]
    assert floor.channels.counters()["pick_misses_resourced"] == 1
    print(f"a miss served elsewhere: {1_000 * took_s:.0f} ms")
    again = await floor.http.post(f"{RESERVE}/{name}:pick-miss", json={"item": item_link(SHIRT_S, "1")})
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (missed.json(), "true"), "it is over here"
    other = await floor.http.post(f"{RESERVE}/{name}:pick-miss", json={"item": item_link(SHIRT_S, "7")})
    assert other.status_code == 409
    await floor.rig.check()


async def test_who_takes_an_order_back_by_its_first_id_takes_back_what_others_serve(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("2", site=EAST)
    name = await floor.order("ship_from_store")
    await floor.http.post(f"{RESERVE}/{name}:pick-miss", json={"item": item_link(SHIRT_S, "1")})
    assert parts(await floor.http.get(f"/v1/orders/{name}")) == [("confirmed", [EAST]), ("released", [SITE.id])]
    for _ in range(2):
        gone = await floor.http.post(f"{RESERVE}/{name}:release")
        assert (gone.status_code, gone.json()["state"]) == (200, "released")
        order = await floor.http.get(f"/v1/orders/{name}")
        assert sorted(parts(order)) == sorted([("released", [EAST]), ("released", [SITE.id])])
        assert await floor.tasks(EAST) == []
    await floor.rig.check()


async def test_a_pickup_stays_and_says_where_else(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("2", site=EAST)
    name = await floor.order("pickup")
    missed = await floor.http.post(f"{RESERVE}/{name}:pick-miss", json={"item": item_link(SHIRT_S, "1")})
    (line,) = missed.json()["lines"]
    assert (missed.json()["state"], line["substitution_needed"]) == ("confirmed", 1)
    assert line["alternatives"] == [{"site": EAST, "atp": 1, "confidence": 1.0}]
    (other,) = (await floor.http.get(f"{RESERVE}/{name}")).json()["lines"]
    assert other == line
    await floor.rig.put("3")
    (found,) = (await floor.http.get(f"{RESERVE}/{name}")).json()["lines"]
    assert (found["substitution_needed"], "alternatives" in found) == (0, False)


async def test_an_order_as_one(floor: Floor) -> None:
    await floor.rig.put("1")
    made = await floor.http.post(
        RESERVE,
        json={"lines": [{"gtin": SHIRT_S, "quantity": 1, "site": SITE.id}], "mode": "pickup"},
        headers={"Idempotency-Key": "k"},
    )
    path = f"/v1/orders/{made.json()['id']}"
    confirmed = await floor.http.post(f"{path}:confirm", json={"collect_s": 60})
    assert parts(confirmed) == [("confirmed", [SITE.id])]
    assert confirmed.json()["parts"][0]["collect_by"] == "2026-11-18T11:07:40.000Z"
    assert (confirmed.json()["expires_at"], "idempotency-replayed" in confirmed.headers) == (None, False)
    assert (await floor.http.post(f"{path}:confirm")).headers["idempotency-replayed"] == "true"
    assert [task["kind"] for task in await floor.tasks()] == ["pick"]
    assert parts(await floor.http.post(f"{path}:release")) == [("released", [SITE.id])]
    assert await floor.tasks() == []
    problem(await floor.http.post(f"{path}:confirm"), "wrong-state")
    problem(await floor.http.post(f"{path}:confirm", json={"collect_s": 0}), "invalid-body")
    for answer in (await floor.http.get("/v1/orders/nothing"), await floor.http.post("/v1/orders/nothing:release")):
        assert "no order 'nothing'" in problem(answer, "unknown-reservation")["detail"]


# -- who hears of it


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("orders"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as opened:
        yield opened


async def heard(keyed: Keyed, token: str, **asked: Any) -> list[tuple[str, str]]:
    """The steps of orders that a key hears of."""
    async with keyed.database.write() as connection:
        fence = await take_feed(connection, "test", keyed.clock(), 1)
        assert fence is not None
        _, newest = await relay(connection, fence)
    keyed.feed.announce(newest)
    async with keyed.asking(token) as http:
        answer = await http.get("/v1/changes", params={"cursor": 0, "limit": 1_000} | asked)
    assert answer.status_code == 200, answer.text
    told = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    return [(one["step"], one["site"]) for one in told if one["kind"] == "order"]


async def test_a_channel_hears_of_its_own_orders_if_its_key_may_hold(keyed: Keyed) -> None:
    web = await keyed.key("stock:read", "hold:write", change=UNSURE)
    body = {"lines": [{"gtin": SHIRT_S, "quantity": 1, "site": site} for site in (OWN, OTHER)], "mode": "pickup"}
    async with keyed.asking(web) as http:
        made = await http.post(RESERVE, json=body, headers={"Idempotency-Key": "k"})
        assert made.status_code == 201, made.text
        assert (await http.post(f"/v1/orders/{made.json()['id']}:confirm")).status_code == 200
    both = [("confirmed", OWN), ("confirmed", OTHER)]
    assert await heard(keyed, web) == both
    assert await heard(keyed, web, thresholds="0,1") == both
    assert await heard(keyed, web, site=OTHER) == both[1:]
    assert await heard(keyed, await keyed.key("stock:read", "hold:write", sites=[OWN])) == both[:1]
    assert await heard(keyed, await keyed.key("stock:read")) == [], "a page in a browser sees nobody's orders"
    assert await heard(keyed, await keyed.key("stock:read", "hold:write", channel="pos")) == []
    assert await heard(keyed, await keyed.key("stock:read", "staff:read", channel="shop")) == both


async def test_an_order_can_be_asked_for_by_its_key_and_by_staff_of_all_its_sites(keyed: Keyed) -> None:
    web = await keyed.key("stock:read", "hold:write", change=UNSURE)
    line = {"gtin": SHIRT_S, "quantity": 1, "site": OWN}
    async with keyed.asking(web) as http:
        made = await http.post(RESERVE, json={"lines": [line], "mode": "ship"}, headers={"Idempotency-Key": "k"})
        path = f"/v1/orders/{made.json()['id']}"
        assert (await http.get(path)).status_code == 200
    async with keyed.asking(await keyed.key("stock:read", "hold:write")) as http:
        problem(await http.get(path), "unknown-reservation")
        problem(await http.post(f"{path}:release"), "unknown-reservation")
    async with keyed.asking(await keyed.key("hold:write", "staff:read")) as http:
        assert (await http.post(f"{path}:release")).status_code == 200
    async with keyed.asking(await keyed.key("stock:read")) as http:
        assert (await http.get(path)).status_code == 403


async def test_the_webhook_of_a_key_that_may_not_hold_gets_no_orders(keyed: Keyed) -> None:
    made = [await keyed.key("webhook:write", *more) for more in ((), ("hold:write",))]
    rig = FeedRig(keyed.database, keyed.clock)
    for token in made:
        await rig.desk.create(Owner(id_of(token), "web"), "http://127.0.0.1:9/x")
    async with keyed.database.read() as connection:
        due = await webhook_store.due(connection, keyed.clock())
    assert {one.webhook.key: one.orders for one in due} == {id_of(made[0]): False, id_of(made[1]): True}


def order_row(step: str, channel: str) -> dict[str, Any]:
    body = {"kind": "order", "step": step, "site": SITE.id, "channel": channel, "as_of": "2026-11-18T11:06:40.000Z"}
    return {"site": SITE.id, "gtin": "", "created_us": T0_US, "body": msgspec.json.encode(body), "ladder": None}


async def test_a_webhook_gets_the_steps_of_its_channel_in_order_and_signed(sqlite_database: Database) -> None:
    rig = await FeedRig(sqlite_database).open()
    async with receiving() as receiver:
        made = await rig.desk.create(NOBODY, receiver.url())
        rows = [order_row("confirmed", ""), order_row("confirmed", "pos"), stock(SHIRT_S, 1.0), order_row("picked", "")]
        async with rig.sending():
            await rig.happen(*rows)
            got = await receiver.until(3)
    assert [msgspec.json.decode(one.body)["type"] for one in got] == [
        "order.confirmed",
        "stock.changed",
        "order.picked",
    ]
    assert all(one.is_signed_by(made.webhook.secret) for one in got)


async def test_a_step_of_an_order_takes_no_row_from_memory(sqlite_database: Database) -> None:
    """It has no GTIN, as the change of a zone, for which the state of the whole site is read anew."""
    rig = await FeedRig(sqlite_database).open()
    told: list[tuple[str, str]] = []
    tail = Tail(rig.queries, rig.feed, StreamLimits(), told.extend)
    await tail.begin()
    following = asyncio.create_task(tail.follow())
    await rig.happen(order_row("confirmed", ""), stock(SHIRT_S, 1.0), zone())
    await until(lambda: tail.last_seq == 3)
    tail.close()
    await following
    assert told == [(SITE.id, SHIRT_S), (SITE.id, "")]
