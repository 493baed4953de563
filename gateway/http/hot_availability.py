"""The questions that a shop asks all day, answered before the router: one availability, and a batch of them.

The same checks as the routes behind it (key, rate, scope, site), the same bytes; whatever is not plain (another
parameter, a GTIN that is none, a SKU or site that nobody knows) goes on to its route, which says what is wrong. So
there is one place for refusals, and a question with nothing wrong costs no framework and, most of the time, no query.
"""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http import answer
from gateway.http.access import CALLER, Caller, count
from gateway.http.availability_rows import BatchBody
from gateway.http.hot_rows import HotRows, Written
from gateway.http.limits import BATCH_MAX_BYTES, BATCH_MAX_PAIRS
from gateway.http.replay import is_json, read_once_more
from gateway.http.security_headers import RAW as SECURITY
from gateway.ledger.picture import SkuKey
from wire.gs1 import IdentifierError, parse_gtin
from wire.limits import ID_MAX_CHARS

ONE: Final = "/v1/availability"
MANY: Final = "/v1/availability:batch"
HOT_PATHS: Final = frozenset({ONE, MANY})
SCOPE: Final = "stock:read"
QUERY_MAX_BYTES: Final = 256
_JSON: Final = (b"content-type", answer.JSON.encode())
_CACHE: Final = (b"cache-control", answer.LIVE_CACHE.encode())
_NO_STORE: Final = (b"cache-control", b"no-store")
_BATCH: Final = msgspec.json.Decoder(BatchBody)


@lru_cache(maxsize=65_536)
def _gtin(text: str) -> str | None:
    try:
        return str(parse_gtin(text))
    except IdentifierError:
        return None


@lru_cache(maxsize=65_536)
def plain_question(query: bytes) -> SkuKey | None:
    """Return what a query asks that names a GTIN and a site once each and nothing else; None for any other."""
    if len(query) > QUERY_MAX_BYTES:
        return None
    named: dict[str, str] = {}
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if name not in {"gtin", "site"} or name in named:
            return None
        named[name] = unquote_plus(value)
    gtin, site = _gtin(named.get("gtin", "")), named.get("site", "")
    return SkuKey(site, gtin) if gtin is not None and 0 < len(site) <= ID_MAX_CHARS else None


def plain_batch(body: bytes) -> list[SkuKey] | None:
    """Return the pairs of a body with nothing wrong in it; None for any other."""
    try:
        pairs = _BATCH.decode(body).pairs
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(pairs) > BATCH_MAX_PAIRS:
        return None
    keys: dict[SkuKey, None] = {}
    for pair in pairs:
        gtin = _gtin(pair.gtin)
        if gtin is None:
            return None
        keys[SkuKey(pair.site, gtin)] = None
    return list(keys) if len(keys) == len(pairs) else None


class HotAvailability:
    """ASGI middleware behind a gate; `app` is asked what is not plain."""

    def __init__(self, app: ASGIApp, rows: HotRows) -> None:
        self._app = app
        self._rows = rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain question, or pass on."""
        if scope["type"] == "http":
            if scope["path"] == ONE and scope["method"] == "GET" and await self._one(scope, send):
                return
            if scope["path"] == MANY and scope["method"] == "POST":
                body, receive = await read_once_more(receive, BATCH_MAX_BYTES)
                if body is not None and is_json(scope) and await self._many(scope, send, body):
                    return
        await self._app(scope, receive, send)

    async def _one(self, scope: Scope, send: Send) -> bool:
        key = plain_question(scope["query_string"])
        if key is None or (caller := _admitted(scope, {key.site})) is None:
            return False
        written = await self._written(key, caller)
        if written is None:
            return False
        asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        headers = [_CACHE, (b"etag", written.etag)]
        if asked and answer.is_same(asked.decode("latin-1"), written.etag.decode()):
            await _send(send, 304, headers, b"")
        else:
            await _send(send, 200, [_JSON, *headers, _length(written.body)], written.body)
        return True

    async def _written(self, key: SkuKey, caller: Caller) -> Written | None:
        written = self._rows.written(key, caller.policy)
        if written is None and await self._load([key]):
            written = self._rows.written(key, caller.policy)
        return written

    async def _load(self, keys: list[SkuKey]) -> bool:
        """Read rows; False when they cannot be read: the route will say so."""
        try:
            await self._rows.load(keys)
        except (SQLAlchemyError, OSError):
            return False
        return True

    async def _many(self, scope: Scope, send: Send, body: bytes) -> bool:
        keys = plain_batch(body)
        if keys is None or (caller := _admitted(scope, {key.site for key in keys})) is None:
            return False
        found = [self._rows.written(key, caller.policy) for key in keys]
        missing = [key for key, written in zip(keys, found, strict=True) if written is None]
        if missing and await self._load(missing):
            found = [self._rows.written(key, caller.policy) for key in keys]
        bodies = [written.body for written in found if written is not None]
        if len(bodies) < len(keys):
            return False
        whole = b'{"rows":[%b],"unknown":[]}' % b",".join(bodies)
        await _send(send, 200, [_JSON, _NO_STORE, _length(whole)], whole)
        return True


def _admitted(scope: Scope, sites: set[str]) -> Caller | None:
    """Return who asks, if nothing of it is to be refused; it is counted against the rate of its key."""
    caller = scope["state"].get(CALLER)
    if not isinstance(caller, Caller) or SCOPE not in caller.scopes:
        return None
    if caller.sites is not None and not sites <= caller.sites:
        return None
    return caller if count(scope, caller) <= 0 else None


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": [*headers, *SECURITY]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
