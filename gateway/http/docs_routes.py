"""`/docs` and `/openapi.json`: both work without any network."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.http import answer
from gateway.http.access import public
from gateway.http.docs_page import render
from gateway.http.security_headers import PAGE_POLICY


def install(app: FastAPI, document: Callable[[], dict[str, Any]]) -> None:
    """Add both paths; `document` makes the OpenAPI document once all routes are there."""

    @public
    async def openapi(_: Request) -> Response:
        return answer.uncached(document())

    @public
    async def docs(_: Request) -> Response:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        return Response(render(document()), 200, headers, "text/html; charset=utf-8")

    app.add_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
