"""Reservations in the database: how they are found, locked, shown, and how holds whose time is over are marked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso, iso_or_none
from gateway.holds.asked import Who
from gateway.holds.life import State, state_at
from gateway.http.reservation_rows import HeldItem, HeldLine, Reservation, item_link
from gateway.ledger.picture import SkuKey
from gateway.ledger.retell import Locked, Shelf
from gateway.storage.commerce import binding, reservation, reservation_line
from gateway.storage.schema import item
from gateway.storage.statement import MANY, has_key, storable


@dataclass(slots=True)
class Line:
    """A line of a reservation as its row says; `items` are (serial, picked) in order."""

    number: int
    key: SkuKey
    quantity: int
    untagged: int
    substitution_needed: int
    items: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether each of its units is accounted for: nobody took one unseen."""
        return self.quantity == len(self.items) + self.untagged + self.substitution_needed

    @property
    def kept(self) -> int:
        """Units that it really holds."""
        return len(self.items) + self.untagged


@dataclass(slots=True)
class Held:
    """A reservation with its lines."""

    id: str
    key: str
    mode: str
    state: State
    expires_us: int
    created_us: int
    version: int
    name: str
    sha256: bytes
    answer: bytes
    channel: str = ""
    order_id: str | None = None
    collect_by_us: int | None = None
    lines: list[Line] = field(default_factory=list)

    @property
    def keys(self) -> list[SkuKey]:
        """The SKUs at sites that it touches."""
        return [line.key for line in self.lines]

    @property
    def sites(self) -> list[str]:
        """Its sites, in order."""
        return sorted({line.key.site for line in self.lines})

    def state_at(self, now_us: int) -> State:
        """Return its state at an instant."""
        return state_at(self.state, self.expires_us, now_us)

    def seen_by(self, who: Who) -> bool:
        """Whether it is shown to this key: its own, or to staff of all its sites. A stub has no line."""
        if not self.lines:
            return False
        return self.key == who.key or (who.staff and all(who.sees(site) for site in self.sites))

    def line_of(self, gtin: str, serial: str) -> Line | None:
        """Return the line that an item is bound to."""
        for line in self.lines:
            if line.key.gtin == gtin and any(bound == serial for bound, _ in line.items):
                return line
        return None


async def read_hold(connection: AsyncConnection, name: str, *, lock: bool = False) -> Held | None:
    """Return a reservation with its lines; `lock` its row, after the rows of stock of its lines."""
    query = select(reservation).where(reservation.c.id == storable(name))
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    held = Held(
        id=row.id,
        key=row.key,
        mode=row.mode,
        state=State(row.state),
        expires_us=row.expires_us,
        created_us=row.created_us,
        version=row.version,
        name=row.idempotency_key,
        sha256=bytes(row.body_sha256),
        answer=bytes(row.answer),
        channel=row.channel,
        order_id=row.order_id,
        collect_by_us=row.collect_by_us,
    )
    lines = select(reservation_line).where(reservation_line.c.reservation == name).order_by(reservation_line.c.line)
    for one in await connection.execute(lines):
        key = SkuKey(one.site, one.gtin)
        held.lines.append(Line(one.line, key, one.quantity, one.untagged, one.substitution_needed))
    by_number = {line.number: line for line in held.lines}
    bound = select(binding).where(binding.c.reservation == name).order_by(binding.c.gtin, binding.c.serial)
    for one in await connection.execute(bound):
        by_number[one.line].items.append((one.serial, one.picked))
    return held


async def shown(
    connection: AsyncConnection, held: Held, shelves: Mapping[str, Shelf], now_us: int
) -> tuple[Reservation, bool]:
    """Return a reservation as it is answered at an instant, and whether it is still active.

    A hold that is over keeps nothing: its items are somebody else's, or soon are.
    """
    state = held.state_at(now_us)
    active = state in {State.HELD, State.CONFIRMED, State.PICKED}
    places = await _places(connection, held) if active else {}
    lines = [
        HeldLine(
            gtin=line.key.gtin,
            site=line.key.site,
            quantity=line.quantity,
            items=[
                _item(line.key, serial, picked, places.get((line.key, serial)), shelves)
                for serial, picked in line.items
                if active
            ],
            untagged=line.untagged if active else 0,
            substitution_needed=line.substitution_needed if active else 0,
        )
        for line in held.lines
    ]
    answer = Reservation(
        id=held.id,
        state=state.value,
        mode=held.mode,  # type: ignore[arg-type] # a column with a check
        created_at=iso(held.created_us),
        expires_at=iso(held.expires_us) if state in {State.HELD, State.EXPIRED} else None,
        version=held.version,
        lines=lines,
        order_id=held.order_id,
        collect_by=iso_or_none(held.collect_by_us),
    )
    return answer, active


def sure_at(shelf: Shelf | None, zone: str, chance: float | None) -> float | None:
    """Return how sure an item's place is as an answer says it: nothing of a zone that nobody looks at."""
    look = shelf.looks.get(zone) if shelf is not None else None
    if chance is None or (look is not None and not look.live):
        return None
    return round(chance, 4)


def _item(
    key: SkuKey, serial: str, picked: bool, place: tuple[str, float | None] | None, shelves: Mapping[str, Shelf]
) -> HeldItem:
    zone, chance = place or ("", None)
    return HeldItem(item_link(key.gtin, serial), zone, sure_at(shelves.get(key.site), zone, chance), picked)


async def _places(connection: AsyncConnection, held: Held) -> dict[tuple[SkuKey, str], tuple[str, float | None]]:
    """Return where its items are, by SKU and serial."""
    where = and_(item.c.site == binding.c.site, item.c.gtin == binding.c.gtin, item.c.serial == binding.c.serial)
    query = (
        select(binding.c.site, binding.c.gtin, binding.c.serial, item.c.zone, item.c.sellable)
        .join(item, where)
        .where(binding.c.reservation == held.id)
    )
    rows = await connection.execute(query)
    return {(SkuKey(row.site, row.gtin), row.serial): (row.zone, row.sellable) for row in rows}


async def lapse(connection: AsyncConnection, locked: Locked, now_us: int) -> list[SkuKey]:
    """Take these SKUs' untagged units from the holds whose time is over; return the SKUs that had such holds.

    Whoever gives their units to another does this first, and unbinds the items that he takes, in the same transaction:
    a gateway whose clock is behind ours then sees that the hold is not whole any more, and confirms nothing that we
    took. What the holds keep of other SKUs is not touched (their rows of stock are not ours): the sweeper ends it.
    """
    due = [key for key, row in locked.items() if row.next_expiry_us is not None and row.next_expiry_us <= now_us]
    over = select(reservation.c.id).where(reservation.c.state == State.HELD.value, reservation.c.expires_us <= now_us)
    for part in _parts(due):
        here = has_key((reservation_line.c.site, reservation_line.c.gtin), part, lead=2)
        lines = update(reservation_line).where(here, reservation_line.c.reservation.in_(over))
        await connection.execute(lines.where(reservation_line.c.untagged > 0).values(untagged=0))
    return due


async def unbind(connection: AsyncConnection, items: Iterable[tuple[str, str]]) -> None:
    """Take items (GTIN, serial) from whatever holds them."""
    by_gtin: dict[str, list[str]] = defaultdict(list)
    for gtin, serial in items:
        by_gtin[gtin].append(serial)
    for gtin, serials in sorted(by_gtin.items()):
        for part in _parts(serials):
            await connection.execute(delete(binding).where(binding.c.gtin == gtin, binding.c.serial.in_(part)))


async def let_go(connection: AsyncConnection, names: Collection[str]) -> None:
    """Take all items from these reservations."""
    for part in _parts(sorted(names)):
        await connection.execute(delete(binding).where(binding.c.reservation.in_(part)))


async def write_state(connection: AsyncConnection, held: Held, now_us: int, **values: Any) -> None:
    """Change a reservation's row, which is locked, and raise its version."""
    held.version += 1
    row = {"version": held.version, "updated_us": now_us} | values
    await connection.execute(update(reservation).where(reservation.c.id == held.id).values(**row))


async def write_line(connection: AsyncConnection, held: Held, line: Line) -> None:
    """Write a line's units."""
    mine = (reservation_line.c.reservation == held.id) & (reservation_line.c.line == line.number)
    values = {
        "quantity": line.quantity,
        "untagged": line.untagged,
        "substitution_needed": line.substitution_needed,
    }
    await connection.execute(update(reservation_line).where(mine).values(**values))


async def drop_line(connection: AsyncConnection, held: Held, line: Line) -> None:
    """Take a line off a reservation that keeps others."""
    mine = (reservation_line.c.reservation == held.id) & (reservation_line.c.line == line.number)
    await connection.execute(delete(reservation_line).where(mine))


def _parts(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[low : low + MANY] for low in range(0, len(values), MANY)]
