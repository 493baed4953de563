"""Webhooks: addresses that changes are sent to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from gateway.clock import iso
from gateway.http import answer, problem, webhook_rows
from gateway.http.access import Caller, check_site, requires
from gateway.http.body import body_of, invalid, request_body
from gateway.http.openapi import Responses, described
from gateway.http.ports import CursorAhead, CursorGone
from gateway.http.problem import Kind, Problem, RefusedError
from gateway.http.webhook_rows import (
    DeadLetters,
    ResumeBody,
    Webhook,
    WebhookBody,
    WebhookMade,
    Webhooks,
    WebhookTest,
    dead_letter_row,
    tried_row,
    webhook_made,
    webhook_row,
)
from gateway.keys.scopes import WEBHOOK_WRITE
from gateway.push.address import AddressError
from gateway.push.limits import DEAD_LETTERS_PAGE, DEAD_LETTERS_PAGE_MAX, WEBHOOK_BODY_MAX_BYTES
from gateway.push.thresholds import checked
from gateway.push.webhook_desk import (
    Owner,
    TooManyWebhooksError,
    UnknownSitesError,
    UnknownWebhookError,
    WebhookDesk,
    WebhookError,
)
from wire.limits import SEQ_MAX

Keeper = Annotated[Caller, Depends(requires(WEBHOOK_WRITE))]
WebhookId = Annotated[str, Path(description="`id` of a webhook", max_length=36)]

_OF_BODY: Final = (problem.INVALID_BODY, problem.TOO_LARGE, problem.NOT_JSON)
_OF_CURSOR: Final = (problem.CURSOR_GONE, problem.CURSOR_AHEAD)


def owner_of(caller: Caller) -> Owner:
    """Return whose webhooks this caller makes and sees."""
    return Owner(caller.key_id, caller.policy.name, caller.sites)


@contextmanager
def refused() -> Iterator[None]:
    """Turn what the desk refuses into its problem."""
    try:
        yield
    except (WebhookError, AddressError, CursorGone, CursorAhead) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> RefusedError:
    match error:
        case UnknownWebhookError():
            return RefusedError(Problem(problem.UNKNOWN_WEBHOOK, str(error)))
        case TooManyWebhooksError():
            return RefusedError(Problem(problem.TOO_MANY_WEBHOOKS, str(error)))
        case UnknownSitesError(sites=sites):
            return invalid("sites", sites[0], "ids of sites of this gateway")
        case CursorGone(first_kept=first_kept):
            expected = f"at least {first_kept - 1}"
            return RefusedError(Problem(problem.CURSOR_GONE, f"cursor: {error}", {"expected": expected}))
        case CursorAhead(last_seq=last_seq):
            return RefusedError(Problem(problem.CURSOR_AHEAD, f"cursor: {error}", {"expected": f"at most {last_seq}"}))
        case _:
            return RefusedError(Problem(problem.WEBHOOK_URL, str(error), {"parameter": "url"}))


def _documented(answered: type, example: object, *kinds: Kind) -> Responses:
    return described((answered,), {"a webhook": example}, *kinds)


def _made() -> Responses:
    kinds = (problem.TOO_MANY_WEBHOOKS, problem.WEBHOOK_URL, *_OF_CURSOR, *_OF_BODY)
    found = _documented(WebhookMade, webhook_rows.EXAMPLE_MADE, *kinds)
    return {201: found.pop(200) | {"description": "It is kept; its secret is shown now and never again"}} | found


def _removed() -> Responses:
    found = _documented(Webhook, webhook_rows.EXAMPLE, problem.UNKNOWN_WEBHOOK)
    del found[200]
    return {204: {"description": "It is forgotten, with its dead letters"}} | found


def routes(desk: WebhookDesk, clock: Callable[[], int]) -> APIRouter:
    """Return the routes to this desk; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["webhooks"])
    _add_keeping(router, desk)
    _add_trouble(router, desk, clock)
    return router


def _add_keeping(router: APIRouter, desk: WebhookDesk) -> None:
    @router.post(
        "/v1/webhooks",
        summary="Have changes sent to an address",
        status_code=201,
        response_class=Response,
        responses=_made(),
        openapi_extra=request_body(WebhookBody, {"one store, few events": webhook_rows.EXAMPLE_BODY}),
    )
    async def create(request: Request, caller: Keeper) -> Response:
        """Signed POSTs as Standard Webhooks has them, one event each, in order, at least once.

        The body of a POST is `{"type": "stock.changed", "timestamp": ..., "data": {...}}`; `data` is the event of
        `GET /v1/changes`, with `atp` and `confidence` of the key's channel. `webhook-id` stays the same over all
        tries of an event. Verify `webhook-signature` with the secret, which only this answer shows.
        """
        body = await body_of(request, WebhookBody, WEBHOOK_BODY_MAX_BYTES)
        for site in body.sites or ():
            check_site(caller, site)
        sites = None if body.sites is None else frozenset(body.sites)
        with refused():
            made = await desk.create(owner_of(caller), body.url, sites, checked(body.thresholds), body.cursor)
        return answer.uncached(webhook_made(made), 201)

    @router.get(
        "/v1/webhooks",
        summary="Webhooks of the key's channel",
        response_class=Response,
        responses=_documented(Webhooks, Webhooks([webhook_rows.EXAMPLE])),
    )
    async def every(caller: Keeper) -> Response:
        """All of them, a hundred at most, with how each one does."""
        return answer.uncached(Webhooks([webhook_row(found) for found in await desk.every(owner_of(caller))]))

    @router.get(
        "/v1/webhooks/{webhook}",
        summary="A webhook",
        response_class=Response,
        responses=_documented(Webhook, webhook_rows.EXAMPLE, problem.UNKNOWN_WEBHOOK),
    )
    async def one(caller: Keeper, webhook: WebhookId) -> Response:
        """How an address does: its state, how far it is behind, failed tries and the last error."""
        with refused():
            return answer.uncached(webhook_row(await desk.one(owner_of(caller), webhook)))

    @router.delete(
        "/v1/webhooks/{webhook}",
        summary="Send nothing more to an address",
        status_code=204,
        response_class=Response,
        responses=_removed(),
    )
    async def remove(caller: Keeper, webhook: WebhookId) -> Response:
        """What is under way at this moment may still arrive."""
        with refused():
            await desk.remove(owner_of(caller), webhook)
        return Response(status_code=204)


def _add_trouble(router: APIRouter, desk: WebhookDesk, clock: Callable[[], int]) -> None:
    @router.post(
        "/v1/webhooks/{webhook}:resume",
        summary="Let an address go on, or have changes again",
        response_class=Response,
        responses=_documented(
            Webhook, webhook_rows.EXAMPLE, problem.UNKNOWN_WEBHOOK, problem.WEBHOOK_URL, *_OF_CURSOR, *_OF_BODY
        ),
        openapi_extra=_may_be_left_out(ResumeBody, {"a replay": ResumeBody(cursor=380)}),
    )
    async def resume(request: Request, caller: Keeper, webhook: WebhookId) -> Response:
        """With a `cursor` every change after it is sent again, under the ids that it had: a replay.

        Without one a stopped address goes on where it stands. Its dead letters are forgotten: look at them first. The
        webhook belongs to the caller's key and channel from then on.
        """
        body = await body_of(request, ResumeBody, WEBHOOK_BODY_MAX_BYTES) if _has_body(request) else ResumeBody()
        with refused():
            return answer.uncached(webhook_row(await desk.resume(owner_of(caller), webhook, body.cursor)))

    @router.post(
        "/v1/webhooks/{webhook}:test",
        summary="Try an address",
        response_class=Response,
        responses=_documented(WebhookTest, webhook_rows.EXAMPLE_TEST, problem.UNKNOWN_WEBHOOK),
    )
    async def test(caller: Keeper, webhook: WebhookId) -> Response:
        """One signed message of `type` `webhook.test`, at once, whatever the state; nothing else changes."""
        with refused():
            return answer.uncached(tried_row(*await desk.test(owner_of(caller), webhook, iso(clock()))))

    @router.get(
        "/v1/webhooks/{webhook}/dead-letters",
        summary="Events that an address refused",
        response_class=Response,
        responses=_documented(DeadLetters, webhook_rows.EXAMPLE_DEAD, problem.UNKNOWN_WEBHOOK),
    )
    async def dead_letters(
        caller: Keeper,
        webhook: WebhookId,
        after: Annotated[int, Query(description="`next` of the page before", ge=0, le=SEQ_MAX)] = 0,
        limit: Annotated[int, Query(description="rows of a page", ge=1, le=DEAD_LETTERS_PAGE_MAX)] = DEAD_LETTERS_PAGE,
    ) -> Response:
        """Events that were answered with 4xx four times, in order; the newest thousand are kept."""
        with refused():
            found = await desk.dead_letters(owner_of(caller), webhook, after, limit)
        following = found[-1].seq if len(found) == limit else None
        return answer.uncached(DeadLetters([dead_letter_row(letter) for letter in found], following))


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _may_be_left_out(kind: type[Any], examples: dict[str, object]) -> dict[str, Any]:
    found = request_body(kind, examples)
    found["requestBody"]["required"] = False
    return found
