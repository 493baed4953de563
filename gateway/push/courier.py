"""One address and its place in the feed: reads changes, sends those that are for it, in order, and keeps its cursor.

Theory of operation. A courier owns one webhook while this process serves it. It reads relayed changes after its cursor,
passes over those of other sites and below the thresholds, and sends the others one at a time, one event in each POST:
the event's id is then the same over all tries, also after a crash, a dead letter is exactly one event, and no receiver
has to take a batch apart. What an address can take is so bounded by how fast it answers (50 events a second at 20 ms).

The cursor is written after each `PAGE_EVENTS` events that went well, at the end of what there is, and at once when the
state changes; what was only passed over is written every few seconds. A process that dies in between sends those events
again, with the same ids: at least once, in order.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.clock import Clock
from gateway.http.ports import ChangeFeed, ChangePage, ChangeRow, CursorAhead, CursorGone
from gateway.push import webhook_store as store
from gateway.push.address import AddressError, parse_url
from gateway.push.delivery import Outcome, Progress, State, after, stopped
from gateway.push.limits import CURSOR_WRITE_S, PAGE_EVENTS, POLL_S, REFUSED_TRIES, SCAN_EVENTS
from gateway.push.rendering import Rendered, Renderings, hears, view_of
from gateway.push.sender import Posts
from gateway.push.signing import event_id, headers
from gateway.push.thresholds import Crossings
from gateway.storage.engine import Database

log: Final = structlog.get_logger("gateway.webhooks")


class Changes(Protocol):
    """Reads relayed changes: `gateway.queries.Queries`."""

    async def changes(self, after_seq: int, limit: int = 500, site: str | None = None) -> ChangePage:
        """Return changes after a cursor. Raises `CursorGone` and `CursorAhead`."""
        ...


@dataclass(slots=True)
class WebhookFigures:
    """What the webhooks of this process counted."""

    webhooks_sent: int = 0
    webhooks_failed: int = 0
    webhooks_dead_letters: int = 0
    webhooks_dead_letters_dropped: int = 0
    webhooks_stopped: int = 0
    webhooks_read_errors: int = 0

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Office:
    """What all couriers of a process share. `chance` draws from [0, 1); `step` is told the moments around a send."""

    database: Database
    changes: Changes
    feed: ChangeFeed
    clock: Clock
    chance: Callable[[], float]
    renderings: Renderings
    places: asyncio.Semaphore
    figures: WebhookFigures
    step: Callable[[str], None]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    allow_private: bool = False


def message_of(rendered: Rendered) -> bytes:
    """Return an event as an address gets it: `type`, `timestamp`, `data` (Standard Webhooks, payload structure)."""
    kind, what, as_of = rendered.kind.encode(), rendered.what.encode(), rendered.as_of.encode()
    return b'{"type":"%b.%b","timestamp":"%b","data":%b}' % (kind, what, as_of, rendered.body)


class Courier:
    """Serves one webhook until it is stopped, its owner changes it, or it is cancelled.

    `orders`: whether it hears of the orders of its channel.
    """

    def __init__(
        self, webhook: store.Webhook, policy: Policy, office: Office, sender: Posts, *, orders: bool = False
    ) -> None:
        self.policy = policy
        self.orders = orders
        self.webhook = webhook
        self._office = office
        self._sender = sender
        self._view = view_of(policy)
        self._crossings = Crossings(webhook.thresholds)
        self._progress = webhook.progress
        self._unwritten = 0
        self.is_writing = False
        """Its row may already be newer than `webhook` says."""

    async def run(self) -> None:
        """Send what there is and what comes."""
        try:
            while await self._page():
                pass
        finally:
            try:
                if self._unwritten:
                    await self._write()
            finally:
                await self._sender.close()

    async def _page(self) -> bool:
        """Send one page of changes; return whether to go on."""
        only = next(iter(self.webhook.sites)) if self.webhook.sites and len(self.webhook.sites) == 1 else None
        cursor = self._progress.cursor
        try:
            page = await self._office.changes.changes(cursor, SCAN_EVENTS, only)
        except CursorGone as error:
            why = f"changes {cursor + 1} to {error.first_kept - 1} are not kept any more: load the stock, then resume"
            return await self._stop(why)
        except CursorAhead as error:
            return await self._stop(f"cursor {cursor}: the newest change here is {error.last_seq}; resume anew")
        for row in page.rows:
            if not await self._serve(row):
                return False
        is_whole = len(page.rows) < SCAN_EVENTS
        if is_whole:
            self._move(max(page.last_seq, self._progress.cursor))
        late = self._office.clock() - self.webhook.updated_us >= CURSOR_WRITE_S * 1e6
        if (self._unwritten or late) and not await self._write():
            return False
        if is_whole:
            await self._office.feed.wait(self._progress.cursor, POLL_S)
        return True

    async def _serve(self, row: ChangeRow) -> bool:
        """Send a change if it is for this address; return whether to go on."""
        if not self.webhook.sees(row.site):
            self._move(row.seq)
            return True
        rendered = self._office.renderings.of(row, self._view)
        heard = hears(rendered, self.policy, orders=self.orders)
        if not heard or not self._crossings.passes(row.site, row.gtin, rendered.atp):
            self._move(row.seq)
            return True
        return await self._deliver(row.seq, message_of(rendered))

    async def _deliver(self, seq: int, body: bytes) -> bool:
        """Send one event until it is taken or given up; return whether to go on."""
        while True:
            wait_us = self._progress.next_try_us - self._office.clock()
            if wait_us > 0:
                await self._office.pause(wait_us / 1e6)
            outcome = await self._try(seq, body)
            settled = await self._settle(seq, body, outcome)
            if settled is not None:
                return settled

    async def _try(self, seq: int, body: bytes) -> Outcome:
        office = self._office
        try:
            destination = parse_url(self.webhook.url, allow_private=office.allow_private)
        except AddressError as error:  # the gateway's configuration changed since it was taken
            return Outcome(None, str(error))
        async with office.places:
            now_us = office.clock()
            signed = headers(self.webhook.secret, event_id(self.webhook.id, seq), now_us // 1_000_000, body)
            outcome = await self._sender.post(destination, body, signed, now_us)
            office.step("webhook.sent")
        return outcome

    async def _settle(self, seq: int, body: bytes, outcome: Outcome) -> bool | None:
        """Take down what came of a try; return whether to go on with the next event, None to try this one again."""
        before, now_us = self._progress, self._office.clock()
        figures = self._office.figures
        if outcome.taken and before.state is State.LIVE and not before.attempts:
            figures.webhooks_sent += 1
            self._move(seq)
            self._unwritten += 1
            return True if self._unwritten < PAGE_EVENTS else await self._write()
        async with self._writing() as connection:
            in_a_row = 0
            if outcome.refused and before.attempts + 1 >= REFUSED_TRIES:
                in_a_row = await store.dead_since(connection, self.webhook.id, before.failing_since_us)
            progress, dead = after(before, seq, outcome, now_us, chance=self._office.chance(), dead_in_a_row=in_a_row)
            updated_us = await store.save(connection, self.webhook, progress, now_us)
            if updated_us is not None and dead:
                letter = store.DeadLetter(self.webhook.id, seq, now_us, outcome.status, str(outcome), body)
                figures.webhooks_dead_letters_dropped += await store.bury(connection, letter)
        figures.webhooks_sent += outcome.taken
        figures.webhooks_failed += not outcome.taken
        if updated_us is None:
            return False
        figures.webhooks_dead_letters += dead
        self._wrote(progress, updated_us)
        if progress.state is State.STOPPED:
            self._say_stopped(progress)
            return False
        return True if progress.cursor == seq else None

    async def _stop(self, why: str) -> bool:
        self._progress = stopped(self._progress, why)
        await self._write(even_if_same=True)
        self._say_stopped(self._progress)
        return False

    def _move(self, seq: int) -> None:
        self._progress = replace(self._progress, cursor=seq)

    async def _write(self, *, even_if_same: bool = False) -> bool:
        """Write the cursor if it moved; return False when somebody else wrote meanwhile: then this courier is over."""
        if self._progress == self.webhook.progress and not even_if_same:
            return True
        now_us = self._office.clock()
        async with self._writing() as connection:
            updated_us = await store.save(connection, self.webhook, self._progress, now_us)
        if updated_us is None:
            return False
        self._wrote(self._progress, updated_us)
        return True

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        self.is_writing = True
        try:
            async with self._office.database.write() as connection:
                yield connection
        finally:
            self.is_writing = False

    def _wrote(self, progress: Progress, updated_us: int) -> None:
        self._progress, self._unwritten = progress, 0
        self.webhook = replace(self.webhook, progress=progress, updated_us=updated_us)

    def _say_stopped(self, progress: Progress) -> None:
        self._office.figures.webhooks_stopped += 1
        log.warning("webhook_stopped", webhook=self.webhook.id, cursor=progress.cursor, why=progress.last_error)
