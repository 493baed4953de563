"""Orders of several reservations: shown, confirmed and released as one, in one transaction over all parts.

A part is the reservation of one site. Most often there is one; several when the gateway split the order, or when units
that a site turned out not to have are served by another. The rows of stock of all parts are locked in key order, then
the reservations in the order of their ids.

* What is over already does not stand in the way: a part whose units were handed on is passed over when the order is
  confirmed, one that was handed over when it is released. But an order of which one part has expired is not confirmed:
  its buyer would get less than was promised.
* All or none: what one part refuses is refused for all, with nothing written.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds import verbs
from gateway.holds.alternatives import with_alternatives
from gateway.holds.asked import Who
from gateway.holds.errors import UnknownOrderError
from gateway.holds.follow_up import FollowUp, nothing_follows
from gateway.holds.ids import NewId
from gateway.holds.life import State, Verb, allowed
from gateway.holds.limits import COLLECT_S, VERBS_AT_ONCE, VERBS_WAITING_MAX
from gateway.holds.rows import Held, read_hold, shown
from gateway.holds.turns import Turns
from gateway.holds.verbs import Work
from gateway.holds.writer import nothing
from gateway.http.reservation_rows import Order, Reservation
from gateway.ledger.retell import lock_skus, retell, shelf_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import reservation
from gateway.storage.engine import Database
from gateway.storage.statement import storable

Act = Callable[[Work], Awaitable[None]]

_PASSED_OVER: Final[Mapping[Verb, State]] = {Verb.CONFIRM: State.RELEASED, Verb.RELEASE: State.FULFILLED}


class _PartsChangedError(OSError):
    """A part came to the order while its rows were locked: try again."""


class HeldOrders:
    """The orders of one database. `committed` follows each commit."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: NewId,
        *,
        follow_up: FollowUp = nothing_follows,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._follow_up = follow_up
        self._committed = committed
        self._views = SiteViews(clock)
        self._turns = Turns("changes of orders", VERBS_AT_ONCE, VERBS_WAITING_MAX)

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {"order_verbs_waiting": self._turns.waiting}

    async def get(self, who: Who, name: str) -> Order:
        """Return an order as it is now: those of its parts that the caller sees. Raises `UnknownOrderError`."""
        async with self._database.read() as connection:
            order_id, parts = await self._parts(connection, name)
            seen = [held for held in parts if held.seen_by(who)]
            if not seen:
                raise UnknownOrderError(name)
            return await self._order(connection, who, order_id, seen)

    async def confirm(self, who: Who, name: str, collect_s: int | None = None) -> tuple[Order, bool]:
        """Let an order stand; return it, and whether it stood already.

        Raises `UnknownOrderError`, `ExpiredError`, `WrongStateError`, `BusyError`.
        """

        async def act(work: Work) -> None:
            await verbs.confirm(work, collect_s or COLLECT_S)

        return await self._change(who, name, Verb.CONFIRM, act)

    async def release(self, who: Who, name: str) -> tuple[Order, bool]:
        """Give the units of an order back, as far as it was not handed over; return and raise as `confirm` does."""
        return await self._change(who, name, Verb.RELEASE, verbs.release)

    async def release_with(self, who: Who, name: str) -> None:
        """Give back what other sites serve in the place of this reservation, and itself; nothing if it goes alone.

        Who ordered knows the first id only: what he takes back by it must not be shipped from elsewhere. Raises as
        `release` does.
        """
        async with self._database.read() as connection:
            first = storable(name)
            others = select(reservation.c.id).where(reservation.c.order_id == first, reservation.c.id != first)
            leads = (await connection.scalars(others.limit(1))).first() is not None
        if leads:
            await self.release(who, name)

    async def _change(self, who: Who, name: str, verb: Verb, act: Act) -> tuple[Order, bool]:
        async def once() -> tuple[Order, bool]:
            async with self._database.write() as connection:
                order_id, works = await self._locked(connection, who, name)
                todo = _todo(works, verb)
                for work in todo:
                    await act(work)
                if todo:
                    await self._settle(todo, verbs.REASONS[verb.value])
                parts = [held for work in works if (held := await read_hold(connection, work.held.id)) is not None]
                answer = await self._order(connection, who, order_id, parts)
            self._committed()
            return answer, not todo

        return await self._turns.tried(f"{verb.value} of order {name}", once)

    async def _parts(self, connection: AsyncConnection, name: str) -> tuple[str, list[Held]]:
        """Return the order's id and its parts by id; `name` may be a part's own. A row without lines is none."""
        wanted = storable(name)
        named = select(func.coalesce(reservation.c.order_id, reservation.c.id)).where(reservation.c.id == wanted)
        order_id = await connection.scalar(named) or wanted
        query = select(reservation.c.id).where(
            or_(reservation.c.order_id == order_id, reservation.c.id == order_id),
            func.coalesce(reservation.c.order_id, reservation.c.id) == order_id,
        )
        names = list(await connection.scalars(query.order_by(reservation.c.id)))
        held = [await read_hold(connection, one) for one in names]
        return str(order_id), [one for one in held if one is not None and one.lines]

    async def _locked(self, connection: AsyncConnection, who: Who, name: str) -> tuple[str, list[Work]]:
        """Lock the rows of all parts; a caller that does not see all of them sees no order to change."""
        order_id, seen = await self._parts(connection, name)
        if not seen or not all(held.seen_by(who) for held in seen):
            raise UnknownOrderError(name)
        locked = await lock_skus(connection, [key for held in seen for key in held.keys], self._clock())
        parts = [await read_hold(connection, held.id, lock=True) for held in seen]
        _, again = await self._parts(connection, name)
        if [held.id for held in again] != [held.id for held in seen] or None in parts:
            raise _PartsChangedError(f"order {name} has other parts by now")
        now_us = self._clock()
        views = await self._views.load(connection, sorted({site for held in again for site in held.sites}))
        shelves = {site: shelf_of(view) for site, view in views.items()}
        works = [
            Work(connection, who, held, locked, shelves, now_us, self._new_id) for held in parts if held is not None
        ]
        return order_id, works

    async def _settle(self, works: Sequence[Work], why: str) -> None:
        """Say what can be promised now, and let follow what follows. These verbs tell the sites' logs nothing."""
        first = works[0]
        await retell(first.connection, first.locked, first.shelves, why, first.now_us)
        for work in works:
            held = await read_hold(work.connection, work.held.id)
            assert held is not None
            await self._follow_up(work.connection, held, why=why, now_us=work.now_us)

    async def _order(self, connection: AsyncConnection, who: Who, order_id: str, parts: Sequence[Held]) -> Order:
        now_us = self._clock()
        views = await self._views.load(connection, sorted({site for held in parts for site in held.sites}))
        shelves = {site: shelf_of(view) for site, view in views.items()}
        rows: list[Reservation] = []
        for held in parts:
            row, _ = await shown(connection, held, shelves, now_us)
            rows.append(await with_alternatives(connection, self._views, who, row))
        ends = [row.expires_at for row in rows if row.expires_at is not None and row.state == State.HELD.value]
        return Order(order_id, rows[0].mode, rows[0].created_at, min(ends, default=None), rows)


def _todo(works: Sequence[Work], verb: Verb) -> list[Work]:
    """Return the parts that a verb has something to do to. Raises `ExpiredError`, `WrongStateError`."""
    over = _PASSED_OVER[verb]
    stand = [work for work in works if work.held.state is not over] or list(works)
    return [work for work in stand if allowed(work.held.id, work.held.state_at(work.now_us), verb)]
