import asyncio
import json
from urllib.parse import urlsplit

import pytest

from tests.gateway.http.conftest import Served
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import JACKET_M, MAIN


@pytest.mark.parametrize(
    "path", ["/v1/availabilities", "/v1/sites/", "/nothing", "/page/none.js", "/page/../app.py", "/v2/x"]
)
async def test_no_such_path(served: Served, path: str) -> None:
    problem(await served.http.get(path), "not-found")


@pytest.mark.parametrize(
    "path", ["/v1/sites", "/v1/changes", "/healthz", "/", "/docs", "/openapi.json", "/page/app.js"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_no_such_method_names_those_that_there_are(served: Served, path: str, method: str) -> None:
    answer = await served.http.request(method, path)
    problem(answer, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/availability?gtin={}&stie=x", "stie"),
        ("/v1/sites?all=1", "all"),
        (f"/v1/sites/{MAIN}/stock?style=x", "style"),
        (f"/v1/sites/{MAIN}/movements?offset=2", "offset"),
        ("/v1/changes?since=2", "since"),
        ("/healthz?verbose", "verbose"),
        ("/v1/edges?site=x", "site"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_those_that_are_taken(served: Served, path: str, name: str) -> None:
    refused = problem(await served.http.get(path.format(JACKET_M)), "unknown-parameter")
    assert refused["parameter"] == name
    assert name not in refused["expected"]


async def test_a_parameter_given_twice_is_refused(served: Served) -> None:
    refused = problem(await served.http.get(f"/v1/availability?gtin={JACKET_M}&gtin={JACKET_M}"), "invalid-parameter")
    assert (refused["parameter"], refused["value"]) == ("gtin", "2 values")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/availability", "gtin"),
        (f"/v1/availability?gtin={JACKET_M}&site=", "site"),
        (f"/v1/sites/{MAIN}/movements?limit=0", "limit"),
        (f"/v1/sites/{MAIN}/movements?limit=501", "limit"),
        (f"/v1/sites/{MAIN}/movements?before=x", "before"),
        ("/v1/changes?cursor=-1", "cursor"),
        ("/v1/changes?cursor=9223372036854775808", "cursor"),
        ("/v1/changes?wait_s=31", "wait_s"),
        (f"/v1/sites/{'x' * 65}/stock", "site"),
    ],
)
async def test_a_parameter_out_of_bounds_is_named(served: Served, path: str, name: str) -> None:
    refused = problem(await served.http.get(path), "invalid-parameter")
    assert refused["parameter"] == name
    assert refused["expected"]


async def test_what_came_is_shown_cut(served: Served) -> None:
    refused = problem(await served.http.get("/v1/availability", params={"gtin": "7" * 5_000}), "invalid-parameter")
    assert len(refused["value"]) < 200
    assert "(5002 characters)" in refused["value"]


async def test_a_defect_is_a_problem_too_and_tells_nothing_of_its_inside(served: Served) -> None:
    served.gateway.broken = RuntimeError("secret of the database")
    answer = await served.http.get("/v1/sites")
    problem(answer, "internal")
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    served.gateway.broken = None
    assert (await served.http.get("/v1/sites")).status_code == 200


async def raw(served: Served, sent: bytes) -> tuple[bytes, dict[str, object]]:
    parts = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
    writer.close()
    await writer.wait_closed()
    return head, json.loads(body)


async def test_what_is_no_http_is_a_problem(served: Served) -> None:
    head, document = await raw(served, b"HELLO\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert document["status"] == 400


@pytest.mark.parametrize("sent", [b"GET /" + b"a" * 40_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000])
async def test_a_head_without_end_is_cut_off(served: Served, sent: bytes) -> None:
    head, document = await raw(served, sent)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "32768 bytes" in str(document["detail"])
    assert (await served.http.get("/v1/sites")).status_code == 200


async def test_a_connection_may_send_many_small_requests(served: Served) -> None:
    """The bound is for one head, not for a connection's life."""
    for _ in range(3):
        answer = await served.http.get("/v1/sites", headers={"x-padding": "a" * 20_000})
        assert answer.status_code == 200


async def test_every_answer_carries_the_security_headers(served: Served) -> None:
    for path in ("/", "/page/app.js", "/v1/sites", "/docs", "/nothing"):
        headers = (await served.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
