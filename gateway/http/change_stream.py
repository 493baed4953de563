"""`GET /v1/changes` as a stream of server-sent events: one response, its cursor, its deadline for each write.

A client that takes nothing for `write_s` is cut off and counted: it comes back with its last event id and misses
nothing. Between two writes a stream holds one page of shared events and no queue of its own.
"""

import asyncio
from collections.abc import Iterable, Iterator

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.event_stream import SSE, Reader, heartbeat, opening
from gateway.http.ports import CursorAhead, CursorGone
from gateway.http.tail import Tail

log = structlog.get_logger(__name__)

ABORT: str = "lastunit.abort"
"""ASGI extension of our server adapter: its `abort` cuts the connection without flushing it."""


class _CutOffError(Exception):
    """The client took nothing for too long."""


def chunks(written: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Join written events into writes of about `size_bytes`; an event is never split."""
    held: list[bytes] = []
    held_bytes = 0
    for event in written:
        if held and held_bytes + len(event) > size_bytes:
            yield b"".join(held)
            held, held_bytes = [], 0
        held.append(event)
        held_bytes += len(event)
    if held:
        yield b"".join(held)


class ChangeStream(Response):
    """An endless response; ends with the client, a slow client, its key, the cursor's end of life, or the gateway.

    Whether the reader's key is still good is asked at every write and heartbeat.
    """

    media_type = SSE

    def __init__(self, tail: Tail, cursor: int, reader: Reader) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._tail = tail
        self._cursor = cursor
        self._reader = reader
        self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until something ends it."""
        self._tail.open_streams += 1
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._pump(scope, send)
        except _CutOffError:
            if self._abort(scope):
                await watcher  # the server has noticed that the connection is gone
            return
        finally:
            self._tail.open_streams -= 1
            watcher.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._tail.wake()

    async def _pump(self, scope: Scope, send: Send) -> None:
        limits = self._tail.limits
        now = asyncio.get_running_loop().time
        await self._write(scope, send, opening(limits.retry_ms, self._cursor))
        beat_at = now() + limits.heartbeat_s
        while not (self._gone or self._tail.closing.is_set()):
            if not self._reader.still():
                log.info("stream_ended", cursor=self._cursor, why="its key is not good any more")
                return
            try:
                events, self._cursor = await self._tail.after(self._cursor, self._reader, limits.page_rows)
            except (CursorGone, CursorAhead) as error:
                log.info("stream_ended", cursor=self._cursor, why=str(error))
                return
            for chunk in chunks([event.sse for event in events], limits.chunk_bytes):
                await self._write(scope, send, chunk)
            if not events and now() >= beat_at:
                await self._write(scope, send, heartbeat(self._cursor))
            if events or now() >= beat_at:
                beat_at = now() + limits.heartbeat_s
            await self._tail.wait(self._cursor, max(0.0, beat_at - now()))

    def _abort(self, scope: Scope) -> bool:
        """Cut the connection without flushing it, where the server can."""
        extension = scope.get("extensions", {}).get(ABORT)
        if extension is not None:
            extension["abort"]()
        return extension is not None

    async def _write(self, scope: Scope, send: Send, chunk: bytes) -> None:
        try:
            async with asyncio.timeout(self._tail.limits.write_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError as error:
            self._tail.slow_disconnects += 1
            log.warning("slow_client_cut", client=scope.get("client"), cursor=self._cursor)
            raise _CutOffError from error
