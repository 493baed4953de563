"""A shop that has lived for a few minutes: something of everything that the time series tell, through the real looks.

    async with lived_shop(database, url) as shop:
        shop.points          # every point that was written, in order
        shop.part.reader     # the embedded store

`sinks` get the same points: an outbox for a server, say. What people and readers do goes through the gateway's own
desks where a test can do that in a line; the other tables are written as their owners write them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.catalogue import import_catalogue
from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.alarm import NewAlarm, Severity, name_of
from gateway.exceptions.store import raise_alarm
from gateway.holds.ids import random_ids
from gateway.relay import relay, take_feed
from gateway.replenishment.gaps import GapKind, SizeState
from gateway.series.looks_truth import Checker, Truth, check
from gateway.series.part import SeriesConfig, SeriesPart
from gateway.series.point import Point
from gateway.series.port import Sink
from gateway.series.process import SeriesProcess
from gateway.series.shelf import ShelfGap, ShelfView, Shelved
from gateway.storage.commerce import reservation_line, shipment, shipment_line, webhook
from gateway.storage.engine import Database
from gateway.storage.fleet import fleet_reported
from gateway.storage.schema import accuracy, book, count_result, edge_state, gap, movement, quarantine, site_fold
from gateway.storage.statement import upsert_into
from gateway.storage.work import task
from gateway.tasks.life import Kind, State
from gateway.tasks.store import NewTask, open_task
from tests.gateway.holds.rig import KEY, WEB, Rig, serials
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US, ManualClock
from wire.configuration import ReportedConfig, ReportedDevice, encode_reported
from wire.messages import AntennaHealth, DeviceHealth, EdgeState, encode_json
from wire.site import OUT

CATALOGUE: Final = f"""gtin,style,colour,size,description,department,min_floor,max_floor,price
{SHIRT_S},Oxford,navy,S,Oxford shirt,Men,1,3,59.90
{SHIRT_M},Oxford,navy,M,Oxford shirt,Men,1,3,59.90
"""

FIGURES: Final = {
    "movements": 6,
    "observations": 1_000,
    "observations_foreign": 30,
    "observations_unknown_antenna": 4,
    "undecodable": 1,
}


class Recorder:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    async def write(self, connection: AsyncConnection, points: Sequence[Point], *, again: bool = False) -> int:
        del connection, again
        self.points += points
        return len(points)

    async def prune(self, connection: AsyncConnection, now_us: int) -> int:
        del connection, now_us
        return 0


@dataclass
class Shop:
    """The shop, its clock, and the process that looks at it."""

    rig: Rig
    part: SeriesPart
    recorder: Recorder
    counters: dict[str, int] = field(default_factory=dict)
    shelf: ShelfView = field(default_factory=ShelfView)

    @property
    def clock(self) -> ManualClock:
        return self.rig.clock

    @property
    def process(self) -> SeriesProcess:
        return self.part.process

    @property
    def points(self) -> list[Point]:
        return self.recorder.points

    async def relayed(self) -> None:
        """Let changes have their sequence."""
        async with self.rig.database.write() as connection:
            fence = await take_feed(connection, "test", self.clock(), 10**12)
            assert fence is not None
            await relay(connection, fence)

    async def passes(self, seconds: float) -> list[Point]:
        """Let time pass, and look; return the new points."""
        await self.relayed()
        self.clock.advance(seconds)
        before = len(self.points)
        await self.process.turn()
        return self.points[before:]

    async def insert(self, table: Any, **values: Any) -> None:
        async with self.rig.database.write() as connection:
            await connection.execute(insert(table), values)

    async def edge_says(self, state: EdgeState) -> None:
        row = {
            "site": state.site,
            "edge": state.edge,
            "what": state.what,
            "at_us": state.at_us,
            "received_us": self.clock(),
            "body": encode_json(state),
        }
        async with self.rig.database.write() as connection:
            await connection.execute(upsert_into(connection, edge_state), row)

    async def folds(self, figures: Mapping[str, int]) -> None:
        body = msgspec.json.encode(dict(figures))
        async with self.rig.database.write() as connection:
            values = {"figures": body, "now_us": self.clock(), "applied_n": site_fold.c.applied_n + 5}
            await connection.execute(update(site_fold).values(values))

    async def opens(self, kind: Kind, name: str, **more: Any) -> str:
        new = NewTask(site=SITE.id, kind=kind, dedup=name, due_us=self.clock() + 60_000_000, department="Men", **more)
        async with self.rig.database.write() as connection:
            opened = await open_task(connection, new, self.rig.names, self.clock())
        assert opened is not None
        return opened

    async def ends(self, name: str, state: State, **values: Any) -> None:
        now_us = self.clock()
        row = {"state": state.value, "dedup": None, "updated_us": now_us} | values
        async with self.rig.database.write() as connection:
            await connection.execute(update(task).where(task.c.id == name).values(**row))


def edge_state_of(shop: Shop, *, reads: int, what: Any = "health") -> EdgeState:
    antennas = (
        AntennaHealth(port=1, state="ok", reads_per_min=120.0, usual_per_min=130.0),
        AntennaHealth(port=2, state="quiet", reads_per_min=2.0),
    )
    device = DeviceHealth(
        device="R1",
        driver="llrp",
        state="up",
        since_us=shop.clock() - 9_000_000,
        reads=reads,
        errors=reads // 10,
        reads_per_min=250.0,
        temperature_c=41.5,
        clock="synced",
        clock_offset_ms=-12,
        antennas=antennas,
    )
    return EdgeState(
        what=what,
        site=SITE.id,
        edge="box-1",
        at_us=shop.clock(),
        outbox_rows=7,
        outbox_bytes=900,
        outbox_oldest_s=1.5,
        evicted=reads,
        devices=(device,),
        started_us=T0_US - 60_000_000,
        observations=reads,
        foreign_reads=reads,
        sold_reads=reads,
        dropped_rows=reads,
        certificate_not_after_us=shop.clock() + 20 * 86_400_000_000,
        gaps=reads,
    )


def checks_here(database: Database) -> Checker:
    """A checker that uses this database's own connections."""

    async def checked(site: str) -> Truth:
        async with database.read() as connection:
            return await check(connection, site)

    return checked


@asynccontextmanager
async def open_shop(database: Database, url: str, *sinks: Sink, checker: Checker | None = None) -> AsyncIterator[Shop]:
    """An empty shop. Everything that its looks find goes to the recorder, the embedded store and `sinks`.

    `checker`: who checks the books; `checks_here` is quicker than the product's own, which has a thread.
    """
    rig = await Rig(database).open()
    rig.names = random_ids(rig.clock)
    await import_catalogue(database, CATALOGUE, rig.clock())
    recorder = Recorder()
    held: list[Shop] = []
    part = SeriesPart(
        database,
        url,
        "test",
        rig.clock,
        config=SeriesConfig(),
        counters=lambda: held[0].counters,
        shelves=lambda: {SITE.id: held[0].shelf},
        checker=checker,
        ttl_s=3_600,
    )
    part.process.sinks += (recorder, *sinks)
    held.append(Shop(rig, part, recorder))
    yield held[0]
    await part.books.settle()


async def live(shop: Shop) -> None:
    """Let something of everything happen, with looks in between."""
    await _before(shop)
    await shop.passes(0)
    await _meanwhile(shop)
    await shop.passes(61)
    await shop.part.books.settle()
    await shop.passes(61)


@asynccontextmanager
async def lived_shop(database: Database, url: str, *sinks: Sink, checker: Checker | None = None) -> AsyncIterator[Shop]:
    """A shop that has lived."""
    async with open_shop(database, url, *sinks, checker=checker) as shop:
        await live(shop)
        yield shop


async def _before(shop: Shop) -> None:
    rig, now_us = shop.rig, shop.clock()
    await rig.put("1", "2", "3")
    await rig.put("4", zone="BACK", chance=0.97)
    await rig.put("5", zone="BACK", gtin=SHIRT_M, chance=0.92)
    await rig.book(2, gtin=SHIRT_M)
    await shop.folds(FIGURES)
    await shop.edge_says(edge_state_of(shop, reads=100))
    await _configured(shop)
    for name in ("blind_share", "uncertain_items", "expected_count_error", "count_item_agreement"):
        await shop.insert(accuracy, site=SITE.id, name=name, at_us=now_us, value=0.25)
    for name in ("count_cell_agreement", "book_agreement"):
        await shop.insert(accuracy, site=SITE.id, name=name, at_us=now_us, value=0.75)
    named = {"source": "erp", "as_of_us": now_us, "updated_us": now_us}
    await shop.insert(book, site=SITE.id, gtin=SHIRT_S, quantity=9, now=9, **named)
    shop.shelf = ShelfView(
        {
            SHIRT_S: Shelved(SHIRT_S, "Men", 1, SizeState.SHOWN),
            SHIRT_M: Shelved(SHIRT_M, "Men", 1, SizeState.BEHIND),
        },
        [ShelfGap("Men", "Oxford", "navy", GapKind.CORE_GAP, 2, 1, 1, now_us - 3_600_000_000)],
        complete=True,
    )


async def _configured(shop: Shop) -> None:
    """An edge reports a reader that runs something else than its profile says."""
    now_us = shop.clock()
    device = ReportedDevice(
        device="R1", driver="llrp", state="differs", at_us=now_us - 9_000_000, problems=("port 1: 24 dBm read back",)
    )
    said = ReportedConfig(site=SITE.id, edge="box-1", version=0, hash="", at_us=now_us, error="", devices=(device,))
    body = encode_reported(said)
    await shop.insert(fleet_reported, site=SITE.id, edge="box-1", version=0, hash="", body=body, received_us=now_us)


async def _meanwhile(shop: Shop) -> None:
    rig = shop.rig
    shop.clock.advance(10)
    holds = rig.holds()
    made = await rig.reserve(holds, 2)
    await holds.confirm(WEB, made["id"])
    first, second = serials(made["lines"][0])
    await holds.pick_miss(WEB, made["id"], (KEY.gtin, second))
    picked = serials((await holds.get(WEB, made["id"])).lines[0])
    await holds.pick(WEB, made["id"], [(KEY.gtin, name) for name in picked])
    await holds.fulfil(WEB, made["id"])
    assert first in picked
    await rig.reserve(holds, 1)
    gone = await rig.reserve(holds, {KEY._replace(gtin=SHIRT_M): 1})
    await holds.release(WEB, gone["id"])
    await rig.put("5", zone="FLOOR", gtin=SHIRT_M)
    await rig.put("5", zone=OUT, gtin=SHIRT_M)
    async with rig.database.write() as connection:  # decided two seconds later; and a buyer who got one unit less
        mine = movement.c.debit == OUT
        await connection.execute(update(movement).where(mine).values(decided_us=movement.c.decided_us + 2_000_000))
        lines = reservation_line.c.reservation == gone["id"]
        await connection.execute(update(reservation_line).where(lines).values(substitution_needed=1))
    await _tasks(shop)
    await _loss(shop)
    await shop.folds({name: value * 2 for name, value in FIGURES.items()} | {"movements": 8})
    await shop.edge_says(edge_state_of(shop, reads=250))
    shop.part.requests.add("/v1/availability", "GET", 200, 3.5)
    shop.part.requests.add("/v1/availability", "GET", 404, 0.4)
    names = ("appended", "duplicates", "holes", "rejected", "acks", "commits", "commit_failures", "fold_failures")
    shop.counters |= dict.fromkeys((*names, "relayed", "relay_failures", "source_connected"), 5)


async def _tasks(shop: Shop) -> None:
    await shop.opens(Kind.REFILL, "refill/1", gtin=SHIRT_M, quantity=2)
    for number, (state, more) in enumerate(
        [(State.DONE, {"done_us": shop.clock() + 1_000_000}), (State.CANNOT, {}), (State.CLOSED, {"reopened": 1})]
    ):
        opened = await shop.opens(Kind.CHECK, f"check/{number}")
        await shop.ends(opened, state, **more)


async def _loss(shop: Shop) -> None:
    now_us = shop.clock()
    new = NewAlarm(
        site=SITE.id,
        kind=AlarmKind.LEFT_UNSOLD,
        dedup=name_of(AlarmKind.LEFT_UNSOLD, "1"),
        text="An item left.",
        severity=Severity.WARNING,
    )
    async with shop.rig.database.write() as connection:
        await raise_alarm(connection, new, shop.rig.names, now_us)
    lost = {"cause": "outbox_cap", "from_seq": 1, "to_seq": 2, "from_us": now_us - 2_000_000, "to_us": now_us}
    lost |= {"observations": 40, "detail": "", "recorded_us": now_us}
    await shop.insert(gap, site=SITE.id, edge="box-1", **lost)
    bad = {"topic": "t", "code": "frame", "reason": "r", "size_bytes": 1, "payload": b"x", "received_us": now_us}
    await shop.insert(quarantine, site=SITE.id, **bad)
    counted = {"started_us": now_us, "at_us": now_us, "expected": 4, "seen": 3, "unseen": 1, "elsewhere": 0}
    await shop.insert(count_result, site=SITE.id, n=77, zone="FLOOR", source="handheld", unknown=0, **counted)
    sent = {"kind": "asn", "to_site": SITE.id, "state": "received", "created_us": now_us, "updated_us": now_us}
    await shop.insert(shipment, id="ASN 7", **sent)
    await shop.insert(shipment_line, shipment="ASN 7", gtin=SHIRT_S, serial="", expected=3, received=2)
    await shop.insert(
        webhook,
        id="w1",
        channel="web",
        key="",
        url="https://example.org",
        secret="s",
        thresholds="",
        state="failing",
        cursor=0,
        attempts=1,
        next_try_us=0,
        last_error="",
        created_us=now_us,
        updated_us=now_us,
    )
