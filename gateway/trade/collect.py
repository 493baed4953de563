"""A reservation that is paid or collected at a till: the sale uses up its units."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.follow_up import FollowUp, nothing_follows
from gateway.holds.life import ACTIVE, State
from gateway.holds.rows import Held, Line, let_go, read_hold, unbind, write_line, write_state
from gateway.storage.commerce import reservation_line
from gateway.trade.errors import ReservationError
from gateway.trade.holds import Collected
from gateway.trade.said import ItemName

_COLLECTED: Final = "collected"
_HOW: Final = "name the reservation that was made for this site, or sell without it"


class HeldUnits:
    """Reservations of the same database, as a sale sees them (`gateway.trade.holds.Holds`)."""

    def __init__(self, follow_up: FollowUp = nothing_follows) -> None:
        self._follow_up = follow_up

    async def collect(
        self,
        connection: AsyncConnection,
        reservation: str,
        site: str,
        items: Sequence[ItemName],
        units: Mapping[str, int],
        *,
        now_us: int,
    ) -> Collected:
        """Use up units of an active reservation at a site; see the port. Raises `ReservationError`."""
        held = await read_hold(connection, reservation, lock=True)
        if held is None or site not in held.sites:
            raise ReservationError(reservation, f"there is none for site {site}; {_HOW}")
        state = held.state_at(now_us)
        if state not in ACTIVE:
            raise ReservationError(reservation, f"it is {state.value}; {_HOW}")
        lines = _lines(held, site, items, units)
        collected = Collected()
        gone: list[tuple[str, str]] = []
        for gtin, line in sorted(lines.items()):
            gone += [(gtin, serial) for serial in _stand_in(line, [name.serial for name in items if name.gtin == gtin])]
            taken = _use(line, units.get(gtin, 0), collected)
            gone += [(gtin, serial) for serial in taken]
        open_units = sum(line.quantity for line in held.lines)
        if open_units:
            await unbind(connection, gone)
            for line in lines.values():
                await _write(connection, held, line)
            await write_state(connection, held, now_us)
        else:  # its lines stay as they were: what was handed over
            await let_go(connection, [held.id])
            await write_state(connection, held, now_us, state=State.FULFILLED.value, swept=True, collect_by_us=None)
        collected.open_units = open_units
        left = await read_hold(connection, held.id)
        assert left is not None
        await self._follow_up(connection, left, why=_COLLECTED, now_us=now_us, at=site)
        return collected


def _lines(held: Held, site: str, items: Sequence[ItemName], units: Mapping[str, int]) -> dict[str, Line]:
    """Return the lines that the sale is of, by GTIN. Raises `ReservationError` where it is of more than is held."""
    wanted = Counter(name.gtin for name in items) + Counter(units)
    found: dict[str, Line] = {}
    for gtin, count in sorted(wanted.items()):
        line = next((line for line in held.lines if line.key == (site, gtin)), None)
        has = line.quantity if line is not None else 0
        if line is None or has < count:
            raise ReservationError(
                held.id, f"it holds {has} units of {gtin} at {site}, the sale is of {count}; sell what is more apart"
            )
        found[gtin] = line
    return found


def _stand_in(line: Line, serials: Sequence[str]) -> list[str]:
    """Take a unit off the line for each item that was sold by name; return the items that are let go."""
    gone = [serial for serial, _ in line.items if serial in serials]
    others = len(serials) - len(gone)
    for serial, picked in sorted(line.items, key=lambda bound: (bound[1], bound[0])):
        if others and not picked and serial not in gone:
            gone.append(serial)
            others -= 1
    lost = min(others, line.substitution_needed)
    line.substitution_needed -= lost
    loose = min(others - lost, line.untagged)
    line.untagged -= loose
    others -= lost + loose
    gone += [serial for serial, _ in line.items if serial not in gone][:others]
    line.items = [(serial, picked) for serial, picked in line.items if serial not in gone]
    line.quantity -= len(serials)
    return gone


def _use(line: Line, units: int, collected: Collected) -> list[str]:
    """Take units off the line that were sold by GTIN: items first, those that were picked before others."""
    gtin = line.key.gtin
    bound = [serial for serial, _ in sorted(line.items, key=lambda held: (not held[1], held[0]))]
    taken = bound[:units]
    loose = min(units - len(taken), line.untagged)
    line.items = [(serial, picked) for serial, picked in line.items if serial not in taken]
    line.untagged -= loose
    line.substitution_needed -= units - len(taken) - loose
    line.quantity -= units
    collected.items[gtin] = taken
    collected.untagged[gtin] = loose
    return taken


async def _write(connection: AsyncConnection, held: Held, line: Line) -> None:
    """Write what a line still holds; one that holds nothing more is none."""
    if line.quantity:
        await write_line(connection, held, line)
        return
    mine = (reservation_line.c.reservation == held.id) & (reservation_line.c.line == line.number)
    await connection.execute(delete(reservation_line).where(mine))
