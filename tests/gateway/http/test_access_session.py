"""The session of a browser: a key shown once, that reads from then on and does nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from gateway.http.gate import COOKIE, cookie_of
from gateway.http.own_page import is_own_page
from gateway.keys.scopes import ALL_SCOPES, READS
from tests.gateway.http.keyed import OWN, Keyed, filled_file, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.small_store import SHIRT_S

STOCK = f"/v1/sites/{OWN}/stock"
MOVES = f"/v1/sites/{OWN}/movements"


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def sign_in(http: httpx.AsyncClient, token: str, **headers: str) -> httpx.Response:
    return await http.post("/session", json={"key": token}, headers=headers)


async def test_a_person_signs_in_reads_and_signs_out(keyed: Keyed) -> None:
    token = await keyed.key("stock:read", "stock:write", "staff:read")
    async with keyed.asking() as http:
        assert (await http.get("/session")).json() == {"needed": True, "channel": None, "scopes": [], "sites": None}
        answer = await sign_in(http, f" {token}\n")
        assert answer.json()["scopes"] == ["staff:read", "stock:read"]
        cookie = answer.headers["set-cookie"]
        assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {"httponly", "samesite=strict", "path=/"}
        assert "secure" not in cookie.lower()
        assert (await http.get(STOCK)).status_code == 200
        assert (await http.get(MOVES)).status_code == 200
        who = (await http.get("/session")).json()
        assert (who["channel"], who["scopes"]) == ("web", ["staff:read", "stock:read"])
        await http.delete("/session")
        problem(await http.get(STOCK), "no-key")


async def test_behind_https_the_cookie_travels_encrypted_only(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking() as http:
        answer = await sign_in(http, token, **{"X-Forwarded-Proto": "https"})
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_session_cannot_write(keyed: Keyed) -> None:
    """The browser sends it by itself: whatever a page from elsewhere brings it to send, nothing is changed."""
    token = await keyed.key(*ALL_SCOPES)
    book = {"id": "b", "rows": [{"gtin": SHIRT_S, "quantity": 1, "as_of": "2026-11-18T11:06:40Z"}]}
    async with keyed.asking() as http:
        await sign_in(http, token)
        refused = problem(await http.put(f"/v1/sites/{OWN}/book", json=book), "no-key")
        assert "only read" in refused["detail"]
        assert problem(await http.get("/v1/reservations/x"), "scope-missing")["value"] == sorted(READS)
        shown = {"Authorization": f"Bearer {token}"}
        assert (await http.put(f"/v1/sites/{OWN}/book", json=book, headers=shown)).status_code == 200


async def test_a_session_ends_with_its_key(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    async with keyed.asking() as http:
        await sign_in(http, token)
        await keyed.revoke(token)
        problem(await http.get(STOCK), "no-key")
        assert (await http.get("/session")).json()["channel"] is None
        assert (await http.get("/")).status_code == 200, "the page must be there to ask for another key"


async def test_sign_in_takes_a_usable_key_as_json_from_the_own_page(keyed: Keyed) -> None:
    token, writer = await keyed.key("stock:read"), await keyed.key("hold:write")
    gone = await keyed.key("stock:read")
    await keyed.revoke(gone)
    async with keyed.asking() as http:
        problem(await sign_in(http, "lu_nope"), "no-key")
        problem(await sign_in(http, gone), "no-key")
        assert "none of the reading scopes" in problem(await sign_in(http, writer), "scope-missing")["detail"]
        problem(await http.post("/session", data={"key": token}), "not-json")
        problem(await http.post("/session", json={"key": token, "admin": True}), "invalid-body")
        problem(await http.post("/session", json={"key": token * 50}), "too-large")
        for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            assert (await sign_in(http, token, **foreign)).status_code == 403
            assert (await http.delete("/session", headers=foreign)).status_code == 403
        assert not http.cookies
        assert (await sign_in(http, token, Origin=keyed.url)).status_code == 200


async def test_without_keys_there_is_nothing_to_sign_in_with(keyed: Keyed) -> None:
    async with keyed.asking() as http:
        problem(await sign_in(http, "lu_000000000000_" + "A" * 43), "no-key")
        assert not http.cookies


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "http://h:1"}, True),
        ({"origin": "http://H:1"}, True),
        ({"origin": "http://h:2"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://proxy"}, True),
        ({"sec-fetch-site": "same-site", "origin": "http://h:1"}, False),
        ({"sec-fetch-site": "none"}, False),
    ],
)
def test_the_own_page(headers: dict[str, str], own: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in (headers | {"host": "h:1"}).items()]
    assert is_own_page(Request({"type": "http", "headers": raw})) is own


@pytest.mark.parametrize(
    ("header", "found"),
    [(f"{COOKIE}=x", "x"), (f"a=1; {COOKIE}=x;b=2", "x"), (f"not{COOKIE}=x", None), ("", None), (COOKIE, "")],
)
def test_the_cookie_among_others(header: str, found: str | None) -> None:
    assert cookie_of(header) == found
