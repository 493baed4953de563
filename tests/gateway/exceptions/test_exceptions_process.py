"""The process of alarms over real rows, on both databases: what it raises, keeps, clears and leaves alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import insert, select, text, update

from gateway.catalogue import ignore_unknown
from gateway.exceptions.alarm import Alarm, Kind, State
from gateway.exceptions.limits import (
    GRACE_US,
    JUMPS,
    LEFT_US,
    LOOKED_US,
    MISPLACED_US,
    READS_PASS_US,
    TILL_SILENT_US,
    UNREAD_US,
)
from gateway.exceptions.process import ExceptionsProcess
from gateway.exceptions.store import acknowledge, alarm_of, open_alarms
from gateway.fold.evidence import EvidenceEntry
from gateway.presence.tracker import EvidenceKind
from gateway.storage.alarms import alarm as table
from gateway.storage.engine import Database
from gateway.storage.schema import checkpoint, site_fold, sku, zone_state
from gateway.storage.site_register import register_site
from tests.gateway.holds.rig import Rig
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.small_store import BACK, FLOOR, SECOND_US, SHIRT_M, SHIRT_S, SITE, T0_US, epc, other_site, reads
from tests.gateway.wait import until
from wire.site import OUT, Site

OTHER = "store-002"
DEPARTMENTS: Site = replace(
    SITE,
    zones=tuple(
        replace(zone, department={"FLOOR": "Women", "FIT": "Men"}.get(zone.id, ""), kind=SITE.zone("FLOOR").kind)
        if zone.id in {"FLOOR", "FIT"}
        else zone
        for zone in SITE.zones
    ),
)


class Shop:
    """A rig's stores, and a process that looks at them whenever a test says so."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.process = self.other_process()

    @classmethod
    async def open(cls, database: Database, *more: str) -> "Shop":
        return cls(await Rig(database).open(*more))

    def other_process(self, **more: Any) -> ExceptionsProcess:
        return ExceptionsProcess(self.rig.database, [SITE.id], self.rig.clock, self.rig.names, **more)

    async def wait(self, micros: int) -> None:
        """Let time pass; the folds follow."""
        self.rig.clock.now_us += micros
        async with self.rig.database.write() as connection:
            await connection.execute(update(site_fold).values(now_us=self.rig.clock()))

    async def till(self, sales: int = 1, site: str = SITE.id) -> None:
        """Let the fold have heard of so many sales."""
        figures = msgspec.json.encode({"movements": 0, "evidence_sale": sales})
        async with self.rig.database.write() as connection:
            await connection.execute(update(site_fold).where(site_fold.c.site == site).values(figures=figures))

    async def look(self) -> int:
        return await self.process.look(full=True)

    async def name(self, gtin: str, department: str = "Women") -> None:
        row = {"gtin": gtin, "style": "Oxford", "colour": "navy", "size": "S", "description": "Shirt", "price": "39.90"}
        async with self.rig.database.write() as connection:
            await connection.execute(insert(sku), row | {"department": department, "updated_us": 0})

    async def live(self, *kinds: Kind, site: str = SITE.id) -> list[Alarm]:
        async with self.rig.database.read() as connection:
            return await open_alarms(connection, site, kinds or Kind)

    async def all(self) -> dict[str, tuple[str, str]]:
        """State and reason of every alarm that there ever was, by GTIN and serial or zone."""
        async with self.rig.database.read() as connection:
            rows = (await connection.execute(select(table))).mappings()
            return {
                f"{one.gtin}/{one.serial or one.zone}": (one.state.value, one.cleared_reason)
                for one in map(alarm_of, rows)
            }


async def test_what_left_unsold_until_it_is_paid_for_or_back(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.name(SHIRT_S)
    await shop.rig.put("1", "2", "3", "4")
    await shop.rig.put("1", "2", "3", zone=OUT)
    await shop.till()
    assert await shop.look() == 0, "the till may still say so"
    await shop.wait(GRACE_US)
    assert await shop.look() == 3
    first, *_ = await shop.live()
    assert (first.kind, first.gtin, first.serial, first.zone) == (Kind.LEFT_UNSOLD, SHIRT_S, "1", "FLOOR")
    assert first.text == "Oxford navy S left from FLOOR and was not paid for"
    assert first.evidence == {
        "left_at": "2026-11-18T11:06:40.000Z",
        "from_zone": "FLOOR",
        "cause": "moved",
        "probability": None,
        "price": "39.90",
    }
    async with database.write() as connection:
        await acknowledge(connection, first.id, key="", now_us=shop.rig.clock())
    await shop.rig.state("1", "sold")
    await shop.rig.put("2")
    assert await shop.look() == 2
    assert await shop.all() == {
        f"{SHIRT_S}/1": ("cleared", "it was paid for"),
        f"{SHIRT_S}/2": ("cleared", "it is back in the store"),
        f"{SHIRT_S}/3": ("open", ""),
    }
    await shop.rig.put("2", zone=OUT)
    await shop.till(2)
    await shop.wait(GRACE_US)
    assert await shop.look() == 1, "it left again: a new alarm"
    await shop.wait(LEFT_US - GRACE_US)
    assert {one.serial for one in await shop.live()} == {"2", "3"}
    await shop.look()
    assert (await shop.all())[f"{SHIRT_S}/3"] == (
        "cleared",
        "it left more than a week ago: the loss stands in the ledger",
    )
    figures = shop.process.counters()
    assert (figures["alarms_raised"], figures["alarms_cleared"], figures["alarm_failures"]) == (4, 4, 0)


async def test_a_fold_that_is_behind_is_not_judged_by_our_clock(database: Database) -> None:
    """The sale may wait in the log behind the departure."""
    shop = await Shop.open(database)
    await shop.rig.put("1")
    await shop.rig.put("1", zone=OUT)
    await shop.till()
    shop.rig.clock.now_us += 10 * GRACE_US
    assert await shop.look() == 0
    await shop.wait(0)
    assert await shop.look() == 1


async def test_a_till_that_says_nothing_makes_no_thief_of_a_buyer(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.name(SHIRT_S)
    await shop.rig.put("1", "2", "3")
    await shop.rig.put("1", zone=OUT)
    await shop.wait(GRACE_US)
    assert (await shop.look(), shop.process.counters()["alarm_tills_silent"]) == (0, 1), "it is not connected"
    await shop.till(5)
    assert (await shop.look(), shop.process.counters()["alarm_tills_silent"]) == (1, 0)
    await shop.wait(TILL_SILENT_US)
    await shop.rig.put("2", zone=OUT)
    await shop.till(5)
    await shop.wait(GRACE_US)
    assert (await shop.look(), shop.process.counters()["alarm_tills_silent"]) == (0, 1), "it broke down"
    assert [one.serial for one in await shop.live()] == ["1"], "what was found before stays"
    await shop.till(6)
    assert await shop.look() == 1


async def test_a_gtin_that_no_catalogue_names(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.rig.put("1", "2", zone="BACK")
    await shop.rig.put("3")
    await shop.rig.put("1", gtin=SHIRT_M)
    assert await shop.look() == 2
    first, _ = await shop.live()
    assert first.evidence == {"units": 3, "zones": {"BACK": 2, "FLOOR": 1}, "serials": ["1", "2", "3"]}
    await shop.name(SHIRT_S)
    async with database.write() as connection:
        await ignore_unknown(connection, SHIRT_M, "a sample", shop.rig.clock())
    assert await shop.look() == 2
    assert await shop.live() == []


async def with_departments(database: Database) -> Shop:
    shop = await Shop.open(database)
    async with database.write() as connection:
        assert await register_site(connection, DEPARTMENTS, T0_US)
    return shop


async def test_what_lies_in_another_department(database: Database) -> None:
    shop = await with_departments(database)
    await shop.name(SHIRT_S, "men")
    await shop.name(SHIRT_M, "Kids")
    async with database.write() as connection:
        await connection.execute(text("UPDATE item SET probability = 1.0"))
    await shop.rig.put("1", "2", "3", zone="FLOOR")
    await shop.rig.put("4", zone="FIT")
    await shop.rig.put("5", zone="FLOOR", gtin=SHIRT_M)
    await shop.rig.put("6", zone="BACK")
    assert await shop.look() == 0, "somebody may be carrying it"
    await shop.wait(MISPLACED_US)
    assert await shop.look() == 1
    (alarm,) = await shop.live()
    assert (alarm.kind, alarm.zone, alarm.text) == (
        Kind.WRONG_DEPARTMENT,
        "FLOOR",
        "3 units of Oxford navy S (men) in FLOOR (Women)",
    )
    assert (alarm.evidence["serials"], alarm.evidence["belongs_in"]) == (["1", "2", "3"], ["FIT"])
    await shop.rig.put("1", zone="FIT")
    assert await shop.look() == 0
    assert (await shop.live())[0].evidence["units"] == 2
    await shop.rig.blind("FLOOR")
    await shop.rig.put("2", "3", zone="FIT")
    assert await shop.look() == 0, "nobody looks: nothing is said of it"
    async with database.write() as connection:
        await connection.execute(update(zone_state).values(status="live"))
    assert await shop.look() == 1
    assert await shop.live() == []


async def test_nothing_by_time_while_the_fold_is_dead(database: Database) -> None:
    shop = await with_departments(database)
    await shop.name(SHIRT_S, "Men")
    await shop.rig.put("1", zone="FLOOR")
    await shop.wait(MISPLACED_US)
    shop.rig.clock.advance(3_600)
    assert await shop.look() == 0
    await shop.wait(0)
    assert await shop.look() == 1


async def test_two_tags_that_always_move_together(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.name(SHIRT_S)
    await shop.rig.put("7", zone="BACK")
    for zone in ("BACK", "FLOOR", "FIT", "FLOOR", "FIT", "FLOOR"):
        await shop.wait(3_600 * SECOND_US)
        await shop.rig.put("1", "2", zone=zone)
        await shop.process.look()
    await shop.wait(3_600 * SECOND_US)
    await shop.look()
    (alarm,) = await shop.live()
    assert (alarm.kind, alarm.evidence["serials"]) == (Kind.DOUBLE_TAG, ["1", "2"])
    async with database.write() as connection:  # what another process begins with is less
        await connection.execute(text("DELETE FROM movement"))
    shop.process = shop.other_process()
    assert await shop.look() == 0, "its alarm stays"
    await shop.wait(3_600 * SECOND_US)
    async with database.write() as connection:
        row = (
            "INSERT INTO movement VALUES ('store-001', 999, 1, '{}', '1', 'FLOOR', 'FIT', 1, {t}, {t}, {t}, 'moved', 1)"
        )
        await connection.execute(text(row.format(SHIRT_S, t=shop.rig.clock())))
    await shop.wait(3_600 * SECOND_US)
    assert await shop.look() == 1
    assert await shop.live() == [], "one moved alone"


async def read_at(database: Database, site: Site, *windows: Sequence[tuple[int, bytes]]) -> LogRig:
    """Let a store read these tags, a window a second, and keep a checkpoint of it."""
    rig = await LogRig(database, site).open()
    await rig.log([reads(second, seen, site=site.id) for second, seen in enumerate(windows)])
    fold = await rig.fold(site.id)
    await fold_all(fold)
    await fold.take_checkpoint()
    return rig


async def test_one_tag_in_two_stores(database: Database) -> None:
    """Through two real folds with the real engine."""
    mine, copied = (FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2))
    far = other_site(OTHER)
    await read_at(database, SITE, *[[mine, copied]] * 40)
    there = await read_at(database, far, *[[copied]] * 40)
    shop = Shop(Rig(database))
    await shop.name(SHIRT_S)
    await shop.wait(60 * SECOND_US)
    both = ExceptionsProcess(database, [SITE.id, OTHER], shop.rig.clock, shop.rig.names)
    assert await both.look() == 2
    for name in (SITE.id, OTHER):
        (alarm,) = await shop.live(site=name)
        assert (alarm.kind, alarm.serial, alarm.evidence["sites"]) == (Kind.CLONE, "2", [SITE.id, OTHER])
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM checkpoint"))
    assert await shop.other_process().look() == 0, "a process that begins, and knows of no read yet, keeps it"
    gone = EvidenceEntry(
        id="x", kind=EvidenceKind.PLACE, at_us=T0_US + 50 * SECOND_US, items=((SHIRT_S, "2"),), zone=OUT
    )
    await there.say(gone, at_us=T0_US + 50 * SECOND_US)
    await fold_all(await there.fold(OTHER))
    await shop.wait(READS_PASS_US)
    assert await both.look() == 2
    assert [await shop.live(site=name) for name in (SITE.id, OTHER)] == [[], []]


async def test_stock_that_is_never_read(database: Database) -> None:
    """A receipt of two, of which one is read; three days of the engine's memory are said, not waited for."""
    seen = [(BACK, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 3)), (BACK, epc(SHIRT_M, 4))]
    rig = await LogRig(database).open()
    old_us = T0_US - UNREAD_US
    told = EvidenceEntry(
        id="asn-1", kind=EvidenceKind.RECEIPT, at_us=old_us, items=((SHIRT_S, "1"), (SHIRT_S, "2")), zone="BACK"
    )
    await rig.say(told, at_us=old_us)
    await rig.log([reads(second, seen) for second in range(40)])
    fold = await rig.fold()
    await fold_all(fold)
    await fold.take_checkpoint()
    shop = Shop(Rig(database))
    await shop.name(SHIRT_S)
    await shop.name(SHIRT_M)
    await shop.wait(60 * SECOND_US)
    assert await shop.look() == 0, "the zone is looked at since a minute only"
    async with database.write() as connection:
        await connection.execute(update(zone_state).values(since_us=T0_US - LOOKED_US, status="live"))
    assert await shop.look() == 1
    (alarm,) = await shop.live()
    assert (alarm.kind, alarm.gtin, alarm.zone) == (Kind.NEVER_READ, SHIRT_S, "BACK")
    assert alarm.text.startswith("1 of 2 Oxford navy S in BACK")
    assert alarm.evidence["items"] == [{"serial": "2", "last_read_at": None, "named_at": "2026-11-15T11:06:40.000Z"}]
    async with database.write() as connection:
        await connection.execute(update(zone_state).values(status="blind"))
    assert await shop.look() == 0, "it stays while nobody looks"
    async with database.write() as connection:
        await connection.execute(update(zone_state).values(status="live"))
    await rig.log([reads(second, [*seen, (BACK, epc(SHIRT_S, 2))]) for second in range(60, 70)], start=60)
    fold = await rig.fold()
    await fold_all(fold)
    await fold.take_checkpoint()
    async with database.write() as connection:
        await connection.execute(update(zone_state).values(since_us=T0_US - LOOKED_US, status="live"))
    await shop.wait(SECOND_US)
    assert await shop.look() == 1
    assert await shop.live() == []


async def test_without_a_checkpoint_nothing_is_said_of_reads(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.rig.put("1")
    assert await shop.look() == 1
    async with database.read() as connection:
        assert (await connection.execute(select(checkpoint))).all() == []
    assert {one.kind for one in await shop.live()} == {Kind.UNKNOWN_GTIN}


async def test_two_gateways_at_once_raise_one_alarm(database: Database) -> None:
    shop = await Shop.open(database)
    await shop.rig.put("1", "2")
    await shop.rig.put("1", zone=OUT)
    await shop.till()
    await shop.wait(GRACE_US)
    gateways = [shop.other_process() for _ in range(3)]
    assert sum(await asyncio.gather(*(gateway.look(full=True) for gateway in gateways))) == 2
    assert sorted(one.kind for one in await shop.live()) == [Kind.LEFT_UNSOLD, Kind.UNKNOWN_GTIN]


async def test_one_look_of_a_process_at_a_time(sqlite_database: Database) -> None:
    shop = await Shop.open(sqlite_database)
    await shop.name(SHIRT_S)
    for number in range(JUMPS):
        await shop.rig.put("1", zone=("BACK", "FIT")[number % 2])
    changed = await asyncio.gather(*(shop.look() for _ in range(JUMPS)))
    assert sum(changed) == 0, "it came, and jumped once too few, however many look"
    await shop.rig.put("1", zone=("BACK", "FIT")[JUMPS % 2])
    assert await shop.look() == 1


async def test_only_sites_whose_fold_is_ours(sqlite_database: Database) -> None:
    shop = await Shop.open(sqlite_database)
    await shop.rig.put("1")
    held: set[str] = set()
    process = shop.other_process(holds=held.__contains__)
    assert await process.look(full=True) == 0
    held.add(SITE.id)
    assert await process.look(full=True) == 1


async def test_it_runs_until_it_is_stopped_and_outlives_an_error(sqlite_database: Database) -> None:
    shop = await Shop.open(sqlite_database)
    await shop.rig.put("1")
    woken = []
    process = shop.other_process(pass_s=0.01, committed=lambda: woken.append(1))
    async with sqlite_database.write() as connection:
        await connection.execute(text("ALTER TABLE alarm RENAME TO away"))
    running = asyncio.create_task(process.run())
    await until(lambda: process.counters()["alarm_failures"] >= 2)
    async with sqlite_database.write() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO alarm"))
    await until(lambda: woken)
    process.stop()
    await running
    (alarm,) = await shop.live()
    assert (alarm.state, alarm.kind) == (State.OPEN, Kind.UNKNOWN_GTIN)
    assert process.counters()["alarm_full_passes"] == 1, "everything is read every few minutes only"
