"""The whole gateway in this process, with every route that it has, two keys, and a key for one site only."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import GatewayConfig
from gateway.http import openapi
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.keys.scopes import ALL_SCOPES
from gateway.keys.store import ChannelChange, NewKey, create_key, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from tests.gateway.http.test_access_matrix import VALUES
from tests.gateway.small_store import DATA as TOPIC
from tests.gateway.small_store import FLOOR, SHIRT_S, SITE, T0_US, ManualClock, epc, frame, other_site, reads
from tests.gateway.test_catalogue import GOOD
from tests.gateway.wait import until

OTHER: Final = "store-002"
FAST: Final = 100_000.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One method of one path, with the bodies that the documentation shows."""

    method: str
    path: str
    in_document: bool
    bodies: tuple[Any, ...]
    parameters: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        """The path with a value for each parameter."""
        path = self.path
        for name in [part.partition("}")[0] for part in path.split("{")[1:]]:
            value = SITE.id if name == "site" else VALUES.get(name, "x")
            path = path.replace(f"{{{name}}}", value)
        return path

    @property
    def wanted(self) -> dict[str, str]:
        """The query parameters without which it is refused."""
        needed = (one["name"] for one in self.parameters if one["in"] == "query" and one.get("required"))
        return {name: SITE.id if name == "site" else VALUES.get(name, "x") for name in needed}


@dataclass(slots=True)
class Whole:
    """A gateway that runs, an HTTP client with all rights, and one with those for `SITE` only."""

    gateway: Gateway
    app: FastAPI
    token: str
    http: httpx.AsyncClient
    own: httpx.AsyncClient

    def routes(self) -> Iterator[Asked]:
        """Every method of every route."""
        document = openapi.document(self.app)["paths"]
        for found in iter_route_contexts(self.app.routes):
            path = str(found.path).replace(":path}", "}")
            for method in sorted(set(found.methods or ()) - {"OPTIONS"}):
                described = document.get(path, {}).get(method.lower())
                content = (described or {}).get("requestBody", {}).get("content", {}).get("application/json", {})
                bodies = tuple(example["value"] for example in content.get("examples", {}).values())
                parameters = tuple((described or {}).get("parameters", ()))
                yield Asked(method, path, described is not None, bodies, parameters)


async def _key(database: Database, sites: frozenset[str] | None) -> str:
    minted = mint(secrets.token_bytes(ENTROPY_BYTES))
    new = NewKey(channel="web", scopes=ALL_SCOPES, sites=sites, rate_per_s=FAST, burst=100_000)
    async with database.write() as connection:
        await upsert_channel(connection, "web", ChannelChange(), T0_US)
        await create_key(connection, minted, new, T0_US)
    return minted.token


@asynccontextmanager
async def whole_gateway(folder: Path, serials: tuple[int, ...] = (1, 2, 3)) -> AsyncIterator[Whole]:
    """Run it: shirts with these serials were read on the floor of `SITE`."""
    url = f"sqlite:///{folder}/whole.db"
    migrate(url)
    database = Database(url)
    token, own = await _key(database, None), await _key(database, frozenset({SITE.id}))
    await import_catalogue(database, GOOD, T0_US)
    await database.close()
    made: list[FastAPI] = []

    def factory(*parts: Any, **more: Any) -> FastAPI:
        made.append(create_app(*parts, **more))
        return made[-1]

    broker, clock = MemoryBroker(), ManualClock()
    config = GatewayConfig(database_url=url, http_port=0)  # type: ignore[arg-type]  # pydantic makes it secret
    sites = [SITE, other_site(OTHER)]
    gateway = Gateway(config, sites=sites, source=MemorySource(broker, clock), http=factory, clock=clock)
    async with gateway, _client(gateway, token) as http, _client(gateway, own) as mine:
        await until(lambda: gateway.source.connected and gateway.fold.holds(SITE.id))
        for second in range(4):
            clock.advance(1)
            broker.send(TOPIC, frame(reads(second, [(FLOOR, epc(SHIRT_S, serial)) for serial in serials]), second + 1))
        await until(lambda: SITE.id in gateway.fold.folds)
        await until(lambda: gateway.fold.folds[SITE.id].state.figures["read_batches"] == 4)
        yield Whole(gateway, made[0], token, http, mine)


def _client(gateway: Gateway, token: str) -> httpx.AsyncClient:
    """Plain HTTP only: without `verify` it need not read the system's certificates each time."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    url = str(gateway.http_url)
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20, verify=False)
