"""The typed client against a served gateway, through a network that breaks off anywhere."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.rows import Change
from gateway.http.serve import listen, serving
from lastunit.client import (
    LINE_MAX_BYTES,
    CursorLostError,
    EventParser,
    ForbiddenError,
    InvalidRequestError,
    LastUnitClient,
    LastUnitError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
    UnreachableError,
    problem_of,
)
from tests.gateway.http.conftest import Served, served_by
from tests.gateway.http.memory import MemoryGateway
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38, two_stores
from tests.gateway.wait import until
from wire.site import OUT


@pytest.fixture
def gateway() -> MemoryGateway:
    return two_stores()


@pytest.fixture
async def served(gateway: MemoryGateway) -> AsyncIterator[Served]:
    async with served_by(gateway) as found:
        yield found


@pytest.fixture
async def client(served: Served) -> AsyncIterator[LastUnitClient]:
    async with LastUnitClient(served.url) as found:
        yield found


async def take(client: LastUnitClient, count: int, **asked: Any) -> list[Change]:
    """The next `count` changes."""
    found: list[Change] = []
    async with asyncio.timeout(60), aclosing(client.changes(**asked)) as changes:
        async for change in changes:
            found.append(change)
            if len(found) == count:
                break
    return found


async def test_every_answer_is_typed(gateway: MemoryGateway, client: LastUnitClient) -> None:
    row = await client.availability(JACKET_M, MAIN)
    assert (row.gtin, row.site, row.atp, row.on_hand, row.zones) == (
        JACKET_M,
        MAIN,
        3,
        4,
        {"BACK": 2, "FLOOR_A": 1, "FIT": 1},
    )
    assert [found.site for found in (await client.availability_everywhere(SHOE_38)).rows] == [OUTLET]
    assert [site.name for site in (await client.sites()).sites] == ["Main Street", "Outlet"]
    stock = await client.site_stock(MAIN)
    assert stock.styles[0].colours[0].cells[0].gtin == JACKET_M
    gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
    page = await client.movements(MAIN, limit=1)
    assert (page.rows[0].from_zone, page.rows[0].to_zone, page.next) == ("BACK", "FLOOR_A", 1)
    assert (await client.movements(MAIN, before=1, gtin=JACKET_M)).rows == []
    assert (await client.edges()).edges == []
    assert (await client.health()).status == "ok"


class Renamed(httpx.AsyncHTTPTransport):
    """What a page of another name does to a browser on this machine."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["host"] = "shop.example"
        return await super().handle_async_request(request)


async def test_refusals_carry_the_problem(served: Served, client: LastUnitClient) -> None:
    with pytest.raises(InvalidRequestError) as invalid:
        await client.availability("09506000134353", MAIN)
    assert (invalid.value.code, invalid.value.problem["expected"]) == ("invalid-gtin", "check digit 2")
    with pytest.raises(NotFoundError, match="unknown-site"):
        await client.site_stock("no where? & co #1")
    async with LastUnitClient(served.url, transport=Renamed()) as wrong:
        with pytest.raises(ForbiddenError, match="wrong-host"):
            await wrong.sites()
    served.gateway.broken = OSError("disk gone")
    with pytest.raises(UnavailableError):
        await client.health()


async def test_nobody_there_is_its_own_error() -> None:
    with listen() as sock:
        port = sock.getsockname()[1]
    async with LastUnitClient(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(UnreachableError, match=f":{port}/v1/sites: "):
            await client.sites()


async def test_changes_follow_the_stock(gateway: MemoryGateway, client: LastUnitClient) -> None:
    cursor = (await client.site_stock(MAIN)).cursor
    gateway.move(OUTLET, SHOE_38, "SHOP", "BACK")
    gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
    gateway.look(MAIN, "BACK", live=False)
    moved, blind = await take(client, 2, cursor=cursor, site=MAIN)
    assert (moved.kind, moved.gtin, moved.zones, moved.moves[0].to_zone) == (
        "stock",
        JACKET_M,
        {"BACK": 1, "FLOOR_A": 2, "FIT": 1},
        "FLOOR_A",
    )
    assert (blind.kind, blind.zone, blind.status) == ("zone", "BACK", "blind")


@asynccontextmanager
async def cutting_proxy(url: str, length: Callable[[], int]) -> AsyncIterator[str]:
    """A way to `url` that breaks off each connection after so many bytes of the answer."""
    parts = urlsplit(url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        back.write(await reader.readuntil(b"\r\n\r\n"))
        left = length()
        while left > 0 and (data := await there.read(min(left, 65_536))):
            left -= len(data)
            writer.write(data)
        await writer.drain()
        writer.transport.close()
        back.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("seed", range(3))
async def test_a_network_that_breaks_off_anywhere_loses_and_doubles_nothing(gateway: MemoryGateway, seed: int) -> None:
    rng = random.Random(seed)
    async with (
        served_by(gateway, StreamLimits(page_rows=7)) as served,
        cutting_proxy(served.url, lambda: rng.randrange(1, 20_000)) as way,
        LastUnitClient(way, rng=random.Random(seed)) as client,
    ):
        for _ in range(60):
            gateway.move(MAIN, JACKET_L, OUT, "BACK")
        reading = asyncio.create_task(take(client, 120, cursor=0))
        for _ in range(60):
            gateway.move(MAIN, JACKET_L, OUT, "BACK")
            await asyncio.sleep(0.002)
        seen = [change.seq for change in await reading]
    assert seen == list(range(1, 121))
    assert client.resumes > 0


async def test_from_now_on_stays_from_then_on_when_the_first_connection_breaks(gateway: MemoryGateway) -> None:
    """Without a cursor the stream names where it began: a break before the first change loses none."""
    lengths = iter([700])
    async with (
        served_by(gateway) as served,
        cutting_proxy(served.url, lambda: next(lengths, 1_000_000)) as way,
        LastUnitClient(way) as client,
    ):
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
        reading = asyncio.create_task(take(client, 2))
        await until(lambda: served.app.state.tail.open_streams)
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
        await until(lambda: client.resumes)
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
        seen = [change.seq for change in await reading]
    assert seen == [2, 3]


async def test_a_restarted_gateway_is_found_again(gateway: MemoryGateway) -> None:
    sock = listen()
    port = sock.getsockname()[1]
    first = serving(create_app(gateway, gateway.feed), sock)
    url = await first.__aenter__()
    async with LastUnitClient(url) as client:
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
        reading = asyncio.create_task(take(client, 3, cursor=0))
        await asyncio.sleep(0.1)
        await first.__aexit__(None, None, None)
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
        async with serving(create_app(gateway, gateway.feed), listen(port=port)):
            gateway.move(MAIN, JACKET_L, OUT, "BACK")
            assert [change.seq for change in await reading] == [1, 2, 3]


async def test_a_dead_cursor_ends_the_changes(gateway: MemoryGateway, client: LastUnitClient) -> None:
    for _ in range(5):
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
    with pytest.raises(CursorLostError, match="cursor-ahead"):
        await take(client, 1, cursor=6)
    gateway.prune(3)
    with pytest.raises(CursorLostError, match="cursor-gone"):
        async with served_by(gateway) as again, LastUnitClient(again.url) as other:
            await take(other, 1, cursor=1)


def answering(status: int, content_type: str, body: bytes) -> httpx.MockTransport:
    """Another server than a gateway."""
    return httpx.MockTransport(lambda _: httpx.Response(status, headers={"content-type": content_type}, content=body))


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", b"<html>router login</html>"),
        (200, "application/json", b'{"sites": 7}'),
        (404, "text/html", b"not found"),
        (404, "application/problem+json", b"[]"),
    ],
)
async def test_another_server_is_not_taken_for_a_gateway(status: int, content_type: str, body: bytes) -> None:
    async with LastUnitClient("http://other", transport=answering(status, content_type, body)) as client:
        with pytest.raises(ProtocolError):
            await client.sites()


def test_a_proxys_own_error_page_means_try_again() -> None:
    assert isinstance(problem_of(502, "text/html", b"<html>"), UnavailableError)
    assert isinstance(problem_of(418, "application/problem+json", b'{"code":"x"}'), LastUnitError)


TEXT = (
    b"retry: 250\nid: 3\n: open\n\n"
    b"id: 4\nevent: stock\ndata: {1}\n\n"
    b"id: 5\r\nevent: stock\r\ndata: a\r\ndata:b\r\n\r\n"
    b": beat\nid: 9\n\n"
    b"data: plain\n\n"
    b"id: 12\nevent: stock\ndata: cut off"
)
EXPECTED = [("4", "stock", b"{1}"), ("5", "stock", b"a\nb"), ("9", "message", b"plain")]


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_the_parser_does_not_care_where_chunks_break(cuts: list[int]) -> None:
    parser = EventParser()
    edges = [0, *sorted(cuts), len(TEXT)]
    found = [event for start, end in pairwise(edges) for event in parser.feed(TEXT[start:end])]
    assert found == EXPECTED
    assert parser.last_id == "9"  # 12 was cut off: it has to come again
    assert parser.retry_s == 0.25


@given(st.integers(0, len(TEXT)))
def test_an_id_counts_only_when_its_event_was_given(cut: int) -> None:
    parser = EventParser()
    given_ids = [event_id for event_id, _, _ in parser.feed(TEXT[:cut])]
    assert parser.last_id in {"", "3", "9"} | set(given_ids)
    assert parser.last_id not in {"4", "5"} or given_ids[-1] == parser.last_id


def test_a_line_without_end_is_refused() -> None:
    parser = EventParser()
    assert list(parser.feed(b"x" * LINE_MAX_BYTES)) == []
    with pytest.raises(ProtocolError, match="longer than"):
        list(parser.feed(b"x"))
