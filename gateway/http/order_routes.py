"""Orders: what a buyer asked for, whichever sites serve it; each part is a reservation of one site."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from gateway.holds.orders import HeldOrders
from gateway.http import answer, problem, reservation_examples
from gateway.http.body import request_body
from gateway.http.openapi import taken
from gateway.http.reservation_asked import who_is
from gateway.http.reservation_routes import Holder, optional_body, refused
from gateway.http.reservation_rows import ConfirmBody, Order

OrderId = Annotated[str, Path(description="`order_id` of a reservation, or the `id` of one that is all of its order")]
_KINDS: Final = (problem.UNKNOWN_RESERVATION, problem.HOLD_EXPIRED, problem.WRONG_STATE, problem.BUSY)


def _answered(given: tuple[Order, bool]) -> Response:
    order, replayed = given
    response = answer.uncached(order)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def routes(orders: HeldOrders) -> APIRouter:
    """Return the routes to orders."""
    router = APIRouter(tags=["reservations"])
    documented = taken(Order, reservation_examples.ORDER, *_KINDS)
    confirmed = request_body(ConfirmBody, {"kept for two days": ConfirmBody(2 * 86_400)})
    confirmed["requestBody"]["required"] = False

    @router.get(
        "/v1/orders/{order}",
        summary="One order",
        response_class=Response,
        responses=taken(Order, reservation_examples.ORDER, problem.UNKNOWN_RESERVATION),
    )
    async def get(caller: Holder, order: OrderId) -> Response:
        """All its parts as they are now, those that served it before another site took over, too.

        `expires_at` is that of the part which ends first, null when none does any more.
        """
        with refused():
            return answer.uncached(await orders.get(who_is(caller), order))

    @router.post(
        "/v1/orders/{order}:confirm",
        summary="The order stands",
        response_class=Response,
        responses=documented,
        openapi_extra=confirmed,
    )
    async def confirm(request: Request, caller: Holder, order: OrderId) -> Response:
        """All its parts are confirmed, or none: when one has expired nothing is written (409 `hold-expired`)."""
        body = await optional_body(request, ConfirmBody)
        with refused():
            return _answered(await orders.confirm(who_is(caller), order, body.collect_s))

    @router.post(
        "/v1/orders/{order}:release", summary="Give the units back", response_class=Response, responses=documented
    )
    async def release(caller: Holder, order: OrderId) -> Response:
        """All that was not handed over. Of an order that is over that is true already."""
        with refused():
            return _answered(await orders.release(who_is(caller), order))

    return router
