"""Every route x every scope x own and other site x no, wrong, expired and revoked key: made from the router itself."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from gateway.http import openapi
from gateway.http.access import SITE_PARAMETERS, is_declared, is_public, scopes_needed
from gateway.http.gate import ALWAYS_KEYED
from gateway.keys.limiter import Limiter
from gateway.keys.scopes import ALL_SCOPES
from gateway.keys.token import ENTROPY_BYTES, mint
from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, open_keyed
from tests.gateway.small_store import SECOND_US, SHIRT_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSALS: Final = frozenset(
    {"no-key", "scope-missing", "site-not-allowed", "rate-limited", "loopback-only", "wrong-host"}
)
VALUES: Final = {"gtin": SHIRT_S, "name": "app.js", "lat": "52.5", "lon": "13.4"}
"""Parameters that a route needs; every other one becomes `x`."""

HOLD: Final = "shown to the key that made it, and to staff of all its sites (tests/gateway/holds)"
ITEM: Final = "only what is of the key's sites (tests/gateway/trade)"
SHIPMENT: Final = "one end must be the key's: the one that acts (tests/gateway/trade)"
WITHOUT_SITE = {
    "GET /v1/sites": "leaves out the others (test_access.py)",
    "GET /v1/edges": "leaves out the others (test_access.py)",
    "POST /v1/references:erase": "for keys of all sites only",
    "GET /v1/items/{gtin}/{serial}": ITEM,
    "GET /v1/shipments/{shipment}": SHIPMENT,
    "POST /v1/transfers/{shipment}:ship": SHIPMENT,
    "POST /v1/transfers/{shipment}:cancel": SHIPMENT,
    "POST /v1/transfers/{shipment}:receive": SHIPMENT,
    "GET /v1/reservations/{reservation}": HOLD,
} | {
    f"POST /v1/reservations/{{reservation}}:{verb}": HOLD
    for verb in ("confirm", "release", "renew", "fulfil", "transfer", "pick", "pick-miss")
}
WITHOUT_SITE |= dict.fromkeys(
    ["GET /v1/orders/{order}", "POST /v1/orders/{order}:confirm", "POST /v1/orders/{order}:release"], HOLD
)
WITHOUT_SITE |= {
    f"POST /v1/tasks/{{task}}:{act}": "only tasks of the key's sites (test_task_routes.py)"
    for act in ("claim", "release", "done", "cannot")
}
WITHOUT_SITE |= dict.fromkeys(
    ["GET /v1/exceptions/{alarm}", "POST /v1/exceptions/{alarm}:acknowledge"],
    "only alarms of the key's sites (tests/gateway/exceptions)",
)
WITHOUT_SITE |= dict.fromkeys(
    [
        "GET /v1/fleet/rollouts",
        "GET /v1/fleet/rollouts/{rollout}",
        "POST /v1/fleet/rollouts/{rollout}:stop",
        "POST /v1/fleet/rollouts/{rollout}:rollback",
    ],
    "only roll-outs all of whose devices are of the key's sites (tests/gateway/fleet)",
)
WITHOUT_SITE["POST /v1/screens/{screen}:revoke"] = "only screens of the key's sites (tests/gateway/pairing)"
WITHOUT_SITE |= dict.fromkeys(
    [
        "GET /v1/webhooks",
        "GET /v1/webhooks/{webhook}",
        "DELETE /v1/webhooks/{webhook}",
        "POST /v1/webhooks/{webhook}:resume",
        "POST /v1/webhooks/{webhook}:test",
        "GET /v1/webhooks/{webhook}/dead-letters",
    ],
    "of the key that made it; what is sent is of its sites (tests/gateway/push)",
)
"""Routes that name no site anywhere, and what keeps a key inside its own all the same. A new one must stand here."""


RULES: Final = (
    ("POST /v1/(availability:batch|sourcing:quote)", "stock:read"),
    (".* /v1/(reservations|orders).*", "hold:write"),
    (".* /v1/webhooks.*", "webhook:write"),
    ("POST /v1/tasks/.*", "task:write"),
    ("GET /v1/(tasks|replenishment).*", "staff:read"),
    (".* /v1/(pairing-codes|screens.*)", "screen:write"),
    (".* /v1/fleet.*", "device:admin"),
    ("POST /v1/exceptions/.*", "task:write"),
    ("GET /v1/exceptions.*", "staff:read"),
    ("GET /v1/audit", "audit:read"),
    ("GET /v1/(sites/{site}/(movements|find)|items/.*|postings|shipments.*)", "staff:read"),
    ("GET /v1/.*", "stock:read"),
    (".* /v1/.*", "stock:write"),
)
"""The scope of each kind of path, said a second time: the first rule that fits holds."""

FOR_ALL_SITES: Final = frozenset({"POST /v1/references:erase"})


@dataclass(frozen=True)
class Asked:
    """One route, ready to be asked."""

    method: str
    path: str
    scopes: frozenset[str]
    is_public: bool
    query: tuple[str, ...]
    examples: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> frozenset[str]:
        """Parameters of the path or the query that name a site."""
        return frozenset(name for name in SITE_PARAMETERS if f"{{{name}}}" in self.path or name in self.query)

    @property
    def in_body(self) -> bool:
        return any(example != with_sites(example, "\0") for example in self.examples)

    def bodies(self, site: str) -> list[Any]:
        """The bodies of the documentation with this site in place of theirs; one empty body where there are none."""
        if self.method in {"GET", "HEAD", "DELETE"}:
            return [None]
        return [with_sites(example, site) for example in self.examples] or [{}]

    def url(self, site: str) -> str:
        """The address with a value for each parameter, `site` for those that name one."""
        path = self.path
        for name in _names(path):
            path = path.replace(f"{{{name}}}", site if name in SITE_PARAMETERS else VALUES.get(name, "x"))
        wanted = {name: site if name in SITE_PARAMETERS else VALUES[name] for name in self.query if _given(name)}
        return str(httpx.URL(path, params=wanted) if wanted else path)


def _given(name: str) -> bool:
    return name in SITE_PARAMETERS or name in VALUES


def _names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def with_sites(value: Any, site: str) -> Any:
    """A body with every site in it replaced."""
    if isinstance(value, dict):
        return {key: _with_site(key, member, site) for key, member in value.items()}
    return [with_sites(member, site) for member in value] if isinstance(value, list) else value


def _with_site(key: str, member: Any, site: str) -> Any:
    if key == "sites" and isinstance(member, list):
        return [site]
    return site if key in SITE_PARAMETERS and isinstance(member, str) else with_sites(member, site)


def routes_of(app: FastAPI) -> Iterator[Asked]:
    document = openapi.document(app)["paths"]
    for found in iter_route_contexts(app.routes):
        route = found.original_route
        query = [field.alias for field in route.dependant.query_params] if isinstance(route, APIRoute) else []
        for method in sorted(set(found.methods or ()) - {"HEAD", "OPTIONS"}):
            path = str(found.path).replace(":path}", "}")
            body = document.get(path, {}).get(method.lower(), {}).get("requestBody", {}).get("content", {})
            examples = body.get("application/json", {}).get("examples", {})
            yield Asked(
                method,
                path,
                scopes_needed(route),
                is_public(route),
                tuple(query),
                tuple(example["value"] for example in examples.values()),
            )


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keyed(filled: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, filled.parent) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(keyed: Keyed) -> dict[str, str]:
    """A key for each scope alone, each for `OWN` only."""
    return {scope: await keyed.key(scope, sites=[OWN]) for scope in sorted(ALL_SCOPES)}


async def code_of(keyed: Keyed, asked: Asked, site: str, token: str | None, body: Any = None) -> str:
    """The refusal of a request because of who asks; empty when it got past that."""
    headers = {"Idempotency-Key": "k"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    body = asked.bodies(site)[0] if body is None else body
    answer = await keyed.http.request(asked.method, asked.url(site), json=body, headers=headers)
    assert answer.status_code < 500, (str(asked), answer.text)
    if not answer.headers.get("content-type", "").startswith("application/problem"):
        return ""
    code = str(answer.json()["code"])
    return code if code in REFUSALS else ""


async def test_every_route_declares_a_scope_or_that_it_is_public(keyed: Keyed) -> None:
    """A route without a declaration is refused when it is asked; here it is named before."""
    undeclared = [
        f"{found.methods} {found.path}"
        for found in iter_route_contexts(keyed.app.routes)
        if not is_declared(found.original_route)
    ]
    assert undeclared == []
    assert [str(asked) for asked in routes_of(keyed.app) if asked.is_public and asked.scopes] == []


async def test_nothing_below_v1_is_public(keyed: Keyed) -> None:
    asked = list(routes_of(keyed.app))
    assert len([route for route in asked if route.path.startswith(ALWAYS_KEYED)]) > 10
    assert [str(route) for route in asked if route.is_public and route.path.startswith(ALWAYS_KEYED)] == []
    assert [str(route) for route in asked if not route.is_public and not route.path.startswith(ALWAYS_KEYED)] == []


async def test_every_route_asks_for_the_scope_of_its_kind(keyed: Keyed) -> None:
    """What only reads never asks for less than a reading scope, what writes for one that writes."""
    wrong = [
        (str(asked), sorted(asked.scopes))
        for asked in routes_of(keyed.app)
        if not asked.is_public
        and asked.scopes != {next(scope for rule, scope in RULES if re.fullmatch(rule, str(asked)))}
    ]
    assert wrong == []


async def test_every_route_asks_for_its_scope_and_no_other_will_do(keyed: Keyed, tokens: dict[str, str]) -> None:
    wrong = []
    for asked in routes_of(keyed.app):
        for scope, token in tokens.items():
            allowed = asked.is_public or asked.scopes <= {scope}
            code = await code_of(keyed, asked, OWN, token)
            for_all = allowed and str(asked) in FOR_ALL_SITES
            if code != ("site-not-allowed" if for_all else "" if allowed else "scope-missing"):
                wrong.append((str(asked), scope, code))
    assert wrong == []


async def test_every_scope_opens_something_or_is_for_a_part_that_is_not_here(keyed: Keyed) -> None:
    needed = {scope for asked in routes_of(keyed.app) for scope in asked.scopes}
    assert needed <= ALL_SCOPES
    assert {"stock:read", "stock:write", "staff:read"} <= needed


@pytest.mark.parametrize("kind", ["none", "unknown", "expired", "revoked", "malformed"])
async def test_no_route_answers_without_a_usable_key(keyed: Keyed, kind: str) -> None:
    await keyed.key("stock:read")  # the first key closes the gateway, whichever test comes first
    token: str | None = None
    if kind == "unknown":
        token = mint(b"\7" * ENTROPY_BYTES).token
    elif kind == "malformed":
        token = "lu_short"
    elif kind == "expired":
        token = await keyed.key(*ALL_SCOPES, expires_us=keyed.clock() + SECOND_US)
        keyed.clock.advance(1)
    elif kind == "revoked":
        token = await keyed.key(*ALL_SCOPES)
        await keyed.revoke(token)
    wrong = []
    for asked in routes_of(keyed.app):
        keyed.access.wrong = Limiter()  # those of one address are counted (tests/security/test_wrong_keys.py)
        code = await code_of(keyed, asked, OWN, token)
        if code != ("" if asked.is_public else "no-key"):
            wrong.append((str(asked), code))
    assert wrong == []


async def test_every_route_keeps_a_key_inside_its_sites(keyed: Keyed) -> None:
    own = await keyed.key(*ALL_SCOPES, sites=[OWN])
    wrong = []
    for asked in routes_of(keyed.app):
        if asked.is_public:
            continue
        for number, body in enumerate(asked.bodies(OTHER)):
            if asked.parameters and await code_of(keyed, asked, OTHER, own, body) != "site-not-allowed":
                wrong.append((str(asked), "parameter"))
            if asked.in_body and with_sites(body, "\0") != body:
                other = await code_of(keyed, asked, OWN, own, body)
                mine = await code_of(keyed, asked, OWN, own, asked.bodies(OWN)[number])
                if (other, mine) != ("site-not-allowed", ""):
                    wrong.append((str(asked), f"body {number}: {other!r}, {mine!r}"))
        if not asked.parameters and not asked.in_body and str(asked) not in WITHOUT_SITE:
            wrong.append((str(asked), "names no site: say in WITHOUT_SITE what keeps a key inside its own"))
    assert wrong == []


async def test_a_key_for_all_sites_is_refused_none(keyed: Keyed) -> None:
    everywhere = await keyed.key(*ALL_SCOPES)
    wrong = []
    for asked in routes_of(keyed.app):
        for site in (OWN, OTHER):
            code = await code_of(keyed, asked, site, everywhere)
            if code:
                wrong.append((str(asked), site, code))
    assert wrong == []
