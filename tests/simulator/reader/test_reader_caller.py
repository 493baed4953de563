"""Readers that call: the greeting comes by itself, from the reader's own address, again and again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.reader.caller import Caller
from simulator.reader.live_store import LiveStore
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.edge.llrp.certificates import believer, certificates
from tests.edge.llrp.store_reader import until
from tests.servers.mosquitto import free_port
from wire.llrp.codec import decode
from wire.llrp.framer import Framer

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

SITE = read_demo_site("main-street")
HOST = "127.0.0.1"


class Client:
    """What listens for readers: where they came from, and what they said first."""

    def __init__(self) -> None:
        self.port = 0
        self.sources: list[str] = []
        self.greetings: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def take(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.sources.append(writer.get_extra_info("peername")[0])
        framer = Framer()
        while data := await stream.read(4_096):
            for raw in framer.feed(data):
                attempt = decode(raw).find("ReaderEventNotificationData/ConnectionAttemptEvent")
                self.greetings.append("no" if attempt is None else str(attempt.number("Status")))


@asynccontextmanager
async def listening(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    client = Client()
    server = await asyncio.start_server(client.take, HOST, port, ssl=tls)
    client.port = server.sockets[0].getsockname()[1]
    try:
        yield client
    finally:
        server.close()
        for writer in client.writers:
            writer.transport.abort()
        await server.wait_closed()


async def test_it_calls_until_it_has_a_client_and_again_when_that_goes() -> None:
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as reader, listening() as client:
        async with Caller(reader, HOST, client.port, source="127.0.0.5", every_s=0.01) as caller:
            await until(lambda: client.greetings == ["0"])
            await asyncio.sleep(0.1)
            assert (client.sources, caller.calls) == (["127.0.0.5"], 1)
            client.writers[0].transport.abort()
            await until(lambda: client.greetings == ["0", "0"])
            await reader.unplug()
            await asyncio.sleep(0.1)
            assert caller.calls == 2, "nobody calls through a cable that is pulled out"
            await reader.plug()
            await until(lambda: client.greetings == ["0", "0", "0"])
        assert reader.connected, "who calls no more keeps the connection that there is"
        reader.drop()
        await asyncio.sleep(0.1)
        assert caller.calls == 3


async def test_nobody_there_and_somebody_else_there() -> None:
    made = certificates()
    port = free_port()
    async with (
        ReaderServer("R1", load_persona("impinj-r420-like")) as reader,
        Caller(reader, HOST, port, tls=believer(made.ca), every_s=0.01) as caller,
    ):
        await until(lambda: caller.failed >= 2)
        async with listening(port, made.stranger.server()) as other:
            failed = caller.failed
            await until(lambda: caller.failed >= failed + 2)
            assert (caller.calls, other.greetings) == (0, [])
        async with listening(port, made.edge.server()) as client:
            await until(lambda: client.greetings == ["0"])


async def test_a_live_store_lets_readers_call_that_the_site_file_listens_for() -> None:
    async with listening() as client:
        calling, *others = SITE.devices
        calling = replace(calling, address="127.0.0.11", options={"listen": client.port})
        site = replace(SITE, devices=(calling, *others))
        async with LiveStore(site, Store(SITE, "easy"), host=HOST) as live:
            await until(lambda: client.greetings == ["0"])
            assert client.sources == ["127.0.0.11"]
            assert live.site.devices[0] == calling, "it is found by the address from which it calls"
            assert live.site.devices[1].address == live.readers[others[0].id].address
