"""What cycle counts found, kept: one row for each count, and the details of the last count of each zone."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fold.cycle_count import ELSEWHERE, MATCHED, NEW, UNSEEN
from gateway.fold.witness import CountResult
from gateway.storage.schema import count_cell, count_item, count_result

RESULTS_KEPT: Final = 1_000
"""Counts of one site: years of weekly counts in a few zones."""


async def write_count(
    connection: AsyncConnection, site: str, n: int, count: CountResult, key_of: Callable[[int], tuple[str, str]]
) -> None:
    """Write what a count found; it takes the place of the zone's last one. `key_of` gives an item's GTIN and serial."""
    totals = Counter(one.finding for one in count.findings)
    row = {
        "site": site,
        "n": n,
        "zone": count.zone,
        "source": count.source,
        "started_us": count.started_us,
        "at_us": count.at_us,
        "expected": totals[MATCHED] + totals[UNSEEN],
        "seen": totals[MATCHED] + totals[ELSEWHERE] + totals[NEW],
        "unseen": totals[UNSEEN],
        "elsewhere": totals[ELSEWHERE],
        "unknown": totals[NEW],
    }
    await connection.execute(insert(count_result), row)
    for table in (count_cell, count_item):
        await connection.execute(delete(table).where(table.c.site == site, table.c.zone == count.zone))
    expected: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    items: list[dict[str, Any]] = []
    for one in count.findings:
        gtin, serial = key_of(one.item)
        expected[gtin] += one.finding in {MATCHED, UNSEEN}
        seen[gtin] += one.finding != UNSEEN
        if one.finding != MATCHED:
            found = {"site": site, "gtin": gtin, "serial": serial, "zone": count.zone}
            items.append(found | {"finding": one.finding, "place": one.place})
    cells = [
        {"site": site, "gtin": gtin, "zone": count.zone, "n": n, "at_us": count.at_us}
        | {"expected": expected[gtin], "seen": seen[gtin]}
        for gtin in sorted(expected.keys() | seen.keys())
    ]
    if cells:
        await connection.execute(insert(count_cell), cells)
    if items:
        await connection.execute(insert(count_item), items)
    await _prune(connection, site)


async def _prune(connection: AsyncConnection, site: str) -> None:
    kept = (
        select(count_result.c.n)
        .where(count_result.c.site == site)
        .order_by(count_result.c.n.desc())
        .offset(RESULTS_KEPT)
        .limit(1)
    )
    newest_gone = (await connection.execute(kept)).scalar_one_or_none()
    if newest_gone is not None:
        await connection.execute(
            delete(count_result).where(count_result.c.site == site, count_result.c.n <= newest_gone)
        )
