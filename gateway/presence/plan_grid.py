"""Where an item can be on the plan: positions about a metre apart, none of which lies across a border of zones.

The outlines are rasterised at a quarter of the pitch; the smallest outline that holds a point owns it (fitting rooms
and counters lie inside floors). A zone that has antennas on the plan but no outline gets the points around them that
are nearest to them. The points of one zone are grouped into cells of its own grid; the middle of a cell is a position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan_antennas import Antennas
from gateway.presence.plan_outline import Floats, Ints, Longs, inside, place_at, polygon_area_m2
from gateway.presence.plan_walls import crosses
from wire.site import Site, Wall, Zone, ZoneKind

PITCH_M: Final = 1.0
FINE: Final = 4
"""Fine points in a pitch."""
FINE_MAX: Final = 600_000
"""Fine points looked at: 10,000 square metres at 0.25 m with as much waste; 40 ms. Larger sites get a wider pitch."""
SLIVER: Final = 0.3
"""A cell with less than this share of a square of the pitch goes to its neighbour."""
MARGIN_M: Final = 3.0
"""From the outermost ceiling antennas to the walls of a store without outlines."""
SMALL_MARGIN_M: Final = {
    ZoneKind.EXIT: 0.5,
    ZoneKind.CHECKOUT: 1.8,
    ZoneKind.FITTING_ROOM: 1.8,
    ZoneKind.WINDOW: 1.5,
}
"""The same from the antennas of small zones; behind those of an exit is the street."""
REACH_M: Final = {
    ZoneKind.EXIT: 1.5,
    ZoneKind.CHECKOUT: 2.0,
    ZoneKind.FITTING_ROOM: 2.0,
    ZoneKind.WINDOW: 2.0,
}
"""How far around its antennas a zone without an outline goes, where it is not `FAR_M`."""
DETOUR_M: Final = 4.0
"""A listed wall between a point and an antenna makes the antenna so much farther away."""
DETOUR_DB: Final = 3.0
"""What costs less is a shelf, not a wall."""
FAR_M: Final = 6.0
ROUNDS: Final = 24
"""Each round widens the pitch by a tenth at least: enough for a thousandfold area."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Positions: metres on the plan, `place` (index into the site's zones) and `level` (into its sorted floors)."""

    x: Floats
    y: Floats
    place: Ints
    level: Ints

    def __len__(self) -> int:
        return len(self.x)

    def only(self, mask: NDArray[np.bool_]) -> "Spots":
        """The positions where `mask` [G] is true."""
        return Spots(self.x[mask], self.y[mask], self.place[mask], self.level[mask])


class Box(NamedTuple):
    """A rectangle on the plan, metres."""

    x0: float
    x1: float
    y0: float
    y1: float


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """Fine points of a lattice: column, row, level and owning place, ordered by `key`; `step_m` apart."""

    column: Longs
    row: Longs
    level: Longs
    place: Longs
    key: Longs
    step_m: float


def lay_positions(site: Site, antennas: Antennas, most: int, pitch_m: float = PITCH_M) -> Spots:
    """Return at most `most` positions (at least one for each zone that has an outline or a placed antenna)."""
    pitch_m = max(pitch_m, FINE * _coarse_enough(site, antennas))
    spots = _spots(site, antennas, pitch_m)
    for _ in range(ROUNDS):
        if len(spots) <= most:
            break
        pitch_m *= max(1.1, float(np.sqrt(len(spots) / most)))
        spots = _spots(site, antennas, pitch_m)
    return spots


def _coarse_enough(site: Site, antennas: Antennas) -> float:
    """The smallest step that looks at no more than `FINE_MAX` points, metres."""
    boxes = [np.ptp(np.array(zone.outline), axis=0) for zone in site.zones if zone.outline]
    looked = sum(float(width * height) for width, height in boxes)
    looked += float(_bare_antennas(site, antennas).sum()) * (2 * FAR_M) ** 2
    longest = max((float(box.max()) for box in boxes), default=0.0)
    return max(float(np.sqrt(looked / FINE_MAX)), 4.0 * longest / FINE_MAX)


def _bare_antennas(site: Site, antennas: Antennas) -> NDArray[np.bool_]:
    """Antennas on the plan whose zone has no outline: [A]."""
    bare = np.array([not zone.outline for zone in site.zones])
    return np.asarray(antennas.placed & bare[antennas.place])


def _spots(site: Site, antennas: Antennas, pitch_m: float) -> Spots:
    fine = _fine_points(site, antennas, pitch_m / FINE)
    spots = _group(fine, pitch_m)
    missing = [n for n, zone in enumerate(site.zones) if zone.outline and not (spots.place == n).any()]
    bare = _bare_antennas(site, antennas)
    missing += [n for n in np.unique(antennas.place[bare]).tolist() if not (spots.place == n).any()]
    if not missing:
        return spots
    # Too thin for the lattice, or covered by others: one position in the middle.
    floors = sorted({zone.floor for zone in site.zones})
    middle = [_middle(site.zones[n], n, antennas) for n in missing]
    return Spots(
        np.append(spots.x, [x for x, _ in middle]),
        np.append(spots.y, [y for _, y in middle]),
        np.append(spots.place, np.array(missing, np.int32)),
        np.append(spots.level, np.array([floors.index(site.zones[n].floor) for n in missing], np.int32)),
    )


def _middle(zone: Zone, number: int, antennas: Antennas) -> tuple[float, float]:
    if zone.outline:
        x, y = np.array(zone.outline).mean(axis=0)
    else:
        mine = antennas.placed & (antennas.place == number)
        x, y = antennas.x[mine].mean(), antennas.y[mine].mean()
    return float(x), float(y)


def _fine_points(site: Site, antennas: Antennas, step_m: float) -> Fine:
    floors = sorted({zone.floor for zone in site.zones})
    areas = {n: polygon_area_m2(zone.outline) for n, zone in enumerate(site.zones) if zone.outline}
    parts = []
    for number in sorted(areas, key=lambda n: (areas[n], -n)):
        column, row = inside(site.zones[number].outline, step_m)
        storey = floors.index(site.zones[number].floor)
        parts.append((column, row, np.full(len(row), storey), np.full(len(row), number)))
    outlined, _ = _first_owners(_stack(parts))
    around = _around_antennas(site, antennas, step_m, outlined)
    owned, key = _first_owners(_stack([around, outlined]))
    return Fine(*owned, key=key, step_m=step_m)


Columns = tuple[Longs, Longs, Longs, Longs]


def _stack(parts: Sequence[Columns]) -> Columns:
    empty = np.zeros(0, np.int64)
    column, row, level, place = (np.concatenate([empty, *(part[k] for part in parts)]) for k in range(4))
    return column, row, level, place


def _first_owners(points: Columns) -> tuple[Columns, Longs]:
    """Points without doubles (the first owner keeps them), ordered by their key, and the keys."""
    column, row, level, place = points
    key, first = np.unique(_keys(column, row, level), return_index=True)
    return (column[first], row[first], level[first], place[first]), key


def _keys(column: Longs, row: Longs, level: Longs) -> Longs:
    """One number for each lattice point. Coordinates are bounded (10 km at 1 mm would still fit)."""
    half = 1 << 24
    return (level * (2 * half) + row + half) * (2 * half) + column + half


def _around_antennas(site: Site, antennas: Antennas, step_m: float, outlined: Columns) -> Columns:
    """Points around the antennas of zones without an outline; each belongs to the nearest antenna that reaches it."""
    bare = _bare_antennas(site, antennas)
    if not bare.any():
        return _stack([])
    taken = _keys(*outlined[:3])  # in order
    cuts = _cut_out(site, antennas)
    parts = []
    for level in np.unique(antennas.level[bare]).tolist():
        mine = np.flatnonzero(bare & (antennas.level == level))
        margin = np.array([SMALL_MARGIN_M.get(site.zones[p].kind, MARGIN_M) for p in antennas.place[mine]])
        x, y = antennas.x[mine], antennas.y[mine]
        box = Box(*(float(v) for v in ((x - margin).min(), (x + margin).max(), (y - margin).min(), (y + margin).max())))
        column, row, owner = _nearest(site, antennas, level, step_m, box)
        key = _keys(column, row, np.full(len(row), level))
        held = np.append(taken, -1)[np.searchsorted(taken, key)] == key
        # Around an antenna inside an outline its zone is cut out of that one; otherwise it lies beside the outlines.
        keep = bare[owner] & np.where(cuts[owner], held, ~held)
        column, row, owner = column[keep], row[keep], owner[keep]
        parts.append((column, row, np.full(len(row), level), antennas.place[owner].astype(np.int64)))
    return _stack(parts)


def _cut_out(site: Site, antennas: Antennas) -> NDArray[np.bool_]:
    """Antennas [A] that are inside an outline, or at the exit of a zone that has one (they may hang outside)."""
    cut = np.zeros(len(antennas), bool)
    floors = sorted({zone.floor for zone in site.zones})
    for level, floor in enumerate(floors):
        mine = np.flatnonzero(antennas.placed & (antennas.level == level))
        cut[mine] = place_at(site, floor, np.stack([antennas.x[mine], antennas.y[mine]], axis=1)) >= 0
    outlined = {zone.id for zone in site.zones if zone.outline}
    at_exit = np.array([zone.kind is ZoneKind.EXIT and zone.counts_as in outlined for zone in site.zones])
    return np.asarray(cut | at_exit[antennas.place])


def _nearest(site: Site, antennas: Antennas, level: int, step_m: float, box: Box) -> tuple[Longs, Longs, Longs]:
    """Column, row and nearest antenna of the lattice points in `box` that some antenna reaches."""
    reach = np.array([REACH_M.get(zone.kind, FAR_M) for zone in site.zones])[antennas.place]
    walls = [wall for wall in site.walls if wall.loss_db >= DETOUR_DB]
    columns, rows, owners, ways = [], [], [], []
    for number in np.flatnonzero(antennas.placed & (antennas.level == level)).tolist():
        x, y, far = float(antennas.x[number]), float(antennas.y[number]), float(reach[number])
        across = np.arange(np.floor(max(x - far, box.x0) / step_m), np.ceil(min(x + far, box.x1) / step_m))
        along = np.arange(np.floor(max(y - far, box.y0) / step_m), np.ceil(min(y + far, box.y1) / step_m))
        column, row = (part.ravel() for part in np.meshgrid(across.astype(np.int64), along.astype(np.int64)))
        px, py = ((column + 0.5) * step_m).astype(np.float64), ((row + 0.5) * step_m).astype(np.float64)
        away = np.hypot(px - x, py - y)
        reached = away <= far
        column, row, px, py, way = column[reached], row[reached], px[reached], py[reached], away[reached]
        for wall in walls:
            if _within(wall, x, y, far):
                way += DETOUR_M * crosses(wall, px, py, x, y)
        columns.append(column)
        rows.append(row)
        owners.append(np.full(len(row), number))
        ways.append(way)
    column, row, owner = (np.concatenate(part) for part in (columns, rows, owners))
    key = _keys(column, row, np.zeros(len(row), np.int64))
    order = np.lexsort((owner, np.concatenate(ways), key))
    first = order[np.unique(key[order], return_index=True)[1]]
    return column[first], row[first], owner[first]


def _within(wall: Wall, x: float, y: float, far: float) -> bool:
    """Whether a wall may come nearer to a point than `far`."""
    xs, ys = zip(wall.start, wall.end, strict=True)
    return bool(min(xs) < x + far and max(xs) > x - far and min(ys) < y + far and max(ys) > y - far)


def _group(fine: Fine, pitch_m: float) -> Spots:
    """Middles of the cells of each place's own grid."""
    if not len(fine.key):
        none = np.zeros(0)
        return Spots(none, none, np.zeros(0, np.int32), np.zeros(0, np.int32))
    cell = np.zeros(len(fine.key), np.int64)
    cells = 0
    for place in np.flatnonzero(np.bincount(fine.place)).tolist():
        mine = np.flatnonzero(fine.place == place)
        across = _divide(fine.column[mine], fine.step_m, pitch_m)
        along = _divide(fine.row[mine], fine.step_m, pitch_m)
        joined = _join_slivers(fine, mine, along * (1 + int(across.max())) + across, pitch_m)
        names, cell[mine] = np.unique(joined, return_inverse=True)
        cell[mine] += cells
        cells += len(names)
    return _middles(fine, cell, cells)


def _divide(index: Longs, step_m: float, pitch_m: float) -> Longs:
    """Number of the cell of each lattice index, when their range is divided evenly into cells of about a pitch."""
    low, size = int(index.min()), int(index.max() - index.min()) + 1
    parts = max(1, round(size * step_m / pitch_m))
    return (index - low) * parts // size


def _join_slivers(fine: Fine, mine: Longs, cell: Longs, pitch_m: float) -> Longs:
    """Give the points of cells that are too small to the nearest cell of the same place."""
    _, cell, size = np.unique(cell, return_inverse=True, return_counts=True)
    small = size * fine.step_m**2 < SLIVER * pitch_m**2
    if not small.any() or small.all():
        return np.asarray(cell)
    x = np.bincount(cell, fine.column[mine]) / size * fine.step_m
    y = np.bincount(cell, fine.row[mine]) / size * fine.step_m
    goes_to = np.arange(len(size))
    large = np.flatnonzero(~small)
    for number in np.flatnonzero(small).tolist():
        away = np.hypot(x[large] - x[number], y[large] - y[number])
        nearest = int(away.argmin())
        if away[nearest] <= 1.5 * pitch_m:
            goes_to[number] = large[nearest]
    return np.asarray(goes_to[cell])


def _middles(fine: Fine, cell: Longs, cells: int) -> Spots:
    """The middle of each cell; where it lies in another place (around a hole), the cell's nearest own point."""
    size = np.bincount(cell, minlength=cells)
    column = np.bincount(cell, fine.column, cells) / size
    row = np.bincount(cell, fine.row, cells) / size
    some = np.unique(cell, return_index=True)[1]
    place, level = fine.place[some], fine.level[some]
    key = _keys(np.rint(column).astype(np.int64), np.rint(row).astype(np.int64), level)
    found = np.minimum(np.searchsorted(fine.key, key), len(fine.key) - 1)
    for number in np.flatnonzero((fine.key[found] != key) | (fine.place[found] != place)).tolist():
        mine = np.flatnonzero(cell == number)
        away = np.hypot(fine.column[mine] - column[number], fine.row[mine] - row[number])
        best = mine[int(away.argmin())]
        column[number], row[number] = fine.column[best], fine.row[best]
    return Spots(
        (column + 0.5) * fine.step_m, (row + 0.5) * fine.step_m, place.astype(np.int32), level.astype(np.int32)
    )
