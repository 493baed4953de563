"""Reservations of one database: the one door to them, for HTTP and for sales.

To make one is the writer's business (`gateway.holds.writer`: many together). All else is one transaction for one
reservation. Locks are taken in the order that everybody keeps: rows of stock by (site, GTIN), then the reservation,
then the sites' logs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds import verbs
from gateway.holds.alternatives import with_alternatives
from gateway.holds.asked import Asked, Made, Who
from gateway.holds.batch import Batches, Lock, TakenError
from gateway.holds.elsewhere import Elsewhere
from gateway.holds.errors import (
    BusyError,
    ExpiredError,
    KeyReusedError,
    TooManyHoldsError,
    UnknownHoldError,
    WrongStateError,
)
from gateway.holds.follow_up import FollowUp, nothing_follows
from gateway.holds.ids import NewId
from gateway.holds.life import State, Verb, allowed
from gateway.holds.limits import ATTEMPTS, BATCH_MAX, COLLECT_S, QUEUE_MAX, VERBS_AT_ONCE, VERBS_WAITING_MAX
from gateway.holds.open_holds import Counted, OpenHolds
from gateway.holds.rows import Held, read_hold, shown
from gateway.holds.tell import tell_sites
from gateway.holds.verbs import ItemName, Work
from gateway.holds.writer import Writer, nothing, stay
from gateway.http.reservation_rows import Reservation
from gateway.ledger.retell import lock_skus, retell, shelf_of
from gateway.site_view import SiteViews
from gateway.steps import Step
from gateway.storage.commerce import reservation
from gateway.storage.engine import Database

T = TypeVar("T")

Act = Callable[[Work], Awaitable[None]]
ForTask = Callable[[Work], Awaitable[str]]

_AGAIN: Final = (TakenError, DBAPIError, PoolTimeoutError, OSError)


class Holds:
    """Makes, shows and changes reservations. `committed` follows each commit; `lock` and `step` are for tests."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: NewId,
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        lock: Lock | None = None,
        step: Step = stay,
        committed: Callable[[], None] = nothing,
        follow_up: FollowUp = nothing_follows,
    ) -> None:
        self._elsewhere: Elsewhere | None = None
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._lock = lock or lock_skus
        self._step = step
        self._committed = committed
        self._follow_up = follow_up
        self._views = SiteViews(clock)
        self._open_holds = OpenHolds()
        batches = Batches(self._views, self._open_holds, clock, new_id, lock)
        self._writer = Writer(
            database,
            batches,
            self._views,
            batch_max=batch_max,
            queue_max=queue_max,
            step=step,
            committed=committed,
        )
        self._slots = asyncio.Semaphore(VERBS_AT_ONCE)
        self._verbs_waiting = 0

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return self._writer.counters() | {"hold_verbs_waiting": self._verbs_waiting}

    def ask(self, elsewhere: Elsewhere) -> None:
        """Have what a site does not have asked for elsewhere, by a part that makes holds itself."""
        self._elsewhere = elsewhere

    async def close(self) -> None:
        """Decide what waits."""
        await self._writer.close()

    async def reserve(self, asked: Asked) -> Made:
        """Make a reservation, or give the answer that was given before.

        Raises `InsufficientError`, `KeyReusedError`, `TooManyHoldsError`, `UnknownHoldSiteError`, `BusyError`.
        """
        outcome = await self._writer.submit(asked)
        if isinstance(outcome, Made):
            return outcome
        raise outcome

    async def answered(self, who: Who, name: str, sha256: bytes) -> Made | None:
        """Return the answer that was given to this idempotency key, None if none was. Raises `KeyReusedError`."""
        mine = (reservation.c.key == who.key) & (reservation.c.idempotency_key == name)
        async with self._database.read() as connection:
            columns = (reservation.c.body_sha256, reservation.c.answer)
            row = (await connection.execute(select(*columns).where(mine))).one_or_none()
        if row is None:
            return None
        if bytes(row.body_sha256) != sha256:
            raise KeyReusedError(name)
        return Made(bytes(row.answer), replayed=True)

    async def get(self, who: Who, name: str) -> Reservation:
        """Return a reservation as it is now, with other sites for what it lacks. Raises `UnknownHoldError`."""
        async with self._database.read() as connection:
            held = await read_hold(connection, name)
            if held is None or not held.seen_by(who):
                raise UnknownHoldError(name)
            answer = await self._shown(connection, held, self._clock())
            return await with_alternatives(connection, self._views, who, answer)

    async def confirm(self, who: Who, name: str, collect_s: int | None = None) -> tuple[Reservation, bool]:
        """Make a hold last; return it, and whether it had been done before, as all of these do.

        All raise `UnknownHoldError`, `ExpiredError`, `WrongStateError`, `BusyError`.
        """

        async def act(work: Work) -> None:
            await verbs.confirm(work, collect_s or COLLECT_S)

        return await self._change(who, name, Verb.CONFIRM, act)

    async def release(self, who: Who, name: str) -> tuple[Reservation, bool]:
        """Give its units back."""
        return await self._change(who, name, Verb.RELEASE, verbs.release)

    async def renew(self, who: Who, name: str, ttl_s: int | None = None) -> tuple[Reservation, bool]:
        """Give it more time. Of one that has expired: raises `InsufficientError`, `TooManyHoldsError` too."""

        async def act(work: Work) -> None:
            if work.held.state_at(work.now_us) is State.EXPIRED:
                refused = await self._open_holds.refuse(work.connection, who, Counted(), work.now_us)
                if isinstance(refused, TooManyHoldsError):
                    raise refused
            await verbs.renew(work, ttl_s or who.policy.ttl_s)

        return await self._change(who, name, Verb.RENEW, act)

    async def pick(self, who: Who, name: str, items: Sequence[ItemName] = ()) -> tuple[Reservation, bool]:
        """Say that its items are in somebody's hands. Raises `ItemNotHeldError`, `NothingHeldError` too."""

        async def act(work: Work) -> None:
            await verbs.pick(work, items)

        return await self._change(who, name, Verb.PICK, act)

    async def pick_miss(self, who: Who, name: str, item: ItemName) -> tuple[Reservation, bool]:
        """Say that an item was not found; what its site does not have is asked for elsewhere, before this returns.

        Said again it is a repeat, even if nothing is left of the reservation since: another site serves it. Raises
        `ItemNotHeldError` too.
        """
        done = True

        async def act(work: Work) -> None:
            nonlocal done
            done = await verbs.pick_miss(work, item)

        try:
            answer, replayed = await self._change(who, name, Verb.PICK_MISS, act)
        except (ExpiredError, WrongStateError):
            if not await self._missed_before(who, name, item):
                raise
            return await self.get(who, name), True
        lacking = sorted({line.site for line in answer.lines if line.substitution_needed})
        if self._elsewhere is not None:
            for site in lacking:
                await self._elsewhere.serve(name, site)
        return await self.get(who, name) if lacking else answer, replayed or not done

    async def _missed_before(self, who: Who, name: str, item: ItemName) -> bool:
        async with self._database.read() as connection:
            held = await read_hold(connection, name)
            return held is not None and held.seen_by(who) and await verbs.missed_before(connection, held, item)

    async def fulfil(self, who: Who, name: str) -> tuple[Reservation, bool]:
        """Hand it over. Raises `NothingHeldError` too."""
        return await self._change(who, name, Verb.FULFIL, verbs.fulfil)

    async def transfer(
        self, who: Who, name: str, references: Sequence[tuple[str, str]] = (), to_key: str = ""
    ) -> tuple[Reservation, bool]:
        """Hand it to another cart, customer, payment or key. Raises `UnknownKeyError` too."""

        async def act(work: Work) -> None:
            await verbs.transfer(work, references, to_key)

        return await self._change(who, name, Verb.TRANSFER, act)

    async def may_exclude(self, connection: AsyncConnection, who: Who, name: str) -> bool:
        """Whether availability may be asked without this hold: a cart may see what it keeps back from itself.

        `SkuPicture.ladder(without=name)` is that answer. A hold that is none of the caller's excludes nothing.
        """
        held = await read_hold(connection, name)
        return held is not None and held.key == who.key

    async def for_task(self, who: Who, name: str, act: ForTask) -> None:
        """Let a task change its reservation, whosever that is: `act` has all its rows locked, and locks its own.

        It returns why, empty when nothing changed. Raises `UnknownHoldError`, `BusyError`, and what `act` raises.
        """

        async def once() -> None:
            async with self._database.write() as connection:
                work = await self._locked(connection, who, name, lambda held: bool(held.lines))
                why = await act(work)
                if why:
                    await self._settle(work, why)
                self._step("holds.written")
            self._step("holds.committed")
            self._committed()

        await self._tried(f"a task of reservation {name}", once)

    async def _change(self, who: Who, name: str, verb: Verb, act: Act) -> tuple[Reservation, bool]:
        return await self._tried(
            f"{verb.value} of reservation {name}", lambda: self._once(who, name, verb=verb, act=act)
        )

    async def _tried(self, what: str, once: Callable[[], Awaitable[T]]) -> T:
        async with self._slot():
            for attempt in range(ATTEMPTS):
                try:
                    return await once()
                except _AGAIN as error:
                    if attempt == ATTEMPTS - 1:
                        raise BusyError(f"the database did not take {what}") from error
        raise AssertionError

    async def _once(self, who: Who, name: str, *, verb: Verb, act: Act) -> tuple[Reservation, bool]:
        async with self._database.write() as connection:
            work = await self._locked(connection, who, name, lambda held: held.seen_by(who))
            held = work.held
            replayed = not allowed(name, held.state_at(work.now_us), verb)
            if not replayed:
                await act(work)
                held = await self._settle(work, verbs.REASONS[verb.value], all_picked=verb is Verb.PICK)
            answer = await self._shown(connection, held, work.now_us)
            self._step("holds.written")
        self._step("holds.committed")
        self._committed()
        return answer, replayed

    async def _locked(self, connection: AsyncConnection, who: Who, name: str, sees: Callable[[Held], bool]) -> Work:
        """Lock the rows of a reservation's stock, then its own. Raises `UnknownHoldError`."""
        seen = await read_hold(connection, name)
        if seen is None or not sees(seen):
            raise UnknownHoldError(name)
        locked = await self._lock(connection, seen.keys, self._clock())
        held = await read_hold(connection, name, lock=True)
        if held is None or not sees(held):
            raise UnknownHoldError(name)
        now_us = self._clock()
        views = await self._views.load(connection, held.sites)
        shelves = {site: shelf_of(view) for site, view in views.items()}
        return Work(connection, who, held, locked, shelves, now_us, self._new_id)

    async def _settle(self, work: Work, why: str, *, all_picked: bool = False) -> Held:
        """Say what can be promised now, let follow what follows, tell the logs last; return the hold as it is now."""
        reasons = dict.fromkeys(work.locked, why) | work.changed
        await retell(work.connection, work.locked, work.shelves, reasons, work.now_us)
        held = await read_hold(work.connection, work.held.id)
        assert held is not None
        all_picked = all_picked and held.state is State.PICKED
        await self._follow_up(work.connection, held, why=why, now_us=work.now_us, all_picked=all_picked, at=work.at)
        await tell_sites(work)
        return held

    async def _shown(self, connection: AsyncConnection, held: Held, now_us: int) -> Reservation:
        views = await self._views.load(connection, held.sites)
        answer, _ = await shown(connection, held, {site: shelf_of(view) for site, view in views.items()}, now_us)
        return answer

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Let a bounded number of transactions run, and a bounded number wait. Raises `BusyError`."""
        if self._verbs_waiting >= VERBS_WAITING_MAX:
            raise BusyError(f"{VERBS_WAITING_MAX} changes of reservations wait already")
        self._verbs_waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._verbs_waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
