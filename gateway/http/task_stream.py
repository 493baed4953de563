"""`GET /v1/tasks/stream` as server-sent events: a board, then what changes in it.

    event: task    a task that is new or is otherwise now, whole
    event: gone    {"id": ...}: nobody has to act on it any more
    event: ready   {"tasks": n}: all of them were said; from here on follow changes

There is no cursor: who comes back gets the board again. A client that takes nothing for `write_s` is cut off.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.answer import encode
from gateway.http.change_stream import ABORT, chunks
from gateway.http.event_stream import SSE
from gateway.http.limits import StreamLimits
from gateway.tasks.boards import Board, Boards

log = structlog.get_logger(__name__)

_HEARTBEAT: Final = b": here\n\n"


class _CutOffError(Exception):
    """The client took nothing for too long."""


def event(name: str, body: bytes) -> bytes:
    """Return a server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), body)


def changes(before: dict[str, bytes], now: dict[str, bytes]) -> Iterator[bytes]:
    """Yield the events that lead from one board to another."""
    for name, body in now.items():
        if before.get(name) != body:
            yield event("task", body)
    for name in before:
        if name not in now:
            yield event("gone", encode({"id": name}))


class TaskStream(Response):
    """An endless response; ends with the client, a slow client, its key, or the gateway."""

    media_type = SSE

    def __init__(
        self, boards: Boards, site: str, limits: StreamLimits, *, still: Callable[[], bool], closing: asyncio.Event
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._boards = boards
        self._site = site
        self._limits = limits
        self._still = still
        self._closing = closing
        self._gone = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until something ends it."""
        watcher = asyncio.create_task(self._watch(receive))
        try:
            async with self._boards.watch(self._site) as board:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await self._pump(board, scope, send)
        except _CutOffError:
            extension = scope.get("extensions", {}).get(ABORT)
            if extension is not None:
                extension["abort"]()
                await watcher  # the server has noticed that the connection is gone
            return
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def _pump(self, board: Board, scope: Scope, send: Send) -> None:
        now = asyncio.get_running_loop().time
        said: dict[str, bytes] = {}
        turn = 0
        await self._write(scope, send, b"retry: %d\n: open\n\n" % self._limits.retry_ms)
        beat_at = now() + self._limits.heartbeat_s
        while not (self._gone.is_set() or self._closing.is_set()):
            if not self._still():
                log.info("task_stream_ended", site=self._site, why="its key is not good any more")
                return
            if board.turn != turn:
                told, current = turn, board.rows
                turn = board.turn
                for chunk in chunks(changes(said, current), self._limits.chunk_bytes):
                    await self._write(scope, send, chunk)
                said = current
                if told == 0:
                    await self._write(scope, send, event("ready", encode({"tasks": len(current)})))
                beat_at = now() + self._limits.heartbeat_s
            elif now() >= beat_at:
                await self._write(scope, send, _HEARTBEAT)
                beat_at = now() + self._limits.heartbeat_s
            if board.turn == turn:
                await self._boards.moved(max(0.0, beat_at - now()), self._gone, self._closing)

    async def _write(self, scope: Scope, send: Send, chunk: bytes) -> None:
        try:
            async with asyncio.timeout(self._limits.write_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError as error:
            log.warning("slow_client_cut", client=scope.get("client"), site=self._site)
            raise _CutOffError from error
