"""`/session`: how a person at a browser shows a key once, and the live page may read from then on.

The session is the key itself, in a cookie that no script can read (`HttpOnly`) and that no other site's page can make
the browser send (`SameSite=Strict`). A signed session would need a secret that all processes share; derived from what
the database holds of a key, it would let anybody who read the database in, which the hashing of keys prevents. And a
session that is the key ends with it: revoked, expired, on every process, with nothing to clean up.

What a cookie can do is small in return: it only reads (`gateway.http.gate`), and sign-in and sign-out take JSON from
the page's own origin only, so that nobody is signed in as somebody else by a page from elsewhere.
"""

from typing import Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from gateway.http import answer, problem
from gateway.http.access import caller_or_none, check_scope, no_key, public
from gateway.http.body import body_of
from gateway.http.client_address import address_of
from gateway.http.gate import COOKIE, Access, Shown
from gateway.http.own_page import is_encrypted, is_own_page
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.keys.scopes import READS, STOCK_READ

BODY_MAX_BYTES: Final = 1_024
SESSION_S: Final = 12 * 3_600
"""How long a browser keeps it: a working day. The key itself may end before."""


class SessionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the sign-in form sends."""

    key: str


class Session(msgspec.Struct, frozen=True):
    """Who is asking. `needed`: nobody may read without a key; `channel` is null for nobody."""

    needed: bool
    channel: str | None = None
    scopes: list[str] = []
    sites: list[str] | None = None


def _check_origin(request: Request) -> None:
    if not is_own_page(request):
        origin = shown(request.headers.get("origin", "another site"))
        raise RefusedError(Problem(problem.OTHER, f"sign-in from the page of {origin}", status=403))


def _set_cookie(response: Response, request: Request, value: str, max_age_s: int) -> Response:
    encrypted = is_encrypted(request)
    response.set_cookie(COOKIE, value, max_age=max_age_s, httponly=True, samesite="strict", secure=encrypted)
    return response


def install(app: FastAPI, access: Access | None) -> None:
    """Add `/session` for the live page."""

    @public
    async def who(request: Request) -> Response:
        caller = caller_or_none(request)
        needed = caller is None or bool(caller.key_id)
        if caller is None:
            return answer.uncached(Session(needed))
        sites = None if caller.sites is None else sorted(caller.sites)
        return answer.uncached(Session(needed, caller.policy.name, sorted(caller.scopes), sites))

    @public
    async def begin(request: Request) -> Response:
        _check_origin(request)
        body = await body_of(request, SessionBody, BODY_MAX_BYTES)
        given = Shown(body.key.strip(), by_cookie=True)
        found = None if access is None else await access.admit(given, address_of(request.scope))
        if found is None:
            raise RefusedError(no_key("there are no keys here: this machine may ask without"))
        if isinstance(found, Problem):
            raise RefusedError(found)
        check_scope(found, STOCK_READ)
        session = Session(needed=True, channel=found.policy.name, scopes=sorted(found.scopes & READS))
        return _set_cookie(answer.uncached(session), request, body.key.strip(), SESSION_S)

    @public
    async def end(request: Request) -> Response:
        _check_origin(request)
        return _set_cookie(answer.uncached(Session(needed=True)), request, "", 0)

    app.add_route("/session", who, methods=["GET"], include_in_schema=False)
    app.add_route("/session", begin, methods=["POST"], include_in_schema=False)
    app.add_route("/session", end, methods=["DELETE"], include_in_schema=False)
