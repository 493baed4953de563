"""Sales: what is paid anywhere is sold at once, and nobody else can be promised it.

* A named item becomes `sold`, whatever it was: an item that left unsold is corrected, one that was missing is found.
  One that is sold already is refused, since two events cannot both have sold it. An item that a shopper has brought
  back after the sale's instant stays what it is: the sale comes late, and is history.
* A quantity is first of what the named reservation holds, then of items that left unsold within the day (a till that
  posts late), then of units without tags; of the rest nobody knows the item yet (`gateway.trade.allot`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.clock import iso
from gateway.holds.rows import lapse
from gateway.http.trade_rows import SaleLineTaken, SaleTaken
from gateway.ledger.accounts import UNPLACED, StateRow, states_of
from gateway.ledger.picture import AVAILABLE, LEFT_UNSOLD, RETURNED, SOLD, SkuKey
from gateway.ledger.post import LATE_SALE_US
from gateway.presence.tracker import EvidenceKind
from gateway.storage.commerce import disposition, posting
from gateway.trade.allot import allot
from gateway.trade.errors import AlreadySoldError
from gateway.trade.holds import Collected, Holds
from gateway.trade.references import write_references
from gateway.trade.said import ItemName, References, Sale
from gateway.trade.work import Work

CAUSE = "sale"
CAME_BACK = "return"


@dataclass(slots=True)
class _Sold:
    """What a sale turned out to be of."""

    items: set[ItemName] = field(default_factory=set)
    history: set[ItemName] = field(default_factory=set)
    left: Counter[str] = field(default_factory=Counter)
    untagged: Counter[str] = field(default_factory=Counter)
    unplaced: Counter[str] = field(default_factory=Counter)

    def lines(self, gtins: list[str]) -> list[SaleLineTaken]:
        """Return what was sold, by SKU."""
        items = Counter(name.gtin for name in self.items)
        history = Counter(name.gtin for name in self.history)
        return [
            SaleLineTaken(
                gtin=gtin,
                quantity=items[gtin] + self.untagged[gtin] + self.unplaced[gtin],
                items=items[gtin],
                untagged=self.untagged[gtin],
                unplaced=self.unplaced[gtin],
                left=self.left[gtin],
                history=history[gtin],
            )
            for gtin in gtins
        ]


async def sell(work: Work, sale: Sale, references: References, holds: Holds) -> SaleTaken:
    """Take a sale.

    Raises `AlreadySoldError`, `ForeignItemError`, `ReservationError`, `UnknownSiteError`.
    """
    await work.enter(sale.site)
    goods = sale.goods
    work.check_items(sale.site, goods.items)
    here = {(sale.site, gtin) for gtin in goods.gtins}
    elsewhere = await work.elsewhere(sale.site, goods.items)
    locked = await work.lock(here | elsewhere.keys)
    await work.claim(sale.site, goods.items)
    states = await states_of(work.connection, goods.items)
    refuse_sold([name for name in goods.items if states[name].state == SOLD])
    sold = _Sold(set(goods.items))
    sold.left.update(name.gtin for name in goods.items if states[name].state == LEFT_UNSOLD)
    sold.history = await _came_back(work, states)
    collected = await _collect(work, sale, holds)
    await lapse(work.connection, locked, work.now_us)
    await work.let(sale.site, sold.items - sold.history, SOLD, CAUSE)
    await _sell_units(work, sale, sold, collected)
    _tell(work, sale, sold)
    work.gone_from(elsewhere)
    await write_references(work.connection, "sale", sale, references, work.now_us)
    detail = {"skus": len(goods.gtins), "units": goods.quantity, "channel": sale.channel}
    if sale.reservation:
        detail["reservation"] = sale.reservation
    await work.finish(CAUSE, "sale", sale.event, detail)
    return SaleTaken(
        source_event_id=sale.event,
        site=sale.site,
        lines=sold.lines(goods.gtins),
        reservation_open=collected.open_units if sale.reservation else None,
        recorded_at=iso(work.now_us),
    )


def refuse_sold(items: Sequence[ItemName]) -> None:
    """Refuse items that are sold already. Raises `AlreadySoldError`."""
    if items:
        raise AlreadySoldError([f"{name.gtin}/{name.serial}" for name in items])


async def _collect(work: Work, sale: Sale, holds: Holds) -> Collected:
    if not sale.reservation:
        return Collected()
    units = dict(sale.goods.units)
    return await holds.collect(
        work.connection,
        sale.reservation,
        sale.site,
        sale.goods.items,
        units,
        now_us=work.now_us,
    )


async def _came_back(work: Work, states: Mapping[tuple[str, str], StateRow]) -> set[ItemName]:
    """Return the items that a shopper brought back after this sale: it is told late, and they stay what they are."""
    found = set()
    for (gtin, serial), row in states.items():
        if row.state not in {RETURNED, AVAILABLE}:
            continue
        newest = (
            select(posting.c.cause, posting.c.happened_us)
            .where(posting.c.site == row.site, posting.c.gtin == gtin, posting.c.serial == serial)
            .order_by(posting.c.id.desc())
            .limit(1)
        )
        last = (await work.connection.execute(newest)).one_or_none()
        if last is not None and last.cause == CAME_BACK and last.happened_us > work.at_us:
            found.add(ItemName(gtin, serial))
    return found


async def _sell_units(work: Work, sale: Sale, sold: _Sold, collected: Collected) -> None:
    """Find what each quantity was of, and post it."""
    pictures = await work.pictures() if sale.goods.units else {}
    found: list[ItemName] = []
    for gtin, quantity in sale.goods.units:
        bound = [ItemName(gtin, serial) for serial in collected.items.get(gtin, ())]
        sold_before = set(await work.in_state(bound, SOLD))
        held = [name for name in bound if name not in sold_before]
        taken = quantity - len(held)
        of_hold = min(taken, collected.untagged.get(gtin, 0))
        late = await _left_unsold(work, sale.site, gtin, taken - of_hold, sold.items)
        found += [*held, *late]
        sold.left[gtin] += len(late)
        picture = pictures[SkuKey(sale.site, gtin)]
        of_hold = min(of_hold, picture.untagged_available)
        await work.take(picture, of_hold, (AVAILABLE, SOLD), CAUSE)
        rest = allot(taken - of_hold - len(late), picture)
        await work.take(picture, rest.untagged, (AVAILABLE, SOLD), CAUSE)
        await work.post((sale.site, gtin), rest.unplaced, (UNPLACED, SOLD), CAUSE)
        sold.untagged[gtin] += of_hold + rest.untagged
        sold.unplaced[gtin] += rest.unplaced
    sold.items.update(found)
    await work.let(sale.site, found, SOLD, CAUSE)


async def _left_unsold(work: Work, site: str, gtin: str, units: int, but: set[ItemName]) -> list[ItemName]:
    """Return items of a SKU that left unsold within the day, the nearest to the sale first: it was theirs."""
    if units <= 0:
        return []
    query = (
        select(disposition.c.serial, disposition.c.since_us)
        .where(disposition.c.site == site, disposition.c.gtin == gtin, disposition.c.state == LEFT_UNSOLD)
        .where(disposition.c.since_us >= work.at_us - LATE_SALE_US)
        .with_for_update()
    )
    rows = [(abs(row.since_us - work.at_us), row.serial) for row in await work.connection.execute(query)]
    names = [ItemName(gtin, serial) for _, serial in sorted(rows)]
    return [name for name in names if name not in but][:units]


def _tell(work: Work, sale: Sale, sold: _Sold) -> None:
    """Tell the presence engine which items were sold, and of how many it has to find the item."""
    items = sorted(sold.items - sold.history)
    if items:
        work.say(sale.site, EvidenceKind.SALE, items=items)
    for gtin, _ in sale.goods.units:
        units = sold.untagged[gtin] + sold.unplaced[gtin]
        if units:
            untagged = sold.untagged[gtin]
            work.say(sale.site, EvidenceKind.SALE, gtin=gtin, quantity=units, untagged=untagged)
