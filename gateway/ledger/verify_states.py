"""What goods are: the chains of postings, the items' states, units without tags, units that are not placed yet.

A chain goes over all sites: an item is sold in one and comes back to another. Each site checks the items that it posted
last, or that stand under its name, and every posting of its own.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.accounts import OUTSIDE, UNPLACED
from gateway.ledger.picture import AVAILABLE
from gateway.ledger.verdict import Verdict
from gateway.storage.commerce import disposition, posting, untagged
from gateway.storage.schema import stock

_OF_ITEM: Final[dict[str, Any]] = {"partition_by": (posting.c.gtin, posting.c.serial), "order_by": posting.c.id}


def chain_of(items: Select[Any] | None) -> Subquery:
    """Return postings of items, each with the state that the one before it led to, and the posting after it.

    `items` selects (GTIN, serial) of those that matter; None: all.
    """
    query = select(
        posting.c.id,
        posting.c.site,
        posting.c.gtin,
        posting.c.serial,
        posting.c.owner,
        posting.c.credit,
        posting.c.debit,
        posting.c.quantity,
        posting.c.happened_us,
        func.lag(posting.c.debit).over(**_OF_ITEM).label("was"),
        func.lead(posting.c.id).over(**_OF_ITEM).label("after_id"),
    ).where(posting.c.serial != "")
    if items is not None:
        query = query.where(tuple_(posting.c.gtin, posting.c.serial).in_(items))
    return query.subquery("chain")


async def of_site(connection: AsyncConnection, site: str) -> Select[Any] | None:
    """Return the items that concern a site; None when no other site has postings or states."""
    others = [
        select(literal(1)).where(table.c.site != site).limit(1).scalar_subquery() for table in (posting, disposition)
    ]
    posted_elsewhere, stated_elsewhere = (await connection.execute(select(*others))).one()
    if posted_elsewhere is None and stated_elsewhere is None:
        return None
    mine = select(posting.c.gtin, posting.c.serial).where(posting.c.site == site, posting.c.serial != "")
    stated = select(disposition.c.gtin, disposition.c.serial).where(disposition.c.site == site)
    return select(union_all(mine, stated).subquery("mine"))


async def check_states(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    """Check postings, states, untagged and unplaced units of a site."""
    count = select(func.count()).select_from(posting).where(posting.c.site == site)
    verdict.postings = int(await connection.scalar(count) or 0)
    items = await of_site(connection, site)
    await _check_chains(connection, site, items, verdict)
    await _check_dispositions(connection, site, items, verdict)
    async for row in await connection.stream(wrong_untagged(site)):
        verdict.fault(
            f"untagged units of {row.gtin} ({row.owner}) that are {row.account}: {row.found}, the postings say "
            f"{row.expected}"
        )
    async for row in await connection.stream(wrong_unplaced(site)):
        verdict.fault(f"{row.found} units of {row.gtin} are not placed, the postings say {row.expected}")


async def _check_chains(connection: AsyncConnection, site: str, items: Select[Any] | None, verdict: Verdict) -> None:
    chain = chain_of(items)
    wrong = (chain.c.credit != func.coalesce(chain.c.was, AVAILABLE)) | (chain.c.quantity != 1)
    broken = select(chain).where(chain.c.site == site, wrong).order_by(chain.c.id)
    async for row in await connection.stream(broken):
        key = (row.gtin, row.serial)
        if row.quantity != 1:
            verdict.fault(f"posting {row.id} of {key} is of {row.quantity} units: an item is one")
        else:
            verdict.fault(f"posting {row.id} of {key} leaves {row.credit}: the item was {row.was or AVAILABLE}")


async def _check_dispositions(
    connection: AsyncConnection, site: str, items: Select[Any] | None, verdict: Verdict
) -> None:
    chain = chain_of(items)
    last = select(chain).where(chain.c.after_id.is_(None)).subquery("last")
    same = (disposition.c.gtin == last.c.gtin) & (disposition.c.serial == last.c.serial)
    stated = (
        select(disposition.c.gtin, disposition.c.serial, disposition.c.state, last.c.debit)
        .select_from(disposition.outerjoin(last, same))
        .where(disposition.c.site == site, disposition.c.state != func.coalesce(last.c.debit, AVAILABLE))
        .order_by(disposition.c.gtin, disposition.c.serial)
    )
    async for row in await connection.stream(stated):
        verdict.fault(f"item {(row.gtin, row.serial)} is {row.state}: its postings say {row.debit or AVAILABLE}")
    lost = (
        select(last.c.gtin, last.c.serial, last.c.debit)
        .select_from(last.outerjoin(disposition, same))
        .where(last.c.site == site, disposition.c.gtin.is_(None))
        .order_by(last.c.gtin, last.c.serial)
    )
    async for gone in await connection.stream(lost):
        verdict.fault(f"item {(gone.gtin, gone.serial)} has no state: its postings say {gone.debit}")


def balances_of(site: str) -> Subquery:
    """Return (gtin, owner, account, units) of a site's units without tags, by its postings."""
    mine = (posting.c.site == site, posting.c.serial == "")
    arrived = select(posting.c.gtin, posting.c.owner, posting.c.debit.label("account"), posting.c.quantity.label("n"))
    left = select(posting.c.gtin, posting.c.owner, posting.c.credit.label("account"), (-posting.c.quantity).label("n"))
    both = union_all(arrived.where(*mine), left.where(*mine)).subquery("entries")
    key = (both.c.gtin, both.c.owner, both.c.account)
    return select(*key, func.sum(both.c.n).label("units")).group_by(*key).subquery("balances")


def wrong_untagged(site: str) -> Select[Any]:
    """Return (gtin, owner, account, expected, found) of untagged units that are not the balance of their postings."""
    balance = balances_of(site)
    expected = select(
        balance.c.gtin, balance.c.owner, balance.c.account, balance.c.units.label("expected"), literal(0).label("found")
    ).where(balance.c.account.not_in((OUTSIDE, UNPLACED)))
    stored = select(
        untagged.c.gtin,
        untagged.c.owner,
        untagged.c.state.label("account"),
        literal(0).label("expected"),
        untagged.c.quantity.label("found"),
    ).where(untagged.c.site == site)
    both = union_all(expected, stored).subquery("both")
    key = (both.c.gtin, both.c.owner, both.c.account)
    return _differing(key, both.c.expected, both.c.found)


def wrong_unplaced(site: str) -> Select[Any]:
    """Return (gtin, expected, found) of units that are owed to an item, where stock says otherwise."""
    balance = balances_of(site)
    expected = select(balance.c.gtin, (-balance.c.units).label("expected"), literal(0).label("found")).where(
        balance.c.account == UNPLACED
    )
    stored = select(stock.c.gtin, literal(0).label("expected"), stock.c.unplaced.label("found")).where(
        stock.c.site == site, or_(stock.c.unplaced != 0)
    )
    both = union_all(expected, stored).subquery("both")
    return _differing((both.c.gtin,), both.c.expected, both.c.found)


def _differing(
    key: tuple[ColumnElement[Any], ...], expected: ColumnElement[int], found: ColumnElement[int]
) -> Select[Any]:
    wanted, has = func.sum(expected), func.sum(found)
    return (
        select(*key, wanted.label("expected"), has.label("found")).group_by(*key).having(wanted != has).order_by(*key)
    )
