"""`/01/{gtin}[/21/{serial}]`: what a GS1 Digital Link on a label leads to.

A link resolves for anybody, so this is the one place that answers strangers with figures. What they get never depends
on the serial: it is not parsed and not looked up without `staff:read`, so that a serial that exists and one that does
not are answered by the same work, with the same bytes. The answer says words instead of counts
(`gateway.http.digital_link_rows`), may be kept by a cache for some seconds, and strangers' requests are counted by
client address.

One path, three representations (RFC 9110 section 12.5.1): a page for people, which is also what `*/*` means, JSON
(`application/json`) and a linkset (`application/linkset+json`, RFC 9264; also by `linkType=linkset` or `all`, as the
GS1-Conformant resolver standard 1.2.0 says). Query parameters that are not known here may be attributes of the link,
such as a date of expiry (`?17=...`): they are let pass.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.geo import Location
from gateway.http import answer, examples, problem
from gateway.http.access import REFUSAL, Caller, caller_or_none, check_rate, may_see_items, public
from gateway.http.availability_routes import location_parameter
from gateway.http.client_address import LOCAL_PROXIES, Networks, address_of
from gateway.http.digital_link_page import problem_page, product_page
from gateway.http.digital_link_rows import LinkItem, ProductLink, Shopper, product_link, validator
from gateway.http.gate import shown_by
from gateway.http.openapi import Responses, described
from gateway.http.parameters import gtin_parameter
from gateway.http.problem import Kind, Problem, RefusedError
from gateway.http.refusals import problem_response, shown
from gateway.http.security_headers import PAGE_POLICY
from gateway.keys.limiter import Limiter
from wire.errors import WireError
from wire.gs1 import Gtin14
from wire.gs1.digital_link import DEFAULT_HOST, format_digital_link, parse_digital_link

HTML: Final = "text/html"
JSON: Final = "application/json"
LINKSET: Final = "application/linkset+json"
OFFERS: Final = (HTML, JSON, LINKSET)

VARY: Final = "Accept, Authorization, Cookie, X-API-Key"
SHOPPER_CACHE: Final = "public, max-age=15"
"""For a quarter of a minute a word is as good as new; a poster that a thousand people scan asks once."""
STAFF_CACHE: Final = "private, no-store"

RATE_PER_S: Final = 5.0
BURST: Final = 60
"""For one address. The shoppers of a store may share the address of its wireless network."""
ADDRESSES_MAX: Final = 10_000
"""Buckets of some 200 bytes; above it the longest unused is forgotten."""

STRANGERS_AT_ONCE: Final = 2
"""Of the database's reading connections (`gateway.storage.engine.READERS_MAX`): channels and tills have the others."""

NEAR_MAX_CHARS: Final = 64
LINKSET_TYPES: Final = frozenset({"all", "linkset"})
VOCABULARY: Final = "https://ref.gs1.org/voc/"
CONTEXT: Final = (
    '<https://ref.gs1.org/standards/resolver/linkset-context>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"'
)

LINK_POLICY: Final = PAGE_POLICY.replace("form-action 'none'", "form-action 'self'")
PERMISSIONS: Final = "camera=(), geolocation=(self), microphone=()"

QUALIFIERS: Final = re.compile(r"(?:/22/[^/]*)?(?:/10/[^/]*)?(?:/21/.*)?|/235/.*", re.DOTALL)
"""What may follow a GTIN (GS1 Digital Link: URI Syntax): variant, lot and serial, or a third party's serial."""

HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")


def wanted(accept: str, offers: Sequence[str] = OFFERS) -> str:
    """Return the media type of `offers` that an Accept header likes best, the first of equals, or of none at all."""
    ranges: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        ranges[name] = float(weight) if re.fullmatch(r"[01](?:\.[0-9]{0,3})?", weight) else 0.0

    def liking(offer: str) -> float:
        names = (offer, offer.partition("/")[0] + "/*", "*/*")
        return next((ranges[name] for name in names if name in ranges), 0.0)

    return max(offers, key=liking)


def raw_path_of(scope: Scope) -> str:
    """Return the path as it was sent, percent escapes and all: in it a serial's slash is no separator."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return str(raw.decode("latin-1")).partition("?")[0]


def qualifiers_of(scope: Scope) -> str:
    """Return what follows the GTIN in the path, as it was sent."""
    after = raw_path_of(scope).partition("/01/")[2]
    return after[len(after.partition("/")[0]) :]


def serial_of(gtin: Gtin14, qualifiers: str) -> str | None:
    """Return the serial of a link, None without one. Raises `RefusedError` for what is no Digital Link."""
    if not qualifiers:
        return None
    try:
        link = parse_digital_link(f"https://{DEFAULT_HOST}/01/{gtin}{qualifiers}")
    except WireError as error:
        members: dict[str, problem.Member] = {"parameter": "serial", "value": qualifiers[:120]}
        raise RefusedError(Problem(problem.INVALID_PARAMETER, str(error), members)) from error
    return dict(link.elements).get("21")


def base_of(request: Request) -> str:
    """Return the address that was asked, such as `https://id.example`; empty when the Host header is none."""
    host = request.headers.get("host", "")
    encrypted = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    return f"{'https' if encrypted else 'http'}://{host}" if HOST.fullmatch(host) else ""


def linkset(link: ProductLink, base: str) -> dict[str, Any]:
    """Return the links of a product (RFC 9264 section 4.2), by the terms of the GS1 Web Vocabulary."""
    here = f"{base}/01/{link.gtin}"
    title = " ".join(part for part in (link.name, link.colour, link.size) if part)
    page = {"href": here, "title": title, "type": HTML, "hreflang": ["en"]}
    data = {"href": here, "title": f"{title}: availability", "type": JSON}
    context = {
        "anchor": here,
        "description": title,
        f"{VOCABULARY}defaultLink": [page],
        f"{VOCABULARY}pip": [page, data],
    }
    return {"linkset": [context]}


class DigitalLinks:
    """Answers links. `now_us` is UTC in microseconds, `now_s` a clock that never goes back.

    `proxies` are the networks whose X-Forwarded-For is believed.
    """

    def __init__(
        self,
        view: Shopper,
        now_us: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
        *,
        proxies: Networks = LOCAL_PROXIES,
    ) -> None:
        self.limiter = Limiter(ADDRESSES_MAX)
        self._view = view
        self._now_us = now_us
        self._now_s = now_s
        self._proxies = proxies
        self._strangers = asyncio.Semaphore(STRANGERS_AT_ONCE)

    async def answer(self, request: Request, gtin: str, near: str | None, link_type: str | None) -> Response:
        """Answer one request, refusals too: as a page when a page is wanted."""
        kind = wanted(request.headers.get("accept", "*/*"))
        if (link_type or "").strip().lower() in LINKSET_TYPES:
            kind = LINKSET
        try:
            response = await self._resolved(request, gtin, near or None, kind)
        except RefusedError as refused:
            response = self._refused(refused.problem, kind)
        response.headers["Vary"] = VARY
        return response

    async def _resolved(self, request: Request, gtin: str, near: str | None, kind: str) -> Response:
        caller = self._caller(request)
        self._count(request, caller)
        number = gtin_parameter(gtin)
        qualifiers = qualifiers_of(request.scope)
        if not QUALIFIERS.fullmatch(qualifiers):
            raise RefusedError(Problem(problem.NOT_FOUND, f"{shown(qualifiers)} does not follow a GTIN in a link"))
        staff = caller if caller is not None and may_see_items(request) else None
        serial = serial_of(number, qualifiers) if staff is not None else None
        here = _place(near)
        async with self._strangers if caller is None else nullcontext():
            stock = await self._view.style(number, here)
        if stock is None:
            detail = f"GTIN {number} is not in the catalogue"
            raise RefusedError(Problem(problem.UNKNOWN_GTIN, detail, {"value": number}))
        item = await self._item(number, serial, staff)
        link = product_link(stock, format_digital_link((("01", number),)), item)
        if kind == LINKSET:
            return Response(
                answer.encode(linkset(link, base_of(request))),
                200,
                {"Cache-Control": "no-store", "Link": CONTEXT},
                kind,
            )
        headers = {"Link": f'</01/{number}?linkType=linkset>; rel="linkset"; type="{LINKSET}"'}
        if kind == JSON:
            return _given(
                request, headers, answer.encode(link), JSON, None if staff else answer.etag_of(validator(link))
            )
        page = product_page(link, stock.places, near, self._now_us(), staff=staff is not None)
        headers |= {"Content-Security-Policy": LINK_POLICY, "Permissions-Policy": PERMISSIONS}
        etag = f'W/"{blake2b(page, digest_size=8).hexdigest()}"'
        return _given(request, headers, page, f"{HTML}; charset=utf-8", None if staff else etag)

    async def _item(self, number: Gtin14, serial: str | None, staff: Caller | None) -> LinkItem | None:
        if staff is None or serial is None:
            return None
        return await self._view.item(number, serial, staff.sees)

    @staticmethod
    def _caller(request: Request) -> Caller | None:
        """Return who asks. A program that shows a key which is not good is told; a browser's old session is nobody."""
        caller = caller_or_none(request)
        refusal = request.scope.get("state", {}).get(REFUSAL)
        if caller is None and isinstance(refusal, Problem):
            sent = shown_by(request.scope)
            if sent is not None and not sent.by_cookie:
                raise RefusedError(refusal)
        return caller

    def _count(self, request: Request, caller: Caller | None) -> None:
        """Count a request by its key, or by its address. Raises `RefusedError` (429)."""
        if caller is not None:
            check_rate(request, caller)
            return
        wait_s = self.limiter.take(address_of(request.scope, self._proxies), RATE_PER_S, BURST, self._now_s())
        if wait_s > 0:
            allowed = f"{RATE_PER_S:g} a second, {BURST} at once"
            headers = {"Retry-After": str(max(1, -int(-wait_s // 1)))}
            detail = f"without a key an address may ask {allowed}"
            raise RefusedError(Problem(problem.TOO_MANY_REQUESTS, detail, {"expected": allowed}, headers=headers))

    @staticmethod
    def _refused(refused: Problem, kind: str) -> Response:
        response = problem_response(refused)
        if kind != HTML:
            return response
        headers = dict(refused.headers) | {"Cache-Control": "no-store", "Content-Security-Policy": LINK_POLICY}
        return Response(problem_page(refused), refused.http_status, headers, f"{HTML}; charset=utf-8")


def _place(near: str | None) -> Location | None:
    if near is None:
        return None
    if len(near) > NEAR_MAX_CHARS:
        detail = f"parameter near: {len(near)} characters, expected at most {NEAR_MAX_CHARS}"
        raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, {"parameter": "near"}))
    return location_parameter(near)


def _given(request: Request, headers: Mapping[str, str], body: bytes, kind: str, etag: str | None) -> Response:
    """Answer with a validator for shoppers; staff's answers are kept by nobody."""
    if etag is None:
        return Response(body, 200, {**headers, "Cache-Control": STAFF_CACHE}, kind)
    headers = {**headers, "Cache-Control": SHOPPER_CACHE, "ETag": etag}
    if answer.is_same(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, kind)


GtinPath = Annotated[str, Path(description="GTIN-8, -12, -13 or -14 with its check digit", examples=[examples.GTIN])]
Near = Annotated[str | None, Query(description="latitude,longitude: the nearest stores come first")]
LinkType = Annotated[str | None, Query(alias="linkType", description="`linkset` or `all`: the links as a linkset")]


def _documented(*kinds: Kind) -> Responses:
    """Return the documentation of both routes: each answer, and each refusal, is also there as a page."""
    found = described((ProductLink,), {"a shopper's": EXAMPLE}, *kinds, cached=True)
    for response in found.values():
        if "content" in response:
            response["content"][HTML] = {"schema": {"type": "string"}}
    found[200]["content"][LINKSET] = {"schema": {"type": "object"}}
    return found


def routes(links: DigitalLinks) -> APIRouter:
    """Return the routes. They take no strict query: what is unknown here may be an attribute of the link."""
    router = APIRouter(tags=["availability"])
    kinds = (problem.INVALID_GTIN, problem.UNKNOWN_GTIN, problem.NOT_FOUND, problem.NO_KEY, problem.TOO_MANY_REQUESTS)
    documented = _documented(*kinds)

    @router.head("/01/{gtin}", include_in_schema=False)
    @router.get(
        "/01/{gtin}", summary="What a product's Digital Link leads to", response_class=Response, responses=documented
    )
    @public
    async def product(request: Request, gtin: GtinPath, near: Near = None, link_type: LinkType = None) -> Response:
        """A page for people; with `Accept: application/json` this answer. Anybody may ask.

        `Accept: application/linkset+json` or `linkType=linkset` gives the links as a linkset (RFC 9264).
        """
        return await links.answer(request, gtin, near, link_type)

    @router.head("/01/{gtin}/21/{serial:path}", include_in_schema=False)
    @router.get(
        "/01/{gtin}/21/{serial:path}",
        summary="What an item's Digital Link leads to",
        response_class=Response,
        responses=documented,
    )
    @public
    async def item(
        request: Request,
        gtin: GtinPath,
        serial: Annotated[str, Path(description="AI 21, percent-escaped")],  # noqa: ARG001 - read from the raw path
        near: Near = None,
        link_type: LinkType = None,
    ) -> Response:
        """The same as without the serial, whatever the serial is; a key with `staff:read` sees the item, too."""
        return await links.answer(request, gtin, near, link_type)

    @router.head("/01/{gtin}/{qualifiers:path}", include_in_schema=False)
    @router.get("/01/{gtin}/{qualifiers:path}", include_in_schema=False)
    @public
    async def qualified(
        request: Request,
        gtin: str,
        qualifiers: str,  # noqa: ARG001 - read from the raw path
        near: Near = None,
        link_type: LinkType = None,
    ) -> Response:
        return await links.answer(request, gtin, near, link_type)

    return router


EXAMPLE: Final = ProductLink(
    gtin=examples.GTIN,
    digital_link=f"https://{DEFAULT_HOST}/01/{examples.GTIN}",
    name="Harbour jacket",
    style="HJ-100",
    colour="navy",
    size="M",
    availability="in_stock",
    sizes=[],
    stores=[],
    stores_left_out=0,
)
