"""Tasks over HTTP: a picker's phone, a wall screen that is told live, keys of two stores, the next best store."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from gateway.channels import Channels
from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.reservation_rows import item_link
from gateway.http.serve import listen, serving
from gateway.keys.store import ChannelChange
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.storage.engine import Database
from gateway.storage.schema import sku
from gateway.tasks.boards import Boards
from tests.gateway.holds.rig import Rig
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.http.sse import SSE, Reader, stream
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE
from tests.gateway.wait import until

PATH = "/v1/tasks"
STREAM = f"{PATH}/stream?site={SITE.id}"
BEAT = StreamLimits(heartbeat_s=0.2)


@dataclass
class Floor:
    """A gateway as it is put together, over a rig's stores."""

    rig: Rig
    channels: Channels
    app: FastAPI
    http: httpx.AsyncClient
    number: int = 0

    async def order(self, mode: str = "pickup", gtin: str = SHIRT_S, **more: Any) -> str:
        self.number += 1
        line = {"gtin": gtin, "quantity": 1, "site": SITE.id}
        made = await self.http.post(
            "/v1/reservations", json={"lines": [line], "mode": mode}, headers={"Idempotency-Key": f"k{self.number}"}
        )
        assert made.status_code == 201, made.text
        name = str(made.json()["id"])
        confirmed = await self.http.post(f"/v1/reservations/{name}:confirm", json=more or None)
        assert confirmed.status_code == 200, confirmed.text
        return name

    async def tasks(self, site: str = SITE.id, **asked: Any) -> list[dict[str, Any]]:
        answer = await self.http.get(PATH, params={"site": site} | asked)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["tasks"]
        return found

    async def do(self, name: str, act: str, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"{PATH}/{name}:{act}"
        return await (self.http.post(path) if body is None else self.http.post(path, json=body))


@asynccontextmanager
async def open_floor(database: Database, *more: str) -> AsyncIterator[Floor]:
    rig = await Rig(database).open(*more)
    channels = Channels(database, rig.clock, Relay(database, ChangeFeed(), "test", rig.clock))
    services = replace(channels.services, access=None, mirror=None)
    app = create_app(Queries(database, rig.clock), ChangeFeed(), services=services, clock=rig.clock, stream_limits=BEAT)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Floor(rig, channels, app, http)
    await channels.close()


@pytest.fixture
async def floor(sqlite_database: Database) -> AsyncIterator[Floor]:
    async with open_floor(sqlite_database) as opened:
        yield opened


async def test_a_pickers_round(floor: Floor) -> None:
    await floor.rig.put("1", zone="FLOOR")
    await floor.rig.put("a/b", zone="BACK", chance=0.98)
    async with floor.rig.database.write() as connection:
        row = {"gtin": SHIRT_S, "style": "Aspen", "colour": "navy", "size": "S", "description": "Shirt"}
        await connection.execute(insert(sku), row | {"department": "Women", "updated_us": 0})
    reservation = await floor.order(collect_s=3_600)
    (task,) = await floor.tasks()
    assert (task["kind"], task["state"], task["department"], task["urgency"]) == ("pick", "open", "Women", "now")
    assert (task["reservation"], task["mode"]) == (reservation, "pickup")
    line = {key: task["lines"][0][key] for key in ("gtin", "style", "colour", "size", "quantity")}
    assert line == {"gtin": SHIRT_S, "style": "Aspen", "colour": "navy", "size": "S", "quantity": 1}
    item = task["lines"][0]["items"][0]
    assert (item["digital_link"], item["zone"], item["confidence"]) == (item_link(SHIRT_S, "1"), "FLOOR", 1.0)
    name = task["id"]
    claimed = await floor.do(name, "claim", {"who": "Kim"})
    assert (claimed.json()["claimed_by"], claimed.headers["cache-control"]) == ("Kim", "no-store")
    assert problem(await floor.do(name, "done", {"who": "Sam"}), "task-claimed")["value"] == "Kim"
    missing = problem(await floor.do(name, "cannot", {"who": "Kim"}), "invalid-body")
    assert (missing["parameter"], missing["expected"]) == ("item", ["1"])
    said = {"who": "Kim", "item": item["digital_link"]}
    missed = await floor.do(name, "cannot", said)
    assert missed.json()["lines"][0]["items"][0]["digital_link"] == item_link(SHIRT_S, "a/b")
    again = await floor.do(name, "cannot", said)
    assert (again.json(), again.headers["idempotency-replayed"]) == (missed.json(), "true")
    assert "idempotency-replayed" not in missed.headers
    done = await floor.do(name, "done", {"who": "Kim", "items": [item_link(SHIRT_S, "a/b")]})
    assert done.json()["state"] == "done"
    assert (await floor.do(name, "done", {"who": "Kim"})).headers["idempotency-replayed"] == "true"
    (hand,) = await floor.tasks(kind="hand_over")
    assert hand["due_at"] == "2026-11-18T12:06:40.000Z"
    assert (await floor.do(hand["id"], "done")).json()["state"] == "done"
    assert await floor.rig.state_of(reservation) == "fulfilled"
    assert await floor.tasks() == []
    assert {one["kind"] for one in await floor.tasks(state="done")} == {"pick", "hand_over"}
    await floor.rig.check()


async def test_what_cannot_be(floor: Floor) -> None:
    problem(await floor.http.get(PATH), "invalid-parameter")
    problem(await floor.http.get(PATH, params={"site": "nowhere"}), "unknown-site")
    problem(await floor.http.get(f"{PATH}/stream", params={"site": "nowhere"}), "unknown-site")
    problem(await floor.http.get(PATH, params={"site": SITE.id, "kind": "dance"}), "invalid-parameter")
    problem(await floor.http.get(PATH, params={"site": SITE.id, "colour": "red"}), "unknown-parameter")
    for act in ("claim", "release", "done", "cannot"):
        problem(await floor.do("nothing", act), "unknown-task")
        problem(await floor.do("nothing", act, {"wh": "Kim"}), "invalid-body")
    problem(await floor.do("nothing", "dance"), "not-found")
    await floor.rig.book(1)
    await floor.rig.put("7", gtin=SHIRT_M)
    reservation = await floor.order()
    (task,) = await floor.tasks()
    assert problem(await floor.do(task["id"], "cannot"), "invalid-body")["parameter"] == "version"
    changed = problem(await floor.do(task["id"], "cannot", {"version": 9}), "task-changed")
    assert changed["current_version"] == task["version"]
    problem(await floor.do(task["id"], "done", {"items": [item_link(SHIRT_M, "7")]}), "item-not-held")
    problem(await floor.do(task["id"], "done", {"items": ["hello"]}), "invalid-body")
    await floor.http.post(f"/v1/reservations/{reservation}:release")
    over = problem(await floor.do(task["id"], "done"), "wrong-state")
    assert (over["value"], over["expected"]) == ("closed", ["open", "claimed"])


async def read(reader: Reader) -> tuple[str, dict[str, Any]]:
    """The next event of a stream: its name and document; comments are passed over."""
    while True:
        block = await asyncio.wait_for(reader.block(), 10)
        if "event" in block:
            return block["event"], json.loads(block["data"])


async def ended(reader: Reader) -> None:
    """Wait for the end of a stream."""
    try:
        while True:
            await asyncio.wait_for(reader.block(), 10)
    except EOFError:
        return


async def test_a_wall_screen_is_told_live(floor: Floor) -> None:
    await floor.rig.put("1", "2")
    await floor.order()
    async with stream(floor.http, STREAM) as reader:
        (task,) = await floor.tasks()
        assert await read(reader) == ("task", task)
        assert await read(reader) == ("ready", {"tasks": 1})
        claimed = (await floor.do(task["id"], "claim", {"who": "Kim"})).json()
        assert await read(reader) == ("task", claimed)
        await floor.do(task["id"], "done", {"who": "Kim"})
        told = [await read(reader), await read(reader)]
        assert {name: body.get("kind", body["id"]) for name, body in told} == {"task": "hand_over", "gone": task["id"]}
        block: dict[str, str] = {}
        while "event" not in block and block != {"": "here"}:
            block = await asyncio.wait_for(reader.block(), 10)
        assert block == {"": "here"}, "a heartbeat while nothing happens"
        boards = floor.channels.services.boards
        assert boards is not None
        assert boards.counters()["task_streams"] == 1
    await until(lambda: boards.counters()["task_streams"] == 0)


async def test_what_another_process_commits_and_what_only_moved_is_seen(floor: Floor) -> None:
    """The boards of this process, looked at without any wake-up."""
    await floor.rig.put("1")
    await floor.order()
    tasks = floor.channels.services.tasks
    assert tasks is not None
    boards = Boards(floor.rig.database, floor.rig.clock, tasks.waiting, poll_s=0.01)
    async with boards.watch(SITE.id) as board:
        assert board.turn == 1
        (name,) = board.rows
        await floor.do(name, "claim")
        while board.turn == 1:
            await boards.moved(5)
        assert b'"state":"claimed"' in board.rows[name]
        await floor.rig.put("1", zone="BACK")
        floor.rig.clock.advance(16)
        while board.turn == 2:
            await boards.moved(5)
        assert b'"zone":"BACK"' in board.rows[name]
    assert boards.counters() == {"task_streams": 0, "task_streams_refused": 0, "task_board_read_errors": 0}


async def test_a_screen_too_many(floor: Floor) -> None:
    boards = floor.channels.services.boards
    assert boards is not None
    boards.watchers = 256
    refused = await floor.http.get(STREAM, headers=SSE)
    problem(refused, "too-many-streams")
    assert int(refused.headers["retry-after"]) > 0
    assert boards.counters()["task_streams_refused"] == 1
    boards.watchers = 0
    plain = await floor.http.get(STREAM)
    assert plain.json() == {"site": SITE.id, "total": 0, "tasks": []}, "who asks for no stream gets none"


async def test_a_stream_ends_with_the_gateway(floor: Floor) -> None:
    async with stream(floor.http, STREAM) as reader:
        assert await read(reader) == ("ready", {"tasks": 0})
        floor.app.state.tail.close()
        await ended(reader)


async def test_the_next_store_serves_what_this_one_has_not(database: Database) -> None:
    """With the gateway's own sourcing: the miss is answered, and the other store has its task already."""
    async with open_floor(database, OTHER) as floor:
        await floor.rig.put("1")
        await floor.rig.put("2", "3", site=OTHER)
        reservation = await floor.order("ship_from_store")
        (task,) = await floor.tasks()
        missed = await floor.do(task["id"], "cannot", {"item": item_link(SHIRT_S, "1")})
        assert missed.status_code == 200, missed.text
        (there,) = await floor.tasks(OTHER)
        assert (there["kind"], there["lines"][0]["items"][0]["digital_link"]) == ("pick", item_link(SHIRT_S, "2"))
        new = (await floor.http.get(f"/v1/reservations/{there['reservation']}")).json()
        assert (new["state"], new["order_id"], new["mode"]) == ("confirmed", reservation, "ship_from_store")
        assert (await floor.http.get(f"/v1/reservations/{reservation}")).json()["state"] == "released"
        await floor.rig.check()


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path, BEAT) as found:
        yield found


async def test_a_tablet_sees_and_does_the_work_of_its_store_only(keyed: Keyed) -> None:
    web = await keyed.key("hold:write", change=ChannelChange(target=0.5))
    mine = await keyed.key("staff:read", "task:write", sites=[OWN], channel="shop")
    other = await keyed.key("staff:read", "task:write", sites=[OTHER], channel="shop")
    blind = await keyed.key("task:write", sites=[OWN], channel="shop")
    body = {"lines": [{"gtin": SHIRT_S, "quantity": 1, "site": OWN}], "mode": "pickup"}
    async with keyed.asking(web) as http:
        made = (await http.post("/v1/reservations", json=body, headers={"Idempotency-Key": "k"})).json()
        await http.post(f"/v1/reservations/{made['id']}:confirm")
        problem(await http.get(PATH, params={"site": OWN}), "scope-missing")
    async with keyed.asking(mine) as http:
        (task,) = (await http.get(PATH, params={"site": OWN})).json()["tasks"]
        problem(await http.get(PATH, params={"site": OTHER}), "site-not-allowed")
        problem(await http.get(f"{PATH}/stream", params={"site": OTHER}), "site-not-allowed")
    async with keyed.asking(other) as http:
        for act in ("claim", "release", "done", "cannot"):
            problem(await http.post(f"{PATH}/{task['id']}:{act}"), "unknown-task")
    async with keyed.asking(blind) as http:
        problem(await http.get(PATH, params={"site": OWN}), "scope-missing")
        assert (await http.post(f"{PATH}/{task['id']}:claim")).json()["claimed_by"]
    async with keyed.asking(mine) as http:
        problem(await http.post(f"{PATH}/{task['id']}:done"), "task-claimed")
    async with keyed.asking(blind) as http:
        assert (await http.post(f"{PATH}/{task['id']}:done")).json()["state"] == "done"
    async with keyed.asking(web) as http:
        assert (await http.get(f"/v1/reservations/{made['id']}")).json()["state"] == "picked"


async def test_a_stream_ends_with_its_key(keyed: Keyed) -> None:
    token = await keyed.key("staff:read", sites=[OWN])
    async with keyed.asking(token) as http, stream(http, f"{PATH}/stream?site={OWN}") as reader:
        assert await read(reader) == ("ready", {"tasks": 0})
        await keyed.revoke(token)
        await ended(reader)
