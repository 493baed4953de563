"""Requests are counted by the pattern of their route, whatever they ask for, once each."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import ConfigError, GatewayConfig
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.series.limits import ROUTES_MAX
from gateway.series.requests import BOUNDS_MS, NO_ROUTE, Requests, Timed, Times
from tests.gateway.series.shop import CATALOGUE, Recorder
from tests.gateway.small_store import SHIRT_S, SITE, ManualClock
from tests.gateway.wait import until
from wire import measurements as m


def client(application: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60)


async def test_requests_are_counted_by_pattern_method_and_class_of_status() -> None:
    requests = Requests()
    app = FastAPI()
    app.add_middleware(Timed, requests=requests)

    @app.get("/items/{item}")
    async def read(item: str) -> str:
        if item == "broken":
            raise ValueError(item)
        return item

    async with client(app) as asked:
        for path in ("/items/1", "/items/30343410FC000000000000AB", "/items/broken", "/nowhere", "/else"):
            await asked.get(path)
        await asked.post("/items/1")
        await asked.request("HACK", "/items/1")
    taken = requests.take()
    assert {kind: times.count for kind, times in taken.items()} == {
        ("/items/{item}", "GET", "2xx"): 2,
        ("/items/{item}", "GET", "5xx"): 1,
        (NO_ROUTE, "GET", "4xx"): 2,
        ("/items/{item}", "POST", "4xx"): 1,
        ("/items/{item}", "OTHER", "4xx"): 1,
    }
    assert requests.take() == {}


async def test_a_short_cut_that_hands_on_counts_once() -> None:
    requests = Requests()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(iter([b"x"]))(scope, receive, send)

    async with client(Timed(Timed(inner, requests), requests, route="/v1/availability")) as asked:
        assert (await asked.get("/v1/availability")).text == "x"
    assert {kind: times.count for kind, times in requests.take().items()} == {("/v1/availability", "GET", "2xx"): 1}


async def test_time_runs_until_an_answer_begins() -> None:
    requests, now_s = Requests(), [0.0]
    ended = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        now_s[0] = 0.004
        await send({"type": "http.response.start", "status": 200, "headers": []})
        now_s[0] = 3_600.0  # an event stream lasts
        await send({"type": "http.response.body", "body": b""})
        ended.set()

    async with client(Timed(stream, requests, route="/v1/changes", now_s=lambda: now_s[0])) as asked:
        await asked.get("/v1/changes")
    assert ended.is_set()
    (times,) = requests.take().values()
    assert times.max_ms == pytest.approx(4.0)


@given(st.lists(st.floats(0.01, 60_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_right_within_a_bucket(took_ms: list[float], share: float) -> None:
    times = Times()
    for one in took_ms:
        times.add(one)
    exact = sorted(took_ms)[max(0, -(-int(share * len(took_ms) * 1e9) // 10**9) - 1)]
    found = times.quantile_ms(share)
    assert found <= times.max_ms
    assert exact * 0.86 <= found <= max(exact * 1.16, BOUNDS_MS[0])


def test_what_was_put_back_counts_again() -> None:
    requests = Requests()
    requests.add("/a", "GET", 200, 1.0)
    taken = requests.take()
    requests.add("/a", "GET", 200, 9.0)
    requests.put_back(taken)
    (times,) = requests.take().values()
    assert (times.count, times.max_ms) == (2, 9.0)
    assert times.quantile_ms(0.5) == pytest.approx(1.0, rel=0.15)


def test_more_routes_than_are_told_apart_are_one_row() -> None:
    requests = Requests()
    for number in range(ROUTES_MAX + 50):
        requests.add(f"/{number}", "GET", 200, 1.0)
    taken = requests.take()
    assert len(taken) == ROUTES_MAX + 1
    assert taken["other", "OTHER", "5xx"].count == 50
    assert len(taken) <= m.API.series_max + 1


async def test_the_gateways_own_requests_are_among_the_points(sqlite_url: str) -> None:
    broker, clock, recorder = MemoryBroker(), ManualClock(), Recorder()
    values: dict[str, Any] = {"database_url": sqlite_url, "http_port": 0, "gateway_name": "north"}
    source = MemorySource(broker, clock)
    gateway = Gateway(GatewayConfig(**values), sites=[SITE], source=source, http=create_app, clock=clock)
    gateway.series.process.sinks += (recorder,)
    async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), timeout=60) as asked:
        await import_catalogue(gateway.database, CATALOGUE, clock())
        for _ in range(3):
            await asked.get("/v1/availability", params={"gtin": SHIRT_S, "site": SITE.id})
        await asked.get("/v1/sites")
        await asked.get(f"/v1/tasks/{SHIRT_S}")

        def requests() -> dict[tuple[str, ...], Any]:
            clock.advance(1)
            mine = [point for point in recorder.points if point.series.measurement == m.API]
            return {tuple(value for _, value in point.series.tags)[1:]: point.fields["requests"] for point in mine}

        await until(lambda: ("/v1/sites", "GET", "2xx") in requests())
        await until(lambda: requests().get(("/v1/availability", "GET", "2xx")) == 3)
    gateways = {point.series.tags[0][1] for point in recorder.points if point.series.measurement == m.API}
    assert gateways == {"north"}
    assert not any(SHIRT_S in value for point in recorder.points for _, value in point.series.tags if "/v1" in value)


def test_a_server_that_cannot_be_used_stops_the_start(sqlite_url: str) -> None:
    values: dict[str, Any] = {"database_url": sqlite_url, "series_url": "influx:8086"}
    with pytest.raises(ConfigError, match="series_url: expected http"):
        Gateway(GatewayConfig(**values), sites=[SITE], source=MemorySource(MemoryBroker(), ManualClock()))
