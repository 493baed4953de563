"""The folding process: holds the leases of its sites, lets time pass in their logs, and folds what is new.

Once a second one transaction renews every lease, takes those that are free, and logs a tick for each site that is
held. A site is folded when the ingest of this process wakes it, or when the log of another process grew (polled).
What goes wrong with one site stops only that site: its state is dropped, loaded again after a pause, and counted;
an entry is never passed over in silence.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Final

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.fold.site_fold import FoldRules, SiteFold
from gateway.limits import FOLD_POLL_S, LEASE_TTL_S, RETRY_CAP_S, RETRY_FIRST_S, STOP_DRAIN_S, TICK_S
from gateway.rounds import pause
from gateway.steps import Step, pass_by
from gateway.storage import input_log, lease
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.input_log import Kind, NewEntry
from gateway.storage.schema import site_fold

_log: Final = structlog.get_logger("gateway.fold")

TRACE_FRAMES: Final = 3
"""Frames of a failure that are logged: code only, never the values, which would name items."""


@dataclass(slots=True)
class ProcessFigures:
    """What this process counted."""

    folded: int = 0
    fold_commits: int = 0
    fold_failures: int = 0
    fenced: int = 0
    leases_taken: int = 0
    leases_lost: int = 0
    ticks: int = 0
    beat_failures: int = 0
    checkpoints: int = 0


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lasts, and how often it is renewed (and time is logged)."""

    ttl_s: float = LEASE_TTL_S
    tick_s: float = TICK_S
    poll_s: float = FOLD_POLL_S


class FoldProcess:
    """Folds sites until it is stopped. `committed` is called after each commit of outputs."""

    def __init__(
        self,
        database: Database,
        sites: Iterable[str],
        holder: str,
        clock: Clock,
        *,
        rules: FoldRules | None = None,
        times: LeaseTimes | None = None,
        committed: Callable[[], None] = lambda: None,
        step: Step = pass_by,
    ) -> None:
        self.figures = ProcessFigures()
        self.folds: dict[str, SiteFold] = {}
        self._database = database
        self._sites = tuple(sorted(sites))
        self._holder = holder
        self._clock = clock
        self._rules = rules or FoldRules()
        self._times = times or LeaseTimes()
        self._committed = committed
        self._step = step
        self._fences: dict[str, int] = {}
        self._news = {site: asyncio.Event() for site in self._sites}
        self._stopping = asyncio.Event()
        self._drain_until = 0.0

    def wake(self, site: str) -> None:
        """Say that a site's log grew."""
        if site in self._news:
            self._news[site].set()

    def holds(self, site: str) -> bool:
        """Whether this process holds the site's lease, as far as it knows."""
        return site in self._fences

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return asdict(self.figures)

    def stop(self) -> None:
        """Let `run` end when what is logged is folded, with a checkpoint for each site."""
        self._drain_until = time.monotonic() + STOP_DRAIN_S
        self._stopping.set()
        for news in self._news.values():
            news.set()

    async def run(self) -> None:
        """Hold leases and fold until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            beat = tasks.create_task(self._beat_on())
            poll = tasks.create_task(self._poll_on())
            folding = [tasks.create_task(self._fold_on(site)) for site in self._sites]
            await self._stopping.wait()
            await asyncio.wait([*folding, poll]) if folding else None
            await beat
        await self._release()

    # -- leases and time

    async def _beat_on(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._beat()
            except (SQLAlchemyError, OSError) as error:
                self.figures.beat_failures += 1
                _log.warning("beat_failed", error=str(error))
            await pause(self._stopping, self._times.tick_s)

    async def _beat(self) -> None:
        """Renew or take every lease and log a tick for each site that is held, in one transaction."""
        now_us, ttl_us = self._clock(), int(self._times.ttl_s * 1e6)
        held: dict[str, int] = {}
        async with self._database.write() as connection:
            for site in self._sites:
                name, fence = f"fold:{site}", self._fences.get(site)
                if fence is None or not await lease.renew(
                    connection, name, self._holder, fence, now_us=now_us, ttl_us=ttl_us
                ):
                    fence = await lease.acquire(connection, name, self._holder, now_us=now_us, ttl_us=ttl_us)
                    if fence is None:
                        continue
                    await connection.execute(update(site_fold).where(site_fold.c.site == site).values(fence=fence))
                held[site] = fence
                await input_log.append(connection, site, [NewEntry(now_us, Kind.TICK, b"")])
        self._note_leases(held)
        self.figures.ticks += len(held)
        for site in held:
            self.wake(site)

    def _note_leases(self, held: dict[str, int]) -> None:
        for site in self._sites:
            before, now = self._fences.get(site), held.get(site)
            if before != now and now is not None:
                self.figures.leases_taken += 1
                _log.info("lease_taken", site=site, fence=now)
            if before != now and before is not None:
                self.figures.leases_lost += 1
                _log.warning("lease_lost", site=site, fence=before)
        self._fences = held

    async def _poll_on(self) -> None:
        """Wake sites whose log grew in another process."""
        seen: dict[str, int] = {}
        while not self._stopping.is_set():
            await pause(self._stopping, self._times.poll_s)
            try:
                async with self._database.read() as connection:
                    newest = await input_log.last_numbers(connection)
            except (SQLAlchemyError, OSError) as error:
                self.figures.beat_failures += 1
                _log.warning("poll_failed", error=str(error))
                continue
            for site in self._sites:
                if newest.get(site) != seen.get(site):
                    self.wake(site)
            seen = newest

    async def _release(self) -> None:
        try:
            async with self._database.write() as connection:
                for site, fence in sorted(self._fences.items()):
                    await lease.release(connection, f"fold:{site}", self._holder, fence)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("release_failed", error=str(error))
        self._fences = {}

    # -- folding

    async def _fold_on(self, site: str) -> None:
        """Fold one site whenever there is news and the lease is ours; begin again after a failure."""
        delay_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            await self._news[site].wait()
            self._news[site].clear()
            try:
                if await self._fold_site(site):
                    delay_s = RETRY_FIRST_S
            except FencedError as error:
                self.figures.fenced += 1
                self._drop(site)
                _log.warning("fenced", site=site, error=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other sites
                self.figures.fold_failures += 1
                self._drop(site)
                where = "".join(traceback.format_tb(error.__traceback__)[-TRACE_FRAMES:])
                _log.error("fold_failed", site=site, error=repr(error), retry_s=delay_s, where=where)
                await pause(self._stopping, delay_s)
                delay_s = min(2 * delay_s, RETRY_CAP_S)
                self.wake(site)
        await self._last_checkpoint(site)

    async def _fold_site(self, site: str) -> bool:
        """Fold everything that is new; return whether anything was."""
        fold = await self._current(site)
        if fold is None:
            return False
        folded = 0
        while self._may_fold() and (count := await fold.fold_new()):
            folded += count
            self.figures.folded += count
            self.figures.fold_commits += 1
            self._committed()
            if fold.checkpoint_due():
                await fold.take_checkpoint()
                self.figures.checkpoints += 1
        return folded > 0

    def _may_fold(self) -> bool:
        return not self._stopping.is_set() or time.monotonic() < self._drain_until

    async def _current(self, site: str) -> SiteFold | None:
        """Return the site's fold under the lease that we hold, loaded; None without a lease."""
        fence = self._fences.get(site)
        fold = self.folds.get(site)
        if fold is not None and fold.fence != fence:
            self._drop(site)
            fold = None
        if fence is None:
            return None
        if fold is None:
            fold = SiteFold(self._database, site, fence, self._clock, rules=self._rules, step=self._step)
            await fold.load()
            self.folds[site] = fold
        return fold

    def _drop(self, site: str) -> None:
        self.folds.pop(site, None)

    async def _last_checkpoint(self, site: str) -> None:
        """Leave a checkpoint behind, so that the next start, maybe of a newer program, replays nothing."""
        fold = self.folds.get(site)
        if fold is None:
            return
        try:
            await fold.take_checkpoint()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("last_checkpoint_failed", site=site, error=str(error))
