"""Stock retained on the broker: `lastunit/1/{site}/stock/{channel}/{gtin}` holds each channel's newest event of a SKU.

A screen or a till subscribes and has at once what is so now, and every change after it, from its own broker.

Theory of operation. One process (lease `mqtt`) follows the relayed changes by a cursor of its own, the row `mqtt` of
`feed`, and moves it when the broker has taken what lies before it. Of a page of changes only the newest of each SKU is
published, so that a topic appears once among those under way: a retained topic is a state, not a history. What was
published and not written comes again after a crash; `version` tells.

A broker may lose what it retained (no persistence, a new disk), and nobody says so. Therefore everything is published
once more from the rows themselves when the lease was taken, after every new connection to the broker, and, for one
channel, when it is new or its policy changed. This runs page by page between the changes, so they are never late by
more than a page. The same happens to the SKUs of a zone that goes blind or is looked at again: their status changed.

A row that is read for this may be newer than the cursor, never older, and its change follows.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.clock import Clock
from gateway.http.ports import ChangeFeed, ChangePage, ChangeRow, CursorAhead, CursorGone, StockRow
from gateway.limits import LEASE_TTL_S, TICK_S
from gateway.order_event import is_order
from gateway.push.limits import (
    IN_FLIGHT,
    POLL_S,
    REPUBLISH_MIN_S,
    RETAINED_PAGE_ROWS,
    RETAINED_RETRY_CAP_S,
    RETAINED_RETRY_S,
)
from gateway.push.publisher import Publisher
from gateway.push.rendering import Renderings, view_of
from gateway.push.webhook_store import policies_of
from gateway.relay import last_seq
from gateway.rounds import pause
from gateway.stock_event import STOCK
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.schema import feed, site
from gateway.storage.statement import insert_into
from wire.errors import TopicError
from wire.topics import stock_topic

_log: Final = structlog.get_logger("gateway.retained")

FEED: Final = "mqtt"
LEASE: Final = "mqtt"
REPUBLISHED: Final = "republished"


class StockPages(Protocol):
    """Reads changes and rows: `gateway.queries.Queries`."""

    async def changes(self, after_seq: int, limit: int = 500, site: str | None = None) -> ChangePage:
        """Return changes after a cursor. Raises `CursorGone` and `CursorAhead`."""
        ...

    async def site_stock(
        self, site: str, *, after_gtin: str = "", limit: int = 1_000, style: str | None = None
    ) -> list[StockRow]:
        """Return a site's SKUs after a GTIN, in order."""
        ...


@dataclass(slots=True)
class RetainedFigures:
    """What was retained by this process."""

    retained_published: int = 0
    retained_failed: int = 0
    retained_skipped: int = 0
    """Of channels whose name cannot stand in a topic."""
    retained_republications: int = 0
    retained_fenced: int = 0
    retained_read_errors: int = 0


class Round(NamedTuple):
    """A part of a republication: the rows of a site after a GTIN, for these channels, of one zone or all (empty)."""

    site: str
    after_gtin: str
    channels: tuple[str, ...]
    zone: str


class RetainedStock:
    """Publishes stock while this process holds the lease. `publisher` is the gateway's source."""

    def __init__(
        self,
        database: Database,
        pages: StockPages,
        change_feed: ChangeFeed,
        publisher: Publisher,
        *,
        holder: str,
        clock: Clock,
        step: Callable[[str], None] = lambda _name: None,
        ttl_s: float = LEASE_TTL_S,
        poll_s: float = POLL_S,
        republish_min_s: float = REPUBLISH_MIN_S,
    ) -> None:
        self.figures = RetainedFigures()
        self._database = database
        self._pages = pages
        self._feed = change_feed
        self._publisher = publisher
        self._holder = holder
        self._clock = clock
        self._step = step
        self._ttl_us = int(ttl_s * 1e6)
        self._poll_s = poll_s
        self._renew_us = int(min(TICK_S, ttl_s / 3) * 1e6)
        self._republish_us = int(republish_min_s * 1e6)
        self._renderings = Renderings()
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._fence: int | None = None
        self._renewed_us = 0
        self._cursor = 0
        self._policies: dict[str, Policy] = {}
        self._sites: list[str] = []
        self._rounds: dict[tuple[str, tuple[str, ...], str], Round] = {}
        self._connects = -1
        self._all_at_us: int | None = None
        self._stopping = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters, and how many parts of a republication wait."""
        return asdict(self.figures) | {"retained_rounds_waiting": len(self._rounds)}

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Publish until `stop`."""
        delay_s = RETAINED_RETRY_S
        while not self._stopping.is_set():
            try:
                is_well = await self._once()
            except FencedError as error:
                self._fence = None
                self.figures.retained_fenced += 1
                _log.warning("retained_fenced", error=str(error))
                is_well = False
            except (SQLAlchemyError, OSError) as error:
                self.figures.retained_read_errors += 1
                _log.warning("retained_failed", error=repr(error))
                is_well = False
            delay_s = RETAINED_RETRY_S if is_well else min(2 * delay_s, RETAINED_RETRY_CAP_S)
            if not is_well:
                await pause(self._stopping, delay_s)
        await self._release()

    async def _once(self) -> bool:
        """Publish what there is, or wait for it; return whether all went well."""
        if not await self._hold():
            await pause(self._stopping, self._poll_s)
            return True
        if not self._publisher.connected:
            await pause(self._stopping, self._poll_s)
            return True
        self._look_at_broker()
        try:
            page = await self._pages.changes(self._cursor, RETAINED_PAGE_ROWS)
        except (CursorGone, CursorAhead):
            await self._begin_anew()
            return True
        if page.rows:
            if not await self._publish(page.rows):
                return False
            await self._move(page.rows[-1].seq)
        if self._rounds and not await self._republish():
            return False
        if not page.rows and not self._rounds:
            await self._wait_for_news()
        return True

    async def _wait_for_news(self) -> None:
        news = asyncio.ensure_future(self._feed.wait(self._cursor, self._poll_s))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((news, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            stopping.cancel()

    # -- the changes

    async def _publish(self, rows: Sequence[ChangeRow]) -> bool:
        """Publish the newest change of each SKU to every channel; return whether the broker took all."""
        newest = {(row.site, row.gtin): row for row in rows if row.gtin}
        for row in rows:
            if not row.gtin and not is_order(row.body):
                zone = str(msgspec.json.decode(row.body).get("zone", ""))
                self._ask_for([row.site], tuple(self._policies), zone)
        messages = [
            (row.site, name, row.gtin, self._renderings.of(row, view_of(policy)).body)
            for row in newest.values()
            for name, policy in self._policies.items()
        ]
        return await self._send(messages)

    async def _send(self, messages: Iterable[tuple[str, str, str, bytes]]) -> bool:
        taken = await asyncio.gather(*(self._retain(*message) for message in messages))
        self._step("retained.published")
        return all(taken)

    async def _retain(self, site_id: str, channel: str, gtin: str, body: bytes) -> bool:
        try:
            topic = stock_topic(site_id, channel, gtin)
        except TopicError:
            self.figures.retained_skipped += 1
            return True
        async with self._in_flight:
            taken = await self._publisher.publish(topic, body, retain=True)
        self.figures.retained_published += taken
        self.figures.retained_failed += not taken
        return taken

    # -- everything once more

    def _look_at_broker(self) -> None:
        """After a new connection nobody knows what the broker still holds: ask for everything, not too often."""
        connects, now_us = self._publisher.figures.connects, self._clock()
        if connects == self._connects or (
            self._all_at_us is not None and abs(now_us - self._all_at_us) < self._republish_us
        ):
            return
        self._connects, self._all_at_us = connects, now_us
        self._ask_for(self._sites, tuple(self._policies))
        self.figures.retained_republications += 1

    def _ask_for(self, sites: Iterable[str], channels: tuple[str, ...], zone: str = "") -> None:
        if not channels:
            return
        for name in sites:
            self._rounds[name, channels, zone] = Round(name, "", channels, zone)

    async def _republish(self) -> bool:
        """Publish one page of what was asked for; return whether the broker took all."""
        key, part = next(iter(self._rounds.items()))
        rows = await self._pages.site_stock(part.site, after_gtin=part.after_gtin, limit=RETAINED_PAGE_ROWS)
        messages = [
            (part.site, name, row.gtin, self._event(part.site, row, self._policies[name]))
            for row in rows
            if not part.zone or part.zone in row.zones
            for name in part.channels
            if name in self._policies
        ]
        if not await self._send(messages):
            return False
        if self._rounds.get(key) == part:  # else it was asked for anew meanwhile
            if len(rows) < RETAINED_PAGE_ROWS:
                del self._rounds[key]
            else:
                self._rounds[key] = part._replace(after_gtin=rows[-1].gtin)
        return True

    def _event(self, site_id: str, row: StockRow, policy: Policy) -> bytes:
        offered = row.offer(policy)
        body: dict[str, Any] = {
            "seq": self._cursor,
            "kind": STOCK,
            "gtin": row.gtin,
            "site": site_id,
            "atp": offered.atp,
            "on_hand": row.on_hand,
            "held": row.held,
            "confidence": offered.confidence,
            "status": row.status,
            "version": row.version,
            "as_of": row.as_of,
            "reason": REPUBLISHED,
            "zones": row.zones,
        }
        return msgspec.json.encode(body)

    # -- lease and cursor

    async def _hold(self) -> bool:
        """Take or renew the lease, and look at sites and channels; return whether it is ours."""
        now_us = self._clock()
        if self._fence is not None and abs(now_us - self._renewed_us) < self._renew_us:
            return True
        async with self._database.write() as connection:
            fence, begins = self._fence, False
            held = fence is not None and await lease.renew(
                connection, LEASE, self._holder, fence, now_us=now_us, ttl_us=self._ttl_us
            )
            if not held:
                fence, begins = await self._take(connection, now_us), True
            if fence is None:
                self._fence = None
                return False
            policies = await policies_of(connection)
            sites = list(await connection.scalars(select(site.c.site).order_by(site.c.site)))
        self._fence, self._renewed_us = fence, now_us
        if begins:
            self._policies, self._rounds, self._connects, self._all_at_us = {}, {}, -1, None
        changed = tuple(name for name, policy in policies.items() if self._policies.get(name) != policy)
        self._policies, self._sites = policies, sites
        if changed and not begins:
            self._ask_for(sites, changed)
        return True

    async def _take(self, connection: AsyncConnection, now_us: int) -> int | None:
        """Take the lease, mark the cursor with its fence, and read it; a new one begins at the newest change."""
        fence = await lease.acquire(connection, LEASE, self._holder, now_us=now_us, ttl_us=self._ttl_us)
        if fence is None:
            return None
        begin = {"name": FEED, "last_seq": await last_seq(connection), "fence": 0}
        await connection.execute(insert_into(connection, feed).on_conflict_do_nothing(), begin)
        await connection.execute(update(feed).where(feed.c.name == FEED).values(fence=fence))
        self._cursor = int(await connection.scalar(select(feed.c.last_seq).where(feed.c.name == FEED)) or 0)
        return fence

    async def _move(self, seq: int) -> None:
        """Write the cursor. Raises `FencedError` when another process holds the lease by now."""
        guard = update(feed).where(feed.c.name == FEED, feed.c.last_seq == self._cursor, feed.c.fence == self._fence)
        async with self._database.write() as connection:
            if (await connection.execute(guard.values(last_seq=seq))).rowcount != 1:
                raise FencedError(f"the cursor of {FEED} is not at {self._cursor} with fence {self._fence} any more")
        self._cursor = seq

    async def _begin_anew(self) -> None:
        """The changes after the cursor are gone, or the database is another one: publish everything from its rows."""
        async with self._database.read() as connection:
            newest = await last_seq(connection)
        _log.warning("retained_begins_anew", was=self._cursor, now=newest)
        await self._move(newest)
        self._ask_for(self._sites, tuple(self._policies))
        self.figures.retained_republications += 1

    async def _release(self) -> None:
        if self._fence is None:
            return
        try:
            async with self._database.write() as connection:
                await lease.release(connection, LEASE, self._holder, self._fence)
        except (SQLAlchemyError, OSError) as error:
            self.figures.retained_read_errors += 1
            _log.warning("release_failed", error=repr(error))
        self._fence = None
