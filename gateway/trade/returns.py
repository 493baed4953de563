"""Returns: what a shopper brings back, to any site, is `returned_unchecked` there until somebody has looked at it.

Who has looked at it already says so with the return (`restock`, `damaged`); who looks later, by an inspection.

An item that nobody ever heard of begins to exist with its return. Units without tags come out of what was sold here, as
far as that goes; what was bought elsewhere comes from outside.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Final

from sqlalchemy import select

from gateway.clock import iso
from gateway.http.trade_rows import ReturnTaken, UnitsOf
from gateway.ledger.accounts import OUTSIDE, OWN, UNPLACED
from gateway.ledger.picture import AVAILABLE, DAMAGED, RETURNED, SOLD, SkuKey, SkuPicture
from gateway.presence.tracker import EvidenceKind
from gateway.storage.commerce import disposition
from gateway.storage.schema import site as site_table
from gateway.storage.statement import MANY, has_key
from gateway.trade.places import inside
from gateway.trade.references import write_references
from gateway.trade.said import DAMAGE, INSPECT, RESTOCK, Goods, ItemName, References, Return
from gateway.trade.work import Work

CAUSE = "return"
UNTOLD = "untold_sale"

STATES: Final[Mapping[str, str]] = {INSPECT: RETURNED, RESTOCK: AVAILABLE, DAMAGE: DAMAGED}
"""What returned goods are, by their disposition."""


async def give_back(work: Work, said: Return, references: References) -> ReturnTaken:
    """Take a return. Raises `ForeignItemError`, `UnknownSiteError`, `UnknownZoneError`."""
    await work.enter(said.site)
    goods = said.goods
    work.check_items(said.site, goods.items)
    work.check_zone(said.site, said.zone)
    keys = {(said.site, gtin) for gtin in goods.gtins}
    elsewhere = await work.elsewhere(said.site, goods.items)
    await work.lock(keys | elsewhere.keys)
    unknown = await _unknown(work, goods.items)
    await work.claim(said.site, goods.items)
    state = STATES[said.disposition]
    pictures = await work.pictures()
    await _had_been_sold(work, said, pictures)
    await work.let(said.site, goods.items, state, CAUSE)
    for gtin, units in goods.units:
        picture = pictures[SkuKey(said.site, gtin)]
        here = min(units, sum(held for (_, what), held in picture.untagged.items() if what == SOLD))
        await work.take(picture, here, (SOLD, state), CAUSE)
        await work.post((said.site, gtin), units - here, (OUTSIDE, state), CAUSE)
        work.say(said.site, EvidenceKind.RETURN, gtin=gtin, quantity=units, untagged=units)
    if goods.items:
        work.say(said.site, EvidenceKind.RETURN, items=goods.items, zone=said.zone)
    work.gone_from(elsewhere)
    await write_references(work.connection, "return", said, references, work.now_us)
    detail = {"skus": len(goods.gtins), "units": goods.quantity, "state": state}
    await work.finish(CAUSE, "return", said.event, detail)
    return ReturnTaken(
        source_event_id=said.event,
        site=said.site,
        state=state,
        lines=units_of(goods),
        unknown=unknown,
        recorded_at=iso(work.now_us),
    )


async def _had_been_sold(work: Work, said: Return, pictures: dict[SkuKey, SkuPicture]) -> None:
    """Post the sale of items of which nobody told one: who brings goods back had bought them.

    While sales of the SKU wait here for their items, these are the ones.
    """
    untold = await work.in_state(said.goods.items, AVAILABLE)
    for gtin, names in groupby(sorted(untold), key=lambda name: name.gtin):
        picture = pictures[SkuKey(said.site, gtin)]
        count = min(len(list(names)), picture.unplaced)
        nameless = min(count, picture.untagged.get((OWN, SOLD), 0))  # the others came back without a name already
        await work.post((said.site, gtin), nameless, (SOLD, UNPLACED), CAUSE)
        await work.post((said.site, gtin), count - nameless, (OUTSIDE, UNPLACED), CAUSE)
        if nameless:
            picture.untagged[OWN, SOLD] -= nameless
    await work.let(said.site, untold, SOLD, UNTOLD)


def units_of(goods: Goods) -> list[UnitsOf]:
    """Return goods by SKU."""
    items = Counter(name.gtin for name in goods.items)
    units = dict(goods.units)
    return [UnitsOf(gtin=gtin, items=items[gtin], untagged=units.get(gtin, 0)) for gtin in goods.gtins]


async def _unknown(work: Work, items: tuple[ItemName, ...]) -> int:
    """Return how many of these items no site and no posting has."""
    known: set[tuple[str, str]] = set()
    sites = (await work.connection.scalars(select(site_table.c.site))).all()
    for low in range(0, len(items), MANY):
        part = list(items[low : low + MANY])
        stated = select(disposition.c.gtin, disposition.c.serial).where(
            has_key((disposition.c.gtin, disposition.c.serial), part)
        )
        known |= {(row.gtin, row.serial) for row in await work.connection.execute(stated)}
    for names in (await inside(work.connection, sites, items)).values():
        known |= set(names)
    return len(set(items) - {ItemName(*name) for name in known})
