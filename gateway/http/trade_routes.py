"""Sales, counts and adjustments: what tills, ERP and people do to stock. Each is taken once."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.http import answer, problem
from gateway.http import trade_examples as examples
from gateway.http.access import Caller, check_site, requires
from gateway.http.answer import JSON
from gateway.http.body import body_of, request_body
from gateway.http.limits import BOOK_MAX_BYTES, EVIDENCE_MAX_BYTES
from gateway.http.openapi import described, taken
from gateway.http.problem import Problem, RefusedError
from gateway.http.schemas import reference
from gateway.http.trade_bodies import (
    AdjustmentBody,
    CountBody,
    DeltaBody,
    EraseBody,
    SaleBody,
    SetBody,
    TotalsBody,
)
from gateway.http.trade_refusals import refused
from gateway.http.trade_rows import AdjustmentTaken, CountTaken, Erased, SaleTaken, TotalsTaken
from gateway.http.trade_said import count_of, delta_of, references_of, sale_of, set_of, totals_of
from gateway.trade.trade import Trade

Writer: TypeAlias = Annotated[Caller, Depends(requires("stock:write"))]

SALE_MAX_BYTES: Final = 512 * 1024
"""A thousand lines with Digital Links of some 150 characters."""

ERASE_MAX_BYTES: Final = 4 * 1024

_ANY_ADJUSTMENT: Final[Any] = AdjustmentBody
_ITEMS: Final = (problem.UNKNOWN_SITE, problem.FOREIGN_ITEM, problem.ID_REUSED)


def answered(given: tuple[object, bool]) -> Response:
    """Answer with what was done, and whether it was done before."""
    done, replayed = given
    response = answer.uncached(done)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def routes(trade: Trade, clock: Callable[[], int]) -> APIRouter:
    """Return the routes of these operations; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["trade"])
    _sales(router, trade, clock)
    _counts(router, trade, clock)
    _erasure(router, trade)
    return router


def _sales(router: APIRouter, trade: Trade, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/sales",
        summary="Goods were sold",
        response_class=Response,
        responses=taken(SaleTaken, examples.SALE_TAKEN, *_ITEMS, problem.ALREADY_SOLD, problem.RESERVATION_UNUSABLE),
        openapi_extra=request_body(
            SaleBody, {"an item and two of a size": examples.SALE, "held online, collected here": examples.COLLECTED}
        ),
    )
    async def sales(request: Request, caller: Writer) -> Response:
        """What is sold can be promised to nobody from this answer on; holds that lose a unit move to another.

        A line by GTIN is of units without tags first; of the rest (`unplaced`) the gateway finds out which item left.
        A sale that is told late corrects an item that left unsold, and deducts nothing twice. A sale that names a
        reservation uses up its units.
        """
        body = await body_of(request, SaleBody, SALE_MAX_BYTES)
        check_site(caller, body.site)
        sale = sale_of(body, clock())
        with refused():
            return answered(await trade.sell(sale, references_of(body), actor=caller.key_id))


def _counts(router: APIRouter, trade: Trade, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/counts",
        summary="Somebody counted",
        response_class=Response,
        responses=taken(CountTaken, examples.COUNT_TAKEN, *_ITEMS, problem.UNKNOWN_ZONE),
        openapi_extra=request_body(CountBody, {"a back room": examples.COUNT}),
    )
    async def counts(request: Request, caller: Writer) -> Response:
        """Items of a zone are evidence of where they are; units without tags are set to what was counted.

        What was sold since the count's instant stays sold.
        """
        body = await body_of(request, CountBody, EVIDENCE_MAX_BYTES)
        check_site(caller, body.site)
        said = count_of(body, clock())
        with refused():
            return answered(await trade.count(said, actor=caller.key_id))

    @router.post(
        "/v1/adjustments",
        summary="Correct stock, set it, or compare it",
        response_class=Response,
        responses=_adjusted(),
        openapi_extra=_adjustment_body(),
    )
    async def adjustments(request: Request, caller: Writer) -> Response:
        """`mode: delta` with a reason; `mode: set` with what the sender knew; `mode: totals`, which change nothing.

        `set` needs the row's version, which quantity is meant, and up to which instant sales are taken off already.
        """
        body: DeltaBody | SetBody | TotalsBody = await body_of(request, _ANY_ADJUSTMENT, BOOK_MAX_BYTES)
        check_site(caller, body.site)
        now_us, actor = clock(), caller.key_id
        with refused():
            match body:
                case DeltaBody():
                    return answered(await trade.adjust(delta_of(body, now_us), actor=actor))
                case SetBody():
                    return answered(await trade.set_to(set_of(body, now_us), actor=actor))
                case _:
                    return answered(await trade.compare(totals_of(body, now_us), actor=actor))


def _adjusted() -> dict[int | str, dict[str, Any]]:
    kinds = (problem.UNKNOWN_ZONE, problem.ALREADY_SOLD, problem.NOT_ENOUGH, problem.VERSION_CONFLICT)
    found = taken(AdjustmentTaken, examples.ADJUSTMENT_TAKEN, *_ITEMS, *kinds, problem.BELOW_TAGGED)
    of_totals = described((TotalsTaken,), {"totals": examples.TOTALS_TAKEN})[200]["content"][JSON]
    content = found[200]["content"][JSON]
    content["schema"] = {"oneOf": [content["schema"], of_totals["schema"]]}
    content["examples"] |= of_totals["examples"]
    return found


def _adjustment_body() -> dict[str, Any]:
    found = request_body(
        DeltaBody, {"damaged": examples.DELTA, "set by an ERP": examples.SET, "all totals": examples.TOTALS}
    )
    kinds = (DeltaBody, SetBody, TotalsBody)
    found["requestBody"]["content"][JSON]["schema"] = {"oneOf": [reference(kind) for kind in kinds]}
    return found


def _erasure(router: APIRouter, trade: Trade) -> None:
    @router.post(
        "/v1/references:erase",
        summary="Forget a customer",
        response_class=Response,
        responses=described(
            (Erased,),
            {"erased": examples.ERASED},
            problem.INVALID_BODY,
            problem.TOO_LARGE,
            problem.NOT_JSON,
        ),
        openapi_extra=request_body(EraseBody, {"one customer": examples.ERASE}),
    )
    async def erase(request: Request, caller: Writer) -> Response:
        """Remove all references of the sales, returns and holds that name a customer. The ledger never had them.

        For keys that are for all sites.
        """
        body = await body_of(request, EraseBody, ERASE_MAX_BYTES)
        if caller.sites is not None:
            detail = f"references of all sites are erased; key {caller.key_id} is for some"
            raise RefusedError(Problem(problem.SITE_NOT_ALLOWED, detail, {"expected": "a key for all sites"}))
        return answer.uncached(Erased(await trade.erase(body.customer_ref, actor=caller.key_id)))
