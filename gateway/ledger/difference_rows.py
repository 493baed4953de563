"""Differences as rows of an answer: facts from the database, causes from `gateway.accuracy.reconcile`."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.reconcile import ITEMS_SHOWN, Difference, SkuFacts, differences
from gateway.clock import iso
from gateway.http.ports import BookNow, DecidedBy, DifferenceItem, DifferencePage, DifferenceRow, ZoneCount
from gateway.ledger.facts import SKUS_AT_ONCE, candidates, facts_of
from gateway.storage.schema import approval
from gateway.storage.statement import MANY
from wire.site import Site

NOWHERE: Final = DifferencePage("", [], None)


async def difference_page(
    connection: AsyncConnection, site: Site, after_gtin: str, limit: int, gtin: str | None
) -> DifferencePage:
    """Return the differences of up to `limit` SKUs (at most `SKUS_AT_ONCE`) after a GTIN, or of one SKU."""
    limit = min(limit, SKUS_AT_ONCE)
    gtins = [gtin] if gtin is not None else await candidates(connection, site.id, after_gtin, limit)
    pairs = [(facts, one) for facts in await facts_of(connection, site, gtins) for one in differences(facts)]
    decided = await _decided(connection, site.id, [one.id for _, one in pairs])
    rows = [_row(facts, one, decided.get(one.id)) for facts, one in pairs]
    following = gtins[-1] if gtin is None and len(gtins) == limit else None
    return DifferencePage(site.id, rows, following)


async def _decided(connection: AsyncConnection, site: str, names: Sequence[str]) -> dict[str, DecidedBy]:
    found: dict[str, DecidedBy] = {}
    for low in range(0, len(names), MANY):
        query = select(approval.c.id, approval.c.who, approval.c.decision, approval.c.approved_us).where(
            approval.c.site == site, approval.c.id.in_(names[low : low + MANY])
        )
        for row in await connection.execute(query):
            found[row.id] = DecidedBy(row.who, row.decision, iso(row.approved_us))
    return found


def _row(facts: SkuFacts, one: Difference, decided: DecidedBy | None) -> DifferenceRow:
    shown = one.items[:ITEMS_SHOWN]
    held = facts.book
    return DifferenceRow(
        id=one.id,
        gtin=one.gtin,
        cause=one.cause.value,
        zone=one.zone or None,
        quantity=one.quantity,
        items=[
            DifferenceItem(item.serial, item.place, iso(item.since_us), item.came_from, item.cause, item.probability)
            for item in shown
        ],
        items_left_out=len(one.items) - len(shown),
        on_hand=facts.on_hand,
        zones={zone: units for zone, units in sorted(facts.zones.items()) if units},
        book=None if held is None else BookNow(held.quantity, iso(held.as_of_us), held.now),
        counts=[ZoneCount(count.zone, iso(count.at_us), count.expected, count.seen) for count in facts.counts],
        approved=decided,
    )
