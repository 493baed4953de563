"""Who asks, and what a route asks of them: every route declares a scope, or that it is public.

Theory of operation. `gateway.http.gate` finds out who asks, once for each request, and leaves a `Caller` (or why there
is none) in the request's state. A route declares what it needs by `Depends(requires("stock:read"))`, or by the
decorator `public`. Two things stand behind the declaration, so that one forgotten line opens nothing: `closed` runs
before every FastAPI route and refuses one without a declaration, and `seal` does the same to plain routes.

Checked in this order: is there a caller (401), has its key asked too often (429; below `/v1/` the gate counts, before
any route is looked for, so that who asks too much costs little), has it the scope (403), and is every site that the
path or the query names one of its own (403). A site in a body is the handler's to check, by
`check_site`; lists leave out what `Caller.sees` refuses.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Route
from starlette.types import Scope

from gateway.availability import Policy
from gateway.http import problem
from gateway.http.problem import Problem, RefusedError
from gateway.keys.scopes import ALL_SCOPES

F = TypeVar("F", bound=Callable[..., Any])

CALLER: Final = "caller"
REFUSAL: Final = "refusal"
KEEPER: Final = "keeper"
COUNTED: Final = "counted"

SITE_PARAMETERS: Final = ("site", "to_site", "from_site", "pickup_site")
"""Parameters of a path or a query that name one site."""

_PUBLIC: Final = "__lastunit_public__"
_DECLARED: Final = "__lastunit_declared__"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key's id (empty: there are no keys, and this machine asks), its policy, scopes and sites.

    `sites` is None when the key is for all sites.
    """

    key_id: str
    policy: Policy
    scopes: frozenset[str]
    sites: frozenset[str] | None = None
    rate_per_s: float = 0.0
    burst: int = 0

    def may(self, scope: str) -> bool:
        """Whether this caller has a scope."""
        return scope in self.scopes

    def sees(self, site: str) -> bool:
        """Whether this site is one of the caller's."""
        return self.sites is None or site in self.sites


LOCAL: Final = Caller("", Policy(), ALL_SCOPES)
"""This machine, while there are no keys."""


class Keeper(Protocol):
    """Keeps the keys: `gateway.http.gate.Access`."""

    def wait_s(self, caller: Caller) -> float:
        """Return 0 and count the request, or the seconds until the next is allowed."""
        ...

    def still(self, caller: Caller) -> bool:
        """Whether a caller that was let in may go on."""
        ...


def caller_of(request: Request) -> Caller:
    """Return who asks.

    Raises:
        RefusedError: 401, saying what is wrong with the key that was sent, or that there is none.
    """
    state = request.scope.get("state", {})
    caller = state.get(CALLER)
    if isinstance(caller, Caller):
        return caller
    refusal = state.get(REFUSAL)
    raise RefusedError(refusal if isinstance(refusal, Problem) else no_key("no key was sent"))


def caller_or_none(request: Request) -> Caller | None:
    """Return who asks a public route; None for anybody."""
    caller = request.scope.get("state", {}).get(CALLER)
    return caller if isinstance(caller, Caller) else None


def may_see_items(request: Request) -> bool:
    """Whether whoever asks may see single items: serials, places, moves."""
    caller = caller_or_none(request)
    return caller is not None and caller.may("staff:read")


def no_key(detail: str, *, sent: bool = False) -> Problem:
    """Return the refusal of a request without a usable key; `sent`: it had one (RFC 6750 section 3)."""
    error = ', error="invalid_token"' if sent else ""
    return Problem(problem.NO_KEY, detail, headers={"WWW-Authenticate": f'Bearer realm="lastunit"{error}'})


def check_scope(caller: Caller, scope: str) -> None:
    """Refuse a caller without this scope.

    Raises:
        RefusedError: 403 `scope-missing`, naming the scope.
    """
    if scope in caller.scopes:
        return
    own = sorted(caller.scopes)
    detail = f"key {caller.key_id} has {', '.join(own) or 'none of the reading scopes'}; this path needs {scope}"
    challenge = f'Bearer realm="lastunit", error="insufficient_scope", scope="{scope}"'
    members: dict[str, problem.Member] = {"value": own, "expected": scope}
    raise RefusedError(Problem(problem.SCOPE_MISSING, detail, members, headers={"WWW-Authenticate": challenge}))


def check_site(caller: Caller, site: str) -> None:
    """Refuse a site that is not the caller's, whether it exists or not.

    Raises:
        RefusedError: 403 `site-not-allowed`, naming the sites of the key.
    """
    if caller.sites is None or site in caller.sites:
        return
    own = sorted(caller.sites)
    detail = f"site {site[:64]!r}: key {caller.key_id} is for {', '.join(own)}"
    raise RefusedError(Problem(problem.SITE_NOT_ALLOWED, detail, {"value": site[:64], "expected": own}))


def count(scope: Scope, caller: Caller) -> float:
    """Count a request against its key's rate, once however often it is asked: 0, or the seconds to wait."""
    state = scope["state"]
    keeper: Keeper | None = state.get(KEEPER)
    if keeper is None or state.get(COUNTED):
        return 0.0
    wait_s = keeper.wait_s(caller)
    state[COUNTED] = wait_s <= 0
    return wait_s


def too_often(scope: Scope, caller: Caller) -> Problem | None:
    """Count a request: return None, or its refusal, 429 `rate-limited` with Retry-After."""
    wait_s = count(scope, caller)
    if wait_s <= 0:
        return None
    allowed = f"{caller.rate_per_s:g} a second, {caller.burst} at once"
    headers = {"Retry-After": str(max(1, -int(-wait_s // 1)))}
    detail = f"key {caller.key_id} may ask {allowed}"
    return Problem(problem.RATE_LIMITED, detail, {"expected": allowed}, headers=headers)


def check_rate(request: Request, caller: Caller) -> None:
    """Count a request, or refuse it.

    Raises:
        RefusedError: 429 `rate-limited` with Retry-After.
    """
    refused = too_often(request.scope, caller)
    if refused is not None:
        raise RefusedError(refused)


def still_may(request: Request) -> Callable[[], bool]:
    """Return what tells an answer that takes long, such as a stream, whether its reader's key is still good."""
    caller = caller_of(request)
    keeper: Keeper | None = request.scope["state"].get(KEEPER)
    return (lambda: True) if keeper is None else (lambda: keeper.still(caller))


class Requires:
    """A FastAPI dependency: the route is for callers with `scope`."""

    def __init__(self, scope: str) -> None:
        if scope not in ALL_SCOPES:
            raise ValueError(f"scope {scope!r}: expected one of {sorted(ALL_SCOPES)}")
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return who asks, or refuse with 401, 429 or 403."""
        caller = caller_of(request)
        check_rate(request, caller)
        check_scope(caller, self.scope)
        if caller.sites is not None:
            for name in SITE_PARAMETERS:
                self._check_parameter(request, caller, name)
        return caller

    @staticmethod
    def _check_parameter(request: Request, caller: Caller, name: str) -> None:
        in_path = request.path_params.get(name)
        if in_path is not None:
            check_site(caller, str(in_path))
        for site in request.query_params.getlist(name):
            check_site(caller, site)


def requires(scope: str) -> Requires:
    """Return the dependency that a route declares: `dependencies=[Depends(requires("stock:read"))]`.

    As a parameter, `caller: Annotated[Caller, Depends(requires("stock:read"))]`, it hands over who asks.
    """
    return Requires(scope)


def public(endpoint: F) -> F:
    """Declare that anybody may ask this route: `@public` below the route's own decorator."""
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def is_public(route: object) -> bool:
    """Whether a route declares itself public."""
    return bool(getattr(getattr(route, "endpoint", None), _PUBLIC, False))


def scopes_needed(route: object) -> frozenset[str]:
    """Return the scopes that a route declares; none when it is public, or declares nothing."""
    if not isinstance(route, APIRoute):
        return frozenset()
    return frozenset(_scopes(route.dependant.dependencies))


def _scopes(dependants: Iterable[Any]) -> Iterable[str]:
    for dependant in dependants:
        if isinstance(dependant.call, Requires):
            yield dependant.call.scope
        yield from _scopes(dependant.dependencies)


def is_declared(route: object) -> bool:
    """Whether a route says who may ask it."""
    return is_public(route) or bool(scopes_needed(route))


def _undeclared(path: str) -> Problem:
    return Problem(problem.SCOPE_MISSING, f"{path} declares no scope and is not public: a defect of the gateway")


def declarations(app: FastAPI) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Yield the path, the methods and the scopes of every route; no scope: public, or refused."""
    for found in iter_route_contexts(app.routes):
        yield found.path_format or found.path or "", frozenset(found.methods or ()), scopes_needed(found.original_route)


async def closed(request: Request) -> None:
    """Run before every FastAPI route: refuse one that declares nothing.

    Raises:
        RefusedError: 403.
    """
    route = request.scope["route"]
    if getattr(route, _DECLARED, False):
        return
    if not is_declared(route):
        raise RefusedError(_undeclared(request.scope["path"]))
    setattr(route, _DECLARED, True)  # read once: a route's declaration never changes


def seal(app: FastAPI) -> None:
    """Refuse every plain route of `app` that declares nothing. Call it when all routes are there."""
    for route in app.routes:
        if isinstance(route, Route) and not isinstance(route, APIRoute) and not is_public(route):
            route.app = _Refused(route.path)


class _Refused:
    """What stands in place of a plain route that declares nothing."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def __call__(self, *_: object) -> None:
        raise RefusedError(_undeclared(self._path))
