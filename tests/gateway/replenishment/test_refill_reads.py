"""Refill by reads alone: a real engine folds tag reads, and the tasks follow from what it believes."""

from collections.abc import Iterable

import pytest

from gateway.catalogue import import_catalogue
from gateway.relay import ChangeFeed, Relay
from gateway.replenishment.process import Replenishment
from gateway.storage.engine import Database
from tests.gateway.log_rig import LogRig, fold_all, unpruned
from tests.gateway.replenishment.refill_rig import CATALOGUE, Store, detail
from tests.gateway.small_store import BACK, FLOOR, SECOND_US, SHIRT_S, SITE, T0_US, ManualClock, epc, reads
from wire.site_file import parse_site

SURVEYED = parse_site("""
site: store-001
zones:
  - {id: BACK, kind: back_room, outline: [[0, 0], [6, 0], [6, 10], [0, 10]]}
  - {id: FLOOR, kind: sales_floor, outline: [[6, 0], [18, 0], [18, 10], [6, 10]]}
  - {id: FIT, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
passages: [[BACK, FLOOR], [FLOOR, FIT], [FLOOR, EXIT]]
devices:
  - id: R1
    driver: llrp
    address: 10.0.0.11:5084
    edge: box-1
    antennas:
      - {port: 1, zone: BACK, x: 3, y: 5, z: 3}
      - {port: 2, zone: FLOOR, x: 13, y: 5, z: 3}
      - {port: 3, zone: FIT, x: 20, y: 2, z: 3}
      - {port: 4, zone: EXIT, x: 20, y: 8, z: 3}
""")
EVERY_S = 3
"""A reader that sees each item every three seconds: slower than real ones, and enough."""


class ReadStore(Store):
    """A store of which reads are logged and folded; its clock goes with them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, clock=ManualClock())
        self.log = LogRig(database, SURVEYED)
        self.feed = ChangeFeed()
        self.relay = Relay(database, self.feed, "relay", self.clock, ttl_s=1e6)
        self.process = Replenishment(database, [SITE.id], "one", self.clock, self.feed, new_id=self.names, ttl_s=1e6)
        self.second = 0

    async def begin(self) -> "ReadStore":
        await self.log.open()
        await import_catalogue(self.database, CATALOGUE, T0_US)
        self.fold = await self.log.fold(rules=unpruned(max_entries=100))
        return self

    async def pass_by(self, seconds: int, places: Iterable[tuple[int, int]]) -> None:
        """Let time pass with these items read: (antenna, serial). Fold, relay, decide."""
        seen = [(antenna, epc(SHIRT_S, serial)) for antenna, serial in places]
        until = self.second + seconds
        while self.second < until:
            step = min(30, until - self.second)
            messages = [
                reads(second, seen if second % EVERY_S == 0 else [])
                for second in range(self.second, self.second + step)
            ]
            await self.log.log(messages, start=self.second)
            self.second += step
            self.clock.now_us = T0_US + self.second * SECOND_US
            await fold_all(self.fold)
            await self.decide()

    async def decide(self) -> None:
        await self.relay._once()
        for _ in range(100):
            await self.process._hold()
            await self.process._listen()
            if not await self.process._turns():
                return
        raise AssertionError("it finds no end")


@pytest.fixture
async def store(sqlite_database: Database) -> ReadStore:
    return await ReadStore(sqlite_database).begin()


IN_BACK = [(BACK, 1), (BACK, 2), (BACK, 3)]


async def test_a_task_opened_and_closed_by_reads_alone(store: ReadStore) -> None:
    await store.pass_by(60, IN_BACK)
    assert await store.tasks() == []
    await store.pass_by(240, IN_BACK)
    task = await store.one()
    assert (task.gtin, task.quantity, task.from_zone, task.to_zone) == (SHIRT_S, 2, "BACK", "FLOOR")
    await store.pass_by(90, [(FLOOR, 1), (BACK, 2), (BACK, 3)])
    half = await store.one()
    assert (half.id, half.state.value, detail(half)["moved"]) == (task.id, "open", 1)
    await store.pass_by(120, [(FLOOR, 1), (BACK, 2), (FLOOR, 3)])
    over = await store.one(over=True)
    assert (over.state.value, over.reason, detail(over)["by"]) == ("closed", "the reads show 2 of 2", "reads")
    await store.pass_by(180, [(FLOOR, 1), (BACK, 2), (FLOOR, 3)])
    assert await store.tasks() == []


async def test_a_word_without_reads_opens_it_again_and_the_reads_close_it(store: ReadStore) -> None:
    await store.pass_by(300, IN_BACK)
    task = await store.one()
    await store.done(task.id)
    await store.pass_by(330, IN_BACK)
    again = await store.one()
    assert (again.id, again.state.value, again.reopened) == (task.id, "open", 1)
    await store.pass_by(210, [(FLOOR, 1), (FLOOR, 2), (BACK, 3)])
    assert (await store.one(over=True)).reason == "the reads show 2 of 2"


async def test_nobody_is_sent_while_the_floor_is_blind(store: ReadStore) -> None:
    """The floor's antenna looks no more: what lay there may lie there still."""
    await store.pass_by(120, [*IN_BACK, (FLOOR, 4)])
    until = store.second + 300
    while store.second < until:
        seen = [(antenna, epc(SHIRT_S, serial)) for antenna, serial in IN_BACK]
        span = range(store.second, store.second + 30)
        await store.log.log([reads(second, seen, looking=(1, 3, 4)) for second in span], start=store.second)
        store.second += 30
        store.clock.now_us = T0_US + store.second * SECOND_US
        await fold_all(store.fold)
        await store.decide()
    assert await store.tasks() == []
