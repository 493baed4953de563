"""The HTTP server of an emulated reader: HTTP/1.1, requests with a length, answers in JSON, endless chunked streams."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

BODY_MAX_BYTES = 256 * 1024
"""A preset has a few KiB."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as an object; an empty one for anything else."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """A plain answer."""

    status: int
    body: Any = None


class Streaming:
    """An answer without an end; `live` runs as long as the client listens."""

    def __init__(self, live: Callable[[Streaming], Awaitable[None]]) -> None:
        self.live = live
        self.written = 0
        self._waiting = bytearray()
        self._writer: asyncio.StreamWriter | None = None

    def write(self, data: bytes) -> None:
        """Send a chunk, or keep it until the client listens."""
        self.written += 1
        chunk = b"%x\r\n%s\r\n" % (len(data), data)
        if self._writer is None:
            self._waiting += chunk
        elif not self._writer.is_closing():
            self._writer.write(chunk)

    def attach(self, writer: asyncio.StreamWriter) -> None:
        """Begin to send."""
        self._writer = writer
        writer.write(bytes(self._waiting))


class HttpServer:
    """Listens on 127.0.0.1, on the same port each time it starts."""

    def __init__(self, answer: Callable[[Request], Reply | Streaming], tls: ssl.SSLContext | None) -> None:
        self.port = 0
        self._answer = answer
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises `OSError`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody and close the port."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        clients = [*self._clients]
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        begin = await reader.readexactly(1)
        if not begin.isalpha():  # no HTTP: a client that speaks TLS to a plain port
            writer.write(b"HTTP/1.1 400 -\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return False
        request = await _read(begin, reader)
        answer = self._answer(request)
        if isinstance(answer, Streaming):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            answer.attach(writer)
            living = asyncio.ensure_future(answer.live(answer))
            gone = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait({living, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                living.cancel()
                gone.cancel()
                await asyncio.gather(living, gone, return_exceptions=True)
            return False
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        head = f"HTTP/1.1 {answer.status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head if answer.status != 204 else "HTTP/1.1 204 -\r\n\r\n").encode() + body)
        await writer.drain()
        return True


async def _read(begin: bytes, reader: asyncio.StreamReader) -> Request:
    line, *lines = (begin + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    headers = {}
    for one in lines:
        name, _, value = one.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if length > BODY_MAX_BYTES:
        raise ValueError(f"a body of {length} bytes: expected at most {BODY_MAX_BYTES}")
    return Request(method, path.partition("?")[0], headers, await reader.readexactly(length))
