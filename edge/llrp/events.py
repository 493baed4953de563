"""What a session tells its owner: small frozen values, one for each kind of news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.drivers.port import What
    from firmware_config.profile import Profile
    from wire.configuration import DeviceInventory, ReportedAntenna
    from wire.llrp.tag_report import TagReport
    from wire.messages import AntennaSettings


@dataclass(frozen=True, slots=True)
class Reports:
    """Tag reports in the order of their arrival; times are the reader's own."""

    reports: list[TagReport]


@dataclass(frozen=True, slots=True)
class ReaderTime:
    """What the reader's clock said in a message. `fresh`: the message was made just now, not held back."""

    device_us: int
    uptime: bool
    fresh: bool


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """Something that the reader told about itself."""

    what: What
    port: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AntennaState:
    """Whether something is plugged into a port, as the reader sees it."""

    port: int
    connected: bool


@dataclass(frozen=True, slots=True)
class BadMessage:
    """`count` messages or reports that could not be understood; the stream goes on."""

    problem: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How each port will inventory, as found in the reader; and what could not be had as asked."""

    by_port: Mapping[int, AntennaSettings]
    problems: tuple[str, ...]
    differences: tuple[str, ...]
    profile: Profile
    antennas: tuple[ReportedAntenna, ...]
    inventory: DeviceInventory


@dataclass(frozen=True, slots=True)
class Up:
    """The ROSpec runs and gave its first sign of life."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The reader would not have us. `status` is LLRP's ConnectionAttemptStatusType, `text` what it means."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is of no more use; close it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """We said goodbye; close it."""


Event: TypeAlias = (
    Reports | ReaderTime | ReaderEvent | AntennaState | BadMessage | Settings | Up | Refused | Lost | Left
)
