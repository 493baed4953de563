"""Counts: items of a zone as evidence, and units without tags as quantities.

The items that were counted are there: one that was missing, or had left unsold, is available again. What a count did
not find is the presence engine's to judge, by its coverage. Units without tags are set to what was counted, by a posted
difference: what changed them since the count's instant stays.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso
from gateway.http.trade_rows import CountedUnits, CountTaken
from gateway.ledger.accounts import OUTSIDE, UNPLACED, states_of
from gateway.ledger.picture import AVAILABLE, LEFT_UNSOLD, MISSING, SkuKey, SkuPicture
from gateway.presence.tracker import EvidenceKind
from gateway.storage.commerce import posting
from gateway.trade.quantities import Moved, untagged_since
from gateway.trade.said import Count, ItemName
from gateway.trade.work import Work

CAUSE = "count"


async def count(work: Work, said: Count) -> CountTaken:
    """Take a count. Raises `ForeignItemError`, `UnknownSiteError`, `UnknownZoneError`."""
    await work.enter(said.site)
    work.check_items(said.site, said.items)
    work.check_zone(said.site, said.zone)
    gtins = {name.gtin for name in said.items} | {gtin for gtin, _ in said.untagged}
    elsewhere = await work.elsewhere(said.site, said.items)
    await work.lock({(said.site, gtin) for gtin in gtins} | elsewhere.keys)
    states = await states_of(work.connection, said.items)
    found = [ItemName(*name) for name, row in states.items() if row.state in {MISSING, LEFT_UNSOLD}]
    await work.let(said.site, found, AVAILABLE, CAUSE)
    pictures = await work.pictures()
    counted = []
    for gtin, units in said.untagged:
        counted.append(await _set_counted(work, said, pictures[SkuKey(said.site, gtin)], units))
    if said.items:
        work.say(said.site, EvidenceKind.COUNT, items=said.items, zone=said.zone, coverage=said.coverage)
    work.gone_from(elsewhere)
    detail = {"items": len(said.items), "found": len(found), "skus": len(said.untagged), "zone": said.zone}
    await work.finish(CAUSE, "count", said.event, detail)
    return CountTaken(
        source_event_id=said.event,
        site=said.site,
        zone=said.zone,
        items=len(said.items),
        found=len(found),
        untagged=counted,
        recorded_at=iso(work.now_us),
    )


async def _set_counted(work: Work, said: Count, picture: SkuPicture, units: int) -> CountedUnits:
    """Set the units without tags of a SKU to what was counted of this owner's."""
    key = picture.key
    has = picture.untagged.get((said.owner, AVAILABLE), 0)
    since = untagged_since(await moved_since(work.connection, key, work.at_us, said.owner))
    now = max(0, units + since)
    await post_difference(work, key, now - has, CAUSE, said.owner)
    if picture.unplaced and not picture.zones:
        await work.post(key, picture.unplaced, (OUTSIDE, UNPLACED), CAUSE)  # no item is there that it could be
    return CountedUnits(gtin=key.gtin, before=has - since, counted=units, now=now)


async def post_difference(work: Work, key: tuple[str, str], difference: int, cause: str, owner: str) -> None:
    """Post units without tags that nobody can explain: more, or (below 0) fewer. Raises `ShortError`."""
    accounts = (OUTSIDE, AVAILABLE) if difference > 0 else (AVAILABLE, OUTSIDE)
    await work.post(key, abs(difference), accounts, cause, owner)


async def moved_since(
    connection: AsyncConnection, key: tuple[str, str], after_us: int, owner: str | None = None
) -> list[Moved]:
    """Return what was posted of a SKU at a site that happened after an instant; of units without tags an owner's."""
    columns = (posting.c.serial, posting.c.credit, posting.c.debit, posting.c.quantity)
    site, gtin = key
    query = select(*columns).where(posting.c.site == site, posting.c.gtin == gtin, posting.c.happened_us > after_us)
    if owner is not None:
        query = query.where(posting.c.owner == owner)
    rows = await connection.execute(query.order_by(posting.c.id))
    return [Moved(row.serial, row.credit, row.debit, row.quantity) for row in rows]
