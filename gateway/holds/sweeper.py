"""The sweeper: commits the end of holds whose time is over, with the events of what is free again.

Reads never wait for it: a hold is gone from `expires_us` on. It gives the items back, so that nobody meets a binding of
the dead, and tells the channels, within a second; and it forgets what was over long ago. Several processes may sweep
side by side: each locks the rows of stock first, in key order, and ends what is still there to be ended.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import delete, select, update

from gateway.clock import Clock
from gateway.holds.batch import EXPIRED
from gateway.holds.ids import uuid7
from gateway.holds.life import State
from gateway.holds.limits import KEPT_S, LINES_MAX, PRUNE_EVERY_S, PRUNE_MAX, SWEEP_EVERY_S, SWEEP_MAX
from gateway.holds.rows import let_go
from gateway.holds.writer import nothing
from gateway.ledger.retell import lock_skus, retell, shelf_of
from gateway.rounds import Rounds
from gateway.site_view import SiteViews
from gateway.storage.commerce import reference, reservation, reservation_line
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.holds")

_OVER: Final = (State.RELEASED.value, State.EXPIRED.value, State.FULFILLED.value)

_SKUS_MAX: Final = 4 * LINES_MAX
"""SKUs that one transaction of the sweeper locks; a single reservation may have all its lines."""


@dataclass(slots=True)
class SweeperFigures:
    """What the sweeper of this process counted."""

    holds_expired: int = 0
    hold_sweeps: int = 0
    hold_sweep_failures: int = 0
    hold_expiry_lag_ms: int = 0
    holds_pruned: int = 0


class Sweeper:
    """Ends holds while the gateway runs. `committed` is called after each commit: the relay may look for changes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        every_s: float = SWEEP_EVERY_S,
        at_once: int = SWEEP_MAX,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = SweeperFigures()
        self._database = database
        self._clock = clock
        self._views = SiteViews(clock)
        self._rounds = Rounds(every_s)
        self._prune_us = 0
        self._at_once = at_once
        self._committed = committed

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Sweep until `stop`."""
        await self._rounds.run(self._round, self._failed)

    async def _round(self) -> None:
        while await self.sweep() and not self._rounds.stopping:
            pass
        if self._clock() >= self._prune_us:
            self._prune_us = self._clock() + int(PRUNE_EVERY_S * 1e6)
            await self.prune()

    def _failed(self, error: Exception) -> None:
        self.figures.hold_sweep_failures += 1
        _log.warning("hold_sweep_failed", error=str(error)[:500])

    async def sweep(self) -> int:
        """End up to `at_once` holds in one transaction; return how many."""
        found = await self._over()
        if not found:
            return 0
        now_us = self._clock()
        async with self._database.write() as connection:
            lines = select(reservation_line.c.site, reservation_line.c.gtin).where(
                reservation_line.c.reservation.in_(found)
            )
            keys = {(row.site, row.gtin) for row in await connection.execute(lines)}
            locked = await lock_skus(connection, keys, now_us)
            still = (
                select(reservation.c.id, reservation.c.expires_us)
                .where(
                    reservation.c.id.in_(found),
                    reservation.c.state == State.HELD.value,
                    reservation.c.expires_us <= now_us,
                )
                .order_by(reservation.c.id)
                .with_for_update()
            )
            rows = (await connection.execute(still)).all()
            names = [row.id for row in rows]
            if names:
                say = update(reservation).where(reservation.c.id.in_(names))
                ended = {"state": State.EXPIRED.value, "swept": True, "updated_us": now_us}
                await connection.execute(say.values(**ended, version=reservation.c.version + 1))
                await let_go(connection, names)
                views = await self._views.load(connection, {site for site, _ in keys})
                shelves = {site: shelf_of(view) for site, view in views.items()}
                await retell(connection, locked, shelves, EXPIRED, now_us)
        self._committed()
        self.figures.hold_sweeps += 1
        self.figures.holds_expired += len(rows)
        self.figures.hold_expiry_lag_ms = max((now_us - row.expires_us for row in rows), default=0) // 1_000
        return len(rows)

    async def prune(self) -> int:
        """Forget up to `PRUNE_MAX` reservations that are over and were made long ago; return how many."""
        before = uuid7(self._clock() - KEPT_S * 1_000_000, 0)
        old = (
            select(reservation.c.id)
            .where(reservation.c.id < before, reservation.c.state.in_(_OVER))
            .order_by(reservation.c.id)
            .limit(PRUNE_MAX)
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            names = (await connection.scalars(old)).all()
            if names:
                named = (reference.c.kind == "hold") & reference.c.id.in_(names)
                await connection.execute(delete(reference).where(named))
                await connection.execute(delete(reservation_line).where(reservation_line.c.reservation.in_(names)))
                await connection.execute(delete(reservation).where(reservation.c.id.in_(names)))
        self.figures.holds_pruned += len(names)
        return len(names)

    async def _over(self) -> list[str]:
        """Return holds that are over, the oldest first: few enough that one transaction can end them."""
        now_us = self._clock()
        due = (
            select(reservation.c.id)
            .where(reservation.c.state == State.HELD.value, reservation.c.expires_us <= now_us)
            .order_by(reservation.c.expires_us)
            .limit(self._at_once)
        )
        async with self._database.read() as connection:
            names = (await connection.scalars(due)).all()
            if not names:
                return []
            lines = select(reservation_line.c.reservation, reservation_line.c.site, reservation_line.c.gtin).where(
                reservation_line.c.reservation.in_(names)
            )
            skus: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
            for row in await connection.execute(lines):
                skus[row.reservation].add((row.site, row.gtin))
        taken: list[str] = []
        keys: set[tuple[str, str]] = set()
        for name in names:
            if taken and len(keys | skus[name]) > _SKUS_MAX:
                break
            taken.append(name)
            keys |= skus[name]
        return taken
