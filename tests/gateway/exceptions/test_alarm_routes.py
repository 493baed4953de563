"""Exceptions over HTTP: a manager's list, a wall screen that is told live, keys of two stores."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.channels import Channels
from gateway.exceptions.alarm import Kind, NewAlarm, Severity, name_of
from gateway.exceptions.limits import STREAMS_MAX
from gateway.exceptions.store import clear_alarm, raise_alarm
from gateway.holds.ids import uuid7
from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.reservation_rows import item_link
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay
from gateway.storage.engine import Database
from gateway.storage.schema import sku
from gateway.tasks.boards import Boards
from tests.gateway.holds.rig import Rig
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, id_of, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.http.sse import SSE, Reader, stream
from tests.gateway.small_store import SHIRT_S, SITE, T0_US
from tests.gateway.wait import until

PATH = "/v1/exceptions"
STREAM = f"{PATH}/stream?site={SITE.id}"
BEAT = StreamLimits(heartbeat_s=0.2)
_numbers = itertools.count(1)


def loss(serial: str, site: str = SITE.id, **more: Any) -> NewAlarm:
    said: dict[str, Any] = {"severity": Severity.CRITICAL, "zone": "FLOOR", "evidence": {"price": "39.90"}}
    return NewAlarm(
        site=site,
        kind=Kind.LEFT_UNSOLD,
        dedup=name_of(Kind.LEFT_UNSOLD, SHIRT_S, serial),
        text=f"shirt {serial} left",
        gtin=SHIRT_S,
        serial=serial,
        **said | more,
    )


async def put(database: Database, *alarms: NewAlarm) -> list[str]:
    """Raise alarms, a second apart."""
    names = []
    async with database.write() as connection:
        for new in alarms:
            now_us = T0_US + next(_numbers) * 1_000_000
            name = await raise_alarm(connection, new, lambda at_us=now_us: uuid7(at_us, 1), now_us)  # type: ignore[misc]
            assert name is not None
            names.append(name)
    return names


@dataclass
class Office:
    """A gateway as it is put together, over a rig's stores."""

    rig: Rig
    channels: Channels
    app: FastAPI
    http: httpx.AsyncClient

    async def listed(self, **asked: Any) -> dict[str, Any]:
        answer = await self.http.get(PATH, params={"site": SITE.id} | asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def serials(self, **asked: Any) -> list[str]:
        return [row["serial"] for row in (await self.listed(**asked))["alarms"]]

    async def clear(self, serial: str) -> None:
        async with self.rig.database.write() as connection:
            await clear_alarm(connection, SITE.id, loss(serial).dedup, "it is back", T0_US + 10**9)

    @property
    def boards(self) -> Boards:
        return self.channels.alarm_boards


@asynccontextmanager
async def open_office(database: Database) -> AsyncIterator[Office]:
    rig = await Rig(database).open("store-002")
    channels = Channels(database, rig.clock, Relay(database, ChangeFeed(), "test", rig.clock))
    services = replace(channels.services, access=None, mirror=None)
    app = create_app(Queries(database, rig.clock), ChangeFeed(), services=services, clock=rig.clock, stream_limits=BEAT)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Office(rig, channels, app, http)
    await channels.close()


@pytest.fixture
async def office(sqlite_database: Database) -> AsyncIterator[Office]:
    async with open_office(sqlite_database) as opened:
        yield opened


async def test_an_alarm_is_read_and_acknowledged(database: Database) -> None:
    async with open_office(database) as office:
        async with database.write() as connection:
            row = {"gtin": SHIRT_S, "style": "Oxford", "colour": "navy", "size": "S", "description": "Shirt"}
            await connection.execute(sku.insert(), row | {"department": "Men", "updated_us": 0})
        (name,) = await put(database, loss("a/b"))
        (found,) = (await office.listed())["alarms"]
        assert found["digital_link"] == item_link(SHIRT_S, "a/b")
        said = {
            key: found[key] for key in ("kind", "severity", "state", "text", "zone", "style", "department", "evidence")
        }
        assert said == {
            "kind": "left_unsold",
            "severity": "critical",
            "state": "open",
            "text": "shirt a/b left",
            "zone": "FLOOR",
            "style": "Oxford",
            "department": "Men",
            "evidence": {"price": "39.90"},
        }
        assert (found["count"], found["acknowledged"], found["cleared_at"]) == (1, None, None)
        one = await office.http.get(f"{PATH}/{name}")
        assert (one.json(), one.headers["cache-control"]) == (found, "no-store")
        seen = await office.http.post(f"{PATH}/{name}:acknowledge", json={"by": "Kim", "note": "gone by bus"})
        assert seen.json()["state"] == "acknowledged"
        assert seen.json()["acknowledged"] == {"at": "2026-11-18T11:06:40.000Z", "by": "Kim", "note": "gone by bus"}
        assert "idempotency-replayed" not in seen.headers
        again = await office.http.post(f"{PATH}/{name}:acknowledge")
        assert (again.json(), again.headers["idempotency-replayed"]) == (seen.json(), "true")
        assert (await office.listed())["open"] == 0
        audit = (await office.http.get("/v1/audit")).json()["rows"]
        assert [(row["action"], row["subject"]) for row in audit] == [("alarm.acknowledge", name)]
        assert office.channels.counters()["alarms_acknowledged"] == 1


async def test_pages_and_what_is_asked_for(office: Office) -> None:
    names = await put(office.rig.database, *(loss(f"{n}") for n in range(5)), loss("x", "store-002"))
    gap = NewAlarm(site=SITE.id, kind=Kind.SIZE_GAP, dedup="size_gap/Oxford", text="M is missing")
    await put(office.rig.database, gap)
    await office.clear("2")
    await office.http.post(f"{PATH}/{names[4]}:acknowledge")
    first = await office.listed(limit=2)
    assert ([row["serial"] for row in first["alarms"]], first["open"]) == (["", "4"], 4)
    assert first["alarms"][0]["digital_link"] is None
    second = await office.listed(limit=2, before=first["next"])
    last = await office.listed(limit=2, before=second["next"])
    assert [row["serial"] for page in (second, last) for row in page["alarms"]] == ["3", "1", "0"]
    assert last["next"] is None
    assert (await office.listed(limit=5))["next"] is None, "five there are, and five were shown"
    assert await office.serials(kind="size_gap") == [""]
    assert await office.serials(state="acknowledged") == ["4"]
    assert await office.serials(state="open", kind="left_unsold") == ["3", "1", "0"]
    (cleared,) = (await office.listed(state="cleared"))["alarms"]
    assert (cleared["serial"], cleared["cleared_reason"]) == ("2", "it is back")
    assert (await office.http.get(f"{PATH}/{names[2]}")).json() == cleared


async def test_what_cannot_be(office: Office) -> None:
    (name,) = await put(office.rig.database, loss("1"))
    problem(await office.http.get(PATH), "invalid-parameter")
    problem(await office.http.get(PATH, params={"site": "nowhere"}), "unknown-site")
    problem(await office.http.get(f"{PATH}/stream", params={"site": "nowhere"}), "unknown-site")
    for wrong in ("kind=noise", "state=old", "limit=0", "limit=501", f"before={'x' * 37}"):
        problem(await office.http.get(f"{PATH}?site={SITE.id}&{wrong}"), "invalid-parameter")
    problem(await office.http.get(PATH, params={"site": SITE.id, "colour": "red"}), "unknown-parameter")
    problem(await office.http.get(f"{PATH}/nothing"), "unknown-alarm")
    problem(await office.http.post(f"{PATH}/nothing:acknowledge"), "unknown-alarm")
    problem(await office.http.post(f"{PATH}/{name}:dance"), "method-not-allowed")
    bodies: list[Any] = [{"who": "Kim"}, {"by": ""}, {"by": "a\nb"}, {"note": "x" * 513}, []]
    for body in bodies:
        problem(await office.http.post(f"{PATH}/{name}:acknowledge", json=body), "invalid-body")
    problem(await office.http.post(f"{PATH}/{name}:acknowledge", json={"note": "x" * 9_000}), "too-large")
    assert await office.serials(state="open") == ["1"]


async def read(reader: Reader) -> tuple[str, dict[str, Any]]:
    """The next event of a stream: its name and document; comments are passed over."""
    while True:
        block = await asyncio.wait_for(reader.block(), 10)
        if "event" in block:
            return block["event"], json.loads(block["data"])


async def test_a_screen_is_told_live(office: Office) -> None:
    database = office.rig.database
    (name,) = await put(database, loss("1"))
    async with stream(office.http, STREAM) as reader:
        (alarm,) = (await office.listed())["alarms"]
        assert await read(reader) == ("alarm", alarm)
        assert await read(reader) == ("ready", {"alarms": 1})
        seen = (await office.http.post(f"{PATH}/{name}:acknowledge", json={"by": "Kim"})).json()
        assert await read(reader) == ("alarm", seen)
        await put(database, loss("2"), loss("x", "store-002"))
        event, new = await read(reader)
        assert (event, new["serial"], new["site"]) == ("alarm", "2", SITE.id)
        await office.clear("1")
        assert await read(reader) == ("gone", {"id": name})
        block: dict[str, str] = {}
        while block != {"": "here"}:
            block = await asyncio.wait_for(reader.block(), 10)
        assert office.boards.counters()["alarm_streams"] == 1
        office.app.state.tail.close()
        with pytest.raises(EOFError):
            await read(reader)
    await until(lambda: office.boards.counters()["alarm_streams"] == 0)


async def test_a_screen_too_many(office: Office) -> None:
    office.boards.watchers = STREAMS_MAX
    refused = await office.http.get(STREAM, headers=SSE)
    problem(refused, "too-many-streams")
    assert int(refused.headers["retry-after"]) > 0
    assert office.boards.counters()["alarm_streams_refused"] == 1
    office.boards.watchers = 0
    assert (await office.http.get(STREAM)).json() == {"site": SITE.id, "open": 0, "alarms": [], "next": None}


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path, BEAT) as found:
        yield found


async def test_a_key_sees_and_acknowledges_the_alarms_of_its_stores_only(keyed: Keyed) -> None:
    (name,) = await put(keyed.database, loss("1", OWN))
    mine = await keyed.key("staff:read", "task:write", sites=[OWN])
    other = await keyed.key("staff:read", "task:write", sites=[OTHER])
    looks = await keyed.key("staff:read", sites=[OWN])
    buyer = await keyed.key("stock:read")
    async with keyed.asking(buyer) as http:
        problem(await http.get(PATH, params={"site": OWN}), "scope-missing")
        problem(await http.get(f"{PATH}/{name}"), "scope-missing")
    async with keyed.asking(other) as http:
        problem(await http.get(PATH, params={"site": OWN}), "site-not-allowed")
        problem(await http.get(f"{PATH}/stream", params={"site": OWN}), "site-not-allowed")
        problem(await http.get(f"{PATH}/{name}"), "unknown-alarm")
        problem(await http.post(f"{PATH}/{name}:acknowledge"), "unknown-alarm")
    async with keyed.asking(looks) as http:
        assert (await http.get(f"{PATH}/{name}")).json()["state"] == "open"
        problem(await http.post(f"{PATH}/{name}:acknowledge"), "scope-missing")
        async with stream(http, f"{PATH}/stream?site={OWN}") as reader:
            assert (await read(reader))[0] == "alarm"
            assert await read(reader) == ("ready", {"alarms": 1})
            await keyed.revoke(looks)
            with pytest.raises(EOFError):
                await read(reader)
    async with keyed.asking(mine) as http:
        seen = (await http.post(f"{PATH}/{name}:acknowledge")).json()
    assert seen["acknowledged"]["by"] == id_of(mine), "who says no name is known by his key"
