"""Where items are, by the rows of the fold."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.schema import item
from gateway.storage.statement import MANY
from gateway.trade.said import ItemName
from wire.site import OUT


async def zones_of(connection: AsyncConnection, site: str, items: Sequence[ItemName]) -> dict[ItemName, str]:
    """Return the zones of those of these items that a site has inside."""
    found: dict[ItemName, str] = {}
    for gtin in sorted({name.gtin for name in items}):
        serials = sorted({name.serial for name in items if name.gtin == gtin})
        for low in range(0, len(serials), MANY):
            query = select(item.c.serial, item.c.zone).where(
                item.c.site == site,
                item.c.gtin == gtin,
                item.c.serial.in_(serials[low : low + MANY]),
                item.c.zone != OUT,
            )
            found |= {ItemName(gtin, row.serial): row.zone for row in await connection.execute(query)}
    return found


async def inside(
    connection: AsyncConnection, sites: Sequence[str], items: Sequence[ItemName]
) -> dict[str, list[ItemName]]:
    """Return which of these items each of the sites has inside."""
    found: dict[str, list[ItemName]] = {}
    for gtin in sorted({name.gtin for name in items} if sites else ()):
        serials = sorted({name.serial for name in items if name.gtin == gtin})
        for low in range(0, len(serials), MANY):
            query = select(item.c.site, item.c.gtin, item.c.serial).where(
                item.c.site.in_(sites),
                item.c.gtin == gtin,
                item.c.serial.in_(serials[low : low + MANY]),
                item.c.zone != OUT,
            )
            for row in await connection.execute(query):
                found.setdefault(row.site, []).append(ItemName(row.gtin, row.serial))
    return found
