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
from gateway.storage.engine import Database
from gateway.trade.collect import HeldUnits
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade


class Channels:
    """The parts that channels meet. `services` are for the HTTP side; `sweeper` is to be run.

    `wake` tells the fold that the log of a site grew.
    """

    def __init__(
        self, database: Database, clock: Clock, relay: Relay, wake: Callable[[str], None] = lambda _: None
    ) -> None:
        def logged(site: str) -> None:
            relay.wake()
            wake(site)

        holds = Holds(database, clock, random_ids(clock), committed=relay.wake)
        ring = KeyRing(lambda: read_keys(database, clock()), clock, time.monotonic)
        self.sweeper = Sweeper(database, clock, committed=relay.wake)
        self.services = Services(
            access=Access(ring, time.monotonic),
            mirror=Mirror(database, clock),
            holds=holds,
            trade=Trade(database, clock, HeldUnits(), committed=logged),
            trade_reads=TradeReads(database),
            links=DigitalLinks(ShopperView(database, clock), clock),
        )
        self._holds = holds

    async def keys_exist(self) -> bool:
        """Whether a key was ever made: only then anybody but this machine may ask."""
        assert self.services.access is not None
        await self.services.access.begin()
        return self.services.access.keys_exist

    def counters(self) -> dict[str, int]:
        """Return the counters of this process."""
        access = self.services.access
        keys = {} if access is None else access.counters()
        return self._holds.counters() | self.sweeper.counters() | keys

    async def close(self) -> None:
        """Decide what waits."""
        await self._holds.close()
