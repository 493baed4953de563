"""Enrolment over HTTP: for boxes, which have no key of the API and need none.

Both paths are public, and safe on a network that nobody trusts: a request proves by its `mac` that it knows the secret
of a code, or by its signature that it holds the certificate that it renews; the answer proves as much to the box
(`wire.enrolment`).
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.enrol.desk import Enrolment
from gateway.enrol.errors import (
    AuthorityError,
    EnrolError,
    EnrolRefusedError,
    EnrolTooOftenError,
    NoAuthorityError,
    RenewalRefusedError,
    RequestError,
)
from gateway.http import answer, problem
from gateway.http.access import public
from gateway.http.body import body_of, request_body
from gateway.http.client_address import address_of
from gateway.http.enrol_rows import EXAMPLE_ANSWER, EXAMPLE_RENEWAL, EXAMPLE_RENEWED, EXAMPLE_REQUEST
from gateway.http.openapi import Responses, described
from gateway.http.problem import Problem, RefusedError
from wire.enrolment import BODY_MAX_BYTES, EnrolAnswer, EnrolRequest, RenewAnswer, RenewRequest

_KINDS: Final[dict[type[Exception], problem.Kind]] = {
    EnrolRefusedError: problem.ENROL_REFUSED,
    RenewalRefusedError: problem.ENROL_REFUSED,
    RequestError: problem.INVALID_BODY,
    NoAuthorityError: problem.NO_AUTHORITY,
    AuthorityError: problem.NO_AUTHORITY,
}


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Turn what enrolment refuses into its problem."""
    try:
        yield
    except EnrolTooOftenError as error:
        headers = {"Retry-After": str(max(1, -int(-error.wait_s // 1)))}
        members: dict[str, problem.Member] = {"expected": error.allowed}
        raise RefusedError(Problem(problem.TOO_MANY_REQUESTS, str(error), members, headers=headers)) from error
    except (EnrolError, AuthorityError) as error:
        raise RefusedError(Problem(_KINDS.get(type(error), problem.BUSY), str(error))) from error


def _told(kind: type[Any], example: object) -> Responses:
    kinds = (problem.ENROL_REFUSED, problem.NO_AUTHORITY, problem.INVALID_BODY, problem.TOO_LARGE, problem.NOT_JSON)
    return described((kind,), {"an edge": example}, *kinds, problem.TOO_MANY_REQUESTS)


def routes(enrolment: Enrolment) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["enrolment"])

    @router.post(
        "/enrol",
        summary="Get the first certificate of an edge, for a one-time code",
        response_class=Response,
        responses=_told(EnrolAnswer, EXAMPLE_ANSWER),
        openapi_extra=request_body(EnrolRequest, {"an edge": EXAMPLE_REQUEST}),
    )
    @public
    async def enrol(request: Request) -> Response:
        """For `lastunit enroll`. The code names the site and the edge; of the request only its public key counts.

        The same request once more, within a quarter of an hour, gets the same certificate.
        """
        body = await body_of(request, EnrolRequest, BODY_MAX_BYTES)
        with refused():
            given = await enrolment.enrol(body, address_of(request.scope))
        return answer.uncached(given)

    @router.post(
        "/enrol:renew",
        summary="Get the certificate that follows one's own",
        response_class=Response,
        responses=_told(RenewAnswer, EXAMPLE_RENEWED),
        openapi_extra=request_body(RenewRequest, {"an edge": EXAMPLE_RENEWAL}),
    )
    @public
    async def renew(request: Request) -> Response:
        """For `lastunit enroll --renew`. The one before stays good until it ends, or is revoked."""
        body = await body_of(request, RenewRequest, BODY_MAX_BYTES)
        with refused():
            given = await enrolment.renew(body, address_of(request.scope))
        return answer.uncached(given)

    return router
