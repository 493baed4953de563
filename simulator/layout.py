"""Gives every zone of a site its place on the plan, with as much as the site file knows.

Three sources, from the best to the poorest: an outline in the file; the positions of the zone's antennas (each cell
belongs to the nearest one); nothing, then a rectangle. Back rooms and receiving stand at the left, sales floors in
columns to the right of them, in the order in which passages lead to them; fitting rooms, counters, windows and exits
are cut out of the zone that a passage joins them to, along the outer wall.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.canvas import (
    EMPTY,
    Canvas,
    Polygon,
    close_gaps,
    new_canvas,
    paint_around,
    paint_polygon,
    polygon_area_m2,
)
from simulator.carve import carve
from wire.site import Site, Zone, ZoneKind

STREET_M: Final = 3.0
"""Margin around the building: where people stand after they left."""

GAP_M: Final = 1.0
"""Outlines may leave the thickness of a wall between them."""

BEHIND: Final = frozenset({ZoneKind.BACK_ROOM, ZoneKind.RECEIVING})
MAIN: Final = (ZoneKind.BACK_ROOM, ZoneKind.RECEIVING, ZoneKind.SALES_FLOOR)

ANTENNA_M2: Final = 24.0
"""Floor that one ceiling antenna covers."""

MAIN_MIN_M2: Final = 30.0
DEPTH_MIN_M: Final = 5.0

CARVED_M: Final = {
    ZoneKind.EXIT: (4.0, 2.0),
    ZoneKind.CHECKOUT: (3.0, 3.0),
    ZoneKind.FITTING_ROOM: (4.5, 3.2),
    ZoneKind.WINDOW: (4.0, 1.5),
}
"""Width along the wall and depth of small zones. The order is the order in which they get their place."""

REACH_M: Final = {
    ZoneKind.EXIT: 1.6,
    ZoneKind.CHECKOUT: 2.0,
    ZoneKind.FITTING_ROOM: 2.2,
    ZoneKind.WINDOW: 2.0,
}
"""How far around their antennas small zones go, in a plan made from antenna positions."""

ROOM_M: Final = 2.7
"""From an outermost ceiling antenna to the wall."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of zones: `polygons` by zone, and antenna positions [n, 2] of those that have no outline."""

    polygons: dict[str, Polygon]
    clouds: dict[str, NDArray[np.float64]]


def lay_out(site: Site) -> tuple[Canvas, tuple[int, ...]]:
    """Give every zone its cells. Returns the canvas and the floor numbers of its levels."""
    floors = tuple(sorted({zone.floor for zone in site.zones}))
    known = Known(
        {zone.id: zone.outline for zone in site.zones if zone.outline},
        {zone.id: cloud for zone in site.zones if not zone.outline and len(cloud := _cloud(site, zone.id))},
    )
    for floor in floors:
        _rectangles(site, [zone for zone in site.zones if zone.floor == floor], known)
    boxes = [_box(np.array(polygon)) for polygon in known.polygons.values()]
    boxes += [_cloud_box(site.zone(name), cloud) for name, cloud in known.clouds.items()]
    canvas = new_canvas(_around(boxes), len(floors), STREET_M)
    numbers = {zone.id: number for number, zone in enumerate(site.zones)}
    for level, floor in enumerate(floors):
        _paint(canvas, level, [z for z in site.zones if z.floor == floor], numbers, known)
    close_gaps(canvas, GAP_M)
    for kind in (*CARVED_M, *MAIN):
        for zone in site.zones:
            if zone.kind is kind and not (canvas.cells == numbers[zone.id]).any():
                _carve(site, canvas, zone, floors.index(zone.floor), numbers)
    return canvas, floors


def _cloud(site: Site, zone: str) -> NDArray[np.float64]:
    points = [
        (antenna.x, antenna.y)
        for device in site.devices
        for antenna in device.antennas
        if antenna.zone == zone and antenna.x is not None and antenna.y is not None
    ]
    return np.array(points, float).reshape(-1, 2)


def _box(points: NDArray[np.float64], margin_m: float = 0.0) -> Box:
    x0, y0 = points.min(axis=0) - margin_m
    x1, y1 = points.max(axis=0) + margin_m
    return float(x0), float(y0), float(x1), float(y1)


def _cloud_box(zone: Zone, cloud: NDArray[np.float64]) -> Box:
    return _box(cloud, 0.4 if zone.kind is ZoneKind.EXIT else REACH_M.get(zone.kind, ROOM_M))


def _around(boxes: list[Box]) -> Box:
    low, high = np.array(boxes)[:, :2].min(axis=0), np.array(boxes)[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _antenna_count(site: Site, zone: str) -> int:
    return sum(antenna.zone == zone for device in site.devices for antenna in device.antennas)


def _wanted_m2(site: Site, zone: Zone, placed: set[str]) -> float:
    """Floor that a zone needs: its antennas' and what is going to be cut out of it."""
    small = [site.zone(name).kind for name in sorted(site.touching(zone.id)) if name not in placed]
    cut = sum(width * depth for kind in small if kind in CARVED_M for width, depth in [CARVED_M[kind]])
    return max(MAIN_MIN_M2, ANTENNA_M2 * _antenna_count(site, zone.id)) + cut


def _rectangles(site: Site, zones: list[Zone], known: Known) -> None:
    """Add a rectangle for each main zone of one floor that has neither outline nor antenna positions."""
    polygons = known.polygons
    placed = {*polygons, *known.clouds}
    there = [_box(np.array(polygons[z.id])) for z in zones if z.id in polygons]
    there += [_cloud_box(z, known.clouds[z.id]) for z in zones if z.id in known.clouds]
    bare = [zone for zone in zones if zone.id not in placed]
    main = [zone for zone in bare if zone.kind in MAIN]
    if not there and not main:
        main = bare[:1]
    if not main:
        return
    area = {zone.id: _wanted_m2(site, zone, placed) for zone in main}
    x0, y0, x1, y1 = _around(there) if there else (0.0, 0.0, 0.0, float(np.sqrt(0.6 * sum(area.values()))))
    y1 = max(y1, y0 + DEPTH_MIN_M)
    height = y1 - y0
    behind = [zone for zone in main if zone.kind in BEHIND]
    total = sum(area[zone.id] for zone in behind)
    width, low = total / height, y0
    for zone in behind:
        high = low + height * area[zone.id] / total
        polygons[zone.id] = ((x0 - width, low), (x0, low), (x0, high), (x0 - width, high))
        low = high
    for zone in _in_walking_order(site, [zone for zone in main if zone.kind not in BEHIND]):
        width = area[zone.id] / height
        polygons[zone.id] = ((x1, y0), (x1 + width, y0), (x1 + width, y1), (x1, y1))
        x1 += width


def _in_walking_order(site: Site, zones: list[Zone]) -> list[Zone]:
    """Sales floors by the number of passages from the back rooms, then in the file's order."""
    away = {zone.id: 0 for zone in site.zones if zone.kind in BEHIND}
    front = list(away)
    while front:
        reached = [name for here in front for name in sorted(site.touching(here)) if name not in away]
        for name in reached:
            away.setdefault(name, 1 + min(away[near] for near in site.touching(name) if near in away))
        front = list(dict.fromkeys(reached))
    return sorted(zones, key=lambda zone: away.get(zone.id, len(site.zones)))


def _paint(canvas: Canvas, level: int, zones: list[Zone], numbers: dict[str, int], known: Known) -> None:
    polygons, clouds = known.polygons, known.clouds
    outlined = [zone for zone in zones if zone.id in polygons]
    # The smaller outline lies on top: fitting rooms may be drawn inside of their sales floor.
    for zone in sorted(outlined, key=lambda zone: -polygon_area_m2(polygons[zone.id])):
        paint_polygon(canvas, level, polygons[zone.id], numbers[zone.id])
    around = [zone for zone in zones if zone.id in clouds]
    if not around:
        return
    main = any(zone.kind in MAIN for zone in around)
    points = np.concatenate([clouds[zone.id] for zone in around])
    owner = np.concatenate([np.full(len(clouds[zone.id]), numbers[zone.id]) for zone in around])
    reach = [np.full(len(clouds[z.id]), REACH_M.get(z.kind, np.inf) if main else np.inf) for z in around]
    box = _around([_cloud_box(zone, clouds[zone.id]) for zone in around])
    before = canvas.cells[level].copy()
    paint_around(canvas, level, points, owner, np.concatenate(reach))
    x, y = canvas.xs()[None, :], canvas.ys()[:, None]
    outside = (x < box[0]) | (x > box[2]) | (y < box[1]) | (y > box[3])
    canvas.cells[level][outside] = before[outside]


def _carve(site: Site, canvas: Canvas, zone: Zone, level: int, numbers: dict[str, int]) -> None:
    """Cut a zone out of a neighbour: of the one that a passage names, else of the largest zone of its floor."""
    cells = canvas.cells[level]
    hosts = [site.zone(name) for name in sorted(site.touching(zone.id))] + list(site.zones)
    hosts = [host for host in hosts if host.floor == zone.floor and host.id != zone.id]
    hosts.sort(key=lambda host: host.kind is not ZoneKind.SALES_FLOOR and host.kind not in BEHIND)
    mine = [host for host in hosts if (cells == numbers[host.id]).sum() > 1]
    if not mine:
        # Nobody here has room: a cell of its own, the free one nearest to the middle.
        free = np.argwhere(cells == EMPTY)
        row, column = free[np.abs(free - np.array(cells.shape) / 2).sum(axis=1).argmin()]
        cells[row, column] = numbers[zone.id]
        return
    beside = [host for host in mine if host.id in site.touching(zone.id)]
    host = (beside or mine)[0]
    far, near = _neighbours_to_avoid(site, zone, numbers)
    size = CARVED_M.get(zone.kind, (4.0, 4.0))
    if zone.kind is ZoneKind.FITTING_ROOM:
        size = (max(size[0], 2.2 * _antenna_count(site, zone.id)), size[1])
    carve(canvas, level, numbers[host.id], numbers[zone.id], size_m=size, far=far, near=near)


def _neighbours_to_avoid(site: Site, zone: Zone, numbers: dict[str, int]) -> tuple[list[int], list[int]]:
    """Zones that this one should stand far from, and near to."""
    kinds_far = {
        ZoneKind.EXIT: BEHIND | {ZoneKind.EXIT, ZoneKind.FITTING_ROOM},
        ZoneKind.CHECKOUT: BEHIND | {ZoneKind.CHECKOUT},
        ZoneKind.FITTING_ROOM: frozenset({ZoneKind.EXIT, ZoneKind.CHECKOUT, ZoneKind.FITTING_ROOM}),
        ZoneKind.WINDOW: frozenset({ZoneKind.CHECKOUT, ZoneKind.FITTING_ROOM, ZoneKind.WINDOW}),
    }.get(zone.kind, frozenset())
    kinds_near = {ZoneKind.WINDOW: {ZoneKind.EXIT}}.get(zone.kind, set())
    others = [other for other in site.zones if other.id != zone.id]
    far = [numbers[other.id] for other in others if other.kind in kinds_far]
    return far, [numbers[other.id] for other in others if other.kind in kinds_near]
