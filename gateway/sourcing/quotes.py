"""From an order to its plans: reads what the sites have of it, and lets `gateway.sourcing.plan` choose.

One query for the rows of stock of all lines over all sites. Of each row only the rungs of the ladder that can decide
are fetched. Sites that cannot serve the order at all (they do not send, they are full, the key is not for them) are out
before that. Whether a row is stale is known from the site alone for most; only for sites of which some zones are blind
the units in those are looked at: of all candidates when the channel's `when_blind` depends on it, else of the few that
stand in a plan, so that no probability is said of what nobody looks at.

A quote promises nothing. What expired holds keep back in a row is not offered until it is swept, a moment later.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import LargeBinary, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import BLIND, KEEP
from gateway.clock import Clock
from gateway.geo import Location
from gateway.holds.asked import Who
from gateway.holds.errors import BusyError, UnknownHoldSiteError
from gateway.sourcing.fleet import Fleet, Register, Sight
from gateway.sourcing.limits import LINES_MAX, NAMED_MAX, QUOTES_AT_ONCE, QUOTES_WAITING_MAX, ROWS_MAX, SITES_MAX
from gateway.sourcing.offers import RUNG_BYTES, Offers, offers_of, rungs_needed
from gateway.sourcing.plan import (
    DAY_US,
    PLANS_MAX,
    REASONS,
    Candidates,
    LeftOut,
    Need,
    Quote,
    quote,
    with_reasons,
    without_confidence,
)
from gateway.sourcing.rules import SourcingRules
from gateway.storage.engine import Database
from gateway.storage.schema import stock, stock_count, zone_state
from gateway.storage.statement import MANY

PICKUP: Final = "pickup"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be served. `needs` name each SKU once, up to `LINES_MAX`.

    It goes to the place `ship_to`, or to the site `collect_at`; with the mode `pickup` the buyer comes for it: to that
    site, or to one near `ship_to`. `only`: of these sites; `without`: not of these.
    """

    needs: tuple[Need, ...]
    mode: str
    ship_to: Location | None = None
    collect_at: str | None = None
    need_by_us: int | None = None
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Quoted:
    """The plans of an order, when they were made (UTC microseconds), and by which rules."""

    quote: Quote
    at_us: int
    rules: SourcingRules


class Quotes:
    """Makes plans for the orders of this process, a bounded number at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._register = Register(database, clock)
        self._slots = asyncio.Semaphore(QUOTES_AT_ONCE)
        self._waiting = 0
        self._made = 0
        self._turned_away = 0

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return {
            "quotes_made": self._made,
            "quotes_waiting": self._waiting,
            "quotes_turned_away": self._turned_away,
            "quote_site_reads": self._register.reads,
            "quote_site_failures": self._register.failures,
        }

    async def close(self) -> None:
        """Wait for what is being read."""
        await self._register.close()

    async def quote(self, who: Who, order: Order, *, plans: int = PLANS_MAX) -> Quoted:
        """Return the plans for an order by the rules of the caller's channel, over the caller's sites.

        Raises `UnknownHoldSiteError` for a site to collect at that there is not, and `BusyError`.
        """
        assert len(order.needs) <= LINES_MAX
        async with self._slot():
            fleet = await self._register.current()
            if order.collect_at is not None and order.collect_at not in fleet.index:
                raise UnknownHoldSiteError(order.collect_at, [name for name in fleet.index if who.sees(name)])
            now_us = self._clock()
            rules = _rules_for(order, fleet.rules_of(who.policy.name))
            ask = _Ask(fleet, who, order, rules)
            candidates = ask.candidates(self._register.ready_us(fleet, now_us))
            async with self._database.read() as connection:
                offers = await ask.offers(connection, candidates)
                found = quote(order.needs, candidates, offers, rules, now_us, need_by_us=order.need_by_us, plans=plans)
                found = await ask.honest(connection, found)
            self._made += 1
            return Quoted(found, now_us, rules)

    def served(self, sites: Sequence[str]) -> None:
        """Say that sites have one order more, until that is read again."""
        self._register.served(sites)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Let a bounded number of quotes run, and a bounded number wait. Raises `BusyError`."""
        if self._waiting >= QUOTES_WAITING_MAX:
            self._turned_away += 1
            raise BusyError(f"{QUOTES_WAITING_MAX} quotes wait already")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


def _rules_for(order: Order, rules: SourcingRules) -> SourcingRules:
    """Return the rules of an order: who collects comes to one site, and nothing is sent."""
    return replace(rules, parcel=0.0, parcels=1) if order.mode == PICKUP else rules


def _days(rules: SourcingRules, km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long parcels are on their way."""
    return rules.carrier_days + (km / rules.carrier_km if rules.carrier_km else np.zeros(len(km)))


@dataclass(frozen=True, slots=True)
class _Ask:
    """One quote on its way."""

    fleet: Fleet
    who: Who
    order: Order
    rules: SourcingRules

    def candidates(self, ready_us: NDArray[np.int64]) -> Candidates:
        """Return the sites that are asked, with what is known of them but their stock. `ready_us`: of all sites."""
        fleet, order = self.fleet, self.order
        place = order.ship_to
        if place is None and order.collect_at is not None:
            place = fleet.sites[fleet.index[order.collect_at]].location
        asked = np.array([at for at, site in enumerate(fleet.sites) if self._asked(site.id)], np.int64)
        km = (np.zeros(len(fleet.sites)) if place is None else fleet.distances_km(place))[asked]
        collected = order.mode == PICKUP
        days = np.zeros(len(asked)) if collected else _days(self.rules, km)
        does = (fleet.collects if collected else fleet.ships)[asked]
        most = min(SITES_MAX, max(1, ROWS_MAX // len(order.needs)))
        far = np.zeros(len(asked), bool)
        far[np.lexsort((asked, km))[most:]] = True
        out = np.full(len(asked), -1, np.int8)
        for reason, holds in (
            (LeftOut.FAR, far),
            (LeftOut.FULL, (fleet.orders >= fleet.capacity)[asked]),
            (LeftOut.DOES_NOT, ~does),
        ):
            out[holds] = REASONS.index(reason)
        return Candidates(
            sites=[fleet.sites[at].id for at in asked.tolist()],
            ready_us=ready_us[asked],
            travel_us=(days * DAY_US).astype(np.int64),
            distance_km=km,
            pick=np.where(np.isnan(fleet.pick), self.rules.pick, fleet.pick)[asked],
            left_out=out,
        )

    def _asked(self, site: str) -> bool:
        order = self.order
        if site in order.without or not self.who.sees(site) or (order.only is not None and site not in order.only):
            return False
        return order.mode != PICKUP or order.collect_at is None or site == order.collect_at

    async def offers(self, connection: AsyncConnection, candidates: Candidates) -> list[Offers]:
        """Return what the candidates have of each need."""
        fleet, policy, needs = self.fleet, self.who.policy, self.order.needs
        open_ = zip(candidates.sites, candidates.left_out.tolist(), strict=True)
        asked = [site for site, out in open_ if out < 0 and site not in self.rules.avoid]
        rows = await self._rows(connection, candidates.sites, asked)
        blind = await self._blind_rows(connection, asked)
        sight = [fleet.sight[fleet.index[site]] for site in candidates.sites]
        stale = np.array([seen is Sight.NONE for seen in sight], bool)
        looked = np.array([seen is Sight.ALL or seen is Sight.SOME for seen in sight], bool)
        found = []
        for need in needs:
            ladders, known = rows[need.gtin]
            here = stale
            if blind:
                here = stale | np.array([(site, need.gtin) in blind for site in candidates.sites], bool)
            rungs = rungs_needed(need.quantity, self.rules, policy)
            found.append(offers_of(ladders, policy, rungs, known=np.array(known, bool) & looked, stale=here))
        return found

    async def _rows(
        self, connection: AsyncConnection, sites: Sequence[str], asked: Sequence[str]
    ) -> dict[str, tuple[list[bytes], list[bool]]]:
        """Return the ladders of all needs, and whether their probabilities are known, in the order of `sites`."""
        needs = self.order.needs
        found = {need.gtin: ([b""] * len(sites), [False] * len(sites)) for need in needs}
        if not asked:
            return found
        rungs = max(rungs_needed(need.quantity, self.rules, self.who.policy) for need in needs)
        ladder = func.substr(stock.c.ladder, 1, rungs * RUNG_BYTES, type_=LargeBinary)
        query = select(stock.c.gtin, stock.c.site, ladder, stock.c.promised)
        query = query.where(stock.c.gtin.in_(list(found)), func.length(stock.c.ladder) > 0)
        if len(asked) <= NAMED_MAX:
            query = query.where(stock.c.site.in_(asked))
        index = {site: at for at, site in enumerate(sites)}
        for gtin, site, held, promised in (await connection.execute(query)).all():
            at = index.get(site)
            if at is not None:
                ladders, known = found[gtin]
                ladders[at], known[at] = held, promised is not None
        return found

    async def _blind_rows(
        self, connection: AsyncConnection, sites: Sequence[str], *, always: bool = False
    ) -> frozenset[tuple[str, str]]:
        """Return the rows (site, GTIN) with units in a blind zone, of sites that are looked at in part.

        None where that decides nothing: the channel keeps what a blind zone has.
        """
        if self.who.policy.when_blind == KEEP and not always:
            return frozenset()
        fleet = self.fleet
        partly = [site for site in sites if fleet.sight[fleet.index[site]] is Sight.SOME]
        found: set[tuple[str, str]] = set()
        zone = and_(zone_state.c.site == stock_count.c.site, zone_state.c.zone == stock_count.c.zone)
        for low in range(0, len(partly), MANY):
            query = (
                select(stock_count.c.site, stock_count.c.gtin)
                .join(zone_state, zone)
                .where(
                    stock_count.c.site.in_(partly[low : low + MANY]),
                    stock_count.c.gtin.in_([need.gtin for need in self.order.needs]),
                    stock_count.c.quantity > 0,
                    zone_state.c.status == BLIND,
                )
            )
            found.update((row.site, row.gtin) for row in await connection.execute(query))
        return frozenset(found)

    async def honest(self, connection: AsyncConnection, found: Quote) -> Quote:
        """Return a quote whose plans say no probability of rows that nobody looks at."""
        sites = sorted({site for plan in found.plans for site in plan.sites})
        blind = await self._blind_rows(connection, sites, always=True)
        if not blind:
            return found
        return replace(found, plans=tuple(with_reasons([without_confidence(plan, blind) for plan in found.plans])))
