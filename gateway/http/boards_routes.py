"""The page of key figures: `/boards` and its files, read once from the package and served by exact name.

The page is the same for whoever asks, and says nothing: what it shows it asks of `/v1/figures` and `/v1/series`.
"""

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.http import problem
from gateway.http.access import public
from gateway.http.answer import is_same
from gateway.http.page_routes import CONTENT_TYPES, PageFile
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.security_headers import PAGE_POLICY

FOLDER: Final = "boards_page"
INDEX: Final = "index.html"


def boards_files() -> Mapping[str, PageFile]:
    """Read the page's files, by name."""
    found: dict[str, PageFile] = {}
    for file in files("gateway.http").joinpath(FOLDER).iterdir():
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
    """Add `/boards` and `/page/boards/{name}`."""
    by_name = boards_files()

    @public
    async def boards(request: Request) -> Response:
        return _answer(request, by_name[INDEX])

    @public
    async def file_of(request: Request) -> Response:
        name = request.path_params["name"]
        file = by_name.get(name)
        if file is None:
            raise RefusedError(Problem(problem.NOT_FOUND, f"no file {shown(name)} of the page of key figures"))
        return _answer(request, file)

    app.add_route("/boards", boards, methods=["GET"], include_in_schema=False)
    app.add_route("/page/boards/{name}", file_of, methods=["GET"], include_in_schema=False)
