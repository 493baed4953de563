"""Returns, and what becomes of them: goods come back to any site, and somebody looks at them."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.http import problem
from gateway.http import trade_examples as examples
from gateway.http.access import check_site
from gateway.http.body import body_of, request_body
from gateway.http.openapi import taken
from gateway.http.trade_bodies import InspectionBody, ReturnBody
from gateway.http.trade_refusals import refused
from gateway.http.trade_routes import SALE_MAX_BYTES, Writer, answered
from gateway.http.trade_rows import InspectionTaken, ReturnTaken
from gateway.http.trade_said import inspection_of, references_of, return_of
from gateway.trade.trade import Trade

_ITEMS: Final = (problem.UNKNOWN_SITE, problem.FOREIGN_ITEM, problem.ID_REUSED, problem.UNKNOWN_ZONE)


def routes(trade: Trade, clock: Callable[[], int]) -> APIRouter:
    """Return the routes of returns; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["trade"])

    @router.post(
        "/v1/returns",
        summary="Goods came back",
        response_class=Response,
        responses=taken(ReturnTaken, examples.RETURN_TAKEN, *_ITEMS),
        openapi_extra=request_body(ReturnBody, {"one item": examples.RETURN}),
    )
    async def returns(request: Request, caller: Writer) -> Response:
        """At any site, wherever it was bought. Returned goods are for sale when somebody has looked at them.

        Say so at once (`disposition: restock` or `damaged`), or later by an inspection.
        """
        body = await body_of(request, ReturnBody, SALE_MAX_BYTES)
        check_site(caller, body.site)
        said = return_of(body, clock())
        with refused():
            return answered(await trade.give_back(said, references_of(body), actor=caller.key_id))

    @router.post(
        "/v1/returns:inspect",
        summary="Somebody looked at returned goods",
        response_class=Response,
        responses=taken(InspectionTaken, examples.INSPECTION_TAKEN, *_ITEMS, problem.NOT_RETURNED, problem.NOT_ENOUGH),
        openapi_extra=request_body(InspectionBody, {"one is good, one is not": examples.INSPECTION}),
    )
    async def inspections(request: Request, caller: Writer) -> Response:
        """What waits for an inspection at this site can be sold again (`restock`), or is `damaged`.

        Goods that do not wait for one are refused by name, and nothing is written: two people cannot decide twice.
        """
        body = await body_of(request, InspectionBody, SALE_MAX_BYTES)
        check_site(caller, body.site)
        said = inspection_of(body, clock())
        with refused():
            return answered(await trade.inspect(said, actor=caller.key_id))

    return router
