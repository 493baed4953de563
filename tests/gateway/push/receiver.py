"""An HTTP receiver on loopback that a test scripts; it checks signatures by its own reading of the standard."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Answer = int | bytes
"""A status, or all the bytes of an answer."""


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def seq(self) -> int:
        return int(self.event["data"]["seq"])

    def is_signed_by(self, secret: str) -> bool:
        """Standard Webhooks 1.0.0, written down here a second time."""
        assert secret[:6] == "whsec_"
        key = base64.standard_b64decode(secret[6:])
        content = ".".join([self.id, self.headers["webhook-timestamp"], self.body.decode()]).encode()
        right = base64.standard_b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        given = [one.split(",", 1) for one in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(text, right) for version, text in given)


@dataclass(slots=True)
class Receiver:
    """Answers what `answers` says, one after the other, then `always`."""

    port: int = 0
    answers: deque[Answer] = field(default_factory=deque)
    always: Answer = 204
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    scheme: str = "http"
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def then(self, answers: Iterable[Answer]) -> None:
        self.answers.extend(answers)

    async def until(self, count: int, wait_s: float = 15.0) -> list[Got]:
        async with asyncio.timeout(wait_s):
            while len(self.got) < count:
                self._more.clear()
                await self._more.wait()
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while (line := (await reader.readline()).decode().rstrip()) != "":
                headers = {}
                while (text := (await reader.readline()).decode().rstrip()) != "":
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.got.append(Got(line, headers, body))
                answer = self.answers.popleft() if self.answers else self.always
                if isinstance(answer, int):
                    answer = b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % answer
                writer.write(answer)
                await writer.drain()
                self._more.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def close(self) -> None:
        for writer in list(self._writers):
            writer.close()
        while self._writers:  # noqa: ASYNC110 - their readers see the end
            await asyncio.sleep(0.001)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(scheme="http" if tls is None else "https")
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Return what a server of this name serves with, and the file of the authority that vouches for it."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} "
        f"-addext subjectAltName=DNS:{name} -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    return serving, cert
