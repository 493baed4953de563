"""The gate before all routes: finds out who asks, once for each request.

Theory of operation. Two states, decided by what the database holds, not by configuration:

* **No key was ever made.** Only this machine may ask (`gateway.http.loopback`), and it may do everything.
* **There are keys.** Any address may ask, but nobody without a key, this machine included; a reverse proxy in between
  is normal then, and the Host header says nothing. The way back is closed: a revoked key is still a key.

A key comes as `Authorization: Bearer lu_...` (RFC 6750), as `X-API-Key`, or in a cookie. A request that shows a key
which is not usable is refused even if it carries another that is.

Browsers send cookies without anybody meaning it. So that of the live page's session can only read: GET and HEAD, and no
scope but the reading ones. That of a store screen (`gateway.pairing`) writes too, but only when the page itself asks:
with the header `X-Lastunit-Screen: 1`, which no page from elsewhere can send without being asked first (CORS), and when
the browser says that it is our own page. It never gives more than a screen may do, whatever key it holds. A browser
that has both cookies shows the session's, unless that header chooses the screen's.

The gate refuses nothing by itself once there are keys, except paths below `/v1/`, where nothing is public, and where it
counts the request, too: it leaves the caller, or the reason why there is none, to the route (`gateway.http.access`).

Wrong keys are counted by address: whoever shows more than a few is told to wait. Nobody guesses 256 random bits; this
keeps the work and the counters small, and makes the attempt visible (`keys_guessed_too_often`). A key that is good, or
was, is never refused for what others at its address try: the shops of a chain may share one.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http import problem
from gateway.http.access import CALLER, KEEPER, LOCAL, REFUSAL, Caller, no_key, too_often
from gateway.http.client_address import address_of
from gateway.http.loopback import refusal as loopback_refusal
from gateway.http.own_page import is_surely_own_page
from gateway.http.problem import Problem
from gateway.http.refusals import problem_response
from gateway.keys.key import Key, Standing
from gateway.keys.limiter import Limiter
from gateway.keys.ring import KeyRing, RingStaleError
from gateway.keys.scopes import READS, SCREEN
from gateway.keys.token import parse_token

COOKIE: Final = "lu_session"
SCREEN_COOKIE: Final = "lu_screen"
API_KEY: Final = b"x-api-key"
SCREEN_HEADER: Final = b"x-lastunit-screen"
SCREEN_SAYS: Final = b"1"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
ALWAYS_KEYED: Final = "/v1/"
LET_IN_MAX: Final = 10_000
"""As many as there may be keys (`gateway.keys.store.KEYS_MAX`); above it all are forgotten and found again."""


WRONG_PER_S: Final = 1.0
WRONG_BURST: Final = 60
"""Wrong keys of one address: a tablet with a mistyped key, or a script that was not told of a new one, stays below."""

ADDRESSES_MAX: Final = 10_000
"""Addresses that showed wrong keys, some 200 bytes each; above it the longest unused is forgotten."""


class Shown(NamedTuple):
    """The key that a request shows; `by_cookie`: a browser added it by itself, `by_screen`: that of a store screen."""

    text: str
    by_cookie: bool = False
    by_screen: bool = False


def cookie_of(header: str, wanted: str = COOKIE) -> str | None:
    """Return the session, or another cookie, in a Cookie header (RFC 6265 section 4.2.1), or None."""
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return None


def _in_cookies(header: str, *, of_screen: bool) -> Shown | None:
    """Return the key in a Cookie header: the session's before the screen's, unless the screen itself asks."""
    session, screen = cookie_of(header), cookie_of(header, SCREEN_COOKIE)
    if screen is not None and (of_screen or session is None):
        return Shown(screen, by_cookie=True, by_screen=True)
    return None if session is None else Shown(session, by_cookie=True)


def shown_by(scope: Scope) -> Shown | None:
    """Return the key that a request shows. Authorization of another scheme is a proxy's business and passed over."""
    api_key = cookies = None
    of_screen = False
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, text = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer":
                return Shown(text.strip())
        elif name == API_KEY:
            api_key = Shown(value.decode("latin-1").strip())
        elif name == b"cookie" and cookies is None:
            cookies = value.decode("latin-1")
        elif name == SCREEN_HEADER:
            of_screen = value == SCREEN_SAYS
    return api_key or (None if cookies is None else _in_cookies(cookies, of_screen=of_screen))


def caller_with(key: Key, *, by_cookie: bool = False, by_screen: bool = False) -> Caller:
    """Return the caller that holds this key."""
    scopes = key.scopes & (SCREEN if by_screen else READS) if by_cookie else key.scopes
    return Caller(key.id, key.policy, scopes, key.sites, key.rate_per_s, key.burst)


class LetIn(NamedTuple):
    """A key that was sent and found good, and who holds it."""

    key: Key
    caller: Caller


class Access:
    """The keys of this process and how often each was used. `now_s` is a clock that never goes back.

    What was sent and found good is remembered as it was sent until the keys are read again, so that a digest is made
    once in `RELOAD_S` and not for each request. It is found by its hash, not letter by letter: the time says nothing
    about a wrong key.
    """

    def __init__(self, ring: KeyRing, now_s: Callable[[], float], limiter: Limiter | None = None) -> None:
        self.ring = ring
        self.limiter = limiter or Limiter()
        self.wrong = Limiter(ADDRESSES_MAX)
        self.refused = 0
        self.screens: set[str] = set()
        """Keys that asked as store screens since somebody wrote them down and cleared this; at most all there are."""
        self._now_s = now_s
        self._let_in: dict[Shown, LetIn] = {}

    @property
    def keys_exist(self) -> bool:
        """Whether a key was ever made. Raises `RingStaleError` while the keys cannot be read."""
        return self.ring.keys_exist

    def wait_s(self, caller: Caller) -> float:
        """Count a request of a key: return 0, or the seconds until its next is allowed."""
        if not caller.key_id:
            return 0.0
        return self.limiter.take(caller.key_id, caller.rate_per_s, caller.burst, self._now_s())

    def still(self, caller: Caller) -> bool:
        """Whether a caller that was let in may go on: asked by streams at every heartbeat."""
        if caller.key_id:
            return self.ring.is_live(caller.key_id)
        return not self.ring.is_stale and not self.ring.keys_exist

    def remembered(self, shown: Shown | None) -> Caller | None:
        """Return who shows this key, if it was found good since the keys were read and still is."""
        if shown is None or (found := self._let_in.get(shown)) is None:
            return None
        if self.ring.still_lets_in(found.key):
            return found.caller
        del self._let_in[shown]
        return None

    async def admit(self, shown: Shown | None, address: str | None = None) -> Caller | Problem | None:
        """Return who shows this key, or what is wrong with it; None when there are no keys at all.

        `address` is whose wrong keys are counted together (`gateway.http.client_address`); None: counted before.
        """
        try:
            found = await self._caller(shown, address)
            keys_exist = self.ring.keys_exist
        except RingStaleError:
            detail = "the keys cannot be read from the database"
            return Problem(problem.UNAVAILABLE, detail, headers={"Retry-After": "2"})
        return found if keys_exist else None

    def _unknown(self, detail: str, address: str | None) -> Problem:
        """Return the refusal of what is no key of ours, and count it."""
        self.refused += 1
        wait_s = 0.0 if address is None else self.wrong.take(address, WRONG_PER_S, WRONG_BURST, self._now_s())
        if wait_s <= 0:
            return no_key(detail, sent=True)
        allowed = f"{WRONG_BURST} wrong keys, and {WRONG_PER_S:g} a second from then on"
        headers = {"Retry-After": str(max(1, -int(-wait_s // 1)))}
        told = f"too many wrong keys came from this address; {detail}"
        return Problem(problem.TOO_MANY_REQUESTS, told, {"expected": allowed}, headers=headers)

    async def _caller(self, shown: Shown | None, address: str | None) -> Caller | Problem:
        if shown is None:
            return no_key("no key was sent")
        token = parse_token(shown.text)
        if token is None:
            return self._unknown("what was sent is no key: lu_, 12 characters, _, 43 characters", address)
        found = await self.ring.find(token)
        if found is None:
            return self._unknown(f"key {token.id} is not known here", address)
        key, standing = found
        if standing is not Standing.LIVE:
            self.refused += 1
            return no_key(f"key {key.id} is {standing}", sent=True)
        if len(self._let_in) >= LET_IN_MAX:
            self._let_in.clear()
        caller = caller_with(key, by_cookie=shown.by_cookie, by_screen=shown.by_screen)
        self._let_in[shown] = LetIn(key, caller)
        return caller

    async def begin(self) -> None:
        """Read the keys for the first time. Raises what the database raises."""
        await self.ring.reload()

    def counters(self) -> dict[str, int]:
        """Return what was refused and what failed."""
        return {
            "keys_refused": self.refused,
            "keys_guessed_too_often": self.wrong.refused,
            "keys_rate_limited": self.limiter.refused,
            "keys_read_errors": self.ring.errors,
        }


class Gate:
    """ASGI middleware: leaves the caller in the request's state. Without `access` there are no keys, ever."""

    def __init__(self, app: ASGIApp, access: Access | None = None) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who asks; refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = await self._admit(scope)
        if refused is not None:
            await problem_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Problem | None:
        state = scope.setdefault("state", {})
        state[CALLER] = state[REFUSAL] = None
        shown = shown_by(scope)
        if self._access is not None:
            state[KEEPER] = self._access
            who = self._access.remembered(shown) or await self._access.admit(shown, address_of(scope))
            if who is not None:
                if shown is not None and shown.by_screen and isinstance(who, Caller):
                    self._access.screens.add(who.key_id)
                return self._keyed(scope, who, shown)
        refused = loopback_refusal(scope)
        if refused is None:
            state[CALLER] = LOCAL
        return refused

    @staticmethod
    def _keyed(scope: Scope, who: Caller | Problem, shown: Shown | None) -> Problem | None:
        if isinstance(who, Caller) and shown is not None and shown.by_cookie and scope["method"] not in SAFE_METHODS:
            who = _writing(scope, shown) or who
        keyed = scope["path"].startswith(ALWAYS_KEYED)
        if isinstance(who, Caller):
            scope["state"][CALLER] = who
            return too_often(scope, who) if keyed else None
        scope["state"][REFUSAL] = who
        return who if keyed else None


def _writing(scope: Scope, shown: Shown) -> Problem | None:
    """Say why a request by cookie may not write, or None."""
    if not shown.by_screen:
        return no_key("the session of the page can only read: send the key itself to write")
    headers = Headers(scope=scope)
    if headers.get(SCREEN_HEADER.decode()) != SCREEN_SAYS.decode():
        return no_key("a store screen writes with the header `X-Lastunit-Screen: 1` only")
    if not is_surely_own_page(headers):
        return no_key(
            "a store screen writes from its own page only: the browser says that another one asks, or nothing"
        )
    return None
