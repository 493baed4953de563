"""The same questions to the real database: does a quote of the gateway choose what the pure core chose in the week?

All stores are registered as sites; for each plan that was asked for in the week, the rows of stock of its SKUs are
written as they were then (the same ladders), and `gateway.sourcing.quotes` is asked at the same instant. It reads
sites, hours and rows itself. What differs is said; nothing should.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import delete, insert, update

from bench._presence_case import site_of
from bench.chain.agenda import MONDAY_US
from bench.chain.web import HANDLING, Planned
from gateway.availability import Policy
from gateway.holds.asked import Who
from gateway.sourcing.plan import Need
from gateway.sourcing.quotes import Order, Quotes
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from gateway.storage.schema import site_fold, stock, zone_state
from gateway.storage.site_register import register_site
from simulator.chain.demand import Sku
from simulator.chain.parameters import Chain
from wire.site import Fulfilment
from wire.site_hours import Span

_CLOSE: Final = 1e-6
_ZONES: Final = ("BACK", "FLOOR_A", "FLOOR_B", "FIT", "POS")


@dataclass(frozen=True, slots=True)
class Asked:
    """How many quotes were asked of the database, how many chose as the core did; `first`: the first that did not."""

    quotes: int
    same: int
    first: str = ""


def ask_database(chain: Chain, skus: Sequence[Sku], planned: Sequence[Planned], policy: Policy) -> Asked:
    """Ask all of it on SQLite."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'chain.db'}"
        migrate(url)
        return asyncio.run(_ask(url, chain, skus, planned, policy))


async def _ask(url: str, chain: Chain, skus: Sequence[Sku], planned: Sequence[Planned], policy: Policy) -> Asked:
    database = Database(url)
    clock = [MONDAY_US]
    quotes = Quotes(database, lambda: clock[0])
    same, first = 0, ""
    try:
        await _register(database, chain)
        for one in planned:
            clock[0] = one.at_us
            await _put_rows(database, skus, one)
            needs = tuple(Need(skus[sku].gtin, 1) for sku in one.skus)
            mode = "pickup" if one.order.pickup else "ship_from_store"
            only = frozenset(one.sites) - frozenset(one.full)
            order = Order(needs, mode, ship_to=(one.order.lat, one.order.lon), only=only)
            plans = (await quotes.quote(Who("web", policy), order, plans=1)).quote.plans
            found = (plans[0].sites, plans[0].cost, plans[0].eta_us) if plans else None
            wanted = (one.plan.sites, one.plan.cost, one.plan.eta_us) if one.plan else None
            if _equal(found, wanted):
                same += 1
            elif not first:
                first = f"order {one.order.number}: the database says {found}, the core said {wanted}"
    finally:
        await quotes.close()
        await database.close()
    return Asked(len(planned), same, first)


def _equal(one: tuple[object, float, int] | None, two: tuple[object, float, int] | None) -> bool:
    if one is None or two is None:
        return one is two
    return one[0] == two[0] and abs(one[1] - two[1]) < _CLOSE and abs(one[2] - two[2]) <= 1_000


async def _register(database: Database, chain: Chain) -> None:
    """Put the stores on the map, with their hours, all zones looked at."""
    hours = ((Span(chain.opens_h * 60, chain.closes_h * 60),),) * 7
    does = Fulfilment(handling_min=int(HANDLING.total_seconds() // 60))
    async with database.write() as connection:
        for shop in chain.shops:
            one = replace(
                site_of("yardstick"), id=shop.site, location=(shop.lat, shop.lon), hours=hours, fulfilment=does
            )
            await register_site(connection, one, MONDAY_US)
            zones = [
                {"site": shop.site, "zone": zone, "status": "live", "as_of_us": MONDAY_US, "since_us": MONDAY_US}
                for zone in _ZONES
            ]
            await connection.execute(insert(zone_state), zones)
        await connection.execute(update(site_fold).values(now_us=MONDAY_US))


async def _put_rows(database: Database, skus: Sequence[Sku], one: Planned) -> None:
    """Write the rows of stock as they were when the plan was asked for."""
    rows = [
        {"site": site, "gtin": skus[sku].gtin, "version": 1, "on_hand": 1, "sellable": 1, "changed_us": one.at_us}
        | {"promised": 1, "ladder": ladder}
        for sku in one.skus
        for site, ladder in zip(one.sites, one.ladders[sku], strict=True)
    ]
    async with database.write() as connection:
        await connection.execute(update(site_fold).values(now_us=one.at_us))
        await connection.execute(delete(stock).where(stock.c.gtin.in_([skus[sku].gtin for sku in one.skus])))
        await connection.execute(insert(stock), rows)
