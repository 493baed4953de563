"""The process of replenishment: decides for its sites while it holds their leases, woken by what is committed.

Theory of operation. One task does everything, one small turn of one site after the other. It hears of committed changes
by the change feed (a cursor on `change.seq`), of people's acts by the versions of tasks, of the catalogue by two
figures, and it looks at the clock. What it remembers is in memory only: when a lease is taken all SKUs of the site are
learned and judged once; when changes were pruned before they were read, all are judged again; and every ten minutes,
for what no change tells of.

Two gateways may serve the same site: the lease `refill:<site>` says who decides, and each transaction renews it, so
that one that lost it writes nothing. Behind that stand a task's name, which is unique, and its version.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds.ids import NewId, random_ids
from gateway.relay import ChangeFeed, last_seq
from gateway.replenishment.counted import RefillFigures
from gateway.replenishment.figures import SiteFigures
from gateway.replenishment.judging import Rules
from gateway.replenishment.learning import catalogue_mark
from gateway.replenishment.limits import CATALOGUE_S, CHANGES_PAGE, LEASE_S, LOOK_S, RETRY_S, TOGETHER_S
from gateway.replenishment.site_work import Guard, SiteWork
from gateway.replenishment.targets import DisplayRules
from gateway.steps import Step, pass_by
from gateway.stock_event import ZONE
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.schema import change
from gateway.storage.work import task
from gateway.tasks.life import Kind

_log: Final = structlog.get_logger("gateway.refill")

_FOLLOWED: Final = (Kind.REFILL.value, Kind.PICK.value)
_FAILURES: Final = (SQLAlchemyError, OSError)


_NOT_OF_SKU: Final = case((change.c.gtin == "", change.c.body), else_=None).label("body")
"""The bodies of changes that are of no SKU: of a zone, or of an order."""


class _Kind(msgspec.Struct):
    """What a change is of."""

    kind: str


class _Mark(NamedTuple):
    """What changes when any task of a site does."""

    tasks: int
    versions: int
    updated_us: int
    last: str


class Replenishment:
    """Decides until it is stopped. `committed` is called after each commit of tasks or alarms."""

    def __init__(
        self,
        database: Database,
        sites: Iterable[str],
        holder: str,
        clock: Clock,
        feed: ChangeFeed,
        *,
        new_id: NewId | None = None,
        rules: Rules | None = None,
        display: DisplayRules | None = None,
        ttl_s: float = LEASE_S,
        look_s: float = LOOK_S,
        committed: Callable[[], None] = lambda: None,
        step: Step = pass_by,
    ) -> None:
        self.counted = RefillFigures()
        self.works: dict[str, SiteWork] = {}
        self._database = database
        self._sites = tuple(sorted(sites))
        self._holder = holder
        self._clock = clock
        self._feed = feed
        self._new_id = new_id or random_ids(clock)
        self._rules = rules or Rules()
        self._display = display or DisplayRules()
        self._ttl_us = int(ttl_s * 1e6)
        self._look_s = look_s
        self._committed = committed
        self._step = step
        self._fences: dict[str, int] = {}
        self._held_us: int | None = None
        self._cursor: int | None = None
        self._marks: dict[str, _Mark] = {}
        self._catalogue: tuple[int, int] | None = None
        self._catalogue_us = 0
        self._resting_us: dict[str, int] = {}
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._news.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()
        self._news.set()

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.counted) | {"refill_sites": len(self.works)}

    def figures(self) -> dict[str, SiteFigures]:
        """Return the figures of the sites that this process decides for, from memory."""
        return {site: work.figures() for site, work in sorted(self.works.items())}

    async def run(self) -> None:
        """Decide until `stop`."""
        while not self._stopping.is_set():
            self._news.clear()
            try:
                await self._hold()
                await self._listen()
                busy = await self._turns()
            except _FAILURES as error:
                self.counted.refill_failures += 1
                _log.warning("refill_failed", error=str(error)[:500])
                busy = False
            if not busy:
                await self._pause()
        await self._release()

    async def _pause(self) -> None:
        """Wait for changes, a wake, a stop, or a while."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._news.wait())]
        if self._cursor is not None:
            waits.append(asyncio.ensure_future(self._feed.wait(self._cursor, self._look_s)))
        try:
            await asyncio.wait(waits, timeout=self._look_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if not self._stopping.is_set():
            await asyncio.sleep(min(TOGETHER_S, self._look_s))

    # -- leases

    async def _hold(self) -> None:
        """Renew the leases and take those that are free, a few times in their life."""
        now_us = self._clock()
        if self._held_us is not None and abs(now_us - self._held_us) < self._ttl_us / 3:
            return
        held: dict[str, int] = {}
        async with self._database.write() as connection:
            for site in self._sites:
                fence = self._fences.get(site)
                if fence is None or not await self._renew(connection, site, fence, now_us):
                    fence = await lease.acquire(
                        connection, _name(site), self._holder, now_us=now_us, ttl_us=self._ttl_us
                    )
                if fence is not None:
                    held[site] = fence
        went_back = self._held_us is not None and now_us < self._held_us
        self._held_us = now_us
        before, self._fences = self._fences, held
        for site in before.keys() - held.keys():
            self._drop(site)
        if went_back:
            self._put_back()
        new = [site for site, fence in held.items() if before.get(site) != fence]
        for site in new:
            self.counted.refill_leases_taken += 1
            _log.info("refill_begins", site=site, fence=held[site])
            self._begin(site)

    def _begin(self, site: str) -> None:
        """Begin with a site; the cursor must not be behind what it reads then."""
        self.works[site] = SiteWork(
            self._database,
            site,
            self._clock,
            self._new_id,
            self._guard(site),
            counted=self.counted,
            rules=self._rules,
            display=self._display,
            committed=self._committed,
            step=self._step,
        )

    def _put_back(self) -> None:
        """Begin all sites anew: the clock was put back, and what was remembered is of times that are still to come."""
        self._resting_us.clear()
        self._catalogue_us = 0
        for site in self.works:
            self._begin(site)

    def _drop(self, site: str) -> None:
        self.works.pop(site, None)
        self._fences.pop(site, None)
        self._marks.pop(site, None)
        self._resting_us.pop(site, None)

    async def _renew(self, connection: AsyncConnection, site: str, fence: int, now_us: int) -> bool:
        return await lease.renew(connection, _name(site), self._holder, fence, now_us=now_us, ttl_us=self._ttl_us)

    def _guard(self, site: str) -> Guard:
        async def still_mine(connection: AsyncConnection) -> None:
            fence = self._fences.get(site)
            if fence is None or not await self._renew(connection, site, fence, self._clock()):
                raise FencedError(f"site {site}: another process decides what to refill")

        return still_mine

    async def _release(self) -> None:
        try:
            async with self._database.write() as connection:
                for site, fence in sorted(self._fences.items()):
                    await lease.release(connection, _name(site), self._holder, fence)
        except _FAILURES as error:
            _log.warning("release_failed", error=str(error)[:500])
        for site in list(self.works):
            self._drop(site)

    # -- listening

    async def _listen(self) -> None:
        """Hear what changed since the last look."""
        if not self.works:
            self._cursor = None
            return
        async with self._database.read() as connection:
            await self._listen_to_changes(connection)
            marks = await self._task_marks(connection)
            catalogue = None
            if self._clock() - self._catalogue_us >= CATALOGUE_S * 1e6:
                catalogue = await catalogue_mark(connection)
        for site, work in self.works.items():
            if marks.get(site) != self._marks.get(site):
                work.tasks_changed()
        self._marks = marks
        if catalogue is None:
            return
        self._catalogue_us = self._clock()
        if self._catalogue not in {None, catalogue}:
            for work in self.works.values():
                work.anew(catalogue=True)
        self._catalogue = catalogue

    async def _listen_to_changes(self, connection: AsyncConnection) -> None:
        if self._cursor is None:
            self._cursor = await last_seq(connection)
            return
        while True:
            query = (
                select(change.c.seq, change.c.site, change.c.gtin, _NOT_OF_SKU)
                .where(change.c.seq > self._cursor)
                .order_by(change.c.seq)
                .limit(CHANGES_PAGE)
            )
            rows = (await connection.execute(query)).all()
            if rows and rows[0].seq != self._cursor + 1:
                self.counted.refill_changes_missed += 1
                for work in self.works.values():
                    work.anew()
            for row in rows:
                found = self.works.get(row.site)
                if found is not None and row.gtin:
                    found.changed(row.gtin)
                elif found is not None and msgspec.json.decode(row.body, type=_Kind).kind == ZONE:
                    found.zone_turned()
            if rows:
                self._cursor = int(rows[-1].seq)
            if len(rows) < CHANGES_PAGE:
                return

    async def _task_marks(self, connection: AsyncConnection) -> dict[str, _Mark]:
        """Return what differs for a site as soon as one of its tasks does that matters here."""
        query = (
            select(
                task.c.site, func.count(), func.sum(task.c.version), func.max(task.c.updated_us), func.max(task.c.id)
            )
            .where(task.c.kind.in_(_FOLLOWED), task.c.dedup.is_not(None))
            .group_by(task.c.site)
        )
        rows = await connection.execute(query)
        return {
            site: _Mark(int(tasks), int(versions), int(newest), last) for site, tasks, versions, newest, last in rows
        }

    # -- work

    async def _turns(self) -> bool:
        """Give each site one turn; return whether any of them had something to do."""
        busy = False
        for site, work in list(self.works.items()):
            if self._stopping.is_set():
                break
            if self._resting_us.get(site, 0) > self._clock():
                continue
            try:
                busy |= await work.turn()
            except FencedError as error:
                self.counted.refill_fenced += 1
                _log.warning("refill_fenced", site=site, error=str(error))
                self._drop(site)
                self._held_us = None
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other sites
                self.counted.refill_failures += 1
                _log.error("refill_site_failed", site=site, error=repr(error)[:500], retry_s=RETRY_S)
                self._begin(site)
                self._resting_us[site] = self._clock() + int(RETRY_S * 1e6)
        return busy


def _name(site: str) -> str:
    return f"refill:{site}"
