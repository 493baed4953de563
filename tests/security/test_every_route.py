"""What holds for each route of the whole gateway, made from the router and the document: a new route is held to it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from gateway.http.security_headers import ALWAYS, DATA_POLICY
from tests.gateway.http.problems import problem
from tests.security.whole import Asked, Whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES: Final = frozenset(
    {
        *("GET /", "GET /page/{name}", "GET /page/boards/{name}", "GET /page/store/{name}"),
        *("GET /boards", "GET /docs", "GET /openapi.json", "GET /store", "GET /store/{site}"),
        *(
            "DELETE /session",
            "GET /session",
            "POST /session",
            "GET /store/me",
            "POST /store/pair",
            "POST /store/unpair",
        ),
        "GET /01/{gtin}/{qualifiers}",
    }
)
"""Routes that the API's document leaves out on purpose: pages, their files, and what browsers ask for themselves."""

COMPARED: Final = frozenset({"equals"})
"""Numbers that nothing is counted by: what a figure is compared with."""

TOO_LARGE_BYTES: Final = 5 * 1024 * 1024
"""Above every bound of a body (`gateway.http.limits`, `gateway.trade.limits`)."""

UNKNOWN: Final = "x_unknown"


async def asked(http: httpx.AsyncClient, route: Asked, **more: Any) -> httpx.Response:
    return await http.request(route.method, route.url, **{"params": route.wanted, **more})


def with_unknown_member(body: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the body with one member more in each of its objects in turn, and where it stands."""
    if isinstance(body, dict):
        yield path, body | {UNKNOWN: 1}
        for name, member in body.items():
            for where, changed in with_unknown_member(member, f"{path}.{name}".lstrip(".")):
                yield where, body | {name: changed}
    elif isinstance(body, list):
        for number, member in enumerate(body):
            for where, changed in with_unknown_member(member, f"{path}[{number}]"):
                yield where, [*body[:number], changed, *body[number + 1 :]]


async def test_every_route_is_in_the_document_or_a_page(whole: Whole) -> None:
    unlisted = {str(route) for route in whole.routes() if not route.in_document and route.method != "HEAD"}
    assert unlisted == PAGES


async def test_every_answer_has_the_headers_of_a_browser(whole: Whole) -> None:
    wrong = []
    for route in whole.routes():
        async with whole.http.stream(route.method, route.url, params=route.wanted, json={}) as answer:
            missing = [name for name, value in ALWAYS.items() if name not in answer.headers]
            if not answer.headers["content-security-policy"].startswith("default-src 'none'"):
                missing.append("content-security-policy")
            if route.path.startswith("/v1/") and answer.headers["content-security-policy"] != DATA_POLICY:
                missing.append("policy of data")
        wrong += [(str(route), missing)] if missing else []
    assert wrong == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/v1/nothing", {}, 404),
        ("PATCH", "/v1/sites", {}, 405),
        ("GET", "/v1/sites", {"Authorization": "Bearer lu_x"}, 401),
        ("GET", "/v1/sites?x=1", {}, 400),
    ],
)
async def test_refusals_have_them_too(
    whole: Whole, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await whole.http.request(method, path, headers=headers)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.headers["content-security-policy"] == DATA_POLICY


async def test_no_route_lets_a_page_from_elsewhere_read(whole: Whole) -> None:
    """CORS is closed: no answer names an origin, and a preflight is no request that any route answers."""
    elsewhere = {"Origin": "https://elsewhere.example"}
    preflight = elsewhere | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    opened = []
    for route in whole.routes():
        async with whole.http.stream(route.method, route.url, headers=elsewhere, params=route.wanted) as answer:
            found = answer.headers
        asking = await whole.http.options(route.url, headers=preflight)
        if asking.status_code != 405:
            opened.append((str(route), f"preflight {asking.status_code}"))
        opened += [(str(route), name) for name in (*found, *asking.headers) if name.startswith("access-control")]
    assert opened == []


async def test_no_body_with_an_unknown_member_is_taken(whole: Whole) -> None:
    """Extra fields at every depth of every example of the document."""
    accepted, sent = [], 0
    for route in whole.routes():
        for body in route.bodies:
            for where, changed in with_unknown_member(body):
                answer = await asked(whole.http, route, json=changed)
                sent += 1
                place = f"{where}.{UNKNOWN}".lstrip(".")
                told = answer.json().get("parameter", "") if answer.status_code == 400 else answer.text[:200]
                if told != place:
                    accepted.append((str(route), place, answer.status_code, told))
    assert sent > 50
    assert accepted == []


async def test_every_route_with_a_body_takes_json_only(whole: Whole) -> None:
    wrong = []
    for route in whole.routes():
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            if route.bodies:
                headers = {"Content-Type": kind} if kind else {}
                answer = await asked(whole.http, route, content=json.dumps(route.bodies[0]), headers=headers)
                if answer.status_code != 415:
                    wrong.append((str(route), kind, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_every_body_is_bounded(whole: Whole, chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(TOO_LARGE_BYTES // 65_536):
            yield b" " * 65_536

    wrong = []
    for route in whole.routes():
        if route.bodies:
            content = pieces() if chunked else b" " * TOO_LARGE_BYTES
            answer = await asked(whole.http, route, content=content, headers={"Content-Type": "application/json"})
            if answer.status_code != 413:
                wrong.append((str(route), answer.status_code, answer.text[:100]))
    assert wrong == []


async def test_every_number_of_a_query_has_bounds(whole: Whole) -> None:
    """Pages, waits, spans of time: one above the most is refused, and nothing has no most."""
    wrong, seen = [], 0
    for route in whole.routes():
        for parameter in route.parameters:
            schema = parameter.get("schema", {})
            kinds = [schema, *schema.get("anyOf", [])]
            number = next((kind for kind in kinds if kind.get("type") in {"integer", "number"}), None)
            if parameter["in"] != "query" or number is None or parameter["name"] in COMPARED:
                continue
            seen += 1
            most = number.get("maximum", number.get("exclusiveMaximum"))
            if most is None:
                wrong.append((str(route), parameter["name"], "no maximum"))
                continue
            answer = await asked(whole.http, route, params=route.wanted | {parameter["name"]: str(most + 1)})
            if answer.status_code != 400 or answer.json().get("parameter") != parameter["name"]:
                wrong.append((str(route), parameter["name"], answer.text[:200]))
    assert seen > 10
    assert wrong == []


async def test_a_key_of_one_site_reaches_no_other(whole: Whole) -> None:
    """The access matrix (tests/gateway/http) asks each route; here the same of the whole gateway's sites in paths."""
    for route in whole.routes():
        if "{site}" in route.path and route.path.startswith("/v1/"):
            url = route.url.replace("store-001", "store-002")
            answer = await whole.own.request(route.method, url, params=route.wanted, json={})
            problem(answer, "site-not-allowed")
