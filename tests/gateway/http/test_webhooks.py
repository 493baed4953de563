"""Webhooks over HTTP: made, shown, resumed, tried, removed, each by those who may."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.push import webhook_store as store
from gateway.push.delivery import Progress, State
from tests.gateway.http.keyed import OTHER, OWN, filled_file
from tests.gateway.http.problems import problem
from tests.gateway.push.feed_rig import stock
from tests.gateway.push.http_rig import PushRig, open_pushed
from tests.gateway.push.receiver import receiving
from tests.gateway.small_store import SHIRT_M, SHIRT_S

HOOK = "http://127.0.0.1:1/hook"


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("webhooks"))


@pytest.fixture
async def pushed(filled: Path, tmp_path: Path) -> AsyncIterator[PushRig]:
    async with open_pushed(filled, tmp_path) as found:
        yield found


async def made(pushed: PushRig, **more: Any) -> dict[str, Any]:
    answer = await pushed.http.post("/v1/webhooks", json={"url": HOOK} | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_secret_is_shown_once(pushed: PushRig) -> None:
    first = await made(pushed, sites=[OWN], thresholds=[5, 0, 1, 1], cursor=0)
    assert first["secret"].startswith("whsec_")
    assert (first["state"], first["thresholds"], first["sites"]) == ("live", [0, 1, 5], [OWN])
    assert first["lag"] > 0
    shown = (await pushed.http.get(f"/v1/webhooks/{first['id']}")).json()
    assert shown == {name: value for name, value in first.items() if name != "secret"}
    listed = await pushed.http.get("/v1/webhooks")
    assert listed.json() == {"webhooks": [shown]}
    assert listed.headers["cache-control"] == "no-store"
    async with pushed.rig.database.read() as connection:
        (kept,) = await store.every(connection)
    assert kept.secret == first["secret"]


async def test_a_webhook_lives_from_its_making_to_its_end(pushed: PushRig) -> None:
    async with receiving() as receiver, pushed.rig.sending() as process:
        hook = await made(pushed, url=receiver.url())
        tried = await pushed.http.post(f"/v1/webhooks/{hook['id']}:test")
        assert tried.json() == {"id": receiver.got[0].id, "delivered": True, "status": 204, "error": ""}
        newest = await pushed.rig.happen(stock(SHIRT_S, 1.0))
        assert (await receiver.until(2))[1].seq == newest
        assert all(one.is_signed_by(hook["secret"]) for one in receiver.got)
        again = await pushed.http.post(f"/v1/webhooks/{hook['id']}:resume", json={"cursor": newest - 1})
        assert (again.status_code, again.json()["cursor"]) == (200, newest - 1)
        assert (await receiver.until(3))[2].id == receiver.got[1].id
        assert (await pushed.http.delete(f"/v1/webhooks/{hook['id']}")).status_code == 204
        problem(await pushed.http.get(f"/v1/webhooks/{hook['id']}"), "unknown-webhook")
        problem(await pushed.http.delete(f"/v1/webhooks/{hook['id']}"), "unknown-webhook")
        assert process.counters()["webhooks_failed"] == 0


async def test_dead_letters_are_paged_by_key_and_resume_forgets_them(pushed: PushRig) -> None:
    hook = await made(pushed)
    async with pushed.rig.database.write() as connection:
        for seq in range(1, 8):
            await store.bury(connection, store.DeadLetter(hook["id"], seq, 1, 422, "no", b'{"data":{"seq":%d}}' % seq))
    path, seen, after = f"/v1/webhooks/{hook['id']}/dead-letters", [], 0
    while after is not None:
        page = (await pushed.http.get(path, params={"after": after, "limit": 3})).json()
        seen += [row["event"]["data"]["seq"] for row in page["rows"]]
        after = page["next"]
    assert seen == list(range(1, 8))
    assert (await pushed.http.get(f"/v1/webhooks/{hook['id']}")).json()["dead_letters"] == 7
    resumed = await pushed.http.post(f"/v1/webhooks/{hook['id']}:resume")
    assert (resumed.json()["dead_letters"], resumed.json()["cursor"]) == (0, hook["cursor"])
    assert (await pushed.http.get(path)).json() == {"rows": [], "next": None}


async def test_trouble_is_visible(pushed: PushRig) -> None:
    hook = await made(pushed)
    troubled = Progress(State.FAILING, hook["cursor"], 3, 1_795_000_000_000_000, 1_795_000_060_000_000, "answered 503")
    async with pushed.rig.database.write() as connection:
        found = await store.one(connection, hook["id"])
        assert found is not None
        assert await store.save(connection, found, troubled, 1) is not None
    await pushed.rig.happen(stock(SHIRT_M), stock(SHIRT_S))
    shown = (await pushed.http.get(f"/v1/webhooks/{hook['id']}")).json()
    assert (shown["state"], shown["attempts"], shown["last_error"], shown["lag"]) == ("failing", 3, "answered 503", 2)
    assert (shown["failing_since"], shown["next_try"]) == ("2026-11-18T11:06:40.000Z", "2026-11-18T11:07:40.000Z")


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"url": "https://169.254.169.254/latest/meta-data"}, "webhook-url"),
    ({"url": "http://10.0.0.7/"}, "webhook-url"),
    ({"url": "https://nobody.example.com/"}, "webhook-url"),
    ({"url": "ftp://127.0.0.1/"}, "webhook-url"),
    ({"url": "https://a:b@127.0.0.1/"}, "webhook-url"),
    ({"url": ""}, "invalid-body"),
    ({}, "invalid-body"),
    ({"url": HOOK, "sites": []}, "invalid-body"),
    ({"url": HOOK, "sites": ["elsewhere"]}, "invalid-body"),
    ({"url": HOOK, "thresholds": [-1]}, "invalid-body"),
    ({"url": HOOK, "thresholds": list(range(9))}, "invalid-body"),
    ({"url": HOOK, "cursor": -1}, "invalid-body"),
    ({"url": HOOK, "cursor": 10**6}, "cursor-ahead"),
    ({"url": HOOK, "secret": "mine"}, "invalid-body"),
)


async def test_what_cannot_be_registered(pushed: PushRig) -> None:
    for body, code in REFUSED:
        problem(await pushed.http.post("/v1/webhooks", json=body), code)
    assert (await pushed.http.get("/v1/webhooks")).json() == {"webhooks": []}


async def test_keys_see_their_channels_and_sites_only(pushed: PushRig) -> None:
    every = await pushed.keyed.key("webhook:write", channel="web")
    narrow = await pushed.keyed.key("webhook:write", channel="web", sites=[OWN])
    stranger = await pushed.keyed.key("webhook:write", channel="pos")
    reader = await pushed.keyed.key("stock:read", channel="web")
    async with pushed.asking(every) as http:
        everything = (await http.post("/v1/webhooks", json={"url": HOOK})).json()
    async with pushed.asking(narrow) as http:
        refused = await http.post("/v1/webhooks", json={"url": HOOK, "sites": [OTHER]})
        problem(refused, "site-not-allowed")
        mine = (await http.post("/v1/webhooks", json={"url": HOOK})).json()
        assert mine["sites"] == [OWN]
        assert [one["id"] for one in (await http.get("/v1/webhooks")).json()["webhooks"]] == [mine["id"]]
        for verb, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", ":resume"),
            ("POST", ":test"),
            ("GET", "/dead-letters"),
        ):
            answer = await http.request(verb, f"/v1/webhooks/{everything['id']}{path}")
            problem(answer, "unknown-webhook")
    async with pushed.asking(stranger) as http:
        assert (await http.get("/v1/webhooks")).json() == {"webhooks": []}
    async with pushed.asking(reader) as http:
        problem(await http.get("/v1/webhooks"), "scope-missing")
        problem(await http.post("/v1/webhooks", json={"url": HOOK}), "scope-missing")
    async with pushed.asking(every) as http:
        assert len((await http.get("/v1/webhooks")).json()["webhooks"]) == 2
    problem(await pushed.http.get("/v1/webhooks"), "no-key")


async def test_the_description_of_the_routes_names_their_answers(pushed: PushRig) -> None:
    document = (await pushed.http.get("/openapi.json")).json()
    paths = {path for path in document["paths"] if path.startswith("/v1/webhooks")}
    assert paths == {
        "/v1/webhooks",
        "/v1/webhooks/{webhook}",
        "/v1/webhooks/{webhook}:resume",
        "/v1/webhooks/{webhook}:test",
        "/v1/webhooks/{webhook}/dead-letters",
    }
    assert {"201", "409", "410", "422"} <= set(document["paths"]["/v1/webhooks"]["post"]["responses"])
    assert "secret" in document["components"]["schemas"]["WebhookMade"]["properties"]
    assert "secret" not in document["components"]["schemas"]["Webhook"]["properties"]
