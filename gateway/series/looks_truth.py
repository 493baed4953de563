"""Looks at the books: oversold units each minute; the whole check, and the differences, once an hour.

The whole check reads every table of a site and works for seconds. It runs in a thread with connections of its own, so
that nobody waits for it; its newest result is written again each minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.reconcile import Cause
from gateway.availability import sellable_zones
from gateway.ledger.difference_rows import difference_page
from gateway.ledger.facts import SKUS_AT_ONCE
from gateway.ledger.picture import AVAILABLE
from gateway.ledger.verdict import Verdict
from gateway.ledger.verify_offers import check_offers
from gateway.ledger.verify_places import check_places
from gateway.ledger.verify_states import check_states
from gateway.series.limits import DIFFERENCES_MAX, HOURLY_S, MINUTE_S
from gateway.series.look import Draft
from gateway.storage.commerce import binding, disposition, reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.schema import item, stock
from gateway.storage.schema import site as site_table
from gateway.storage.site_register import decode_site
from wire import measurements as m
from wire.site import OUT

_log: Final = structlog.get_logger("gateway.series")


@dataclass(frozen=True, slots=True)
class Truth:
    """What a whole check of a site found. `differences`: SKUs and units by cause."""

    drift: int = 0
    offer_faults: int = 0
    differences: Mapping[str, tuple[int, int]] = field(default_factory=dict)


Checker: TypeAlias = Callable[[str], Awaitable[Truth]]
"""Checks one site; see `in_a_thread`."""


async def check(connection: AsyncConnection, site: str) -> Truth:
    """Check one site as this transaction sees it."""
    config = await connection.scalar(select(site_table.c.config).where(site_table.c.site == site))
    if config is None:
        return Truth()
    described = decode_site(bytes(config))
    books, offers = Verdict(site), Verdict(site)
    await check_places(connection, site, books)
    await check_states(connection, site, books)
    await check_offers(connection, site, sellable_zones(described), offers)
    found: dict[str, list[int]] = {cause.value: [0, 0] for cause in Cause}
    after, skus = "", 0
    while skus < DIFFERENCES_MAX:
        page = await difference_page(connection, described, after, SKUS_AT_ONCE, None)
        for row in page.rows:
            found[row.cause][0] += 1
            found[row.cause][1] += abs(row.quantity)
        if page.next is None:
            break
        after, skus = page.next, skus + SKUS_AT_ONCE
    differences = {cause: (pair[0], pair[1]) for cause, pair in found.items()}
    return Truth(books.faults, offers.faults, differences)


def in_a_thread(url: str) -> Checker:
    """Return a checker that works in a thread, with an event loop and connections of its own."""

    async def whole(site: str) -> Truth:
        database = Database(url)
        try:
            async with database.read() as connection:
                return await check(connection, site)
        finally:
            await database.close()

    async def checked(site: str) -> Truth:
        return await asyncio.to_thread(lambda: asyncio.run(whole(site)))

    return checked


class BooksLook:
    """Are the books right? Whole checks follow one after the other, never two at once."""

    every_s = MINUTE_S
    alone = True

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self.failures = 0
        """Checks that failed."""
        self._found: dict[str, tuple[int, Truth]] = {}
        self._tried_us: dict[str, int] = {}
        self._running: tuple[str, asyncio.Task[Truth]] | None = None
        self._differences_us: dict[str, int] = {}
        self._begun_us: int | None = None

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `books`, and `difference` after a whole check."""
        sites = sorted(await connection.scalars(select(site_table.c.site)))
        self._take(draft.at_us)
        self._begun_us = draft.at_us if self._begun_us is None else self._begun_us
        due = [site for site in sites if draft.at_us - self._tried(site) >= HOURLY_S * 1e6]
        due = due if draft.at_us - self._begun_us >= MINUTE_S * 1e6 else []  # who starts has better things to do
        if due and self._running is None:
            first = min(due, key=self._tried)
            self._tried_us[first] = draft.at_us
            self._running = first, asyncio.ensure_future(self._checker(first))
        oversold = await oversold_units(connection, draft.now_us)
        for site in sites:
            at_us, truth = self._found.get(site, (0, None))
            values: dict[str, int | float | None] = {"oversold": oversold.get(site, 0)}
            if truth is not None:
                age_s = max(0, draft.at_us - at_us) / 1e6
                values |= {"drift": truth.drift, "offer_faults": truth.offer_faults, "looked_s": age_s}
                if self._differences_us.get(site) != at_us:
                    self._differences_us[site] = at_us
                    for cause, (skus, units) in truth.differences.items():
                        draft.add(m.DIFFERENCE, {"skus": skus, "units": units}, site, cause)
            draft.add(m.BOOKS, values, site)

    async def settle(self) -> None:
        """Wait until the check that runs is over. For whoever stops, and for tests."""
        if self._running is not None:
            await asyncio.wait([self._running[1]])

    def _tried(self, site: str) -> int:
        return self._tried_us.get(site, -(2**62))

    def _take(self, now_us: int) -> None:
        """Take the result of a check that is over. One that failed is counted, and tried in an hour."""
        if self._running is None or not self._running[1].done():
            return
        (site, task), self._running = self._running, None
        error = task.exception()
        if error is not None:
            self.failures += 1
            _log.warning("books_check_failed", site=site, error=str(error)[:500])
            return
        self._found[site] = now_us, task.result()


_KEPT: Final = ("confirmed", "picked")


async def oversold_units(connection: AsyncConnection, now_us: int) -> dict[str, int]:
    """Return, by site, units that active holds count on and that nobody can hand over; sites without are left out.

    These are items that are bound and not picked, and out or not for sale; and units without tags beyond those that
    there are. A unit that is known to be lost (`substitution_needed`) is not among them.
    """
    active = or_(reservation.c.state.in_(_KEPT), and_(reservation.c.state == "held", reservation.c.expires_us > now_us))
    here = and_(item.c.site == binding.c.site, item.c.gtin == binding.c.gtin, item.c.serial == binding.c.serial)
    said = and_(disposition.c.gtin == binding.c.gtin, disposition.c.serial == binding.c.serial)
    bound = (
        select(binding.c.site, func.count().label("n"))
        .join(reservation, reservation.c.id == binding.c.reservation)
        .outerjoin(item, here)
        .outerjoin(disposition, said)
        .where(active, binding.c.picked.is_(False))
        .where(or_(item.c.zone.is_(None), item.c.zone == OUT, disposition.c.state != AVAILABLE))
        .group_by(binding.c.site)
    )
    found = {row.site: int(row.n) for row in await connection.execute(bound)}
    held = func.sum(reservation_line.c.untagged)
    loose = (
        select(reservation_line.c.site, stock.c.untagged, held.label("held"))
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .join(stock, and_(stock.c.site == reservation_line.c.site, stock.c.gtin == reservation_line.c.gtin))
        .where(active, reservation_line.c.untagged > 0)
        .group_by(reservation_line.c.site, reservation_line.c.gtin, stock.c.untagged)
        .having(held > stock.c.untagged)
    )
    for row in await connection.execute(loose):
        found[row.site] = found.get(row.site, 0) + int(row.held) - row.untagged
    return found
