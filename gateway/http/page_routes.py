"""The live page: `/` and its files."""

from collections.abc import Mapping

from fastapi import FastAPI

from gateway.http.own_files import PageFile, endpoints, read_files


def page_files() -> Mapping[str, PageFile]:
    """Read the page's files, by name."""
    return read_files("page")


def install(app: FastAPI) -> None:
    """Add `/` and `/page/{name}`."""
    index, file_of = endpoints(page_files(), "the page")
    app.add_route("/", index, methods=["GET"], include_in_schema=False)
    app.add_route("/page/{name}", file_of, methods=["GET"], include_in_schema=False)
