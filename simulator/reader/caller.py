"""A reader that calls its client, instead of waiting for it (LLRP 1.1 section 7.1: reader-initiated connections).

From the first byte on such a connection is like any other: the reader greets. When it ends, or does not come about, the
reader calls again after a pause. It calls nobody while it has a client, whoever of the two opened that connection, nor
while it is unplugged.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from simulator.reader.server import ReaderServer


class Caller:
    """Lets a reader call a client for as long as the context lasts.

    Args:
        reader: what the client gets to talk to. It listens, too.
        host, port: where the client listens.
        source: the reader's own address; any if empty.
        tls: TLS over it, the reader being TLS's client; None without.
        name: the name that the client's certificate must carry.
        every_s: pause between two calls, in real seconds.
    """

    def __init__(
        self,
        reader: ReaderServer,
        host: str,
        port: int,
        *,
        source: str = "",
        tls: ssl.SSLContext | None = None,
        name: str = "",
        every_s: float = 1.0,
    ) -> None:
        self.calls = 0
        """Connections that the client took, as far as TCP and TLS go."""
        self.failed = 0
        self._reader = reader
        self._host, self._port = host, port
        self._source = (source, 0) if source else None
        self._tls = tls
        self._name = name or host
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Call from now on."""
        self._task = asyncio.get_running_loop().create_task(self._call_on(), name=f"{self._reader.device_id} calls")

    async def stop(self) -> None:
        """Call no more. A connection that there is stays; `ReaderServer.drop` ends it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _call_on(self) -> None:
        while True:
            if self._reader.plugged and not self._reader.connected:
                await self._call()
            await asyncio.sleep(self._every_s)

    async def _call(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                self._reader.new_link,
                self._host,
                self._port,
                local_addr=self._source,
                ssl=self._tls,
                server_hostname=self._name if self._tls is not None else None,
            )
        except OSError:  # SSLError is one: the client is not there, or not who it should be
            self.failed += 1
        else:
            self.calls += 1
