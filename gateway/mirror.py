"""Rows of availability that were asked for lately, in memory, so that a shop's next look costs no query.

A row leaves the mirror as soon as its change is relayed, or when this process itself changed it; a zone that goes blind
takes the rows of its site with it. Whatever is missed (changes too small for an event) ends with `ROW_TTL_S`. Holds
expire by the clock: a row whose first hold is over is read anew. How fresh a row is (`as_of`, `status`) is said by
the site's own state, which is never older than `SITE_TTL_S`.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import select

from gateway.clock import Clock
from gateway.http.ports import SiteAvailability
from gateway.ledger.picture import SkuKey
from gateway.ledger.post import counts_of
from gateway.site_view import STOCK_COLUMNS, SiteView, SiteViews, StoredStock, at_site, stored_of
from gateway.storage.engine import Database
from gateway.storage.schema import sku, stock

ROWS_MAX: Final = 100_000
"""About 100 MB; when it is full the row that was put in first goes."""

ROW_TTL_S: Final = 20.0
SITE_TTL_S: Final = 0.5
"""An answer may be kept for a second (`Cache-Control`); the state of a site is read twice in that time."""


class MirrorRow(NamedTuple):
    """What is remembered of a SKU at a site: its units by zone and its row of stock, until an instant."""

    zones: dict[str, int]
    stored: StoredStock
    until_us: int


class Mirror:
    """Rows of one process. `row` reads what is missing; concurrent readers of one row share one query."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.hits = 0
        self.misses = 0
        self._database = database
        self._clock = clock
        self._views = SiteViews(clock)
        self._rows: dict[SkuKey, MirrorRow] = {}
        self._sites: dict[str, tuple[SiteView, int]] = {}
        self._loading: dict[SkuKey, asyncio.Task[MirrorRow | None]] = {}
        self._site_loading: dict[str, asyncio.Task[SiteView | None]] = {}

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Drop rows that changed; an empty GTIN stands for all rows of a site."""
        for site, gtin in keys:
            if not gtin:
                self._sites.pop(site, None)
                continue
            key = SkuKey(site, gtin)
            self._rows.pop(key, None)
            self._loading.pop(key, None)  # what is being read may be older: the next reader reads again

    def forget_all(self) -> None:
        """Drop everything: changes may have been missed."""
        self._rows.clear()
        self._loading.clear()
        self._sites.clear()

    def held(self, site: str, gtin: str) -> SiteAvailability | None:
        """Return a row if it is in memory and good, without waiting."""
        now_us = self._clock()
        view = self._sites.get(site)
        row = self._rows.get(SkuKey(site, gtin))
        if row is None or view is None or row.until_us <= now_us or view[1] <= now_us:
            return None
        self.hits += 1
        return at_site(site, gtin, view[0], row.zones, row.stored)

    async def row(self, site: str, gtin: str) -> SiteAvailability | None:
        """Return a row; None when catalogue or gateway know nothing of it."""
        if (held := self.held(site, gtin)) is not None:
            return held
        self.misses += 1
        view = await self._view(site)
        if view is None:
            return None
        key = SkuKey(site, gtin)
        row = self._rows.get(key)
        if row is None or row.until_us <= self._clock():
            task = self._loading.get(key)
            if task is None:
                task = self._loading[key] = asyncio.create_task(self._load(key, view))
            row = await asyncio.shield(task)
        return None if row is None else at_site(site, gtin, view, row.zones, row.stored)

    async def _load(self, key: SkuKey, view: SiteView) -> MirrorRow | None:
        mine = asyncio.current_task()
        try:
            now_us = self._clock()
            async with self._database.read() as connection:
                if await connection.scalar(select(sku.c.gtin).where(sku.c.gtin == key.gtin)) is None:
                    return None
                query = select(*STOCK_COLUMNS).where(stock.c.site == key.site, stock.c.gtin == key.gtin)
                rows = (await connection.execute(query)).all()
                found = await stored_of(connection, rows, {key.site: view}, now_us)
                zones = (await counts_of(connection, key.site, [key.gtin]))[key.gtin]
            until_us = now_us + int(ROW_TTL_S * 1e6)
            if rows and rows[0].next_expiry_us is not None and rows[0].next_expiry_us > now_us:
                until_us = min(until_us, rows[0].next_expiry_us)
            elif rows and rows[0].next_expiry_us is not None:
                until_us = now_us  # a hold is over and not swept yet
            row = MirrorRow(zones, found.get(key, StoredStock()), until_us)
            if self._loading.get(key) is mine:
                while len(self._rows) >= ROWS_MAX:
                    del self._rows[next(iter(self._rows))]
                self._rows[key] = row
            return row
        finally:
            if self._loading.get(key) is mine:
                del self._loading[key]

    async def _view(self, site: str) -> SiteView | None:
        held = self._sites.get(site)
        if held is not None and held[1] > self._clock():
            return held[0]
        task = self._site_loading.get(site)
        if task is None:
            task = self._site_loading[site] = asyncio.create_task(self._load_site(site))
        return await asyncio.shield(task)

    async def _load_site(self, site: str) -> SiteView | None:
        try:
            now_us = self._clock()
            async with self._database.read() as connection:
                view = await self._views.one(connection, site)
            if view is not None:
                self._sites[site] = (view, now_us + int(SITE_TTL_S * 1e6))
            return view
        finally:
            del self._site_loading[site]
