"""A database with a site's log in it, and folds over it that a test drives by hand."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import select, update

from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.fold.site_fold import FoldRules, SiteFold
from gateway.fold.state import Presence
from gateway.steps import Step, pass_by
from gateway.storage import input_log, lease
from gateway.storage.engine import Database
from gateway.storage.input_log import Entry, Kind, NewEntry
from gateway.storage.schema import site_fold
from gateway.storage.site_register import register_site
from tests.gateway.shop_day import log_of
from tests.gateway.small_store import SITE, T0_US, ManualClock
from wire.messages import Durable
from wire.site import Site

RULES = FoldRules(max_entries=20, budget_s=60.0, checkpoint_entries=50, checkpoint_s=1e9, keep_log=True)


class LogRig:
    """Fills a site's log and folds it."""

    def __init__(self, database: Database, site: Site = SITE, presence: Presence | None = None) -> None:
        self.database = database
        self.presence = presence
        self.site = site
        self.clock = ManualClock()

    async def open(self) -> "LogRig":
        async with self.database.write() as connection:
            await register_site(connection, self.site, T0_US)
        return self

    async def log(self, messages: Iterable[Durable], *, start: int = 0) -> None:
        """Append the messages, each with the tick of its second, from second `start` on."""
        entries = [entry for entry in log_of(list(messages), self.site, start=start) if entry.kind is not Kind.SITE]
        async with self.database.write() as connection:
            new = [NewEntry(entry.received_us, entry.kind, entry.body) for entry in entries]
            await input_log.append(connection, self.site.id, new)

    async def entries(self) -> list[Entry]:
        async with self.database.read() as connection:
            return await input_log.entries_after(connection, self.site.id, 0, 1_000_000)

    async def fence(self, holder: str) -> int:
        """Take the site's lease, whoever has it, and mark the site with the new fence."""
        self.clock.advance(10)
        async with self.database.write() as connection:
            name = f"fold:{self.site.id}"
            fence = await lease.acquire(connection, name, holder, now_us=self.clock(), ttl_us=3_000_000)
            assert fence is not None
            await connection.execute(update(site_fold).where(site_fold.c.site == self.site.id).values(fence=fence))
        return fence

    async def say(self, *entries: EvidenceEntry, at_us: int = T0_US) -> None:
        """Append evidence that came at an instant."""
        async with self.database.write() as connection:
            new = [NewEntry(at_us, Kind.EVIDENCE, encode_evidence(entry)) for entry in entries]
            await input_log.append(connection, self.site.id, new)

    async def fold(
        self, holder: str = "me", rules: FoldRules = RULES, step: Step = pass_by, presence: Presence | None = None
    ) -> SiteFold:
        """Return a loaded fold under a new fence; with the rig's own trackers, unless others are given."""
        fold = SiteFold(
            self.database,
            self.site.id,
            await self.fence(holder),
            self.clock,
            rules=rules,
            step=step,
            presence=presence or self.presence,
        )
        await fold.load()
        return fold

    async def applied_n(self) -> int:
        async with self.database.read() as connection:
            return int(
                await connection.scalar(select(site_fold.c.applied_n).where(site_fold.c.site == self.site.id)) or 0
            )


async def fold_all(fold: SiteFold) -> int:
    """Fold whatever is new; return how many entries."""
    total = 0
    while count := await fold.fold_new():
        total += count
    return total


def unpruned(**changes: float) -> FoldRules:
    """Return the usual rules with some changed."""
    return replace(RULES, **changes)  # type: ignore[arg-type]
