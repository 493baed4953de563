"""Posting: movements enter the ledger, and everything that is counted follows in the same transaction.

The rows of `stock` are locked first, in key order: a reservation locks the same rows in the same order. Then the
movements are appended, items change place under the condition that they were where the movement says, counts change by
what was moved, states change by what that means (`gateway.ledger.consequences`), and `retell` says what can be promised
now. A condition that does not hold raises `LedgerError` and with it undoes the whole commit: a ledger that disagrees
with itself must not grow.

Probabilities of items may be published without a movement. Their SKU gets an event when that changes how many units
can be promised; otherwise its row just says how sure it is now.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.fold.limits import EVIDENCE_ID_MAX_CHARS
from gateway.fold.outputs import Chance, Facts
from gateway.fold.state import ItemKey
from gateway.fold.witness import BookLine
from gateway.ledger.accounts import (
    OUTSIDE,
    UNPLACED,
    Because,
    ShortError,
    post_untagged,
    set_states,
    states_of,
)
from gateway.ledger.consequences import ItemName, consequences
from gateway.ledger.errors import LedgerError
from gateway.ledger.guessed import guessed_sales
from gateway.ledger.movement import Movement
from gateway.ledger.picture import AVAILABLE, LEFT_UNSOLD, SOLD, SkuKey
from gateway.ledger.retell import Locked, Shelf, keys_of, lock_skus, retell
from gateway.presence.tracker import EvidenceKind
from gateway.storage import input_log
from gateway.storage.commerce import disposition, untagged
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import item, movement, stock, stock_count
from gateway.storage.statement import MANY, has_key, insert_into, upsert_into
from wire.site import OUT

SITE_CHANGED: Final = "site_changed"
"""Reason of an event that no movement caused: the site file says otherwise what can be sold."""

CONFIDENCE: Final = "confidence"
"""Reason of an event that no movement caused: more units, or fewer, are as sure as a promise has to be."""

LATE_SALE_US: Final = 24 * 3_600_000_000
"""A sale by SKU that is told within a day of a unit's leaving is that unit's: tills post late, thieves do not pay."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What a posting needs to know: the site, what `retell` needs of it, and the clock that ends holds."""

    site: str
    shelf: Shelf
    now_us: int


async def post(connection: AsyncConnection, at: Posting, facts: Facts) -> int:
    """Post what a commit says in this transaction; return how many SKUs it touched. Raises `LedgerError`."""
    by_gtin: dict[str, list[Movement]] = defaultdict(list)
    for moved in facts.movements:
        by_gtin[moved.gtin].append(moved)
    said = {line.gtin for line in facts.lines if not line.posted}
    gtins = by_gtin.keys() | {gtin for gtin, _ in facts.published} | said
    if not gtins:
        return 0
    keys = keys_of(at.site, gtins)
    locked = await lock_skus(connection, keys, at.now_us)
    if facts.movements:
        await connection.execute(insert(movement), [_row(at.site, moved) for moved in facts.movements])
        await _move_items(connection, at.site, facts.movements)
    await _publish(connection, at.site, facts.published)
    await _count(connection, at.site, sorted(by_gtin), facts.movements)
    await _follow(connection, at, facts, locked)
    reasons = {SkuKey(at.site, gtin): moves[-1].cause for gtin, moves in by_gtin.items()}
    reasons |= {SkuKey(at.site, line.gtin): line.kind.value for line in facts.lines if not line.posted}
    moves = {SkuKey(at.site, gtin): moved for gtin, moved in by_gtin.items()}
    reasons |= {key: CONFIDENCE for key in keys if key not in reasons}
    await retell(connection, locked, {at.site: at.shelf}, reasons, at.now_us, movements=moves)
    await _tell_others(connection, at, facts.lines)
    return len(keys)


async def _tell_others(connection: AsyncConnection, at: Posting, lines: Collection[BookLine]) -> None:
    """Tell the logs of other sites that have named items inside that these are here; their folds take them off offer.

    The last locks of the posting: a site's log comes after all rows of stock, and theirs are not ours to lock.
    """
    named = {(line.gtin, serial): line for line in lines if not line.posted for serial in line.serials}
    by_site: dict[str, list[NewEntry]] = defaultdict(list)
    for site, name in sorted(await _inside_others(connection, at.site, named)):
        line = named[name]
        gone = EvidenceEntry(
            id=line.source[:EVIDENCE_ID_MAX_CHARS],
            kind=EvidenceKind.PLACE,
            at_us=line.at_us,
            items=(name,),
            zone=OUT,
            posted=True,
        )
        by_site[site].append(NewEntry(at.now_us, Kind.EVIDENCE, encode_evidence(gone)))
    for site, entries in sorted(by_site.items()):
        await input_log.append(connection, site, entries)


async def _follow(connection: AsyncConnection, at: Posting, facts: Facts, locked: Locked) -> None:
    """Post what movements and evidence mean to the states of items."""
    lines = [line for line in facts.lines if not line.posted]
    names = {(moved.gtin, moved.serial) for moved in facts.movements}
    names |= {(line.gtin, serial) for line in lines for serial in line.serials}
    rows = await states_of(connection, names)
    states = {name: row.state for name, row in rows.items()}
    elsewhere = {name for name, row in rows.items() if row.site != at.site}
    gone = {(moved.gtin, moved.serial) for moved in facts.movements if moved.debit == OUT}
    inside = {name for _, name in await _inside_others(connection, at.site, gone)}
    unplaced = {key.gtin: row.unplaced for key, row in locked.items()}
    by_sku = [line for line in lines if line.kind is EvidenceKind.SALE and not line.serials]
    left = await _left_unsold(connection, at.site, by_sku)
    loose = await _untagged(connection, at.site, by_sku)
    asked = _maybe_guessed(lines, facts.movements, states)
    guessed = await guessed_sales(connection, at.site, asked - elsewhere)
    found = consequences(
        states,
        unplaced,
        lines,
        facts.movements,
        left=left,
        loose=loose,
        elsewhere=elsewhere,
        inside_another=inside,
        guessed=guessed,
    )
    for gtin, units, because in found.sold_by_sku:
        await owe(connection, SkuKey(at.site, gtin), units, because, at.now_us)
    for gtin, because in found.taken_back:
        key = SkuKey(at.site, gtin)
        await post_untagged(connection, key, 1, (UNPLACED, SOLD), because=because, now_us=at.now_us)
    for gtin, because in found.placed:
        await _place(connection, SkuKey(at.site, gtin), because, at.now_us)
    await set_states(connection, at.site, found.corrected, at.now_us)
    await set_states(connection, at.site, list(found.states.values()), at.now_us)


def _maybe_guessed(
    lines: Sequence[BookLine], movements: Sequence[Movement], states: Mapping[ItemName, str]
) -> set[ItemName]:
    """Return items that are sold, and are seen inside or sold by name all the same."""
    names = {(moved.gtin, moved.serial) for moved in movements if moved.debit != OUT}
    names |= {(line.gtin, serial) for line in lines if line.kind is EvidenceKind.SALE for serial in line.serials}
    return {name for name in names if states.get(name) == SOLD}


async def _inside_others(
    connection: AsyncConnection, site: str, names: Collection[tuple[str, str]]
) -> set[tuple[str, tuple[str, str]]]:
    """Return the other sites that have some of these items inside, each with the item."""
    wanted = sorted(names)
    found: set[tuple[str, tuple[str, str]]] = set()
    for low in range(0, len(wanted), MANY):
        query = select(item.c.site, item.c.gtin, item.c.serial).where(
            has_key((item.c.gtin, item.c.serial), wanted[low : low + MANY]), item.c.site != site, item.c.zone != OUT
        )
        found |= {(row.site, (row.gtin, row.serial)) for row in await connection.execute(query)}
    return found


async def _place(connection: AsyncConnection, key: SkuKey, because: Because, now_us: int) -> None:
    """Post that the item of a sale by SKU is known: its nameless unit is no longer the one that was sold.

    When that unit was brought back meanwhile, it was another one, which came from outside.
    """
    try:
        await post_untagged(connection, key, 1, (SOLD, UNPLACED), because=because, now_us=now_us)
    except ShortError:
        await post_untagged(connection, key, 1, (OUTSIDE, UNPLACED), because=because, now_us=now_us)


async def owe(connection: AsyncConnection, key: SkuKey, units: int, because: Because, now_us: int) -> None:
    """Post a sale of units that nobody can name: those without tags first; of the rest the item is not known yet."""
    query = (
        select(untagged.c.owner, untagged.c.quantity)
        .where(untagged.c.site == key.site, untagged.c.gtin == key.gtin, untagged.c.state == AVAILABLE)
        .where(untagged.c.quantity > 0)
        .order_by(untagged.c.owner)
    )
    for row in (await connection.execute(query)).all():
        taken = min(units, row.quantity)
        if taken:
            accounts = (AVAILABLE, SOLD)
            await post_untagged(connection, key, taken, accounts, because=because, now_us=now_us, owner=row.owner)
            units -= taken
    if units:
        await post_untagged(connection, key, units, (UNPLACED, SOLD), because=because, now_us=now_us)


async def _left_unsold(connection: AsyncConnection, site: str, lines: Collection[BookLine]) -> dict[str, list[str]]:
    """Return items that left unsold within a day of these sales by SKU, the newest first."""
    if not lines:
        return {}
    oldest_us = min(line.at_us for line in lines) - LATE_SALE_US
    left: dict[str, list[str]] = defaultdict(list)
    for part in _gtins_of(lines):
        query = (
            select(disposition.c.gtin, disposition.c.serial)
            .where(disposition.c.site == site, disposition.c.gtin.in_(part))
            .where(disposition.c.state == LEFT_UNSOLD, disposition.c.since_us >= oldest_us)
            .order_by(disposition.c.since_us.desc(), disposition.c.serial)
        )
        for row in await connection.execute(query):
            left[row.gtin].append(row.serial)
    return left


async def _untagged(connection: AsyncConnection, site: str, lines: Collection[BookLine]) -> dict[str, int]:
    """Return the units without tags that are for sale, of the SKUs of these sales."""
    units: dict[str, int] = defaultdict(int)
    for part in _gtins_of(lines):
        query = select(untagged.c.gtin, untagged.c.quantity).where(
            untagged.c.site == site, untagged.c.gtin.in_(part), untagged.c.state == AVAILABLE
        )
        for row in await connection.execute(query):
            units[row.gtin] += row.quantity
    return units


def _gtins_of(lines: Collection[BookLine]) -> list[list[str]]:
    gtins = sorted({line.gtin for line in lines})
    return [gtins[low : low + MANY] for low in range(0, len(gtins), MANY)]


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


async def _publish(connection: AsyncConnection, site: str, published: Mapping[ItemKey, Chance]) -> None:
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
        .values(probability=bindparam("the_probability"), sellable=bindparam("the_sellable"))
    )
    rows = [
        {"the_gtin": gtin, "the_serial": serial, "the_probability": chance.here, "the_sellable": chance.sellable}
        for (gtin, serial), chance in sorted(published.items())
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
        row |= {"since_us": newest.happened_us, "m": newest.m, "probability": newest.probability, "sellable": None}
        if first[key].credit == OUT:
            arriving.append(row)
        else:
            staying.append(
                {f"the_{name}": value for name, value in row.items() if name != "sellable"} | {"was": first[key].credit}
            )
    await _items_in(connection, site, arriving)
    await _items_within(connection, site, staying)


async def _items_in(connection: AsyncConnection, site: str, rows: list[dict[str, Any]]) -> None:
    """Write items that come into the site: new ones, or such as were out."""
    if not rows:
        return
    insert_item = insert_into(connection, item)
    replaced = {name: insert_item.excluded[name] for name in ("zone", "since_us", "m", "probability", "sellable")}
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
            sellable=None,
        )
    )
    written = (await connection.execute(move, rows)).rowcount
    if written != len(rows):
        raise LedgerError(f"site {site}: {len(rows) - written} of {len(rows)} items are not where they leave")


async def _count(connection: AsyncConnection, site: str, gtins: list[str], movements: Sequence[Movement]) -> None:
    """Change the counts by what was moved."""
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


async def resell(connection: AsyncConnection, at: Posting) -> int:
    """Promise anew after the site's description changed; return how many SKUs that concerns."""
    gtins = (await connection.scalars(select(stock.c.gtin).where(stock.c.site == at.site))).all()
    keys = keys_of(at.site, gtins)
    locked = await lock_skus(connection, keys, at.now_us)
    return (await retell(connection, locked, {at.site: at.shelf}, SITE_CHANGED, at.now_us)).events
