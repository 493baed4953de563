"""Posting: movements enter the ledger, and everything that is counted follows in the same transaction.

The rows of `stock` are locked first, in key order: a reservation locks the same rows in the same order. Then the
movements are appended, items change place under the condition that they were where the movement says, counts change by
what was moved, and each touched SKU gets one event. A condition that does not hold raises `LedgerError` and with it
undoes the whole commit: a ledger that disagrees with itself must not grow.

Probabilities of items may be published without a movement. Their SKU gets an event when that changes how many units
are promised; otherwise its row just says how sure it is now.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import NOT_KNOWN, Look, Sureness, promise, said
from gateway.fold.state import ItemKey
from gateway.ledger.errors import LedgerError
from gateway.ledger.movement import Movement
from gateway.stock_event import stock_body
from gateway.storage.schema import change, item, movement, stock, stock_count
from gateway.storage.statement import MANY, insert_into, upsert_into
from wire.site import OUT

SITE_CHANGED: Final = "site_changed"
"""Reason of an event that no movement caused: the site file says otherwise what can be sold."""

CONFIDENCE: Final = "confidence"
"""Reason of an event that no movement caused: more units, or fewer, are as sure as a promise has to be."""

_BEFORE: Final = (
    stock.c.gtin,
    stock.c.version,
    stock.c.sellable,
    stock.c.promised,
    stock.c.changed_us,
)


@dataclass(frozen=True, slots=True)
class Posting:
    """What a posting needs to know of its site: who looks where, what is sellable, and the fold's clock."""

    site: str
    sellable: frozenset[str]
    looks: Mapping[str, Look]
    now_us: int


@dataclass(frozen=True, slots=True)
class Belief:
    """What the tracker believes beside the movements.

    `published` is the probability of the place of items, `sure` how sure the units of each touched SKU are; a SKU that
    is not in it is not known.
    """

    published: Mapping[ItemKey, float] = field(default_factory=dict)
    sure: Mapping[str, Sureness] = field(default_factory=dict)


async def post(
    connection: AsyncConnection, at: Posting, movements: Sequence[Movement], belief: Belief | None = None
) -> int:
    """Post movements and beliefs in this transaction; return how many SKUs they touched. Raises `LedgerError`."""
    belief = belief or Belief()
    by_gtin: dict[str, list[Movement]] = defaultdict(list)
    for moved in movements:
        by_gtin[moved.gtin].append(moved)
    gtins = sorted(by_gtin.keys() | {gtin for gtin, _ in belief.published})
    if not gtins:
        return 0
    before = await _lock_stock(connection, at, gtins)
    if movements:
        await connection.execute(insert(movement), [_row(at.site, moved) for moved in movements])
        await _move_items(connection, at.site, movements)
    await _publish(connection, at.site, belief.published)
    zones = await _count(connection, at.site, gtins, movements)
    told = _Told(at, belief)
    for gtin in gtins:
        moves = by_gtin.get(gtin, [])
        told.sku(before[gtin], zones[gtin], moves[-1].cause if moves else CONFIDENCE, moves)
    await told.write(connection)
    return len(gtins)


class _Told:
    """Collects the rows and events of the SKUs that one commit touches."""

    def __init__(self, at: Posting, belief: Belief) -> None:
        self._at = at
        self._belief = belief
        self._rows: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def sku(self, before: Any, zones: Mapping[str, int], reason: str, movements: Sequence[Movement] = ()) -> None:
        """Add a SKU with its units by zone, after `movements`; an event only if something is new to a channel."""
        at, gtin = self._at, before.gtin
        made = promise(zones, at.sellable, at.looks, at.now_us)
        sure = self._belief.sure.get(gtin, NOT_KNOWN)
        tell = bool(movements) or made.atp != before.sellable or sure.promised != before.promised
        version = before.version + tell
        self._rows.append(
            {
                "site": at.site,
                "gtin": gtin,
                "version": version,
                "on_hand": made.on_hand,
                "sellable": made.atp,
                "changed_us": at.now_us if tell else before.changed_us,
                "confidence": sure.confidence,
                "promised": sure.promised,
            }
        )
        if tell:
            body = stock_body(
                at.site,
                gtin,
                made,
                said(made, sure),
                version=version,
                zones=zones,
                movements=movements,
                reason=reason,
            )
            self.events.append({"site": at.site, "gtin": gtin, "created_us": at.now_us, "body": body})

    async def write(self, connection: AsyncConnection) -> None:
        """Write the rows and events."""
        if self._rows:
            await connection.execute(upsert_into(connection, stock), self._rows)
        if self.events:
            await connection.execute(insert(change), self.events)


def _row(site: str, moved: Movement) -> dict[str, Any]:
    return {
        "site": site,
        "m": moved.m,
        "n": moved.n,
        "gtin": moved.gtin,
        "serial": moved.serial,
        "credit": moved.credit,
        "debit": moved.debit,
        "quantity": 1,
        "happened_us": moved.happened_us,
        "first_read_us": moved.first_read_us,
        "decided_us": moved.decided_us,
        "cause": moved.cause,
        "probability": moved.probability,
    }


async def _lock_stock(connection: AsyncConnection, at: Posting, gtins: list[str]) -> dict[str, Any]:
    """Lock the SKUs' rows in key order, new ones included; return them."""
    empty = {"site": at.site, "version": 0, "on_hand": 0, "sellable": 0, "changed_us": at.now_us}
    rows = [empty | {"gtin": gtin} for gtin in gtins]
    await connection.execute(insert_into(connection, stock).on_conflict_do_nothing(), rows)
    found: dict[str, Any] = {}
    for low in range(0, len(gtins), MANY):
        query = (
            select(*_BEFORE)
            .where(stock.c.site == at.site, stock.c.gtin.in_(gtins[low : low + MANY]))
            .order_by(stock.c.gtin)
            .with_for_update()
        )
        found.update((row.gtin, row) for row in await connection.execute(query))
    return found


async def _publish(connection: AsyncConnection, site: str, published: Mapping[ItemKey, float]) -> None:
    """Write the probabilities of items' places."""
    if not published:
        return
    say = (
        update(item)
        .where(
            item.c.site == site,
            item.c.gtin == bindparam("the_gtin"),
            item.c.serial == bindparam("the_serial"),
        )
        .values(probability=bindparam("the_probability"))
    )
    rows = [
        {"the_gtin": gtin, "the_serial": serial, "the_probability": probability}
        for (gtin, serial), probability in sorted(published.items())
    ]
    await connection.execute(say, rows)


async def _move_items(connection: AsyncConnection, site: str, movements: Sequence[Movement]) -> None:
    """Change the items' places; each must be where its first movement says that it leaves."""
    first: dict[tuple[str, str], Movement] = {}
    last: dict[tuple[str, str], Movement] = {}
    for moved in movements:
        key = (moved.gtin, moved.serial)
        before = last.get(key)
        if before is not None and before.debit != moved.credit:
            raise LedgerError(f"site {site}: movement {moved.m} leaves {moved.credit}, the item is in {before.debit}")
        first.setdefault(key, moved)
        last[key] = moved
    arriving, staying = [], []
    for key in sorted(first):
        newest = last[key]
        row: dict[str, Any] = {"site": site, "gtin": newest.gtin, "serial": newest.serial, "zone": newest.debit}
        row |= {"since_us": newest.happened_us, "m": newest.m, "probability": newest.probability}
        if first[key].credit == OUT:
            arriving.append(row)
        else:
            staying.append({f"the_{name}": value for name, value in row.items()} | {"was": first[key].credit})
    await _items_in(connection, site, arriving)
    await _items_within(connection, site, staying)


async def _items_in(connection: AsyncConnection, site: str, rows: list[dict[str, Any]]) -> None:
    """Write items that come into the site: new ones, or such as were out."""
    if not rows:
        return
    insert_item = insert_into(connection, item)
    replaced = {name: insert_item.excluded[name] for name in ("zone", "since_us", "m", "probability")}
    enter = insert_item.on_conflict_do_update(
        index_elements=["site", "gtin", "serial"], set_=replaced, where=item.c.zone == OUT
    )
    written = len((await connection.scalars(enter.returning(item.c.m), rows)).all())
    if written != len(rows):
        raise LedgerError(f"site {site}: {len(rows) - written} of {len(rows)} items come from {OUT} and are inside")


async def _items_within(connection: AsyncConnection, site: str, rows: list[dict[str, Any]]) -> None:
    """Write items that leave a zone."""
    if not rows:
        return
    move = (
        update(item)
        .where(
            item.c.site == bindparam("the_site"),
            item.c.gtin == bindparam("the_gtin"),
            item.c.serial == bindparam("the_serial"),
            item.c.zone == bindparam("was"),
        )
        .values(
            zone=bindparam("the_zone"),
            since_us=bindparam("the_since_us"),
            m=bindparam("the_m"),
            probability=bindparam("the_probability"),
        )
    )
    written = (await connection.execute(move, rows)).rowcount
    if written != len(rows):
        raise LedgerError(f"site {site}: {len(rows) - written} of {len(rows)} items are not where they leave")


async def _count(
    connection: AsyncConnection, site: str, gtins: list[str], movements: Sequence[Movement]
) -> dict[str, dict[str, int]]:
    """Change the counts by what was moved; return the units by zone of every touched SKU, after the change."""
    counts = await counts_of(connection, site, gtins)
    touched: set[tuple[str, str]] = set()
    for moved in movements:
        for zone, units in ((moved.credit, -1), (moved.debit, 1)):
            if zone != OUT:
                counts[moved.gtin][zone] = counts[moved.gtin].get(zone, 0) + units
                touched.add((moved.gtin, zone))
    negative = [key for key in touched if counts[key[0]][key[1]] < 0]
    if negative:
        raise LedgerError(f"site {site}: fewer than no units of {negative[0][0]} in {negative[0][1]}")
    rows = [
        {"site": site, "gtin": gtin, "zone": zone, "quantity": counts[gtin][zone]} for gtin, zone in sorted(touched)
    ]
    if rows:
        await connection.execute(upsert_into(connection, stock_count), rows)
    return counts


async def counts_of(connection: AsyncConnection, site: str, gtins: list[str]) -> dict[str, dict[str, int]]:
    """Return the units by zone of each SKU."""
    counts: dict[str, dict[str, int]] = {gtin: {} for gtin in gtins}
    for low in range(0, len(gtins), MANY):
        query = select(stock_count.c.gtin, stock_count.c.zone, stock_count.c.quantity).where(
            stock_count.c.site == site, stock_count.c.gtin.in_(gtins[low : low + MANY])
        )
        for row in await connection.execute(query):
            counts[row.gtin][row.zone] = row.quantity
    return counts


async def resell(connection: AsyncConnection, at: Posting, belief: Belief | None = None) -> int:
    """Promise anew after the site's description changed; return how many SKUs that concerns. Each gets an event."""
    query = select(*_BEFORE).where(stock.c.site == at.site).order_by(stock.c.gtin).with_for_update()
    before = {row.gtin: row for row in await connection.execute(query)}
    zones = await counts_of(connection, at.site, list(before))
    told = _Told(at, belief or Belief())
    for gtin, was in before.items():
        told.sku(was, zones[gtin], SITE_CHANGED)
    await told.write(connection)
    return len(told.events)
