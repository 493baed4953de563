"""A client that is slow on purpose holds a connection for a bounded time; an honest slow one is served."""

import asyncio
import socket

import pytest

from gateway.http import serve as serving_module
from gateway.http.security_headers import EVERY_ANSWER
from tests.gateway.http.conftest import Served, served_by
from tests.gateway.http.stores import two_stores

PATIENCE_S = 20


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of seconds in place of minutes."""
    monkeypatch.setattr(serving_module, "HEAD_S", 0.2)
    monkeypatch.setattr(serving_module, "BODY_S", 0.2)
    monkeypatch.setattr(serving_module, "SLOW_CHECK_S", 0.05)


async def said(served: Served, sent: bytes, then: bytes = b"") -> bytes:
    """Send some bytes, then one after the other of `then`; return all that is answered until the connection ends."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)

    async def drip() -> None:
        for byte in then:
            await asyncio.sleep(0.02)
            writer.write(bytes([byte]))

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("sent", "then"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b""),
        (b"GET /healthz HTTP/1.1\r\n", b"X-Slow: " + b"a" * 900),
    ],
    ids=["nothing", "an empty line", "half a head", "a byte now and then"],
)
async def test_a_head_that_does_not_end_is_refused(sent: bytes, then: bytes) -> None:
    async with served_by(two_stores()) as served:
        answer = await said(served, sent, then)
        if then and not answer:  # what was still being sent when the server closed resets the connection
            return
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"not complete within" in body
        for name in EVERY_ANSWER:
            assert name.lower().encode() in head.lower()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("announced", [b"content-length: 100", b"transfer-encoding: chunked"])
async def test_a_body_that_does_not_come_ends_the_connection(announced: bytes) -> None:
    head = b"POST /v1/availability:batch HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n"
    async with served_by(two_stores()) as served:
        assert await said(served, head + announced + b"\r\n\r\n") == b""


@pytest.mark.usefixtures("impatient")
async def test_the_second_request_of_a_connection_is_bounded_too_and_a_long_answer_is_not_cut() -> None:
    async with served_by(two_stores()) as served:
        whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await said(served, whole, b"GET /healthz HTTP/1.1\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 408" in answer
        waited = await served.http.get("/v1/changes", params={"wait_s": 1})  # five times what a head may take
        assert waited.status_code == 200


@pytest.mark.usefixtures("impatient")
async def test_a_pause_between_requests_is_no_slowness() -> None:
    async with served_by(two_stores()) as served:
        host, port = served.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            await asyncio.sleep(0.5)
        writer.close()


async def still_heard(client: socket.socket) -> bool:
    try:
        await asyncio.get_running_loop().sock_sendall(client, b"\r\n")
    except (ConnectionResetError, BrokenPipeError):
        return False
    return True


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not Linux")
async def test_the_kernel_ends_a_connection_whose_answer_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "UNREAD_MS", 500)
    async with served_by(two_stores()) as served:
        host, port = served.url.removeprefix("http://").split(":")
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)
            await loop.sock_connect(client, (host, int(port)))
            ask = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40
            await loop.sock_sendall(client, ask)
            async with asyncio.timeout(PATIENCE_S):
                while await still_heard(client):  # noqa: ASYNC110 - takes nothing; a socket has no event for its end
                    await asyncio.sleep(0.2)
