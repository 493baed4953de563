"""Reservations: units kept for one buyer, from the cart until they are handed over."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.responses import Response

from gateway.holds.asked import Asked, Made, Who
from gateway.holds.errors import (
    BusyError,
    ExpiredError,
    HoldError,
    InsufficientError,
    ItemNotHeldError,
    KeyReusedError,
    NothingHeldError,
    Shortage,
    TooManyHoldsError,
    UnknownHoldError,
    UnknownHoldSiteError,
    UnknownKeyError,
    UnknownOrderError,
    WrongStateError,
)
from gateway.holds.limits import BODY_MAX_BYTES, IDEMPOTENCY_KEY_MAX_CHARS, RETRY_AFTER_S
from gateway.holds.orders import HeldOrders
from gateway.http import answer, problem, reservation_examples
from gateway.http.access import Caller, requires
from gateway.http.answer import JSON
from gateway.http.body import body_of, invalid, request_body
from gateway.http.openapi import taken
from gateway.http.problem import Kind, Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.reservation_asked import asked_of, is_sourced, order_of, references_of, who_is
from gateway.http.reservation_rows import (
    AlternativeSite,
    ConfirmBody,
    Order,
    PickBody,
    PickMissBody,
    RenewBody,
    Reservation,
    ReservationBody,
    ShortageRow,
    TransferBody,
)
from gateway.http.schemas import reference
from gateway.http.sourcing_asked import left_out_rows
from gateway.http.told import item_of
from gateway.sourcing.errors import NoPlanError
from gateway.sourcing.quotes import Order as OrderAsked

T = TypeVar("T")

Holder = Annotated[Caller, Depends(requires("hold:write"))]
ReservationId = Annotated[str, Path(description="`id` of a reservation", max_length=36)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=f"required: 1 to {IDEMPOTENCY_KEY_MAX_CHARS} visible ASCII characters, such as a UUID, one for "
        "each reservation; send it again with the same body until it is answered",
    ),
]

_KINDS: Final[Mapping[type[HoldError], Kind]] = {
    KeyReusedError: problem.KEY_REUSED,
    TooManyHoldsError: problem.TOO_MANY_HOLDS,
    UnknownHoldError: problem.UNKNOWN_RESERVATION,
    UnknownOrderError: problem.UNKNOWN_RESERVATION,
    ExpiredError: problem.HOLD_EXPIRED,
    WrongStateError: problem.WRONG_STATE,
    ItemNotHeldError: problem.ITEM_NOT_HELD,
    NothingHeldError: problem.NOTHING_HELD,
    UnknownKeyError: problem.UNKNOWN_KEY,
}
_COMMON: Final = (problem.UNKNOWN_RESERVATION, problem.HOLD_EXPIRED, problem.WRONG_STATE, problem.BUSY)
_UNSAFE: Final = frozenset(chr(code) for code in range(0x21, 0x7F))


class Holds(Protocol):
    """Makes, shows and changes reservations: `gateway.holds.desk.Holds`."""

    async def reserve(self, asked: Asked) -> Made:
        """Make a reservation, or give the answer that was given before."""
        ...

    async def get(self, who: Who, name: str) -> Reservation:
        """Return a reservation."""
        ...

    async def confirm(self, who: Who, name: str, collect_s: int | None = None) -> tuple[Reservation, bool]:
        """Make a hold last; return it, and whether that was done before, as all of these do."""
        ...

    async def release(self, who: Who, name: str) -> tuple[Reservation, bool]:
        """Give its units back."""
        ...

    async def renew(self, who: Who, name: str, ttl_s: int | None = None) -> tuple[Reservation, bool]:
        """Give it more time."""
        ...

    async def pick(self, who: Who, name: str, items: list[tuple[str, str]]) -> tuple[Reservation, bool]:
        """Say that its items are in somebody's hands."""
        ...

    async def pick_miss(self, who: Who, name: str, item: tuple[str, str]) -> tuple[Reservation, bool]:
        """Say that an item was not found."""
        ...

    async def fulfil(self, who: Who, name: str) -> tuple[Reservation, bool]:
        """Hand it over."""
        ...

    async def transfer(
        self, who: Who, name: str, references: tuple[tuple[str, str], ...], to_key: str
    ) -> tuple[Reservation, bool]:
        """Hand it to another cart, customer, payment or key."""
        ...


class Orders(Protocol):
    """Holds units where an order is best served: `gateway.sourcing.orders.Orders`."""

    async def reserve(self, asked: Asked, order: OrderAsked) -> Made:
        """Make a reservation at one site or several, or give the answer that was given before."""
        ...


@contextmanager
def refused() -> Iterator[None]:
    """Turn what reservations refuse into its problem."""
    try:
        yield
    except HoldError as error:
        raise RefusedError(problem_of(error)) from error


def problem_of(error: HoldError) -> Problem:
    """Return a refusal as its problem."""
    text = str(error)
    members: dict[str, problem.Member]
    match error:
        case InsufficientError(shortages=shortages):
            rows = [_row(short) for short in shortages]
            first = rows[0]
            return Problem(
                problem.INSUFFICIENT_ATP,
                text,
                {
                    "gtin": first.gtin,
                    "site": first.site,
                    "requested": first.requested,
                    "atp": first.atp,
                    "alternatives": first.alternatives,
                    "shortages": rows,
                },
            )
        case UnknownHoldSiteError(site=site, sites=sites):
            return Problem(problem.UNKNOWN_SITE, text, {"parameter": "lines.site", "value": site, "expected": sites})
        case WrongStateError(state=state, states=states):
            return Problem(problem.WRONG_STATE, text, {"value": state, "expected": states})
        case NoPlanError(considered=considered, left_out=left_out):
            members = {"considered": considered, "left_out": left_out_rows(left_out)}
            return Problem(problem.NO_PLAN, text, members)
        case BusyError():
            return Problem(problem.BUSY, text, headers={"Retry-After": str(RETRY_AFTER_S)})
    return Problem(_KINDS[type(error)], text)


def _row(short: Shortage) -> ShortageRow:
    others = [AlternativeSite(one.site, one.atp, one.confidence) for one in short.alternatives]
    return ShortageRow(short.gtin, short.site, short.requested, short.atp, others)


def key_of(text: str | None) -> str:
    """Return the idempotency key. Raises `RefusedError`."""
    if not text:
        detail = "header Idempotency-Key is missing: without it a request that is sent twice would hold twice"
        raise RefusedError(Problem(problem.KEY_MISSING, detail, {"parameter": "Idempotency-Key"}))
    if len(text) > IDEMPOTENCY_KEY_MAX_CHARS or not _UNSAFE.issuperset(text):
        expected = f"1 to {IDEMPOTENCY_KEY_MAX_CHARS} visible ASCII characters"
        members: dict[str, problem.Member] = {"parameter": "Idempotency-Key", "value": shown(text)}
        detail = f"header Idempotency-Key is {shown(text)}, expected {expected}"
        raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, members | {"expected": expected}))
    return text


def made_response(made: Made) -> Response:
    """Return the answer to who made a reservation, now or before."""
    headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if made.replayed else {})
    return Response(made.body, 201, headers, JSON)


def _answered(given: tuple[Reservation, bool]) -> Response:
    done, replayed = given
    response = answer.uncached(done)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def optional_body(request: Request, kind: type[T]) -> T:
    """Return a body that may be left out."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return kind()
    return await body_of(request, kind, BODY_MAX_BYTES)


def _documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    return taken(Reservation, reservation_examples.CONFIRMED, *_COMMON, *kinds)


def _made_documented() -> dict[int | str, dict[str, Any]]:
    found = taken(
        Reservation,
        reservation_examples.HELD,
        problem.KEY_MISSING,
        problem.KEY_REUSED,
        problem.SITE_NEEDED,
        problem.UNKNOWN_SITE,
        problem.INSUFFICIENT_ATP,
        problem.NO_PLAN,
        problem.TOO_MANY_HOLDS,
        problem.BUSY,
    )
    made = found.pop(200)
    content = made["content"]["application/json"]
    content["schema"] = {"oneOf": [reference(Reservation), reference(Order)]}
    content["examples"]["several sites"] = {"value": msgspec.to_builtins(reservation_examples.ORDER)}
    return {
        201: made | {"description": "The units are kept: at one site or those named, or an order of several"}
    } | found


def routes(holds: Holds, orders: Orders | None = None, held_orders: HeldOrders | None = None) -> APIRouter:
    """Return the routes to reservations; without `orders` every line names its site.

    Without `held_orders` no other site ever serves in a reservation's place.
    """
    router = APIRouter(tags=["reservations"])
    _add_making(router, holds, orders)
    _add_verbs(router, holds, held_orders)
    _add_picking(router, holds)
    return router


def _add_making(router: APIRouter, holds: Holds, orders: Orders | None) -> None:
    @router.post(
        "/v1/reservations",
        summary="Keep units for a buyer",
        status_code=201,
        response_class=Response,
        responses=_made_documented(),
        openapi_extra=request_body(ReservationBody, reservation_examples.BODIES),
    )
    async def reserve(request: Request, caller: Holder, idempotency_key: IdempotencyKey = None) -> Response:
        """All lines, or none (`allow_partial`: what there is): named items, each with the place where it should lie.

        The answer is committed: until `expires_at` nobody else gets these units. The same key with the same body gets
        the same bytes again, also hours later; then ask for the reservation itself. A refusal changed nothing and is
        not remembered: the same request may succeed when somebody else gives units back.

        With `"site": "auto"` the gateway chooses where (`POST /v1/sourcing:quote` says what it would choose): the best
        plan of the channel's rules. If that is one site, the answer is a reservation; if several, an order of one
        reservation for each, which are all made or none.
        """
        name = key_of(idempotency_key)
        body = await body_of(request, ReservationBody, BODY_MAX_BYTES)
        with refused():
            if orders is not None and is_sourced(body):
                made = await orders.reserve(*order_of(caller, name, body))
            else:
                made = await holds.reserve(asked_of(caller, name, body))
        return made_response(made)

    @router.get(
        "/v1/reservations/{reservation}",
        summary="One reservation",
        response_class=Response,
        responses=taken(Reservation, reservation_examples.HELD, problem.UNKNOWN_RESERVATION),
    )
    async def get(caller: Holder, reservation: ReservationId) -> Response:
        """Its state, and its items as they are now: an item that was lost has been replaced, or its line says so.

        Only the key that made it sees it, and keys with staff:read for all its sites.
        """
        with refused():
            return answer.uncached(await holds.get(who_is(caller), reservation))


def _add_verbs(router: APIRouter, holds: Holds, held_orders: HeldOrders | None) -> None:
    def verb(name: str, summary: str, *kinds: Kind, **more: Any) -> Callable[[Any], Any]:
        return router.post(
            f"/v1/reservations/{{reservation}}:{name}",
            summary=summary,
            response_class=Response,
            responses=_documented(*kinds),
            **more,
        )

    @verb(
        "confirm",
        "The order stands",
        openapi_extra=_may_be_left_out(ConfirmBody, {"kept for two days": ConfirmBody(2 * 86_400)}),
    )
    async def confirm(request: Request, caller: Holder, reservation: ReservationId) -> Response:
        """It does not expire any more. Availability is not asked again.

        With the modes `pickup` and `ship_from_store` its sites get a task for each line. A pickup that is not collected
        by `collect_by` is released.
        """
        body = await optional_body(request, ConfirmBody)
        with refused():
            return _answered(await holds.confirm(who_is(caller), reservation, body.collect_s))

    @verb("release", "Give the units back")
    async def release(caller: Holder, reservation: ReservationId) -> Response:
        """At any time before they are handed over. Of a hold that is over that is true already.

        What another site serves in its place is given back with it.
        """
        with refused():
            if held_orders is not None:
                await held_orders.release_with(who_is(caller), reservation)
            return _answered(await holds.release(who_is(caller), reservation))

    @verb(
        "renew",
        "More time",
        problem.INSUFFICIENT_ATP,
        problem.TOO_MANY_HOLDS,
        openapi_extra=_may_be_left_out(RenewBody, {"ten minutes": RenewBody(600)}),
    )
    async def renew(request: Request, caller: Holder, reservation: ReservationId) -> Response:
        """Never less time than it has. Of one that has expired its units are asked for anew, and may be gone (409)."""
        body = await optional_body(request, RenewBody)
        with refused():
            return _answered(await holds.renew(who_is(caller), reservation, body.ttl_s))

    @verb("fulfil", "Hand it over", problem.NOTHING_HELD)
    async def fulfil(caller: Holder, reservation: ReservationId) -> Response:
        """Its items are sold. Units that need a substitution are not handed over; their line says how many."""
        with refused():
            return _answered(await holds.fulfil(who_is(caller), reservation))

    @verb(
        "transfer",
        "Hand it to another cart or key",
        problem.UNKNOWN_KEY,
        openapi_extra=request_body(TransferBody, {"a guest logs in": TransferBody(cart_ref="c-9", customer_ref="u-7")}),
    )
    async def transfer(request: Request, caller: Holder, reservation: ReservationId) -> Response:
        """Replaces the references that are given, and with `to_key` the owner.

        Then it is no longer the caller's, whose Idempotency-Key stays used.
        """
        body = await body_of(request, TransferBody, BODY_MAX_BYTES)
        if body == TransferBody():
            raise invalid("cart_ref", None, "at least one of cart_ref, customer_ref, payment_ref, to_key")
        with refused():
            given = await holds.transfer(who_is(caller), reservation, references_of(body), body.to_key or "")
        return _answered(given)


def _add_picking(router: APIRouter, holds: Holds) -> None:
    @router.post(
        "/v1/reservations/{reservation}:pick",
        summary="The items are in somebody's hands",
        response_class=Response,
        responses=_documented(problem.ITEM_NOT_HELD, problem.NOTHING_HELD),
        openapi_extra=_may_be_left_out(PickBody, {"another one": PickBody([reservation_examples.LINK])}),
    )
    async def pick(request: Request, caller: Holder, reservation: ReservationId) -> Response:
        """All that are held, or those that are named. It is picked when every item is.

        On a rail they are all the same: another item of the SKU at that site may stand in for a held one, if nobody
        else holds it.
        """
        body = await optional_body(request, PickBody)
        items = [item_of(f"items[{number}]", text) for number, text in enumerate(body.items)]
        with refused():
            return _answered(await holds.pick(who_is(caller), reservation, items))

    @router.post(
        "/v1/reservations/{reservation}:pick-miss",
        summary="An item was not found",
        response_class=Response,
        responses=_documented(problem.ITEM_NOT_HELD),
        openapi_extra=request_body(PickMissBody, {"not there": PickMissBody(reservation_examples.LINK)}),
    )
    async def pick_miss(request: Request, caller: Holder, reservation: ReservationId) -> Response:
        """The item becomes `missing`; the answer names the next best one, or says `substitution_needed`."""
        body = await body_of(request, PickMissBody, BODY_MAX_BYTES)
        item = item_of("item", body.item)
        with refused():
            return _answered(await holds.pick_miss(who_is(caller), reservation, item))


def _may_be_left_out(kind: type[Any], examples: dict[str, object]) -> dict[str, Any]:
    found = request_body(kind, examples)
    found["requestBody"]["required"] = False
    return found
