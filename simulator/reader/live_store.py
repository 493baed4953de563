"""A whole site as live LLRP readers: one server for each device, fed by one store. The composition root.

store = Store(site, "realistic", seed=1)
async with LiveStore(site, store) as live:
    start_edges(live.site)          # the same site, with the ports that were really bound
    await live.run()                # until cancelled
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from simulator.reader.caller import Caller
from simulator.reader.clock import Clock, SystemClock
from simulator.reader.persona import persona_of
from simulator.reader.server import ReaderServer
from simulator.reader.store_feed import StoreFeed
from wire.site import Driver

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.reader.store_feed import FeedCounters, OnFed, OnSecond
    from simulator.store import Store
    from wire.site import Device, Site

LLRP_PORT = 5084
"""The port of LLRP, for addresses that name none."""

_EDGE_HOST = "127.0.0.1"
"""Where readers that call (`listen` in the site file) find their edge: on the machine that simulates them. They call
from their address in the site file, so that has to be one of this machine's, such as 127.0.0.11."""

LLRP_DRIVERS = frozenset({Driver.LLRP, Driver.SLLURP})
"""Drivers whose devices are readers that listen for LLRP."""


class LiveStore:
    """The LLRP readers of a site, as an async context; they listen, or call, from its beginning to its end.

    Args:
        site: which devices there are, and where they listen (port 0 = any free one).
        store: the life in it; stepped by `run`.
        clock: the pace; the system's clock if None.
        host: listen here instead of at the addresses of the site file; ports are then free ones.
        slices_per_s, with_power, on_fed, on_second: see `StoreFeed`.

    Raises:
        OSError: on entering, if an address cannot be bound. No server is left running.
        PersonaError: a device asks for a persona that there is not.
    """

    def __init__(
        self,
        site: Site,
        store: Store,
        *,
        clock: Clock | None = None,
        host: str | None = None,
        slices_per_s: int = 8,
        with_power: bool = True,
        on_fed: OnFed | None = None,
        on_second: OnSecond | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.readers = {
            device.id: _server(device, host, self.clock) for device in site.devices if device.driver in LLRP_DRIVERS
        }
        callers = ((device, device.options.get("listen")) for device in site.devices)
        self._callers = [
            Caller(self.readers[device.id], _EDGE_HOST, int(port), source=device.host_port(0)[0])
            for device, port in callers
            if device.id in self.readers and port is not None
        ]
        self._declared = site
        self._servers = AsyncExitStack()
        self._feed = StoreFeed(
            store,
            self.readers,
            self.clock,
            slices_per_s=slices_per_s,
            with_power=with_power,
            on_fed=on_fed,
            on_second=on_second,
        )

    @property
    def site(self) -> Site:
        """The site, with the addresses at which its readers really listen."""
        devices = tuple(
            replace(device, address=self.readers[device.id].address)
            if device.id in self.readers and "listen" not in device.options
            else device
            for device in self._declared.devices
        )
        return replace(self._declared, devices=devices)

    @property
    def counters(self) -> FeedCounters:
        """What the feed has done."""
        return self._feed.counters

    async def __aenter__(self) -> Self:
        try:
            for reader in self.readers.values():
                await self._servers.enter_async_context(reader)
            for caller in self._callers:
                await self._servers.enter_async_context(caller)
        except BaseException:
            await self._servers.aclose()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._servers.aclose()

    async def run(self, seconds: int | None = None) -> None:
        """Let the store live, at the clock's pace, until cancelled or for some seconds."""
        await self._feed.run(seconds)


def _server(device: Device, host: str | None, clock: Clock) -> ReaderServer:
    named_host, port = device.host_port(0 if "listen" in device.options else LLRP_PORT)
    if host is not None:
        named_host, port = host, 0
    return ReaderServer(device.id, persona_of(device), host=named_host, port=port, clock=clock)
