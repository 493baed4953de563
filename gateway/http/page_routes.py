"""The live page's files: read once from the package, served from memory by exact name."""

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.http import problem
from gateway.http.access import public
from gateway.http.answer import is_same
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.security_headers import PAGE_POLICY

CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

INDEX: Final = "index.html"


class PageFile(msgspec.Struct, frozen=True):
    """One file of the page."""

    body: bytes
    content_type: str
    etag: str


def page_files() -> Mapping[str, PageFile]:
    """Read the page's files, by name."""
    found: dict[str, PageFile] = {}
    for file in files("gateway.http").joinpath("page").iterdir():
        content_type = CONTENT_TYPES.get(file.name.rpartition(".")[2])
        if content_type is not None:
            body = file.read_bytes()
            found[file.name] = PageFile(body, content_type, f'"{blake2b(body, digest_size=8).hexdigest()}"')
    return found


def _answer(request: Request, file: PageFile) -> Response:
    """Answer a file; the browser asks again each time (`no-cache`) and gets 304 until the gateway is updated."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
    if is_same(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.body, 200, headers, file.content_type)


def install(app: FastAPI) -> None:
    """Add `/` and `/page/{name}`."""
    by_name = page_files()

    @public
    async def index(request: Request) -> Response:
        return _answer(request, by_name[INDEX])

    @public
    async def page(request: Request) -> Response:
        name = request.path_params["name"]
        file = by_name.get(name)
        if file is None:
            raise RefusedError(Problem(problem.NOT_FOUND, f"no file {shown(name)} of the page"))
        return _answer(request, file)

    app.add_route("/", index, methods=["GET"], include_in_schema=False)
    app.add_route("/page/{name}", page, methods=["GET"], include_in_schema=False)
