"""`GET /v1/sites`, a site's size matrix, and its movements."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from gateway.http import answer, examples, problem
from gateway.http.access import Caller, requires
from gateway.http.known_site import known_site
from gateway.http.limits import MOVEMENTS_DEFAULT, MOVEMENTS_MAX
from gateway.http.matrix import SiteStock, ZoneTile, site_stock, zone_tile
from gateway.http.openapi import described
from gateway.http.parameters import gtin_parameter
from gateway.http.ports import MovementRow, Queries, SiteRow, ZoneRow
from gateway.http.rows import Movement, Movements, SiteEntry, Sites
from gateway.http.site_parameter import SiteId
from gateway.keys.scopes import STAFF_READ, STOCK_READ
from wire.limits import SEQ_MAX


def site_entry(row: SiteRow, zones: Sequence[ZoneRow], accuracy: dict[str, float]) -> SiteEntry:
    """Return a site with its zones."""
    tiles = [zone_tile(zone) for zone in zones]
    units = sum(tile.units for tile in tiles)
    return SiteEntry(row.site, row.name, row.timezone, row.gln, row.now, row.behind, units, tiles, accuracy)


def movement(row: MovementRow) -> Movement:
    """Return a ledger entry without the item's serial, whose place needs a staff scope."""
    return Movement(
        m=row.m,
        gtin=row.gtin,
        from_zone=row.from_zone,
        to_zone=row.to_zone,
        happened_at=row.happened_at,
        first_read_at=row.first_read_at,
        decided_at=row.decided_at,
        cause=row.cause,
        probability=row.probability,
    )


def _without_clocks(tiles: Sequence[ZoneTile]) -> list[ZoneTile]:
    return [msgspec.structs.replace(tile, as_of=None) for tile in tiles]


def _stock_validator(stock: SiteStock) -> SiteStock:
    """Return the stock without its clocks and its cursor: an older cursor is as good for unchanged rows."""
    return msgspec.structs.replace(stock, as_of=None, cursor=0, zones=_without_clocks(stock.zones))


def routes(queries: Queries) -> APIRouter:
    """Return the routes over these queries."""
    router = APIRouter(tags=["stock"])

    @router.get(
        "/v1/sites",
        summary="Sites and their zones",
        response_class=Response,
        responses=described((Sites,), {"two stores": examples.SITES}),
    )
    async def sites(caller: Annotated[Caller, Depends(requires(STOCK_READ))]) -> Response:
        """All sites of this gateway that the key is for, with the units in each zone and whether anybody looks there.

        Never answered with 304: `as_of` is what a screen shows as the age of its numbers.
        """
        figures = await queries.newest_figures()
        entries = [
            site_entry(row, await queries.zones(row.site), figures.get(row.site, {}))
            for row in await queries.sites()
            if caller.sees(row.site)
        ]
        return answer.uncached(Sites(entries))

    @router.get(
        "/v1/sites/{site}/stock",
        summary="Size matrix of a site",
        response_class=Response,
        responses=described((SiteStock,), {"one style": examples.SITE_STOCK}, problem.UNKNOWN_SITE, cached=True),
    )
    async def stock(
        request: Request, site: SiteId, caller: Annotated[Caller, Depends(requires(STOCK_READ))]
    ) -> Response:
        """Stock by style, colour, size and zone, of one transaction, with the cursor that it is true at.

        Load it once, then follow `/v1/changes?cursor=` and replace each cell by the newer event.
        """
        row = await known_site(queries, site)
        found = site_stock(row, await queries.snapshot(site), caller.policy)
        return answer.live(request, found, _stock_validator(found))

    @router.get(
        "/v1/sites/{site}/movements",
        summary="Recent movements",
        response_class=Response,
        dependencies=[Depends(requires(STAFF_READ))],
        responses=described((Movements,), {"one page": examples.MOVEMENTS}, problem.UNKNOWN_SITE),
    )
    async def movements(
        site: SiteId,
        limit: Annotated[int, Query(description="rows of a page", ge=1, le=MOVEMENTS_MAX)] = MOVEMENTS_DEFAULT,
        before: Annotated[
            int | None, Query(description="`next` of the page before: rows older than this", ge=1, le=SEQ_MAX)
        ] = None,
        gtin: Annotated[str | None, Query(description="only this SKU", max_length=64)] = None,
    ) -> Response:
        """Ledger entries of a site, newest first, paged by key: a page never shifts while new entries arrive.

        Where single units went is for staff: the key needs `staff:read`.
        """
        await known_site(queries, site)
        number = gtin_parameter(gtin) if gtin is not None else None
        rows = await queries.movements(site, limit=limit, gtin=number, before_m=before)
        following = rows[-1].m if len(rows) == limit else None
        return answer.uncached(Movements(site, [movement(row) for row in rows], following))

    return router
