"""The store screen: `/store`, `/store/{site}` and its files.

The page is the same for whoever asks, and says nothing: what it shows it asks of the API, as the device it runs on
(`gateway.pairing`). So its address may be known, and a site that does not exist is answered as one that does.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI

from gateway.http.own_files import PageFile, endpoints, read_files

PERMISSIONS: Final = "camera=(self), geolocation=(), microphone=(), screen-wake-lock=(self)"
"""The camera reads barcodes, when a person asks for it; a wall screen may stay lit. No other page may do either."""


def store_files() -> Mapping[str, PageFile]:
    """Read the screen's files, by name."""
    return read_files("store_page")


def install(app: FastAPI) -> None:
    """Add `/store`, `/store/{site}` and `/page/store/{name}`; after the routes below `/store/` that are no page."""
    screen, file_of = endpoints(store_files(), "the store screen", {"Permissions-Policy": PERMISSIONS})
    app.add_route("/store", screen, methods=["GET"], include_in_schema=False)
    app.add_route("/store/{site}", screen, methods=["GET"], include_in_schema=False)
    app.add_route("/page/store/{name}", file_of, methods=["GET"], include_in_schema=False)
