"""The gateway's own figures, site by site."""

from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import BLIND
from gateway.http.ports import SiteHealth
from gateway.storage.schema import gap, quarantine, site_fold, site_input, site_log, stock, zone_state


async def site_healths(connection: AsyncConnection, now_us: int) -> list[SiteHealth]:
    """Return the figures of every site."""
    # Counts, not items: a shop has a hundred times fewer SKUs, and `verify` keeps the two equal.
    on_hand = select(stock.c.site, func.sum(stock.c.on_hand).label("units")).group_by(stock.c.site)
    present = {row.site: int(row.units) for row in await connection.execute(on_hand)}
    blind = await _count_by_site(connection, select(zone_state.c.site).where(zone_state.c.status == BLIND))
    refused = await _count_by_site(connection, select(quarantine.c.site).where(quarantine.c.site.is_not(None)))
    lost = await _count_by_site(connection, select(gap.c.site))
    # The oldest entry that waits is the next one: its key is known, so this is one look-up for each site.
    query = (
        select(site_fold, site_log.c.last_n, site_input.c.received_us)
        .join(site_log, site_log.c.site == site_fold.c.site)
        .outerjoin(site_input, (site_input.c.site == site_fold.c.site) & (site_input.c.n == site_fold.c.applied_n + 1))
        .order_by(site_fold.c.site)
    )
    return [
        SiteHealth(
            site=row.site,
            behind=row.last_n - row.applied_n,
            lag_ms=max(0, now_us - row.received_us) // 1_000 if row.received_us is not None else 0,
            fold_age_ms=max(0, now_us - row.now_us) // 1_000 if row.now_us else None,
            items_present=present.get(row.site, 0),
            blind_zones=blind.get(row.site, 0),
            quarantined=refused.get(row.site, 0),
            gaps=lost.get(row.site, 0),
            figures=msgspec.json.decode(row.figures, type=dict[str, int]),
        )
        for row in await connection.execute(query)
    ]


async def _count_by_site(connection: AsyncConnection, rows: Select[Any]) -> dict[str, int]:
    counted = rows.subquery()
    query = select(counted.c.site, func.count().label("rows")).group_by(counted.c.site)
    return {row.site: row.rows for row in await connection.execute(query)}
