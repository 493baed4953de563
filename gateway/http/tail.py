"""The newest changes, kept in a ring for all streams of this process.

Theory of operation. One task follows the relay's news, reads the new rows and appends them to the ring. A stream owns
nothing but a cursor: it asks for what comes after it, writes that, and asks again. While its cursor is inside the ring
it is served from memory; when it is behind (a client that resumes, or one that reads slowly) it reads pages from the
database at its own pace. Nobody has a queue, so nothing grows with a slow reader, and there is one way to be served.
The relay gives `seq` after commit and without holes of visibility: a cursor never skips a row.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import structlog

from gateway.http.event_stream import Event, Reader
from gateway.http.limits import StreamLimits
from gateway.http.ports import ChangeFeed, ChangeRow, CursorAhead, CursorGone, Queries
from gateway.order_event import is_order
from gateway.push.rendering import Renderings

log = structlog.get_logger(__name__)

NEWS_WAIT_S = 1.0
"""How long one wait for news may take: a lost wake-up costs no more than this."""


NEWS_AHEAD_S = 0.02
"""Pause when the news came before the rows can be read: no busy loop against the database."""


class Tail:
    """Ring of changes, their renderings, the follower task, and the counters of all streams."""

    def __init__(
        self,
        queries: Queries,
        feed: ChangeFeed,
        limits: StreamLimits,
        heard: Callable[[Sequence[tuple[str, str]]], None] = lambda _: None,
    ) -> None:
        self.limits = limits
        self.renderings = Renderings()
        self._heard = heard
        self.closing = asyncio.Event()
        self.open_streams = 0
        self.slow_disconnects = 0
        self.refused_streams = 0
        self.read_errors = 0
        self._queries = queries
        self._feed = feed
        self._ring: deque[ChangeRow] = deque(maxlen=limits.ring_rows)
        self._start = 0
        self._last = 0
        self._moved = asyncio.Event()

    @property
    def last_seq(self) -> int:
        """The newest change in the ring."""
        return self._last

    def close(self) -> None:
        """End all streams and the follower."""
        self.closing.set()
        self.wake()

    def wake(self) -> None:
        """Let every waiting stream look again."""
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def begin(self) -> None:
        """Stand at the newest change; before the first request, so that "from now on" means now."""
        self._start = self._last = (await self._queries.health()).feed.last_seq

    async def follow(self) -> None:
        """Append new changes to the ring until `close`."""
        while not self.closing.is_set():
            try:
                if await self._news() > self._last:
                    page = await self._queries.changes(self._last, self.limits.page_rows)
                    self._heard([(row.site, row.gtin) for row in page.rows if row.gtin or not is_order(row.body)])
                    self._append(page.rows)
                    if not page.rows:
                        await asyncio.sleep(NEWS_AHEAD_S)
            except CursorAhead as error:
                self._restart(error.last_seq)
            except CursorGone as error:
                self._restart(error.first_kept - 1)
            except Exception as error:  # noqa: BLE001 - whatever the database says: counted, in /healthz, tried again
                self.read_errors += 1
                log.warning("changes_unreadable", after=self._last, error=repr(error))
                await asyncio.sleep(self.limits.poll_error_s)

    async def _news(self) -> int:
        """Wait for the newest sequence, or for `close`."""
        if self._feed.last_seq > self._last:
            return self._feed.last_seq
        waiting = asyncio.ensure_future(self._feed.wait(self._last, NEWS_WAIT_S))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait((waiting, closing), return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else self._last
        finally:
            waiting.cancel()
            closing.cancel()

    async def after(self, cursor: int, reader: Reader, limit: int) -> tuple[list[Event], int]:
        """Return up to `limit` events after `cursor` that the reader takes, and the cursor that they lead to.

        A page of changes that are not for the reader is empty, and its cursor behind `last_seq`: read on.

        Raises:
            CursorGone: the rows after it were pruned.
            CursorAhead: nobody gave out this cursor.
        """
        if self._start <= cursor <= self._last:
            return self._from_ring(cursor, reader, limit)
        certain = self._last  # relayed before the query began, so that its answer holds every row up to here
        only = next(iter(reader.sites)) if reader.sites is not None and len(reader.sites) == 1 else None
        size = max(limit, self.limits.page_rows) if only is None and reader.passes_over else limit
        rows = (await self._queries.changes(cursor, size, only)).rows
        events = _taken(reader, rows, limit)
        if len(events) == limit:
            return events, events[-1].seq
        if len(rows) == size:
            return events, rows[-1].seq
        return events, max(cursor, certain, rows[-1].seq if rows else 0)

    async def wait(self, cursor: int, timeout_s: float) -> None:
        """Return when there is something after `cursor`, at the latest after `timeout_s`, or when closing."""
        if self._last > cursor or self.closing.is_set():
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._moved.wait()
        except TimeoutError:
            return

    def _from_ring(self, cursor: int, reader: Reader, limit: int) -> tuple[list[Event], int]:
        events = _taken(reader, self._newer(cursor), limit)
        return events, events[-1].seq if len(events) == limit else self._last

    def _newer(self, cursor: int) -> Sequence[ChangeRow]:
        """Changes of the ring after `cursor`: counted from the right, where a live stream stands."""
        newer: list[ChangeRow] = []
        for row in reversed(self._ring):
            if row.seq <= cursor:
                break
            newer.append(row)
        newer.reverse()
        return newer

    def _append(self, rows: Sequence[ChangeRow]) -> None:
        if not rows:
            return
        for row in rows:
            if len(self._ring) == self._ring.maxlen:
                self._start = self._ring[0].seq
            self._ring.append(row)
        self._last = rows[-1].seq
        self.wake()

    def _restart(self, last_seq: int) -> None:
        """Begin anew: the database was replaced by one with fewer changes, or this process slept too long."""
        log.warning("change_feed_restarted", was=self._last, now=last_seq)
        self._ring.clear()
        self._start = self._last = last_seq
        self.wake()


def _taken(reader: Reader, rows: Sequence[ChangeRow], limit: int) -> list[Event]:
    """Return the first `limit` events that the reader takes; what follows them is not shown to it."""
    taken = (event for event in map(reader.take, rows) if event is not None)
    return list(islice(taken, limit))
