"""What staff and auditors read: the story of an item, postings, who did what."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from gateway.http import answer, problem
from gateway.http import trade_examples as examples
from gateway.http.access import Caller, requires
from gateway.http.openapi import described
from gateway.http.parameters import gtin_parameter
from gateway.http.problem import Problem, RefusedError
from gateway.http.shipment_routes import Staff
from gateway.http.trade_rows import AuditPage, ItemStory, PostingPage
from gateway.trade.limits import PAGE_DEFAULT, PAGE_MAX
from gateway.trade.reads import TradeReads
from wire.limits import ID_MAX_CHARS

Auditor: TypeAlias = Annotated[Caller, Depends(requires("audit:read"))]
After: TypeAlias = Annotated[int, Query(ge=0, le=2**53, description="`next` of the page before")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=PAGE_MAX)]
SiteFilter: TypeAlias = Annotated[str | None, Query(max_length=ID_MAX_CHARS)]
Serial: TypeAlias = Annotated[str, Path(description="as in the Digital Link, percent-encoded", max_length=64)]


def routes(reads: TradeReads) -> APIRouter:
    """Return the routes of these reads."""
    router = APIRouter(tags=["trade"])

    @router.get(
        "/v1/items/{gtin}/{serial}",
        summary="The story of an item",
        response_class=Response,
        responses=described((ItemStory,), {"sold": examples.ITEM}, problem.INVALID_GTIN, problem.UNKNOWN_ITEM),
    )
    async def item(gtin: str, serial: Serial, caller: Staff) -> Response:
        """What it is to commerce, where each site has it, who holds it, and how that came about; newest first."""
        key = gtin_parameter(gtin)
        found = await reads.item(str(key), serial, caller.sites)
        if found is None:
            raise RefusedError(Problem(problem.UNKNOWN_ITEM, f"no item {serial!r} of {key}", {"value": serial}))
        return answer.uncached(found)

    @router.get(
        "/v1/postings",
        summary="Postings",
        response_class=Response,
        responses=described((PostingPage,), {"a sale": examples.POSTINGS}, problem.INVALID_GTIN),
    )
    async def postings(
        caller: Staff,
        *,
        after: After = 0,
        limit: Limit = PAGE_DEFAULT,
        site: SiteFilter = None,
        gtin: str | None = None,
        serial: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Units that left one account for another, oldest first: the ledger of what goods are."""
        key = None if gtin is None else str(gtin_parameter(gtin))
        page = await reads.postings(after=after, limit=limit, site=site, gtin=key, serial=serial, sites=caller.sites)
        return answer.uncached(page)

    @router.get(
        "/v1/audit",
        summary="Who did what",
        response_class=Response,
        responses=described((AuditPage,), {"a sale": examples.AUDIT}),
    )
    async def audit(
        caller: Auditor, after: After = 0, limit: Limit = PAGE_DEFAULT, site: SiteFilter = None
    ) -> Response:
        """Oldest first. Rows are never changed or deleted, and hold no reference to a customer."""
        return answer.uncached(await reads.audit(after=after, limit=limit, site=site, sites=caller.sites))

    return router
