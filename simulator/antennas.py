"""The antennas of a site on its plan: where they hang, where they look, what they send.

From the site file where it says so; otherwise placed as an installer would: in a grid under the ceiling of stock zones
and fitting rooms, in the counter of a checkout, at both sides of a street door (one alone hangs above it).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import UnknownDeviceError, UnknownPortError
from simulator.floorplan import FLOOR_HEIGHT_M, FloorPlan
from simulator.looking import Looking
from wire.site import Antenna, Device, Site, ZoneKind

HEIGHT_M: Final = {ZoneKind.EXIT: 1.3, ZoneKind.CHECKOUT: 1.1, ZoneKind.FITTING_ROOM: 2.6}
CEILING_M: Final = 3.0

POWER_DBM: Final = {
    ZoneKind.EXIT: 27.0,
    ZoneKind.CHECKOUT: 23.0,
    ZoneKind.FITTING_ROOM: 25.5,
    ZoneKind.WINDOW: 23.0,
    ZoneKind.RECEIVING: 27.0,
}
CEILING_DBM: Final = 30.0
"""Full power where stock is counted, less where a strong signal would only collect the neighbours' tags."""

GAIN_DBI: Final = 8.5
SPREAD_CELLS: Final = 4_000
"""Cells that decide where antennas go in a zone: enough for 100 antennas, and quick."""

PORTAL_HALF_M: Final = 1.1
"""Half the width of a portal."""

HANGING_M: Final = 2.0
"""From here on an antenna hangs: without a tilt in the file it looks straight down. One in a counter looks up."""


@dataclass(frozen=True, slots=True)
class PlacedAntenna:
    """One port of a reader on the plan. Metres above the level's floor, direction as a unit vector, dBm, dBi."""

    device: str
    port: int
    zone: str
    kind: ZoneKind
    x: float
    y: float
    z: float
    level: int
    looks: tuple[float, float, float]
    power_dbm: float
    gain_dbi: float


class Antennas:
    """All antennas of a site, numbered in the file's order, with their columns."""

    def __init__(self, site: Site, plan: FloorPlan) -> None:
        self.placed = _place_all(site, plan)
        self.devices = tuple(dict.fromkeys(antenna.device for antenna in self.placed))
        self.device = np.array([self.devices.index(a.device) for a in self.placed], np.int16)
        self.zone = np.array([plan.names.index(a.zone) for a in self.placed], np.int16)
        self.is_exit = np.array([a.kind is ZoneKind.EXIT for a in self.placed], bool)
        self.power_dbm = np.array([a.power_dbm for a in self.placed], float)
        self.gain_dbi = np.array([a.gain_dbi for a in self.placed], float)
        self.level = np.array([a.level for a in self.placed], np.int64)
        self.xy = np.array([(a.x, a.y) for a in self.placed], float).reshape(-1, 2)
        self.height_m = np.array([a.z + FLOOR_HEIGHT_M * a.level for a in self.placed], float)
        self.looks = np.array([a.looks for a in self.placed], float).reshape(-1, 3)
        self.number = {(a.device, a.port): n for n, a in enumerate(self.placed)}

    def __len__(self) -> int:
        return len(self.placed)

    def of_device(self, device: str) -> NDArray[np.int64]:
        """Antenna numbers of a device. Raises `UnknownDeviceError`."""
        if device not in self.devices:
            raise UnknownDeviceError(
                f"device {device!r}: expected one with antennas: {', '.join(self.devices) or 'none'}"
            )
        return np.flatnonzero(self.device == self.devices.index(device))

    def check(self, device: str, looking: Looking) -> None:
        """Check that a device has these ports. Raises `UnknownDeviceError`, `UnknownPortError`."""
        have = [self.placed[int(n)].port for n in self.of_device(device)]
        for port in (*looking.ports, *looking.power_dbm):
            if port not in have:
                raise UnknownPortError(f"port {port} of device {device!r}: expected one of {have}")


def _place_all(site: Site, plan: FloorPlan) -> tuple[PlacedAntenna, ...]:
    spots: dict[tuple[str, int], tuple[float, float, float]] = {}
    for number, name in enumerate(plan.names):
        bare = [(d, a) for d in site.devices for a in d.antennas if a.zone == name and (a.x is None or a.y is None)]
        places = _spots(plan, number, len(bare))
        spots.update({(d.id, a.port): place for (d, a), place in zip(bare, places, strict=True)})
    return tuple(_placed(plan, device, a, spots) for device in site.devices for a in device.antennas)


def _placed(
    plan: FloorPlan, device: Device, antenna: Antenna, spots: dict[tuple[str, int], tuple[float, float, float]]
) -> PlacedAntenna:
    zone = plan.names.index(antenna.zone)
    kind = plan.kinds[zone]
    if antenna.x is None or antenna.y is None:
        x, y, z = spots[device.id, antenna.port]
    else:
        x, y, z = antenna.x, antenna.y, HEIGHT_M.get(kind, CEILING_M)
    z = z if antenna.z is None else antenna.z
    return PlacedAntenna(
        device=device.id,
        port=antenna.port,
        zone=antenna.zone,
        kind=kind,
        x=x,
        y=y,
        z=z,
        level=int(plan.level_of[zone]),
        looks=_direction(plan, zone, antenna, (x, y, z)),
        power_dbm=POWER_DBM.get(kind, CEILING_DBM) if antenna.power_dbm is None else antenna.power_dbm,
        gain_dbi=GAIN_DBI if antenna.gain_dbi is None else antenna.gain_dbi,
    )


def _spots(plan: FloorPlan, zone: int, count: int) -> list[tuple[float, float, float]]:
    """Places (x, y, height) for antennas of a zone that the file does not place."""
    if not count:
        return []
    kind = plan.kinds[zone]
    height = HEIGHT_M.get(kind, CEILING_M)
    door = next((door for door in plan.street_doors if door.zone == zone), None)
    if kind is ZoneKind.EXIT and door is not None:
        x, y = door.beyond(-0.4)
        if count == 1:
            return [(x, y, 2.4)]
        along = np.linspace(-PORTAL_HALF_M, PORTAL_HALF_M, count)
        # The outer two stand beside the passage, those between hang above it.
        heights = [height, *[2.4] * (count - 2), height]
        return [(x - door.out_y * float(s), y + door.out_x * float(s), h) for s, h in zip(along, heights, strict=True)]
    return [(float(x), float(y), height) for x, y in spread(plan.cells_of(zone), count)]


def spread(cells: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` points [count, 2] that share out an area evenly: farthest points, then Lloyd's rule. No randomness."""
    cells = cells[:: len(cells) // SPREAD_CELLS + 1]
    picked = [cells[np.hypot(*(cells - cells.mean(axis=0)).T).argmin()]]
    while len(picked) < count:
        away = np.min([np.hypot(*(cells - point).T) for point in picked], axis=0)
        picked.append(cells[int(away.argmax())])
    points = np.array(picked)
    for _ in range(10):
        owner = np.hypot(cells[:, None, 0] - points[:, 0], cells[:, None, 1] - points[:, 1]).argmin(axis=1)
        points = np.array([cells[owner == n].mean(axis=0) if (owner == n).any() else points[n] for n in range(count)])
    return points


def _direction(
    plan: FloorPlan, zone: int, antenna: Antenna, place: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Unit vector of the beam. `tilt`: degrees from straight down, `aim`: degrees from the x axis towards y."""
    hangs = place[2] > HANGING_M
    in_counter = plan.kinds[zone] is ZoneKind.CHECKOUT
    if antenna.tilt is None and antenna.aim is None and (hangs or in_counter):
        return 0.0, 0.0, -1.0 if hangs else 1.0
    tilt = np.radians(antenna.tilt if antenna.tilt is not None else (45.0 if hangs else 90.0))
    if antenna.aim is not None:
        aim = np.radians(antenna.aim)
    else:
        door = next((door for door in plan.street_doors if door.zone == zone), None)
        at_exit = plan.kinds[zone] is ZoneKind.EXIT and door is not None
        to = np.array([door.x, door.y]) if door is not None and at_exit else plan.cells_of(zone).mean(axis=0)
        dx, dy = float(to[0] - place[0]), float(to[1] - place[1])
        if door is not None and at_exit:
            # A portal looks across the passage, not out into the street.
            out = dx * door.out_x + dy * door.out_y
            dx, dy = dx - out * door.out_x, dy - out * door.out_y
        if np.hypot(dx, dy) < 0.05:
            return 0.0, 0.0, -1.0 if hangs else 1.0
        aim = np.arctan2(dy, dx)
    return (
        float(np.sin(tilt) * np.cos(aim)),
        float(np.sin(tilt) * np.sin(aim)),
        float(-np.cos(tilt)),
    )
