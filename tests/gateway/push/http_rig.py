"""A gateway with keys, webhooks and feeds behind a real HTTP side, over the two stores of `keyed`."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import Depends, FastAPI
from sqlalchemy import update

from gateway.availability import encode_ladder, ladder_of
from gateway.feeds.reader import Feeds
from gateway.http import feed_routes, webhook_routes
from gateway.http.app import create_app
from gateway.http.parameters import strict_query
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.storage.engine import Database
from gateway.storage.schema import stock
from tests.gateway.http.keyed import OTHER, OWN, Keyed
from tests.gateway.push.feed_rig import Rig
from tests.gateway.small_store import SECOND_US, T0_US, ManualClock


class PushRig:
    """What a test talks to: `keyed` makes keys, `rig` fills the feed and sends."""

    def __init__(self, keyed: Keyed, rig: Rig, app: FastAPI, url: str, http: httpx.AsyncClient) -> None:
        self.app = app
        self.keyed = keyed
        self.rig = rig
        self.url = url
        self.http = http

    @asynccontextmanager
    async def asking(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=20) as http:
            yield http


@asynccontextmanager
async def open_pushed(filled: Path, folder: Path, page_rows: int = 1_000) -> AsyncIterator[PushRig]:
    shutil.copy(filled, folder / "gateway.db")
    database = Database(f"sqlite:///{folder}/gateway.db")
    clock = ManualClock(T0_US + 30 * SECOND_US)
    async with database.write() as connection:  # the tracker of `fill` is not so sure
        for site, units in ((OWN, 3), (OTHER, 2)):
            surely = encode_ladder(ladder_of([1.0] * units))
            await connection.execute(update(stock).where(stock.c.site == site).values(ladder=surely, promised=units))
    rig, keyed = await Rig(database, clock).open(), Keyed(database, clock)
    app = create_app(rig.queries, rig.feed, services=Services(access=keyed.access), clock=clock)
    for router in (
        webhook_routes.routes(rig.desk, clock),
        feed_routes.routes(rig.queries, Feeds(database, rig.queries, clock, page_rows)),
    ):
        app.include_router(router, dependencies=[Depends(strict_query)])
    try:
        async with (
            serving(app, listen()) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
        ):
            yield PushRig(keyed, rig, app, url, http)
    finally:
        await database.close()
