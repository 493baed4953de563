"""Who is let in, and what they see: with keys, without any, with a key that ended, from a browser."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.http import gate, refusals
from gateway.http.access import KEEPER, LOCAL, Caller, closed, count, public, requires, seal
from gateway.http.gate import COOKIE, Gate
from gateway.http.limits import StreamLimits
from gateway.http.serve import NotLoopbackError, listen
from gateway.keys.ring import MISS_RELOAD_S, STALE_S
from gateway.keys.scopes import ALL_SCOPES
from gateway.keys.store import ChannelChange
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, id_of, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.small_store import SECOND_US, SHIRT_S
from tests.gateway.wait import until

STOCK = f"/v1/sites/{OWN}/stock"
MOVES = f"/v1/sites/{OWN}/movements"


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def test_without_keys_this_machine_may_do_everything(keyed: Keyed) -> None:
    async with keyed.asking() as http:
        assert len((await http.get("/v1/sites")).json()["sites"]) == 2
        assert (await http.get(MOVES)).status_code == 200
        assert (await http.get("/session")).json() == {
            "needed": False,
            "channel": "",
            "scopes": sorted(ALL_SCOPES),
            "sites": None,
        }
        problem(await http.get("/v1/sites", headers={"X-Forwarded-For": "10.0.0.1"}), "loopback-only")
        problem(await http.get("/v1/sites", headers={"Host": "shop.example"}), "wrong-host")


async def test_with_the_first_key_nobody_asks_without_one_this_machine_included(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking() as http:
        refused = await http.get("/v1/sites")
        problem(refused, "no-key")
        assert refused.headers["www-authenticate"] == 'Bearer realm="lastunit"'
        assert (await http.get("/v1/sites", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        assert (await http.get("/v1/sites", headers={"Authorization": f"bearer  {token}"})).status_code == 200
        assert (await http.get("/v1/sites", headers={"X-API-Key": token})).status_code == 200
        assert (await http.get("/v1/sites", headers={"Cookie": f"a=b; {COOKIE}={token}"})).status_code == 200


async def test_with_keys_a_proxy_and_another_name_are_normal(keyed: Keyed) -> None:
    async with keyed.asking(await keyed.key("stock:read")) as http:
        headers = {"Host": "stock.shop.example", "X-Forwarded-For": "192.0.2.9", "Via": "1.1 proxy"}
        assert (await http.get("/v1/sites", headers=headers)).status_code == 200


async def test_a_key_that_is_revoked_leaves_the_gateway_closed(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    await keyed.revoke(token)
    async with keyed.asking() as http:
        problem(await http.get("/v1/sites"), "no-key")
    async with keyed.asking(token) as http:
        refused = await http.get("/v1/sites")
        assert problem(refused, "no-key")["detail"] == f"key {id_of(token)} is revoked"
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_a_key_that_was_let_in_before_is_refused_once_its_revocation_is_read(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking(token) as http:
        assert (await http.get("/v1/sites")).status_code == 200
        await keyed.revoke(token, told=False)
        assert (await http.get("/v1/sites")).status_code == 200, "not read yet"
        await keyed.access.ring.reload()
        assert problem(await http.get("/v1/sites"), "no-key")["detail"].endswith("is revoked")


async def test_what_was_let_in_opens_for_nothing_but_itself(keyed: Keyed) -> None:
    token = await keyed.key("stock:read", "stock:write")
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    async with keyed.asking(token) as http:
        assert (await http.get("/v1/sites")).status_code == 200
    async with keyed.asking(other) as http:
        problem(await http.get("/v1/sites"), "no-key")
    async with keyed.asking() as http:
        http.cookies.set(COOKIE, token)
        assert (await http.get("/v1/sites")).status_code == 200
        assert "stock:write" not in (await http.get("/session")).json()["scopes"]


async def test_what_is_remembered_of_keys_is_bounded(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LET_IN_MAX", 2)
    for _ in range(5):
        async with keyed.asking(await keyed.key("stock:read")) as http:
            assert (await http.get("/v1/sites")).status_code == 200
        assert len(keyed.access._let_in) <= 2


async def test_a_key_that_expired(keyed: Keyed) -> None:
    token = await keyed.key("stock:read", expires_us=keyed.clock() + 10 * SECOND_US)
    async with keyed.asking(token) as http:
        assert (await http.get("/v1/sites")).status_code == 200
        keyed.clock.advance(10)
        assert problem(await http.get("/v1/sites"), "no-key")["detail"].endswith("is expired")


@pytest.mark.parametrize("shown", ["lu_x", "Zm9v", "lu_000000000000_" + "A" * 43, "x" * 5_000])
async def test_what_is_no_key_of_ours(keyed: Keyed, shown: str) -> None:
    good = await keyed.key("stock:read")
    async with keyed.asking() as http:
        problem(await http.get("/v1/sites", headers={"Authorization": f"Bearer {shown}"}), "no-key")
        both = {"Authorization": f"Bearer {shown}", "X-API-Key": good, "Cookie": f"{COOKIE}={good}"}
        problem(await http.get("/v1/sites", headers=both), "no-key")
        refused = await http.get("/v1/sites", headers={"X-API-Key": shown, "Cookie": f"{COOKIE}={good}"})
        problem(refused, "no-key")
        assert shown[:59] not in refused.text or len(shown) < 10, "a key is never repeated"


async def test_the_password_of_a_proxy_is_none_of_our_business(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking() as http:
        basic = {"Authorization": "Basic dXNlcjpwYXNz"}
        problem(await http.get("/v1/sites", headers=basic), "no-key")
        assert (await http.get("/v1/sites", headers=basic | {"X-API-Key": token})).status_code == 200


async def test_the_scope_that_is_needed_is_named(keyed: Keyed) -> None:
    async with keyed.asking(await keyed.key("stock:read", "hold:write")) as http:
        refused = await http.get(MOVES)
        document = problem(refused, "scope-missing")
        assert (document["expected"], document["value"]) == ("staff:read", ["hold:write", "stock:read"])
        assert 'error="insufficient_scope", scope="staff:read"' in refused.headers["www-authenticate"]


async def test_who_asks_is_settled_before_what_is_asked(keyed: Keyed) -> None:
    """Nobody without a key learns which parameters, GTINs or sites there are."""
    await keyed.key("stock:read")
    async with keyed.asking() as http:
        for path in ("/v1/sites?nope=1", "/v1/sites/none/stock", "/v1/availability?gtin=1", "/v1/nothing", "/v1/"):
            problem(await http.get(path), "no-key")


async def test_a_key_for_some_sites_sees_those_and_no_others(keyed: Keyed) -> None:
    async with keyed.asking(await keyed.key("stock:read", "staff:read", "stock:write", sites=[OWN])) as http:
        assert [site["site"] for site in (await http.get("/v1/sites")).json()["sites"]] == [OWN]
        for path in (STOCK, MOVES, f"/v1/availability?gtin={SHIRT_S}&site={OWN}"):
            assert (await http.get(path)).status_code == 200, path
            refused = problem(await http.get(path.replace(OWN, OTHER)), "site-not-allowed")
            assert (refused["value"], refused["expected"]) == (OTHER, [OWN])
            problem(await http.get(path.replace(OWN, "store-999")), "site-not-allowed")
        problem(await http.get(f"/v1/changes?cursor=0&site={OTHER}"), "site-not-allowed")
        book = {"id": "b", "rows": [{"gtin": SHIRT_S, "quantity": 1, "as_of": "2026-11-18T11:06:40Z"}]}
        problem(await http.put(f"/v1/sites/{OTHER}/book", json=book), "site-not-allowed")
        everywhere = (await http.get(f"/v1/availability?gtin={SHIRT_S}")).json()
        assert [row["site"] for row in everywhere["rows"]] == [OWN]
        assert (everywhere["on_hand"], everywhere["rows"][0]["on_hand"]) == (3, 3)
        assert [site["site"] for site in (await http.get("/healthz")).json()["sites"]] == [OWN]
        assert [edge["site"] for edge in (await http.get("/v1/edges")).json()["edges"]] == [OWN]
        assert (await http.get("/healthz")).json()["edges"] == {"online": 1, "offline": 0}
    async with keyed.asking(await keyed.key("stock:read")) as http:
        assert (await http.get(f"/v1/availability?gtin={SHIRT_S}")).json()["on_hand"] == 5
        assert [edge["site"] for edge in (await http.get("/v1/edges")).json()["edges"]] == [OWN, OTHER]
        assert (await http.get("/healthz")).json()["edges"] == {"online": 2, "offline": 0}


async def test_changes_are_of_the_keys_sites_and_without_moves_unless_for_staff(keyed: Keyed) -> None:
    async def lines(token: str, **asked: int) -> list[dict[str, object]]:
        async with keyed.asking(token) as http:
            answer = await http.get("/v1/changes", params={"cursor": 0, **asked})
            assert answer.status_code == 200
            return [json.loads(line) for line in answer.text.splitlines()]

    everything = await lines(await keyed.key("stock:read", "staff:read"))
    assert {line["site"] for line in everything} == {OWN, OTHER}
    assert any(line.get("moves") for line in everything)
    plain = await lines(await keyed.key("stock:read"))
    assert [line["seq"] for line in plain] == [line["seq"] for line in everything]
    assert not any("moves" in line or "moves_left_out" in line for line in plain)
    limited = await keyed.key("stock:read", sites=[OTHER])
    assert {line["site"] for line in await lines(limited)} == {OTHER}
    assert [line["seq"] for line in await lines(limited, limit=1)] == [
        next(line["seq"] for line in everything if line["site"] == OTHER)
    ]


async def test_differences_name_items_to_staff_only(keyed: Keyed) -> None:
    path = f"/v1/sites/{OWN}/differences"
    async with keyed.asking(await keyed.key("stock:read", "staff:read", "stock:write")) as http:
        book = {"id": "b", "rows": [{"gtin": SHIRT_S, "quantity": 1, "as_of": "2026-11-18T11:06:40Z"}]}
        assert (await http.put(f"/v1/sites/{OWN}/book", json=book)).status_code == 200
        row = (await http.get(path)).json()["rows"][0]
        assert len(row["items"]) > 0
    async with keyed.asking(await keyed.key("stock:read")) as http:
        seen = (await http.get(path)).json()["rows"][0]
        assert seen["items"] == []
        assert seen["items_left_out"] == row["items_left_out"] + len(row["items"])
        assert seen["quantity"] == row["quantity"]


async def test_each_key_has_its_own_rate(keyed: Keyed) -> None:
    slow, other = await keyed.key("stock:read", rate_per_s=0.5, burst=2), await keyed.key("stock:read")
    async with keyed.asking(slow) as http:
        assert [(await http.get(STOCK)).status_code for _ in range(2)] == [200, 200]
        refused = await http.get(STOCK)
        assert problem(refused, "rate-limited")["expected"] == "0.5 a second, 2 at once"
        assert refused.headers["retry-after"] == "2"
        problem(await http.get(MOVES), "rate-limited")
        plain = f"/v1/availability?gtin={SHIRT_S}&site={OWN}"
        problem(await http.get(plain), "rate-limited")
        assert (await http.get("/page/app.js")).status_code == 200, "public files are not counted"
        keyed.seconds += 2
        assert (await http.get(plain)).status_code == 200
        problem(await http.get(plain), "rate-limited")
    async with keyed.asking(other) as http:
        assert (await http.get(STOCK)).status_code == 200
    assert keyed.access.counters()["keys_rate_limited"] >= 4


async def test_a_refused_scope_counts_against_the_rate(keyed: Keyed) -> None:
    async with keyed.asking(await keyed.key("hold:write", rate_per_s=0.01, burst=2)) as http:
        codes = [(await http.get(STOCK)).json()["code"] for _ in range(3)]
    assert codes == ["scope-missing", "scope-missing", "rate-limited"]


async def test_a_new_key_works_at_once(keyed: Keyed) -> None:
    await keyed.key("stock:read")
    keyed.seconds += MISS_RELOAD_S
    token = await keyed.key("stock:read", told=False)
    async with keyed.asking(token) as http:
        assert (await http.get(STOCK)).status_code == 200


async def test_when_the_keys_cannot_be_read_nobody_is_let_in(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    keyed.broken = True
    async with keyed.asking(token) as http:
        assert (await http.get(STOCK)).status_code == 200
        keyed.seconds += STALE_S + 1
        refused = await http.get(STOCK)
        problem(refused, "unavailable")
        assert refused.headers["retry-after"]
        assert (await http.get("/healthz")).json() == {"status": "alive"}
        keyed.broken = False
        keyed.seconds += 2
        assert (await http.get(STOCK)).status_code == 200


async def test_a_stream_ends_with_its_key(filled: Path, tmp_path: Path) -> None:
    async with open_keyed(filled, tmp_path, StreamLimits(heartbeat_s=0.05)) as keyed:
        token = await keyed.key("stock:read")
        async with keyed.asking(token) as http:
            async with http.stream("GET", "/v1/changes", headers={"Accept": "text/event-stream"}) as stream:
                assert stream.status_code == 200
                await until(lambda: keyed.app.state.tail.open_streams == 1)
                await keyed.revoke(token)
                async with asyncio.timeout(10):
                    async for _ in stream.aiter_bytes():
                        pass
            problem(await http.get("/v1/changes", headers={"Accept": "text/event-stream"}), "no-key")
        assert keyed.app.state.tail.open_streams == 0


async def test_a_long_poll_does_not_outlive_its_key(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking(token) as http:
        polling = asyncio.create_task(http.get("/v1/changes?wait_s=20"))
        await until(lambda: keyed.app.state.tail.open_streams == 1)
        await keyed.revoke(token)
        keyed.app.state.tail.wake()
        problem(await polling, "no-key")


async def test_health_says_to_anybody_only_that_it_lives(keyed: Keyed) -> None:
    await keyed.key("stock:read")
    async with keyed.asking() as http:
        assert (await http.get("/healthz")).json() == {"status": "alive"}
    async with keyed.asking(await keyed.key("webhook:write")) as http:
        assert (await http.get("/healthz")).json() == {"status": "alive"}
    async with keyed.asking(await keyed.key("stock:read")) as http:
        assert {site["site"] for site in (await http.get("/healthz")).json()["sites"]} == {OWN, OTHER}


async def test_the_policy_of_the_channel_is_the_callers(keyed: Keyed) -> None:
    """Three shirts, each there with 0.6: at least one with 0.936, at least two with 0.648."""
    changes = {
        "web": ChannelChange(),
        "bold": ChannelChange(target=0.5),
        "careful": ChannelChange(target=0.5, safety=1),
    }
    said = {}
    for channel, change in changes.items():
        async with keyed.asking(await keyed.key("stock:read", channel=channel, change=change)) as http:
            row = (await http.get(f"/v1/availability?gtin={SHIRT_S}&site={OWN}")).json()
            said[channel] = (row["on_hand"], row["safety"], row["atp"])
    assert said == {"web": (3, 0, 0), "bold": (3, 0, 2), "careful": (3, 1, 1)}


async def test_the_documentation_says_which_scope_each_path_needs(keyed: Keyed) -> None:
    document = (await keyed.http.get("/openapi.json")).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    movements = document["paths"]["/v1/sites/{site}/movements"]["get"]
    assert movements["security"] == [{"bearer": ["staff:read"]}, {"api_key": ["staff:read"]}]
    assert {"401", "403", "429"} <= movements["responses"].keys()
    assert document["paths"]["/healthz"]["get"]["security"] == []
    page = (await keyed.http.get("/docs")).text
    keyed_paths = [
        operation for methods in document["paths"].values() for operation in methods.values() if operation["security"]
    ]
    assert page.count("Needs a key with") == len(keyed_paths) > 10
    assert "Needs a key with <code>staff:read</code>." in page


# -- closed by default


async def test_a_route_that_declares_nothing_is_refused() -> None:
    app = FastAPI(dependencies=[Depends(closed)])

    @app.get("/forgotten")
    async def forgotten() -> str:
        return "open"

    @app.get("/open")
    @public
    async def opened() -> str:
        return "open"

    @app.get("/kept", dependencies=[Depends(requires("stock:read"))])
    async def kept() -> str:
        return "kept"

    async def plain(_: Request) -> Response:
        return Response("open")

    app.add_route("/plain", plain)
    app.add_route("/page", public(plain_page))
    refusals.install(app)
    seal(app)
    app.add_middleware(Gate)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
        assert "declares no scope" in problem_of(await http.get("/forgotten"))
        assert "declares no scope" in problem_of(await http.get("/plain"))
        assert [(await http.get(path)).status_code for path in ("/open", "/page", "/kept")] == [200, 200, 200]


def problem_of(answer: httpx.Response) -> str:
    assert answer.status_code == 403
    return str(answer.json()["detail"])


async def plain_page(_: Request) -> Response:
    return Response("open")


class Tally:
    """A keeper that counts what it is asked."""

    def __init__(self, *waits_s: float) -> None:
        self.waits_s = list(waits_s)

    def wait_s(self, _: Caller) -> float:
        return self.waits_s.pop(0)

    def still(self, _: Caller) -> bool:
        return True


def test_a_request_is_counted_once_however_many_scopes_its_route_names() -> None:
    tally = Tally(0.5, 0.0)
    scope = {"state": {KEEPER: tally}}
    assert [count(scope, LOCAL) for _ in range(3)] == [0.5, 0.0, 0.0]
    assert tally.waits_s == []


def test_a_scope_that_there_is_not_cannot_be_required() -> None:
    with pytest.raises(ValueError, match="'stock:raed'"):
        requires("stock:raed")


def test_an_outside_address_needs_keys() -> None:
    with pytest.raises(NotLoopbackError, match="`lastunit keys create`"):
        listen("0.0.0.0")
    with listen("0.0.0.0", keys_exist=True) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"
