"""Shipments, receipts and transfers: goods on their way, and how much of them came."""

from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.fold.limits import EVIDENCE_ID_MAX_CHARS
from gateway.http import answer, problem
from gateway.http import trade_examples as examples
from gateway.http.access import Caller, check_site, requires
from gateway.http.body import body_of, request_body
from gateway.http.limits import EVIDENCE_MAX_BYTES
from gateway.http.openapi import described, taken
from gateway.http.trade_bodies import (
    ReceiptBody,
    ShipBody,
    ShipmentBody,
    StepBody,
    StockTransferBody,
    TransferReceiptBody,
)
from gateway.http.trade_refusals import refused
from gateway.http.trade_routes import Writer, answered
from gateway.http.trade_rows import ReceiptTaken, ShipmentItems, ShipmentList, ShipmentTaken
from gateway.http.trade_said import notice_of, receipt_of, step_of, transfer_of, transfer_receipt_of
from gateway.trade.errors import UnknownShipmentError
from gateway.trade.limits import PAGE_DEFAULT, PAGE_MAX
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade
from gateway.trade.transfers import CANCEL, SHIP
from wire.limits import ID_MAX_CHARS

Staff: TypeAlias = Annotated[Caller, Depends(requires("staff:read"))]
ShipmentId: TypeAlias = Annotated[
    str, Path(description="`id` of a shipment or transfer", max_length=EVIDENCE_ID_MAX_CHARS)
]

ShipmentState = Literal["announced", "in_transit", "receiving", "received", "cancelled"]

_STEP_MAX_BYTES: Final = 4 * 1024
_GOODS: Final = (problem.UNKNOWN_SITE, problem.FOREIGN_ITEM, problem.ID_REUSED)
_LEAVES: Final = (problem.ALREADY_SOLD, problem.NOT_ENOUGH, problem.FOREIGN_ITEM)
_COMES: Final = (problem.UNKNOWN_ZONE, problem.NOT_RECEIVING, problem.UNKNOWN_SHIPMENT, problem.SHIPMENT_STATE)


def routes(trade: Trade, reads: TradeReads, clock: Callable[[], int]) -> APIRouter:
    """Return the routes of shipments; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["trade"])
    _arrivals(router, trade, reads, clock)
    _transfers(router, trade, clock)
    _steps(router, trade, reads, clock)
    return router


def _arrivals(router: APIRouter, trade: Trade, reads: TradeReads, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/shipments",
        summary="Announce goods (ASN)",
        response_class=Response,
        responses=taken(ShipmentTaken, examples.SHIPMENT_TAKEN, *_GOODS, problem.SHIPMENT_EXISTS),
        openapi_extra=request_body(ShipmentBody, {"an ASN": examples.NOTICE}),
    )
    async def announce(request: Request, caller: Writer) -> Response:
        """What a supplier will send to a site, by item or quantity. Nothing is in stock by it."""
        body = await body_of(request, ShipmentBody, EVIDENCE_MAX_BYTES)
        check_site(caller, body.to_site)
        notice = notice_of(body, clock())
        with refused():
            return answered(await trade.announce(notice, actor=caller.key_id))

    @router.get(
        "/v1/shipments",
        summary="Goods on their way",
        response_class=Response,
        responses=described((ShipmentList,), {"one ASN": examples.SHIPMENT_LIST}),
    )
    async def listed(
        site: Annotated[str, Query(description="to it or from it", min_length=1, max_length=ID_MAX_CHARS)],
        caller: Staff,  # noqa: ARG001 - who may, is checked
        state: Annotated[ShipmentState | None, Query(description="without: all that are open")] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> Response:
        """What was announced, wished for, sent, and is being received; the one that changed last first."""
        return answer.uncached(await reads.shipments(site, state, limit))

    @router.get(
        "/v1/shipments/{shipment}",
        summary="How far a shipment is",
        response_class=Response,
        responses=described((ShipmentItems,), {"half received": examples.SHIPMENT_ITEMS}, problem.UNKNOWN_SHIPMENT),
    )
    async def shipment(shipment: ShipmentId, caller: Staff) -> Response:
        """Expected, received, seen by the readers, missing and unexpected, by SKU and by name of item.

        `dock`: what was read as it came in, and what was not, whoever has received it or not.
        """
        with refused():
            found = await reads.shipment(shipment)
            ends = {found.shipment.to_site, found.shipment.from_site}
            if not any(site is not None and caller.sees(site) for site in ends):
                raise UnknownShipmentError(shipment)
        return answer.uncached(found)

    @router.post(
        "/v1/receipts",
        summary="Goods came in",
        response_class=Response,
        responses=taken(ReceiptTaken, examples.RECEIPT_TAKEN, *_GOODS, *_COMES),
        openapi_extra=request_body(ReceiptBody, {"of an ASN": examples.RECEIPT, "what was read": examples.BY_READS}),
    )
    async def receive(request: Request, caller: Writer) -> Response:
        """Of a shipment by its id or SSCC, or of none: then a shipment is begun that expected nothing.

        The answer says what was expected and did not come, and what came unexpected. With `by_reads` the items came
        that the readers at the dock have read.
        """
        body = await body_of(request, ReceiptBody, EVIDENCE_MAX_BYTES)
        check_site(caller, body.site)
        said = receipt_of(body, clock())
        with refused():
            return answered(await trade.receive(said, actor=caller.key_id, sees=caller.sees))


def _transfers(router: APIRouter, trade: Trade, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/transfers",
        summary="Send goods to another site",
        response_class=Response,
        responses=taken(
            ShipmentTaken,
            examples.SHIPMENT_TAKEN,
            *_GOODS,
            problem.SHIPMENT_EXISTS,
            problem.ALREADY_SOLD,
            problem.NOT_ENOUGH,
        ),
        openapi_extra=request_body(StockTransferBody, {"one item": examples.TRANSFER, "a wish": examples.WISH}),
    )
    async def transfer(request: Request, caller: Writer) -> Response:
        """They are on their way from this answer on, and promised to nobody; with `announce` they are to be shipped.

        Name tagged goods by item. Units by GTIN are units without tags. Who wants goods of another site announces
        them, too, by GTIN: the other site ships by name what it has.
        """
        body = await body_of(request, StockTransferBody, EVIDENCE_MAX_BYTES)
        check_site(caller, body.to_site if body.announce and caller.sees(body.to_site) else body.from_site)
        said = transfer_of(body, clock())
        with refused():
            return answered(await trade.transfer(said, actor=caller.key_id))


def _steps(router: APIRouter, trade: Trade, reads: TradeReads, clock: Callable[[], int]) -> None:
    async def ends(name: str, caller: Caller) -> tuple[str, str]:
        """Return where a transfer comes from and goes to; to a key of neither it is as if there were none."""
        from_site, to_site = await reads.shipment_sites(name)
        if from_site is None or not (caller.sees(from_site) or caller.sees(to_site)):
            raise UnknownShipmentError(name)
        return from_site, to_site

    async def step(body: StepBody | ShipBody, name: str, caller: Caller, action: str) -> Response:
        with refused():
            from_site, _ = await ends(name, caller)
            check_site(caller, from_site)
            return answered(await trade.step(step_of(body, name, from_site, action, clock()), actor=caller.key_id))

    steps = (problem.UNKNOWN_SHIPMENT, problem.SHIPMENT_STATE, problem.ID_REUSED)

    @router.post(
        "/v1/transfers/{shipment}:ship",
        summary="A transfer leaves",
        response_class=Response,
        responses=taken(ShipmentTaken, examples.SHIPMENT_TAKEN, *steps, *_LEAVES),
        openapi_extra=request_body(ShipBody, {"these items": examples.SHIP}),
    )
    async def ship(request: Request, shipment: ShipmentId, caller: Writer) -> Response:
        """What was announced is on its way; or, with `lines`, what really leaves in its place."""
        return await step(await body_of(request, ShipBody, EVIDENCE_MAX_BYTES), shipment, caller, SHIP)

    @router.post(
        "/v1/transfers/{shipment}:cancel",
        summary="A transfer does not go on",
        response_class=Response,
        responses=taken(ShipmentTaken, examples.SHIPMENT_TAKEN, *steps),
        openapi_extra=request_body(StepBody, {"now": examples.STEP}),
    )
    async def cancel(request: Request, shipment: ShipmentId, caller: Writer) -> Response:
        """What is still on its way is back at the site that sent it."""
        return await step(await body_of(request, StepBody, _STEP_MAX_BYTES), shipment, caller, CANCEL)

    @router.post(
        "/v1/transfers/{shipment}:receive",
        summary="A transfer arrives",
        response_class=Response,
        responses=taken(ReceiptTaken, examples.RECEIPT_TAKEN, *_GOODS, *_COMES),
        openapi_extra=request_body(TransferReceiptBody, {"all of it": examples.TRANSFER_RECEIPT}),
    )
    async def receive(request: Request, shipment: ShipmentId, caller: Writer) -> Response:
        """All that is still on its way, or the lines that came. With `complete` the rest is missing."""
        body = await body_of(request, TransferReceiptBody, EVIDENCE_MAX_BYTES)
        with refused():
            _, to_site = await ends(shipment, caller)
            check_site(caller, to_site)
            said = transfer_receipt_of(body, shipment, to_site, clock())
            return answered(await trade.receive(said, actor=caller.key_id, sees=caller.sees))
