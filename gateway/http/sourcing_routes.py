"""Which sites can serve an order: plans, the best first. Nothing is kept by it."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.holds.asked import Who
from gateway.holds.errors import UnknownHoldSiteError
from gateway.http import answer, problem, sourcing_examples
from gateway.http.access import Caller, requires
from gateway.http.body import body_of, request_body
from gateway.http.openapi import described
from gateway.http.problem import Problem, RefusedError
from gateway.http.reservation_asked import who_is
from gateway.http.reservation_routes import refused
from gateway.http.sourcing_asked import quote_order, quote_row
from gateway.http.sourcing_rows import QuoteBody, SourcingQuote
from gateway.sourcing.limits import BODY_MAX_BYTES
from gateway.sourcing.quotes import Order, Quoted

Reader = Annotated[Caller, Depends(requires("stock:read"))]


class Quotes(Protocol):
    """Makes plans: `gateway.sourcing.quotes.Quotes`."""

    async def quote(self, who: Who, order: Order, *, plans: int) -> Quoted:
        """Return the plans for an order."""
        ...


def routes(quotes: Quotes) -> APIRouter:
    """Return the route to quotes."""
    router = APIRouter(tags=["sourcing"])

    @router.post(
        "/v1/sourcing:quote",
        summary="Which sites can serve an order",
        response_class=Response,
        responses=described(
            (SourcingQuote,),
            {"one site or two": sourcing_examples.QUOTE},
            problem.INVALID_BODY,
            problem.TOO_LARGE,
            problem.NOT_JSON,
            problem.UNKNOWN_SITE,
            problem.BUSY,
        ),
        openapi_extra=request_body(
            QuoteBody, {"to a place": sourcing_examples.TO_A_PLACE, "collected": sourcing_examples.AT_A_SITE}
        ),
    )
    async def quote(request: Request, caller: Reader) -> Response:
        """Plans over the key's sites by the rules of its channel, the cheapest first, each with its price in pieces.

        An order that nobody can serve whole has no plan; `left_out` says why sites were not asked. A plan promises
        nothing: `POST /v1/reservations` with `"site": "auto"`, and `plan` if it is to be this one, keeps its units.
        """
        body = await body_of(request, QuoteBody, BODY_MAX_BYTES)
        order = quote_order(caller, body)
        with refused():
            try:
                found = await quotes.quote(who_is(caller), order, plans=body.plans)
            except UnknownHoldSiteError as error:
                members: dict[str, problem.Member] = {
                    "parameter": "pickup_site",
                    "value": error.site,
                    "expected": error.sites,
                }
                raise RefusedError(Problem(problem.UNKNOWN_SITE, str(error), members)) from error
        return answer.uncached(quote_row(found))

    return router
