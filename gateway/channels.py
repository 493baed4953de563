"""What a gateway is to its channels: reservations, stock operations, keys, and rows in memory, put together.

Part of the composition root (`gateway.app`): here stands which part knows which, and nothing else.
"""

import time
from collections.abc import Callable

from gateway.clock import Clock
from gateway.holds.desk import Holds
from gateway.holds.ids import random_ids
from gateway.holds.sweeper import Sweeper
from gateway.http.digital_link_routes import DigitalLinks
from gateway.http.gate import Access
from gateway.http.services import Services
from gateway.keys.ring import KeyRing
from gateway.keys.store import read_keys
from gateway.mirror import Mirror
from gateway.relay import Relay
from gateway.shopper import ShopperView
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.storage.engine import Database
from gateway.tasks.boards import Boards
from gateway.tasks.desk import Tasks
from gateway.tasks.elsewhere import Sourced
from gateway.tasks.orders import OrderTasks
from gateway.tasks.sweeper import TaskSweeper
from gateway.trade.collect import HeldUnits
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade


class Channels:
    """The parts that channels meet. `services` are for the HTTP side; `sweeper` and `task_sweeper` are to be run.

    `wake` tells the fold that the log of a site grew.
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

        new_id = random_ids(clock)
        order_tasks = OrderTasks(clock, new_id)
        holds = Holds(database, clock, new_id, committed=committed, follow_up=order_tasks)
        ring = KeyRing(lambda: read_keys(database, clock()), clock, time.monotonic)
        quotes = Quotes(database, clock)
        orders = Orders(quotes, holds)
        self.sweeper = Sweeper(database, clock, committed=relay.wake)
        elsewhere = Sourced(database, clock, orders)
        self._tasks = Tasks(database, clock, holds, order_tasks, next_best=elsewhere, committed=committed)
        self._boards = Boards(database, clock, self._tasks.waiting)
        self.task_sweeper = TaskSweeper(database, clock, holds)
        self.services = Services(
            access=Access(ring, time.monotonic),
            mirror=Mirror(database, clock),
            holds=holds,
            quotes=quotes,
            orders=orders,
            tasks=self._tasks,
            boards=self._boards,
            trade=Trade(database, clock, HeldUnits(order_tasks), committed=logged),
            trade_reads=TradeReads(database),
            links=DigitalLinks(ShopperView(database, clock), clock),
        )
        self._holds = holds
        self._quotes = quotes
        self._orders = orders

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
        return self._holds.counters() | self.sweeper.counters() | sourcing | tasks | keys

    async def close(self) -> None:
        """Decide what waits."""
        await self._quotes.close()
        await self._holds.close()
