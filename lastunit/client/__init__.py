"""Typed client of the HTTP API: what the tests, the demo and a channel's programmer use.

    async with LastUnitClient("http://127.0.0.1:8080", key="lu_...") as client:
        row = await client.availability("9506000134352", "store-001")
        held = await client.reserve([ReservationLine("9506000134352", 1, "store-001")])
        await client.confirm(held.id)
        async for change in client.changes(cursor=stock.cursor):
            ...

Bodies and answers are the structs of `gateway.http`; members that a newer gateway adds are ignored. Refusals are
exceptions that carry the problem document.

* A write is sent again until it is answered, under the same idempotency key: a retry never doubles.
* `changes` resumes by itself after every break of the connection: each change comes once and in order. Only when the
  gateway says that the cursor is dead (410) it gives up, since changes would be missing: load the stock again.
"""

from gateway.http.reservation_rows import ReservationLine
from lastunit.client.errors import (
    ConflictError,
    CursorLostError,
    ForbiddenError,
    HoldExpiredError,
    InsufficientAtpError,
    InvalidRequestError,
    LastUnitError,
    NotFoundError,
    ProblemError,
    ProtocolError,
    TooManyHoldsError,
    UnavailableError,
    UnreachableError,
    problem_of,
)
from lastunit.client.event_parser import LINE_MAX_BYTES, EventParser
from lastunit.client.orders import OrderCalls, OrderEvent
from lastunit.client.reservations import ReservationCalls
from lastunit.client.stock import StockCalls
from lastunit.client.tasks import TaskCalls
from lastunit.client.trade import TradeCalls
from lastunit.client.webhooks import WebhookCalls

__all__ = [
    "LINE_MAX_BYTES",
    "ConflictError",
    "CursorLostError",
    "EventParser",
    "ForbiddenError",
    "HoldExpiredError",
    "InsufficientAtpError",
    "InvalidRequestError",
    "LastUnitClient",
    "LastUnitError",
    "NotFoundError",
    "OrderEvent",
    "ProblemError",
    "ProtocolError",
    "ReservationLine",
    "TooManyHoldsError",
    "UnavailableError",
    "UnreachableError",
    "problem_of",
]


class LastUnitClient(StockCalls, ReservationCalls, OrderCalls, TaskCalls, TradeCalls, WebhookCalls):
    """One gateway, and the key that it is asked with. Give `transport` to reach it in another way than by TCP.

    `retries` counts writes that were sent again, `resumes` streams that were begun again.
    """
