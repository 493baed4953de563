"""Whoever tries keys is slowed by address; a key that is good, or was, is not refused for it."""

import secrets

import httpx
import pytest
from sqlalchemy import event

from gateway.http import gate
from gateway.http.gate import WRONG_BURST, WRONG_PER_S
from gateway.keys.limiter import Limiter
from gateway.keys.token import ENTROPY_BYTES, mint
from tests.gateway.http.keyed import OWN, Keyed, id_of
from tests.gateway.http.problems import problem

STOCK = f"/v1/sites/{OWN}/stock"


def guess() -> str:
    return mint(secrets.token_bytes(ENTROPY_BYTES)).token


async def spend(keyed: Keyed, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Use up what an address may be wrong."""
    for _ in range(WRONG_BURST):
        problem(await http.get(STOCK, headers=headers | {"X-API-Key": guess()}), "no-key")
    assert keyed.access.counters()["keys_guessed_too_often"] == 0


@pytest.mark.parametrize("kind", ["unknown", "malformed", "wrong secret"])
async def test_wrong_keys_of_one_address_are_throttled(keyed: Keyed, kind: str) -> None:
    good = await keyed.key("stock:read")
    wrong = {"unknown": guess(), "malformed": "lu_x", "wrong secret": good[:17] + "A" * 42}[kind]
    wrong += "" if kind == "malformed" else "Z" * (59 - len(wrong))
    async with keyed.asking() as http:
        await spend(keyed, http, {})
        refused = await http.get(STOCK, headers={"Authorization": f"Bearer {wrong}"})
        document = problem(refused, "too-many-requests")
        assert refused.headers["retry-after"] == "1"
        assert wrong not in refused.text
        assert str(WRONG_BURST) in str(document["expected"])
        assert keyed.access.counters()["keys_guessed_too_often"] == 1
        keyed.seconds += 1 / WRONG_PER_S
        problem(await http.get(STOCK, headers={"Authorization": f"Bearer {wrong}"}), "no-key")
        problem(await http.get(STOCK, headers={"Authorization": f"Bearer {wrong}"}), "too-many-requests")


async def test_good_keys_and_those_that_were_are_not_refused_for_what_others_try(keyed: Keyed) -> None:
    good, known, ended = [await keyed.key("stock:read") for _ in range(3)]
    await keyed.revoke(ended)
    async with keyed.asking() as http:
        assert (await http.get(STOCK, headers={"X-API-Key": known})).status_code == 200
        await spend(keyed, http, {})
        problem(await http.get(STOCK, headers={"X-API-Key": guess()}), "too-many-requests")
        for token in (known, good):
            assert (await http.get(STOCK, headers={"X-API-Key": token})).status_code == 200
        for _ in range(3):
            refused = problem(await http.get(STOCK, headers={"X-API-Key": ended}), "no-key")
            assert refused["detail"] == f"key {id_of(ended)} is revoked"
        problem(await http.get(STOCK), "no-key")


async def test_each_address_is_counted_by_itself_and_only_our_proxy_is_believed(keyed: Keyed) -> None:
    await keyed.key("stock:read")
    async with keyed.asking() as http:
        await spend(keyed, http, {"X-Forwarded-For": "192.0.2.1"})
        for forwarded, code in (
            ("192.0.2.1", "too-many-requests"),
            ("192.0.2.99, 192.0.2.1", "too-many-requests"),
            ("192.0.2.1, 192.0.2.2", "no-key"),
        ):
            headers = {"X-API-Key": guess(), "X-Forwarded-For": forwarded}
            problem(await http.get(STOCK, headers=headers), code)


async def test_signing_in_is_counted_too(keyed: Keyed) -> None:
    good = await keyed.key("stock:read")
    async with keyed.asking() as http:
        for _ in range(WRONG_BURST):
            problem(await http.post("/session", json={"key": guess()}), "no-key")
        problem(await http.post("/session", json={"key": guess()}), "too-many-requests")
        problem(await http.get(STOCK, headers={"Cookie": f"lu_session={guess()}"}), "too-many-requests")
        assert (await http.post("/session", json={"key": good})).status_code == 200


async def test_public_pages_are_there_whatever_key_is_shown(keyed: Keyed) -> None:
    await keyed.key("stock:read")
    async with keyed.asking() as http:
        await spend(keyed, http, {})
        assert (await http.get("/page/app.js", headers={"X-API-Key": guess()})).status_code == 200
        assert (await http.get("/healthz", headers={"X-API-Key": guess()})).json() == {"status": "alive"}


async def test_addresses_that_are_counted_are_bounded(keyed: Keyed) -> None:
    assert keyed.access.wrong._most == gate.ADDRESSES_MAX
    keyed.access.wrong = Limiter(2)
    for last in range(9):
        keyed.access._unknown("x", f"192.0.2.{last}")
    assert len(keyed.access.wrong) == 2


async def test_a_key_that_asks_too_much_is_refused_before_any_route(keyed: Keyed) -> None:
    """Below /v1/ the gate counts: what does not exist, and a wrong method, cost the key as much as an answer."""
    token = await keyed.key("stock:read", rate_per_s=0.01, burst=3)
    async with keyed.asking(token) as http:
        problem(await http.get("/v1/nothing"), "not-found")
        problem(await http.delete(STOCK), "method-not-allowed")
        assert (await http.get(STOCK)).status_code == 200
        for path in (STOCK, "/v1/nothing", f"/v1/availability?gtin=1&site={OWN}"):
            refused = await http.get(path)
            problem(refused, "rate-limited")
            assert refused.headers["retry-after"] == "100"
        assert (await http.get("/healthz")).status_code == 200


async def test_who_asks_too_much_or_wrongly_costs_no_query(keyed: Keyed) -> None:
    """What keeps others' answers quick under such a load, without a clock: `bench/rate_limits.py` measures it."""
    token = await keyed.key("stock:read", "stock:write", rate_per_s=0.01, burst=1)
    statements: list[str] = []

    def count(*said: object) -> None:
        statements.append(str(said[2]))

    for engine in (keyed.database.reading, keyed.database.writing):
        event.listen(engine.sync_engine, "before_cursor_execute", count)
    async with keyed.asking(token) as http:
        assert (await http.get(STOCK)).status_code == 200
        asked = len(statements)
        assert asked > 0
        for _ in range(10):
            problem(await http.get(STOCK), "rate-limited")
            problem(await http.put(f"/v1/sites/{OWN}/book", content=b"not read, whatever it is"), "rate-limited")
        wrong = guess()
        for _ in range(10):
            problem(await http.get(STOCK, headers={"Authorization": f"Bearer {wrong}"}), "no-key")
        assert len(statements) - asked <= 1, "the keys are read anew once a second at most"
