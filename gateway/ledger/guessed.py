"""Sold items that nobody named: the tracker took them for the units of a sale by SKU, and may take that back."""

from collections.abc import Collection

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.accounts import UNPLACED
from gateway.ledger.consequences import ItemName
from gateway.ledger.picture import SOLD
from gateway.storage.commerce import posting
from gateway.storage.statement import MANY, has_key


async def guessed_sales(connection: AsyncConnection, site: str, names: Collection[ItemName]) -> dict[ItemName, bool]:
    """Return those of these sold items whose newest posting names no event and nobody: it followed from a movement.

    True: a unit that was owed was taken for theirs in the same commit (it left `unplaced` for the same reason, at the
    same instant), and is owed again when the guess is taken back. Of several guesses of one instant the first ones got
    such units, as they are posted in that order.
    """
    wanted = sorted(names)
    found: dict[ItemName, bool] = {}
    for low in range(0, len(wanted), MANY):
        named = has_key((posting.c.gtin, posting.c.serial), wanted[low : low + MANY])
        query = select(posting).where(named).order_by(posting.c.id)
        newest = {(row.gtin, row.serial): row for row in await connection.execute(query)}
        for name, row in newest.items():
            if row.debit != SOLD or row.source or row.actor or row.site != site:
                continue
            alike = select(func.count()).where(
                and_(posting.c.site == site, posting.c.gtin == row.gtin),
                and_(posting.c.cause == row.cause, posting.c.source == ""),
                and_(posting.c.happened_us == row.happened_us, posting.c.recorded_us == row.recorded_us),
            )
            placed = alike.where(posting.c.serial == "", posting.c.debit == UNPLACED)
            before = alike.where(posting.c.serial != "", posting.c.debit == SOLD, posting.c.id < row.id)
            units, guesses = await connection.scalar(placed) or 0, await connection.scalar(before) or 0
            found[name] = guesses < units
    return found
