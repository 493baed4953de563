"""The operations, each in one transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.clock import Clock
from gateway.http.trade_rows import (
    AdjustmentTaken,
    CountTaken,
    InspectionTaken,
    ReceiptTaken,
    ReturnTaken,
    SaleTaken,
    ShipmentTaken,
    TotalsTaken,
)
from gateway.ledger.book import lock_site
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.trade import adjustments, counts, inspections, receipts, returns, sales, transfers
from gateway.trade.holds import Holds, NoHolds
from gateway.trade.once import once
from gateway.trade.references import erase_customer
from gateway.trade.said import (
    Count,
    Delta,
    Inspection,
    Notice,
    Receipt,
    References,
    Return,
    Said,
    Sale,
    SetTo,
    Step,
    Totals,
    Transfer,
)
from gateway.trade.work import Work

T = TypeVar("T")

ATTEMPTS: Final = 3
PAUSE_S: Final = 0.02
"""Two that ask for the same rows in another order are told so at once: a moment later they do not meet again."""


class Trade:
    """Stock operations on the sites of one database.

    Each returns its answer, and whether it had been given before. `actor` is the id of the key that asks. All raise
    `IdReusedError` for a name of an event that was used for something else, and `UnknownSiteError`. `committed` follows
    each commit, with the site that the event names.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        holds: Holds | None = None,
        *,
        committed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._committed = committed
        self._clock = clock
        self._views = SiteViews(clock)
        self._holds = holds or NoHolds()

    async def sell(self, sale: Sale, references: References = (), *, actor: str = "") -> tuple[SaleTaken, bool]:
        """Take a sale. Raises `AlreadySoldError`, `ForeignItemError`, `ReservationError`."""
        return await self._once(sale, actor, lambda work: sales.sell(work, sale, references, self._holds), SaleTaken)

    async def give_back(
        self, said: Return, references: References = (), *, actor: str = ""
    ) -> tuple[ReturnTaken, bool]:
        """Take a return. Raises `ForeignItemError`, `UnknownZoneError`."""
        return await self._once(said, actor, lambda work: returns.give_back(work, said, references), ReturnTaken)

    async def inspect(self, said: Inspection, *, actor: str = "") -> tuple[InspectionTaken, bool]:
        """Take an inspection. Raises `NotReturnedError`, `ShortError`, `ForeignItemError`, `UnknownZoneError`."""
        return await self._once(said, actor, lambda work: inspections.inspect(work, said), InspectionTaken)

    async def announce(self, notice: Notice, *, actor: str = "") -> tuple[ShipmentTaken, bool]:
        """Take an advance shipping notice. Raises `ShipmentExistsError`, `ForeignItemError`."""
        return await self._once(notice, actor, lambda work: receipts.announce(work, notice), ShipmentTaken)

    async def receive(
        self, said: Receipt, *, actor: str = "", sees: Callable[[str], bool] = lambda _: True
    ) -> tuple[ReceiptTaken, bool]:
        """Take a receipt. `sees`: whether who receives speaks for another site, too.

        Raises `UnknownShipmentError`, `ShipmentStateError`, `NotReceivingError`, `UnknownZoneError`,
        `ForeignItemError`.
        """
        return await self._once(said, actor, lambda work: receipts.receive(work, said, sees), ReceiptTaken)

    async def transfer(self, said: Transfer, *, actor: str = "") -> tuple[ShipmentTaken, bool]:
        """Announce or ship a transfer.

        Raises `ShipmentExistsError`, `AlreadySoldError`, `ShortError`, `ForeignItemError`.
        """
        return await self._once(said, actor, lambda work: transfers.transfer(work, said), ShipmentTaken)

    async def step(self, said: Step, *, actor: str = "") -> tuple[ShipmentTaken, bool]:
        """Ship an announced transfer, or cancel one.

        Raises `UnknownShipmentError`, `ShipmentStateError`, `AlreadySoldError`, `ShortError`.
        """
        return await self._once(said, actor, lambda work: transfers.step(work, said), ShipmentTaken)

    async def count(self, said: Count, *, actor: str = "") -> tuple[CountTaken, bool]:
        """Take a count. Raises `ForeignItemError`, `UnknownZoneError`."""
        return await self._once(said, actor, lambda work: counts.count(work, said), CountTaken)

    async def adjust(self, said: Delta, *, actor: str = "") -> tuple[AdjustmentTaken, bool]:
        """Take a delta. Raises `AlreadySoldError`, `ShortError`, `ForeignItemError`, `UnknownZoneError`."""
        return await self._once(said, actor, lambda work: adjustments.adjust(work, said), AdjustmentTaken)

    async def set_to(self, said: SetTo, *, actor: str = "") -> tuple[AdjustmentTaken, bool]:
        """Set quantities. Raises `VersionConflictError`, `BelowTaggedError`."""
        return await self._once(said, actor, lambda work: adjustments.set_to(work, said), AdjustmentTaken)

    async def compare(self, said: Totals, *, actor: str = "") -> tuple[TotalsTaken, bool]:
        """Take a feed of totals, which is compared and never added."""
        return await self._once(
            said, actor, lambda work: adjustments.compare(work, said), TotalsTaken, lock_site_first=True
        )

    async def erase(self, customer_ref: str, *, actor: str = "") -> int:
        """Remove every reference of the events that name a customer; return how many. Nothing else knows them."""
        async with self._database.write() as connection:
            return await erase_customer(connection, customer_ref, actor, self._clock())

    async def _once(
        self,
        said: Said,
        actor: str,
        write: Callable[[Work], Awaitable[T]],
        answer: type[T],
        *,
        lock_site_first: bool = False,
    ) -> tuple[T, bool]:
        for attempt in range(ATTEMPTS):
            try:
                done = await self._transaction(said, actor, write, answer, lock_site_first=lock_site_first)
                self._committed(said.site)
                return done  # noqa: TRY300 - the commit is part of what may fail
            except (DBAPIError, PoolTimeoutError):  # a deadlock, or a server that went away: the name makes it safe
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(PAUSE_S * 4**attempt)
        raise AssertionError

    async def _transaction(
        self,
        said: Said,
        actor: str,
        write: Callable[[Work], Awaitable[T]],
        answer: type[T],
        *,
        lock_site_first: bool,
    ) -> tuple[T, bool]:
        async with self._database.write() as connection:
            now_us = self._clock()
            if lock_site_first:  # in the order of the fold and the desk
                await lock_site(connection, said.site)
            work = Work(connection, self._views, said, actor, now_us)
            return await once(connection, said, now_us, lambda: write(work), answer)
