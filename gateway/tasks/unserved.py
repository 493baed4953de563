"""The sweep of unserved lines: what a confirmed order lacks in its site, and no other site serves.

A pick-miss asks the next best site within its request (`gateway.tasks.desk`). A line comes to need a substitution in
other ways, too: its item was sold at the till, left, was returned elsewhere, or the gateway died between the miss and
its re-sourcing. This sweep finds all of them in the database and asks for each:

1. At once. While an item of its size is still believed to be in the site, only hardly (a shopper has it in his hands),
   after `FADE_SETTLE_S`, as for a held item that fades: what comes back meanwhile is the order's.
2. Nobody had it: again after `UNSERVED_AGAIN_S`, the last of these for ever, while the order lives. When it comes to
   lack something else, that is new.

Only orders that are to be sent, and after their tasks say it (`gateway.tasks.sweeper`): a channel hears that a line
changed before it hears who serves it. Which orders were asked about is remembered in this process only: one that has
just begun asks about all of them. Several gateways may sweep side by side: in one turn (`TURN_S`) they ask by the same
name, so they hold the same units, and the first hands them on.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, and_, exists, or_, select

from gateway.clock import Clock
from gateway.holds.errors import HoldError
from gateway.holds.life import State
from gateway.holds.turns import AGAIN
from gateway.ledger.picture import AVAILABLE
from gateway.rounds import Rounds
from gateway.storage.commerce import binding, disposition, reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.schema import item
from gateway.storage.work import task
from gateway.tasks.life import Kind
from gateway.tasks.life import State as TaskState
from gateway.tasks.limits import (
    FADE_SETTLE_S,
    UNSERVED_AGAIN_S,
    UNSERVED_ASKS_MAX,
    UNSERVED_EVERY_S,
    UNSERVED_MAX,
)
from gateway.tasks.orders import SHIP_FROM_STORE
from gateway.tasks.resourcing import Resourcing
from wire.site import OUT

_log: Final = structlog.get_logger("gateway.tasks")

_KEPT: Final = (State.CONFIRMED.value, State.PICKED.value)
_MICROS: Final = 1_000_000

Place = tuple[str, str]
"""A reservation and one of its sites."""


@dataclass(slots=True)
class Lack:
    """What a reservation lacks in a site: units by GTIN. `fickle`: an item of it may only be out of sight."""

    lines: tuple[tuple[str, int], ...] = ()
    fickle: bool = False


@dataclass(slots=True)
class Attempts:
    """How often a lack was asked about, and when it will be again (UTC microseconds)."""

    lines: tuple[tuple[str, int], ...]
    next_us: int
    tries: int = 0

    def is_due(self, lack: Lack, now_us: int) -> bool:
        """Whether it is to be asked about now."""
        return self.next_us <= now_us or (not self.tries and not lack.fickle)

    def asked(self, now_us: int) -> None:
        """Write down that it was."""
        wait_s = UNSERVED_AGAIN_S[min(self.tries, len(UNSERVED_AGAIN_S) - 1)]
        self.tries += 1
        self.next_us = now_us + wait_s * _MICROS


@dataclass(slots=True)
class UnservedFigures:
    """What the sweep of unserved lines of this process counted."""

    unserved_sweeps: int = 0
    unserved_sweep_failures: int = 0
    unserved_asked: int = 0
    unserved_resourced: int = 0
    unserved_left_out: int = 0


class Unserved:
    """Sweeps while the gateway runs."""

    def __init__(
        self, database: Database, clock: Clock, resourcing: Resourcing, *, every_s: float = UNSERVED_EVERY_S
    ) -> None:
        self.figures = UnservedFigures()
        self._database = database
        self._clock = clock
        self._resourcing = resourcing
        self._rounds = Rounds(every_s)
        self._attempts: dict[Place, Attempts] = {}

    def counters(self) -> dict[str, int]:
        """Return all counters, and how many orders lack something in a site now."""
        return asdict(self.figures) | {"orders_unserved": len(self._attempts)}

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Sweep until `stop`."""
        await self._rounds.run(self.sweep, self._failed)

    def _failed(self, error: Exception) -> None:
        self.figures.unserved_sweep_failures += 1
        _log.warning("unserved_sweep_failed", error=str(error)[:500])

    async def sweep(self) -> int:
        """Ask about what is due, those first that were not asked about yet; return how many were served."""
        found = await self._found()
        self.figures.unserved_sweeps += 1
        now_us = self._clock()
        self._attempts = {place: self._known(place, lack, now_us) for place, lack in found.items()}
        due = [place for place, lack in found.items() if self._attempts[place].is_due(lack, now_us)]
        due.sort(key=lambda place: (self._attempts[place].tries > 0, self._attempts[place].next_us, place))
        served = 0
        for place in due[:UNSERVED_ASKS_MAX]:
            if self._rounds.stopping:
                break
            served += await self._ask(place)
        return served

    def _known(self, place: Place, lack: Lack, now_us: int) -> Attempts:
        """Return what is known of a lack; of one that is new, when it is to be asked about."""
        before = self._attempts.get(place)
        if before is not None and before.lines == lack.lines:
            return before
        return Attempts(lack.lines, now_us + (FADE_SETTLE_S * _MICROS if lack.fickle else 0))

    async def _ask(self, place: Place) -> bool:
        """Have what an order lacks served by others; return whether somebody does now."""
        name, site = place
        if self._resourcing.is_serving(name, site):  # the request of a miss is at it
            return False
        lacking = await self._resourcing.lacking(name, site)
        if lacking is None:
            return False
        self._attempts[place].asked(self._clock())
        self.figures.unserved_asked += 1
        try:
            done = await self._resourcing.hand(lacking)
        except (HoldError, *AGAIN) as error:
            self.figures.unserved_sweep_failures += 1
            _log.warning("unserved_line_not_resourced", reservation=name, error=str(error)[:500])
            return False
        self.figures.unserved_resourced += done
        return done

    async def _found(self) -> dict[Place, Lack]:
        """Return what confirmed orders that are to be sent lack, the newest orders first."""
        line = reservation_line.c
        pick = and_(task.c.reservation == line.reservation, task.c.site == line.site, task.c.gtin == line.gtin)
        told = or_(line.substitution_needed < line.quantity, task.c.state == TaskState.CANNOT.value)
        query = (
            select(line.reservation, line.site, line.gtin, line.substitution_needed, _somewhere().label("fickle"))
            .join(task, pick)
            .join(reservation, reservation.c.id == line.reservation)
            .where(task.c.kind == Kind.PICK.value, task.c.dedup.is_not(None), told)
            .where(line.substitution_needed > 0, reservation.c.state.in_(_KEPT))
            .where(reservation.c.mode == SHIP_FROM_STORE)
            .order_by(line.reservation.desc(), line.site, line.gtin)
            .limit(UNSERVED_MAX + 1)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        self.figures.unserved_left_out += len(rows) > UNSERVED_MAX
        found: dict[Place, Lack] = defaultdict(Lack)
        for row in rows[:UNSERVED_MAX]:
            lack = found[row.reservation, row.site]
            lack.lines += ((row.gtin, row.substitution_needed),)
            lack.fickle |= bool(row.fickle)
        return found


def _somewhere() -> ColumnElement[bool]:
    """Whether an item of a line's size is in its site that nobody holds: not sure enough to be given to the line."""
    line = reservation_line.c
    bound = exists().where(binding.c.gtin == item.c.gtin, binding.c.serial == item.c.serial)
    gone = exists().where(
        disposition.c.gtin == item.c.gtin,
        disposition.c.serial == item.c.serial,
        disposition.c.state != AVAILABLE,
    )
    return exists().where(item.c.site == line.site, item.c.gtin == line.gtin, item.c.zone != OUT, ~bound, ~gone)
