"""The page of key figures: `/boards` and its files.

The page is the same for whoever asks, and says nothing: what it shows it asks of `/v1/figures` and `/v1/series`.
"""

from collections.abc import Mapping

from fastapi import FastAPI

from gateway.http.own_files import PageFile, endpoints, read_files


def boards_files() -> Mapping[str, PageFile]:
    """Read the page's files, by name."""
    return read_files("boards_page")


def install(app: FastAPI) -> None:
    """Add `/boards` and `/page/boards/{name}`."""
    index, file_of = endpoints(boards_files(), "the page of key figures")
    app.add_route("/boards", index, methods=["GET"], include_in_schema=False)
    app.add_route("/page/boards/{name}", file_of, methods=["GET"], include_in_schema=False)
