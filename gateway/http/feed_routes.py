"""Feeds: all rows of stock as files that other systems fetch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.feeds import google, stock_csv
from gateway.feeds.google import Options, PickupMethod, PickupSla
from gateway.feeds.reader import Feeds
from gateway.http import problem
from gateway.http.access import Caller, requires
from gateway.http.answer import etag_of, is_same
from gateway.http.known_site import known_site
from gateway.http.openapi import Responses, described
from gateway.http.ports import Queries, StockRow
from gateway.http.problem import Problem, RefusedError
from gateway.keys.scopes import STOCK_READ
from gateway.push.limits import FEED_MAX_S, FEEDS_AT_ONCE
from wire.limits import ID_MAX_CHARS

log: Final = structlog.get_logger(__name__)

TSV: Final = "text/tab-separated-values"
CSV: Final = "text/csv"
RETRY_AFTER_S: Final = "10"

Site = Annotated[
    str | None,
    Query(description="of one site; without: of all that the key may see", min_length=1, max_length=ID_MAX_CHARS),
]
Reading = Annotated[Caller, Depends(requires(STOCK_READ))]

GOOGLE_EXAMPLE: Final = (
    "store_code\tid\tquantity\tavailability\tprice\tpickup_method\tpickup_sla\n"
    "store-001\t09506000134352\t1\tlimited_availability\t49.90 EUR\treserve\tsame_day\n"
)
CSV_EXAMPLE: Final = (
    "site,gtin,style,colour,size,description,department,price,atp,confidence,status,as_of,version\r\n"
    "store-001,09506000134352,HJ-100,navy,M,Harbour jacket,women,49.90,1,0.97,live,2026-11-22T05:45:00.123Z,17\r\n"
)


class Places:
    """How many feeds are under way."""

    def __init__(self) -> None:
        self.taken = 0


@dataclass(frozen=True, slots=True)
class File:
    """A kind of file: its first line, and the lines of a site's rows."""

    media_type: str
    head: bytes
    lines: Callable[[str, Sequence[StockRow]], Iterable[bytes]]


class FeedStream(StreamingResponse):
    """A feed under way: it has one of the few places, for a bounded time."""

    def __init__(self, content: AsyncIterator[bytes], places: Places, headers: dict[str, str], media_type: str) -> None:
        super().__init__(content, 200, headers, media_type)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write all rows; what takes too long is cut off, so that the client sees that it is not whole."""
        self._places.taken += 1
        try:
            async with asyncio.timeout(FEED_MAX_S):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            log.warning("feed_cut_off", path=scope["path"], after_s=FEED_MAX_S)
            raise
        finally:
            self._places.taken -= 1


def _documented(media_type: str, example: str) -> Responses:
    found = described((), {}, problem.UNKNOWN_SITE, problem.TOO_MANY_FEEDS, cached=True)
    text = {"schema": {"type": "string"}, "examples": {"one row": {"value": example}}}
    headers = {"ETag": {"description": "changes when a row may have", "schema": {"type": "string"}}}
    return found | {
        200: {"description": "All rows", "content": {media_type: text}, "headers": headers},
        304: {"description": "No row has changed since the ETag in If-None-Match"},
    }


class Kiosk:
    """Answers with files, or with 304."""

    def __init__(self, queries: Queries, feeds: Feeds) -> None:
        self._queries = queries
        self._feeds = feeds
        self._places = Places()

    async def answer(self, request: Request, caller: Caller, site: str | None, file: File) -> Response:
        """Answer with the rows of a site, or of all that the caller sees."""
        sites = await self._sites_of(caller, site)
        policy = caller.policy
        view: tuple[Any, ...] = (policy.target, policy.safety, policy.when_blind, file.media_type, sites)
        etag = etag_of([*view, str(request.query_params), await self._feeds.stamp(sites)])
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if is_same(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        if self._places.taken >= FEEDS_AT_ONCE:
            detail = f"{self._places.taken} feeds are under way, the most is {FEEDS_AT_ONCE}"
            raise RefusedError(Problem(problem.TOO_MANY_FEEDS, detail, headers={"Retry-After": RETRY_AFTER_S}))
        return FeedStream(self._content(sites, file), self._places, headers, file.media_type)

    async def _sites_of(self, caller: Caller, site: str | None) -> list[str]:
        if site is not None:
            return [(await known_site(self._queries, site)).site]
        return [row.site for row in await self._queries.sites() if caller.sees(row.site)]

    async def _content(self, sites: Sequence[str], file: File) -> AsyncIterator[bytes]:
        yield file.head
        async for name, rows in self._feeds.rows(sites):
            yield b"".join(file.lines(name, rows))


def routes(queries: Queries, feeds: Feeds) -> APIRouter:
    """Return the routes over these feeds."""
    router = APIRouter(tags=["feeds"])
    kiosk = Kiosk(queries, feeds)

    @router.get(
        "/v1/feeds/google-local-inventory.tsv",
        summary="Local inventory for Google Merchant Center",
        response_class=Response,
        responses=_documented(TSV, GOOGLE_EXAMPLE),
    )
    async def google_local_inventory(
        request: Request,
        caller: Reading,
        *,
        site: Site = None,
        currency: Annotated[
            str, Query(description="ISO 4217: with prices of the catalogue, which names none", pattern="^([A-Z]{3})?$")
        ] = "",
        pickup_method: Annotated[PickupMethod | None, Query(description="how products are picked up")] = None,
        pickup_sla: Annotated[
            PickupSla | None, Query(description="how soon; Google asks for both or none, or `not supported` alone")
        ] = None,
    ) -> Response:
        """What each store can sell, as Google reads it: `store_code` is the site's id, `id` the GTIN-14.

        Fetch it with `If-None-Match` as often as you like: 304 while no row has changed. `quantity` is what the key's
        channel may sell.
        """
        if (pickup_sla is None) != (pickup_method in {None, "not supported"}):
            detail = "pickup_method and pickup_sla: expected both or none, or `not supported` without pickup_sla"
            raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, {"parameter": "pickup_sla"}))
        options = Options(currency, pickup_method or "", pickup_sla or "")
        file = File(TSV, google.head(options), lambda name, rows: google.lines(name, rows, caller.policy, options))
        return await kiosk.answer(request, caller, site, file)

    @router.get(
        "/v1/feeds/stock.csv",
        summary="All rows as CSV",
        response_class=Response,
        responses=_documented(CSV, CSV_EXAMPLE),
    )
    async def stock(request: Request, caller: Reading, site: Site = None) -> Response:
        """Every SKU of the catalogue at every site, with what the key's channel may sell of it. UTF-8, RFC 4180.

        Texts that a spreadsheet would take for formulas begin with an apostrophe.
        """
        file = File(CSV, stock_csv.head(), lambda name, rows: stock_csv.lines(name, rows, caller.policy))
        return await kiosk.answer(request, caller, site, file)

    return router
