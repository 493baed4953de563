"""`GET /healthz` and `GET /v1/edges`: how the gateway itself is."""

from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.http import answer, examples, problem
from gateway.http.access import Caller, caller_or_none, public, requires
from gateway.http.health import edge_of, verdict
from gateway.http.limits import HealthLimits
from gateway.http.openapi import described
from gateway.http.ports import Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.rows import Alive, Edges, HealthAnswer, StreamFigures
from gateway.http.tail import Tail
from gateway.keys.scopes import STOCK_READ

log = structlog.get_logger(__name__)


def routes(queries: Queries, tail: Tail, limits: HealthLimits) -> APIRouter:
    """Return the routes over these queries and this tail's counters."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/healthz",
        summary="Ok or degraded, with figures",
        response_class=Response,
        responses=described(
            (HealthAnswer, Alive), {"degraded": examples.HEALTH, "without a key": Alive()}, problem.UNAVAILABLE
        ),
    )
    @public
    async def healthz(request: Request) -> Response:
        """200 while the gateway can answer, degraded or not; 503 when it cannot read its database.

        The figures are for keys with `stock:read`, of their sites. Anybody else learns that the gateway lives; that
        takes no look at its database.
        """
        caller = caller_or_none(request)
        if caller is None or not caller.may(STOCK_READ):
            return answer.uncached(Alive())
        try:
            health, rows = await queries.health(), await queries.edges()
        except Exception as error:
            log.exception("health_unreadable")
            detail = "the database cannot be read"
            raise RefusedError(Problem(problem.UNAVAILABLE, detail, headers={"Retry-After": "1"})) from error
        streams = StreamFigures(tail.open_streams, tail.slow_disconnects, tail.refused_streams, tail.read_errors)
        sites = [row for row in health.sites if caller.sees(row.site)]
        edges = [edge_of(row) for row in rows if caller.sees(row.site)]
        return answer.uncached(verdict(msgspec.structs.replace(health, sites=sites), edges, streams, limits))

    @router.get(
        "/v1/edges",
        summary="Edge boxes and their devices",
        response_class=Response,
        responses=described((Edges,), {"one box": examples.EDGES}),
    )
    async def edges(caller: Annotated[Caller, Depends(requires(STOCK_READ))]) -> Response:
        """Every edge box that was ever heard of, as it last described itself; offline by its last will."""
        return answer.uncached(Edges([edge_of(row) for row in await queries.edges() if caller.sees(row.site)]))

    return router
