"""`GET /v1/changes`: every change once and in order, as a stream or by long polling. One cursor for both."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from gateway.http import examples, problem
from gateway.http.access import Caller, no_key, requires, still_may
from gateway.http.change_stream import ChangeStream
from gateway.http.event_stream import NDJSON, SSE, Event, Reader
from gateway.http.known_site import known_site
from gateway.http.limits import CHANGES_DEFAULT, CHANGES_MAX, POLL_WAIT_MAX_S
from gateway.http.openapi import changes_described
from gateway.http.ports import CursorAhead, CursorGone, Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.tail import Tail
from gateway.keys.scopes import HOLD_WRITE, STAFF_READ, STOCK_READ
from gateway.push.thresholds import EXPECTED, Crossings, ThresholdsError, parse_thresholds
from wire.limits import ID_MAX_CHARS, SEQ_MAX

RETRY_AFTER_S = "5"


def start_cursor(last_event_id: str | None, cursor: int | None, last_seq: int) -> int:
    """Where a reader goes on: its last event id (a browser that comes back), else `cursor`, else from now on.

    Raises:
        RefusedError: 400 when the last event id is not one of ours.
    """
    if last_event_id:
        if last_event_id.isascii() and last_event_id.isdigit() and int(last_event_id[:20]) <= SEQ_MAX:
            return int(last_event_id)
        detail = f"Last-Event-ID {shown(last_event_id)}: expected the id of an event of this stream, a whole number"
        raise RefusedError(
            Problem(problem.INVALID_PARAMETER, detail, {"parameter": "Last-Event-ID", "value": shown(last_event_id)})
        )
    return last_seq if cursor is None else cursor


async def _after(tail: Tail, cursor: int, reader: Reader, limit: int) -> tuple[list[Event], int]:
    """Read a page; a dead cursor becomes 410."""
    try:
        return await tail.after(cursor, reader, limit)
    except CursorGone as error:
        detail = f"cursor {cursor}: changes before {error.first_kept} are no longer kept"
        raise RefusedError(
            Problem(problem.CURSOR_GONE, detail, {"value": cursor, "expected": f"at least {error.first_kept - 1}"})
        ) from error
    except CursorAhead as error:
        detail = f"cursor {cursor}: the newest change here is {error.last_seq}"
        raise RefusedError(
            Problem(problem.CURSOR_AHEAD, detail, {"value": cursor, "expected": f"at most {error.last_seq}"})
        ) from error


def reader_of(request: Request, caller: Caller, tail: Tail, site: str | None, thresholds: str | None) -> Reader:
    """Return what this caller may see of the changes, of one site or of all that are the caller's.

    Raises:
        RefusedError: 400 for thresholds that cannot be used.
    """
    try:
        crossings = Crossings(() if thresholds is None else parse_thresholds(thresholds))
    except ThresholdsError as error:
        members: dict[str, problem.Member] = {
            "parameter": "thresholds",
            "value": thresholds or "",
            "expected": EXPECTED,
        }
        raise RefusedError(Problem(problem.INVALID_PARAMETER, str(error), members)) from error
    return Reader(
        caller.sites if site is None else frozenset({site}),
        moves=caller.may(STAFF_READ),
        still=still_may(request),
        policy=caller.policy,
        crossings=crossings,
        renderings=tail.renderings,
        orders=caller.may(HOLD_WRITE),
    )


async def _poll(tail: Tail, cursor: int, reader: Reader, limit: int, wait_s: float) -> Response:
    """Answer as soon as there is something, at the latest after `wait_s`."""
    now = asyncio.get_running_loop().time
    until = now() + wait_s
    while True:
        events, cursor = await _after(tail, cursor, reader, limit)
        if not reader.still():
            raise RefusedError(no_key("the key is not good any more", sent=True))
        if not events and cursor < tail.last_seq:
            continue  # a page of other sites' changes
        left_s = until - now()
        if events or left_s <= 0 or tail.closing.is_set():
            break
        await tail.wait(cursor, left_s)
    headers = {"Next-Cursor": str(cursor), "Cache-Control": "no-store"}
    return Response(b"".join(event.line for event in events), 200, headers, NDJSON)


def routes(queries: Queries, tail: Tail) -> APIRouter:
    """Return the route over this tail."""
    router = APIRouter(tags=["changes"])

    @router.get(
        "/v1/changes",
        summary="Every change, once and in order",
        response_class=Response,
        responses=changes_described(examples.CHANGE, examples.CHANGE_SSE),
    )
    async def changes(
        request: Request,
        *,
        caller: Annotated[Caller, Depends(requires(STOCK_READ))],
        cursor: Annotated[
            int | None,
            Query(description="changes after this one; 0: all that are kept; without: from now on", ge=0, le=SEQ_MAX),
        ] = None,
        site: Annotated[
            str | None, Query(description="of one site only", min_length=1, max_length=ID_MAX_CHARS)
        ] = None,
        limit: Annotated[
            int, Query(description="rows of one long poll answer", ge=1, le=CHANGES_MAX)
        ] = CHANGES_DEFAULT,
        wait_s: Annotated[
            float, Query(description="how long a long poll waits for a first row", ge=0, le=POLL_WAIT_MAX_S)
        ] = 0.0,
        thresholds: Annotated[
            str | None,
            Query(description="only events whose `atp` crosses one of these, such as `0,1,5`", max_length=64),
        ] = None,
        last_event_id: Annotated[
            str | None, Header(description="where a stream goes on; wins over `cursor`", max_length=32)
        ] = None,
    ) -> Response:
        """All changes of stock and zones after a cursor, as a stream or a page.

        With `Accept: text/event-stream` an endless stream of server-sent events: `id` is the cursor, a comment every
        15 s keeps it awake. Otherwise newline-delimited JSON, at once or after up to `wait_s`; the header
        `Next-Cursor` is the cursor of the next request, also when there was nothing.

        A key with `staff:read` sees the moves of single units inside each change; others get none. A key for some
        sites gets their changes only.

        `atp` and `confidence` are those of the key's channel. With `thresholds` an event passes when its `atp` lies in
        another of the bands that they cut than the last one that *this* stream or answer carried of that SKU and site;
        the first one always passes, so use a stream: each long poll begins anew. Events of zones always pass.

        Steps of orders (`kind` `order`: confirmed, picked, packed, handed over ...) come between the others: those of
        the key's own channel, if it has `hold:write`, and of all channels for staff. They pass all thresholds.

        Drop an event whose `version` is not above the one that you hold. 410 means: load the stock again.
        """
        if site is not None:
            await known_site(queries, site)
        reader = reader_of(request, caller, tail, site, thresholds)
        begin = start_cursor(last_event_id, cursor, tail.last_seq)
        if tail.open_streams >= tail.limits.streams:
            tail.refused_streams += 1
            detail = f"{tail.open_streams} streams are open, the most is {tail.limits.streams}"
            raise RefusedError(Problem(problem.TOO_MANY_STREAMS, detail, headers={"Retry-After": RETRY_AFTER_S}))
        if SSE in request.headers.get("accept", ""):
            await _after(tail, begin, Reader(renderings=tail.renderings), 1)
            return ChangeStream(tail, begin, reader)
        tail.open_streams += 1
        try:
            return await _poll(tail, begin, reader, limit, wait_s)
        finally:
            tail.open_streams -= 1

    return router
