"""A fashion store with work to do, behind a real gateway: stock, orders, refills, a zone that nobody reads, alarms."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import insert, select, update

from gateway.channels import Channels
from gateway.clock import Clock, system_clock
from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.alarm import NewAlarm, Severity, name_of
from gateway.exceptions.store import raise_alarm
from gateway.holds.ids import random_ids
from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.serve import listen, serving
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay, last_seq
from gateway.storage.engine import Database
from gateway.storage.schema import site_fold, sku, zone_state
from gateway.storage.site_register import register_site
from gateway.storage.statement import insert_into
from gateway.tasks.life import Kind
from gateway.tasks.store import NewTask, open_task
from tests.gateway.holds.rig import Rig
from tests.gateway.http.stores import gtin
from wire.site_file import parse_site

SITE_FILE: Final = """
site: store-001
name: Main Street
timezone: Europe/Berlin
company_prefixes: ["9506000"]
zones:
  - {id: RECEIVING, kind: receiving}
  - {id: BACK, kind: back_room}
  - {id: FLOOR_WOMEN, kind: sales_floor, department: women}
  - {id: FLOOR_MEN, kind: sales_floor, department: men}
  - {id: FIT, kind: fitting_room}
  - {id: POS, kind: checkout}
passages: [[RECEIVING, BACK], [BACK, FLOOR_WOMEN], [BACK, FLOOR_MEN], [FLOOR_WOMEN, FIT], [FLOOR_MEN, FIT],
  [FLOOR_WOMEN, POS]]
devices:
  - id: R1
    driver: llrp
    address: 10.0.0.11:5084
    edge: box-1
    antennas:
      - {port: 1, zone: RECEIVING}
      - {port: 2, zone: BACK}
      - {port: 3, zone: FLOOR_WOMEN}
      - {port: 4, zone: FLOOR_MEN}
      - {port: 5, zone: FIT}
      - {port: 6, zone: POS}
"""
STORE: Final = parse_site(SITE_FILE)
SIZES: Final = ("XS", "S", "M", "L", "XL")
STYLES: Final = (
    ("WO-1000", "Linen shirt", "women", ("white", "sky blue"), SIZES),
    ("WO-1003", "Harbour jacket", "women", ("navy", "olive"), SIZES),
    ("WO-1006", "Pleated skirt", "women", ("black",), SIZES[:-1]),
    ("ME-1001", "Slim jeans", "men", ("indigo", "black"), ("28/32", "30/32", "32/32", "34/34")),
    ("ME-1004", "Rib knit jumper", "men", ("forest green", "navy"), SIZES),
)
MINUTE_US: Final = 60_000_000
LIMITS: Final = StreamLimits(heartbeat_s=0.5, retry_ms=100)


@dataclass
class Floor:
    """A gateway as it is put together; tests say what happens in its store."""

    rig: Rig
    channels: Channels
    http: httpx.AsyncClient
    url: str
    gtins: dict[tuple[str, str, str], str]
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def order(self, number: str, mode: str = "pickup", quantity: int = 1, **more: Any) -> str:
        """Reserve and confirm."""
        made = await self.http.post(
            "/v1/reservations",
            json={"lines": [{"gtin": number, "quantity": quantity, "site": STORE.id}], "mode": mode},
            headers={"Idempotency-Key": f"k{next(self.numbers)}"},
        )
        assert made.status_code == 201, made.text
        name = str(made.json()["id"])
        confirmed = await self.http.post(f"/v1/reservations/{name}:confirm", json=more or None)
        assert confirmed.status_code == 200, confirmed.text
        return name

    async def tasks(self, **asked: Any) -> list[dict[str, Any]]:
        answer = await self.http.get("/v1/tasks", params={"site": STORE.id} | asked)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["tasks"]
        return found

    async def refill(self, number: str, units: int, due_min: float, department: str, *serials: str) -> str:
        """Ask for a size on the floor, as the rules of replenishment would."""
        rig = self.rig
        new = NewTask(
            site=STORE.id,
            kind=Kind.REFILL,
            dedup=f"refill/{number}",
            due_us=rig.clock() + round(due_min * MINUTE_US),
            gtin=number,
            serials=serials,
            quantity=units,
            from_zone="BACK",
            to_zone=f"FLOOR_{department.upper()}",
            department=department,
        )
        async with rig.database.write() as connection:
            made = await open_task(connection, new, random_ids(rig.clock), rig.clock())
        assert made is not None
        self.wake()
        return made

    def wake(self) -> None:
        """Let the streams look."""
        assert self.channels.services.boards is not None
        self.channels.services.boards.wake()

    async def look(self, zone: str, status: str) -> None:
        """Let a zone be live or blind."""
        mine = (zone_state.c.site == STORE.id) & (zone_state.c.zone == zone)
        async with self.rig.database.write() as connection:
            await connection.execute(update(zone_state).where(mine).values(status=status))

    async def alarm(self, kind: AlarmKind, text: str, severity: Severity = Severity.WARNING, **more: Any) -> str:
        """Raise an alarm."""
        new = NewAlarm(site=STORE.id, kind=kind, dedup=name_of(kind, text), text=text, severity=severity, **more)
        async with self.rig.database.write() as connection:
            made = await raise_alarm(connection, new, random_ids(self.rig.clock), self.rig.clock())
        assert made is not None
        return made


async def open_store(database: Database, clock: Clock) -> tuple[Rig, dict[tuple[str, str, str], str]]:
    """Register the store with its catalogue; every zone is looked at."""
    rig = Rig(database, clock=clock)  # type: ignore[arg-type] # any clock will do: nothing here turns it
    now_us = clock()
    numbers: dict[tuple[str, str, str], str] = {}
    async with database.write() as connection:
        await register_site(connection, STORE, now_us)
        for zone in STORE.zones:
            row = {"site": STORE.id, "zone": zone.id, "status": "live", "as_of_us": now_us, "since_us": now_us}
            await connection.execute(insert_into(connection, zone_state).on_conflict_do_nothing(), row)
        for style, name, department, colours, sizes in STYLES:
            for colour, size in itertools.product(colours, sizes):
                number = numbers[style, colour, size] = gtin(5_000 + len(numbers))
                text = f"{name}, {colour}, {size}"
                row = {"gtin": number, "style": style, "colour": colour, "size": size, "description": text}
                await connection.execute(insert(sku), row | {"department": department, "updated_us": 0})
    return rig, numbers


async def stocked(rig: Rig, numbers: Mapping[tuple[str, str, str], str]) -> None:
    """Put a few units of each size into floor and back room, the same each time."""
    departments = {style: department for style, _, department, _, _ in STYLES}
    for index, ((style, _, _), number) in enumerate(numbers.items()):
        floor = f"FLOOR_{departments[style].upper()}"
        on_floor, in_back = (2, 3, 0, 1)[index % 4], (2, 0, 3, 1, 2)[index % 5]
        if index % 11 == 0:
            on_floor = in_back = 0
        for zone, units in ((floor, on_floor), ("BACK", in_back)):
            if units:
                names = [str(index * 100 + (50 if zone == "BACK" else 0) + unit) for unit in range(units)]
                await rig.put(*names, zone=zone, gtin=number, chance=0.99 - 0.01 * (index % 4))


def stocked_file(migrated: Path, folder: Path) -> Path:
    """A SQLite file with the store and its stock, to be copied: it is made once for many tests."""
    file = folder / "stocked.db"
    shutil.copy(migrated, file)

    async def make() -> None:
        database = Database(f"sqlite:///{file}")
        rig, numbers = await open_store(database, system_clock)
        await stocked(rig, numbers)
        await database.close()

    asyncio.run(make())
    return file


@asynccontextmanager
async def open_floor(stocked: Path, folder: Path, *, keys: bool = False, port: int = 0) -> AsyncIterator[Floor]:
    """A gateway on a copy of a stocked store with nothing to do yet; with `keys` it asks for them."""
    file = folder / "floor.db"
    if not file.exists():
        shutil.copy(stocked, file)
    database, clock = Database(f"sqlite:///{file}"), system_clock
    feed = ChangeFeed()
    relay = Relay(database, feed, "test", clock)
    channels = Channels(database, clock, relay)
    services = channels.services if keys else replace(channels.services, access=None, mirror=None)
    async with database.read() as connection:
        rows = await connection.execute(select(sku.c.style, sku.c.colour, sku.c.size, sku.c.gtin))
        numbers = {(row.style, row.colour, row.size): row.gtin for row in rows}
        feed.announce(await last_seq(connection))
    async with database.write() as connection:  # its fold is awake as long as a test lasts
        await connection.execute(update(site_fold).values(now_us=clock() + 5 * MINUTE_US))
    app = create_app(Queries(database, clock), feed, services=services, clock=clock, stream_limits=LIMITS)
    relaying = asyncio.create_task(relay.run())
    try:
        async with (
            serving(app, listen(port=port)) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http,
        ):
            yield Floor(Rig(database, clock=clock), channels, http, url, numbers)  # type: ignore[arg-type]
    finally:
        relay.stop()
        await relaying
        await channels.close()
        await database.close()


async def busy(floor: Floor) -> None:
    """Fill the store with work: five refills, four orders, a blind zone, three alarms."""
    numbers = floor.gtins
    await floor.refill(numbers["WO-1003", "navy", "XL"], 2, 12, "women")
    await floor.refill(numbers["WO-1000", "white", "M"], 3, 22, "women")
    await floor.refill(numbers["WO-1003", "olive", "L"], 1, 55, "women")
    await floor.refill(numbers["ME-1001", "black", "32/32"], 2, -7, "men")
    await floor.refill(numbers["ME-1004", "forest green", "M"], 1, 100, "men")
    await floor.order(numbers["WO-1000", "sky blue", "M"], collect_s=7_200)
    await floor.order(numbers["ME-1004", "navy", "L"], "ship_from_store")
    await floor.order(numbers["WO-1003", "olive", "S"], "pickup", 2, collect_s=86_400)
    await floor.order(numbers["ME-1001", "black", "30/32"], "pickup", collect_s=3_600)
    await floor.look("FIT", "blind")
    jacket = numbers["WO-1003", "navy", "M"]
    await floor.alarm(
        AlarmKind.LEFT_UNSOLD,
        "A Harbour jacket navy M left through the exit, and no till sold it.",
        Severity.CRITICAL,
        gtin=jacket,
        serial="660",
        evidence={"last_zone": "FLOOR_WOMEN", "probability": 0.97, "grace_min": 15},
    )
    await floor.alarm(
        AlarmKind.WRONG_DEPARTMENT,
        "2 Slim jeans indigo 30/32 lie among the goods of women.",
        gtin=numbers["ME-1001", "indigo", "30/32"],
        zone="FLOOR_WOMEN",
    )
    await floor.alarm(AlarmKind.UNKNOWN_GTIN, "4 tags of a product that the catalogue does not name.", zone="RECEIVING")
