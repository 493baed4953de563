"""The sweeper of tasks: what time does to them, committed within a second or so.

* A claim that lapsed is open again. Reads never wait for that: they see it from its instant on.
* A pickup that nobody collected by its `collect_by` is released, as by the verb; what was picked is to be put back.
* An order whose tasks are no longer those that it needs gets them: a unit that could not be found came back (the fold
  gave it to the order), or a picked line lost its unit before anybody took it. Those are the only changes of an order
  that happen without its row being written, and so without `gateway.holds.follow_up`.
* Tasks that were over long ago are forgotten.

Several processes may sweep side by side: each change is made under the locks that everybody takes, once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import Select, and_, delete, or_, select

from gateway.availability import Policy
from gateway.clock import Clock
from gateway.holds import verbs
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.errors import BusyError, UnknownHoldError
from gateway.holds.ids import uuid7
from gateway.holds.life import State as HoldState
from gateway.holds.verbs import Work
from gateway.rounds import PASSING, Rounds
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.work import task
from gateway.tasks.life import CLAIM_US, WAITING, Kind, State
from gateway.tasks.limits import KEPT_S, PRUNE_EVERY_S, PRUNE_MAX, SWEEP_EVERY_S, SWEEP_MAX
from gateway.tasks.store import lapse_claims

_log: Final = structlog.get_logger("gateway.tasks")

NO_SHOW: Final = "no_show"
STOCK_CHANGED: Final = "stock_changed"

_Act = Callable[[Work], Awaitable[str]]

_GATEWAY: Final = Who("", Policy())
_KEPT: Final = (HoldState.CONFIRMED.value, HoldState.PICKED.value)
_WAITING: Final = sorted(state.value for state in WAITING)


@dataclass(slots=True)
class TaskSweeperFigures:
    """What the sweeper of tasks of this process counted."""

    task_claims_lapsed: int = 0
    pickups_not_collected: int = 0
    orders_followed_up: int = 0
    task_sweep_failures: int = 0
    tasks_pruned: int = 0


class TaskSweeper:
    """Sweeps while the gateway runs."""

    def __init__(self, database: Database, clock: Clock, holds: Holds, *, every_s: float = SWEEP_EVERY_S) -> None:
        self.figures = TaskSweeperFigures()
        self._database = database
        self._clock = clock
        self._holds = holds
        self._rounds = Rounds(every_s)
        self._prune_us = 0

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Sweep until `stop`."""
        await self._rounds.run(self._round, self._failed, survives=(*PASSING, BusyError))

    async def _round(self) -> None:
        await self.sweep()
        if self._clock() >= self._prune_us:
            self._prune_us = self._clock() + int(PRUNE_EVERY_S * 1e6)
            await self.prune()

    def _failed(self, error: Exception) -> None:
        self.figures.task_sweep_failures += 1
        _log.warning("task_sweep_failed", error=str(error)[:500])

    async def sweep(self) -> int:
        """Do what time asks for; return how many changes that were."""
        lapsed = await self._lapse()
        late, changed = await self._found()
        for name in late:
            self.figures.pickups_not_collected += await self._on(name, self._release)
        for name in changed:
            self.figures.orders_followed_up += await self._on(name, self._follow)
        return lapsed + len(late) + len(changed)

    async def _lapse(self) -> int:
        """Open tasks whose claim is over. Looked for first without a lock: mostly there is none."""
        now_us = self._clock()
        before_us = now_us - CLAIM_US
        async with self._database.read() as connection:
            one = await connection.execute(select(task.c.id).where(task.c.claimed_us <= before_us).limit(1))
            if one.first() is None:
                return 0
        async with self._database.write() as connection:
            lapsed = await lapse_claims(connection, before_us, now_us, SWEEP_MAX)
        self.figures.task_claims_lapsed += lapsed
        return lapsed

    async def _found(self) -> tuple[list[str], list[str]]:
        """Return pickups whose buyer did not come, and orders whose tasks are not what they need."""
        now_us = self._clock()
        late = (
            select(reservation.c.id)
            .where(reservation.c.collect_by_us <= now_us, reservation.c.state.in_(_KEPT))
            .order_by(reservation.c.collect_by_us)
            .limit(SWEEP_MAX)
        )
        changed = _changed().limit(SWEEP_MAX)
        async with self._database.read() as connection:
            return list(await connection.scalars(late)), [str(name) for name in await connection.scalars(changed)]

    async def _on(self, name: str, act: _Act) -> int:
        """Change one reservation; return 1, or 0 when there was nothing to change after all."""
        done = 0

        async def within(work: Work) -> str:
            nonlocal done
            why = await act(work)
            done = int(bool(why))
            return why

        try:
            await self._holds.for_task(_GATEWAY, name, within)
        except UnknownHoldError:  # forgotten since
            return 0
        return done

    @staticmethod
    async def _release(work: Work) -> str:
        held = work.held
        if held.state.value not in _KEPT or held.collect_by_us is None or held.collect_by_us > work.now_us:
            return ""
        await verbs.release(work)
        return NO_SHOW

    @staticmethod
    async def _follow(work: Work) -> str:
        mine = _changed().where(task.c.reservation == work.held.id)
        if (await work.connection.execute(mine)).first() is None:  # another sweeper was faster: it was told of
            return ""
        return STOCK_CHANGED if work.held.state.value in _KEPT else work.held.state.value

    async def prune(self) -> int:
        """Forget up to `PRUNE_MAX` tasks that are over and were opened long ago; return how many."""
        before = uuid7(self._clock() - KEPT_S * 1_000_000, 0)
        old = (
            select(task.c.id)
            .where(task.c.id < before, task.c.dedup.is_(None))
            .order_by(task.c.id)
            .limit(PRUNE_MAX)
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            names = (await connection.scalars(old)).all()
            if names:
                await connection.execute(delete(task).where(task.c.id.in_(names)))
        self.figures.tasks_pruned += len(names)
        return len(names)


def _changed() -> Select[tuple[str | None]]:
    """Return the reservations whose tasks are not what they need."""
    line = and_(
        reservation_line.c.reservation == task.c.reservation,
        reservation_line.c.site == task.c.site,
        reservation_line.c.gtin == task.c.gtin,
    )
    lacks = reservation_line.c.quantity == reservation_line.c.substitution_needed
    found_again = and_(task.c.state == State.CANNOT.value, ~lacks)
    lost = and_(task.c.state.in_(_WAITING), lacks)
    over = reservation.c.state.not_in(_KEPT)
    return (
        select(task.c.reservation)
        .distinct()
        .join(reservation_line, line)
        .join(reservation, reservation.c.id == task.c.reservation)
        .where(task.c.kind == Kind.PICK.value, task.c.dedup.is_not(None), or_(found_again, lost, over))
    )
