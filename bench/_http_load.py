"""A client that costs little: bare HTTP/1.1 over kept-alive connections, the bytes of each request ready.

The generator shares two cores with the server. A convenient client would measure itself.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Answers:
    """What came back: how often each status, how long each took (seconds), and the wall time of all."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.wall_s if self.wall_s else 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method != "GET":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.head = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        end = head_end + 4 + length
        if len(self._buffer) < end:
            return
        status, body = int(head[9:12]), bytes(self._buffer[head_end + 4 : end])
        self.head = bytes(self._buffer[:head_end])
        del self._buffer[:end]
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, body))

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        assert self.transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return await self._waiting


async def connect(url: str) -> _Connection:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    _, protocol = await asyncio.get_running_loop().create_connection(_Connection, host, port)
    return protocol


async def ask_once(url: str, message: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send one request; return status, headers and body."""
    connection = await connect(url)
    try:
        status, body = await connection.ask(message)
        lines = connection.head.decode("latin-1").split("\r\n")[1:]
        return status, dict(line.split(": ", 1) for line in lines), body
    finally:
        assert connection.transport is not None
        connection.transport.close()


async def closed_loop(urls: Sequence[str], messages: Sequence[bytes], connections: int) -> Answers:
    """Send all messages over this many connections, each sending its next as soon as it is answered."""
    answers = Answers()
    todo: Iterator[bytes] = iter(messages)
    lines = [await connect(urls[number % len(urls)]) for number in range(connections)]

    async def drive(line: _Connection) -> None:
        for message in todo:
            began = time.perf_counter()
            status, _ = await line.ask(message)
            answers.seconds.append(time.perf_counter() - began)
            answers.statuses[status] = answers.statuses.get(status, 0) + 1

    began = time.perf_counter()
    await asyncio.gather(*(drive(line) for line in lines))
    answers.wall_s = time.perf_counter() - began
    for line in lines:
        assert line.transport is not None
        line.transport.close()
    return answers


async def open_loop(urls: Sequence[str], messages: Sequence[bytes], connections: int, rate: float) -> Answers:
    """Send messages at a rate, whatever the answers do; a message's time begins when it was due."""
    answers = Answers()
    lines = [await connect(urls[number % len(urls)]) for number in range(connections)]
    began = time.perf_counter()
    numbers = iter(range(len(messages)))

    async def drive(line: _Connection) -> None:
        for number in numbers:
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            status, _ = await line.ask(messages[number])
            answers.seconds.append(time.perf_counter() - due)
            answers.statuses[status] = answers.statuses.get(status, 0) + 1

    await asyncio.gather(*(drive(line) for line in lines))
    answers.wall_s = time.perf_counter() - began
    for line in lines:
        assert line.transport is not None
        line.transport.close()
    return answers
