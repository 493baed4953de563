"""Where evidence, books and decisions come in. Each is taken once, however often it is sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.accuracy.reconcile import Decision, DecisionError
from gateway.http import answer, examples, problem
from gateway.http.access import requires
from gateway.http.body import body_of, request_body
from gateway.http.known_site import known_site
from gateway.http.limits import APPROVAL_MAX_BYTES, BOOK_MAX_BYTES, EVIDENCE_MAX_BYTES
from gateway.http.openapi import taken
from gateway.http.ports import Approved, BookTaken, EvidenceTaken, Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.site_parameter import SiteId
from gateway.http.told import ApprovalBody, BookBody, EvidenceBody, book_rows, evidence_entry
from gateway.keys.scopes import STOCK_WRITE
from gateway.ledger.errors import (
    AlreadyApprovedError,
    DeskError,
    DifferenceGoneError,
    ForeignItemError,
    IdReusedError,
    UnknownZoneError,
)

DifferenceId = Annotated[str, Path(description="`id` of a difference", max_length=140)]


@contextmanager
def refused() -> Iterator[None]:
    """Turn what the desk refuses into its problem."""
    try:
        yield
    except (DeskError, DecisionError) as error:
        raise RefusedError(_problem(error)) from error


def _problem(error: DeskError | DecisionError) -> Problem:
    text = str(error)
    match error:
        case UnknownZoneError(zone=zone, zones=zones):
            return Problem(problem.UNKNOWN_ZONE, text, {"parameter": "zone", "value": zone, "expected": zones})
        case ForeignItemError(gtin=gtin, prefixes=prefixes):
            return Problem(problem.FOREIGN_ITEM, text, {"value": gtin, "expected": prefixes})
        case IdReusedError(name=name):
            return Problem(problem.ID_REUSED, text, {"parameter": "id", "value": name})
        case DifferenceGoneError(name=name):
            return Problem(problem.DIFFERENCE_GONE, text, {"value": name})
        case AlreadyApprovedError(name=name):
            return Problem(problem.ALREADY_APPROVED, text, {"value": name})
        case _:
            return Problem(problem.INVALID_BODY, text)


def _answered(given: tuple[object, bool]) -> Response:
    done, replayed = given
    response = answer.uncached(done)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def routes(queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """Return the routes to the desk of these queries; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["evidence"], dependencies=[Depends(requires(STOCK_WRITE))])
    desk = queries.desk

    @router.post(
        "/v1/sites/{site}/evidence",
        summary="Say what happened to stock",
        response_class=Response,
        responses=taken(
            EvidenceTaken,
            examples.EVIDENCE_TAKEN,
            problem.UNKNOWN_SITE,
            problem.UNKNOWN_ZONE,
            problem.FOREIGN_ITEM,
            problem.ID_REUSED,
        ),
        openapi_extra=request_body(
            EvidenceBody,
            {
                "a sale": examples.EVIDENCE,
                "a sale of any two": examples.EVIDENCE_BY_SKU,
                "a count": examples.EVIDENCE_COUNT,
            },
        ),
    )
    async def evidence(request: Request, site: SiteId) -> Response:
        """A sale, receipt, return, cycle count, or where items are: hard evidence beside the reads.

        The answer says that it is in the site's log for good; places and counts follow within a second. An item that
        was never read begins to exist with it. Send an event again until it is answered: its `id` makes that harmless.
        """
        await known_site(queries, site)
        entry = evidence_entry(await body_of(request, EvidenceBody, EVIDENCE_MAX_BYTES), clock())
        with refused():
            return _answered(await desk.record(site, entry))

    @router.put(
        "/v1/sites/{site}/book",
        summary="Say what another system's book holds",
        response_class=Response,
        responses=taken(BookTaken, examples.BOOK_TAKEN, problem.UNKNOWN_SITE, problem.ID_REUSED),
        openapi_extra=request_body(BookBody, {"one total": examples.BOOK}),
    )
    async def book(request: Request, site: SiteId) -> Response:
        """Totals by SKU, each true at its `as_of`. They are compared with what the tags say, never added to it.

        From then on the book follows the sales, receipts and returns that the gateway hears of. A total that is older
        than the one held is passed over.
        """
        await known_site(queries, site)
        body = await body_of(request, BookBody, BOOK_MAX_BYTES)
        rows = book_rows(body, clock())
        with refused():
            return _answered(await desk.put_book(site, body.id, rows))

    @router.post(
        "/v1/sites/{site}/differences/{difference}:approve",
        summary="Decide about a difference",
        response_class=Response,
        responses=taken(
            Approved,
            examples.APPROVED,
            problem.UNKNOWN_SITE,
            problem.UNKNOWN_ZONE,
            problem.DIFFERENCE_GONE,
            problem.ALREADY_APPROVED,
        ),
        openapi_extra=request_body(ApprovalBody, {"gone": examples.APPROVAL}),
    )
    async def approve(request: Request, site: SiteId, difference: DifferenceId) -> Response:
        """A person's decision: it places items, mends the book, or both, and is written down with who and when.

        A difference that changed since it was listed has another id: then nothing is done and 409 is answered.
        """
        await known_site(queries, site)
        body = await body_of(request, ApprovalBody, APPROVAL_MAX_BYTES)
        decision = Decision(body.decision)
        with refused():
            done = await desk.approve(site, difference, body.who, decision, zone=body.zone or "", serials=body.serials)
        return _answered(done)

    return router
