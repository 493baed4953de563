"""`GET /v1/exceptions/stream` as server-sent events: the alarms of a site, then what changes in them.

    event: alarm   an alarm that is new or is otherwise now, whole
    event: gone    {"id": ...}: its cause is gone
    event: ready   {"alarms": n}: all of them were said; from here on follow changes

There is no cursor: who comes back gets all of them again. All else is as with tasks.
"""

import asyncio
from collections.abc import Iterator

import structlog
from starlette.types import Scope, Send

from gateway.http.answer import encode
from gateway.http.change_stream import chunks
from gateway.http.task_stream import TaskStream, event
from gateway.tasks.boards import Board

log = structlog.get_logger(__name__)

_HEARTBEAT = b": here\n\n"


def changes(before: dict[str, bytes], now: dict[str, bytes]) -> Iterator[bytes]:
    """Yield the events that lead from one board to another; the oldest alarms first, so that new ones come last."""
    for name in sorted(now):
        if before.get(name) != now[name]:
            yield event("alarm", now[name])
    for name in before:
        if name not in now:
            yield event("gone", encode({"id": name}))


class AlarmStream(TaskStream):
    """An endless response; ends with the client, a slow client, its key, or the gateway."""

    async def _pump(self, board: Board, scope: Scope, send: Send) -> None:
        now = asyncio.get_running_loop().time
        said: dict[str, bytes] = {}
        turn = 0
        await self._write(scope, send, b"retry: %d\n: open\n\n" % self._limits.retry_ms)
        beat_at = now() + self._limits.heartbeat_s
        while not (self._gone.is_set() or self._closing.is_set()):
            if not self._still():
                log.info("alarm_stream_ended", site=self._site, why="its key is not good any more")
                return
            if board.turn != turn:
                first, turn, current = turn == 0, board.turn, board.rows
                for chunk in chunks(changes(said, current), self._limits.chunk_bytes):
                    await self._write(scope, send, chunk)
                said = current
                if first:
                    await self._write(scope, send, event("ready", encode({"alarms": len(current)})))
                beat_at = now() + self._limits.heartbeat_s
            elif now() >= beat_at:
                await self._write(scope, send, _HEARTBEAT)
                beat_at = now() + self._limits.heartbeat_s
            if board.turn == turn:
                await self._boards.moved(max(0.0, beat_at - now()), self._gone, self._closing)
