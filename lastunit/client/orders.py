"""Orders whose sites the gateway chooses: quoted, held at one site or several, followed from step to step.

An order is the same to the caller whether one site serves it or three: its `parts` are the reservations. All of these
may be sent again: the gateway does each of them once.
"""

import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from gateway.geo import Location
from gateway.http.reservation_rows import (
    ConfirmBody,
    Mode,
    Order,
    Reservation,
    ReservationBody,
    ReservationLine,
    ShipTo,
)
from gateway.http.sourcing_rows import QuoteBody, QuoteLine, SourcingQuote
from gateway.order_event import ORDER, OrderChange
from gateway.sourcing.plan import PLANS_MAX
from lastunit.client.connection import decoded, segment
from lastunit.client.stock import ChangeCalls
from wire.site import AUTO

PARTS: Final = "parts"


class OrderEvent(OrderChange, frozen=True, kw_only=True):
    """A step of an order in one site; `seq` is the cursor to go on from."""

    seq: int


class OrderCalls(ChangeCalls):
    """Orders of the client's key. Lines are pairs of GTIN and units, places latitude and longitude in degrees."""

    async def quote(
        self,
        lines: Iterable[tuple[str, int]],
        *,
        mode: Mode = "ship",
        ship_to: Location | None = None,
        pickup_site: str | None = None,
        need_by: str | None = None,
        plans: int = PLANS_MAX,
    ) -> SourcingQuote:
        """Return plans for an order, the best first: to a place, or by way of the site where the buyer collects."""
        body = QuoteBody(
            lines=[QuoteLine(gtin, quantity) for gtin, quantity in lines],
            mode=mode,
            ship_to=None if ship_to is None else ShipTo(*ship_to),
            pickup_site=pickup_site,
            need_by=need_by,
            plans=plans,
        )
        return await self._told("/v1/sourcing:quote", SourcingQuote, body)

    async def order(
        self,
        lines: Iterable[tuple[str, int]],
        *,
        mode: Mode = "ship",
        ship_to: Location | None = None,
        plan: Sequence[str] | None = None,
        need_by: str | None = None,
        ttl_s: int | None = None,
        cart_ref: str | None = None,
        customer_ref: str | None = None,
        payment_ref: str | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Hold the units where the best plan has them, all or none; `plan`: only at the sites of one that was quoted.

        Without an `idempotency_key` a new one is made for this call, and kept while it tries again.

        Raises:
            ConflictError: `no-plan`: no site and no few sites together can serve it; its `left_out` says why.
            TooManyHoldsError: this key has as many open holds as its channel allows.
        """
        body = ReservationBody(
            lines=[ReservationLine(gtin, quantity, AUTO) for gtin, quantity in lines],
            mode=mode,
            ttl_s=ttl_s,
            cart_ref=cart_ref,
            customer_ref=customer_ref,
            payment_ref=payment_ref,
            ship_to=None if ship_to is None else ShipTo(*ship_to),
            need_by=need_by,
            plan=None if plan is None else list(plan),
        )
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        made = await self._told("/v1/reservations", dict[str, msgspec.Raw], body, Idempotency_Key=key)
        if PARTS in made:
            return decoded(msgspec.json.encode(made), Order)
        part = decoded(msgspec.json.encode(made), Reservation)
        return Order(part.order_id or part.id, part.mode, part.created_at, part.expires_at, [part])

    async def order_of(self, order_id: str) -> Order:
        """Return an order as it is now; parts that another site took over since are there, too."""
        return await self._get(f"/v1/orders/{segment(order_id)}", Order)

    async def confirm_order(self, order_id: str, *, collect_s: int | None = None) -> Order:
        """Let all parts of an order stand, or none. Raises `HoldExpiredError`.

        `collect_s`: how long a pickup is kept for its buyer, in seconds.
        """
        return await self._told(f"/v1/orders/{segment(order_id)}:confirm", Order, ConfirmBody(collect_s))

    async def release_order(self, order_id: str) -> Order:
        """Give back all of an order that was not handed over."""
        return await self._told(f"/v1/orders/{segment(order_id)}:release", Order)

    async def order_changes(
        self, cursor: int | None = None, site: str | None = None
    ) -> AsyncGenerator[OrderEvent, None]:
        """Yield every step of the channel's orders after `cursor`, once and in order, for ever; None: from now on.

        The connection is made again after each break, from the last change that was read.

        Raises:
            CursorLostError: changes are missing; ask for the orders that are open, and go on from now.
            ProblemError: the gateway refused for another reason that trying again does not mend.
            ProtocolError: this is no gateway.
        """
        async with aclosing(self._followed(cursor, site)) as events:
            async for event, data in events:
                if event == ORDER:
                    yield decoded(data, OrderEvent)
