"""The relay: gives each committed change its `seq`, in order, so that no reader's cursor can skip a row.

A row's `id` is drawn before its transaction commits. Two commits side by side may therefore become visible in the other
order, and a reader that has seen the higher one would never look for the lower one. So readers follow `seq`, which
one process gives afterwards, to rows that it can see: whatever commits later gets a higher number, always. The changes
of one SKU are committed under the lock of its `stock` row, so their order by `id` is also their true order.

That it is one process is a lease's business; that a second one cannot do harm is the condition's:
`UPDATE feed SET last_seq = :new WHERE last_seq = :previous AND fence = :mine`, in the transaction that numbers the
rows.
"""

import asyncio
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.limits import CHANGES_KEPT, LEASE_TTL_S, PRUNE_MAX_ROWS, RELAY_MAX_ROWS, RELAY_POLL_S, TICK_S
from gateway.steps import Step, pass_by
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.schema import change, feed
from gateway.storage.statement import insert_into

_log: Final = structlog.get_logger("gateway.relay")

FEED: Final = "change"
LEASE: Final = "relay"


class ChangeFeed:
    """News of relayed changes for everyone in this process who waits for them."""

    def __init__(self) -> None:
        self._last_seq = 0
        self._news = asyncio.Event()

    @property
    def last_seq(self) -> int:
        """The newest relayed sequence that this process has heard of."""
        return self._last_seq

    def announce(self, last_seq: int) -> None:
        """Say that everything up to `last_seq` can be read."""
        if last_seq > self._last_seq:
            self._last_seq = last_seq
            self._news.set()
            self._news = asyncio.Event()

    async def wait(self, after_seq: int, timeout_s: float) -> int:
        """Return the newest sequence as soon as it is above `after_seq`, at the latest after `timeout_s`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self._last_seq <= after_seq and (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                break
        return self._last_seq


@dataclass(slots=True)
class RelayFigures:
    """What the relay of this process counted."""

    relayed: int = 0
    relay_commits: int = 0
    relay_fenced: int = 0
    relay_failures: int = 0
    changes_pruned: int = 0


async def take_feed(connection: AsyncConnection, holder: str, now_us: int, ttl_us: int) -> int | None:
    """Take the relay's lease and mark the feed with its fence; return the fence, None while another holds it."""
    empty = {"name": FEED, "last_seq": 0, "fence": 0}
    await connection.execute(insert_into(connection, feed).on_conflict_do_nothing(), empty)
    fence = await lease.acquire(connection, LEASE, holder, now_us=now_us, ttl_us=ttl_us)
    if fence is not None:
        await connection.execute(update(feed).where(feed.c.name == FEED).values(fence=fence))
    return fence


async def last_seq(connection: AsyncConnection) -> int:
    """Return the newest relayed sequence, 0 before the first."""
    return int(await connection.scalar(select(feed.c.last_seq).where(feed.c.name == FEED)) or 0)


async def relay(connection: AsyncConnection, fence: int, limit: int = RELAY_MAX_ROWS) -> tuple[int, int]:
    """Number up to `limit` waiting changes in this transaction; return (how many, the newest sequence).

    Raises `FencedError` when the feed carries another fence, or moved meanwhile.
    """
    previous = await last_seq(connection)
    waiting = select(change.c.id).where(change.c.seq.is_(None)).order_by(change.c.id).limit(limit)
    ids = list(await connection.scalars(waiting))
    if not ids:
        return 0, previous
    newest = previous + len(ids)
    guard = (
        update(feed)
        .where(feed.c.name == FEED, feed.c.last_seq == previous, feed.c.fence == fence)
        .values(last_seq=newest)
    )
    if (await connection.execute(guard)).rowcount != 1:
        raise FencedError(f"the feed is not at {previous} with fence {fence} any more")
    number = update(change).where(change.c.id == bindparam("the_id")).values(seq=bindparam("the_seq"))
    rows = [{"the_id": row_id, "the_seq": previous + 1 + i} for i, row_id in enumerate(ids)]
    await connection.execute(number, rows)
    return len(ids), newest


async def prune_changes(connection: AsyncConnection, kept: int = CHANGES_KEPT, limit: int = PRUNE_MAX_ROWS) -> int:
    """Delete up to `limit` relayed changes that lie more than `kept` behind the newest; return how many went."""
    oldest = await connection.scalar(select(func.min(change.c.seq)))
    upto = await last_seq(connection) - kept
    if oldest is None or oldest > upto:
        return 0
    gone = await connection.execute(delete(change).where(change.c.seq <= min(upto, oldest + limit - 1)))
    return int(gone.rowcount)


class Relay:
    """Runs the relay while this process holds its lease, and announces what anyone relays."""

    def __init__(
        self,
        database: Database,
        change_feed: ChangeFeed,
        holder: str,
        clock: Clock,
        *,
        step: Step = pass_by,
        ttl_s: float = LEASE_TTL_S,
        poll_s: float = RELAY_POLL_S,
    ) -> None:
        self.figures = RelayFigures()
        self._database = database
        self._feed = change_feed
        self._holder = holder
        self._clock = clock
        self._step = step
        self._ttl_us = int(ttl_s * 1e6)
        self._poll_s = poll_s
        self._fence: int | None = None
        self._renewed_us = 0
        self._news = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Say that changes were committed."""
        self._news.set()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Relay until `stop`."""
        while True:
            last = self._stopping  # what was committed before the stop is still relayed
            try:
                await self._once()
            except FencedError as error:
                self._fence = None
                self.figures.relay_fenced += 1
                _log.warning("relay_fenced", error=str(error))
            except (SQLAlchemyError, OSError) as error:
                self.figures.relay_failures += 1
                _log.warning("relay_failed", error=str(error))
                await asyncio.sleep(self._poll_s)
            if last:
                break
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._news.wait()
            except TimeoutError:
                continue
            finally:
                self._news.clear()
        await self._release()

    async def _once(self) -> None:
        """Hold the lease, number what waits, and announce the newest number."""
        now_us = self._clock()
        if self._fence is None or abs(now_us - self._renewed_us) >= TICK_S * 1e6:
            await self._hold(now_us)
        if self._fence is None or not await self._is_waiting():
            async with self._database.read() as connection:
                self._feed.announce(await last_seq(connection))
            return
        while True:
            async with self._database.write() as connection:
                count, newest = await relay(connection, self._fence)
                self._step("relay.written")
            self._step("relay.committed")
            self._feed.announce(newest)
            self.figures.relayed += count
            self.figures.relay_commits += count > 0
            if count < RELAY_MAX_ROWS:
                return

    async def _is_waiting(self) -> bool:
        async with self._database.read() as connection:
            return await connection.scalar(select(change.c.id).where(change.c.seq.is_(None)).limit(1)) is not None

    async def _hold(self, now_us: int) -> None:
        async with self._database.write() as connection:
            fence = self._fence
            held = fence is not None and await lease.renew(
                connection, LEASE, self._holder, fence, now_us=now_us, ttl_us=self._ttl_us
            )
            if not held:
                fence = await take_feed(connection, self._holder, now_us, self._ttl_us)
            pruned = await prune_changes(connection) if fence is not None else 0
        self.figures.changes_pruned += pruned
        self._fence, self._renewed_us = fence, now_us

    async def _release(self) -> None:
        if self._fence is None:
            return
        try:
            async with self._database.write() as connection:
                await lease.release(connection, LEASE, self._holder, self._fence)
        except (SQLAlchemyError, OSError) as error:
            self.figures.relay_failures += 1
            _log.warning("release_failed", error=str(error))
        self._fence = None
