"""Query parameters: parsed at the boundary, trusted afterwards; unknown and repeated ones are refused."""

from collections import Counter
from typing import Any

from fastapi import Request

from gateway.http import problem
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from wire.gs1 import Gtin14, IdentifierError, parse_gtin


def gtin_parameter(text: str) -> Gtin14:
    """Return `text` as GTIN-14.

    Raises:
        RefusedError: 400, naming the value, what was expected and what was found.
    """
    try:
        return parse_gtin(text)
    except IdentifierError as error:
        members: dict[str, problem.Member] = {
            "parameter": "gtin",
            "value": shown(text).strip("'"),
            "expected": error.expected,
            "found": error.found,
        }
        if error.place:
            members["place"] = error.place
        raise RefusedError(Problem(problem.INVALID_GTIN, str(error), members)) from error


def _known(route: Any) -> frozenset[str]:
    """Names of the query parameters that a FastAPI route declares."""
    return frozenset(parameter.alias for parameter in route.dependant.query_params)


async def strict_query(request: Request) -> None:
    """Refuse parameters that the path does not know, and those given twice.

    Raises:
        RefusedError: 400 with the names that this path takes.
    """
    if not request.scope["query_string"]:
        return
    known = _known(request.scope["route"])
    times = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in times.items():
        if name not in known:
            expected = sorted(known)
            raise RefusedError(
                Problem(
                    problem.UNKNOWN_PARAMETER,
                    f"unknown parameter {shown(name)}; this path takes {', '.join(expected) or 'none'}",
                    {"parameter": name[:120], "expected": list(expected)},
                )
            )
        if count > 1:
            raise RefusedError(
                Problem(
                    problem.INVALID_PARAMETER,
                    f"parameter {name} was given {count} times, expected once",
                    {"parameter": name, "expected": "one value", "value": f"{count} values"},
                )
            )
