"""Reservations: units kept for one buyer, from the cart until they are handed over.

All of these may be sent again: the gateway does each of them once. Only a transfer to another key is sent one time,
because after it the reservation is not the caller's any more.
"""

import uuid
from collections.abc import Sequence

from gateway.http.reservation_rows import (
    ConfirmBody,
    Mode,
    PickBody,
    PickMissBody,
    RenewBody,
    Reservation,
    ReservationBody,
    ReservationLine,
    TransferBody,
)
from lastunit.client.connection import Connection, decoded, segment


class ReservationCalls(Connection):
    """Reservations of the client's key."""

    async def reserve(
        self,
        lines: Sequence[ReservationLine],
        *,
        mode: Mode = "ship",
        ttl_s: int | None = None,
        cart_ref: str | None = None,
        customer_ref: str | None = None,
        payment_ref: str | None = None,
        allow_partial: bool = False,
        idempotency_key: str | None = None,
    ) -> Reservation:
        """Keep units for a buyer, all lines or none (`allow_partial`: what there is).

        Without an `idempotency_key` a new one is made for this call, and kept while it tries again. Give one of your
        own (the order's number) when your program itself may be started again in between.

        Raises:
            InsufficientAtpError: there are not enough; its `shortages` name sites that have them.
            TooManyHoldsError: this key has as many open holds as its channel allows.
        """
        body = ReservationBody(
            lines=list(lines),
            mode=mode,
            ttl_s=ttl_s,
            cart_ref=cart_ref,
            customer_ref=customer_ref,
            payment_ref=payment_ref,
            allow_partial=allow_partial,
        )
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        return await self._told("/v1/reservations", Reservation, body, Idempotency_Key=key)

    async def reservation(self, name: str) -> Reservation:
        """Return a reservation by its id."""
        return await self._get(f"/v1/reservations/{segment(name)}", Reservation)

    async def confirm(self, name: str, *, collect_s: int | None = None) -> Reservation:
        """Make a hold last: the order stands. Raises `HoldExpiredError`.

        `collect_s`: how long a pickup is kept for its buyer, in seconds; without it three days.
        """
        return await self._verb(name, "confirm", None if collect_s is None else ConfirmBody(collect_s))

    async def release(self, name: str) -> Reservation:
        """Give the units back."""
        return await self._verb(name, "release")

    async def renew(self, name: str, ttl_s: int | None = None) -> Reservation:
        """Give a hold more time; ask for its units anew when it is over. Raises `InsufficientAtpError`."""
        return await self._verb(name, "renew", RenewBody(ttl_s))

    async def pick(self, name: str, items: Sequence[str] = ()) -> Reservation:
        """Say that items (Digital Links or EPCs) are in somebody's hands; without any, all that are held."""
        return await self._verb(name, "pick", PickBody(list(items)))

    async def pick_miss(self, name: str, item: str) -> Reservation:
        """Say that an item was not found; the answer names the next best one, or needs a substitution."""
        return await self._verb(name, "pick-miss", PickMissBody(item))

    async def fulfil(self, name: str) -> Reservation:
        """Hand it over: its items are sold."""
        return await self._verb(name, "fulfil")

    async def transfer(
        self,
        name: str,
        *,
        cart_ref: str | None = None,
        customer_ref: str | None = None,
        payment_ref: str | None = None,
        to_key: str | None = None,
    ) -> Reservation:
        """Hand a reservation to another cart, customer or payment; with `to_key` to another key."""
        body = TransferBody(cart_ref=cart_ref, customer_ref=customer_ref, payment_ref=payment_ref, to_key=to_key)
        if to_key is None:
            return await self._verb(name, "transfer", body)
        return decoded(await self._once("POST", _path(name, "transfer"), body), Reservation)

    async def _verb(self, name: str, verb: str, body: object = None) -> Reservation:
        return await self._told(_path(name, verb), Reservation, body)


def _path(name: str, verb: str) -> str:
    return f"/v1/reservations/{segment(name)}:{verb}"
