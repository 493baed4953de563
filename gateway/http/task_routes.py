"""Tasks: what people in a store are asked to do, who takes it, and what became of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.http import answer, problem, task_examples
from gateway.http.access import Caller, requires, still_may
from gateway.http.body import body_of, request_body
from gateway.http.event_stream import SSE
from gateway.http.known_site import known_site
from gateway.http.openapi import Responses, described, taken
from gateway.http.ports import Queries
from gateway.http.problem import Kind as ProblemKind
from gateway.http.problem import Problem, RefusedError
from gateway.http.reservation_asked import who_is
from gateway.http.reservation_routes import refused as refused_by_holds
from gateway.http.tail import Tail
from gateway.http.task_rows import CannotBody, ClaimBody, DoneBody, TaskKind, TaskList, TaskRow, TaskState
from gateway.http.task_stream import TaskStream
from gateway.http.told import item_of
from gateway.keys.scopes import STAFF_READ, TASK_WRITE
from gateway.tasks.acts import Said
from gateway.tasks.boards import Boards
from gateway.tasks.desk import Tasks
from gateway.tasks.errors import (
    ClaimedError,
    ForeignTaskItemError,
    ItemNeededError,
    TaskChangedError,
    TaskError,
    TaskStateError,
    UnknownTaskError,
    VersionNeededError,
)
from gateway.tasks.life import Kind, State
from gateway.tasks.limits import BODY_MAX_BYTES, LIST_DEFAULT, LIST_MAX, STREAMS_MAX
from wire.limits import ID_MAX_CHARS

T = TypeVar("T")

Worker = Annotated[Caller, Depends(requires(TASK_WRITE))]
Onlooker = Annotated[Caller, Depends(requires(STAFF_READ))]
TaskId = Annotated[str, Path(description="`id` of a task", max_length=36)]
Site = Annotated[str, Query(description="the site's id in its site file", min_length=1, max_length=ID_MAX_CHARS)]

RETRY_AFTER_S: Final = "5"
_COMMON: Final = (problem.UNKNOWN_TASK, problem.TASK_CLAIMED, problem.WRONG_STATE, problem.BUSY)
_OF_ORDERS: Final = (problem.UNKNOWN_RESERVATION, problem.ITEM_NOT_HELD, problem.NOTHING_HELD)


@contextmanager
def refused() -> Iterator[None]:
    """Turn what tasks and reservations refuse into its problem."""
    try:
        with refused_by_holds():
            yield
    except TaskError as error:
        raise RefusedError(problem_of(error)) from error


def problem_of(error: TaskError) -> Problem:
    """Return a refusal as its problem."""
    kind, members = problem.INVALID_BODY, _members(error)
    match error:
        case UnknownTaskError():
            kind = problem.UNKNOWN_TASK
        case ClaimedError():
            kind = problem.TASK_CLAIMED
        case TaskStateError():
            kind = problem.WRONG_STATE
        case TaskChangedError():
            kind = problem.TASK_CHANGED
        case ForeignTaskItemError():
            kind = problem.ITEM_NOT_HELD
    return Problem(kind, str(error), members)


def _members(error: TaskError) -> Mapping[str, problem.Member]:
    match error:
        case ClaimedError(by=by):
            return {"value": by}
        case TaskStateError(state=state, states=states):
            return {"value": state, "expected": states}
        case TaskChangedError(seen=seen, version=version):
            return {"value": seen, "current_version": version}
        case ItemNeededError(items=items):
            return {"parameter": "item", "expected": items[:100]}
        case VersionNeededError(version=version):
            return {"parameter": "version", "expected": str(version)}
    return {}


async def _optional(request: Request, kind: type[T]) -> T:
    """Return a body that may be left out."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return kind()
    return await body_of(request, kind, BODY_MAX_BYTES)


def _answered(given: tuple[TaskRow, bool]) -> Response:
    task, replayed = given
    response = answer.uncached(task)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _stream_described() -> Responses:
    kinds = (problem.UNKNOWN_SITE, problem.TOO_MANY_STREAMS)
    found = described((TaskList,), {"one pick": task_examples.LIST}, *kinds)
    shown = {"schema": {"type": "string"}, "examples": {"a board": {"value": task_examples.EVENTS}}}
    found[200]["content"][SSE] = shown
    return found


def routes(tasks: Tasks, boards: Boards, queries: Queries, tail: Tail) -> APIRouter:
    """Return the routes to tasks; streams end with the tail's."""
    router = APIRouter(tags=["tasks"])
    _add_reading(router, tasks, queries)
    _add_stream(router, tasks, boards, queries=queries, tail=tail)
    _add_acts(router, tasks)
    return router


def _add_reading(router: APIRouter, tasks: Tasks, queries: Queries) -> None:
    @router.get(
        "/v1/tasks",
        summary="What is to be done in a site",
        response_class=Response,
        responses=described((TaskList,), {"one pick": task_examples.LIST}, problem.UNKNOWN_SITE),
        dependencies=[Depends(requires(STAFF_READ))],
    )
    async def listed(
        site: Site,
        kind: Annotated[TaskKind | None, Query(description="of this kind only")] = None,
        state: Annotated[TaskState | None, Query(description="without: `open` and `claimed`")] = None,
        limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = LIST_DEFAULT,
    ) -> Response:
        """In the order of doing: what is due first, and what is due alike in the order of walking.

        Its items are those of this moment: what was lost is replaced, what was carried lies in its new zone. Tasks that
        are `done`, `cannot` or `closed` come the newest first.
        """
        await known_site(queries, site)
        wanted = None if kind is None else Kind(kind)
        found, total = await tasks.listed(site, kind=wanted, state=None if state is None else State(state), limit=limit)
        return answer.uncached(TaskList(site, total, found))


def _add_stream(router: APIRouter, tasks: Tasks, boards: Boards, *, queries: Queries, tail: Tail) -> None:
    @router.get(
        "/v1/tasks/stream",
        summary="What is to be done in a site, live",
        response_class=Response,
        responses=_stream_described(),
    )
    async def stream(request: Request, caller: Onlooker, site: Site) -> Response:  # noqa: ARG001 - who may, is checked
        """Server-sent events: `task` for each task that waits, then `ready`, then each change within a second or two.

        A `task` is whole: it replaces the one of its `id`. `gone` names one that nobody has to act on any more. Sort by
        `sort`. There is no cursor: who comes back gets all of them again. Items that were only carried to another zone
        are told of within 15 s. Without `Accept: text/event-stream` it is `GET /v1/tasks`, once.
        """
        await known_site(queries, site)
        if SSE not in request.headers.get("accept", ""):
            found, total = await tasks.listed(site, limit=LIST_MAX)
            return answer.uncached(TaskList(site, total, found))
        if boards.watchers >= STREAMS_MAX:
            boards.refused += 1
            detail = f"{boards.watchers} streams of tasks are open, the most is {STREAMS_MAX}"
            raise RefusedError(Problem(problem.TOO_MANY_STREAMS, detail, headers={"Retry-After": RETRY_AFTER_S}))
        return TaskStream(boards, site, tail.limits, still=still_may(request), closing=tail.closing)


def _add_acts(router: APIRouter, tasks: Tasks) -> None:
    def act(name: str, summary: str, body: type[Any], example: object, *kinds: ProblemKind) -> Callable[[Any], Any]:
        described_body = request_body(body, {"an example": example})
        described_body["requestBody"]["required"] = False
        return router.post(
            f"/v1/tasks/{{task}}:{name}",
            summary=summary,
            response_class=Response,
            responses=taken(TaskRow, task_examples.CLAIMED, *_COMMON, *kinds),
            openapi_extra=described_body,
        )

    @act("claim", "Take a task", ClaimBody, task_examples.CLAIM_BODY)
    async def claim(request: Request, caller: Worker, task: TaskId) -> Response:
        """Nobody else can act on it for 15 minutes; sent again by the same one it is 15 minutes more.

        Who shares a key with others says `who` he is, at each act.
        """
        body = await _optional(request, ClaimBody)
        with refused():
            return _answered(await tasks.claim(who_is(caller), task, body.who or ""))

    @act("release", "Give a task back", ClaimBody, task_examples.CLAIM_BODY)
    async def release(request: Request, caller: Worker, task: TaskId) -> Response:
        """It is open again for everybody."""
        body = await _optional(request, ClaimBody)
        with refused():
            return _answered(await tasks.release(who_is(caller), task, body.who or ""))

    @act("done", "It is done", DoneBody, task_examples.DONE_BODY, *_OF_ORDERS)
    async def done(request: Request, caller: Worker, task: TaskId) -> Response:
        """A step of an order changes the reservation with it: a pick is `:pick`, a hand-over is `:fulfil`.

        A pick of which only some items were named stays open for the others. The next step opens at once.
        """
        body = await _optional(request, DoneBody)
        items = tuple(item_of(f"items[{number}]", text) for number, text in enumerate(body.items))
        with refused():
            said = Said(body.who or "", items, body.quantity)
            return _answered(await tasks.done(who_is(caller), task, said))

    @act("cannot", "It cannot be done", CannotBody, task_examples.CANNOT_BODY, problem.TASK_CHANGED, *_OF_ORDERS)
    async def cannot(request: Request, caller: Worker, task: TaskId) -> Response:
        """A step of an order says which `item`: it becomes missing or damaged, and the answer names the next best.

        Where the site has no other one, an order that is to be sent is served by the next best site at once; otherwise
        its line says `substitution_needed`. A pickup that nobody collects (`not_collected`) is released.
        """
        body = await _optional(request, CannotBody)
        items = () if body.item is None else (item_of("item", body.item),)
        with refused():
            said = Said(body.who or "", items, reason=body.reason, version=body.version)
            return _answered(await tasks.cannot(who_is(caller), task, said))
