"""One device of the fleet: its name, its setting, and what is known of it now. Pure values."""

from dataclasses import dataclass
from typing import Final, NamedTuple


class DeviceName(NamedTuple):
    """Which device."""

    site: str
    edge: str
    device: str

    def __str__(self) -> str:
        return f"{self.site}/{self.device}"


class Setting(NamedTuple):
    """A profile by name and hash; both empty: as the device's site file says."""

    profile: str = ""
    hash: str = ""

    def __str__(self) -> str:
        return f"{self.profile} ({self.hash})" if self.hash else "its site file"


SITE_FILE: Final = Setting()


class Rate(NamedTuple):
    """The median of some samples of a device's reads a minute, and how many there were."""

    per_min: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a device now: its edge's newest report of it, and its health.

    `up`: whether it is up, None while its edge has not said. `version`: of the desired configuration that its edge has
    in force. `state`, `hash`, `asked`: what its edge reports of it; `asked`: its profile comes from here, not from the
    site file. `error`: why the edge refused a newer configuration.
    """

    up: bool | None = None
    up_said: str = ""
    version: int = 0
    error: str = ""
    state: str = ""
    hash: str = ""
    asked: bool = False
    problems: tuple[str, ...] = ()
