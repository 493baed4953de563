"""What is sold and what comes back reaches the edges' own lists: a real ledger, and messages as they travel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.sold import SoldTags
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.sold import limits
from gateway.sold.limits import GUESS_AGAIN_US, PAGE_ITEMS
from gateway.sold.teller import SoldTeller
from gateway.storage.engine import Database
from tests.gateway.small_store import EDGE, SECOND_US, SHIRT_S, SITE, ManualClock, epc
from tests.gateway.trade.trade_rig import OTHER, TradeRig
from tests.gateway.wait import until
from wire.messages import EdgeState, ForgetSold, RememberAgain, decode_command
from wire.site import OUT
from wire.topics import Leaf, edge_topic
from wire.window import TagRead

GRACE_S = 3_600


class Box:
    """An edge as far as sold goods go: what it is told goes into the list that a real edge drops by."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock, *, site: str = SITE.id, edge: str = EDGE) -> None:
        self.site, self.edge = site, edge
        self._clock = clock
        self.tags = SoldTags()
        self.told: list[ForgetSold | RememberAgain] = []
        broker.listen(edge_topic(site, edge, Leaf.CMD), self._obey)

    def _obey(self, _topic: str, payload: bytes) -> None:
        command = decode_command(payload)
        assert isinstance(command, ForgetSold | RememberAgain)
        self.told.append(command)
        if isinstance(command, ForgetSold):
            self.tags.forget(command, self._clock() / SECOND_US)
        else:
            self.tags.remember(command)

    def restart(self) -> None:
        self.tags = SoldTags()

    def drops(self, serial: int, after_s: float = 0) -> bool:
        read = TagRead(1, epc(SHIRT_S, serial), 96, -5_000, 0, 0, 1)
        return self.tags.without_sold([read], self._clock() / SECOND_US + after_s) == []

    def state(self, what: str = "birth") -> EdgeState:
        return EdgeState(what=what, site=self.site, edge=self.edge, at_us=self._clock())  # type: ignore[arg-type]


class Shop:
    """The rig's ledger, a broker, and a teller that runs."""

    def __init__(self, rig: TradeRig, database: Database) -> None:
        self.rig = rig
        self.broker = MemoryBroker()
        self.source = MemorySource(self.broker, rig.clock)
        self.held = {SITE.id, OTHER}
        self.teller = self.new_teller(database)

    def new_teller(self, database: Database) -> SoldTeller:
        return SoldTeller(
            database,
            (SITE.id, OTHER),
            self.source,
            self.rig.clock,
            grace_s=GRACE_S,
            holds=lambda site: site in self.held,
            poll_s=0.01,
        )

    def box(self, *, site: str = SITE.id, edge: str = EDGE) -> Box:
        return Box(self.broker, self.rig.clock, site=site, edge=edge)

    async def settle(self) -> None:
        """Come back when all that is committed by now was told."""
        looks = self.teller.figures.sold_looks
        await until(lambda: self.teller.figures.sold_looks >= looks + 2)


@asynccontextmanager
async def open_shop(rig: TradeRig) -> AsyncIterator[Shop]:
    shop = Shop(rig, rig.database)
    listening = asyncio.create_task(_listen(shop.source))
    running = asyncio.create_task(shop.teller.run())
    try:
        await until(lambda: shop.source.connected)
        yield shop
    finally:
        shop.teller.stop()
        await shop.source.close()
        await asyncio.gather(listening, running)


async def _listen(source: MemorySource) -> None:
    async for _ in source.deliveries():
        pass


@pytest.fixture
async def rig(database: Database) -> TradeRig:
    opened = TradeRig(database)
    await opened.open(OTHER)
    return opened


@pytest.fixture
async def shop(rig: TradeRig) -> AsyncIterator[Shop]:
    async with open_shop(rig) as opened:
        yield opened


async def test_a_sale_and_a_return_reach_the_edges_of_their_site(shop: Shop) -> None:
    rig, one, two = shop.rig, shop.box(), shop.box(edge="box-2")
    other = shop.box(site=OTHER)
    for box in (one, two, other):
        shop.teller.heard(box.state())
    await until(lambda: one.told and two.told and other.told)
    assert one.told == [ForgetSold(epcs=(), grace_s=GRACE_S, anew=True)]
    await rig.put("1", "2")
    await rig.sell("1")
    await until(lambda: len(one.tags) and len(two.tags))
    assert (one.drops(1), one.drops(1, GRACE_S), one.drops(2, GRACE_S)) == (False, True, False)
    await rig.give_back("1")
    await until(lambda: not len(one.tags) and not len(two.tags))
    assert len(other.told) == 1


async def test_an_edge_that_begins_is_told_what_was_sold_before(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    await rig.sell("1")
    rig.later(GRACE_S - 600)
    await rig.sell("2")
    rig.later(60)
    async with open_shop(rig) as shop:
        box = shop.box()
        shop.teller.heard(box.state("health"))
        await until(lambda: len(box.tags) == 2)
        (command,) = box.told
        assert isinstance(command, ForgetSold)
        assert [(item.path, item.age_s) for item in command.items] == [
            (f"/01/{SHIRT_S}/21/2", 60),
            (f"/01/{SHIRT_S}/21/1", GRACE_S - 540),
        ]
        assert [box.drops(serial, 540) for serial in (1, 2, 3)] == [True, False, False]
        box.restart()
        shop.teller.heard(box.state())
        await until(lambda: len(box.tags) == 2)
        await rig.give_back("1")
        await until(lambda: len(box.tags) == 1)
        box.restart()
        shop.teller.heard(box.state())
        await until(lambda: len(box.tags) == 1)
        assert box.drops(2, GRACE_S)


async def test_an_item_sold_by_sku_is_told_when_the_engine_has_seen_it_leave(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    shop.teller.heard(box.state())
    await until(lambda: box.told)
    await rig.put("1", "2")
    await rig.sell(units=1)
    await rig.put("1", zone=OUT)
    assert await rig.states() == {"1": "sold"}
    await shop.settle()
    assert not len(box.tags)  # the guess may still be read again
    rig.later(GRACE_S)
    await until(lambda: len(box.tags))
    assert (box.drops(1), box.drops(2, GRACE_S)) == (True, False)
    await rig.give_back("1")
    await until(lambda: not len(box.tags))


async def test_a_guess_that_is_read_again_goes_on_being_read(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    shop.teller.heard(box.state())
    await rig.put("1")
    await rig.sell(units=1)
    await rig.put("1", zone=OUT)
    await shop.settle()
    await rig.put("1", zone="FLOOR")  # it had not left: the ledger keeps the sale, the shelf has the item
    rig.later(GRACE_S)
    shop.teller.heard(box.state())
    await until(lambda: len(box.told) >= 2)
    await shop.settle()
    assert not len(box.tags)
    await rig.put("1", zone=OUT)  # the sale was given back, and takes it again: from now on it is sold
    rig.later(GRACE_S + GUESS_AGAIN_US / SECOND_US)
    await until(lambda: len(box.tags))


async def test_what_was_sold_here_and_returned_elsewhere_is_read_in_both(shop: Shop) -> None:
    rig, here, there = shop.rig, shop.box(), shop.box(site=OTHER)
    for box in (here, there):
        shop.teller.heard(box.state())
    await rig.put("1")
    await rig.sell("1")
    await until(lambda: len(here.tags))
    await rig.give_back("1", site=OTHER)
    await until(lambda: not len(here.tags))
    await until(lambda: len(there.told) == 2)
    assert isinstance(there.told[1], RememberAgain)


async def test_long_lists_go_in_pages_and_nothing_follows_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.sold.teller.PAGE_ITEMS", 2)
    rig, box = shop.rig, shop.box()
    await rig.put("1", "2", "3", "4", "5")
    await rig.sell("1", "2", "3", "4", "5")
    await shop.settle()
    shop.teller.heard(box.state())
    await until(lambda: len(box.tags) == 5)
    pages = [(len(page.items), page.anew) for page in box.told if isinstance(page, ForgetSold)]
    assert pages == [(2, True), (2, False), (1, False)]
    await shop.settle()
    assert len(box.told) == 3
    assert shop.teller.counters()["sold_told"] == 5


async def test_old_sales_are_not_told(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell("1")
    rig.later(limits.LATELY_US / SECOND_US + 1)
    await rig.sell("2")
    async with open_shop(rig) as shop:
        box = shop.box()
        shop.teller.heard(box.state())
        await until(lambda: len(box.tags) == 1)
        assert box.drops(2, GRACE_S)


async def test_only_the_owner_of_a_site_tells_its_edges(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    shop.held.clear()
    shop.teller.heard(box.state())
    await rig.put("1")
    await rig.sell("1")
    await shop.settle()
    assert box.told == []
    shop.held.add(SITE.id)
    await until(lambda: len(box.tags))
    shop.held.clear()
    await shop.settle()
    await rig.give_back("1")
    await shop.settle()
    assert len(box.tags) == 1  # the new owner tells this
    shop.held.add(SITE.id)
    await until(lambda: not len(box.tags))


async def test_what_the_broker_does_not_take_is_told_with_the_whole_list(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    shop.teller.heard(box.state())
    await until(lambda: box.told)
    shop.source._closed = True  # the source refuses what is published, as without a broker
    await rig.put("1")
    await rig.sell("1")
    await until(lambda: shop.teller.counters()["sold_missed"])
    shop.source._closed = False
    rig.later(limits.RETRY_US / SECOND_US)
    await until(lambda: len(box.tags))
    last = box.told[-1]
    assert isinstance(last, ForgetSold)
    assert last.anew


async def test_everybody_is_told_anew_when_the_gateway_was_cut_off(shop: Shop) -> None:
    box = shop.box()
    shop.teller.heard(box.state())
    await until(lambda: len(box.told) == 1)
    await shop.settle()
    assert len(box.told) == 1
    shop.source.figures.connects += 1  # as a source does when it is connected again
    await until(lambda: len(box.told) == 2)


async def test_a_database_that_is_away_stops_nothing(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    async with rig.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE posting RENAME TO posting_away")
    await until(lambda: shop.teller.counters()["sold_failures"])
    shop.teller.heard(box.state())
    async with rig.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE posting_away RENAME TO posting")
    await until(lambda: box.told)


async def test_a_serial_that_no_tag_can_hold_is_counted(shop: Shop) -> None:
    rig, box = shop.rig, shop.box()
    long = "9" * 21
    await rig.put("1", long)
    await rig.sell("1", long)
    shop.teller.heard(box.state())
    await until(lambda: len(box.tags) == 1)
    assert shop.teller.counters()["sold_untellable"] == 1


def test_a_page_fits_a_message() -> None:
    assert PAGE_ITEMS <= 10_000
