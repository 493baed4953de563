"""Checks of the books against everything that is derived from them, and the way to derive it again.

`verify` reads one consistent picture of a site and lists each disagreement:

* *places* (`gateway.ledger.verify_places`): each movement of an item leaves the place where the one before it arrived,
  the first leaves `OUT`; items and counts are those of the chains; there are as many movements as the fold says;
* *states* (`gateway.ledger.verify_states`): each posting of an item leaves the state where the one before it arrived,
  at whichever site; items' states, untagged and unplaced units are those of the postings;
* *offers* (`gateway.ledger.verify_offers`): what stock says and offers follows from that; every hold has its units,
  and every bound item can be handed over.

The chains are checked by the database's own sorting, which needs no memory of ours, however long they are.
"""

from typing import Final

from sqlalchemy import Select, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import sellable_zones
from gateway.clock import Clock, system_clock
from gateway.ledger import verify_states
from gateway.ledger.accounts import OUTSIDE, UNPLACED
from gateway.ledger.retell import keys_of, lock_skus, retell, shelf_of
from gateway.ledger.verdict import FAULTS_SHOWN, Verdict
from gateway.ledger.verify_offers import check_offers
from gateway.ledger.verify_places import cells_of, cells_of_items, chain_of, check_places, wrong_cells
from gateway.ledger.verify_states import balances_of, check_states, wrong_unplaced, wrong_untagged
from gateway.site_view import SiteViews
from gateway.storage.commerce import disposition, untagged
from gateway.storage.engine import Database
from gateway.storage.schema import item, movement, site_fold, stock, stock_count
from gateway.storage.schema import site as site_table
from gateway.storage.site_register import decode_site
from gateway.storage.statement import MANY, insert_into

__all__ = ["FAULTS_SHOWN", "Verdict", "rebuild_counts", "verify", "verify_within"]

REBUILT: Final = "rebuilt"
"""Reason of an event that a rebuild caused."""


async def verify(database: Database, site: str) -> Verdict:
    """Check one site; see the module's text for what."""
    async with database.read() as connection:
        return await verify_within(connection, site)


async def verify_within(connection: AsyncConnection, site: str) -> Verdict:
    """Check one site as this transaction sees it."""
    verdict = Verdict(site)
    await check_places(connection, site, verdict)
    await check_states(connection, site, verdict)
    await check_offers(connection, site, await _sellable(connection, site), verdict)
    return verdict


async def _sellable(connection: AsyncConnection, site: str) -> frozenset[str]:
    config = await connection.scalar(select(site_table.c.config).where(site_table.c.site == site))
    return sellable_zones(decode_site(bytes(config))) if config else frozenset()


async def rebuild_counts(database: Database, site: str, clock: Clock = system_clock) -> int:
    """Derive places, counts, states, untagged units and stock from the ledgers again; return how many were wrong.

    What counts as wrong: counts by zone, untagged units, unplaced units. The site's fold is locked out meanwhile, and
    whoever wants to sell waits. Rows that change for a channel get a new version and an event.
    """
    now_us = clock()
    async with database.write() as connection:
        await connection.execute(update(site_fold).where(site_fold.c.site == site).values(site=site))
        gtins = set(await connection.scalars(select(stock.c.gtin).where(stock.c.site == site)))
        gtins |= set(await connection.scalars(select(movement.c.gtin).where(movement.c.site == site).distinct()))
        gtins |= set(await connection.scalars(select(balances_of(site).c.gtin).distinct()))
        locked = await lock_skus(connection, keys_of(site, gtins), now_us)
        wrong = 0
        for query in (wrong_cells(site, cells_of(site)), wrong_untagged(site), wrong_unplaced(site)):
            wrong += await _rows_of(connection, query)
        await _replace_places(connection, site)
        await _replace_counts(connection, site)
        await _replace_states(connection, site)
        views = await SiteViews(clock).load(connection, [site])
        shelves = {name: shelf_of(view) for name, view in views.items()}
        keys = sorted(locked)
        for low in range(0, len(keys), MANY):
            part = {key: locked[key] for key in keys[low : low + MANY]}
            await retell(connection, part, shelves, REBUILT, now_us)
    return wrong


async def _rows_of(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> int:
    return int(await connection.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0)


async def _replace_places(connection: AsyncConnection, site: str) -> None:
    """Write the items' places by the ledger."""
    last = chain_of(site)
    columns = ("site", "gtin", "serial", "zone", "m", "since_us")
    rows = select(
        select(site_table.c.site).where(site_table.c.site == site).scalar_subquery(),
        last.c.gtin,
        last.c.serial,
        last.c.debit,
        last.c.m,
        last.c.happened_us,
    ).where(last.c.after_m.is_(None))
    put = insert_into(connection, item).from_select(columns, rows)
    replaced = {name: put.excluded[name] for name in ("zone", "m")}
    await connection.execute(put.on_conflict_do_update(index_elements=["site", "gtin", "serial"], set_=replaced))


async def _replace_counts(connection: AsyncConnection, site: str) -> None:
    """Write the counts by the items' places, which are those of the ledger by now."""
    await connection.execute(delete(stock_count).where(stock_count.c.site == site))
    cells = cells_of_items(site).subquery()
    rows = select(
        select(site_table.c.site).where(site_table.c.site == site).scalar_subquery(),
        cells.c.gtin,
        cells.c.zone,
        cells.c.units,
    )
    await connection.execute(insert(stock_count).from_select(["site", "gtin", "zone", "quantity"], rows))


async def _replace_states(connection: AsyncConnection, site: str) -> None:
    """Write states, untagged and unplaced units by the postings."""
    chain = verify_states.chain_of(await verify_states.of_site(connection, site))
    columns = ("gtin", "serial", "site", "state", "owner", "since_us")
    rows = select(chain.c.gtin, chain.c.serial, chain.c.site, chain.c.debit, chain.c.owner, chain.c.happened_us).where(
        chain.c.after_id.is_(None), chain.c.site == site
    )
    put = insert_into(connection, disposition).from_select(columns, rows)
    replaced = {name: put.excluded[name] for name in ("state", "since_us")}
    differs = disposition.c.state != put.excluded.state
    write = put.on_conflict_do_update(index_elements=["gtin", "serial"], set_=replaced, where=differs)
    await connection.execute(write)
    balance = balances_of(site)
    await connection.execute(delete(untagged).where(untagged.c.site == site))
    loose = select(
        select(site_table.c.site).where(site_table.c.site == site).scalar_subquery(),
        balance.c.gtin,
        balance.c.owner,
        balance.c.account,
        balance.c.units,
    ).where(balance.c.account.not_in((OUTSIDE, UNPLACED)), balance.c.units > 0, true())
    names = ["site", "gtin", "owner", "state", "quantity"]
    await connection.execute(insert(untagged).from_select(names, loose))
    owed = (
        select(-func.sum(balance.c.units))
        .where(balance.c.gtin == stock.c.gtin, balance.c.account == UNPLACED)
        .scalar_subquery()
    )
    await connection.execute(update(stock).where(stock.c.site == site).values(unplaced=func.coalesce(owed, 0)))
