"""Servers that answer as none should: nothing is lost, and nothing ends the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.series.influx import Sender
from gateway.series.influx_http import V1Sender, V2Sender
from gateway.series.sending import Verdict, verdict_of

HOSTILE = {
    "no_http": b"HELLO\r\n\r\n",
    "redirect_to_nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::bad/\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
    "latin_1_of_a_proxy": b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html; charset=latin-1\r\n"
    b"Content-Length: 7\r\n\r\nst\xf6rung",
    "not_gzip": b"HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "cut": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\nabc",
    "somebody_elses_page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "pause": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: nan\r\nContent-Length: 0\r\n\r\n",
}


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says this to everybody."""

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def sender_of(api: str, url: str) -> Sender:
    return V1Sender(url, "lastunit", "t0ken") if api == "v1" else V2Sender(url, "lastunit", "retail", "t0ken")


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_strange_answer_is_an_outage(api: str, answer: bytes) -> None:
    async with answering(answer) as url:
        sender = sender_of(api, url)
        told = await sender.send(b"floor,site=s shown=1i 1")
        await sender.close()
    assert verdict_of(told, 1) is Verdict.LATER
    assert "t0ken" not in told.text


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_what_is_taken_is_taken(api: str) -> None:
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as url:
        sender = sender_of(api, url)
        told = await sender.send(b"floor,site=s shown=1i 1")
        await sender.close()
    assert verdict_of(told, 1) is Verdict.TAKEN
