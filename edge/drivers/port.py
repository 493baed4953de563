"""The driver port: what every kind of device looks like to the edge daemon.

Theory of operation. A driver owns one device and one supervised task. It hands over what it got by the plain
callbacks of a `Sink` on the event loop's thread, so they must be quick and must not block. It never gives up: a
device that cannot be reached is tried again for as long as the driver runs, and `health` says what is wrong meanwhile.

A driver also says what was *looked at*, because without that a silence means nothing. `looked` accounts only for time
that the device itself vouched for: while the link is silent nothing is credited, and when the next message shows that
the device was working all along, that time is credited at once. A window may therefore show more inventory time than
it is long, never less truth.

Everything that a driver needs from its host (clocks, randomness) comes in as a `Host`, so that tests own time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from wire.window import TagRead

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from firmware_config.profile import AnyProfile
    from wire.configuration import DeviceInventory, ReportedAntenna
    from wire.messages import AntennaLook, CountBatch, DeviceClock, DeviceEvent, DeviceHealth, Scan

    OnReads: TypeAlias = Callable[[list[TagRead]], None]
    OnEvent: TypeAlias = Callable[[DeviceEvent], None]
    OnScans: TypeAlias = Callable[[list[Scan]], None]
    OnCount: TypeAlias = Callable[[CountBatch], None]
    Stored: TypeAlias = Callable[[], Awaitable[bool]]

__all__ = ["Configurable", "Driver", "Host", "LooksHarder", "Readback", "Sink", "TagRead", "What"]


class What(StrEnum):
    """Every value of `DeviceEvent.what` that a driver sends, and what it asks of the pipeline."""

    UP = "up"
    """The device works: it was configured, runs, and gave a first sign of life."""
    LOST = "lost"
    """The device does not work any more; `detail` says why. Sent once, not at each attempt."""
    REFUSED = "refused"
    """The device answers and will not have us (another client holds it); `detail` names what it said."""
    ANTENNA_DOWN = "antenna_down"
    """`port` cannot inventory: its zone is blind, not empty."""
    ANTENNA_UP = "antenna_up"
    READER_OVERFLOW = "reader_overflow"
    """The device threw observations away: the pipeline must write a `Gap` (cause `reader_overflow`)."""
    READER_BUFFER = "reader_buffer"
    """The device's report buffer fills; `detail` is a percentage."""
    READER_EXCEPTION = "reader_exception"
    UNDECODABLE = "undecodable"
    """Messages or reports were bad and are lost: the pipeline must write a `Gap` (cause `undecodable`). `detail`
    begins with their number."""
    CONFIG_DIFFERS = "config_differs"
    """What the device runs is not what it was asked to run; `detail` says where."""
    RIVAL = "rival"
    """Another client tried to take the device while we hold it."""
    CLOCK_STEP = "clock_step"
    """The device's clock jumped; `detail` is by how many milliseconds."""
    GPI = "gpi"
    """Input `port` changed; `detail` is `high` or `low`."""


class Host(NamedTuple):
    """What a driver takes from its surroundings, so that it reads no clock and rolls no dice of its own."""

    wall_us: Callable[[], int]
    """UTC in microseconds."""
    monotonic_s: Callable[[], float]
    """Seconds that never go back; the same clock that `looked` is asked with."""
    rng: Random


class Sink(NamedTuple):
    """Where a driver hands over what its device gave. Quick, and on the event loop's thread."""

    on_reads: OnReads
    """Tag reads of a reader."""
    on_event: OnEvent
    on_scans: OnScans
    """Barcodes of a scanner."""
    on_count: OnCount
    """A part of a cycle count, of a handheld or a scanner."""
    stored: Stored | None = None
    """Waits until all that was handed over is durable; False: not yet, ask again. For a driver whose device forgets
    what it gave. None: whoever takes it keeps nothing."""


class Driver(Protocol):
    """One device behind one supervised task. All methods are called on the event loop's thread."""

    def start(self, sink: Sink) -> None:
        """Begin, and return at once. Raises `RuntimeError` when called twice."""

    async def stop(self) -> None:
        """Leave the device politely, within a bounded time. No callback comes after it returns. May be called twice."""

    def health(self) -> DeviceHealth:
        """Return the device as it is now."""

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:
        """Return, for each configured port, the milliseconds that it inventoried since the last call.

        Always one row per configured port, with 0 ms where the port did not look; `settings` stands in a row when it
        changed since it was last said. `foreign` is 0: the pipeline counts those.
        """

    def clock(self) -> DeviceClock:
        """Return how far the device's clock can be trusted, and the shift that its reads carry."""


class Readback(NamedTuple):
    """What a device runs, as it was read back from it when it came up."""

    profile: AnyProfile | None = None
    """What it was rendered from; None: the driver takes none."""
    antennas: tuple[ReportedAntenna, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be done as asked, and the nearest that is done instead."""
    differences: tuple[str, ...] = ()
    """Where the device runs something else than it was told."""
    inventory: DeviceInventory | None = None
    takes_profile: bool = True
    """Whether the device was told at all; False: somebody else configures it, and `problems` say so."""


@runtime_checkable
class Configurable(Protocol):
    """A driver that makes its device what a profile asks for, and can say what came of it."""

    def configuration(self) -> Readback | None:
        """Return what was read back last; None: the device was not up yet since this driver was built."""


@runtime_checkable
class LooksHarder(Protocol):
    """A driver that can inventory more than it usually does, because it rests now and then."""

    def look_harder(self, seconds: float) -> bool:
        """Inventory without rest for so long from now on; False when it does so anyway, or cannot now."""
