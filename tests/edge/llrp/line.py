"""A TCP line between a driver and its reader that a test can disturb: how bytes are cut, and messages put between.

Theory of operation. The line listens in the reader's place and opens one connection to the reader for each of the
driver's. Bytes go through message by message, so that what a test puts in stands at a message boundary; then they are
cut as `cut` says. Bytes of the driver go through as they are.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from wire.llrp.framer import Framer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Cut = Callable[[bytes], Iterator[bytes]]

TO_PEER_TURNS = 2
"""Turns of the loop after which the other end has read what was written."""


def whole(data: bytes) -> Iterator[bytes]:
    """Leave it as it is."""
    yield data


class Line:
    """One line. `glue_s`: what the reader says within so many seconds goes out in one write."""

    def __init__(self, reader_port: int, cut: Cut = whole, glue_s: float = 0.0) -> None:
        self.address = ""
        self.opened = 0
        self._reader_port = reader_port
        self.cut = cut
        self.glue_s = glue_s
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._carriers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._carriers:
            task.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        await self._server.wait_closed()

    def put(self, data: bytes) -> None:
        """Say something in the reader's place, between two of its messages."""
        self._out.put_nowait(data)

    async def _serve(self, from_driver: asyncio.StreamReader, to_driver: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._out = asyncio.Queue()
        task = asyncio.current_task()
        assert task is not None
        self._carriers.add(task)
        from_reader, to_reader = await asyncio.open_connection("127.0.0.1", self._reader_port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_copy(from_driver, to_reader))
                ways.create_task(self._listen(from_reader))
                ways.create_task(self._say(to_driver))
        except* (OSError, EOFError):
            pass
        finally:
            for end in (to_driver, to_reader):
                end.close()
            with suppress(OSError):
                await to_reader.wait_closed()
            self._carriers.discard(task)

    async def _listen(self, from_reader: asyncio.StreamReader) -> None:
        framer = Framer()
        while data := await from_reader.read(65_536):
            for raw in framer.feed(data):
                self._out.put_nowait(raw.to_bytes())
        raise EOFError

    async def _say(self, to_driver: asyncio.StreamWriter) -> None:
        while True:
            data = await self._out.get()
            if self.glue_s:
                await asyncio.sleep(self.glue_s)
                while not self._out.empty():
                    data += self._out.get_nowait()
            for piece in self.cut(data):
                to_driver.write(piece)
                for _ in range(TO_PEER_TURNS):
                    await asyncio.sleep(0)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
    raise EOFError
