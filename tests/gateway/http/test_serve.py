import asyncio

import httpx
import pytest

from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.serve import StartFailedError, listen, serve, serving, url_of
from tests.gateway.http.memory import MemoryGateway
from tests.gateway.http.sse import stream
from tests.gateway.http.stores import JACKET_L, MAIN
from tests.gateway.http.test_changes import small_socket
from tests.gateway.wait import until
from wire.site import OUT

PATIENT = StreamLimits(heartbeat_s=600, write_s=600)
"""Nothing but the shutdown itself ends a stream in these tests."""


async def test_a_stop_ends_open_streams_and_frees_the_port(gateway: MemoryGateway) -> None:
    sock = listen()
    url, port = url_of(sock), sock.getsockname()[1]
    stop = asyncio.Event()
    app = create_app(gateway, gateway.feed, stream_limits=PATIENT)
    serving_task = asyncio.create_task(serve(app, sock, stop=stop))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http, stream(http) as reader:
        await reader.block()
        stop.set()
        async with asyncio.timeout(20):
            await serving_task
            with pytest.raises(EOFError):
                await reader.block()
    listen("127.0.0.1", port).close()


async def test_a_stop_does_not_wait_for_a_client_that_takes_nothing(gateway: MemoryGateway) -> None:
    for _ in range(20_000):
        gateway.move(MAIN, JACKET_L, OUT, "BACK")
    app = create_app(gateway, gateway.feed, stream_limits=PATIENT)
    async with asyncio.timeout(60):
        async with serving(app, listen()) as url:
            client = await asyncio.to_thread(small_socket, url, "/v1/changes?cursor=0")
            await until(lambda: app.state.tail.open_streams)
            await asyncio.sleep(0.3)  # the buffers are full by now
        assert app.state.tail.open_streams == 0
        client.close()


async def test_a_stop_ends_a_waiting_long_poll_with_its_cursor(gateway: MemoryGateway) -> None:
    app = create_app(gateway, gateway.feed)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        async with serving(app, listen()) as url:
            asked = asyncio.create_task(http.get(f"{url}/v1/changes?cursor=0&wait_s=30"))
            await until(lambda: app.state.tail.open_streams)
        async with asyncio.timeout(20):
            answer = await asked
    assert (answer.status_code, answer.headers["next-cursor"]) == (200, "0")


async def test_a_start_that_fails_is_said(gateway: MemoryGateway) -> None:
    gateway.broken = OSError("disk gone")
    app = create_app(gateway, gateway.feed)
    sock = listen()
    with pytest.raises(StartFailedError):
        async with serving(app, sock):
            pytest.fail("served without a database")
    assert sock.fileno() == -1


async def test_two_servers_live_in_one_loop(gateway: MemoryGateway) -> None:
    first, second = (create_app(gateway, gateway.feed) for _ in range(2))
    async with (
        serving(first, listen()) as a,
        serving(second, listen()) as b,
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        assert a != b
        assert (await http.get(f"{a}/v1/sites")).content == (await http.get(f"{b}/v1/sites")).content


async def test_ipv6_loopback_is_served_where_there_is_one(gateway: MemoryGateway) -> None:
    try:
        sock = listen("::1")
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    async with (
        serving(create_app(gateway, gateway.feed), sock) as url,
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        assert url.startswith("http://[::1]:")
        assert (await http.get(f"{url}/v1/sites")).status_code == 200
