"""Replenishment: what to bring to the floor in which order, which sizes a shopper misses, and why nobody is sent."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.http import answer, problem
from gateway.http import replenishment_examples as examples
from gateway.http.access import requires
from gateway.http.known_site import known_site
from gateway.http.openapi import described
from gateway.http.ports import Queries
from gateway.http.replenishment_rows import Gaps, NotNow, Replenishment
from gateway.keys.scopes import STAFF_READ
from gateway.replenishment.board import RefillBoard
from gateway.replenishment.limits import LIST_DEFAULT, LIST_MAX, OPEN_MAX
from wire.limits import ID_MAX_CHARS

Site = Annotated[str, Query(description="the site's id in its site file", min_length=1, max_length=ID_MAX_CHARS)]
Limit = Annotated[int, Query(description="rows of a page", ge=1, le=LIST_MAX)]
After = Annotated[str, Query(description="`next` of the page before", max_length=14, pattern="^[0-9]*$")]

_STAFF: Final = [Depends(requires(STAFF_READ))]


def routes(board: RefillBoard, queries: Queries) -> APIRouter:
    """Return the routes to replenishment."""
    router = APIRouter(tags=["tasks"])

    @router.get(
        "/v1/replenishment",
        summary="What to bring to the floor, in rounds",
        response_class=Response,
        dependencies=_STAFF,
        responses=described((Replenishment,), {"one round": examples.ROUNDS}, problem.UNKNOWN_SITE),
    )
    async def rounds(site: Site, limit: Annotated[int, Query(ge=1, le=OPEN_MAX)] = OPEN_MAX) -> Response:
        """Refill tasks that wait, as rounds of one department each, in walking order, the most urgent first.

        They are the tasks of `GET /v1/tasks?kind=refill`, which are claimed and done there.
        """
        await known_site(queries, site)
        return answer.uncached(await board.rounds(site, limit))

    @router.get(
        "/v1/replenishment/gaps",
        summary="Which sizes a shopper misses",
        response_class=Response,
        dependencies=_STAFF,
        responses=described((Gaps,), {"one gap": examples.GAPS}, problem.UNKNOWN_SITE),
    )
    async def gaps(site: Site, limit: Limit = LIST_DEFAULT, after: After = "") -> Response:
        """Styles and colours with a gap in their sizes, those of the last minutes too (`alarm` false)."""
        await known_site(queries, site)
        return answer.uncached(board.gaps(site, limit, after))

    @router.get(
        "/v1/replenishment/not-now",
        summary="Why nobody is sent",
        response_class=Response,
        dependencies=_STAFF,
        responses=described((NotNow,), {"a blind zone": examples.NOT_NOW}, problem.UNKNOWN_SITE),
    )
    async def not_now(site: Site, limit: Limit = LIST_DEFAULT, after: After = "") -> Response:
        """Sizes that the floor lacks and that nobody is sent for, each with the reason in words."""
        await known_site(queries, site)
        return answer.uncached(board.not_now(site, limit, after))

    return router
