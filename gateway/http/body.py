"""Bodies of requests: bounded, JSON, decoded into a struct that refuses what it does not know.

Only `application/json` is taken. A page from elsewhere can make a browser on this machine send text or a form without
asking; JSON it can send only after a preflight request, which nothing here answers.
"""

from typing import Any, Final, TypeVar

import msgspec
from fastapi import Request

from gateway.http import problem
from gateway.http.body_fault import fault_of
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.schemas import reference

T = TypeVar("T")

JSON: Final = "application/json"


async def body_of(request: Request, kind: type[T], max_bytes: int) -> T:
    """Return the request's body as `kind`.

    Raises:
        RefusedError: 415 for another content type, 413 above `max_bytes`, 400 naming the member that is wrong.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != JSON:
        found = shown(content_type) if content_type else "none"
        raise RefusedError(Problem(problem.NOT_JSON, f"content type is {found}, expected {JSON}", {"expected": JSON}))
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            detail = f"the body is above {max_bytes} bytes"
            raise RefusedError(Problem(problem.TOO_LARGE, detail, {"expected": f"at most {max_bytes} bytes"}))
        chunks.append(chunk)
    raw = b"".join(chunks)
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = fault_of(raw, kind, error)
        named: dict[str, problem.Member] = {"parameter": fault.place, "expected": fault.expected}
        members = {name: text for name, text in named.items() if text}
        raise RefusedError(Problem(problem.INVALID_BODY, fault.detail, members)) from error


def invalid(member: str, value: object, expected: str) -> RefusedError:
    """Return the refusal of one member of a body."""
    detail = f"body: {member} is {shown(value)}, expected {expected}"
    members: dict[str, problem.Member] = {"parameter": member, "value": shown(value), "expected": expected}
    return RefusedError(Problem(problem.INVALID_BODY, detail, members))


def request_body(kind: type[Any], examples: dict[str, object]) -> dict[str, Any]:
    """Return the OpenAPI description of a body."""
    shown_examples = {name: {"value": msgspec.to_builtins(value)} for name, value in examples.items()}
    content = {"schema": reference(kind), "examples": shown_examples}
    return {"requestBody": {"required": True, "content": {JSON: content}}}
