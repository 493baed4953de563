"""Pairing: codes and screens for whoever runs the stores, and `/store/pair` for the device itself.

A paired device keeps its key in a cookie that no script can read and no other site's page can make the browser send:
the way of `/session` (`gateway.http.session_routes`), with one difference: a screen writes (`gateway.http.gate` says
under which conditions). The cookie lasts as long as browsers let one (400 days, RFC 6265bis section 5.5), from the last
time the screen was opened; the key has no end of its own, and is revoked when the device is lost.
"""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from gateway.http import answer, pair_rows, problem
from gateway.http.access import Caller, caller_or_none, check_site, public, requires
from gateway.http.body import body_of, request_body
from gateway.http.client_address import address_of
from gateway.http.gate import SCREEN_COOKIE, Access, shown_by
from gateway.http.openapi import Responses, described
from gateway.http.own_page import is_encrypted, is_own_page
from gateway.http.pair_rows import (
    PairBody,
    PairedDevice,
    PairingCode,
    PairingCodeBody,
    StoreScreen,
    StoreScreens,
    code_row,
    screen_row,
)
from gateway.http.patterns import NAME
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.keys.scopes import SCREEN_WRITE
from gateway.keys.store import KeyStoreError
from gateway.pairing.desk import Pairing
from gateway.pairing.errors import (
    NoKeysError,
    PairingError,
    PairingRefusedError,
    ScreenNameError,
    TooManyCodesError,
    TooOftenError,
    UnknownPairingSiteError,
    UnknownScreenError,
)
from gateway.pairing.limits import BODY_MAX_BYTES
from gateway.pairing.store import Screen
from wire.limits import ID_MAX_CHARS

Keeper = Annotated[Caller, Depends(requires(SCREEN_WRITE))]
ScreenId = Annotated[str, Path(description="`id` of a screen", max_length=16, pattern=NAME)]
SiteWanted = Annotated[
    str | None, Query(description="only screens of this site", min_length=1, max_length=ID_MAX_CHARS, pattern=NAME)
]

COOKIE_S: Final = 400 * 86_400
"""The longest that browsers keep a cookie."""


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Turn what pairing refuses into its problem."""
    try:
        yield
    except (PairingError, KeyStoreError) as error:
        raise _refusal(error) from error


_KINDS: Final[dict[type[Exception], problem.Kind]] = {
    PairingRefusedError: problem.PAIRING_REFUSED,
    TooManyCodesError: problem.TOO_MANY_CODES,
    NoKeysError: problem.NO_KEYS,
    UnknownPairingSiteError: problem.UNKNOWN_SITE,
    UnknownScreenError: problem.UNKNOWN_SCREEN,
    KeyStoreError: problem.BUSY,
    ScreenNameError: problem.INVALID_BODY,
}


def _refusal(error: PairingError | KeyStoreError) -> RefusedError:
    if isinstance(error, TooOftenError):
        headers = {"Retry-After": str(max(1, -int(-error.wait_s // 1)))}
        members: dict[str, problem.Member] = {"expected": error.allowed}
        return RefusedError(Problem(problem.TOO_MANY_REQUESTS, str(error), members, headers=headers))
    return RefusedError(Problem(_KINDS[type(error)], str(error)))


def routes(pairing: Pairing, access: Access | None) -> APIRouter:
    """Return the routes for whoever runs the stores."""
    router = APIRouter(tags=["screens"])

    @router.post(
        "/v1/pairing-codes",
        summary="Make a code that pairs a device in a store",
        status_code=201,
        response_class=Response,
        responses=_made(),
        openapi_extra=request_body(PairingCodeBody, {"for a till": pair_rows.EXAMPLE_BODY}),
    )
    async def make(request: Request, caller: Keeper) -> Response:
        """Eight characters, good for five minutes and for one device, which becomes a store screen of the site.

        A screen may read the site's stock and items and take its tasks (`stock:read`, `staff:read`, `task:write`),
        whatever this key may do. At most five codes of a site are open at once.
        """
        body = await body_of(request, PairingCodeBody, BODY_MAX_BYTES)
        check_site(caller, body.site)
        with refused():
            made = await pairing.open(body.site, body.name, caller.key_id)
        return answer.uncached(code_row(made), 201)

    @router.get(
        "/v1/screens",
        summary="The store screens that were paired",
        response_class=Response,
        responses=described((StoreScreens,), {"one till": pair_rows.EXAMPLE_SCREENS}),
    )
    async def screens(caller: Keeper, site: SiteWanted = None) -> Response:
        """Those in use first, then the revoked ones, the newest first of each; at most 500."""
        sites = caller.sites if site is None else frozenset({site})
        return answer.uncached(StoreScreens([screen_row(found) for found in await pairing.screens(sites)]))

    @router.post(
        "/v1/screens/{screen}:revoke",
        summary="End a store screen",
        response_class=Response,
        responses=described((StoreScreen,), {"one till": pair_rows.EXAMPLE_SCREEN}, problem.UNKNOWN_SCREEN),
    )
    async def revoke(screen: ScreenId, caller: Keeper) -> Response:
        """For a device that is lost or moves elsewhere. Refused by this process at once, by others within a minute."""
        with refused():
            found = await pairing.end(screen, caller.key_id, caller.sites)
        await _read_keys_again(access)
        return answer.uncached(screen_row(found))

    return router


def _made() -> Responses:
    kinds = (problem.UNKNOWN_SITE, problem.TOO_MANY_CODES, problem.NO_KEYS)
    of_body = (problem.INVALID_BODY, problem.TOO_LARGE, problem.NOT_JSON)
    found = described((PairingCode,), {"a code": pair_rows.EXAMPLE_CODE}, *kinds, *of_body)
    return {201: found.pop(200) | {"description": "The code, shown now and never again"}} | found


async def _read_keys_again(access: Access | None) -> None:
    """Make this process know what changed now. When the database fails just then, the ring's own reading does."""
    if access is not None:
        with contextlib.suppress(SQLAlchemyError, OSError):
            await access.ring.reload()


def _check_origin(request: Request) -> None:
    if not is_own_page(request):
        origin = shown(request.headers.get("origin", "another site"))
        raise RefusedError(Problem(problem.OTHER, f"pairing from the page of {origin}", status=403))


def _set_cookie(response: Response, request: Request, value: str, max_age_s: int) -> Response:
    encrypted = is_encrypted(request)
    response.set_cookie(SCREEN_COOKIE, value, max_age=max_age_s, httponly=True, samesite="strict", secure=encrypted)
    return response


class _Devices:
    """What a device in a store asks for itself."""

    def __init__(self, pairing: Pairing, access: Access | None) -> None:
        self._pairing = pairing
        self._access = access

    async def asking(self, request: Request) -> tuple[str, Screen] | None:
        """Return the key in the device's cookie, and its screen. Raises `RefusedError` while nobody can tell."""
        found = shown_by(request.scope)
        if self._access is None or found is None or not found.by_screen:
            return None
        who = await self._access.admit(found)  # what the gate refused to a writing request is no matter here
        if isinstance(who, Problem) and who.kind is problem.UNAVAILABLE:
            raise RefusedError(who)
        if not isinstance(who, Caller):
            return None
        screen = await self._pairing.screen(who.key_id)
        return None if screen is None else (found.text, screen)

    async def pair(self, request: Request) -> Response:
        """Spend a code."""
        _check_origin(request)
        body = await body_of(request, PairBody, BODY_MAX_BYTES)
        before = await self.asking(request)  # first: while nobody can tell, the code stays good
        with refused():
            done = await self._pairing.pair(body.site, body.code, body.name, address_of(request.scope))
        if before is not None:  # one device, one key: that of before is in no cookie any more
            with refused():
                await self._pairing.end(before[1].key, done.screen.key)
        await _read_keys_again(self._access)
        return _paired(request, done.token, done.screen)

    async def unpair(self, request: Request) -> Response:
        """End the screen that asks; nothing when none does."""
        _check_origin(request)
        found = await self.asking(request)
        if found is not None:
            _, screen = found
            with refused():
                await self._pairing.end(screen.key, screen.key)
            await _read_keys_again(self._access)
        return _set_cookie(answer.uncached(PairedDevice(needed=True)), request, "", 0)

    async def who(self, request: Request) -> Response:
        """Say which screen asks, and make its cookie last anew."""
        found = await self.asking(request)
        if found is not None:
            return _paired(request, *found)
        caller = caller_or_none(request)
        if caller is not None and not caller.key_id:
            return answer.uncached(PairedDevice(needed=False))
        raise RefusedError(Problem(problem.NOT_PAIRED, "no store screen asks: this device was never paired, or ended"))


def _paired(request: Request, token: str, screen: Screen) -> Response:
    device = PairedDevice(needed=True, site=screen.site, name=screen.name)
    return _set_cookie(answer.uncached(device), request, token, COOKIE_S)


def install(app: FastAPI, pairing: Pairing, access: Access | None) -> None:
    """Add `/store/pair`, `/store/unpair` and `/store/me`; before the page `/store/{site}`."""
    devices = _Devices(pairing, access)

    @public
    async def pair(request: Request) -> Response:
        return await devices.pair(request)

    @public
    async def unpair(request: Request) -> Response:
        return await devices.unpair(request)

    @public
    async def who(request: Request) -> Response:
        return await devices.who(request)

    app.add_route("/store/me", who, methods=["GET"], include_in_schema=False)
    app.add_route("/store/pair", pair, methods=["POST"], include_in_schema=False)
    app.add_route("/store/unpair", unpair, methods=["POST"], include_in_schema=False)
