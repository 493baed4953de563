"""A device at the gateway's HTTP side: how it gets its cookie, and what the cookie can and cannot do."""

import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.http.gate import SCREEN_COOKIE
from gateway.keys.scopes import ALL_SCOPES
from gateway.pairing.limits import ADDRESS_PER_MIN, CODE_S, OPEN_MAX
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, id_of, open_keyed
from tests.gateway.http.problems import problem

SCREEN = {"X-Lastunit-Screen": "1"}
CLAIM = "/v1/tasks/019aa8e0-6f10-7c3f-a1f2-3b7c5d9e1f20:claim"
"""A task that there is not: whoever may take tasks is told so."""


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def new_code(keyed: Keyed, *, site: str = OWN, name: str = "till 3") -> str:
    async with keyed.asking(await keyed.key("screen:write")) as http:
        made = await http.post("/v1/pairing-codes", json={"site": site, "name": name})
        assert made.status_code == 201, made.text
        return str(made.json()["code"])


async def pair(http: httpx.AsyncClient, code: str, site: str = OWN, **headers: str) -> httpx.Response:
    return await http.post("/store/pair", json={"site": site, "code": code}, headers=headers)


async def test_a_device_is_paired_reads_takes_tasks_and_is_unpaired(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        problem(await http.get("/store/me", headers=SCREEN), "not-paired")
        answer = await pair(http, code, Origin=keyed.url)
        assert answer.json() == {"needed": True, "site": OWN, "name": "till 3"}
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{SCREEN_COOKIE}=lu_")
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert parts == {"httponly", "samesite=strict", "path=/", "max-age=34560000"}
        me = await http.get("/store/me", headers=SCREEN)
        assert me.json() == answer.json()
        assert me.headers["set-cookie"] == cookie, "it lasts as long as the screen is used"
        assert (await http.get(f"/v1/sites/{OWN}/stock")).status_code == 200
        assert (await http.get(f"/v1/tasks?site={OWN}", headers=SCREEN)).status_code == 200
        problem(await http.post(CLAIM, headers=SCREEN | {"Origin": keyed.url}), "unknown-task")
        left = await http.post("/store/unpair", headers=SCREEN)
        assert left.status_code == 200
        assert SCREEN_COOKIE not in http.cookies
    async with keyed.asking() as http:
        http.cookies.set(SCREEN_COOKIE, cookie.partition("=")[2].partition(";")[0])
        assert "revoked" in problem(await http.get(f"/v1/sites/{OWN}/stock"), "no-key")["detail"], "at once"
        assert (await http.post("/store/unpair", headers=SCREEN)).status_code == 200


async def test_a_code_is_for_one_device(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as one, keyed.asking() as other:
        assert (await pair(one, code.lower().replace("-", " "))).status_code == 200
        refused = problem(await pair(other, code), "pairing-refused")
        wrong = problem(await pair(other, "ZZZZ-ZZZZ"), "pairing-refused")
        assert refused == wrong, "nobody is told why"
        assert not other.cookies


async def test_a_screen_is_for_its_site_only(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        await pair(http, code)
        for path in (f"/v1/sites/{OTHER}/stock", f"/v1/tasks?site={OTHER}"):
            problem(await http.get(path, headers=SCREEN), "site-not-allowed")
        sites = (await http.get("/v1/sites", headers=SCREEN)).json()
        assert [row["site"] for row in sites["sites"]] == [OWN]


WRITES: tuple[tuple[Mapping[str, str], bool], ...] = (
    ({"Origin": "{own}"}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({}, False),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
)


async def test_a_screen_writes_from_its_own_page_only(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        await pair(http, code)
        for headers, writes in WRITES:
            said = {name: value.format(own=keyed.url) for name, value in headers.items()}
            problem(await http.post(CLAIM, headers=SCREEN | said), "unknown-task" if writes else "no-key")
            for marked in ({}, {"X-Lastunit-Screen": "0"}, {"X-Lastunit-Screen": ""}):
                refused = problem(await http.post(CLAIM, headers=said | marked), "no-key")
                assert "X-Lastunit-Screen: 1" in refused["detail"]


async def test_pages_from_elsewhere_pair_and_unpair_nothing(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await pair(http, code, **foreign)).status_code == 403
        problem(await http.post("/store/pair", data={"site": OWN, "code": code}), "not-json")
        problem(await http.post("/store/pair", json={"site": OWN, "code": code, "admin": True}), "invalid-body")
        problem(await http.post("/store/pair", json={"site": OWN, "code": "x" * 2_000}), "too-large")
        for site in ("", "a\0b", "a b"):
            problem(await http.post("/store/pair", json={"site": site, "code": code}), "invalid-body")
        await pair(http, code)
        for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await http.post("/store/unpair", headers=SCREEN | foreign)).status_code == 403
        assert (await http.get("/store/me", headers=SCREEN)).status_code == 200


async def test_the_cookie_of_a_screen_never_gives_more_than_a_screen_may(keyed: Keyed) -> None:
    """Whoever puts another key into it gets no more of it than a screen has."""
    token = await keyed.key(*ALL_SCOPES)
    own = SCREEN | {"Origin": keyed.url}
    async with keyed.asking() as http:
        http.cookies.set(SCREEN_COOKIE, token)
        refused = problem(
            await http.put(f"/v1/sites/{OWN}/book", json={"id": "b", "rows": []}, headers=own), "scope-missing"
        )
        assert refused["value"] == ["staff:read", "stock:read", "task:write"]
        problem(await http.get("/v1/screens", headers=own), "scope-missing")
        problem(await http.get("/store/me", headers=own), "not-paired")


async def test_a_session_of_the_live_page_and_a_screen_in_one_browser(keyed: Keyed) -> None:
    """The header chooses: without it the page reads as who signed in, and writes nothing."""
    boss = await keyed.key("stock:read")
    code = await new_code(keyed)
    own = {"Origin": keyed.url}
    async with keyed.asking() as http:
        await pair(http, code)
        await http.post("/session", json={"key": boss})
        assert (await http.get(f"/v1/sites/{OTHER}/stock")).status_code == 200
        problem(await http.get(f"/v1/sites/{OTHER}/stock", headers=SCREEN), "site-not-allowed")
        assert "only read" in problem(await http.post(CLAIM, headers=own), "no-key")["detail"]
        problem(await http.post(CLAIM, headers=own | SCREEN), "unknown-task")


async def test_a_session_writes_nothing_whatever_it_says_of_itself(keyed: Keyed) -> None:
    async with keyed.asking() as http:
        await http.post("/session", json={"key": await keyed.key(*ALL_SCOPES)})
        refused = problem(await http.post(CLAIM, headers=SCREEN | {"Origin": keyed.url}), "no-key")
        assert "only read" in refused["detail"]


async def test_a_device_that_is_paired_again_has_one_key(keyed: Keyed) -> None:
    codes = [await new_code(keyed), await new_code(keyed, site=OTHER, name="")]
    async with keyed.asking() as http:
        await pair(http, codes[0])
        first = http.cookies[SCREEN_COOKIE]
        again = await pair(http, codes[1], OTHER, **SCREEN)
        assert again.json() == {"needed": True, "site": OTHER, "name": "screen"}
        assert http.cookies[SCREEN_COOKIE] != first
    assert [key.id for key in await keyed.keys() if key.revoked_us] == [id_of(first)]


async def test_behind_https_the_cookie_travels_encrypted_only(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        answer = await pair(http, code, **{"X-Forwarded-Proto": "https"})
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_an_address_that_tries_too_often_waits(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        for _ in range(ADDRESS_PER_MIN):
            problem(await pair(http, "ZZZZ-ZZZZ"), "pairing-refused")
        answer = await pair(http, code)
        assert problem(answer, "too-many-requests")["expected"] == "5 a minute from an address"
        assert 1 <= int(answer.headers["retry-after"]) <= 12
        assert (await pair(http, code, **{"X-Forwarded-For": "192.0.2.7"})).status_code == 200


async def test_a_code_stands_in_no_log_and_in_no_table(
    keyed: Keyed, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    code, wrong = await new_code(keyed), "7KQ2-M9XA"
    async with keyed.asking() as http:
        await pair(http, wrong)
        await pair(http, code)
        token = http.cookies[SCREEN_COOKIE]
    said = capsys.readouterr()
    logged = caplog.text + said.out + said.err
    assert "screen_paired" in logged
    async with keyed.database.read() as connection:
        tables = await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        rows = [(await connection.execute(text(f'SELECT * FROM "{name}"'))).all() for name in tables]
    for secret in (code, code.replace("-", ""), wrong, wrong.replace("-", ""), token[-43:]):
        assert secret not in logged
        assert secret not in str(rows)
    assert id_of(token) in str(rows)


async def test_without_keys_this_machine_needs_no_pairing_and_nothing_is_paired(keyed: Keyed) -> None:
    async with keyed.asking() as http:
        assert (await http.get("/store/me")).json() == {"needed": False, "site": None, "name": ""}
        refused = problem(await http.post("/v1/pairing-codes", json={"site": OWN}), "no-keys")
        assert "lastunit keys create" in refused["detail"]
        problem(await pair(http, "7KQ2-M9XA"), "pairing-refused")


async def test_codes_are_made_for_sites_of_the_key(keyed: Keyed) -> None:
    async with keyed.asking(await keyed.key("screen:write", sites=[OWN])) as http:
        problem(await http.post("/v1/pairing-codes", json={"site": OTHER}), "site-not-allowed")
        problem(await http.post("/v1/pairing-codes", json={"site": OWN, "name": "a\nb"}), "invalid-body")
        for number in range(OPEN_MAX):
            made = await http.post("/v1/pairing-codes", json={"site": OWN, "name": f"till {number}"})
            body: dict[str, Any] = made.json()
            assert body["path"] == f"/store/{OWN}#pair={body['code']}"
            assert made.headers["cache-control"] == "no-store"
        problem(await http.post("/v1/pairing-codes", json={"site": OWN}), "too-many-codes")
        keyed.clock.advance(CODE_S)
        assert (await http.post("/v1/pairing-codes", json={"site": OWN})).status_code == 201
    async with keyed.asking(await keyed.key("screen:write")) as http:
        problem(await http.post("/v1/pairing-codes", json={"site": "nowhere"}), "unknown-site")


async def test_screens_are_listed_and_ended_by_who_has_their_site(keyed: Keyed) -> None:
    codes = {site: await new_code(keyed, site=site) for site in (OWN, OTHER)}
    async with keyed.asking() as device, keyed.asking() as elsewhere:
        await pair(device, codes[OWN])
        await pair(elsewhere, codes[OTHER], OTHER)
        ids = {OWN: id_of(device.cookies[SCREEN_COOKIE]), OTHER: id_of(elsewhere.cookies[SCREEN_COOKIE])}
        async with keyed.asking(await keyed.key("screen:write", sites=[OWN])) as http:
            listed = (await http.get("/v1/screens")).json()["screens"]
            assert [(row["id"], row["site"], row["name"], row["revoked_at"]) for row in listed] == [
                (ids[OWN], OWN, "till 3", None)
            ]
            problem(await http.get(f"/v1/screens?site={OTHER}"), "site-not-allowed")
            problem(await http.post(f"/v1/screens/{ids[OTHER]}:revoke"), "unknown-screen")
            ended = (await http.post(f"/v1/screens/{ids[OWN]}:revoke")).json()
            assert ended["revoked_at"] is not None
        assert "revoked" in problem(await device.get(f"/v1/sites/{OWN}/stock", headers=SCREEN), "no-key")["detail"]
        problem(await device.get("/store/me", headers=SCREEN), "not-paired")
        assert (await elsewhere.get("/store/me", headers=SCREEN)).json()["site"] == OTHER
    async with keyed.asking(await keyed.key("screen:write")) as http:
        rows = (await http.get("/v1/screens")).json()["screens"]
        assert [row["id"] for row in rows] == [ids[OTHER], ids[OWN]]


async def test_a_screen_asks_and_is_remembered_as_used(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        await pair(http, code)
        keyed.access.screens.clear()
        await http.get(f"/v1/sites/{OWN}/stock")
        assert keyed.access.screens == {id_of(http.cookies[SCREEN_COOKIE])}


async def test_while_the_keys_cannot_be_read_nobody_is_told_to_pair_again(keyed: Keyed) -> None:
    code = await new_code(keyed)
    async with keyed.asking() as http:
        await pair(http, code)
        keyed.broken, keyed.seconds = True, 1_000.0
        problem(await http.get("/store/me", headers=SCREEN), "unavailable")
