"""How right a site's figures are, by which sensor model, and where they differ from the book and from counts."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.http import answer, examples, problem
from gateway.http.access import Caller, requires
from gateway.http.known_site import known_site
from gateway.http.limits import DIFFERENCES_DEFAULT, DIFFERENCES_MAX, SERIES_DEFAULT_S, SERIES_MAX_S
from gateway.http.openapi import described
from gateway.http.parameters import gtin_parameter
from gateway.http.ports import DifferencePage, Queries, SiteAccuracy
from gateway.http.site_parameter import SiteId
from gateway.http.survey_rows import SiteModel
from gateway.keys.scopes import STAFF_READ, STOCK_READ

CauseName: TypeAlias = Literal["unread", "sold_unrecorded", "left_unpaid", "misplaced", "untagged", "not_booked"]
"""`gateway.accuracy.reconcile.Cause`, spelt out for the document."""


def without_items(page: DifferencePage) -> DifferencePage:
    """Return differences as who may not see single items gets them: how many there are, not which."""
    rows = [
        msgspec.structs.replace(row, items=[], items_left_out=row.items_left_out + len(row.items)) for row in page.rows
    ]
    return msgspec.structs.replace(page, rows=rows)


def routes(queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """Return the routes over these queries; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["accuracy"])
    reads = Depends(requires(STOCK_READ))

    @router.get(
        "/v1/sites/{site}/accuracy",
        summary="How right the figures are",
        response_class=Response,
        dependencies=[reads],
        responses=described((SiteAccuracy,), {"one site": examples.ACCURACY}, problem.UNKNOWN_SITE),
    )
    async def accuracy(
        site: SiteId,
        since_s: Annotated[
            int, Query(description="values of the last so many seconds", ge=0, le=SERIES_MAX_S)
        ] = SERIES_DEFAULT_S,
    ) -> Response:
        """The newest value of each figure with its time, and the values of the last seconds, one a minute.

        A figure that nobody could know yet is left out: no count was made, no book was sent.
        """
        await known_site(queries, site)
        return answer.uncached(await queries.accuracy(site, clock() - since_s * 1_000_000))

    @router.get(
        "/v1/sites/{site}/model",
        summary="The sensor model of a site",
        response_class=Response,
        dependencies=[reads],
        responses=described((SiteModel,), {"a survey of two zones": examples.MODEL}, problem.UNKNOWN_SITE),
    )
    async def model(site: SiteId) -> Response:
        """How well each zone and antenna is read, and which zones are taken for each other, as the survey found.

        `model` is null for a site without a survey.
        """
        await known_site(queries, site)
        return answer.uncached(await queries.model(site))

    @router.get(
        "/v1/sites/{site}/differences",
        summary="Where tags, book and counts differ",
        response_class=Response,
        responses=described((DifferencePage,), {"one page": examples.DIFFERENCES}, problem.UNKNOWN_SITE),
    )
    async def differences(
        site: SiteId,
        *,
        caller: Annotated[Caller, Depends(requires(STOCK_READ))],
        after: Annotated[str | None, Query(description="`next` of the page before", max_length=64)] = None,
        limit: Annotated[int, Query(description="SKUs of a page", ge=1, le=DIFFERENCES_MAX)] = DIFFERENCES_DEFAULT,
        gtin: Annotated[str | None, Query(description="only this SKU", max_length=64)] = None,
        cause: Annotated[CauseName | None, Query(description="only differences with this likely cause")] = None,
    ) -> Response:
        """Each difference with its likely cause and the items that may be meant, by GTIN, as things are now.

        A page may be empty and still have a `next`. The items are for staff: without `staff:read` they are left out,
        and `items_left_out` says how many there are.
        """
        await known_site(queries, site)
        number = gtin_parameter(gtin) if gtin is not None else None
        after_gtin = gtin_parameter(after) if after is not None else ""
        page = await queries.differences(site, after_gtin=after_gtin, limit=limit, gtin=number)
        if cause is not None:
            rows = [row for row in page.rows if row.cause == cause]
            page = msgspec.structs.replace(page, rows=rows)
        return answer.uncached(page if caller.may(STAFF_READ) else without_items(page))

    return router
