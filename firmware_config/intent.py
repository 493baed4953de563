"""What is asked of an antenna, in words that mean the same on every reader. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from wire.site import ZoneKind

AirFilter = Literal["none", "sgtin", "prefix"]
Level = Literal["high", "low"]


class Purpose(StrEnum):
    """What an antenna is there for."""

    STOCK = "stock"
    """Count everything in a room, again and again."""
    SHELF = "shelf"
    """Notice quickly what is taken from, or put on, one shelf."""
    PORTAL = "portal"
    """Catch each tag that passes, once, at walking speed."""
    FITTING_ROOM = "fitting_room"
    """Hear one cabin and not its neighbours."""
    CHECKOUT = "checkout"
    """Hear what lies on the counter and not the shop around it."""


PURPOSE_BY_ZONE_KIND: Final = {
    ZoneKind.EXIT: Purpose.PORTAL,
    ZoneKind.FITTING_ROOM: Purpose.FITTING_ROOM,
    ZoneKind.CHECKOUT: Purpose.CHECKOUT,
}
"""Where the place says what an antenna is there for; anywhere else the profile does."""


class Search(StrEnum):
    """How a tag's inventoried flag is used (Gen2 section 6.3.2.6): decides whether a silence means something."""

    READER = "reader"
    """Whatever the reader does by itself."""
    SINGLE = "single"
    """Each tag answers once and keeps silent for as long as its session's flag lasts."""
    DUAL = "dual"
    """Tags are asked in both states, so a present tag answers again and again."""
    DUAL_RESET = "dual_reset"
    """As `dual`, and a Select brings all tags back to state A before each round."""


class ModeKind(StrEnum):
    """How to choose a mode from the reader's own table when none of the named ones is there."""

    FAST = "fast"
    BALANCED = "balanced"
    ROBUST = "robust"


@dataclass(frozen=True, slots=True)
class Intent:
    """What one purpose asks of an antenna.

    `power_dbm` None: the most that the reader offers. `dwell_ms`: how long the antenna looks before the next has its
    turn; 0: as the reader does by itself. The rest are defaults for the device's options of the same name
    (`firmware_config.settings`); 0 and `none`: not asked.
    """

    session: int
    search: Search
    mode_kind: ModeKind
    mode_ids: tuple[int, ...] = ()
    population: int = 32
    power_dbm: float | None = None
    dwell_ms: int = 0
    on_s: float = 0.0
    off_s: float = 0.0
    gpi_port: int = 0
    gpi_level: Level = "high"
    gpi_timeout_s: float = 0.0
    air_filter: AirFilter = "none"
