"""The one question that a shop asks all day, answered before the router: `GET /v1/availability?gtin=&site=`.

The same checks as the route behind it (key, rate, scope, site), the same bytes; whatever is not plain (another
parameter, a GTIN that is none, a SKU or site that nobody knows) goes on to that route, which says what is wrong. So
there is one place for refusals, and a question with nothing wrong costs no query and no framework.
"""

from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.clock import Clock
from gateway.http import answer
from gateway.http.access import CALLER, KEEPER, Caller
from gateway.http.offered import availability_row, validator
from gateway.http.ports import SiteAvailability
from wire.gs1 import IdentifierError, parse_gtin
from wire.limits import ID_MAX_CHARS

PATH: Final = "/v1/availability"
SCOPE: Final = "stock:read"
QUERY_MAX_BYTES: Final = 256
_HEADERS: Final = ((b"content-type", answer.JSON.encode()), (b"cache-control", answer.LIVE_CACHE.encode()))


class Rows(Protocol):
    """Where rows are remembered: `gateway.mirror.Mirror`."""

    def held(self, site: str, gtin: str) -> SiteAvailability | None:
        """Return a row if it is in memory."""
        ...

    async def row(self, site: str, gtin: str) -> SiteAvailability | None:
        """Return a row; None when nobody knows of it."""
        ...


@lru_cache(maxsize=65_536)
def _gtin(text: str) -> str | None:
    try:
        return str(parse_gtin(text))
    except IdentifierError:
        return None


@lru_cache(maxsize=65_536)
def plain_question(query: bytes) -> tuple[str, str] | None:
    """Return GTIN-14 and site of a query that names these two once each and nothing else; None for any other."""
    if len(query) > QUERY_MAX_BYTES:
        return None
    named: dict[str, str] = {}
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if name not in {"gtin", "site"} or name in named:
            return None
        named[name] = unquote_plus(value)
    gtin = _gtin(named.get("gtin", ""))
    site = named.get("site", "")
    return (gtin, site) if gtin is not None and 0 < len(site) <= ID_MAX_CHARS else None


class HotAvailability:
    """ASGI middleware inside the gate."""

    def __init__(self, app: ASGIApp, rows: Rows, clock: Clock) -> None:
        self._app = app
        self._rows = rows
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain question, or pass on."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        asked = plain_question(scope["query_string"])
        caller = scope["state"].get(CALLER)
        if asked is None or not isinstance(caller, Caller) or not self._may(scope, caller, asked[1]):
            await self._app(scope, receive, send)
            return
        gtin, site = asked
        row = self._rows.held(site, gtin) or await self._rows.row(site, gtin)
        if row is None:
            await self._app(scope, receive, send)
            return
        await self._answer(scope, send, row, caller)

    @staticmethod
    def _may(scope: Scope, caller: Caller, site: str) -> bool:
        """Whether nothing is to be refused; a request that may pass is counted against its key's rate here."""
        if SCOPE not in caller.scopes or not caller.sees(site):
            return False
        keeper = scope["state"].get(KEEPER)
        return keeper is None or keeper.wait_s(caller) <= 0

    async def _answer(self, scope: Scope, send: Send, row: SiteAvailability, caller: Caller) -> None:
        made = availability_row(row, caller.policy, self._clock())
        etag = answer.etag_of([validator(made)])
        same = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        headers = [*_HEADERS, (b"etag", etag.encode())]
        if same and answer.is_same(same.decode("latin-1"), etag):
            await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
            await send({"type": "http.response.body", "body": b""})
            return
        body = answer.encode(made)
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
