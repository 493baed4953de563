"""What is done to one reservation, inside one transaction, with its rows locked: stock first, then its own.

Nothing here asks again whether there is enough: who holds a unit may use it up. The one exception is a hold that has
expired: to renew it is to ask anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import standing
from gateway.holds.asked import Who
from gateway.holds.batch import EXPIRED, bind
from gateway.holds.decide import OpenStock, Wish, decide
from gateway.holds.errors import (
    ExpiredError,
    InsufficientError,
    ItemNotHeldError,
    NothingHeldError,
    Shortage,
    UnknownKeyError,
)
from gateway.holds.ids import NewId
from gateway.holds.life import State
from gateway.holds.new_rows import binding_rows, reference_rows
from gateway.holds.rows import Held, Line, drop_line, lapse, let_go, unbind, write_line, write_state
from gateway.ledger.accounts import OWN, Because, StateChange, post_untagged, set_states
from gateway.ledger.picture import AVAILABLE, DAMAGED, MISSING, SOLD, SkuKey, SkuPicture, Unit, mend
from gateway.ledger.retell import Locked, Shelf, pictures_of
from gateway.storage.commerce import api_key, posting, reference, reservation
from gateway.storage.schema import item
from gateway.storage.statement import upsert_into
from wire.site import OUT

ItemName = tuple[str, str]
"""GTIN and serial."""

FULFIL: Final = "fulfil"
PICK_MISS: Final = "pick_miss"
PICKUP: Final = "pickup"
HOLD_WRITE: Final = "hold:write"

REASONS: Final = {
    "confirm": "confirmed",
    "release": "released",
    "renew": "held",
    "pick": "picked",
    "pick-miss": "pick_missed",
    "fulfil": "fulfilled",
    "transfer": "",
}
"""Why the stock of a SKU changed, as its event says."""


class Missed(NamedTuple):
    """An item that was looked for in a zone of a site, and not found."""

    site: str
    zone: str
    item: ItemName


@dataclass(slots=True)
class Work:
    """The transaction of one verb. `changed` are SKUs whose facts changed, with the reason; `retell` follows.

    `handed_over`: lines whose sale the sites' logs are told of at the end; `missed`: items that were not found, with
    the site and zone where they were looked for, of which they are told, too. `at`: the one site where it happens,
    empty for all.
    """

    connection: AsyncConnection
    who: Who
    held: Held
    locked: Locked
    shelves: Mapping[str, Shelf]
    now_us: int
    new_id: NewId
    changed: dict[SkuKey, str] = field(default_factory=dict)
    handed_over: list[Line] = field(default_factory=list)
    missed: list["Missed"] = field(default_factory=list)
    at: str = ""

    async def pictures(self) -> dict[SkuKey, SkuPicture]:
        """Return the SKUs of the hold as they are now."""
        sellable = {site: shelf.sellable for site, shelf in self.shelves.items()}
        return await pictures_of(self.connection, self.locked, sellable, self.now_us)

    async def write(self, state: State, **values: Any) -> None:
        """Write the reservation's new state; all its SKUs are told of."""
        self.held.state = state
        await write_state(self.connection, self.held, self.now_us, state=state.value, **values)


async def confirm(work: Work, collect_s: int) -> None:
    """Make the hold last; a pickup until its buyer should have come, `collect_s` from now.

    Raises `ExpiredError` when another gateway's clock has ended it already.
    """
    if not all(line.whole for line in work.held.lines):
        raise ExpiredError(work.held.id)
    pickup = work.held.mode == PICKUP
    await work.write(State.CONFIRMED, collect_by_us=work.now_us + collect_s * 1_000_000 if pickup else None)


async def release(work: Work) -> None:
    """Give the units back."""
    await let_go(work.connection, [work.held.id])
    await work.write(State.RELEASED, swept=True, collect_by_us=None)


async def renew(work: Work, ttl_s: int) -> None:
    """Give a hold more time, never less; claim its units anew when it was over.

    Raises `InsufficientError` when they are not there any more, `TakenError` as a batch does.
    """
    held = work.held
    until_us = work.now_us + ttl_s * 1_000_000
    if held.state_at(work.now_us) is State.HELD and all(line.whole for line in held.lines):
        held.expires_us = max(held.expires_us, until_us)
    else:
        await _claim(work)
        held.expires_us = until_us
    await work.write(State.HELD, swept=False, expires_us=held.expires_us)


async def _claim(work: Work) -> None:
    """Ask anew for the units of a hold that is over."""
    held, connection = work.held, work.connection
    work.changed |= dict.fromkeys(await lapse(connection, work.locked, work.now_us), EXPIRED)
    await let_go(connection, [held.id])
    stocks = {}
    for key, picture in (await work.pictures()).items():
        for own in [line for line in picture.lines if line.reservation == held.id]:
            del picture.lines[own]
        mend(picture)
        shelf = work.shelves[key.site]
        status = standing(picture.zones, shelf.sellable, shelf.looks, shelf.now_us).status
        stocks[key] = OpenStock(picture, status)
    wishes = [Wish(line.key, line.quantity) for line in held.lines]
    granted, short = decide(stocks, wishes, work.who.policy, allow_partial=False)
    if short:
        raise InsufficientError([Shortage(s.key.gtin, s.key.site, s.requested, s.atp) for s in short])
    rows = []
    for line, each in zip(held.lines, granted, strict=True):
        line.untagged, line.substitution_needed = each.untagged, each.substitution_needed
        line.items = [(unit.serial, False) for unit in each.items]
        rows += binding_rows(held.id, line.number, each, work.now_us)
        await write_line(connection, held, line)
        await unbind(connection, [(line.key.gtin, unit.serial) for unit in each.items if unit.hold is not None])
    await bind(connection, rows)


async def pick(work: Work, items: Sequence[ItemName]) -> None:
    """Write that items are in somebody's hands: those named, or all that are held.

    An item that is not held may stand in for a held one of its SKU and site, if nobody else holds it: on a rail they
    are all the same. Raises `ItemNotHeldError`.
    """
    held = work.held
    pictures: dict[SkuKey, SkuPicture] = {}
    names = list(items) or [(line.key.gtin, serial) for line in held.lines for serial, _ in line.items]
    if not items and not any(line.kept for line in held.lines):
        raise NothingHeldError(held.id)
    for gtin, serial in names:
        line = held.line_of(gtin, serial)
        if line is None:
            pictures = pictures or await work.pictures()
            line = await _swap(work, pictures, gtin, serial)
        line.items = [(bound, picked or bound == serial) for bound, picked in line.items]
    await _write_items(work)
    done = all(picked for line in held.lines for _, picked in line.items)
    await work.write(State.PICKED if done else State.CONFIRMED)


async def _swap(work: Work, pictures: Mapping[SkuKey, SkuPicture], gtin: str, serial: str) -> Line:
    """Let an item stand in for a unit of the hold; return its line."""
    for line in work.held.lines:
        unit = (
            next((u for u in pictures[line.key].units if u.serial == serial), None) if line.key.gtin == gtin else None
        )
        if unit is None or unit.state != AVAILABLE or unit.bound:
            continue
        instead = next((bound for bound, picked in line.items if not picked), None)
        if instead is not None:
            line.items.remove((instead, False))
        elif line.substitution_needed:
            line.substitution_needed -= 1
        elif line.untagged:
            line.untagged -= 1
        else:
            continue
        line.items.append((serial, True))
        await _free(work, unit, gtin)
        return line
    raise ItemNotHeldError(work.held.id, gtin, serial)


async def _free(work: Work, unit: Unit, gtin: str) -> None:
    """Take an item from a hold that is over: as it is ours now, nobody may confirm that hold."""
    if unit.hold is None:
        return
    await lapse(work.connection, work.locked, work.now_us)
    await unbind(work.connection, [(gtin, unit.serial)])


async def _write_items(work: Work) -> None:
    """Write the lines and their items anew."""
    held = work.held
    await let_go(work.connection, [held.id])
    rows = []
    for line in held.lines:
        await write_line(work.connection, held, line)
        one = {"gtin": line.key.gtin, "site": line.key.site, "reservation": held.id, "line": line.number}
        one |= {"bound_us": work.now_us}
        rows += [one | {"serial": serial, "picked": picked} for serial, picked in line.items]
    await bind(work.connection, rows)


async def pick_miss(work: Work, name: ItemName, *, damaged: bool = False) -> bool:
    """Write that a held item is not where it should be, or is damaged; return False if that was said before.

    It becomes `missing` or `damaged`; `retell` gives the hold the next best one, or says `substitution_needed`. A hold
    that was picked is to be picked on. The site's log is told that it was not found where it was believed to be; one
    that is damaged was found. Raises `ItemNotHeldError`.
    """
    held = work.held
    line = held.line_of(*name)
    if line is None:
        if await missed_before(work.connection, held, name):
            return False
        raise ItemNotHeldError(held.id, *name)
    because = Because(PICK_MISS, held.id, work.who.key)
    change = StateChange(*name, DAMAGED if damaged else MISSING, because)
    await set_states(work.connection, line.key.site, [change], work.now_us)
    zone = "" if damaged else await _zone_of(work, line.key.site, name)
    if zone:
        work.missed.append(Missed(line.key.site, zone, name))
    work.at = line.key.site
    line.items = [(serial, picked) for serial, picked in line.items if serial != name[1]]
    line.substitution_needed += 1
    await unbind(work.connection, [name])
    await write_line(work.connection, held, line)
    await work.write(State.CONFIRMED if held.state is State.PICKED else held.state)
    return True


async def _zone_of(work: Work, site: str, name: ItemName) -> str:
    """Return the zone where an item is believed to be, empty when it is not in the site."""
    here = (item.c.site == site) & (item.c.gtin == name[0]) & (item.c.serial == name[1])
    zone = await work.connection.scalar(select(item.c.zone).where(here))
    return "" if zone in {None, OUT} else str(zone)


async def untagged_miss(work: Work, line: Line, *, damaged: bool = False) -> None:
    """Write that the units without tags of a line are not there, or are damaged: as `pick_miss`, of units."""
    because = Because(PICK_MISS, work.held.id, work.who.key)
    picture = (await work.pictures())[line.key]
    moved = await _post_untagged(work, picture, line, because, DAMAGED if damaged else MISSING)
    line.substitution_needed += line.untagged
    line.untagged = 0
    assert moved <= line.substitution_needed
    work.at = line.key.site
    await write_line(work.connection, work.held, line)
    await work.write(State.CONFIRMED if work.held.state is State.PICKED else work.held.state)


async def missed_before(connection: AsyncConnection, held: Held, name: ItemName) -> bool:
    """Whether it was said for a reservation that this item was not found, or was damaged."""
    said = select(posting.c.id).where(
        posting.c.gtin == name[0],
        posting.c.serial == name[1],
        posting.c.site.in_(held.sites),
        posting.c.cause == PICK_MISS,
        posting.c.source == held.id,
    )
    return (await connection.execute(said.limit(1))).first() is not None


async def fulfil(work: Work, only: str = "") -> None:
    """Hand over what is held, of all sites or of one: items and untagged units are sold.

    The sites' logs hear of it at the end (`gateway.holds.tell`). Units that need a substitution are not handed over;
    the answer says how many. When other sites have not handed over theirs, the lines of this one leave the reservation,
    as with a sale at a till. Raises `NothingHeldError`.
    """
    held, connection, now_us = work.held, work.connection, work.now_us
    given = [line for line in held.lines if only in {"", line.key.site}]
    if not any(line.kept for line in given):
        raise NothingHeldError(held.id)
    because = Because(FULFIL, held.id, work.who.key)
    await unbind(connection, [(line.key.gtin, serial) for line in given for serial, _ in line.items])
    pictures = await work.pictures()
    for site in sorted({line.key.site for line in given}):
        items = [(line.key.gtin, serial) for line in given if line.key.site == site for serial, _ in line.items]
        await set_states(connection, site, [StateChange(*name, SOLD, because) for name in items], now_us)
    for line in given:
        sold = await _post_untagged(work, pictures[line.key], line, because, SOLD)
        line.substitution_needed += line.untagged - sold
        line.untagged = sold
        await write_line(connection, held, line)
    work.handed_over = given
    work.at = only
    if len(given) == len(held.lines):
        await work.write(State.FULFILLED, swept=True, collect_by_us=None)
        return
    for line in given:
        await drop_line(connection, held, line)
    await work.write(held.state)


async def _post_untagged(work: Work, picture: SkuPicture, line: Line, because: Because, state: str) -> int:
    """Let the untagged units of a line be in a state, our own first; return how many there were."""
    left = line.untagged
    owned = sorted(picture.untagged.items(), key=lambda row: (row[0][0] != OWN, row[0][0]))
    for (owner, was), units in owned:
        taken = min(left, units) if was == AVAILABLE else 0
        if taken:
            accounts = (AVAILABLE, state)
            await post_untagged(
                work.connection, line.key, taken, accounts, because=because, now_us=work.now_us, owner=owner
            )
            left -= taken
    return line.untagged - left


async def transfer(work: Work, references: Sequence[tuple[str, str]], to_key: str) -> None:
    """Hand a hold to another cart, customer or payment, and to another key. Raises `UnknownKeyError`.

    The idempotency key stays used under the key that made the hold: a row without units keeps its answer.
    """
    held, connection = work.held, work.connection
    if references:
        rows = reference_rows(held.id, references, work.now_us)
        await connection.execute(upsert_into(connection, reference), rows)
    if not to_key or to_key == held.key:
        await work.write(held.state)
        return
    channel = await _channel_of(work, to_key)
    if held.name != _handed_over(held.id):
        await _leave_stub(work)
    await work.write(held.state, key=to_key, channel=channel)


def _handed_over(name: str) -> str:
    """Return the idempotency key of a hold that is no longer its maker's: none that anybody could send."""
    return f" {name}"


async def _leave_stub(work: Work) -> None:
    """Keep the answer under the key of the hold's maker, in a row without units."""
    held, connection = work.held, work.connection
    mine = reservation.c.id == held.id
    await connection.execute(update(reservation).where(mine).values(idempotency_key=_handed_over(held.id)))
    stub = {
        "id": work.new_id(),
        "key": held.key,
        "idempotency_key": held.name,
        "body_sha256": held.sha256,
        "answer": held.answer,
        "channel": work.who.policy.name,
        "mode": held.mode,
        "state": State.RELEASED.value,
        "swept": True,
        "expires_us": held.expires_us,
        "created_us": held.created_us,
        "updated_us": work.now_us,
        "version": 1,
    }
    await connection.execute(insert(reservation), stub)


async def _channel_of(work: Work, to_key: str) -> str:
    """Return the channel of a key that can take the hold."""
    row = (await work.connection.execute(select(api_key).where(api_key.c.id == to_key))).one_or_none()
    if row is None or row.revoked_us is not None or (row.expires_us is not None and row.expires_us <= work.now_us):
        raise UnknownKeyError(to_key)
    sites = None if row.sites is None else set(row.sites.split())
    if HOLD_WRITE not in row.scopes.split() or (sites is not None and not sites.issuperset(work.held.sites)):
        raise UnknownKeyError(to_key)
    return str(row.channel)
