import socket

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.http.gate import Gate
from gateway.http.loopback import is_local_name, is_loopback
from gateway.http.serve import NotLoopbackError, listen
from tests.gateway.http.conftest import Served
from tests.gateway.http.problems import problem


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1", "169.254.1.1", "localhost", "", "127.0.0.1.evil.example"],
)
def test_other_addresses(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]:8000", "[::1]"])
def test_hosts_of_this_machine(host: str) -> None:
    assert is_local_name(host)


@pytest.mark.parametrize(
    "host", ["shop.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "10.0.0.1:80"]
)
async def test_a_rebound_name_is_refused(served: Served, host: str) -> None:
    refused = problem(await served.http.get("/v1/sites", headers={"Host": host}), "wrong-host")
    assert repr(host) in refused["detail"]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_a_proxy_is_refused(served: Served, header: str) -> None:
    problem(await served.http.get("/v1/sites", headers={header: "127.0.0.1"}), "loopback-only")


async def test_localhost_is_served(served: Served) -> None:
    assert (await served.http.get("/v1/sites", headers={"Host": "localhost:8000"})).status_code == 200


async def reached(client: tuple[str, int] | None, headers: list[tuple[bytes, bytes]]) -> int:
    """The status that a request with this client address gets from the middleware alone; 200: it was let through."""
    sent: list[Message] = []

    async def inner(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "client": client, "headers": headers}
    await Gate(inner)(scope, receive, send)
    status: int = sent[0]["status"]
    return status


async def test_another_machine_is_refused_whatever_it_says() -> None:
    local = (b"host", b"localhost")
    assert await reached(("127.0.0.1", 5), [local]) == 200
    assert await reached(("::1", 5), [local]) == 200
    assert await reached(("192.168.1.7", 5), [local]) == 403
    assert await reached(None, [local]) == 403
    assert await reached(("127.0.0.1", 5), []) == 421
    assert await reached(("127.0.0.1", 5), [local, (b"host", b"evil.example")]) == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "shop.example"])
def test_nothing_but_loopback_is_bound(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="loopback"):
        listen(host)


def test_a_taken_port_is_said_and_leaves_nothing_open() -> None:
    with listen() as first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: Address already in use"):
            listen("127.0.0.1", port)


async def test_a_real_connection_from_another_address_of_this_machine_is_refused_by_the_kernel(served: Served) -> None:
    """The socket is bound to loopback: an outside address of the same machine does not reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            outside = "192.0.2.1"
        else:
            outside = probe.getsockname()[0]
    port = httpx.URL(served.url).port
    with pytest.raises(httpx.TransportError):
        await served.http.get(f"http://{outside}:{port}/v1/sites", timeout=2)
