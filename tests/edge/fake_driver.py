"""A driver without a device, and a clock that a test owns."""

import random
from collections.abc import Callable

from edge.drivers.port import Host, Sink
from wire.messages import AntennaLook, CountBatch, DeviceClock, DeviceEvent, DeviceHealth, Scan
from wire.site import Antenna, Device, Driver, Site, Zone, ZoneKind
from wire.window import TagRead

OURS = bytes.fromhex("3034257BF7194E4000001A85")
"""SGTIN-96 of GTIN 80614141123458 (the example of TDS, company prefix 0614141), serial 6789."""


class ManualTime:
    """Both clocks of a host; `pass_s` moves them together."""

    def __init__(self, wall_us: int = 1_700_000_000_000_000) -> None:
        self.wall_us = wall_us
        self.now_s = 100.0

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_us += round(seconds * 1e6)

    def host(self) -> Host:
        return Host(wall_us=lambda: self.wall_us, monotonic_s=lambda: self.now_s, rng=random.Random(1))


class FakeDriver:
    """Follows the driver port; a test pushes reads and events through it."""

    def __init__(self, device: str, ports: tuple[int, ...] = (1, 2)) -> None:
        self.device = device
        self.ports = ports
        self.running = False
        self.stops = 0
        self.counted = 0
        self.looked_s: list[float] = []
        self.sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        if self.running:
            raise RuntimeError("started twice")
        self.sink, self.running = sink, True

    async def stop(self) -> None:
        self.running = False
        self.stops += 1

    def health(self) -> DeviceHealth:
        state = "up" if self.running else "down"
        return DeviceHealth(device=self.device, driver="llrp", state=state, since_us=0, reads=self.counted)  # type: ignore[arg-type]

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:
        self.looked_s.append(now_s)
        return tuple(AntennaLook(self.device, port, inventory_ms=500) for port in self.ports)

    def clock(self) -> DeviceClock:
        return DeviceClock(self.device, "synced", 3)

    def push(self, *reads: TagRead) -> None:
        assert self.sink is not None
        self.sink.on_reads(list(reads))

    def event(self, event: DeviceEvent) -> None:
        assert self.sink is not None
        self.sink.on_event(event)


def tag_read(epc: bytes = OURS, *, port: int = 1, rssi_cdbm: int = -5_000, at_us: int, reads: int = 1) -> TagRead:
    return TagRead(port, epc, 8 * len(epc), rssi_cdbm, at_us, at_us, reads)


def small_site(*, prefixes: tuple[str, ...] = (), edges: tuple[str, ...] = ("edge-1",)) -> Site:
    """Return a site with one zone and, for each edge, one reader `R1`, `R2` ... of two antennas."""
    antennas = (Antenna(1, "FLOOR"), Antenna(2, "FLOOR"))
    devices = tuple(
        Device(f"R{i}", Driver.LLRP, "127.0.0.1:0", edge, antennas=antennas) for i, edge in enumerate(edges, 1)
    )
    return Site(
        id="store-1",
        name="Main Street",
        timezone="Europe/Berlin",
        zones=(Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"),),
        passages=(),
        devices=devices,
        company_prefixes=prefixes,
    )


def sink_of(
    on_reads: Callable[[list[TagRead]], object],
    on_event: Callable[[DeviceEvent], object],
    on_scans: Callable[[list[Scan]], object] | None = None,
    on_count: Callable[[CountBatch], object] | None = None,
) -> Sink:
    """A sink for a driver that gives no scans or counts, unless the test takes them: then one is a failure."""

    def unexpected(what: object) -> None:
        raise AssertionError(f"not expected of this driver: {what}")

    return Sink(on_reads, on_event, on_scans or unexpected, on_count or unexpected)  # type: ignore[arg-type]
