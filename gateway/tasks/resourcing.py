"""Re-sourcing: units that a site turned out not to have are served by the next best one, within the request.

Only what is sent can come from elsewhere: a pickup's buyer comes to this site. Other sites hold the units first; then
one transaction takes them off this reservation and confirms the others (`gateway.holds.hand_on`). Whatever goes wrong
in between leaves a true picture: the line says that it needs a substitution.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.holds.errors import HoldError
from gateway.holds.follow_up import FollowUp
from gateway.holds.hand_on import hand_on
from gateway.holds.life import State
from gateway.holds.rows import Held, read_hold
from gateway.holds.turns import AGAIN, Turns
from gateway.holds.verbs import ItemName
from gateway.holds.writer import nothing
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.tasks.limits import ACTS_AT_ONCE, ACTS_WAITING_MAX, TURN_S
from gateway.tasks.next_best import Lacking, NextBest, lacking_of
from gateway.tasks.orders import SHIP_FROM_STORE

_log: Final = structlog.get_logger("gateway.tasks")


@dataclass(slots=True)
class ResourcingFigures:
    """What re-sourcing in this process counted."""

    pick_misses_resourced: int = 0
    pick_misses_unserved: int = 0
    pick_miss_resource_failures: int = 0


class Resourcing:
    """Has units served elsewhere. Without `next_best` no other site is asked."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        follow_up: FollowUp,
        next_best: NextBest | None = None,
        *,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = ResourcingFigures()
        self.next_best = next_best
        self._database = database
        self._clock = clock
        self._follow_up = follow_up
        self._committed = committed
        self._views = SiteViews(clock)
        self._turns = Turns("changes of tasks", ACTS_AT_ONCE, ACTS_WAITING_MAX)
        self._serving: set[tuple[str, str]] = set()

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return asdict(self.figures)

    async def serve(self, reservation: str, site: str) -> bool:
        """Have what an order lacks in a site served by others; return whether they were asked. Never raises."""
        self._serving.add((reservation, site))
        try:
            return await self._serve(reservation, site)
        finally:
            self._serving.discard((reservation, site))

    def is_serving(self, reservation: str, site: str) -> bool:
        """Whether a request of this process is at that now."""
        return (reservation, site) in self._serving

    async def _serve(self, reservation: str, site: str) -> bool:
        try:
            lacking = await self.lacking(reservation, site)
            if lacking is None:
                return False
            if self.next_best is None:
                self.figures.pick_misses_unserved += 1
                return False
            done = await self.hand(lacking)
            if not done and (now := await self.lacking(reservation, site)) not in {None, lacking}:
                done = await self.hand(now)  # another miss came meanwhile
        except (HoldError, *AGAIN) as error:  # the miss is committed: its line says that it needs a substitution
            self.figures.pick_miss_resource_failures += 1
            _log.warning("pick_miss_not_resourced", reservation=reservation, error=str(error)[:500])
            return True
        self.figures.pick_misses_resourced += done
        self.figures.pick_misses_unserved += not done
        return True

    async def hand(self, lacking: Lacking, loses: Collection[ItemName] = ()) -> bool:
        """Hold units elsewhere and hand them on; return whether that was done.

        `loses`: items that the reservation still holds, and gives up for those. Raises `BusyError`.
        """
        if self.next_best is None:
            return False
        takers = await self.next_best.hold(lacking)
        return bool(takers) and await self._hand_on(lacking, takers, loses)

    async def lacking(self, reservation: str, site: str) -> Lacking | None:
        """Return what a reservation lacks that may come from elsewhere, in the turn of this moment."""
        async with self._database.read() as connection:
            held = await read_hold(connection, reservation)
        if held is None or not may_come_from_elsewhere(held):
            return None
        return lacking_of(held, site, turn=self._clock() // (TURN_S * 1_000_000))

    async def _hand_on(self, lacking: Lacking, takers: Sequence[str], loses: Collection[ItemName]) -> bool:
        async def once() -> bool:
            async with self._database.write() as connection:
                done = await hand_on(
                    connection,
                    self._views,
                    self._follow_up,
                    giver=lacking.reservation,
                    site=lacking.site,
                    takers=takers,
                    now_us=self._clock(),
                    loses=loses,
                )
            self._committed()
            return done

        return await self._turns.tried(f"handing on of reservation {lacking.reservation}", once)


def may_come_from_elsewhere(held: Held) -> bool:
    """Whether an order may be served by another site than the one that was chosen for it.

    One that is not confirmed is none yet: nothing of it can be handed on.
    """
    return held.mode == SHIP_FROM_STORE and held.state in {State.CONFIRMED, State.PICKED}
