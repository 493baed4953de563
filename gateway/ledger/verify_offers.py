"""What can be promised: each row of stock against the SKU as it is, and every hold against what it holds.

A row says what was true when it was written, and what can be promised changes by itself when a hold expires: a row is
therefore held against the instant just before the first of its holds ends (`next_expiry_us`), or, where no hold was
open, against one after all of them.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import Row, RowMapping, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import decode_ladder
from gateway.ledger.picture import AVAILABLE, SkuKey, SkuPicture
from gateway.ledger.retell import pictures_of
from gateway.ledger.verdict import Verdict
from gateway.storage.commerce import binding, disposition, reservation, reservation_line
from gateway.storage.schema import stock
from gateway.storage.statement import MANY

LATER_US: Final = 2**62
TOLERANCE: Final = 1e-5
"""Rungs are float32, and sums of many chances depend on their order in the last digits."""


async def check_offers(connection: AsyncConnection, site: str, sellable: frozenset[str], verdict: Verdict) -> None:
    """Check the rows of stock and the holds of a site."""
    after = ""
    while rows := await _page(connection, site, after):
        after = rows[-1].gtin
        by_instant: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            by_instant[LATER_US if row.next_expiry_us is None else row.next_expiry_us - 1].append(row)
        for instant_us, part in sorted(by_instant.items()):
            keys = [SkuKey(site, row.gtin) for row in part]
            pictures = await pictures_of(connection, keys, {site: sellable}, instant_us)
            for row in part:
                check_row(row, pictures[SkuKey(site, row.gtin)], sellable, verdict)
    await _check_bindings(connection, site, verdict)


async def _page(connection: AsyncConnection, site: str, after: str) -> Sequence[Row[Any]]:
    query = select(stock).where(stock.c.site == site, stock.c.gtin > after).order_by(stock.c.gtin).limit(MANY)
    return (await connection.execute(query)).all()


def check_row(row: Row[Any], picture: SkuPicture, sellable: frozenset[str], verdict: Verdict) -> None:
    """Check one row of stock against the SKU as it is."""
    loose = picture.untagged_available
    can_sell = sum(units for zone, units in picture.zones.items() if zone in sellable)
    expected = (sum(picture.zones.values()) + loose, can_sell + loose)
    if (row.on_hand, row.sellable) != expected:
        found = (row.on_hand, row.sellable)
        verdict.fault(f"stock of {row.gtin} is {found} (on hand, sellable): the counts say {expected}")
    if (row.held, row.untagged) != (picture.held, loose):
        verdict.fault(
            f"stock of {row.gtin} says {row.held} held, {row.untagged} untagged: there are {picture.held} and {loose}"
        )
    if picture.untagged_held > loose:
        verdict.fault(f"holds count on {picture.untagged_held} untagged units of {row.gtin}: there are {loose}")
    for key, line in sorted(picture.lines.items()):
        verdict.holds += 1
        items = sum(unit.hold is not None and unit.hold[:2] == key for unit in picture.units)
        if items + line.untagged + line.substitution_needed != line.quantity:
            verdict.fault(
                f"line {key.line} of reservation {key.reservation} is of {line.quantity} units: it has {items} items, "
                f"{line.untagged} untagged, {line.substitution_needed} without a successor"
            )
    if row.ladder is None:
        return  # written before there were ladders; nothing is offered by it
    said, follows = decode_ladder(row.ladder), picture.ladder()
    if len(said) != len(follows) or not np.allclose(said, follows, atol=TOLERANCE):
        verdict.fault(f"stock of {row.gtin} offers {_first(said)}: the units say {_first(follows)}")


def _first(ladder: Any) -> str:
    """Return the first rungs as text."""
    more = ", ..." if len(ladder) > 4 else ""
    return "[" + ", ".join(f"{rung:.4f}" for rung in ladder[:4].tolist()) + more + "]"


async def _check_bindings(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    """Check that every bound item belongs to a line, and, while that hold is active, that it can be handed over."""
    line = and_(reservation_line.c.reservation == binding.c.reservation, reservation_line.c.line == binding.c.line)
    state = and_(disposition.c.gtin == binding.c.gtin, disposition.c.serial == binding.c.serial)
    row = and_(stock.c.site == binding.c.site, stock.c.gtin == binding.c.gtin)
    open_then = or_(
        reservation.c.state.in_(("confirmed", "picked")),
        and_(reservation.c.state == "held", reservation.c.expires_us >= stock.c.next_expiry_us),
    )
    query = (
        select(
            binding,
            reservation.c.state.label("hold_state"),
            reservation.c.swept,
            reservation_line.c.site.label("line_site"),
            reservation_line.c.gtin.label("line_gtin"),
            disposition.c.state.label("item_state"),
            func.coalesce(open_then, False).label("is_open"),
        )
        .select_from(
            binding.outerjoin(reservation, reservation.c.id == binding.c.reservation)
            .outerjoin(reservation_line, line)
            .outerjoin(disposition, state)
            .outerjoin(stock, row)
        )
        .where(binding.c.site == site)
        .order_by(binding.c.gtin, binding.c.serial)
    )
    async for found in (await connection.stream(query)).mappings():
        fault = _of_binding(found)
        if fault:
            name = (found["gtin"], found["serial"])
            verdict.fault(f"item {name} is bound to reservation {found['reservation']}: {fault}")


def _of_binding(row: RowMapping) -> str:
    """Return what is wrong with a bound item; empty: nothing."""
    if row["hold_state"] is None:
        return "there is none"
    if (row["line_site"], row["line_gtin"]) != (row["site"], row["gtin"]):
        return f"its line {row['line']} is of {row['line_gtin']} at {row['line_site']}"
    if row["swept"] or row["hold_state"] in {"fulfilled", "released"}:
        return f"that is {row['hold_state']}, and its units were given back"
    if row["is_open"] and not row["picked"] and (row["item_state"] or AVAILABLE) != AVAILABLE:
        return f"the item is {row['item_state']}"
    return ""
