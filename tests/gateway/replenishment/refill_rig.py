"""Stores whose stock a test says, and replenishment over them: a real database, a real ledger, a clock by hand."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from gateway.catalogue import import_catalogue
from gateway.exceptions.alarm import Alarm
from gateway.exceptions.store import open_alarms
from gateway.relay import ChangeFeed, Relay
from gateway.replenishment.judging import Rules
from gateway.replenishment.process import Replenishment
from gateway.steps import Step, pass_by
from gateway.storage.commerce import posting
from gateway.storage.engine import Database
from gateway.storage.schema import change, site_fold, zone_state
from gateway.storage.work import task
from gateway.tasks.acts import Said
from gateway.tasks.desk import Tasks
from gateway.tasks.orders import OrderTasks
from gateway.tasks.store import Task, task_of
from tests.gateway.holds.rig import WEB, Rig
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US
from tests.gateway.wait import until

HEADER = "gtin,style,colour,size,description,department,min_floor,max_floor,price\n"
CATALOGUE = f"""{HEADER}{SHIRT_S},Oxford,blue,S,Shirt,Men,1,2,49.90
{SHIRT_M},Oxford,blue,M,Shirt,Men,,,49.90
"""
MINUTE = 60
SETTLED = 2 * MINUTE + 1
"""Seconds until a shortage is believed."""


class Store(Rig):
    """A rig with a catalogue, whose folds live as long as its clock goes."""

    async def stock_up(self, *more: str, catalogue: str = CATALOGUE) -> "Store":
        await self.open(*more)
        await import_catalogue(self.database, catalogue, T0_US)
        async with self.database.write() as connection:
            await connection.execute(update(zone_state).values(since_us=T0_US - 3_600_000_000))
        return self

    async def later(self, seconds: float) -> None:
        """Let time pass; the folds go on."""
        async with self.database.write() as connection:
            await connection.execute(update(site_fold).values(now_us=self.clock() + round(seconds * 1e6)))
        self.clock.advance(seconds)

    async def look(self, zone: str, *, live: bool) -> None:
        """Let a zone be looked at, or not, from now on."""
        status = {"status": "live" if live else "blind", "since_us": self.clock()}
        async with self.database.write() as connection:
            await connection.execute(update(zone_state).where(zone_state.c.zone == zone).values(**status))

    async def tell(self, body: bytes) -> None:
        """Let there be a change that is of no SKU."""
        row: dict[str, Any] = {"site": SITE.id, "gtin": "", "created_us": self.clock(), "body": body}
        async with self.database.write() as connection:
            await connection.execute(insert(change), row)

    async def tasks(self, site: str = SITE.id, *, over: bool = False) -> list[Task]:
        """Return the refill tasks of a site, those that are over too if asked, in the order of opening."""
        query = select(task).where(task.c.site == site, task.c.kind == "refill").order_by(task.c.id)
        async with self.database.read() as connection:
            rows = await connection.execute(query if over else query.where(task.c.dedup.is_not(None)))
            return [task_of(row) for row in rows]

    async def one(self, **more: Any) -> Task:
        (found,) = await self.tasks(**more)
        return found

    async def alarms(self, site: str = SITE.id) -> list[Alarm]:
        async with self.database.read() as connection:
            return await open_alarms(connection, site)

    async def sold_before(self, gtin: str, day: int, units: int) -> None:
        """Let units have been sold so many days ago."""
        at_us = self.clock() - day * 86_400_000_000 + 3_600_000_000
        row: dict[str, Any] = {
            "site": SITE.id,
            "gtin": gtin,
            "serial": "",
            "owner": "own",
            "credit": "unplaced",
            "debit": "sold",
        }
        row |= {"quantity": units, "cause": "sale", "source": "", "actor": "", "happened_us": at_us}
        async with self.database.write() as connection:
            await connection.execute(insert(posting), row | {"recorded_us": at_us})

    def desk(self) -> Tasks:
        follow_up = OrderTasks(self.clock, self.names)
        return Tasks(self.database, self.clock, self.holds(follow_up=follow_up))

    async def done(self, name: str, units: int | None = None) -> None:
        await self.desk().done(WEB, name, Said("Kim", quantity=units))


class Staff:
    """A process of replenishment that a test lets work until it has nothing to do."""

    def __init__(self, store: Store, *sites: str, holder: str = "one", step: Step = pass_by, **more: Any) -> None:
        self.store = store
        self.feed = ChangeFeed()
        self.relay = Relay(store.database, self.feed, f"relay-{holder}", store.clock, ttl_s=0.001)
        self.process = Replenishment(
            store.database,
            sites or (SITE.id,),
            holder,
            store.clock,
            self.feed,
            new_id=store.names,
            rules=more.pop("rules", Rules()),
            look_s=0.01,
            step=step,
            **more,
        )

    async def work(self) -> None:
        """Relay what was committed, then take turns until nobody has anything to do."""
        self.store.clock.advance(0.01)
        await self.relay._once()
        await self.turns()

    async def turns(self) -> None:
        """Take turns until nobody has anything to do."""
        for _ in range(500):
            await self.process._hold()
            await self.process._listen()
            if not await self.process._turns():
                return
        raise AssertionError("it finds no end")

    async def after(self, seconds: float) -> None:
        await self.store.later(seconds)
        await self.work()

    def said(self) -> Mapping[str, str]:
        """Why nobody is sent, by GTIN."""
        return {gtin: one.why.value for gtin, one in self.process.works[SITE.id].not_now.items()}

    @property
    def counters(self) -> dict[str, int]:
        return {name: count for name, count in self.process.counters().items() if count}


@asynccontextmanager
async def running(staff: Staff) -> AsyncIterator[Replenishment]:
    """Let the process run by itself, with its relay."""
    parts = [asyncio.create_task(staff.relay.run()), asyncio.create_task(staff.process.run())]
    try:
        yield staff.process
    finally:
        staff.process.stop()
        staff.relay.stop()
        await asyncio.gather(*parts)


def detail(row: Task) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(dict(row.detail))
    return found


__all__ = [
    "MINUTE",
    "SETTLED",
    "SHIRT_M",
    "SHIRT_S",
    "SITE",
    "Database",
    "Staff",
    "Store",
    "detail",
    "running",
    "until",
]
