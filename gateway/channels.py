"""What a gateway is to its channels: reservations, stock operations, keys, and rows in memory, put together.

Part of the composition root (`gateway.app`): here stands which part knows which, and nothing else.
"""

import time
from collections.abc import Callable

from gateway.clock import Clock
from gateway.exceptions.boards import ALARMS
from gateway.exceptions.desk import Alarms
from gateway.finder import Finder
from gateway.holds.desk import Holds
from gateway.holds.follow_up import Following
from gateway.holds.ids import random_ids
from gateway.holds.order_events import tell_order
from gateway.holds.orders import HeldOrders
from gateway.holds.sweeper import Sweeper
from gateway.http.alarm_routes import AlarmService
from gateway.http.digital_link_routes import DigitalLinks
from gateway.http.gate import Access
from gateway.http.services import Services
from gateway.keys.ring import KeyRing
from gateway.keys.store import read_keys
from gateway.mirror import Mirror
from gateway.pairing.desk import Pairing
from gateway.relay import Relay
from gateway.shopper import ShopperView
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.storage.engine import Database
from gateway.tasks.boards import Boards
from gateway.tasks.desk import Tasks
from gateway.tasks.elsewhere import Sourced
from gateway.tasks.fades import Fades
from gateway.tasks.orders import OrderTasks
from gateway.tasks.resourcing import Resourcing
from gateway.tasks.sweeper import TaskSweeper
from gateway.tasks.unserved import Unserved
from gateway.trade.collect import HeldUnits
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade


class Channels:
    """The parts that channels meet. `services` are for the HTTP side.

    `sweeper`, `task_sweeper`, `fades`, `unserved` and `pairing` are to be run. `wake` tells the fold that the log of a
    site grew.
    """

    def __init__(
        self, database: Database, clock: Clock, relay: Relay, wake: Callable[[str], None] = lambda _: None
    ) -> None:
        def committed() -> None:
            relay.wake()
            self._boards.wake()

        def logged(site: str) -> None:
            committed()
            wake(site)

        def seen() -> None:
            self.alarm_boards.wake()

        new_id = random_ids(clock)
        follow_up = Following(OrderTasks(clock, new_id), tell_order)
        holds = Holds(database, clock, new_id, committed=committed, follow_up=follow_up)
        ring = KeyRing(lambda: read_keys(database, clock()), clock, time.monotonic)
        quotes = Quotes(database, clock)
        orders = Orders(quotes, holds)
        self.sweeper = Sweeper(database, clock, committed=relay.wake)
        next_best = Sourced(database, clock, orders)
        resourcing = Resourcing(database, clock, follow_up, next_best, committed=committed)
        holds.ask(resourcing)
        self.fades = Fades(database, clock, new_id, resourcing, committed=committed)
        self.unserved = Unserved(database, clock, resourcing)
        self._held_orders = HeldOrders(database, clock, new_id, follow_up=follow_up, committed=committed)
        self._tasks = Tasks(database, clock, holds, elsewhere=resourcing, told=tell_order, committed=committed)
        self._boards = Boards(database, clock, self._tasks.waiting)
        self.task_sweeper = TaskSweeper(database, clock, holds)
        self._alarms = Alarms(database, clock, committed=seen)
        self.alarm_boards = Boards(database, clock, self._alarms.waiting, ALARMS)
        access = Access(ring, time.monotonic)
        self.pairing = Pairing(database, clock, new_id, used=access.screens)
        self.services = Services(
            access=access,
            mirror=Mirror(database, clock),
            holds=holds,
            quotes=quotes,
            orders=orders,
            held_orders=self._held_orders,
            tasks=self._tasks,
            boards=self._boards,
            alarms=AlarmService(self._alarms, self.alarm_boards),
            trade=Trade(database, clock, HeldUnits(follow_up), committed=logged),
            trade_reads=TradeReads(database),
            links=DigitalLinks(ShopperView(database, clock), clock),
            pairing=self.pairing,
            finder=Finder(database, clock),
        )
        self._holds = holds
        self._quotes = quotes
        self._orders = orders
        self._resourcing = resourcing

    async def keys_exist(self) -> bool:
        """Whether a key was ever made: only then anybody but this machine may ask."""
        assert self.services.access is not None
        await self.services.access.begin()
        return self.services.access.keys_exist

    def counters(self) -> dict[str, int]:
        """Return the counters of this process."""
        access = self.services.access
        keys = {} if access is None else access.counters()
        sourcing = self._quotes.counters() | self._orders.counters()
        tasks = self._tasks.counters() | self._boards.counters() | self.task_sweeper.counters()
        tasks |= self.fades.counters() | self.unserved.counters()
        tasks |= self._resourcing.counters() | self._held_orders.counters()
        alarms = self._alarms.counters() | self.alarm_boards.counters()
        mine = self._holds.counters() | self.sweeper.counters() | self.pairing.counters()
        return mine | sourcing | tasks | alarms | keys

    async def close(self) -> None:
        """Decide what waits."""
        await self._quotes.close()
        await self._holds.close()
