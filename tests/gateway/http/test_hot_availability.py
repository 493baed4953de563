"""The fast answers are those of the routes behind them: same status, same bytes, same refusals, never older."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from gateway.keys.store import ChannelChange
from gateway.ledger.accounts import Because, StateChange, set_states
from gateway.ledger.picture import SOLD
from gateway.ledger.retell import lock_skus, retell, shelf_of
from gateway.relay import last_seq, relay, take_feed
from gateway.site_view import SiteViews
from gateway.storage.schema import site_fold, zone_state
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, open_keyed
from tests.gateway.small_store import SECOND_US, SHIRT_M, SHIRT_S

PATH = "/v1/availability"
HALF = ChannelChange(target=0.5)
"""Each of the three shirts is there with .6: two of them with .65."""

UNKNOWN = "09506000134376"
QUERIES = [
    f"gtin={SHIRT_S}&site={OWN}",
    f"site={OWN}&gtin={SHIRT_S}",
    f"gtin={SHIRT_S[1:]}&site={OWN}",
    f"gtin={SHIRT_S}&site={OTHER}",
    f"gtin={SHIRT_M}&site={OWN}",
    f"gtin={SHIRT_S}&site=%73tore-001",
    f"gtin={SHIRT_S}&site=nowhere",
    f"gtin={SHIRT_S}&site=",
    f"gtin={SHIRT_S}",
    f"gtin={SHIRT_S}&site={OWN}&site={OWN}",
    f"gtin={SHIRT_S}&gtin={SHIRT_S}&site={OWN}",
    f"gtin={SHIRT_S}&site={OWN}&near=1,1",
    f"gtin={SHIRT_S}&site={OWN}&nonsense=1",
    f"gtin=9506000134353&site={OWN}",
    f"gtin=&site={OWN}",
    f"gtin={UNKNOWN}&site={OWN}",
    f"gtin={SHIRT_S}&site={'x' * 65}",
    f"gtin={SHIRT_S}&site={OWN}&",
    f"gtin={'0' * 300}&site={OWN}",
    "",
]
BATCHES: list[Any] = [
    {"pairs": [{"gtin": SHIRT_S, "site": OWN}]},
    {"pairs": [{"gtin": SHIRT_S, "site": OWN}, {"gtin": SHIRT_M, "site": OWN}, {"gtin": SHIRT_S, "site": OTHER}]},
    {"pairs": [{"gtin": SHIRT_S, "site": OWN}, {"gtin": UNKNOWN, "site": OWN}]},
    {"pairs": [{"gtin": SHIRT_S, "site": OWN}, {"gtin": SHIRT_S[1:], "site": OWN}]},
    {"pairs": [{"gtin": "1", "site": OWN}]},
    {"pairs": []},
    {"pairs": [{"gtin": SHIRT_S, "site": OWN}] * 1_001},
    {"pairs": [{"gtin": SHIRT_S, "site": OWN, "more": 1}]},
    {},
    "{",
]


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def routed(keyed: Keyed, request: httpx.Request) -> httpx.Response:
    """The same question, put to the route behind."""
    hot, keyed.app.hot = keyed.app.hot, {}  # type: ignore[attr-defined]
    try:
        return await keyed.http.send(request)
    finally:
        keyed.app.hot = hot  # type: ignore[attr-defined]


def told(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name not in {"date", "server"}}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("scopes", [("stock:read",), ("hold:write",)])
async def test_every_question_is_answered_as_by_its_route(keyed: Keyed, scopes: tuple[str, ...]) -> None:
    wide, narrow = await keyed.key(*scopes), await keyed.key(*scopes, sites=[OWN])
    answered = 0
    for token, query in product((wide, narrow, "lu_000000000000_" + "A" * 43, None), QUERIES):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        fast = await keyed.http.get(f"{PATH}?{query}", headers=headers)
        slow = await routed(keyed, keyed.http.build_request("GET", f"{PATH}?{query}", headers=headers))
        assert told(fast) == told(slow), (query, token)
        answered += fast.status_code == 200
    assert (answered > 0) == (scopes == ("stock:read",))


async def test_every_batch_is_answered_as_by_its_route(keyed: Keyed) -> None:
    for token in (await keyed.key("stock:read"), await keyed.key("stock:read", sites=[OWN]), None):
        for body, content_type in product(BATCHES, ("application/json", "text/plain")):
            text = body if isinstance(body, str) else json.dumps(body)
            headers = {"content-type": content_type} | ({} if token is None else {"X-API-Key": token})
            asked = keyed.http.build_request("POST", f"{PATH}:batch", content=text, headers=headers)
            again = keyed.http.build_request("POST", f"{PATH}:batch", content=text, headers=headers)
            assert told(await keyed.http.send(asked)) == told(await routed(keyed, again)), (text[:200], token)


async def test_the_validator_is_the_same_and_304_too(keyed: Keyed) -> None:
    headers = {"Authorization": f"Bearer {await keyed.key('stock:read')}"}
    first = await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)
    headers["If-None-Match"] = first.headers["etag"]
    fast = await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)
    slow = await routed(keyed, keyed.http.build_request("GET", f"{PATH}?{QUERIES[0]}", headers=headers))
    assert fast.status_code == slow.status_code == 304
    assert fast.headers["etag"] == slow.headers["etag"]


async def sell_one(keyed: Keyed, serial: str) -> None:
    """Sell an item behind the mirror's back, as another process would; its change is not relayed yet."""
    views = SiteViews(keyed.clock)
    async with keyed.database.write() as connection:
        locked = await lock_skus(connection, [(OWN, SHIRT_S)], keyed.clock())
        await set_states(connection, OWN, [StateChange(SHIRT_S, serial, SOLD, Because("sale"))], keyed.clock())
        shelves = {name: shelf_of(view) for name, view in (await views.load(connection, [OWN])).items()}
        await retell(connection, locked, shelves, "sale", keyed.clock())


async def relayed(keyed: Keyed) -> None:
    async with keyed.database.write() as connection:
        fence = await take_feed(connection, "test", keyed.clock(), 1)
        assert fence is not None
        await relay(connection, fence)
    async with keyed.database.read() as connection:
        keyed.feed.announce(await last_seq(connection))


async def test_a_relayed_change_is_seen_at_once_and_others_cost_no_query(keyed: Keyed) -> None:
    headers = {"Authorization": f"Bearer {await keyed.key('stock:read', change=HALF)}"}

    async def atp() -> int:
        return int((await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)).json()["atp"])

    assert await atp() == 2
    await sell_one(keyed, "0")
    assert await atp() == 2, "the row is in memory: nobody said anything yet"
    await relayed(keyed)
    for _ in range(200):
        if await atp() == 1:
            break
        await asyncio.sleep(0.02)
    assert await atp() == 1


async def test_what_nobody_told_of_ends_with_the_rows_time(keyed: Keyed) -> None:
    headers = {"Authorization": f"Bearer {await keyed.key('stock:read', change=HALF)}"}
    assert (await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)).json()["atp"] == 2
    await sell_one(keyed, "0")
    keyed.clock.advance(21)
    assert (await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)).json()["atp"] == 1


async def test_a_zone_that_goes_blind_makes_the_rows_stale_within_a_second(keyed: Keyed) -> None:
    headers = {"Authorization": f"Bearer {await keyed.key('stock:read')}"}
    first = await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)
    assert first.json()["status"] == "live"
    async with keyed.database.write() as connection:
        await connection.execute(update(zone_state).values(status="blind"))
    keyed.clock.advance(1.1)
    found = await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)
    slow = await routed(keyed, keyed.http.build_request("GET", f"{PATH}?{QUERIES[0]}", headers=headers))
    assert found.json()["status"] == "stale"
    assert told(found) == told(slow)


async def test_the_clock_of_a_live_row_goes_on_without_reading_it_again(keyed: Keyed) -> None:
    headers = {"Authorization": f"Bearer {await keyed.key('stock:read')}"}
    first = (await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)).json()
    async with keyed.database.write() as connection:
        await connection.execute(update(site_fold).values(now_us=site_fold.c.now_us + 5 * SECOND_US))
    keyed.clock.advance(5)
    asked = keyed.http.build_request("GET", f"{PATH}?{QUERIES[0]}", headers=headers)
    second = await keyed.http.send(asked)
    slow = await routed(keyed, keyed.http.build_request("GET", f"{PATH}?{QUERIES[0]}", headers=headers))
    assert second.json()["as_of"] > first["as_of"]
    assert told(second) == told(slow)


async def test_requests_are_counted_against_the_rate_of_their_key(keyed: Keyed) -> None:
    token = await keyed.key("stock:read", rate_per_s=1, burst=3)
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [(await keyed.http.get(f"{PATH}?{QUERIES[0]}", headers=headers)).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
