"""What can be sold: of one SKU, of many pairs at once, and of a whole site with the cursor that it is true at."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from gateway.geo import Location, distance_km
from gateway.http import answer, examples, problem
from gateway.http.access import Caller, check_site, requires
from gateway.http.availability_rows import BatchBody, PairBody
from gateway.http.body import body_of, invalid, request_body
from gateway.http.known_site import known_site
from gateway.http.limits import BATCH_MAX_BYTES, BATCH_MAX_PAIRS, SNAPSHOT_DEFAULT, SNAPSHOT_MAX
from gateway.http.offered import availability_row, snapshot_row, validator
from gateway.http.openapi import described
from gateway.http.parameters import gtin_parameter
from gateway.http.ports import Queries, SiteAvailability
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.rows import AvailabilityBatch, AvailabilityOfSites, AvailabilityRow, StockSnapshot
from gateway.http.told import gtin_of
from wire.limits import ID_MAX_CHARS

RADIUS_MAX_KM: Final = 20_038.0
"""Half of the Earth's circumference: everywhere."""

Reader = Annotated[Caller, Depends(requires("stock:read"))]


def location_parameter(text: str) -> Location:
    """Return latitude and longitude. Raises `RefusedError`."""
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        lat = lon = float("nan")
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        detail = f"parameter near: found {shown(text)}, expected latitude,longitude in degrees, such as 52.52,13.405"
        raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, {"parameter": "near", "value": shown(text)}))
    return lat, lon


async def _distances(queries: Queries, near: str | None, radius_km: float | None) -> dict[str, float] | None:
    """Return how far each site is whose place is known and that is near enough; None when nobody asked."""
    if near is None:
        if radius_km is not None:
            detail = "radius_km needs a place: add near=latitude,longitude"
            raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, {"parameter": "near"}))
        return None
    here = location_parameter(near)
    far = {row.site: distance_km(here, row.location) for row in await queries.sites() if row.location is not None}
    return {site: km for site, km in far.items() if radius_km is None or km <= radius_km}


def _shown_km(distances: dict[str, float] | None, site: str) -> float | None:
    return None if distances is None else round(distances[site], 1)


async def _without(queries: Queries, row: SiteAvailability, hold: str | None, key: str) -> SiteAvailability:
    if hold is None:
        return row
    return msgspec.structs.replace(row, ladder=await queries.ladder_without(row.site, row.gtin, hold, key))


def routes(queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """Return the routes over these queries; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["availability"])
    _one(router, queries, clock)
    _many(router, queries, clock)
    _all(router, queries, clock)
    return router


def _one(router: APIRouter, queries: Queries, clock: Callable[[], int]) -> None:
    @router.get(
        "/v1/availability",
        summary="What can be sold of one SKU",
        response_class=Response,
        responses=described(
            (AvailabilityRow, AvailabilityOfSites),
            {"one site": examples.AVAILABILITY_ROW, "all sites": examples.AVAILABILITY_OF_SITES},
            problem.INVALID_GTIN,
            problem.UNKNOWN_GTIN,
            problem.UNKNOWN_SITE,
            cached=True,
        ),
    )
    async def availability(
        request: Request,
        caller: Reader,
        *,
        gtin: Annotated[
            str,
            Query(description="GTIN-8, -12, -13 or -14 with its check digit", max_length=64, examples=[examples.GTIN]),
        ],
        site: Annotated[
            str | None, Query(description="one site; without it all sites", min_length=1, max_length=ID_MAX_CHARS)
        ] = None,
        near: Annotated[
            str | None, Query(description="latitude,longitude: the nearest sites come first", max_length=64)
        ] = None,
        radius_km: Annotated[
            float | None, Query(description="with `near`: only sites within this", gt=0, le=RADIUS_MAX_KM)
        ] = None,
        exclude_hold: Annotated[
            str | None, Query(description="a reservation of yours that is not to count", min_length=1, max_length=36)
        ] = None,
    ) -> Response:
        """With `site` the answer is that site's row; without it an object with the rows of all sites.

        Poll it with `If-None-Match`: 304 says that nothing but the clock moved. Better: follow `/v1/changes`.
        """
        number = gtin_parameter(gtin)
        distances = await _distances(queries, near, radius_km)
        found = await queries.availability(number, site)
        if found is None or (site is not None and not found.sites):
            if site is not None:
                await known_site(queries, site)
            if found is None:
                detail = f"GTIN {number} is not in the catalogue"
                raise RefusedError(Problem(problem.UNKNOWN_GTIN, detail, {"value": number}))
        now_us = clock()
        seen = [row for row in found.sites if caller.sees(row.site) and (distances is None or row.site in distances)]
        if distances is not None:
            seen.sort(key=lambda row: (distances[row.site], row.site))
        rows = [
            availability_row(
                await _without(queries, row, exclude_hold, caller.key_id),
                caller.policy,
                now_us,
                _shown_km(distances, row.site),
            )
            for row in seen
        ]
        validators = [validator(row) for row in rows]
        if site is not None and rows:
            return answer.live(request, rows[0], validators)
        atp, on_hand = sum(row.atp for row in rows), sum(row.on_hand for row in rows)
        return answer.live(request, AvailabilityOfSites(found.gtin, atp, on_hand, rows), validators)


def _many(router: APIRouter, queries: Queries, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/availability:batch",
        summary="What can be sold of many SKUs",
        response_class=Response,
        responses=described(
            (AvailabilityBatch,),
            {"two pairs": examples.AVAILABILITY_BATCH},
            problem.INVALID_BODY,
            problem.TOO_LARGE,
            problem.NOT_JSON,
            problem.TOO_MANY_PAIRS,
        ),
        openapi_extra=request_body(
            BatchBody, {"two pairs": BatchBody([PairBody(examples.GTIN, examples.SITE), PairBody(examples.GTIN, "x")])}
        ),
    )
    async def batch(request: Request, caller: Reader) -> Response:
        """A row for each pair, in the order asked; pairs that nobody knows are listed in `unknown`."""
        body = await body_of(request, BatchBody, BATCH_MAX_BYTES)
        if len(body.pairs) > BATCH_MAX_PAIRS:
            detail = f"{len(body.pairs)} pairs: at most {BATCH_MAX_PAIRS} at once; send the rest in another request"
            members: dict[str, problem.Member] = {"parameter": "pairs", "expected": f"at most {BATCH_MAX_PAIRS}"}
            raise RefusedError(Problem(problem.TOO_MANY_PAIRS, detail, members))
        pairs = []
        for number, pair in enumerate(body.pairs):
            check_site(caller, pair.site)
            pairs.append((gtin_of(f"pairs[{number}].gtin", pair.gtin), pair.site))
        if len(set(pairs)) < len(pairs):
            raise invalid("pairs", len(pairs), "each pair once")
        now_us = clock()
        found = await queries.availability_pairs(pairs)
        rows = [availability_row(row, caller.policy, now_us) for row in found if row is not None]
        unknown = [f"{gtin}@{site}" for (gtin, site), row in zip(pairs, found, strict=True) if row is None]
        return answer.uncached(AvailabilityBatch(rows, unknown))


def _all(router: APIRouter, queries: Queries, clock: Callable[[], int]) -> None:
    @router.get(
        "/v1/snapshot",
        summary="All rows of a site, and the cursor that they are true at",
        response_class=Response,
        responses=described((StockSnapshot,), {"one page": examples.STOCK_SNAPSHOT}, problem.UNKNOWN_SITE),
    )
    async def snapshot(
        caller: Reader,
        site: Annotated[str, Query(description="the site", min_length=1, max_length=ID_MAX_CHARS)],
        after: Annotated[str, Query(description="`next` of the page before", max_length=14)] = "",
        limit: Annotated[int, Query(description="rows of a page", ge=1, le=SNAPSHOT_MAX)] = SNAPSHOT_DEFAULT,
    ) -> Response:
        """Page through it by `next`, then follow `/v1/changes` from the `cursor` of the *first* page.

        Rows of later pages may be newer than that cursor, never older: drop an event whose `version` is not newer.
        """
        await known_site(queries, site)
        cursor, found = await queries.stock_page(site, after, limit)
        now_us = clock()
        rows = [snapshot_row(site, row, caller.policy, now_us) for row in found]
        following = rows[-1].gtin if len(rows) == limit else None
        return answer.uncached(StockSnapshot(site, cursor, rows, following))
