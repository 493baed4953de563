"""A client of the event stream that notes when it was told, and joins that with the truth.

The stream shows no serials (they name a garment's place, which is for staff), so the events are joined by `seq` with
the gateway's own change rows, which have them. Joining waits a few seconds behind the clock: the three logs come
from different tasks, and have to be merged in the order of time.
"""

import heapq
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import count
from typing import Final

import msgspec

from gateway.queries import Queries
from gateway.stock_event import Move
from lastunit.client import LastUnitClient
from lastunit.demo.latency import ItemKey, LatencyMeter

BEHIND_US: Final = 5_000_000
"""What happened less than this ago may still be overtaken by an older event of another log."""
PAGE: Final = 500


class _Body(msgspec.Struct):
    site: str
    gtin: str = ""
    moves: list[Move] = []


class StreamWatcher:
    """Collects the three logs; `join` feeds a `LatencyMeter` in the order of time."""

    def __init__(self, wall_us: Callable[[], int]) -> None:
        self.meter = LatencyMeter()
        self.events = 0
        self._wall_us = wall_us
        self._told_us: dict[int, int] = {}
        self._joined_seq = 0
        self._order = count()
        self._log: list[tuple[int, int, Callable[[], None]]] = []

    def went(self, item: ItemKey, zone: str, at_us: int) -> None:
        """The item really is in `zone` since `at_us`."""
        self._note(at_us, partial(self.meter.went, item, zone))

    def reported(self, item: ItemKey, zone: str, at_us: int) -> None:
        """A reader sent a report about the item, from an antenna of `zone`."""
        self._note(at_us, partial(self.meter.reported, item, zone, at_us))

    async def watch(self, client: LastUnitClient) -> None:
        """Follow the event stream from its beginning until cancelled."""
        async for change in client.changes(cursor=0):
            self._told_us[change.seq] = self._wall_us()
            self.events += 1

    async def join(self, queries: Queries, *, everything: bool = False) -> None:
        """Take what the client was told since the last call, and replay what is old enough."""
        while self._told_us and await self._take_page(queries):
            pass
        until_us = self._wall_us() - (0 if everything else BEHIND_US)
        while self._log and self._log[0][0] <= until_us:
            heapq.heappop(self._log)[2]()

    async def _take_page(self, queries: Queries) -> bool:
        """Take the next changes that the client was told of, in order; False when there is no further one."""
        page = await queries.changes(self._joined_seq, PAGE)
        for row in page.rows:
            told_us = self._told_us.pop(row.seq, None)
            if told_us is None:
                return False
            self._joined_seq = row.seq
            self._shown(msgspec.json.decode(row.body, type=_Body), told_us)
        return bool(page.rows)

    def _shown(self, body: _Body, told_us: int) -> None:
        for move in body.moves:
            item, decided_us = (body.site, body.gtin, move.serial), _micros(move.decided_at)
            self._note(told_us, partial(self.meter.shown, item, move.to_zone, decided_us, told_us))

    def _note(self, at_us: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._log, (at_us, next(self._order), event))


def _micros(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp() * 1_000_000)
