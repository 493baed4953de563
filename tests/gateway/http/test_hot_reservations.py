"""A reservation made before the router is the same as one made by its route, and is refused in the same words."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.keys.store import ChannelChange
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, open_keyed
from tests.gateway.small_store import SHIRT_S

PATH = "/v1/reservations"
HALF = ChannelChange(target=0.5)
"""Each of the three shirts is there with .6: two of them with .65."""


def line(**changes: Any) -> dict[str, Any]:
    return {"gtin": SHIRT_S, "quantity": 1, "site": OWN} | changes


def body(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"lines": list(lines) or [line()], "mode": "pickup"} | changes


REFUSED: list[Any] = [
    body(line(quantity=5)),
    body(line(site="nowhere")),
    body(line(site=OTHER)),
    body({"gtin": SHIRT_S, "quantity": 1}),
    body(line(gtin="1")),
    body(line(quantity=0)),
    body(mode="by air"),
    body(more=1),
    {},
    "{",
    "",
]


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest.fixture
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path) as found:
        yield found


async def ask(keyed: Keyed, content: Any, *, hot: bool, query: str = "", **headers: str) -> httpx.Response:
    text = content if isinstance(content, str) else json.dumps(content)
    before = keyed.app.hot  # type: ignore[attr-defined]
    if not hot:
        keyed.app.hot = {}  # type: ignore[attr-defined]
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await keyed.http.post(f"{PATH}{query}", content=text, headers=named)
    finally:
        keyed.app.hot = before  # type: ignore[attr-defined]


def told(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return response.status_code, response.content, {k: v for k, v in response.headers.items() if k != "date"}


@pytest.mark.parametrize("content", REFUSED)
async def test_it_is_refused_in_the_words_of_its_route(keyed: Keyed, content: Any) -> None:
    token = await keyed.key("hold:write", sites=[OWN], change=HALF)
    headers = {"Authorization": f"Bearer {token}", "Idempotency_Key": "k", "Content_Type": "application/json"}
    fast, slow = await ask(keyed, content, hot=True, **headers), await ask(keyed, content, hot=False, **headers)
    assert fast.status_code >= 400
    assert told(fast) == told(slow)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Idempotency_Key": ""}, "idempotency-key-missing"),
        ({"Idempotency_Key": "a b"}, "invalid-parameter"),
        ({"Content_Type": "text/plain"}, "not-json"),
        ({"Authorization": "Bearer lu_000000000000_" + "A" * 43}, "no-key"),
        ({"query": "?x=1"}, "unknown-parameter"),
    ],
)
async def test_what_is_wrong_with_the_request_is_said_by_its_route(
    keyed: Keyed, changes: dict[str, str], code: str
) -> None:
    token = await keyed.key("hold:write", change=HALF)
    good = {"Authorization": f"Bearer {token}", "Idempotency_Key": "k", "Content_Type": "application/json"}
    fast = await ask(keyed, body(), hot=True, **(good | changes))
    slow = await ask(keyed, body(), hot=False, **(good | changes))
    assert told(fast) == told(slow)
    assert fast.json()["code"] == code


async def test_a_key_without_the_scope_holds_nothing(keyed: Keyed) -> None:
    token = await keyed.key("stock:read", change=HALF)
    headers = {"Authorization": f"Bearer {token}", "Idempotency_Key": "k", "Content_Type": "application/json"}
    assert (await ask(keyed, body(), hot=True, **headers)).json()["code"] == "scope-missing"


async def test_requests_are_counted_once_against_the_rate_of_their_key(keyed: Keyed) -> None:
    token = await keyed.key("hold:write", change=HALF, rate_per_s=1, burst=3)
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    statuses = [
        (await ask(keyed, content, hot=True, Idempotency_Key=str(number), **headers)).status_code
        for number, content in enumerate((body(), "{", body(line(quantity=5)), body()))
    ]
    assert statuses == [201, 400, 409, 429]


async def test_what_it_made_is_found_by_its_route_and_the_other_way_round(keyed: Keyed) -> None:
    token = await keyed.key("hold:write", change=HALF)
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    for number, first in enumerate((True, False)):
        name = f"cart-{number}"
        made = await ask(keyed, body(), hot=first, Idempotency_Key=name, **headers)
        again = await ask(keyed, body(), hot=not first, Idempotency_Key=name, **headers)
        assert (made.status_code, again.status_code) == (201, 201)
        assert made.content == again.content
        assert ("idempotency-replayed" in made.headers, again.headers["idempotency-replayed"]) == (False, "true")
        other = body(line(quantity=2))
        reused = await ask(keyed, other, hot=first, Idempotency_Key=name, **headers)
        assert reused.json()["code"] == "idempotency-key-reused"
