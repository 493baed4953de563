"""`GET /v1/sites/{site}/find`: what a scan means in a store, and where it lies."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.finder import Finder
from gateway.http import answer, examples, problem
from gateway.http.access import Caller, requires
from gateway.http.digital_link_rows import LinkItem, LinkPlace
from gateway.http.find_rows import Found, FoundPlace, FoundSku, FoundUnit
from gateway.http.known_site import known_site
from gateway.http.openapi import described
from gateway.http.ports import Queries
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.reservation_rows import item_link
from gateway.http.scan_text import Named, named_by
from gateway.http.site_parameter import SiteId
from gateway.keys.scopes import STAFF_READ

TEXT_MAX_CHARS: Final = 512
"""A Digital Link with all its attributes; a QR code may hold more, none of it names an item."""

EXPECTED: Final = "a GTIN, a hexadecimal EPC, urn:epc:id:sgtin:..., a GS1 barcode or Digital Link"

Staff = Annotated[Caller, Depends(requires(STAFF_READ))]
Text = Annotated[str, Query(description=EXPECTED, min_length=1, max_length=TEXT_MAX_CHARS)]


def names_of(text: str) -> Named:
    """Return what a text names.

    Raises:
        RefusedError: 400 with what the text could have been.
    """
    found = named_by(text)
    if isinstance(found, Named):
        return found
    members: dict[str, problem.Member] = {"parameter": "text", "value": text[:TEXT_MAX_CHARS], "expected": EXPECTED}
    detail = f"{shown(text)} names no product: {found or f'expected {EXPECTED}'}"
    raise RefusedError(Problem(problem.INVALID_PARAMETER, detail, members))


def routes(finder: Finder, queries: Queries) -> APIRouter:
    """Return the route over this finder."""
    router = APIRouter(tags=["stock"])

    @router.get(
        "/v1/sites/{site}/find",
        summary="Where is it",
        response_class=Response,
        responses=described((Found,), {"one item": EXAMPLE}, problem.UNKNOWN_SITE),
    )
    async def find(caller: Staff, site: SiteId, text: Text) -> Response:
        """What was scanned or typed, as a person in the store needs it: which product, and where it lies.

        A SKU has its units by zone in the order of walking, and its items, the surest first. Of an item `item` says
        what it is to commerce, where it is and who holds it. A product that no catalogue names has `known` false.
        """
        await known_site(queries, site)
        gtin, serial = names_of(text)
        found = await finder.find(site, gtin, serial, caller.sees)
        assert found is not None, "a site is never taken away"
        return answer.uncached(found)

    return router


_LINK: Final = item_link(examples.GTIN, "42")
_SINCE: Final = "2026-11-22T05:12:31.000Z"

EXAMPLE: Final = Found(
    site=examples.SITE,
    serial="42",
    sku=FoundSku(
        gtin=examples.GTIN,
        known=True,
        style="HJ-100",
        colour="navy",
        size="M",
        description="Harbour jacket, navy, M",
        department="women",
        on_hand=1,
        held=0,
        untagged=0,
        places=[
            FoundPlace(zone="BACK", zone_kind="back_room", units=1, status="live", as_of="2026-11-22T05:45:00.123Z")
        ],
        items=[
            FoundUnit(
                serial="42",
                digital_link=_LINK,
                zone="BACK",
                zone_kind="back_room",
                since=_SINCE,
                status="live",
                confidence=0.97,
                state="available",
                held=False,
            )
        ],
        items_left_out=0,
    ),
    item=LinkItem(
        serial="42",
        digital_link=_LINK,
        state="available",
        state_since=None,
        owner="own",
        places=[
            LinkPlace(
                site=examples.SITE,
                site_name="Main Street",
                zone="BACK",
                zone_kind="back_room",
                since=_SINCE,
                status="live",
                confidence=0.97,
            )
        ],
        hold=None,
        last_movement=None,
    ),
)
