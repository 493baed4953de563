import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from gateway.availability import Policy
from gateway.http.app import create_app
from gateway.http.change_stream import chunks
from gateway.http.event_stream import Event, event_of
from gateway.http.limits import StreamLimits
from gateway.http.ports import ChangeRow
from gateway.http.serve import listen, serving
from gateway.push.rendering import render, view_of
from tests.gateway.http.conftest import Served, served_by
from tests.gateway.http.memory import MemoryFeed, MemoryGateway
from tests.gateway.http.problems import problem
from tests.gateway.http.sse import SSE, stream
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38
from tests.gateway.wait import until
from wire.site import OUT


def arrivals(gateway: MemoryGateway, count: int, site: str = MAIN) -> list[int]:
    return [gateway.move(site, JACKET_L if site == MAIN else SHOE_38, OUT, "BACK") for _ in range(count)]


async def test_a_stream_begins_now_and_carries_each_change(served: Served) -> None:
    arrivals(served.gateway, 3)
    async with stream(served.http) as reader:
        assert await reader.block() == {"retry": "1000", "id": "3", "": "open"}
        served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A", serial="4711")
        seq, change = await reader.event()
    assert seq == change["seq"] == 4
    assert (change["site"], change["gtin"], change["on_hand"], change["atp"]) == (MAIN, JACKET_M, 4, 3)
    assert change["zones"] == {"BACK": 1, "FLOOR_A": 2, "FIT": 1}
    (move,) = change["moves"]
    assert (move["from"], move["to"]) == ("BACK", "FLOOR_A")
    assert "serial" not in move


async def test_resuming_by_last_event_id_loses_and_doubles_nothing(served: Served) -> None:
    """Cut at every place: what one connection did not give, the next one does, also what happened in between."""
    arrivals(served.gateway, 5)
    seen: list[int] = []
    last = "0"
    for cut in (1, 2, 3, 4):
        async with stream(served.http, **{"Last-Event-ID": last}) as reader:
            seen += await reader.events(cut)
        last = str(seen[-1])
        arrivals(served.gateway, 2)
    async with stream(served.http, **{"Last-Event-ID": last}) as reader:
        seen += await reader.events(served.gateway.feed.last_seq - seen[-1])
    assert seen == list(range(1, served.gateway.feed.last_seq + 1))


async def test_the_last_event_id_wins_over_the_cursor_of_the_address(served: Served) -> None:
    """A browser connects again with the address it began with."""
    arrivals(served.gateway, 5)
    async with stream(served.http, "/v1/changes?cursor=1", **{"Last-Event-ID": "3"}) as reader:
        assert await reader.events(2) == [4, 5]


async def test_a_stream_runs_from_the_database_into_the_ring_without_a_seam(gateway: MemoryGateway) -> None:
    limits = StreamLimits(ring_rows=8, page_rows=3, chunk_bytes=600)
    async with served_by(gateway, limits) as served:
        arrivals(gateway, 50)
        async with stream(served.http, "/v1/changes?cursor=0") as reader:
            seen = await reader.events(30)
            arrivals(gateway, 30)
            seen += await reader.events(50)
    assert seen == list(range(1, 81))


async def test_many_readers_see_the_same_while_changes_arrive(served: Served) -> None:
    async def read() -> list[int]:
        async with stream(served.http, "/v1/changes?cursor=0") as reader:
            return await reader.events(200)

    async def write() -> None:
        for _ in range(40):
            arrivals(served.gateway, 5)
            await asyncio.sleep(0.001)

    *seen, _ = await asyncio.gather(*(read() for _ in range(8)), write())
    assert seen == [list(range(1, 201))] * 8


async def test_a_stream_of_one_site_leaves_the_others_out_and_resumes_past_them(gateway: MemoryGateway) -> None:
    async with (
        served_by(gateway, StreamLimits(heartbeat_s=0.05)) as served,
        stream(served.http, f"/v1/changes?site={OUTLET}&cursor=0") as reader,
    ):
        arrivals(gateway, 3, MAIN)
        arrivals(gateway, 1, OUTLET)
        arrivals(gateway, 2, MAIN)
        seq, change = await reader.event()
        assert (seq, change["site"]) == (4, OUTLET)
        while (block := await reader.block()).get("") != "beat" or block["id"] != "6":
            assert "data" not in block


async def test_a_heartbeat_comes_while_nothing_happens(gateway: MemoryGateway) -> None:
    async with served_by(gateway, StreamLimits(heartbeat_s=0.02)) as served, stream(served.http) as reader:
        assert (await reader.block())[""] == "open"
        assert await reader.block() == {"id": "0", "": "beat"}
        assert await reader.block() == {"id": "0", "": "beat"}
        arrivals(gateway, 1)
        assert (await reader.event())[0] == 1


async def test_a_zone_that_goes_blind_is_an_event_of_its_own(served: Served) -> None:
    async with stream(served.http, "/v1/changes?cursor=0") as reader:
        served.gateway.look(MAIN, "BACK", live=False)
        _, change = await reader.event()
    assert (change["kind"], change["zone"], change["status"]) == ("zone", "BACK", "blind")


async def test_a_dead_cursor_is_gone_for_streams_and_polls(served: Served) -> None:
    arrivals(served.gateway, 10)
    async with stream(served.http) as reader:  # the tail has the ring up to 10
        await reader.block()
    served.gateway.prune(6)
    async with served_by(served.gateway) as again:
        for headers in (SSE, {}):
            gone = problem(await again.http.get("/v1/changes?cursor=3", headers=headers), "cursor-gone")
            assert (gone["value"], gone["expected"]) == (3, "at least 6")
            ahead = problem(await again.http.get("/v1/changes?cursor=11", headers=headers), "cursor-ahead")
            assert (ahead["value"], ahead["expected"]) == (11, "at most 10")
        async with stream(again.http, "/v1/changes?cursor=6") as reader:
            assert await reader.events(4) == [7, 8, 9, 10]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "²", "9" * 19])
async def test_a_last_event_id_that_is_no_cursor_is_refused(served: Served, last: str) -> None:
    answer = await served.http.get(
        "/v1/changes", headers={b"Accept": SSE["Accept"].encode(), b"Last-Event-ID": last.encode()}
    )
    problem(answer, "cursor-ahead" if last.isascii() and last.isdigit() and int(last) < 2**63 else "invalid-parameter")


async def test_a_long_poll_pages_through_everything(served: Served) -> None:
    arrivals(served.gateway, 7)
    seen: list[int] = []
    cursor = "0"
    for _ in range(3):
        answer = await served.http.get("/v1/changes", params={"cursor": cursor, "limit": 3})
        assert answer.headers["content-type"] == "application/x-ndjson"
        seen += [msgspec.json.decode(line)["seq"] for line in answer.text.splitlines()]
        cursor = answer.headers["next-cursor"]
    assert (seen, cursor) == ([1, 2, 3, 4, 5, 6, 7], "7")
    empty = await served.http.get("/v1/changes", params={"cursor": cursor})
    assert (empty.status_code, empty.text, empty.headers["next-cursor"]) == (200, "", "7")


async def test_a_long_poll_waits_for_the_first_row(served: Served) -> None:
    asked = asyncio.create_task(served.http.get("/v1/changes", params={"cursor": 0, "wait_s": 15}))
    await until(lambda: served.app.state.tail.open_streams)
    arrivals(served.gateway, 1)
    async with asyncio.timeout(10):
        answer = await asked
    assert msgspec.json.decode(answer.text.strip())["seq"] == 1


async def test_a_poll_of_one_site_passes_the_others_changes(served: Served) -> None:
    arrivals(served.gateway, 3, MAIN)
    answer = await served.http.get("/v1/changes", params={"cursor": 0, "site": OUTLET, "wait_s": 0.05})
    async with stream(served.http) as reader:
        assert (await reader.block())["id"] == "3"
    again = await served.http.get("/v1/changes", params={"cursor": answer.headers["next-cursor"], "site": OUTLET})
    assert (answer.text, again.text, again.headers["next-cursor"]) == ("", "", "3")
    problem(await served.http.get("/v1/changes", params={"site": "nowhere"}), "unknown-site")


async def test_a_poll_of_one_site_passes_the_others_changes_in_the_database_too(gateway: MemoryGateway) -> None:
    async with served_by(gateway, StreamLimits(ring_rows=2)) as served:
        arrivals(gateway, 9, MAIN)
        await until(lambda: served.app.state.tail.last_seq == 9)
        answer = await served.http.get("/v1/changes", params={"cursor": 0, "site": OUTLET})
    assert (answer.text, answer.headers["next-cursor"]) == ("", "9")


async def test_now_is_the_databases_now_also_before_any_news_came(gateway: MemoryGateway) -> None:
    """A process that was started a moment ago has heard nothing of the five changes that are there."""
    arrivals(gateway, 5)
    app = create_app(gateway, MemoryFeed())
    async with (
        serving(app, listen()) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http,
        stream(http) as reader,
    ):
        assert (await reader.block())["id"] == "5"


async def test_one_stream_too_many_is_refused_and_a_place_is_freed(gateway: MemoryGateway) -> None:
    async with served_by(gateway, StreamLimits(streams=2)) as served:
        async with stream(served.http) as first, stream(served.http) as second:
            await first.block()
            await second.block()
            refused = await served.http.get("/v1/changes", headers=SSE)
            problem(refused, "too-many-streams")
            assert refused.headers["retry-after"] == "5"
        await until(lambda: not served.app.state.tail.open_streams)
        async with stream(served.http) as third:
            await third.block()
        assert (await served.http.get("/healthz")).json()["streams"]["refused"] == 1


def small_socket(url: str, request: str) -> socket.socket:
    """A client that asks and then reads nothing; the kernel holds little for it."""
    parts = urlsplit(url)
    assert parts.port is not None
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {request} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
    return client


async def test_a_client_that_takes_nothing_is_cut_and_resumes_by_its_cursor(
    gateway: MemoryGateway, caplog: pytest.LogCaptureFixture
) -> None:
    arrivals(gateway, 20_000)
    async with served_by(gateway, StreamLimits(write_s=0.2)) as served:
        tail = served.app.state.tail
        client = await asyncio.to_thread(small_socket, served.url, "/v1/changes?cursor=0")
        with client:
            await until(lambda: tail.slow_disconnects and not tail.open_streams, 60)
            received = await asyncio.to_thread(drained, client)
        assert not [
            record for record in caplog.records if record.name == "uvicorn.error" and record.levelname == "ERROR"
        ]
        ids = [int(line[4:]) for line in received.split(b"\n") if line.startswith(b"id: ")]
        whole = ids[:-1]  # the last event may be cut
        assert whole[1:] == list(range(1, len(whole)))
        assert len(whole) < 20_000
        assert (await served.http.get("/healthz")).json()["streams"]["slow_disconnects"] == 1
        async with stream(served.http, **{"Last-Event-ID": str(whole[-1])}) as reader:
            rest = await reader.events(20_000 - whole[-1])
        assert rest == list(range(whole[-1] + 1, 20_001))


def drained(client: socket.socket) -> bytes:
    """Whatever the kernel still has for this client, up to the reset."""
    parts: list[bytes] = []
    client.settimeout(10)
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        return b"".join(parts)
    return b"".join(parts)


async def test_a_failed_read_is_counted_and_the_stream_goes_on(gateway: MemoryGateway) -> None:
    async with served_by(gateway, StreamLimits(poll_error_s=0.01)) as served, stream(served.http) as reader:
        await reader.block()
        gateway.broken = OSError("disk gone")
        arrivals(gateway, 2)
        await until(lambda: served.app.state.tail.read_errors)
        gateway.broken = None
        assert await reader.events(2) == [1, 2]
        health = (await served.http.get("/healthz")).json()
        assert health["streams"]["read_errors"] > 0
        assert health["status"] == "degraded"


async def test_a_client_that_leaves_frees_its_place(served: Served) -> None:
    async with stream(served.http) as reader:
        await reader.block()
        assert served.app.state.tail.open_streams == 1
    await until(lambda: not served.app.state.tail.open_streams)


def written(seq: int, body: bytes) -> Event:
    return event_of(render(ChangeRow(seq, MAIN, "", body), view_of(Policy(), moves=True)))


def test_serials_are_taken_out_wherever_they_stand() -> None:
    body = b'{"seq":1,"kind":"stock","moves":[{"serial":"7","from":"A","to":"B"},{"serial":"8","from":"A","to":"B"}]}'
    event = written(1, body)
    assert event.sse.startswith(b"id: 1\nevent: stock\n")
    assert msgspec.json.decode(event.line)["moves"] == [{"from": "A", "to": "B"}] * 2


def test_a_line_break_in_a_text_cannot_end_an_event() -> None:
    body = msgspec.json.encode({"seq": 1, "kind": "stock", "reason": "a\n\ndata: forged\r\n"})
    event = written(1, body)
    assert event.sse.count(b"\n") == 4
    assert b"\r" not in event.sse
    assert event.line.count(b"\n") == 1


def test_chunks_never_split_an_event() -> None:
    events = [written(seq, b'{"kind":"zone"}').sse for seq in range(1, 30)]
    size = len(events[0])
    found = list(chunks(events, size * 4))
    assert b"".join(found) == b"".join(events)
    assert all(part.endswith(b"\n\n") and len(part) <= size * 4 + 4 for part in found)
    assert list(chunks(events[:1], 1)) == events[:1]


async def test_a_stream_without_the_other_end_answering_is_http_1_1_chunked(served: Served) -> None:
    async with stream(served.http) as reader:
        headers = reader.response.headers
        assert headers["transfer-encoding"] == "chunked"
        assert headers["cache-control"] == "no-store"
        assert "content-length" not in headers
