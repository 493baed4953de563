"""One store of the demo: the simulated site with its live readers, and the edges that poll them."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from edge.daemon import EdgeDaemon, EdgeStats
from edge.drivers import build_driver
from edge.drivers.port import Host
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from lastunit.demo.cells import Cell
from lastunit.demo.latency import ItemKey
from simulator.catalogue import write_catalogue
from simulator.reader.live_store import LiveStore
from simulator.reader.sighting import Sighting
from simulator.store import Store
from wire.epc import Sgtin, decode_epc
from wire.site import OUT, Site

OnWent = Callable[[ItemKey, str, int], None]
"""Item, its true zone, when (UTC microseconds)."""
OnReported = Callable[[ItemKey, str, int], None]
"""Item, zone of the antenna that read it, when its reader sent it."""


class DemoStore:
    """A store of the demo, as an async context: its readers live inside; `open` starts the edges that poll them."""

    def __init__(self, site: Site, store: Store, host: Host, *, on_went: OnWent, on_reported: OnReported) -> None:
        self._store = store
        self._host = host
        self._on_went, self._on_reported = on_went, on_reported
        self._live = LiveStore(site, store, on_fed=self._fed, on_second=self._second)
        counts_as = {zone.id: zone.counts_as for zone in site.zones}
        self._zone = {key: counts_as[zone] for key, zone in site.zone_of_antenna().items()}
        self._keys = [_item_key(site.id, store.epc(item)) for item in range(store.items)]
        self._by_epc = {store.epc(item): self._keys[item] for item in range(store.items)}
        self._edges: list[EdgeDaemon] = []
        self._servers = AsyncExitStack()

    @property
    def site(self) -> Site:
        """The site, with the addresses where its readers really listen; only inside the context."""
        return self._live.site

    def catalogue_csv(self) -> str:
        """Return the catalogue of this store's goods, as a file that `lastunit catalogue import` takes."""
        text = io.StringIO()
        write_catalogue(self._store.catalogue, text)
        return text.getvalue()

    async def __aenter__(self) -> Self:
        await self._servers.enter_async_context(self._live)
        now_us = self._host.wall_us()
        for item, zone in enumerate(self._store.truth().tolist()):
            self._on_went(self._keys[item], self._store.zones[zone], now_us)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close_edges()
        await self._servers.aclose()

    async def open(self, broker: str, folder: Path) -> None:
        """Start this site's edges, each with an outbox of its own in `folder`."""
        address = parse_broker_url(broker)
        log = structlog.get_logger("edge")
        for edge in self.site.edges():
            daemon = EdgeDaemon(
                self.site,
                edge,
                drivers={
                    device.id: build_driver(device, self.site, self._host) for device in self.site.devices_of(edge)
                },
                uplink=lambda site, name: MqttUplink(address, site, name, self._host, log=log),
                outbox_path=folder / f"{self.site.id}-{edge}.db",
                host=self._host,
                log=log,
            )
            await daemon.start()
            self._edges.append(daemon)

    async def live(self) -> None:
        """Let the store live until cancelled."""
        await self._live.run()

    async def close_edges(self, drain_s: float = 0.0) -> list[EdgeStats]:
        """Stop the edges, giving the gateway `drain_s` to take what waits; return their figures."""
        edges, self._edges = self._edges, []
        for edge in edges:
            await edge.stop(drain_s)
        return [edge.stats() for edge in edges]

    def edges_up(self) -> tuple[int, int]:
        """Return how many devices are up, and how many there are."""
        devices = [device for edge in self._edges for device in edge.stats().devices]
        return sum(device.state == "up" for device in devices), len(devices)

    def truth(self) -> Counter[Cell]:
        """Return what is really in each (site, SKU, zone) now."""
        zones = self._store.zones
        return Counter(
            (key[0], key[1], zones[zone])
            for key, zone in zip(self._keys, self._store.truth().tolist(), strict=True)
            if zones[zone] != OUT
        )

    def _second(self, _second: int) -> None:
        now_us = self._host.wall_us()
        for move in self._store.moves:
            self._on_went(self._keys[move.item], self._store.zones[move.to_zone], now_us)

    def _fed(self, device: str, sightings: Sequence[Sighting], now_us: int) -> None:
        for sighting in sightings:
            key = self._by_epc.get(sighting.epc)
            if key is not None:
                self._on_reported(key, self._zone[device, sighting.antenna], now_us)


def _item_key(site: str, epc: bytes) -> ItemKey:
    item = decode_epc(epc, 96)
    assert isinstance(item, Sgtin), f"the simulator made {epc.hex()}, which is no SGTIN-96"
    return (site, item.gtin, item.serial)
