"""Units that a site turned out not to have, handed on to holds at other sites, in one transaction.

The rows of stock of all these reservations are locked in key order, then the reservations in the order of their ids.
The units leave the one that lacks them, and the others are confirmed: nobody serves them twice, and nobody not at all.
When the first got its units back meanwhile, or one of the others is over, nothing is handed on, and what the others
hold for it is given back at once.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.follow_up import FollowUp
from gateway.holds.life import State
from gateway.holds.rows import Held, drop_line, let_go, read_hold, unbind, write_line, write_state
from gateway.holds.verbs import ItemName
from gateway.ledger.retell import lock_skus, retell, shelf_of
from gateway.site_view import SiteViews
from gateway.storage.commerce import reservation

HANDED_ON: Final = "moved_to_another_site"
CONFIRMED: Final = "confirmed"
RELEASED: Final = "released"
_ACTIVE: Final = frozenset({State.CONFIRMED, State.PICKED})


async def hand_on(
    connection: AsyncConnection,
    views: SiteViews,
    follow_up: FollowUp,
    *,
    giver: str,
    site: str,
    takers: Sequence[str],
    now_us: int,
    loses: Collection[ItemName] = (),
) -> bool:
    """Hand what `giver` lacks at a site on to `takers`, which hold exactly that; return whether it was done.

    `loses`: items that it still holds, and gives up for theirs, unless somebody has one of them in his hands by now.
    """
    names = sorted({giver, *takers})
    seen = [await read_hold(connection, name) for name in names]
    keys = [key for held in seen if held is not None for key in held.keys]
    locked = await lock_skus(connection, keys, now_us)
    found = {name: await read_hold(connection, name, lock=True) for name in names}
    gives, takes = found[giver], [held for name in takers if (held := found[name]) is not None]
    shelves = {
        name: shelf_of(view) for name, view in (await views.load(connection, {key.site for key in keys})).items()
    }
    gone = gives is None or len(takes) != len(takers) or not all(_give_up(gives, name) for name in loses)
    if gives is None or gone or not _fits(gives, site, takes, now_us):
        await _give_back(connection, takes, now_us)
        await retell(connection, locked, shelves, RELEASED, now_us)
        return False
    order = gives.order_id or gives.id
    for held in takes:
        await write_state(connection, held, now_us, state=State.CONFIRMED.value, order_id=order)
    await unbind(connection, loses)
    await _give(connection, gives, site, now_us)
    await connection.execute(update(reservation).where(reservation.c.id == giver).values(order_id=order))
    why = {key: HANDED_ON if key in gives.keys else CONFIRMED for key in locked}
    await retell(connection, locked, shelves, why, now_us)
    after = {name: await read_hold(connection, name) for name in names}
    taken = [held for name in takers if (held := after[name]) is not None]
    for name, held in after.items():
        assert held is not None
        if name == giver:
            await follow_up(connection, held, why=HANDED_ON, now_us=now_us, at=site, to=taken)
        else:
            await follow_up(connection, held, why=CONFIRMED, now_us=now_us)
    return True


def _give_up(gives: Held, name: ItemName) -> bool:
    """Take an item off its line, in memory; return whether it was there and nobody had it in his hands."""
    line = gives.line_of(*name)
    if line is None or (name[1], False) not in line.items:
        return False
    line.items.remove((name[1], False))
    line.substitution_needed += 1
    return True


def _fits(gives: Held, site: str, takes: Sequence[Held], now_us: int) -> bool:
    """Whether the takers still hold what the giver still lacks, no more and no less."""
    lacks = Counter({line.key.gtin: line.substitution_needed for line in gives.lines if line.key.site == site})
    have: Counter[str] = Counter()
    for held in takes:
        if held.state_at(now_us) is not State.HELD or not all(line.whole for line in held.lines):
            return False
        for line in held.lines:
            have[line.key.gtin] += line.quantity
    return gives.state in _ACTIVE and +lacks == +have


async def _give_back(connection: AsyncConnection, takes: Sequence[Held], now_us: int) -> None:
    """Release what nobody confirmed: it was held for this only."""
    waiting = [held for held in takes if held.state is State.HELD]
    await let_go(connection, [held.id for held in waiting])
    for held in waiting:
        await write_state(connection, held, now_us, state=State.RELEASED.value, swept=True)


async def _give(connection: AsyncConnection, gives: Held, site: str, now_us: int) -> None:
    """Take what it lacks off the giver; one that keeps nothing is released as it is."""
    mine = [line for line in gives.lines if line.key.site == site and line.substitution_needed]
    if all(line in mine and not line.kept for line in gives.lines):
        await let_go(connection, [gives.id])
        await write_state(connection, gives, now_us, state=State.RELEASED.value, swept=True, collect_by_us=None)
        return
    for line in mine:
        line.quantity -= line.substitution_needed
        line.substitution_needed = 0
        if line.quantity:
            await write_line(connection, gives, line)
        else:
            await drop_line(connection, gives, line)
    await write_state(connection, gives, now_us)
