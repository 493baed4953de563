"""`GET /healthz` and `GET /v1/edges`: how the gateway itself is."""

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from gateway.http import answer, examples, problem
from gateway.http.health import edge_of, verdict
from gateway.http.limits import HealthLimits
from gateway.http.openapi import described
from gateway.http.ports import Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.rows import Edges, HealthAnswer, StreamFigures
from gateway.http.tail import Tail

log = structlog.get_logger(__name__)


def routes(queries: Queries, tail: Tail, limits: HealthLimits) -> APIRouter:
    """Return the routes over these queries and this tail's counters."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/healthz",
        summary="Ok or degraded, with figures",
        response_class=Response,
        responses=described((HealthAnswer,), {"degraded": examples.HEALTH}, problem.UNAVAILABLE),
    )
    async def healthz() -> Response:
        """200 while the gateway can answer, degraded or not; 503 when it cannot read its database."""
        try:
            health, rows = await queries.health(), await queries.edges()
        except Exception as error:
            log.exception("health_unreadable")
            detail = "the database cannot be read"
            raise RefusedError(Problem(problem.UNAVAILABLE, detail, headers={"Retry-After": "1"})) from error
        streams = StreamFigures(tail.open_streams, tail.slow_disconnects, tail.refused_streams, tail.read_errors)
        return answer.uncached(verdict(health, [edge_of(row) for row in rows], streams, limits))

    @router.get(
        "/v1/edges",
        summary="Edge boxes and their devices",
        response_class=Response,
        responses=described((Edges,), {"one box": examples.EDGES}),
    )
    async def edges() -> Response:
        """Every edge box that was ever heard of, as it last described itself; offline by its last will."""
        return answer.uncached(Edges([edge_of(row) for row in await queries.edges()]))

    return router
