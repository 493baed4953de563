"""What an edge says of itself: its figures (`EdgeStats`), the health of its devices, the retained `EdgeState`.

Pure: figures and times in, messages out. A state is bounded by the number of devices and antennas in it and by the
length of their texts: all that the site file allows would not fit into one message.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from edge.antenna_witness import AntennaWitness
from edge.delivery import Figures
from edge.drivers.port import Driver
from edge.intake import IntakeFigures
from edge.outbox import OutboxFigures
from edge.pipeline import PipelineFigures
from edge.uplink.port import UplinkFigures
from wire.messages import AntennaHealth, DeviceHealth, EdgeState

DEVICES_IN_STATE: Final = 200
ANTENNAS_IN_STATE: Final = 2_000
TEXT_IN_STATE_CHARS: Final = 200
"""With 200 devices, two texts each and six bytes for the worst character: half a mebibyte, of the one that a gateway
takes. The antennas are another fifth."""

RATE_S: Final = 60.0
"""A rate is told over the last minute."""


@dataclass(frozen=True, slots=True)
class EdgeStats:
    """What one edge did. `lost` of a run = the sum of `outbox.accepted_observations` minus the gateway's log."""

    site: str
    edge: str
    stream: str
    connected: bool
    pipeline: PipelineFigures
    intake: IntakeFigures
    outbox: OutboxFigures
    delivery: Figures
    uplink: UplinkFigures
    waiting_rows: int
    devices: tuple[DeviceHealth, ...]
    config_hash: str = ""
    version: str = ""
    started_us: int = 0
    outbox_oldest_s: float = 0.0
    disk: Literal["ok", "refuses"] = "ok"


@dataclass(slots=True)
class ReadRates:
    """Reads in the last minute of each device, from samples of its count. `sample` about once a second or more."""

    _samples: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def sample(self, device: str, reads: int, now_s: float) -> None:
        """Take a device's count of reads at `now_s` (monotonic)."""
        samples = self._samples.setdefault(device, deque())
        if samples and now_s - samples[-1][0] < 1.0:
            return  # bounded: one sample a second
        samples.append((now_s, reads))
        while len(samples) > 1 and samples[1][0] <= now_s - RATE_S:
            samples.popleft()

    def per_minute(self, device: str) -> float:
        """Return the reads a minute of a device; 0 until there are two samples."""
        samples = self._samples.get(device)
        if not samples or samples[-1][0] <= samples[0][0]:
            return 0.0
        (began_s, before), (ended_s, after) = samples[0], samples[-1]
        return round(max(0, after - before) * 60.0 / (ended_s - began_s), 1)


def device_healths(
    drivers: Mapping[str, Driver],
    rates: ReadRates,
    witness: AntennaWitness,
    health_of: Callable[[str], DeviceHealth] | None = None,
) -> tuple[DeviceHealth, ...]:
    """Return every device's health, with what the daemon knows beside the driver: rate, clock, antennas.

    `health_of`: a device's health over all the drivers that it had; None: the driver's own word.
    """
    healths = []
    for device, driver in drivers.items():
        clock = driver.clock()
        healths.append(
            msgspec.structs.replace(
                driver.health() if health_of is None else health_of(device),
                reads_per_min=rates.per_minute(device),
                clock=None if clock.quality == "unknown" else clock.quality,
                clock_offset_ms=None if clock.quality == "unknown" else clock.offset_ms,
                antennas=witness.health(device),
            )
        )
    return tuple(healths)


def edge_state(what: Literal["birth", "health", "death"], stats: EdgeStats, now_us: int) -> EdgeState:
    """Return the state to retain. A death names no devices: nobody watches them any more."""
    return EdgeState(
        what=what,
        site=stats.site,
        edge=stats.edge,
        at_us=max(0, now_us),
        stream=stats.stream,
        config_hash=stats.config_hash,
        outbox_rows=stats.outbox.rows,
        outbox_bytes=stats.outbox.size_bytes,
        outbox_oldest_s=stats.outbox_oldest_s,
        evicted=stats.outbox.evicted_rows,
        devices=() if what == "death" else tuple(_fitted(stats.devices)),
        version=stats.version,
        started_us=stats.started_us,
        observations=stats.pipeline.observations,
        foreign_reads=stats.pipeline.foreign_reads,
        sold_reads=stats.pipeline.sold_reads,
        dropped_rows=stats.intake.dropped_rows,
        gaps=stats.pipeline.gaps,
        disk=stats.disk,
        certificate_not_after_us=stats.uplink.certificate_not_after_us,
    )


def one_line(stats: EdgeStats) -> str:
    """Return how the edge is, in one line for a person: what `systemctl status` shows."""
    up = sum(device.state == "up" for device in stats.devices)
    parts = [
        f"{up} of {len(stats.devices)} devices up",
        "broker connected" if stats.connected else "no broker",
        f"{stats.waiting_rows} rows wait",
    ]
    if stats.disk != "ok":
        parts.append("the disk takes no rows")
    return ", ".join(parts)


def _fitted(devices: Iterable[DeviceHealth]) -> Iterable[DeviceHealth]:
    room = ANTENNAS_IN_STATE
    for device in list(devices)[:DEVICES_IN_STATE]:
        antennas: tuple[AntennaHealth, ...] = device.antennas[:room]
        room -= len(antennas)
        yield msgspec.structs.replace(
            device,
            last_error=device.last_error[:TEXT_IN_STATE_CHARS],
            holder=device.holder[:TEXT_IN_STATE_CHARS],
            antennas=antennas,
        )
