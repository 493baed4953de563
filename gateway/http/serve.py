"""Serves an application by uvicorn on a socket that is already bound, in the loop that is already running.

Ends within a second of `stop`, open streams included: their tail is closed first, they end by themselves, and what
still hangs on a dead client after `SHUTDOWN_ABORT_S` is cut. No signal handlers: the program that owns the loop owns
its signals.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.change_stream import ABORT
from gateway.http.limits import (
    BODY_S,
    CONNECTIONS_MAX,
    HEAD_MAX_BYTES,
    HEAD_S,
    SHUTDOWN_ABORT_S,
    SLOW_CHECK_S,
    UNREAD_MS,
)
from gateway.http.loopback import is_loopback
from gateway.http.problem import CONTENT_TYPE, OTHER, Problem
from gateway.http.security_headers import EVERY_ANSWER

BACKLOG: Final = 256
"""Connections that the kernel holds while the loop is busy with a fold."""


class NotLoopbackError(ValueError):
    """Until a key is made the gateway listens on this machine's own addresses only."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"address {host!r}: expected a loopback address (127.0.0.1 or ::1) while there are no keys; "
            "`lastunit keys create` makes one"
        )


def listen(host: str = "127.0.0.1", port: int = 0, *, keys_exist: bool = False) -> socket.socket:
    """Return a listening TCP socket; port 0 takes a free one, `getsockname()` tells which.

    Raises:
        NotLoopbackError: `host` is not a loopback address, and there are no keys.
        OSError: the port is taken.
    """
    if not (keys_exist or is_loopback(host)):
        raise NotLoopbackError(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off; head and body would wait 40 ms for each other.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the address to open in a browser."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class StartFailedError(RuntimeError):
    """The application could not start; its reason stands in the log of `uvicorn.error`."""

    def __init__(self) -> None:
        super().__init__("the HTTP application could not start: see the log above")


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on what a client sends, how long it takes for it, and a way to cut it."""

    _head_bytes = 0
    _in_head = True
    _looking: asyncio.TimerHandle | None = None
    _since_s: float | None = None
    """Since when the rest of a request is waited for; None while there is none to come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        _bound_unread(transport)
        self._since_s = self.loop.time()
        self._look_again()

    def _look_again(self) -> None:
        self._looking = self.loop.call_later(SLOW_CHECK_S, self._look)

    def _look(self) -> None:
        """Cut a client that is too slow with its request."""
        waited_s = 0.0 if self._since_s is None else self.loop.time() - self._since_s
        if waited_s <= (HEAD_S if self._in_head else BODY_S):
            self._look_again()
        elif self._in_head and (self.cycle is None or self.cycle.response_complete):
            self._refuse(408, f"The head was not complete within {HEAD_S:g} s")
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the head in what room is left for it: the parser itself would collect a header without an end for ever.

        A body may come in the same chunk; it is no part of the head, and bounded by who reads it.
        """
        if self._since_s is None and self._in_head:
            self._since_s = self.loop.time()
        while data and self._in_head and not self.transport.is_closing():
            room = HEAD_MAX_BYTES - self._head_bytes
            if not room:
                self.send_400_response("Request head too large")
                return
            piece, data = data[:room], data[room:]
            self._head_bytes += len(piece)
            super().data_received(piece)
        if data and not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._in_head, self._since_s = False, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes, self._since_s = True, 0, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as a problem too."""
        self._refuse(400, f"{msg.rstrip('.')}; the head may have up to {HEAD_MAX_BYTES} bytes")

    def _refuse(self, status: int, detail: str) -> None:
        """Answer before there is a request, and close."""
        if self.transport.is_closing():
            return
        body = Problem(OTHER, detail, status=status).encode()
        headers = {"content-type": CONTENT_TYPE, "content-length": str(len(body)), "connection": "close"} | EVERY_ANSWER
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(SHUTDOWN_ABORT_S, self.transport.abort)


def _bound_unread(transport: asyncio.Transport) -> None:
    """Have the kernel end a connection whose answer nobody takes; no thread or timer of ours waits for it."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    sock = transport.get_extra_info("socket")
    if option is not None and sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNREAD_MS)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with an event for "it accepts connections"."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:  # inside a task it would take the whole loop with it
            raise StartFailedError from error
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: FastAPI) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="on",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
        )
    )


async def serve(app: FastAPI, sock: socket.socket, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; closes `sock`.

    Raises:
        StartFailedError: the application could not start, such as without its database.
    """
    await _run(_server(app), app, sock, stop)


async def _run(server: _Server, app: FastAPI, sock: socket.socket, stop: asyncio.Event) -> None:
    serving_task = asyncio.create_task(server.serve(sockets=[sock]), name="http-server")
    stopping = asyncio.create_task(stop.wait(), name="http-stop")
    try:
        await asyncio.wait((serving_task, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        tail: Any = app.state.tail
        tail.close()
        server.should_exit = True
        try:
            await serving_task
        finally:
            sock.close()


@contextlib.asynccontextmanager
async def serving(app: FastAPI, sock: socket.socket) -> AsyncIterator[str]:
    """Serve inside a `with` block; yields the URL once the server accepts connections."""
    stop = asyncio.Event()
    server = _server(app)
    running = asyncio.create_task(_run(server, app, sock, stop), name="http")
    accepting = asyncio.create_task(server.accepting.wait(), name="http-accepting")
    try:
        await asyncio.wait((running, accepting), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            raise StartFailedError
        yield url_of(sock)
    finally:
        accepting.cancel()
        stop.set()
        await running
