"""Where feeds come from: pages of stock, and a stamp that changes whenever a row of a feed may."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import func, select

from gateway.clock import Clock
from gateway.http.ports import StockRow
from gateway.push.limits import FEED_PAGE_ROWS
from gateway.relay import last_seq
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.storage.schema import sku


class StockPages(Protocol):
    """Reads a site's rows: `gateway.queries.Queries`."""

    async def site_stock(
        self, site: str, *, after_gtin: str = "", limit: int = 1_000, style: str | None = None
    ) -> list[StockRow]:
        """Return a site's SKUs after a GTIN, in order."""
        ...


class Stamp(NamedTuple):
    """What the rows of sites depend on: the newest change, the catalogue, and which zones are looked at.

    A zone that nobody looks at any more since its gateway died causes no change; it shows here.
    """

    last_seq: int
    catalogue_us: int
    looked_at: tuple[tuple[str, bool, tuple[str, ...]], ...]


class Feeds:
    """Reads feeds, a page in each transaction: rows are each true when they are read, as in any export of live data."""

    def __init__(self, database: Database, pages: StockPages, clock: Clock, page_rows: int = FEED_PAGE_ROWS) -> None:
        self._database = database
        self._pages = pages
        self._page_rows = page_rows
        self._views = SiteViews(clock)

    async def stamp(self, sites: Sequence[str]) -> Stamp:
        """Return the stamp of these sites' rows now."""
        async with self._database.read() as connection:
            newest = await last_seq(connection)
            catalogue_us = int(await connection.scalar(select(func.max(sku.c.updated_us))) or 0)
            views = await self._views.load(connection, sites)
        looked_at = tuple(
            (name, bool(view.now_us), tuple(sorted(zone for zone, look in view.looks.items() if look.live)))
            for name, view in views.items()
        )
        return Stamp(newest, catalogue_us, looked_at)

    async def rows(self, sites: Sequence[str]) -> AsyncIterator[tuple[str, list[StockRow]]]:
        """Yield the rows of each site in order, page by page."""
        for name in sites:
            after = ""
            while page := await self._pages.site_stock(name, after_gtin=after, limit=self._page_rows):
                yield name, page
                after = page[-1].gtin
