"""The same questions over HTTP to the gateway in memory and to the real queries, on SQLite and PostgreSQL.

What the other tests show with the one in memory so holds for the real one: same answers, same refusals, same cursors.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI

from gateway.availability import Policy
from gateway.catalogue import import_catalogue
from gateway.holds.asked import Who
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, relay, take_feed
from gateway.storage.engine import Database
from tests.gateway.holds.rig import Rig
from tests.gateway.http.memory import MemoryGateway, MemorySite, Sku
from tests.gateway.http.problems import problem
from tests.gateway.http.sse import stream
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.small_store import (
    BACK,
    FIT,
    FLOOR,
    SECOND_US,
    SHIRT_M,
    SHIRT_S,
    SITE,
    T0_US,
    ManualClock,
    epc,
    reads,
)
from tests.gateway.test_catalogue import GOOD
from wire.site import OUT

NOW = ManualClock(T0_US + 600 * SECOND_US)
SEEN = [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)), (FIT, epc(SHIRT_S, 3)), (BACK, epc(SHIRT_M, 1))]

PLACE = (52.5200, 13.4050)


class World(Protocol):
    """A store with shirt S on the floor, in the back and in a fitting room, and shirt M in the back."""

    app: FastAPI

    async def shirt_m_to_the_floor(self) -> None:
        """One movement, relayed."""
        ...

    async def hold_shirts_s(self, units: int) -> str:
        """A hold on shirts S; return its name."""
        ...


class MemoryWorld:
    def __init__(self) -> None:
        site = MemorySite(SITE.id, SITE.name, {zone.id: zone.kind for zone in SITE.zones if zone.id != "EXIT"})
        site.location = PLACE
        skus = [
            Sku(SHIRT_S, "T-100", "white", "S", "Shirt, round neck", "Men"),
            Sku(SHIRT_M, "T-100", "white", "M", "Shirt", "Men"),
        ]
        self.gateway = MemoryGateway(skus, [site])
        for zone in ("FLOOR", "BACK", "FIT"):
            self.gateway.move(SITE.id, SHIRT_S, OUT, zone)
        self.gateway.move(SITE.id, SHIRT_M, OUT, "BACK")
        self.app = create_app(self.gateway, self.gateway.feed, clock=NOW)

    async def shirt_m_to_the_floor(self) -> None:
        self.gateway.move(SITE.id, SHIRT_M, "BACK", "FLOOR")

    async def hold_shirts_s(self, units: int) -> str:
        self.gateway.hold(SITE.id, SHIRT_S, "mine", units)
        return "mine"


class RealWorld:
    def __init__(self, database: Database) -> None:
        self.rig = LogRig(database, replace(SITE, location=PLACE))
        self.feed = ChangeFeed()
        self.app = create_app(Queries(database, self.rig.clock), self.feed, clock=NOW)

    async def open(self) -> "RealWorld":
        await self.rig.open()
        await import_catalogue(self.rig.database, GOOD, T0_US)
        await self.rig.log([reads(second, SEEN) for second in range(4)])
        await self._fold()
        return self

    async def shirt_m_to_the_floor(self) -> None:
        moved = [(FLOOR, epc(SHIRT_M, 1)), *SEEN[:3]]
        await self.rig.log([reads(second, moved) for second in range(4, 80)])
        await self._fold()

    async def hold_shirts_s(self, units: int) -> str:
        shop = Rig(self.rig.database, self.rig.clock)
        return str((await shop.reserve(shop.holds(), units, who=Who("", Policy())))["id"])

    async def _fold(self) -> None:
        await fold_all(await self.rig.fold())
        async with self.rig.database.write() as connection:
            fence = await take_feed(connection, f"relay-{self.rig.clock()}", self.rig.clock(), 1)
            assert fence is not None
            _, newest = await relay(connection, fence)
        self.feed.announce(newest)
        self.rig.clock.advance(1)


@dataclass
class Asked:
    world: World
    http: httpx.AsyncClient

    async def json(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    database: Database | None = None
    world: World
    if request.param == "memory":
        world = MemoryWorld()
    else:
        database = Database(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
        world = await RealWorld(database).open()
    async with (
        serving(world.app, listen()) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http,
    ):
        yield Asked(world, http)
    if database is not None:
        await database.close()


async def test_availability(asked: Asked) -> None:
    row = await asked.json(f"/v1/availability?gtin={SHIRT_S[1:]}&site={SITE.id}")
    assert list(row) == [
        *("gtin", "site", "atp", "on_hand", "held", "safety", "confidence", "status", "as_of", "oldest_read_s"),
        *("version", "zones", "untagged", "truth", "distance_km"),
    ]
    assert (row["gtin"], row["site"], row["atp"], row["on_hand"], row["status"]) == (SHIRT_S, SITE.id, 2, 3, "live")
    assert row["zones"] == {"BACK": 1, "FIT": 1, "FLOOR": 1}
    assert row["oldest_read_s"] >= 0
    everywhere = await asked.json(f"/v1/availability?gtin={SHIRT_S}")
    assert [entry["site"] for entry in everywhere["rows"]] == [SITE.id]
    assert everywhere["atp"] == 2


async def test_pairs_pages_and_single_rows_agree(asked: Asked) -> None:
    await asked.world.hold_shirts_s(1)
    single = [await asked.json(f"/v1/availability?gtin={gtin}&site={SITE.id}") for gtin in (SHIRT_S, SHIRT_M)]
    assert [(row["atp"], row["held"], row["on_hand"], row["truth"]) for row in single] == [
        (1, 1, 3, "rfid"),
        (1, 0, 1, "rfid"),
    ]
    pairs = [(SHIRT_S, SITE.id), ("09506000134376", SITE.id), (SHIRT_M, SITE.id), (SHIRT_M, "nowhere")]
    body = {"pairs": [{"gtin": gtin, "site": site} for gtin, site in pairs]}
    answer = await asked.http.post("/v1/availability:batch", json=body)
    assert (answer.status_code, answer.json()["rows"]) == (200, single)
    assert answer.json()["unknown"] == [f"09506000134376@{SITE.id}", f"{SHIRT_M}@nowhere"]
    whole = await asked.json(f"/v1/snapshot?site={SITE.id}")
    assert (whole["rows"], whole["next"]) == (single, None)
    first = await asked.json(f"/v1/snapshot?site={SITE.id}&limit=1")
    assert (first["rows"], first["next"]) == (single[:1], SHIRT_S)
    rest = await asked.json(f"/v1/snapshot?site={SITE.id}&limit=1&after={SHIRT_S}")
    assert rest["rows"] == single[1:]


async def test_a_hold_of_ones_own_does_not_count(asked: Asked) -> None:
    mine = await asked.world.hold_shirts_s(2)
    path = f"/v1/availability?gtin={SHIRT_S}&site={SITE.id}"
    assert (await asked.json(path))["atp"] == 0
    assert (await asked.json(f"{path}&exclude_hold={mine}"))["atp"] == 2
    assert (await asked.json(f"{path}&exclude_hold=another"))["atp"] == 0


async def test_the_nearest_site(asked: Asked) -> None:
    path = f"/v1/availability?gtin={SHIRT_S}&near=52.3906,13.0645"
    assert [row["distance_km"] for row in (await asked.json(path))["rows"]] == [pytest.approx(27.2, abs=0.2)]
    assert (await asked.json(f"{path}&radius_km=10")) == {"gtin": SHIRT_S, "atp": 0, "on_hand": 0, "rows": []}
    alone = await asked.json(f"{path}&site={SITE.id}")
    assert (alone["site"], alone["distance_km"]) == (SITE.id, pytest.approx(27.2, abs=0.2))


async def test_the_etag_breaks_with_the_numbers_only(asked: Asked) -> None:
    path = f"/v1/availability?gtin={SHIRT_M}&site={SITE.id}"
    etag = (await asked.http.get(path)).headers["etag"]
    assert (await asked.http.get(path, headers={"If-None-Match": etag})).status_code == 304
    await asked.world.shirt_m_to_the_floor()
    changed = await asked.http.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["zones"]) == (200, {"FLOOR": 1})


async def test_refusals(asked: Asked) -> None:
    problem(await asked.http.get("/v1/availability?gtin=09506000134376"), "unknown-gtin")
    problem(await asked.http.get(f"/v1/availability?gtin={SHIRT_S}&site=nowhere"), "unknown-site")
    problem(await asked.http.get("/v1/sites/nowhere/stock"), "unknown-site")
    problem(await asked.http.get("/v1/changes?cursor=1000000"), "cursor-ahead")


async def test_the_matrix(asked: Asked) -> None:
    stock = await asked.json(f"/v1/sites/{SITE.id}/stock")
    (style,) = stock["styles"]
    assert (style["style"], style["description"], style["sizes"]) == ("T-100", "Shirt", ["S", "M"])
    small, medium = style["colours"][0]["cells"]
    assert (small["on_hand"], small["floor"], small["back"], small["other"], small["atp"]) == (3, 1, 1, 1, 2)
    assert (medium["on_hand"], medium["floor"], medium["back"]) == (1, 0, 1)
    held = {tile["zone"]: tile["units"] for tile in stock["zones"] if tile["counts_as"] == tile["zone"]}
    assert held == {"BACK": 2, "FLOOR": 1, "FIT": 1}
    (site,) = (await asked.json("/v1/sites"))["sites"]
    assert (site["site"], site["name"], site["on_hand"]) == (SITE.id, SITE.name, 4)


async def test_a_matrix_followed_by_its_changes_is_the_next_matrix(asked: Asked) -> None:
    stock = await asked.json(f"/v1/sites/{SITE.id}/stock")
    async with stream(asked.http, f"/v1/changes?site={SITE.id}&cursor={stock['cursor']}") as reader:
        await asked.world.shirt_m_to_the_floor()
        while True:
            seq, change = await reader.event()
            if change["kind"] == "stock" and change["zones"] == {"FLOOR": 1}:
                break
        assert change["gtin"] == SHIRT_M
        assert [(move["from"], move["to"]) for move in change["moves"]] == [("BACK", "FLOOR")]
        assert "serial" not in json.dumps(change)
        after = await asked.json(f"/v1/sites/{SITE.id}/stock")
        medium = after["styles"][0]["colours"][0]["cells"][1]
        while change["version"] < medium["version"]:  # the engine became surer meanwhile
            seq, news = await reader.event()
            change = news if news["kind"] == "stock" and news["gtin"] == SHIRT_M else change
    assert (medium["version"], medium["zones"], medium["status"]) == (
        change["version"],
        change["zones"],
        change["status"],
    )
    assert after["cursor"] >= seq


async def test_every_cursor_resumes_to_the_same_rest(asked: Asked) -> None:
    await asked.world.shirt_m_to_the_floor()
    lines = (await asked.http.get("/v1/changes?cursor=0")).text.splitlines()
    seqs = [json.loads(line)["seq"] for line in lines]
    assert seqs == list(range(1, len(seqs) + 1))
    for cursor in (0, *seqs[:-1]):
        async with stream(asked.http, **{"Last-Event-ID": str(cursor)}) as reader:
            assert await reader.events(len(seqs) - cursor) == seqs[cursor:]


async def test_movements_and_health(asked: Asked) -> None:
    await asked.world.shirt_m_to_the_floor()
    page = await asked.json(f"/v1/sites/{SITE.id}/movements?limit=2")
    newest = page["rows"][0]
    assert (newest["gtin"], newest["from"], newest["to"]) == (SHIRT_M, "BACK", "FLOOR")
    older = await asked.json(f"/v1/sites/{SITE.id}/movements?before={page['next']}")
    assert (len(older["rows"]), older["next"], {entry["from"] for entry in older["rows"]}) == (3, None, {OUT})
    health = await asked.json("/healthz")
    assert health["sites"][0]["items_present"] == 4
    assert (health["relay"]["waiting"], health["relay"]["last_seq"] > 0) == (0, True)
    assert await asked.json("/v1/edges") == {"edges": []}
