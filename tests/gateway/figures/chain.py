"""A chain of four stores behind a served gateway: a day of its time series, and what tests let happen.

`store-001` has work to do, `store-002` a little, `store-003` none, and `store-004` was not heard for half an hour.
"""

import asyncio
import math
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.clock import system_clock
from gateway.http.app import create_app
from gateway.http.gate import Access
from gateway.http.serve import listen, serving
from gateway.http.services import Services
from gateway.keys.ring import KeyRing
from gateway.keys.store import ChannelChange, NewKey, create_key, read_keys, upsert_channel
from gateway.keys.token import ENTROPY_BYTES, mint
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.series.embedded import Embedded
from gateway.series.point import Point, Value, point_of, series_of
from gateway.storage.engine import Database
from gateway.storage.site_register import register_site
from tests.gateway.http.shop_floor import STORE
from wire import measurements as m
from wire.measurement import Measurement

MINUTE_US: Final = 60_000_000
DAY_MIN: Final = 24 * 60
NAMES: Final = {
    "store-001": "Main Street",
    "store-002": "Harbour Outlet",
    "store-003": "Old Town",
    "store-004": "Airport",
}
NEED: Final = {"store-001": 1.0, "store-002": 0.3, "store-003": 0.0, "store-004": 0.0}
DEPARTMENTS: Final = ("women", "men", "kids", "shoes", "accessories")
ZONES: Final = {
    "RECEIVING": "receiving",
    "BACK": "back_room",
    "FLOOR_WOMEN": "sales_floor",
    "FLOOR_MEN": "sales_floor",
    "FIT": "fitting_room",
    "POS": "checkout",
}
SILENT_MIN: Final = 30


def made(measurement: Measurement, at_us: int, tags: tuple[str, ...], **fields: Value | None) -> Point:
    point = point_of(series_of(measurement, dict(zip(measurement.tags, tags, strict=True))), at_us, fields)
    assert point is not None
    return point


def wave(minute: float, period: float, shift: float = 0.0) -> float:
    """Between 0 and 1, the same each time."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * (minute / period) + shift)


def missing_of(need: float, number: int, ago_min: float) -> int:
    return round(need * (2.2 + number) * (0.6 + wave(ago_min, 1_900, number)))


def looks(site: str, at_us: int, ago_min: float, need: float) -> Iterator[Point]:
    """Yield what the gateway would write of a store, so many minutes ago."""
    rush = wave(ago_min, DAY_MIN, 1.2) ** 2
    yield from _floor(site, at_us, ago_min, need)
    yield from _work(site, at_us, ago_min, need * (0.4 + rush))
    for number, (zone, kind) in enumerate(ZONES.items()):
        blind = need == 1.0 and zone == "FIT" and ago_min < 47
        age = 1.5 if not blind else 60 * (47 - ago_min) + 1.5
        held = {"looked": int(not blind), "look_age_s": age, "state_age_s": 60.0, "units": 40 * (number + 1)}
        yield made(m.ZONE, at_us, (site, zone, kind), **held)
    blind_zones = int(need == 1.0 and ago_min < 47)
    on_hand = round(1_480 - 90 * rush)
    yield made(
        m.SITE,
        at_us,
        (site,),
        on_hand=on_hand,
        sellable=on_hand - 46,
        promised=on_hand - 46 - round(60 + 80 * need * rush),
        held=round(12 + 20 * rush),
        wanting=0,
        zones_live=len(ZONES) - blind_zones,
        zones_blind=blind_zones,
        floor_availability=1 - sum(missing_of(need, n, ago_min) for n in range(5)) / 500,
        tasks_waiting=round(2 + 28 * need * (0.3 + rush)),
        alarms_open=round(3 * need),
    )
    yield made(m.ACCURACY, at_us, (site,), uncertain_items=0.03 + 0.09 * need * wave(ago_min, 500), blind_share=0.01)
    yield made(m.BOOKS, at_us, (site,), oversold=0, drift=0, offer_faults=0, looked_s=600.0)
    yield made(m.FOLD, at_us, (site,), behind=2, lag_ms=140.0 + 900 * rush * need, age_ms=900.0)
    for number, edge in enumerate(("box-1", "box-2")):
        gone = need == 1.0 and number == 1 and 300 < ago_min < 380
        yield made(m.EDGE, at_us, (site, edge), online=0 if gone else 2, outbox_oldest_s=1.0)
    for number in range(4):
        down = need > 0.5 and number == 2 and ago_min < 18
        yield made(m.DEVICE, at_us, (site, "box-1", f"reader-{number + 1}", "llrp"), up=0 if down else 4)


def _floor(site: str, at_us: int, ago_min: float, need: float) -> Iterator[Point]:
    for number, department in enumerate(DEPARTMENTS):
        carried = 60 + 20 * number
        missing = missing_of(need, number, ago_min)
        behind = round(missing * 0.7)
        yield made(
            m.FLOOR,
            at_us,
            (site, department),
            availability=(carried - missing) / carried,
            carried=carried,
            shown=carried - missing,
            last=3,
            behind=behind,
            absent=missing - behind,
            unknown=0,
        )
        runs = round(need * (number % 3))
        yield made(m.SIZE_GAP, at_us, (site, department, "core_gap"), runs=runs, oldest_s=runs * 1_900.0)


def _work(site: str, at_us: int, ago_min: float, work: float) -> Iterator[Point]:
    for number, department in enumerate(DEPARTMENTS[:3]):
        tasks = round(work * (6 - number))
        oldest = 60.0 * (38 + 12 * wave(ago_min, 300, number)) if tasks else 0.0
        yield made(m.BACKLOG, at_us, (site, department, "refill"), open=tasks, claimed=1, overdue=0, oldest_s=oldest)
    for number, task in enumerate(("pick", "pack", "hand_over")):
        open_ = round(work * (5 - number)) + 1
        fields = {"open": open_, "claimed": 0, "overdue": round(work * 2) if number == 0 else 0, "oldest_s": 900.0}
        yield made(m.BACKLOG, at_us, (site, "-", task), **fields)
    yield made(m.RESERVATIONS, at_us, (site, "web", "pickup", "held"), holds=4, units=6, wanting=0, oldest_s=300.0)
    if work > 0.3:
        critical = {"open": 1, "acknowledged": 0, "oldest_s": 700.0}
        yield made(m.EXCEPTIONS, at_us, (site, "left_unsold", "critical"), **critical)
    if ago_min == 0:
        return
    yield made(m.CALIBRATION, at_us, (site, "from_0.99"), asked=6, found=6, expected=5.9)
    missed = int(ago_min / 15) % 23 == 4
    yield made(m.CALIBRATION, at_us, (site, "0.9-0.95"), asked=2, found=1 if missed and work > 0.3 else 2, expected=1.9)


def a_day(now_us: int, *, step_min: int = 15, fine_min: int = 60) -> Iterator[Point]:
    """Yield points of the last 24 hours, oldest first; the last hour each five minutes, and of now."""
    agos = [*range(DAY_MIN - step_min, fine_min, -step_min), *range(fine_min, 0, -5), 0]
    for site, need in NEED.items():
        for ago_min in agos:
            if site != "store-004" or ago_min >= SILENT_MIN:
                yield from looks(site, now_us - ago_min * MINUTE_US, ago_min, need)


class SkippingClock:
    """The machine's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead_us

    def skip(self, seconds: float) -> None:
        """Put it forward: answers that were kept for a moment are asked for again."""
        self.ahead_us += round(seconds * 1_000_000)


@dataclass
class Chain:
    """The served chain."""

    database: Database
    store: Embedded
    http: httpx.AsyncClient
    url: str
    clock: SkippingClock
    access: Access | None = None

    async def say(self, measurement: Measurement, *tags: str, **fields: Value | None) -> None:
        """Write a point of now."""
        await self.write([made(measurement, self.clock(), tags, **fields)])

    async def look(self, ago_min: float = 0.0) -> None:
        """Write what the gateway would write now."""
        heard = [(site, need) for site, need in NEED.items() if site != "store-004"]
        await self.write([point for site, need in heard for point in looks(site, self.clock(), ago_min, need)])

    @asynccontextmanager
    async def living(self, every_s: float = 4.0) -> AsyncIterator[None]:
        """The gateway writes as long as this lasts."""

        async def go_on() -> None:
            while True:
                await self.look()
                await asyncio.sleep(every_s)

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def key(self, *scopes: str, sites: Sequence[str] | None = None) -> str:
        """Make a key; return its text."""
        assert self.access is not None
        minted = mint(secrets.token_bytes(ENTROPY_BYTES))
        new = NewKey(
            channel="web",
            scopes=frozenset(scopes),
            sites=None if sites is None else frozenset(sites),
            rate_per_s=1_000.0,
            burst=1_000,
            expires_us=None,
        )
        async with self.database.write() as connection:
            await upsert_channel(connection, "web", ChannelChange(), self.clock())
            await create_key(connection, minted, new, self.clock())
        await self.access.ring.reload()
        return minted.token

    async def open_stores(self) -> None:
        """Register the stores in a database that has none."""
        await open_stores(self.database, self.clock())

    async def write(self, points: list[Point]) -> None:
        async with self.database.write() as connection:
            await self.store.write(connection, points)

    async def ask(self, path: str, **asked: Any) -> Any:
        answer = await self.http.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def figures(self, **asked: Any) -> dict[str, Any]:
        return {row["id"]: row for row in (await self.ask("/v1/figures", **asked))["figures"]}


async def open_stores(database: Database, now_us: int) -> None:
    async with database.write() as connection:
        for site, name in NAMES.items():
            await register_site(connection, replace(STORE, id=site, name=name), now_us)


def chain_file(migrated: Path, folder: Path) -> Path:
    """A SQLite file with the chain and its day up to now, to be copied: it is made once for many tests."""
    file = folder / "chain.db"
    shutil.copy(migrated, file)

    async def make() -> None:
        database = Database(f"sqlite:///{file}")
        await open_stores(database, system_clock())
        store = Embedded(database)
        async with database.write() as connection:
            await store.write(connection, list(a_day(system_clock())))
        await database.close()

    asyncio.run(make())
    return file


@asynccontextmanager
async def open_chain(
    file: Path, folder: Path, *, written: bool = True, keys: bool = False, port: int = 0
) -> AsyncIterator[Chain]:
    """A gateway on a copy of the chain, `written` by time series or not; with `keys` it asks for them."""
    own = folder / "own.db"
    if not own.exists():
        shutil.copy(file, own)
    database, clock = Database(f"sqlite:///{own}"), SkippingClock()
    store = Embedded(database)
    access = None
    if keys:
        access = Access(KeyRing(lambda: read_keys(database, clock()), clock, time.monotonic), time.monotonic)
    services = Services(figures=store if written else None, access=access)
    app = create_app(Queries(database, clock), ChangeFeed(), services=services, clock=clock)
    async with (
        serving(app, listen(port=port)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield Chain(database, store, http, url, clock, access)
    await database.close()
