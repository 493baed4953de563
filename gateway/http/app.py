"""The application: routes over two ports, the tail that feeds the streams, and what guards them all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType

from fastapi import APIRouter, Depends, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.figures.desk import Figures
from gateway.http import (
    accuracy_routes,
    alarm_routes,
    availability_routes,
    boards_routes,
    change_routes,
    desk_routes,
    digital_link_routes,
    docs_routes,
    enrol_routes,
    feed_routes,
    figure_routes,
    find_routes,
    fleet_routes,
    hot_reservations,
    openapi,
    operations_routes,
    order_routes,
    page_routes,
    pair_routes,
    refusals,
    replenishment_routes,
    reservation_routes,
    session_routes,
    shipment_routes,
    sourcing_routes,
    stock_routes,
    store_routes,
    task_routes,
    trade_read_routes,
    trade_return_routes,
    trade_routes,
    webhook_routes,
)
from gateway.http.access import closed, seal
from gateway.http.gate import Access, Gate
from gateway.http.hot_availability import HOT_PATHS, HotAvailability
from gateway.http.hot_rows import HotRows
from gateway.http.limits import HealthLimits, StreamLimits
from gateway.http.parameters import strict_query
from gateway.http.ports import ChangeFeed, Queries
from gateway.http.security_headers import SecurityHeaders
from gateway.http.services import Services
from gateway.http.tail import Tail
from gateway.series.requests import Timed

API_VERSION = "1"

TAGS = [
    {"name": "availability", "description": "What can be sold, and how sure that is."},
    {"name": "stock", "description": "What is where, by style, colour, size and zone."},
    {"name": "webhooks", "description": "Changes sent to an address, signed, in order."},
    {"name": "feeds", "description": "All rows as files."},
    {"name": "changes", "description": "Every change, resumable by cursor."},
    {"name": "evidence", "description": "What the readers cannot know: sales, receipts, returns, counts, the book."},
    {"name": "sourcing", "description": "From which sites an order is best served."},
    {"name": "reservations", "description": "Units that are held for somebody, and what becomes of them."},
    {"name": "tasks", "description": "What people in a store are asked to do, and what became of it."},
    {"name": "exceptions", "description": "What is wrong with stock, with its evidence, and who has seen it."},
    {
        "name": "trade",
        "description": "Sales, returns, receipts, shipments, counts, adjustments; the story of an item.",
    },
    {"name": "devices", "description": "How readers and scanners are configured, and how that is changed."},
    {"name": "screens", "description": "Devices in a store, paired by a code."},
    {"name": "enrolment", "description": "Certificates of edge boxes, for a one-time code."},
    {"name": "accuracy", "description": "How right the figures are, and where they differ from book and counts."},
    {"name": "operations", "description": "How the gateway and the edge boxes are."},
]


def utc_us() -> int:
    """UTC now, in microseconds."""
    return time.time_ns() // 1_000


def _following(tail: Tail, access: Access | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await tail.begin()
        follower = asyncio.create_task(tail.follow(), name="change-tail")
        keys = None
        if access is not None:
            await access.begin()
            keys = asyncio.create_task(access.ring.follow(), name="key-ring")
        try:
            yield
        finally:
            tail.close()
            await follower
            if keys is not None:
                keys.cancel()
                await asyncio.gather(keys, return_exceptions=True)

    return lifespan


class _App(FastAPI):
    """FastAPI, and before it the answers that need nothing of it (`gateway.http.hot_availability`)."""

    hot: Mapping[str, ASGIApp] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the router answer."""
        hot = self.hot.get(scope["path"]) if scope["type"] == "http" else None
        if hot is not None:
            await hot(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the router answer."""
        await super().__call__(scope, receive, send)


def _of_orders(services: Services) -> Iterator[APIRouter]:
    """Yield the routes of orders: where one is best served, and what has become of it."""
    if services.held_orders is not None:
        yield order_routes.routes(services.held_orders)
    if services.quotes is not None:
        yield sourcing_routes.routes(services.quotes)


def _of_machines(services: Services) -> Iterator[APIRouter]:
    """Yield the routes of machines in stores: who may come in."""
    if services.pairing is not None:
        yield pair_routes.routes(services.pairing, services.access)
    if services.enrolment is not None:
        yield enrol_routes.routes(services.enrolment)


def _of_services(services: Services, queries: Queries, clock: Callable[[], int]) -> Iterator[APIRouter]:
    """Yield the routes of the parts that are there."""
    if services.trade is not None:
        yield trade_routes.routes(services.trade, clock)
        yield trade_return_routes.routes(services.trade, clock)
    if services.trade is not None and services.trade_reads is not None:
        yield shipment_routes.routes(services.trade, services.trade_reads, clock)
    if services.trade_reads is not None:
        yield trade_read_routes.routes(services.trade_reads)
    yield from _of_orders(services)
    if services.webhooks is not None:
        yield webhook_routes.routes(services.webhooks, clock)
    if services.feeds is not None:
        yield feed_routes.routes(queries, services.feeds)
    if services.refill is not None:
        yield replenishment_routes.routes(services.refill, queries)
    yield from _of_machines(services)
    if services.finder is not None:
        yield find_routes.routes(services.finder, queries)
    if services.fleet is not None and services.fleet_board is not None:
        yield fleet_routes.routes(services.fleet, services.fleet_board)
    if services.figures is not None:
        yield figure_routes.routes(Figures(services.figures, clock), queries, clock)


def create_app(
    queries: Queries,
    feed: ChangeFeed,
    *,
    access: Access | None = None,
    services: Services | None = None,
    clock: Callable[[], int] = utc_us,
    stream_limits: StreamLimits | None = None,
    health_limits: HealthLimits | None = None,
) -> FastAPI:
    """Return the ASGI application; `app.state.tail.close()` ends its streams (`gateway.http.serve` does that).

    `access` holds the keys; without it there are none, and only this machine may ask. `clock` gives UTC microseconds.
    The application decides nothing, and writes by the desk of `queries` only.
    """
    services = services or Services(access=access)
    access = services.access
    mirror = services.mirror
    heard = (lambda _: None) if mirror is None else mirror.forget
    tail = Tail(queries, feed, stream_limits or StreamLimits(), heard)
    app = _App(
        title="Last Unit",
        version=API_VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=TAGS,
        lifespan=_following(tail, access),
        dependencies=[Depends(closed)],
    )
    app.state.tail = tail
    strict = [Depends(strict_query)]
    if services.holds is not None:  # first: routes are tried in order, and this one has the least time
        reservations = reservation_routes.routes(services.holds, services.orders, services.held_orders)
        app.include_router(reservations, dependencies=strict)
    app.include_router(availability_routes.routes(queries, clock), dependencies=strict)
    app.include_router(stock_routes.routes(queries), dependencies=strict)
    app.include_router(change_routes.routes(queries, tail), dependencies=strict)
    app.include_router(desk_routes.routes(queries, clock), dependencies=strict)
    app.include_router(accuracy_routes.routes(queries, clock), dependencies=strict)
    app.include_router(operations_routes.routes(queries, tail, health_limits or HealthLimits()), dependencies=strict)
    for router in _of_services(services, queries, clock):
        app.include_router(router, dependencies=strict)
    if services.tasks is not None and services.boards is not None:
        app.include_router(task_routes.routes(services.tasks, services.boards, queries, tail), dependencies=strict)
    if services.alarms is not None:
        app.include_router(alarm_routes.routes(services.alarms, queries, tail), dependencies=strict)
    if services.links is not None:
        app.include_router(digital_link_routes.routes(services.links))
    docs_routes.install(app, lambda: openapi.document(app))
    page_routes.install(app)
    if services.pairing is not None:
        pair_routes.install(app, services.pairing, access)
    store_routes.install(app)
    boards_routes.install(app)
    session_routes.install(app, access)
    refusals.install(app)
    seal(app)
    hot: dict[str, ASGIApp] = {}
    if mirror is not None:
        hot |= dict.fromkeys(HOT_PATHS, HotAvailability(app.routed, rows=HotRows(mirror, clock)))
    if services.holds is not None:
        hot[hot_reservations.PATH] = hot_reservations.HotReservations(app.routed, services.holds)
    app.hot = {path: SecurityHeaders(Gate(answers, access=access)) for path, answers in hot.items()}
    app.add_middleware(Gate, access=access)
    app.add_middleware(SecurityHeaders)
    if services.requests is not None:
        app.hot = {path: Timed(answers, services.requests, route=path) for path, answers in app.hot.items()}
        app.add_middleware(Timed, requests=services.requests)
    return app
