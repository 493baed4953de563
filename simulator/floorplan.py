"""The plan of a store: which zone is where, where the walls and doors are. Works for any site file.

Made once from the site file (`floorplan`), then read only. Points are (x, y) in metres on a level; a level is the
position of a zone's `floor` among the floors of the site.

Walls: those of the site file, with a door cut into them where a passage needs one. When the file has none, a wall
stands between back rooms (or receiving) and everything else. Fitting rooms always have curtains.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.borders import Border, border_of, outlines_of, runs
from simulator.canvas import EMPTY, Canvas, grow
from simulator.layout import BEHIND, lay_out
from simulator.walls import Barrier, Floats, Walls, without_gap
from wire.site import Site, Zone, ZoneKind

WALL_DB: Final = 12.0
"""Nominal loss of a wall around a back room, round trip: a brick or plasterboard wall at the realistic level."""

CURTAIN_SHARE: Final = 0.4
"""Partitions and curtains of fitting rooms cost this share of a wall."""

DOOR_HALF_M: Final = 1.0
FLOOR_HEIGHT_M: Final = 3.5


@dataclass(frozen=True, slots=True)
class StreetDoor:
    """Where people enter and leave: a point on the outer wall of a zone and the direction out of the building."""

    zone: int
    x: float
    y: float
    level: int
    out_x: float
    out_y: float

    def beyond(self, distance_m: float) -> tuple[float, float]:
        """A point outside (or, with a negative distance, inside) in front of the door."""
        return self.x + self.out_x * distance_m, self.y + self.out_y * distance_m


class FloorPlan:
    """A store's plan. `zones` in the file's order; `level_of[z]`, `kinds[z]`, `counts_as[z]` by zone number."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.zones: tuple[Zone, ...] = site.zones
        self.names = tuple(zone.id for zone in site.zones)
        self.kinds = tuple(zone.kind for zone in site.zones)
        self.counts_as = np.array([self.names.index(zone.counts_as) for zone in site.zones], np.int16)
        self.canvas, self.floors = lay_out(site)
        self.level_of = np.array([self.floors.index(zone.floor) for zone in site.zones])
        filled = Canvas(self.canvas.cells.copy(), self.canvas.x0, self.canvas.y0, self.canvas.cell_m)
        grow(filled, sum(filled.cells.shape[1:]))
        self._nearest = filled.cells
        self.passages = self._passages()
        self.stairs = self._stairs()
        given = tuple(
            Barrier(((*wall.start, *wall.end),), wall.loss_db) for wall in site.walls if wall.start != wall.end
        )
        self.doors = self._doors(Walls(given))
        self.walls = Walls((*self._walls(given), *self._curtains()))
        self.street_doors = self._street_doors()

    def zone_at(self, x: Floats, y: Floats, level: NDArray[np.int64]) -> NDArray[np.int16]:
        """Zone of points on their levels; beside the building the nearest zone."""
        column, row = self.canvas.column_row(x, y)
        return np.asarray(self._nearest[level, row, column])

    def cells_of(self, zone: int) -> NDArray[np.float64]:
        """Middle points [n, 2] of a zone's cells; at least one."""
        level = int(self.level_of[zone])
        return self.canvas.middles(self.canvas.cells[level] == zone)

    def area_m2(self, zone: int) -> float:
        """Floor area of a zone."""
        return float((self.canvas.cells == zone).sum() * self.canvas.cell_m**2)

    def of_kind(self, *kinds: ZoneKind) -> tuple[int, ...]:
        """Numbers of the zones of these kinds."""
        return tuple(number for number, kind in enumerate(self.kinds) if kind in kinds)

    def outlines(self) -> dict[str, list[list[tuple[float, float]]]]:
        """Outline of each zone as closed polygons (metres), for drawing: the file's own, else the cells' border."""
        return {
            zone.id: [list(zone.outline)]
            if zone.outline
            else outlines_of(self.canvas, int(self.level_of[number]), number)
            for number, zone in enumerate(self.zones)
        }

    def _passages(self) -> NDArray[np.bool_]:
        """Who may walk from where to where; without passages in the file: everybody who touches."""
        joined = np.eye(len(self.zones), dtype=bool)
        if self.site.passages:
            for a, b in self.site.passages:
                joined[self.names.index(a), self.names.index(b)] = True
        else:
            for level in range(len(self.floors)):
                border = border_of(self.canvas, level)
                inner = (border.low != EMPTY) & (border.high != EMPTY)
                joined[border.low[inner], border.high[inner]] = True
            for number in range(1, len(self.zones)):
                joined[number, number - 1] |= self.level_of[number] != self.level_of[number - 1]
        return joined | joined.T

    def _stairs(self) -> tuple[tuple[int, tuple[float, float], int, tuple[float, float]], ...]:
        """Passages between levels: (level, point, other level, point there), the two nearest cells of the zones."""
        found = []
        for a, b in np.argwhere(np.triu(self.passages, 1)):
            if self.level_of[a] != self.level_of[b]:
                here, there = self.cells_of(a), self.cells_of(b)
                # The cell of b nearest to a's middle, then the cell of a nearest to that one.
                foot = there[np.hypot(*(there - here.mean(axis=0)).T).argmin()]
                head = here[np.hypot(*(here - foot).T).argmin()]
                found.append((int(self.level_of[a]), tuple(head), int(self.level_of[b]), tuple(foot)))
        return tuple(found)

    def _doors(self, given: Walls) -> dict[tuple[int, int], tuple[float, float]]:
        """The door of each passage on one level: the middle of the common border, where no wall of the file stands."""
        doors = {}
        for a, b in np.argwhere(np.triu(self.passages, 1)):
            if self.level_of[a] != self.level_of[b]:
                continue
            level = int(self.level_of[a])
            middle, across = border_of(self.canvas, level).between(int(a), int(b)).middles()
            if not len(middle):
                continue
            # A wall drawn a little beside the border still closes it.
            closed = given.stops(middle - across, middle + across, level)
            free = middle[~closed] if (~closed).any() else middle
            door = free[np.hypot(*(free - free.mean(axis=0)).T).argmin()]
            doors[int(a), int(b)] = (float(door[0]), float(door[1]))
        return doors

    def _walls(self, given: tuple[Barrier, ...]) -> tuple[Barrier, ...]:
        if given:
            return tuple(self._with_doors(barrier) for barrier in given)
        behind = [number for number, zone in enumerate(self.zones) if zone.kind in BEHIND]
        built = []
        for level in range(len(self.floors)):
            border = border_of(self.canvas, level)
            inner = border.where((border.low != EMPTY) & (border.high != EMPTY))
            wall = inner.where(np.isin(inner.low, behind) != np.isin(inner.high, behind))
            pieces = self._open(runs(wall))
            built.append(Barrier(pieces, WALL_DB, level))
        return tuple(built)

    def _with_doors(self, barrier: Barrier) -> Barrier:
        """Cut doors into a wall of the file, where it closes a passage (only where `_doors` found no other place)."""
        return Barrier(self._open(barrier.segments), barrier.loss_db, barrier.floor, barrier.solid)

    def _open(
        self, pieces: tuple[tuple[float, float, float, float], ...]
    ) -> tuple[tuple[float, float, float, float], ...]:
        for door in self.doors.values():
            pieces = tuple(part for piece in pieces for part in without_gap(piece, door, DOOR_HALF_M))
        return pieces

    def _curtains(self) -> tuple[Barrier, ...]:
        curtains = []
        for zone in self.of_kind(ZoneKind.FITTING_ROOM):
            level = int(self.level_of[zone])
            border = border_of(self.canvas, level)
            inner = (border.low != EMPTY) & (border.high != EMPTY)
            mine = border.where(inner & ((border.low == zone) | (border.high == zone)))
            curtains.append(Barrier(runs(mine), WALL_DB * CURTAIN_SHARE, level, solid=False))
        return tuple(curtains)

    def _street_doors(self) -> tuple[StreetDoor, ...]:
        """One per exit zone; without exit zones one in the sales floor (else any zone) farthest from the back room."""
        exits = self.of_kind(ZoneKind.EXIT)
        if exits:
            return tuple(self._street_door(zone) for zone in exits)
        front = self.of_kind(ZoneKind.SALES_FLOOR) or self.of_kind(ZoneKind.RECEIVING) or (0,)
        return (self._street_door(front[-1]),)

    def _street_door(self, zone: int) -> StreetDoor:
        level = int(self.level_of[zone])
        border = border_of(self.canvas, level)
        outer: Border = border.where(
            ((border.low == zone) & (border.high == EMPTY)) | ((border.low == EMPTY) & (border.high == zone))
        )
        middle, across = outer.middles()
        if not len(middle):
            # An exit in the middle of the plan: into a shopping centre's hall, away from the store's middle.
            here = self.cells_of(zone).mean(axis=0)
            away = here - self.canvas.middles(self.canvas.cells[level] != EMPTY).mean(axis=0)
            size = float(np.hypot(*away)) or 1.0
            return StreetDoor(zone, float(here[0]), float(here[1]), level, float(away[0] / size), float(away[1] / size))
        wish = self._wished_door(zone)
        longest = max(runs(outer), key=lambda run: abs(run[2] - run[0]) + abs(run[3] - run[1]))
        aim = wish if wish is not None else np.array([(longest[0] + longest[2]) / 2, (longest[1] + longest[3]) / 2])
        best = int(np.hypot(*(middle - aim).T).argmin())
        out = across[best] / np.hypot(*across[best])
        if outer.high[best] == zone:
            out = -out
        return StreetDoor(zone, float(middle[best, 0]), float(middle[best, 1]), level, float(out[0]), float(out[1]))

    def _wished_door(self, zone: int) -> NDArray[np.float64] | None:
        """The middle of the portal antennas, when the file says where they are."""
        points = [
            (antenna.x, antenna.y)
            for device in self.site.devices
            for antenna in device.antennas
            if antenna.zone == self.names[zone] and antenna.x is not None and antenna.y is not None
        ]
        return np.array(points, float).mean(axis=0) if points else None
