"""The OpenAPI document: paths from FastAPI, schemas from the structs that are encoded, problems from their table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.http import problem
from gateway.http.access import declarations
from gateway.http.event_stream import NDJSON, SSE
from gateway.http.problem import CONTENT_TYPE, Kind, Problem
from gateway.http.rows import (
    Change,
)
from gateway.http.schemas import REFERENCE, reference, schemas
from gateway.order_event import OrderChange

Responses: TypeAlias = dict[int | str, dict[str, Any]]

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details, with members of its own by kind.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": [kind.code for kind in problem.KINDS]},
        "parameter": {"type": "string"},
        "value": {},
        "expected": {},
    },
}

DESCRIPTION: Final = (
    "What can be sold, where it is, and every change of it. All instants are RFC 3339 in UTC. Errors are RFC 9457 "
    "problem details. Unknown query parameters are refused. Without keys the gateway answers to its own machine only."
)

WHO_ASKS: Final = (
    problem.NO_KEY,
    problem.SCOPE_MISSING,
    problem.SITE_NOT_ALLOWED,
    problem.RATE_LIMITED,
    problem.LOOPBACK_ONLY,
    problem.WRONG_HOST,
    problem.UNAVAILABLE,
)
"""What any path may answer, because of who asks, or because the keys cannot be read."""

SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer lu_...`; see docs/keys.md"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
}

_NULL: Final = "\0null"
"""Stands for null in an example while FastAPI puts the document together."""


def _swapped(value: Any, old: object, new: object) -> Any:
    """Return plain data with each `old` in it replaced: FastAPI leaves out what is null, also in an example."""
    if isinstance(value, dict):
        return {key: _swapped(member, old, new) for key, member in value.items()}
    if isinstance(value, list):
        return [_swapped(member, old, new) for member in value]
    return new if value == old else value


def _problems(kinds: Sequence[Kind]) -> Responses:
    """One response for each status, with an example for each kind of that status."""
    found: Responses = {}
    for kind in kinds:
        example = msgspec.json.decode(Problem(kind, kind.advice).encode())
        response = found.setdefault(kind.status, {"description": kind.title, "content": {CONTENT_TYPE: {}}})
        content = response["content"][CONTENT_TYPE]
        content["schema"] = {"$ref": REFERENCE.format(name="Problem")}
        content.setdefault("examples", {})[kind.code] = {"summary": kind.title, "value": example}
    return found


def described(answers: Sequence[type], examples: Mapping[str, object], *kinds: Kind, cached: bool = False) -> Responses:
    """Return the documentation of a route's answers: schema, examples, and the problems that it can meet."""
    references = [reference(answer) for answer in answers]
    schema: dict[str, Any] = references[0] if len(references) == 1 else {"oneOf": references}
    shown = {name: {"value": _swapped(msgspec.to_builtins(value), None, _NULL)} for name, value in examples.items()}
    found: Responses = {
        200: {"description": "The answer", "content": {"application/json": {"schema": schema, "examples": shown}}}
    }
    if cached:
        found[200]["headers"] = {"ETag": {"description": "weak; clocks do not count", "schema": {"type": "string"}}}
        found[304] = {"description": "Nothing but the clock moved since the ETag in If-None-Match"}
    return found | _problems((problem.INVALID_PARAMETER, problem.UNKNOWN_PARAMETER, *kinds, *WHO_ASKS))


def taken(answer: type, example: object, *kinds: Kind) -> Responses:
    """Return the documentation of a route that takes something, once."""
    found = described((answer,), {"taken": example}, problem.INVALID_BODY, problem.TOO_LARGE, problem.NOT_JSON, *kinds)
    again = {"description": "true: this answer was given before, and nothing was done again", "schema": {}}
    found[200]["headers"] = {"Idempotency-Replayed": again | {"schema": {"type": "string"}}}
    return found


def changes_described(line: str, event: str) -> Responses:
    """Return the documentation of the change stream, in both its forms."""
    found = _problems(
        (
            problem.INVALID_PARAMETER,
            problem.UNKNOWN_PARAMETER,
            *WHO_ASKS,
            problem.UNKNOWN_SITE,
            problem.CURSOR_GONE,
            problem.CURSOR_AHEAD,
            problem.TOO_MANY_STREAMS,
        )
    )
    content = {
        NDJSON: {
            "schema": {"anyOf": [reference(Change), reference(OrderChange)]},
            "examples": {"one line": {"value": line}},
        },
        SSE: {"schema": {"type": "string"}, "examples": {"one event": {"value": event}}},
    }
    cursor = {"description": "cursor of the next long poll", "schema": {"type": "integer"}}
    return {200: {"description": "Changes", "content": content, "headers": {"Next-Cursor": cursor}}} | found


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, made once: FastAPI's paths, our schemas, and not FastAPI's own 422."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
        )
        for path in found["paths"].values():
            for operation in path.values():
                if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                    del operation["responses"]["422"]
        for path, methods, needed in declarations(app):
            for method in methods & {name.upper() for name in found["paths"].get(path, ())}:
                found["paths"][path][method.lower()]["security"] = [
                    {name: sorted(needed)} for name in SECURITY if needed
                ]
        known = {**schemas(found["paths"]), "Problem": PROBLEM_SCHEMA}
        found["components"] = {"schemas": known, "securitySchemes": SECURITY}
        app.openapi_schema = _swapped(found, _NULL, None)
    return app.openapi_schema
