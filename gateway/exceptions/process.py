"""The process of alarms: looks at the sites of this gateway, raises what is new, clears what is gone.

Of several gateways the one that holds a site's fold looks at it; should two do so for a moment, an alarm has one name,
and the second one counts it again. Reading takes no lock; a transaction is begun only when something changed. Nothing
of it is waited for by the fold, and whatever it missed is seen at the next look.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.exceptions.last_reads import LastReads
from gateway.exceptions.limits import FULL_PASS_US, KEPT_US, MOVES_PAGE, PASS_S, PRUNE_EVERY_US, READS_PASS_US
from gateway.exceptions.store import Causes, is_settled, prune_alarms, settle_causes
from gateway.exceptions.watch import SiteWatch
from gateway.holds.ids import NewId
from gateway.rounds import Rounds
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.exceptions")


@dataclass(slots=True)
class AlarmFigures:
    """What the alarms of this process counted."""

    alarms_raised: int = 0
    alarms_cleared: int = 0
    alarms_left_out: int = 0
    """Causes that found no room, at the last look."""
    alarm_passes: int = 0
    alarm_full_passes: int = 0
    alarm_failures: int = 0
    alarms_pruned: int = 0


class ExceptionsProcess:
    """Looks until it is stopped. `holds`: whether this process folds a site; `committed`: after each commit."""

    def __init__(
        self,
        database: Database,
        sites: Iterable[str],
        clock: Clock,
        new_id: NewId,
        *,
        holds: Callable[[str], bool] = lambda _: True,
        committed: Callable[[], None] = lambda: None,
        pass_s: float = PASS_S,
    ) -> None:
        self.figures = AlarmFigures()
        self._database = database
        self._sites = tuple(sorted(sites))
        self._clock = clock
        self._new_id = new_id
        self._holds = holds
        self._committed = committed
        self._rounds = Rounds(pass_s)
        self._reads = LastReads(database)
        self._watched: dict[str, SiteWatch] = {}
        self._left_out: dict[tuple[str, str], int] = {}
        self._pruned_us = 0
        self._looking = asyncio.Lock()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        forgotten = sum(watch.forgotten for watch in self._watched.values())
        return asdict(self.figures) | {
            "alarm_items_forgotten": forgotten,
            "alarm_checkpoints_read": self._reads.read,
            "alarm_checkpoints_unreadable": self._reads.unreadable,
            "alarm_tills_silent": sum(watch.till_silent for watch in self._watched.values()),
        }

    def stop(self) -> None:
        """Let `run` end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Look until `stop`."""
        await self._rounds.run(self._round, self._failed)

    async def _round(self) -> None:
        await self.look()
        await self._prune()

    def _failed(self, error: Exception) -> None:
        self.figures.alarm_failures += 1
        _log.warning("alarms_failed", error=str(error)[:500])

    async def look(self, *, full: bool = False) -> int:
        """Look at each site that is ours once (`full`: at everything); return how many alarms came or went.

        One look at a time: a movement is taken once.
        """
        async with self._looking:
            return await self._look(full=full)

    async def _look(self, *, full: bool) -> int:
        changed = 0
        held = {site for site in self._sites if self._holds(site)}
        for site in self._watched.keys() - held:  # another process goes on
            del self._watched[site]
        if not held:
            self._reads.forget(())
        for site in sorted(held):
            if self._rounds.stopping:
                break
            try:
                changed += await self._site(site, full=full)
            except (SQLAlchemyError, OSError) as error:  # the other sites are looked at anyway
                self.figures.alarm_failures += 1
                _log.warning("alarms_failed", site=site, error=str(error)[:500])
        self.figures.alarm_passes += 1
        return changed

    async def _site(self, site: str, *, full: bool) -> int:
        watch = self._watched.get(site)
        if watch is None:
            watch = self._watched[site] = SiteWatch(site, self._database, self._reads, self._clock)
        while await watch.follow() == MOVES_PAGE and not self._rounds.stopping:
            pass
        causes = [await watch.left()]
        if full or abs(self._clock() - watch.full_us) >= FULL_PASS_US:  # abs: a clock may be put back
            causes += await watch.full()
            watch.full_us = self._clock()
            self.figures.alarm_full_passes += 1
        if full or abs(self._clock() - watch.reads_us) >= READS_PASS_US:
            causes += await watch.by_reads()
            watch.reads_us = self._clock()
        return sum([await self._settle(site, each) for each in causes])

    async def _settle(self, site: str, causes: Causes) -> int:
        now_us = self._clock()
        async with self._database.read() as connection:
            if await is_settled(connection, site, causes, now_us):
                return 0
        async with self._database.write() as connection:
            done = await settle_causes(connection, site, causes, new_id=self._new_id, now_us=now_us)
        self._committed()
        self.figures.alarms_raised += len(done.raised)
        self.figures.alarms_cleared += len(done.cleared)
        self._left_out[site, causes.kind.value] = done.left_out
        self.figures.alarms_left_out = sum(self._left_out.values())
        if done.changed:
            _log.info("alarms", site=site, kind=causes.kind.value, raised=len(done.raised), cleared=len(done.cleared))
        return len(done.raised) + len(done.cleared)

    async def _prune(self) -> None:
        """Forget what was cleared long ago, now and then."""
        now_us = self._clock()
        if abs(now_us - self._pruned_us) < PRUNE_EVERY_US:
            return
        self._pruned_us = now_us
        async with self._database.write() as connection:
            self.figures.alarms_pruned += await prune_alarms(connection, now_us - KEPT_US)
