"""Exceptions: what is wrong with stock, live, and that a person has seen it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.exceptions.alarm import Kind, State
from gateway.exceptions.desk import Alarms
from gateway.exceptions.errors import UnknownAlarmError
from gateway.exceptions.limits import BODY_MAX_BYTES, LIST_DEFAULT, LIST_MAX, STREAMS_MAX
from gateway.http import alarm_examples, answer, problem
from gateway.http.access import Caller, requires, still_may
from gateway.http.alarm_rows import AcknowledgeBody, AlarmKind, AlarmList, AlarmRow, AlarmState
from gateway.http.alarm_stream import AlarmStream
from gateway.http.body import body_of, request_body
from gateway.http.event_stream import SSE
from gateway.http.known_site import known_site
from gateway.http.openapi import Responses, described, taken
from gateway.http.ports import Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.reservation_asked import who_is
from gateway.http.reservation_routes import refused as refused_by_holds
from gateway.http.tail import Tail
from gateway.keys.scopes import STAFF_READ, TASK_WRITE
from gateway.tasks.boards import Boards
from wire.limits import ID_MAX_CHARS

Worker = Annotated[Caller, Depends(requires(TASK_WRITE))]
Onlooker = Annotated[Caller, Depends(requires(STAFF_READ))]
AlarmId = Annotated[str, Path(description="`id` of an alarm", max_length=36)]
Site = Annotated[str, Query(description="the site's id in its site file", min_length=1, max_length=ID_MAX_CHARS)]

RETRY_AFTER_S: Final = "5"


@dataclass(frozen=True, slots=True)
class AlarmService:
    """The alarms of one process, and the boards that its streams watch."""

    alarms: Alarms
    boards: Boards


@contextmanager
def refused() -> Iterator[None]:
    """Turn what alarms refuse into its problem."""
    try:
        with refused_by_holds():
            yield
    except UnknownAlarmError as error:
        raise RefusedError(Problem(problem.UNKNOWN_ALARM, str(error))) from error


def _stream_described() -> Responses:
    kinds = (problem.UNKNOWN_SITE, problem.TOO_MANY_STREAMS)
    found = described((AlarmList,), {"one alarm": alarm_examples.LIST}, *kinds)
    shown = {"schema": {"type": "string"}, "examples": {"a board": {"value": alarm_examples.EVENTS}}}
    found[200]["content"][SSE] = shown
    return found


def routes(service: AlarmService, queries: Queries, tail: Tail) -> APIRouter:
    """Return the routes to alarms; streams end with the tail's."""
    router = APIRouter(tags=["exceptions"])
    _add_stream(router, service, queries, tail)  # before the route to one alarm
    _add_reading(router, service.alarms, queries)
    _add_acknowledging(router, service.alarms)
    return router


def _add_reading(router: APIRouter, alarms: Alarms, queries: Queries) -> None:
    @router.get(
        "/v1/exceptions",
        summary="What is wrong with stock",
        response_class=Response,
        responses=described((AlarmList,), {"one alarm": alarm_examples.LIST}, problem.UNKNOWN_SITE),
        dependencies=[Depends(requires(STAFF_READ))],
    )
    async def listed(
        site: Site,
        kind: Annotated[AlarmKind | None, Query(description="of this kind only")] = None,
        state: Annotated[AlarmState | None, Query(description="without: `open` and `acknowledged`")] = None,
        limit: Annotated[int, Query(description="alarms of a page", ge=1, le=LIST_MAX)] = LIST_DEFAULT,
        before: Annotated[
            str | None, Query(description="`next` of the page before: alarms raised before this one", max_length=36)
        ] = None,
    ) -> Response:
        """The newest first. An alarm is open until a person has seen it, and stays until its cause is gone.

        `text` says in words what is wrong, `evidence` what says so. An alarm that was acknowledged is raised no second
        time while its cause goes on.
        """
        await known_site(queries, site)
        found = await alarms.listed(
            site,
            kind=None if kind is None else Kind(kind),
            state=None if state is None else State(state),
            limit=limit,
            before=before,
        )
        return answer.uncached(found)

    @router.get(
        "/v1/exceptions/{alarm}",
        summary="One alarm",
        response_class=Response,
        responses=described((AlarmRow,), {"a loss": alarm_examples.OPEN}, problem.UNKNOWN_ALARM),
    )
    async def one(caller: Onlooker, alarm: AlarmId) -> Response:
        """With its evidence; also when it was cleared, for 90 days."""
        with refused():
            return answer.uncached(await alarms.get(who_is(caller), alarm))


def _add_stream(router: APIRouter, service: AlarmService, queries: Queries, tail: Tail) -> None:
    boards = service.boards

    @router.get(
        "/v1/exceptions/stream",
        summary="What is wrong with stock, live",
        response_class=Response,
        responses=_stream_described(),
    )
    async def stream(request: Request, caller: Onlooker, site: Site) -> Response:  # noqa: ARG001 - who may, is checked
        """Server-sent events: `alarm` for each alarm whose cause goes on, then `ready`, then each change.

        An `alarm` is whole: it replaces the one of its `id`. `gone` names one whose cause is gone. There is no cursor:
        who comes back gets all of them again. Without `Accept: text/event-stream` it is `GET /v1/exceptions`, once.
        """
        await known_site(queries, site)
        if SSE not in request.headers.get("accept", ""):
            return answer.uncached(await service.alarms.listed(site, limit=LIST_MAX))
        if boards.watchers >= STREAMS_MAX:
            boards.refused += 1
            detail = f"{boards.watchers} streams of alarms are open, the most is {STREAMS_MAX}"
            raise RefusedError(Problem(problem.TOO_MANY_STREAMS, detail, headers={"Retry-After": RETRY_AFTER_S}))
        return AlarmStream(boards, site, tail.limits, still=still_may(request), closing=tail.closing)


def _add_acknowledging(router: APIRouter, alarms: Alarms) -> None:
    body_described = request_body(AcknowledgeBody, {"an example": alarm_examples.BODY})
    body_described["requestBody"]["required"] = False

    @router.post(
        "/v1/exceptions/{alarm}:acknowledge",
        summary="A person has seen it",
        response_class=Response,
        responses=taken(AlarmRow, alarm_examples.SEEN, problem.UNKNOWN_ALARM, problem.BUSY),
        openapi_extra=body_described,
    )
    async def acknowledged(request: Request, caller: Worker, alarm: AlarmId) -> Response:
        """The alarm stays until its cause is gone, but waits for nobody any more. Whoever says so first is named.

        Who shares a key with others says who he is (`by`). To say it again changes nothing.
        """
        empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
        body = AcknowledgeBody() if empty else await body_of(request, AcknowledgeBody, BODY_MAX_BYTES)
        with refused():
            row, replayed = await alarms.acknowledge(who_is(caller), alarm, by=body.by or "", note=body.note)
        response = answer.uncached(row)
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response
