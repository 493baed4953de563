"""A store behind a real HTTP side, whose log a test fills by reads and over HTTP, and folds when it likes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import func, select

from gateway.catalogue import import_catalogue
from gateway.http.app import create_app
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database
from gateway.storage.schema import site_input
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import SECOND_US, SHIRT_S, SITE, T0_US, reads
from tests.gateway.test_catalogue import GOOD

if TYPE_CHECKING:
    from gateway.fold.site_fold import SiteFold

AT = "2026-11-18T11:06:4{}Z"
"""`T0_US` is 11:06:40."""
PATH = f"/v1/sites/{SITE.id}"


class Shop:
    """A site whose log a test fills by reads and over HTTP, and folds when it likes."""

    def __init__(self, database: Database, http: httpx.AsyncClient, rig: LogRig) -> None:
        self.database = database
        self.http = http
        self.rig = rig
        self.second = 0
        self.fold: SiteFold | None = None

    async def see(self, *seen: tuple[int, bytes], times: int = 8) -> None:
        await self.rig.log([reads(self.second + more, seen) for more in range(times)], start=self.second)
        self.second += times
        await self.catch_up()

    async def catch_up(self) -> None:
        self.fold = self.fold or await self.rig.fold()
        await fold_all(self.fold)
        self.rig.clock.now_us = T0_US + self.second * SECOND_US

    async def say(self, name: str, kind: str, *epcs: str, **more: Any) -> httpx.Response:
        said: dict[str, Any] = {"id": name, "kind": kind, "at": AT.format(1)} | more
        return await self.http.post(f"{PATH}/evidence", json=said | ({"epcs": list(epcs)} if epcs else {}))

    async def book(self, name: str, totals: dict[str, int], as_of: str = AT.format(0)) -> httpx.Response:
        rows = [{"gtin": gtin, "quantity": units, "as_of": as_of} for gtin, units in totals.items()]
        return await self.http.put(f"{PATH}/book", json={"id": name, "rows": rows})

    async def differences(self, **asked: Any) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{PATH}/differences", params=asked)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    async def approve(self, name: str, decision: str, who: str = "Kim", **more: Any) -> httpx.Response:
        return await self.http.post(
            f"{PATH}/differences/{name}:approve", json={"who": who, "decision": decision} | more
        )

    async def places(self) -> dict[str, str]:
        """Where each item is, by serial."""
        rows = (await self.http.get(f"{PATH}/movements?limit=500")).json()["rows"]
        assert rows is not None
        assert self.fold is not None
        state = self.fold.state
        return {key.serial: place for key, place in zip(state.items, state.places, strict=True)}

    async def entries(self) -> int:
        async with self.database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(site_input)) or 0)


@asynccontextmanager
async def open_shop(database: Database) -> AsyncIterator[Shop]:
    rig = await LogRig(database, presence=plain()).open()
    await import_catalogue(database, GOOD, T0_US)
    app = create_app(Queries(database, rig.clock), ChangeFeed(), clock=rig.clock)
    async with serving(app, listen()) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        yield Shop(database, http, rig)


def link(serial: int, gtin: str = SHIRT_S) -> str:
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"
