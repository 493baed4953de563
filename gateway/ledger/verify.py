"""Checks of the ledger against everything that is derived from it, and the way to derive it again.

`verify` reads one consistent picture of a site and lists each disagreement:

* *chains*: each movement of an item leaves the place where the one before it arrived, the first leaves `OUT`. With
  this, what is debited equals what is credited item by item, not only in sum;
* *accounts*: over all accounts, `OUT` included, debits less credits is zero;
* *items*: each item's place and newest movement are those of its chain;
* *counts*: units by SKU and zone equal the items that are there, and the sums of the ledger;
* *stock*: on hand and sellable equal the counts;
* *fold*: as many movements as the fold says that it made, without holes.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import sellable_zones
from gateway.storage.engine import Database
from gateway.storage.schema import item, movement, site_fold, stock, stock_count
from gateway.storage.schema import site as site_table
from gateway.storage.site_register import decode_site
from gateway.storage.statement import insert_into
from wire.site import OUT

FAULTS_SHOWN: Final = 100
"""Enough to see what kind of harm was done; the number of all is in `faults`."""

Counts = dict[tuple[str, str], int]


@dataclass(slots=True)
class Verdict:
    """What `verify` found at one site; `shown` are the first of `faults`."""

    site: str
    movements: int = 0
    items: int = 0
    items_present: int = 0
    faults: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing disagrees."""
        return self.faults == 0

    def fault(self, text: str) -> None:
        """Note a disagreement."""
        self.faults += 1
        if len(self.shown) < FAULTS_SHOWN:
            self.shown.append(text)


@dataclass(slots=True)
class _Ledger:
    """The ledger of one site, replayed: where each item is, its newest movement, and the balance of each account."""

    places: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def counts(self) -> Counts:
        counts: Counts = defaultdict(int)
        for (gtin, _), (place, _) in self.places.items():
            if place != OUT:
                counts[gtin, place] += 1
        return dict(counts)


async def verify(database: Database, site: str) -> Verdict:
    """Check one site; see the module's text for what."""
    verdict = Verdict(site)
    async with database.read() as connection:
        ledger = await _replay(connection, site, verdict)
        await _check_items(connection, site, ledger, verdict)
        counts = await _stored_counts(connection, site)
        _compare("counts, from the ledger", ledger.counts(), counts, verdict)
        await _check_stock(connection, site, counts, verdict)
    return verdict


async def _replay(connection: AsyncConnection, site: str, verdict: Verdict) -> _Ledger:
    ledger = _Ledger()
    columns = (movement.c.m, movement.c.gtin, movement.c.serial, movement.c.credit, movement.c.debit)
    query = select(*columns).where(movement.c.site == site).order_by(movement.c.m)
    expected_m = 1
    async for row in await connection.stream(query):
        if row.m != expected_m:
            verdict.fault(f"movement {row.m} follows {expected_m - 1}")
        expected_m = row.m + 1
        verdict.movements += 1
        key = (row.gtin, row.serial)
        place, before = ledger.places.get(key, (OUT, 0))
        if row.credit != place:
            verdict.fault(f"movement {row.m} of {key} leaves {row.credit}: movement {before} put it in {place}")
        ledger.places[key] = (row.debit, row.m)
        ledger.balances[row.credit] -= 1
        ledger.balances[row.debit] += 1
    if sum(ledger.balances.values()) != 0:
        verdict.fault(f"debits less credits is {sum(ledger.balances.values())}")
    figures = await connection.scalar(select(site_fold.c.figures).where(site_fold.c.site == site))
    said = msgspec.json.decode(figures).get("movements", 0) if figures else 0
    if said != verdict.movements:
        verdict.fault(f"the fold made {said} movements, the ledger holds {verdict.movements}")
    return ledger


async def _check_items(connection: AsyncConnection, site: str, ledger: _Ledger, verdict: Verdict) -> None:
    query = select(item.c.gtin, item.c.serial, item.c.zone, item.c.m).where(item.c.site == site)
    seen = 0
    async for row in await connection.stream(query):
        seen += 1
        verdict.items_present += row.zone != OUT
        expected = ledger.places.get((row.gtin, row.serial))
        if expected != (row.zone, row.m):
            verdict.fault(f"item {(row.gtin, row.serial)} is in {row.zone} by {row.m}: the ledger says {expected}")
    verdict.items = seen
    if seen != len(ledger.places):
        verdict.fault(f"{seen} items: the ledger knows {len(ledger.places)}")


async def _stored_counts(connection: AsyncConnection, site: str) -> Counts:
    query = select(stock_count.c.gtin, stock_count.c.zone, stock_count.c.quantity).where(stock_count.c.site == site)
    return {(row.gtin, row.zone): row.quantity for row in await connection.execute(query) if row.quantity}


async def _check_stock(connection: AsyncConnection, site: str, counts: Counts, verdict: Verdict) -> None:
    sellable = await _sellable(connection, site)
    on_hand: dict[str, int] = defaultdict(int)
    can_sell: dict[str, int] = defaultdict(int)
    for (gtin, zone), units in counts.items():
        on_hand[gtin] += units
        can_sell[gtin] += units if zone in sellable else 0
    query = select(stock.c.gtin, stock.c.on_hand, stock.c.sellable).where(stock.c.site == site)
    rows = {row.gtin: (row.on_hand, row.sellable) for row in await connection.execute(query)}
    for gtin in sorted(on_hand.keys() | rows.keys()):
        expected = (on_hand.get(gtin, 0), can_sell.get(gtin, 0))
        if rows.get(gtin, (0, 0)) != expected:
            verdict.fault(f"stock of {gtin} is {rows.get(gtin)} (on hand, sellable): the counts say {expected}")


async def _sellable(connection: AsyncConnection, site: str) -> frozenset[str]:
    config = await connection.scalar(select(site_table.c.config).where(site_table.c.site == site))
    return sellable_zones(decode_site(config)) if config else frozenset()


def _compare(what: str, expected: Counts, found: Counts, verdict: Verdict) -> None:
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key, 0) != found.get(key, 0):
            verdict.fault(f"{what}: {key} holds {found.get(key, 0)}, expected {expected.get(key, 0)}")


async def rebuild_counts(database: Database, site: str) -> int:
    """Derive counts, items' places and stock from the ledger again; return how many counts were wrong.

    The site's fold is locked out meanwhile. Versions of rows that change are raised, so that readers take the new ones.
    """
    async with database.write() as connection:
        await connection.execute(update(site_fold).where(site_fold.c.site == site).values(site=site))
        ledger = await _replay(connection, site, Verdict(site))
        before, after = await _stored_counts(connection, site), ledger.counts()
        wrong = {key for key in before.keys() | after.keys() if before.get(key, 0) != after.get(key, 0)}
        await connection.execute(delete(stock_count).where(stock_count.c.site == site))
        rows = [{"site": site, "gtin": g, "zone": z, "quantity": units} for (g, z), units in sorted(after.items())]
        if rows:
            await connection.execute(insert(stock_count), rows)
        await _replace_places(connection, site, ledger)
        await _restock(
            connection, site, {gtin for gtin, _ in before.keys() | after.keys()}, {g for g, _ in wrong}, after
        )
        await _recount_sellable(connection, site, await _sellable(connection, site))
    return len(wrong)


async def _replace_places(connection: AsyncConnection, site: str, ledger: _Ledger) -> None:
    """Write the items' places by the ledger."""
    rows = [
        {"site": site, "gtin": gtin, "serial": serial, "zone": place, "m": m, "since_us": 0, "probability": None}
        for (gtin, serial), (place, m) in sorted(ledger.places.items())
    ]
    if not rows:
        return
    insert_item = insert_into(connection, item)
    replaced = {name: insert_item.excluded[name] for name in ("zone", "m")}
    write = insert_item.on_conflict_do_update(index_elements=["site", "gtin", "serial"], set_=replaced)
    await connection.execute(write, rows)
    newest = (
        select(movement.c.happened_us).where(movement.c.site == item.c.site, movement.c.m == item.c.m).scalar_subquery()
    )
    await connection.execute(update(item).where(item.c.site == site, item.c.since_us == 0).values(since_us=newest))


async def _restock(connection: AsyncConnection, site: str, gtins: set[str], wrong: set[str], counts: Counts) -> None:
    on_hand: dict[str, int] = defaultdict(int)
    for (gtin, _), units in counts.items():
        on_hand[gtin] += units
    insert_stock = insert_into(connection, stock)
    write = insert_stock.on_conflict_do_update(
        index_elements=["site", "gtin"],
        set_={"on_hand": insert_stock.excluded.on_hand, "version": stock.c.version + insert_stock.excluded.version},
    )
    rows = [
        {"site": site, "gtin": gtin, "version": int(gtin in wrong), "on_hand": on_hand[gtin], "sellable": 0}
        | {"changed_us": 0}
        for gtin in sorted(gtins)
    ]
    if rows:
        await connection.execute(write, rows)


async def _recount_sellable(connection: AsyncConnection, site: str, sellable: frozenset[str]) -> None:
    units = (
        select(func.coalesce(func.sum(stock_count.c.quantity), 0))
        .where(stock_count.c.site == stock.c.site, stock_count.c.gtin == stock.c.gtin)
        .where(stock_count.c.zone.in_(sorted(sellable)))
        .scalar_subquery()
    )
    await connection.execute(update(stock).where(stock.c.site == site).values(sellable=units))
