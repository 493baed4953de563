"""Three stores and a warehouse behind Digital Links, with keys when a test makes some."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Final

import httpx
from fastapi import Depends, FastAPI

from gateway.catalogue import import_catalogue
from gateway.http import digital_link_routes, page_routes, refusals
from gateway.http.access import closed, seal
from gateway.http.digital_link_routes import DigitalLinks
from gateway.http.gate import Gate
from gateway.http.security_headers import SecurityHeaders
from gateway.http.serve import listen, serving
from gateway.shopper import ShopperView
from gateway.storage.engine import Database
from tests.gateway.http.keyed import Keyed
from tests.gateway.http.stores import gtin
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import BACK, FLOOR, SITE, T0_US, ManualClock, epc, reads
from wire.site import ZoneKind

NAVY_S, NAVY_M, NAVY_L, SKY_M, SKY_XL = (gtin(number) for number in range(1, 6))
UNKNOWN: Final = gtin(99)
HEADER: Final = "gtin,style,colour,size,description\n"
CATALOGUE: Final = HEADER + "".join(
    f'{number},HJ-100,{colour},{size},"Harbour jacket, {colour}, {size}"\n'
    for number, colour, size in (
        (NAVY_L, "navy", "L"),
        (NAVY_M, "navy", "M"),
        (NAVY_S, "navy", "S"),
        (SKY_M, "sky", "M"),
        (SKY_XL, "sky", "XL"),
    )
)

MAIN, OUTLET, HARBOUR, WAREHOUSE = "store-001", "store-002", "store-003", "dc-1"
BERLIN, POTSDAM, HAMBURG = (52.52, 13.405), (52.391, 13.065), (53.551, 9.993)
NEAR_HAMBURG: Final = "53.5,10"

STORES: Final = {
    MAIN: replace(SITE, name="Main Street", location=BERLIN),
    OUTLET: replace(SITE, id=OUTLET, name="Outlet", location=POTSDAM),
    HARBOUR: replace(SITE, id=HARBOUR, name="Harbour", location=HAMBURG),
    WAREHOUSE: replace(
        SITE,
        id=WAREHOUSE,
        name="Warehouse",
        zones=tuple(replace(zone, kind=ZoneKind.BACK_ROOM, counts_as=zone.id) for zone in SITE.zones),
    ),
}

UNITS: Final = {
    MAIN: {NAVY_M: 4, NAVY_S: 1, SKY_XL: 2},
    OUTLET: {NAVY_M: 1},
    HARBOUR: {NAVY_S: 1, NAVY_M: 2},
    WAREHOUSE: {NAVY_L: 9, NAVY_M: 9},
}
"""Items by site and GTIN: the first of each on the floor, the others in the back. Serials count from 1 through all."""


def seen_at(site: str) -> list[tuple[int, bytes]]:
    """What the antennas of a site read."""
    serial, seen = 0, []
    for name, units in UNITS.items():
        for number, count in units.items():
            for first in range(count):
                serial += 1
                if name == site:
                    seen.append((BACK if first else FLOOR, epc(number, serial)))
    return seen


class Linked(Keyed):
    """A gateway that answers links; `now_s` is the clock of its buckets."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.view = ShopperView(database, clock)
        self.links = DigitalLinks(self.view, clock, lambda: self.seconds)
        self.app = self._app()

    def _app(self) -> FastAPI:
        app = FastAPI(
            openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, dependencies=[Depends(closed)]
        )
        app.state.tail = SimpleNamespace(close=lambda: None)  # there are no streams here
        app.include_router(digital_link_routes.routes(self.links))
        page_routes.install(app)
        refusals.install(app)
        seal(app)
        app.add_middleware(Gate, access=self.access)
        app.add_middleware(SecurityHeaders)
        return app


async def fill(database: Database) -> None:
    """Let the stores' antennas read what is there."""
    for name, site in STORES.items():
        rig = await LogRig(database, site, presence=plain()).open()
        await rig.log([reads(second, seen_at(name), site=name) for second in range(8)])
        await fold_all(await rig.fold())
    await import_catalogue(database, CATALOGUE, T0_US)


@asynccontextmanager
async def open_links(database: Database) -> AsyncIterator[Linked]:
    """Serve links over a database that is filled already."""
    linked = Linked(database, ManualClock(T0_US + 10_000_000))
    await linked.access.begin()
    async with serving(linked.app, listen()) as url:
        linked.url = url
        yield linked


JSON: Final = {"Accept": "application/json"}
HTML: Final = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def link(http: httpx.AsyncClient, path: str, **more: str) -> httpx.Response:
    """Ask for JSON."""
    return await http.get(path, headers=JSON | more)
