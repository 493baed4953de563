"""Inspections: somebody looked at goods that came back, and they are for sale again, or damaged.

Only what waits for it is inspected (`returned_unchecked`): an item that was inspected already, or never came back, is
refused by name, so that two people cannot decide differently about it. With a zone the good ones lie there from now on;
without one they are where the readers have them.
"""

from gateway.clock import iso
from gateway.http.trade_rows import InspectionTaken
from gateway.ledger.accounts import states_of
from gateway.ledger.picture import AVAILABLE, DAMAGED, RETURNED, SkuKey
from gateway.presence.tracker import EvidenceKind
from gateway.trade.errors import NotReturnedError
from gateway.trade.returns import units_of
from gateway.trade.said import Goods, Inspection
from gateway.trade.work import Work

CAUSE = "inspection"


async def inspect(work: Work, said: Inspection) -> InspectionTaken:
    """Take an inspection.

    Raises `NotReturnedError`, `ShortError`, `ForeignItemError`, `UnknownSiteError`, `UnknownZoneError`.
    """
    await work.enter(said.site)
    items = (*said.restock.items, *said.damaged.items)
    work.check_items(said.site, items)
    work.check_zone(said.site, said.zone)
    elsewhere = await work.elsewhere(said.site, items)  # a site that has it inside still is told what it is now
    mine = {(said.site, gtin) for goods in (said.restock, said.damaged) for gtin in goods.gtins}
    await work.lock(mine | elsewhere.keys)
    states = await states_of(work.connection, items)
    others = [name for name in items if name not in states or states[name].state != RETURNED]
    if others:
        raise NotReturnedError([f"{name.gtin}/{name.serial}" for name in others])
    await _let(work, said.site, said.restock, AVAILABLE)
    await _let(work, said.site, said.damaged, DAMAGED)
    if said.zone and said.restock.items:
        work.say(said.site, EvidenceKind.PLACE, items=said.restock.items, zone=said.zone)
    detail = {"restocked": said.restock.quantity, "damaged": said.damaged.quantity}
    await work.finish(CAUSE, CAUSE, said.event, detail)
    return InspectionTaken(
        source_event_id=said.event,
        site=said.site,
        restocked=units_of(said.restock),
        damaged=units_of(said.damaged),
        recorded_at=iso(work.now_us),
    )


async def _let(work: Work, site: str, goods: Goods, state: str) -> None:
    """Let goods that wait be in a state. Raises `ShortError`: not as many units without tags wait."""
    await work.let(site, goods.items, state, CAUSE)
    pictures = await work.pictures()
    for gtin, units in goods.units:
        await work.take(pictures[SkuKey(site, gtin)], units, (RETURNED, state), CAUSE)
