"""The files of our own pages: read once from the package, served from memory by exact name."""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Final

import msgspec
from fastapi import Request
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
    """One file of a page."""

    body: bytes
    content_type: str
    etag: str


def read_files(folder: str) -> Mapping[str, PageFile]:
    """Read the files of a page from its folder beside this one, by name."""
    found: dict[str, PageFile] = {}
    for file in files("gateway.http").joinpath(folder).iterdir():
        content_type = CONTENT_TYPES.get(file.name.rpartition(".")[2])
        if content_type is not None:
            body = file.read_bytes()
            found[file.name] = PageFile(body, content_type, f'"{blake2b(body, digest_size=8).hexdigest()}"')
    return found


def endpoints(
    by_name: Mapping[str, PageFile], called: str, headers: Mapping[str, str] | None = None
) -> tuple[Callable[[Request], Awaitable[Response]], Callable[[Request], Awaitable[Response]]]:
    """Return what answers the page itself, and its file `name` of the path; both are public.

    `called`: the page's name in a refusal. `headers`: more of them, with each answer.
    """
    more = dict(headers or {})

    def answer(request: Request, file: PageFile) -> Response:
        """Answer a file; the browser asks again each time (`no-cache`) and gets 304 until the gateway is updated."""
        told = {"ETag": file.etag, "Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY} | more
        if is_same(request.headers.get("if-none-match", ""), file.etag):
            return Response(status_code=304, headers=told)
        return Response(file.body, 200, told, file.content_type)

    @public
    async def index(request: Request) -> Response:
        return answer(request, by_name[INDEX])

    @public
    async def file_of(request: Request) -> Response:
        name = request.path_params["name"]
        file = by_name.get(name)
        if file is None:
            raise RefusedError(Problem(problem.NOT_FOUND, f"no file {shown(name)} of {called}"))
        return answer(request, file)

    return index, file_of
