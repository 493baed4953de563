"""What a reader inventories and with which settings: the part of a ROSpec that the air notices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NO_POWER: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Looking:
    """An active inventory of one device.

    Attributes:
        ports: antenna ports, in the order of the round robin.
        every_second: True: all ports share each second; False: one port a second, in turn; None: ports of exit zones
            every second, the others in turn.
        session: Gen2 session 0 to 3; None: 0 at exits, else 1.
        dual_target: A and B are inventoried in turn, so that no tag falls silent after a read.
        power_dbm: transmit power by port; a missing port keeps the power of the site file.
    """

    ports: tuple[int, ...]
    every_second: bool | None = None
    session: int | None = None
    dual_target: bool = False
    power_dbm: Mapping[int, float] = field(default_factory=lambda: _NO_POWER)
