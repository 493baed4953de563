"""Turns every exception that can leave a handler into a problem document."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.http import problem
from gateway.http.problem import CONTENT_TYPE, Problem, RefusedError
from gateway.http.security_headers import EVERY_ANSWER

log = structlog.get_logger(__name__)

SHOWN_MAX_CHARS = 120
"""An answer repeats what was sent so far, so that it can be found; not a megabyte of it."""


def shown(value: object) -> str:
    """What came, for an error's text: quoted, escaped and cut."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX_CHARS else f"{text[:SHOWN_MAX_CHARS]}... ({len(text)} characters)"


def problem_response(refused: Problem) -> Response:
    """Return the answer for a problem; never cached."""
    headers = {"Cache-Control": "no-store", **refused.headers}
    return Response(refused.encode(), refused.http_status, headers, CONTENT_TYPE)


def install(app: FastAPI) -> None:
    """Make `app` answer every error as problem+json."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return problem_response(error.problem)


async def _invalid(_: Request, error: Exception) -> Response:
    """A parameter is missing, of another type or out of its bounds: say which, what came, what is expected."""
    assert isinstance(error, RequestValidationError)
    failures: list[dict[str, Any]] = list(error.errors())
    first = failures[0]
    name = str(first["loc"][-1])
    detail = f"parameter {name}: {first['msg']}"
    members: dict[str, problem.Member] = {"parameter": name, "expected": str(first["msg"])}
    if first["type"] != "missing":
        detail += f", found {shown(first['input'])}"
        members["value"] = shown(first["input"])
    if len(failures) > 1:
        members["errors"] = [f"{failure['loc'][-1]}: {failure['msg']}" for failure in failures]
    return problem_response(Problem(problem.INVALID_PARAMETER, detail, members))


async def _http(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == problem.NOT_FOUND.status:
        return problem_response(Problem(problem.NOT_FOUND, f"no path {shown(request.url.path)}"))
    if error.status_code == problem.METHOD_NOT_ALLOWED.status:
        detail = f"{request.method} {request.url.path}: allowed is {headers.get('Allow', 'GET')}"
        return problem_response(Problem(problem.METHOD_NOT_ALLOWED, detail, headers=headers))
    return problem_response(Problem(problem.OTHER, str(error.detail), status=error.status_code, headers=headers))


async def _defect(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=repr(error))
    response = problem_response(Problem(problem.INTERNAL, f"{request.method} {request.url.path} failed"))
    response.headers.update(EVERY_ANSWER)  # this one leaves outside of the middleware
    return response
