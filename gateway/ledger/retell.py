"""Whoever changes what can be sold begins with `lock_skus` and ends with `retell`, in one transaction.

`lock_skus` takes the SKUs' rows of `stock` in the order of (site, GTIN): the fold, reservations and the desk all do, so
they wait for each other and never in a circle. In between the facts change: items' places, states, bindings, untagged
units. `retell` then looks at the SKUs as they are now, gives holds that lost an item the next best one, writes what can
be promised, and one event for each SKU of which a channel could see the difference.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import (
    LIVE,
    Look,
    Policy,
    Standing,
    decode_ladder,
    encode_ladder,
    offer,
    standing,
    steps,
)
from gateway.ledger.movement import Movement
from gateway.ledger.picture import AVAILABLE, HeldLine, Hold, LineKey, Mended, SkuKey, SkuPicture, Unit, mend
from gateway.stock_event import stock_body
from gateway.storage.commerce import binding, disposition, reservation, reservation_line, untagged
from gateway.storage.schema import change, item, stock, stock_count
from gateway.storage.statement import MANY, insert_into, upsert_into
from wire.site import OUT

HOLD_MOVED: Final = "hold_moved"
SUBSTITUTION_NEEDED: Final = "substitution_needed"
ACTIVE: Final = ("held", "confirmed", "picked")
_DEFAULT: Final = Policy()


@dataclass(frozen=True, slots=True)
class Shelf:
    """What must be known of a site to promise its stock: what is sellable, who looks where, the fold's clock."""

    sellable: frozenset[str]
    looks: Mapping[str, Look]
    now_us: int


@dataclass(slots=True)
class Told:
    """What `retell` found and wrote: the SKUs as they are now, what became of holds, how many events."""

    pictures: dict[SkuKey, SkuPicture]
    mended: dict[SkuKey, Mended] = field(default_factory=dict)
    events: int = 0


Locked = dict[SkuKey, Row[Any]]
RowAndEvent = tuple[dict[str, Any], bytes | None]
"""A row of stock, and the body of its event; None: there is nothing new in it."""


async def lock_skus(connection: AsyncConnection, keys: Iterable[tuple[str, str]], now_us: int) -> Locked:
    """Lock the SKUs' rows in key order, new ones included; return them as they were."""
    wanted = sorted({SkuKey(*key) for key in keys})
    if not wanted:
        return {}
    empty = {"version": 0, "on_hand": 0, "sellable": 0, "changed_us": now_us}
    rows = [empty | {"site": key.site, "gtin": key.gtin} for key in wanted]
    await connection.execute(insert_into(connection, stock).on_conflict_do_nothing(), rows)
    found: Locked = {}
    for site, keys_of_site in groupby(wanted, key=lambda key: key.site):
        gtins = [key.gtin for key in keys_of_site]
        for part in _parts(gtins):
            query = select(stock).where(stock.c.site == site, stock.c.gtin.in_(part))
            locked = await connection.execute(query.order_by(stock.c.gtin).with_for_update())
            found.update((SkuKey(row.site, row.gtin), row) for row in locked)
    return found


async def pictures_of(
    connection: AsyncConnection, keys: Iterable[tuple[str, str]], sellable: Mapping[str, frozenset[str]], now_us: int
) -> dict[SkuKey, SkuPicture]:
    """Return SKUs as this transaction sees them; `sellable` are each site's zones, `now_us` decides what lapsed."""
    pictures = {SkuKey(*key): SkuPicture(SkuKey(*key)) for key in keys}
    for site, keys_of_site in groupby(sorted(pictures), key=lambda key: key.site):
        for part in _parts([key.gtin for key in keys_of_site]):
            zones = sellable.get(site, frozenset())
            await _load(connection, site, part, zones, pictures=pictures, now_us=now_us)
    return pictures


async def _load(
    connection: AsyncConnection,
    site: str,
    gtins: Sequence[str],
    sellable: frozenset[str],
    *,
    pictures: Mapping[SkuKey, SkuPicture],
    now_us: int,
) -> None:
    unplaced = select(stock.c.gtin, stock.c.unplaced).where(stock.c.site == site, stock.c.gtin.in_(gtins))
    for row in await connection.execute(unplaced):
        pictures[SkuKey(site, row.gtin)].unplaced = row.unplaced
    await _load_zones(connection, site, gtins, pictures)
    await _load_lines(connection, site, gtins, pictures, now_us)
    await _load_units(connection, site, gtins, sellable, pictures=pictures, now_us=now_us)
    loose = select(untagged).where(untagged.c.site == site, untagged.c.gtin.in_(gtins), untagged.c.quantity > 0)
    for row in await connection.execute(loose):
        pictures[SkuKey(site, row.gtin)].untagged[row.owner, row.state] = row.quantity


async def _load_zones(
    connection: AsyncConnection, site: str, gtins: Sequence[str], pictures: Mapping[SkuKey, SkuPicture]
) -> None:
    query = select(stock_count.c.gtin, stock_count.c.zone, stock_count.c.quantity).where(
        stock_count.c.site == site, stock_count.c.gtin.in_(gtins), stock_count.c.quantity > 0
    )
    for row in await connection.execute(query):
        pictures[SkuKey(site, row.gtin)].zones[row.zone] = row.quantity


async def _load_lines(
    connection: AsyncConnection, site: str, gtins: Sequence[str], pictures: Mapping[SkuKey, SkuPicture], now_us: int
) -> None:
    """Load lines of holds that are active now."""
    query = (
        select(reservation_line, reservation.c.state, reservation.c.expires_us)
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .where(
            reservation_line.c.site == site,
            reservation_line.c.gtin.in_(gtins),
            reservation.c.state.in_(ACTIVE),
        )
    )
    for row in await connection.execute(query):
        if row.state == "held" and row.expires_us <= now_us:
            continue
        picture = pictures[SkuKey(site, row.gtin)]
        key = LineKey(row.reservation, row.line)
        picture.lines[key] = HeldLine(row.quantity, row.untagged, row.substitution_needed)
        if row.state == "held":
            picture.next_expiry_us = min(picture.next_expiry_us or row.expires_us, row.expires_us)


async def _load_units(
    connection: AsyncConnection,
    site: str,
    gtins: Sequence[str],
    sellable: frozenset[str],
    *,
    pictures: Mapping[SkuKey, SkuPicture],
    now_us: int,
) -> None:
    """Load items that are in the site, or bound here; one that was carried over may still be bound elsewhere."""
    state = and_(disposition.c.gtin == item.c.gtin, disposition.c.serial == item.c.serial)
    bound = and_(binding.c.gtin == item.c.gtin, binding.c.serial == item.c.serial)
    query = (
        select(
            item.c.gtin,
            item.c.serial,
            item.c.zone,
            item.c.sellable,
            disposition.c.state,
            binding.c.reservation,
            binding.c.line,
            binding.c.picked,
            binding.c.site.label("bound_at"),
            reservation.c.state.label("hold_state"),
            reservation.c.expires_us,
        )
        .outerjoin(disposition, state)
        .outerjoin(binding, bound)
        .outerjoin(reservation, reservation.c.id == binding.c.reservation)
        .where(item.c.site == site, item.c.gtin.in_(gtins))
        .where((item.c.zone != OUT) | (binding.c.site == item.c.site))
        .order_by(item.c.gtin, item.c.serial)
    )
    for row in await connection.execute(query):
        picture = pictures[SkuKey(site, row.gtin)]
        known = row.sellable is not None
        chance = row.sellable if known else float(row.zone in sellable)
        hold = None
        if row.reservation is not None:
            elsewhere = row.bound_at != site
            lapsed = LineKey(row.reservation, row.line) not in picture.lines
            if elsewhere:
                waits = row.hold_state == "held"
                lapsed = row.hold_state not in ACTIVE or (waits and row.expires_us <= now_us)
                if waits and not lapsed:
                    picture.next_expiry_us = min(picture.next_expiry_us or row.expires_us, row.expires_us)
            hold = Hold(row.reservation, row.line, row.picked, lapsed, elsewhere)
        here = row.zone != OUT
        picture.units.append(
            Unit(row.serial, row.zone, chance if here else 0.0, known or not here, row.state or AVAILABLE, hold)
        )


async def retell(
    connection: AsyncConnection,
    locked: Locked,
    shelves: Mapping[str, Shelf],
    reasons: Mapping[SkuKey, str] | str,
    now_us: int,
    *,
    movements: Mapping[SkuKey, Sequence[Movement]] | None = None,
) -> Told:
    """Write what can be promised of the locked SKUs now; see the module's text.

    `reasons` says for each SKU, or for all, why its facts changed; `movements` are shown in its event.
    """
    sellable = {site: shelf.sellable for site, shelf in shelves.items()}
    told = Told(await pictures_of(connection, locked, sellable, now_us))
    found: list[RowAndEvent] = []
    for key, picture in told.pictures.items():
        mended = mend(picture)
        if mended.lines:
            told.mended[key] = mended
        reason = reasons if isinstance(reasons, str) else reasons.get(key, "")
        if not reason and mended.lines:
            reason = SUBSTITUTION_NEEDED if picture.wanting else HOLD_MOVED
        moves = (movements or {}).get(key, ())
        found.append(row_and_event(locked[key], picture, shelves[key.site], now_us, reason=reason, movements=moves))
    await _write_mended(connection, told, now_us)
    told.events = await write_rows(connection, found, now_us)
    return told


async def write_rows(connection: AsyncConnection, found: Sequence[RowAndEvent], now_us: int) -> int:
    """Write rows of stock, and the events of those in which something is new; return how many events."""
    if found:
        rows = [row for row, _ in found]
        await connection.execute(upsert_into(connection, stock, keep=frozenset({"unplaced"})), rows)
    events = [
        {"site": row["site"], "gtin": row["gtin"], "created_us": now_us, "body": body, "ladder": row["ladder"]}
        for row, body in found
        if body is not None
    ]
    if events:
        await connection.execute(insert(change), events)
    return len(events)


def row_and_event(
    before: Any, picture: SkuPicture, shelf: Shelf, now_us: int, *, reason: str, movements: Sequence[Movement]
) -> RowAndEvent:
    """Return the row of a SKU, and its event if something is new to a channel."""
    made = standing(picture.zones, shelf.sellable, shelf.looks, shelf.now_us)
    made = _with_untagged(made, picture)
    ladder = picture.ladder()
    offered = offer(ladder, _DEFAULT, LIVE, known=picture.known)
    held = picture.held
    loose = picture.untagged_available
    was = (before.on_hand, before.sellable, before.held, before.untagged, steps(decode_ladder(before.ladder)))
    tell = bool(movements) or was != (made.on_hand, made.sellable, held, loose, steps(ladder))
    row = {
        "site": picture.key.site,
        "gtin": picture.key.gtin,
        "version": before.version + tell,
        "on_hand": made.on_hand,
        "sellable": made.sellable,
        "changed_us": now_us if tell else before.changed_us,
        "confidence": offered.confidence,
        "promised": offered.atp if picture.known else None,
        "ladder": encode_ladder(ladder),
        "held": held,
        "untagged": loose,
        "next_expiry_us": picture.next_expiry_us,
        "unplaced": picture.unplaced,
    }
    if not tell:
        return row, None
    said = offer(ladder, _DEFAULT, made.status, known=picture.known)
    body = stock_body(
        picture.key.site,
        picture.key.gtin,
        made,
        said,
        held=held,
        version=row["version"],
        zones=picture.zones,
        movements=movements,
        reason=reason,
    )
    return row, body


def _with_untagged(made: Standing, picture: SkuPicture) -> Standing:
    """Count units without tags too."""
    loose = picture.untagged_available
    if not loose:
        return made
    return Standing(made.sellable + loose, made.on_hand + loose, made.status, made.as_of_us)


async def _write_mended(connection: AsyncConnection, told: Told, now_us: int) -> None:
    """Write what became of holds."""
    gone: dict[str, list[str]] = defaultdict(list)
    bound: list[dict[str, Any]] = []
    for key, mended in told.mended.items():
        picture = told.pictures[key]
        gone[key.gtin] += mended.unbound
        for serial, line in mended.bound:
            row = {"gtin": key.gtin, "serial": serial, "site": key.site, "reservation": line.reservation}
            bound.append(row | {"line": line.line, "picked": False, "bound_us": now_us})
        for line in sorted(mended.lines):
            held = picture.lines[line]
            mine = (reservation_line.c.reservation == line.reservation) & (reservation_line.c.line == line.line)
            values = {"untagged": held.untagged, "substitution_needed": held.substitution_needed}
            await connection.execute(update(reservation_line).where(mine).values(**values))
    for gtin, serials in gone.items():
        for part in _parts(serials):
            await connection.execute(delete(binding).where(binding.c.gtin == gtin, binding.c.serial.in_(part)))
    if bound:  # a lapsed hold may still have its row: the item is taken from it
        await connection.execute(upsert_into(connection, binding), bound)


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[low : low + MANY] for low in range(0, len(values), MANY)]


def shelf_of(view: Any) -> Shelf:
    """Return what `retell` needs of a site's view."""
    return Shelf(view.sellable, view.looks, view.now_us)


def keys_of(site: str, gtins: Collection[str]) -> list[SkuKey]:
    """Return the keys of SKUs of one site."""
    return [SkuKey(site, gtin) for gtin in sorted(gtins)]
