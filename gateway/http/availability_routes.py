"""`GET /v1/availability`: what can be sold of one SKU, at one site or at all of them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.http import answer, examples, problem
from gateway.http.known_site import known_site
from gateway.http.openapi import described
from gateway.http.parameters import gtin_parameter
from gateway.http.ports import Queries, SiteAvailability
from gateway.http.problem import Problem, RefusedError
from gateway.http.rows import AvailabilityOfSites, AvailabilityRow
from wire.limits import ID_MAX_CHARS

MICROS = 1_000_000


def age_s(as_of: str, now_us: int) -> float | None:
    """Seconds from an instant to `now_us`, not below 0; None when nobody ever looked."""
    if not as_of:
        return None
    then_us = round(datetime.fromisoformat(as_of).timestamp() * MICROS)
    return max(0, now_us - then_us) // 1_000 / 1_000


def availability_row(row: SiteAvailability, now_us: int) -> AvailabilityRow:
    """Return the answer's row. Nothing holds units yet and no channel keeps any back: both are 0."""
    return AvailabilityRow(
        gtin=row.gtin,
        site=row.site,
        atp=row.atp,
        on_hand=row.on_hand,
        held=0,
        safety=0,
        confidence=row.confidence,
        promised=row.promised,
        status=row.status,
        as_of=row.as_of,
        oldest_read_s=age_s(row.as_of, now_us),
        version=row.version,
        zones=row.zones,
    )


def _validator(row: SiteAvailability) -> tuple[object, ...]:
    """Everything of a row but its clock."""
    return (row.site, row.version, row.status, row.atp, row.on_hand, row.confidence, row.promised, row.zones)


def routes(queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """Return the routes over these queries; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["availability"])

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
        gtin: Annotated[
            str,
            Query(description="GTIN-8, -12, -13 or -14 with its check digit", max_length=64, examples=[examples.GTIN]),
        ],
        site: Annotated[
            str | None, Query(description="one site; without it all sites", min_length=1, max_length=ID_MAX_CHARS)
        ] = None,
    ) -> Response:
        """With `site` the answer is that site's row; without it an object with the rows of all sites.

        Poll it with `If-None-Match`: 304 says that nothing but the clock moved. Better: follow `/v1/changes`.
        """
        number = gtin_parameter(gtin)
        found = await queries.availability(number, site)
        if found is None or (site is not None and not found.sites):
            if site is not None:
                await known_site(queries, site)
            if found is None:
                detail = f"GTIN {number} is not in the catalogue"
                raise RefusedError(Problem(problem.UNKNOWN_GTIN, detail, {"value": number}))
        now_us = clock()
        rows = [availability_row(row, now_us) for row in found.sites]
        validators = [_validator(row) for row in found.sites]
        if site is not None and rows:
            return answer.live(request, rows[0], validators)
        return answer.live(request, AvailabilityOfSites(found.gtin, found.atp, found.on_hand, rows), validators)

    return router
