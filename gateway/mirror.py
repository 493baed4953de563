"""Rows of availability that were asked for lately, in memory, so that a shop's next look costs no query.

A row leaves the mirror as soon as its change is relayed, or when this process itself changed it; what is being read at
that moment is answered, and not kept. Whatever is missed (changes too small for an event) ends with `ROW_TTL_S`. Holds
expire by the clock: a row whose first hold is over is read anew. How fresh a row is (`as_of`, `status`) is said by the
state of its site, which is never older than `SITE_TTL_S`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from gateway.clock import Clock
from gateway.ledger.picture import SkuKey
from gateway.ledger.post import counts_of
from gateway.site_view import STOCK_COLUMNS, SiteView, SiteViews, StoredStock, stored_of
from gateway.storage.engine import Database
from gateway.storage.schema import sku, stock
from gateway.storage.statement import MANY

ROWS_MAX: Final = 100_000
"""About 100 MB; when it is full the row that was put in first goes."""

ROW_TTL_US: Final = 20_000_000
SITE_FRESH_US: Final = 300_000
SITE_TTL_US: Final = 1_000_000
"""An answer may be kept for a second (`Cache-Control`). The state of a site is read anew three times in it, by one
reader in the background: nobody waits, unless nobody asked for a second."""


@dataclass(slots=True)
class MirrorRow:
    """A SKU at a site: its units by zone and its row of stock, good until an instant."""

    zones: Mapping[str, int]
    stored: StoredStock
    until_us: int


@dataclass(slots=True)
class MirrorSite:
    """The state of a site, good until an instant; `epoch` grows when more than its clocks changed."""

    view: SiteView
    fresh_us: int
    until_us: int
    epoch: int


class Mirror:
    """Rows of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.hits = 0
        self.misses = 0
        self._database = database
        self._clock = clock
        self._views = SiteViews(clock)
        self._rows: dict[SkuKey, MirrorRow] = {}
        self._sites: dict[str, MirrorSite] = {}
        self._reading: list[set[SkuKey]] = []
        self._refreshing: dict[str, asyncio.Task[None]] = {}

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Drop rows that changed; an empty GTIN stands for the state of a site."""
        for site, gtin in keys:
            if not gtin:
                self._sites.pop(site, None)
                continue
            key = SkuKey(site, gtin)
            self._rows.pop(key, None)
            for read in self._reading:
                read.add(key)

    def site(self, site: str) -> MirrorSite | None:
        """Return the state of a site that is in memory and good."""
        held = self._sites.get(site)
        if held is None:
            return None
        now_us = self._clock()
        if held.fresh_us <= now_us and site not in self._refreshing:
            self._refresh(site)
        return held if held.until_us > now_us else None

    def held(self, key: SkuKey) -> MirrorRow | None:
        """Return a row that is in memory and good."""
        row = self._rows.get(key)
        if row is None or row.until_us <= self._clock():
            return None
        self.hits += 1
        return row

    def _refresh(self, site: str) -> None:
        """Read the state of a site in the background."""
        task = self._refreshing[site] = asyncio.create_task(self._read_site(site), name="mirror-site")
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # the next reader meets it itself

    async def _read_site(self, site: str) -> None:
        try:
            now_us = self._clock()
            async with self._database.read() as connection:
                view = await self._views.one(connection, site)
            if view is not None:
                self._take_site(site, view, now_us)
        finally:
            del self._refreshing[site]

    async def load(self, keys: Iterable[SkuKey]) -> None:
        """Read rows that are not in memory and the states of their sites, in one transaction."""
        wanted = list(keys)
        for site in {key.site for key in wanted}:
            if (task := self._refreshing.get(site)) is not None:
                await asyncio.wait({task})
        missing = [key for key in wanted if self.site(key.site) is None or self.held(key) is None]
        if missing:
            await self._load(missing)

    async def _load(self, keys: Iterable[SkuKey]) -> None:
        by_site: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            by_site[key.site].append(key.gtin)
        now_us = self._clock()
        with self._watched() as changed:
            async with self._database.read() as connection:
                views = await self._views.load(connection, by_site)
                for site, view in views.items():
                    self._take_site(site, view, now_us)
                    for low in range(0, len(by_site[site]), MANY):
                        part = by_site[site][low : low + MANY]
                        known = list(await connection.scalars(select(sku.c.gtin).where(sku.c.gtin.in_(part))))
                        query = select(*STOCK_COLUMNS).where(stock.c.site == site, stock.c.gtin.in_(known))
                        rows = (await connection.execute(query)).all()
                        stored = await stored_of(connection, rows, {site: view}, now_us)
                        zones = await counts_of(connection, site, known)
                        expiry = {row.gtin: row.next_expiry_us for row in rows}
                        self.misses += len(part)
                        for gtin in known:
                            until_us = _until(expiry.get(gtin), now_us)
                            said = stored.get(SkuKey(site, gtin), StoredStock())
                            self._take(SkuKey(site, gtin), MirrorRow(zones[gtin], said, until_us), changed)

    def _take(self, key: SkuKey, row: MirrorRow, changed: set[SkuKey]) -> None:
        if key in changed:
            row.until_us = 0  # for whoever asked for it, and nobody else
        while len(self._rows) >= ROWS_MAX:
            del self._rows[next(iter(self._rows))]
        self._rows[key] = row

    def _take_site(self, site: str, view: SiteView, now_us: int) -> None:
        before = self._sites.get(site)
        epoch = 0 if before is None else before.epoch + (not _same_but_clocks(before.view, view))
        self._sites[site] = MirrorSite(view, now_us + SITE_FRESH_US, now_us + SITE_TTL_US, epoch)

    @contextmanager
    def _watched(self) -> Iterator[set[SkuKey]]:
        """Collect the keys that change while something is read."""
        changed: set[SkuKey] = set()
        self._reading.append(changed)
        try:
            yield changed
        finally:
            self._reading.remove(changed)


def _until(next_expiry_us: int | None, now_us: int) -> int:
    """Return how long a row is good; not at all while a hold that is over was not swept."""
    if next_expiry_us is None:
        return now_us + ROW_TTL_US
    return min(now_us + ROW_TTL_US, next_expiry_us) if next_expiry_us > now_us else now_us + 1


def _same_but_clocks(before: SiteView, now: SiteView) -> bool:
    """Whether two states of a site promise the same of the same rows, `as_of` aside."""
    return (
        before.site is now.site
        and bool(before.now_us) == bool(now.now_us)
        and {zone: look.live for zone, look in before.looks.items()}
        == {zone: look.live for zone, look in now.looks.items()}
    )
