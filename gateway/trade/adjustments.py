"""Adjustments: what people correct, with a reason; and what other systems set, with the version that they have seen.

* *delta*: units change their state for a reason (`REASONS`): named items, or units without tags.
* *set*: another system says how many there are. That is only safe with what it knows: the `version` of the row that it
  has seen, which quantity it means (`quantity_kind`), and up to which instant sales are taken off already. Sales after
  that are taken off here: the cure for deducting the same sale twice.
* *totals* (`scope: all`): a feed of all stock is compared with what the tags say, never added (`gateway.ledger.book`).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import select

from gateway.clock import iso
from gateway.http.trade_rows import AdjustedSku, AdjustmentTaken, TotalsTaken
from gateway.ledger import book
from gateway.ledger.accounts import OUTSIDE, ShortError, states_of
from gateway.ledger.picture import (
    AVAILABLE,
    DAMAGED,
    IN_TRANSIT,
    LEFT_UNSOLD,
    MISSING,
    RETURNED,
    SOLD,
    SkuKey,
    SkuPicture,
)
from gateway.ledger.retell import Told
from gateway.presence.tracker import EvidenceKind
from gateway.storage.schema import stock
from gateway.trade.audit import write_audit
from gateway.trade.counts import moved_since, post_difference
from gateway.trade.errors import BelowTaggedError, VersionConflictError
from gateway.trade.quantities import sold_since, untagged_for
from gateway.trade.said import Delta, SetTo, Totals
from gateway.trade.sales import refuse_sold
from gateway.trade.work import Work

CAUSE: Final = "adjustment"


class Reason(NamedTuple):
    """What a reason does to named items, and to units without tags.

    Items in one of the states `of` come to be in `state`; empty: not for named items. Units move from the first of the
    accounts `credits` that has them to `debit`; `sign` is that of their delta, 0: either.
    """

    of: frozenset[str]
    state: str
    sign: int
    credits: tuple[str, ...]
    debit: str


_ANY: Final = frozenset({AVAILABLE, IN_TRANSIT, RETURNED, DAMAGED, MISSING, LEFT_UNSOLD})

REASONS: Final[Mapping[str, Reason]] = {
    "damaged": Reason(_ANY, DAMAGED, -1, (AVAILABLE,), DAMAGED),
    "missing": Reason(_ANY, MISSING, -1, (AVAILABLE,), MISSING),
    "found": Reason(frozenset({MISSING, LEFT_UNSOLD, IN_TRANSIT}), AVAILABLE, 1, (MISSING, OUTSIDE), AVAILABLE),
    "repaired": Reason(frozenset({DAMAGED}), AVAILABLE, 1, (DAMAGED,), AVAILABLE),
    "checked": Reason(frozenset({RETURNED}), AVAILABLE, 1, (RETURNED,), AVAILABLE),
    "disposed": Reason(frozenset(), "", -1, (DAMAGED, RETURNED), OUTSIDE),
    "correction": Reason(frozenset(), "", 0, (), ""),
}
"""`damaged`, `missing`: no longer for sale. `found`, `repaired`, `checked` (a return that somebody has looked at): for
sale again. `disposed`: damaged or returned units without tags are thrown away. `correction`: units without tags that
nobody can explain, more or fewer."""


async def adjust(work: Work, said: Delta) -> AdjustmentTaken:
    """Take a delta. Items that are in no state for its reason stay as they are.

    Raises `AlreadySoldError`, `ShortError`, `ForeignItemError`, `UnknownSiteError`, `UnknownZoneError`.
    """
    await work.enter(said.site)
    work.check_items(said.site, said.items)
    work.check_zone(said.site, said.zone)
    reason = REASONS[said.reason]
    changes = dict(said.units)
    gtins = {name.gtin for name in said.items} | changes.keys()
    elsewhere = await work.elsewhere(said.site, said.items)
    await work.lock({(said.site, gtin) for gtin in gtins} | elsewhere.keys)
    await work.claim(said.site, said.items)
    states = await states_of(work.connection, said.items)
    refuse_sold([name for name in said.items if states[name].state == SOLD])
    meant = [name for name in said.items if states[name].state in reason.of]
    done = await work.let(said.site, meant, reason.state, said.reason)
    pictures = await work.pictures()
    for gtin, delta in said.units:
        await _post_delta(work, said, pictures[SkuKey(said.site, gtin)], delta)
    if said.items and said.zone:
        work.say(said.site, EvidenceKind.PLACE, items=said.items, zone=said.zone)
    detail = {"reason": said.reason, "items": len(done), "units": sum(changes.values())}
    told = await work.finish(said.reason, "adjustment.delta", said.event, detail)
    return await _taken(work, said, told, changes, len(done))


async def _post_delta(work: Work, said: Delta, picture: SkuPicture, delta: int) -> None:
    """Post units without tags of one SKU, from the first of the reason's accounts that has them."""
    reason, key = REASONS[said.reason], picture.key
    if said.reason == "correction":
        await post_difference(work, key, delta, said.reason, said.owner)
        return
    units, found = abs(delta), 0
    for credit in reason.credits:
        has = units if credit == OUTSIDE else picture.untagged.get((said.owner, credit), 0)
        taken = min(units, has)
        await work.post(key, taken, (credit, reason.debit), said.reason, said.owner)
        units, found = units - taken, found + taken
    if units:
        raise ShortError(*key, " or ".join(reason.credits), found, abs(delta))


async def set_to(work: Work, said: SetTo) -> AdjustmentTaken:
    """Set quantities. Raises `VersionConflictError`, `BelowTaggedError`, `UnknownSiteError`."""
    await work.enter(said.site)
    locked = await work.lock((said.site, row.gtin) for row in said.rows)
    for row in said.rows:
        current = int(locked[SkuKey(said.site, row.gtin)].version)
        if current != row.expected_version:
            raise VersionConflictError(row.gtin, row.expected_version, current)
    pictures = await work.pictures()
    changes = {}
    for row in said.rows:
        picture = pictures[SkuKey(said.site, row.gtin)]
        since = await moved_since(work.connection, picture.key, said.includes_sales_through_us)
        sold = sold_since(since, said.quantity_kind)
        wanted = untagged_for(row.quantity, said.quantity_kind, picture, sold)
        if wanted < 0:
            raise BelowTaggedError(row.gtin, row.quantity, row.quantity - wanted)
        has = picture.untagged_available
        others = has - picture.untagged.get((said.owner, AVAILABLE), 0)
        mine = max(0, wanted - others)
        await post_difference(work, picture.key, mine + others - has, CAUSE, said.owner)
        changes[row.gtin] = mine + others - has
    detail = {"quantity_kind": said.quantity_kind, "skus": len(said.rows), "units": sum(changes.values())}
    told = await work.finish(CAUSE, "adjustment.set", said.event, detail)
    return await _taken(work, said, told, changes)


async def _taken(
    work: Work, said: Delta | SetTo, told: Told, changes: Mapping[str, int], items: int = 0
) -> AdjustmentTaken:
    gtins = [key.gtin for key in told.pictures if key.site == said.site]
    query = select(stock.c.gtin, stock.c.version).where(stock.c.site == said.site, stock.c.gtin.in_(gtins))
    versions = {row.gtin: row.version for row in await work.connection.execute(query)}
    skus = [
        AdjustedSku(
            gtin=key.gtin,
            change=changes.get(key.gtin, 0),
            untagged=picture.untagged_available,
            version=versions[key.gtin],
        )
        for key, picture in sorted(told.pictures.items())
        if key.site == said.site
    ]
    return AdjustmentTaken(
        source_event_id=said.event,
        site=said.site,
        mode="set" if isinstance(said, SetTo) else "delta",
        items=items,
        skus=skus,
        recorded_at=iso(work.now_us),
    )


async def compare(work: Work, said: Totals) -> TotalsTaken:
    """Take a feed of totals, under `gateway.ledger.book.lock_site`. Raises `UnknownSiteError`."""
    await work.enter(said.site)
    older = await book.put_totals(work.connection, said.site, said.rows, said.event, work.now_us)
    await write_audit(
        work.connection,
        at_us=work.now_us,
        actor=work.actor,
        action="adjustment.totals",
        site=said.site,
        subject=said.event,
        detail={"skus": len(said.rows), "older": older},
    )
    return TotalsTaken(
        source_event_id=said.event, site=said.site, rows=len(said.rows), older=older, recorded_at=iso(work.now_us)
    )
