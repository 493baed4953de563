"""Walls between zones, of the site file or as usual in a store: what stands between two points, and what it costs.

Walls are those of the site file. A file without walls has some all the same: around back rooms and receiving. Fitting
rooms have curtains, unless the file draws walls along them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan_outline import POINT_M, Floats, Ints, edges_of, place_at
from wire.site import Site, Wall, Zone, ZoneKind

STOCK_ROOMS: Final = frozenset({ZoneKind.BACK_ROOM, ZoneKind.RECEIVING})
STOCK_WALL_DB: Final = 10.0
CURTAIN_DB: Final = 5.0
PIECE_M: Final = 0.5
"""Length of the pieces of a border that are looked at one by one."""
PIECES_MAX: Final = 400
PROBE_M: Final = 0.3
"""To both sides of a border: outlines may leave the thickness of a wall between them."""
ALONG_M: Final = 0.4
"""A listed wall this near to a border runs along it."""
PARALLEL: Final = 0.9
"""Cosine of 26 degrees."""
ALONG_SHARE: Final = 0.25
"""More of a fitting room's border than this has listed walls: then the file knows its walls. Doors stay open, and the
end of a wall beside it does not count."""

Barriers = list[tuple[Wall, int | None]]
"""Walls, each with its level (index into the site's sorted floors); None: on every level."""


def barriers(site: Site) -> tuple[Barriers, frozenset[int]]:
    """Return the walls (each with its level, None: on every one) and the places that have curtains around them."""
    listed: Barriers = [(wall, None) for wall in site.walls if wall.start != wall.end]
    fitting = [n for n, zone in enumerate(site.zones) if zone.kind is ZoneKind.FITTING_ROOM]
    curtains = frozenset(n for n in fitting if not _walled(site, n))
    return listed or _stock_walls(site), curtains


def between_places(site: Site, curtains: frozenset[int]) -> Floats:
    """Losses [places, places] that only the zones' kinds tell of: curtains, and stock rooms without an outline."""
    count = len(site.zones)
    stock = np.array([zone.kind in STOCK_ROOMS for zone in site.zones])
    bare = np.array([not zone.outline for zone in site.zones])
    loss = np.zeros((count, count))
    if not any(wall.start != wall.end for wall in site.walls):
        loss[(stock[:, None] != stock) & ((stock & bare)[:, None] | (stock & bare))] = STOCK_WALL_DB
    for number in curtains:
        others = np.arange(count) != number
        loss[number, others] += CURTAIN_DB
        loss[others, number] += CURTAIN_DB
    return loss


def walls_db(walls: Barriers, x: Floats, y: Floats, level: Ints, to: Floats) -> Floats:
    """Loss [n, m] in dB of the walls that straight lines from points to the points `to` [m, 2] cross."""
    loss = np.zeros((len(x), len(to)))
    for wall, only in walls:
        mine = np.ones(len(x), bool) if only is None else level == only
        cut = mine[:, None] & crosses(wall, x[:, None], y[:, None], to[:, 0], to[:, 1])
        loss += wall.loss_db * cut
    return loss


def crosses(wall: Wall, x: Floats, y: Floats, to_x: Floats | float, to_y: Floats | float) -> NDArray[np.bool_]:
    """Whether straight lines from (x, y) to (to_x, to_y) cross a wall; the shapes broadcast.

    A point on the wall's line belongs to its left side, so that two walls that meet in a point count once.
    """
    (ax, ay), (bx, by) = wall.start, wall.end
    here = (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    there = (bx - ax) * (to_y - ay) - (by - ay) * (to_x - ax) >= 0
    apart = here != there
    if not apart.any():
        return np.asarray(apart)
    dx, dy = to_x - x, to_y - y
    first = dx * (ay - y) - dy * (ax - x) >= 0
    second = dx * (by - y) - dy * (bx - x) >= 0
    return np.asarray(apart & (first != second))


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """A zone's outline in pieces: their ends [n, 2], the edge that each is of, the places on both sides (-1: none)."""

    first: Floats
    last: Floats
    edge: Ints
    left: Ints
    right: Ints


def _border(site: Site, zone: Zone) -> Border:
    first, last, across, edge = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0, np.int32)]
    for number, (start, end) in enumerate(edges_of(zone.outline)):
        way = end - start
        length = float(np.hypot(*way))
        pieces = min(max(1, round(length / PIECE_M)), PIECES_MAX)
        cuts = start + np.linspace(0.0, 1.0, pieces + 1)[:, None] * way
        first.append(cuts[:-1])
        last.append(cuts[1:])
        across.append(np.tile(np.array([-way[1], way[0]]) / length * PROBE_M, (pieces, 1)))
        edge.append(np.full(pieces, number, np.int32))
    begin, finish, aside = np.concatenate(first), np.concatenate(last), np.concatenate(across)
    middle = (begin + finish) / 2
    left, right = (place_at(site, zone.floor, middle + side) for side in (aside, -aside))
    return Border(begin, finish, np.concatenate(edge), left, right)


def _stock_walls(site: Site) -> Barriers:
    """Walls where an outline of a back room or receiving borders on anything else."""
    floors = sorted({zone.floor for zone in site.zones})
    stock = np.array([zone.kind in STOCK_ROOMS for zone in site.zones] + [False])
    walls: Barriers = []
    for number, zone in enumerate(site.zones):
        if not stock[number] or not zone.outline:
            continue
        border = _border(site, zone)
        mine = (border.left == number) | (border.right == number)  # a zone within this one has its own border
        between = np.flatnonzero(mine & (stock[border.left] != stock[border.right]))
        goes_on = (np.diff(between) == 1) & (np.diff(border.edge[between]) == 0)
        for run in np.split(between, np.flatnonzero(~goes_on) + 1):
            if len(run):
                (ax, ay), (bx, by) = border.first[run[0]].tolist(), border.last[run[-1]].tolist()
                walls.append((Wall((ax, ay), (bx, by), STOCK_WALL_DB), floors.index(zone.floor)))
    return walls


def _walled(site: Site, number: int) -> bool:
    """Whether listed walls run along the border of a fitting room with the rooms that shoppers walk in."""
    zone = site.zones[number]
    if not zone.outline or not site.walls:
        return False
    stock = np.array([other.kind in STOCK_ROOMS for other in site.zones] + [True])  # the last: outside the store
    border = _border(site, zone)
    beyond = np.where(border.left == number, border.right, border.left)
    shared = (border.left != border.right) & ~stock[beyond]
    first, last = border.first[shared], border.last[shared]
    along = np.zeros(len(first), bool)
    for wall in site.walls:
        along |= _beside(first, last, wall)
    length = np.hypot(*(last - first).T)
    return bool(length[along].sum() > ALONG_SHARE * length.sum())


def _beside(first: Floats, last: Floats, wall: Wall) -> NDArray[np.bool_]:
    """Which pieces of a border (their ends, [n, 2]) a wall passes near and runs about the same way: [n]."""
    start = np.array(wall.start)
    way = np.array(wall.end) - start
    size = float(way @ way)
    if size < POINT_M**2:
        return np.zeros(len(first), bool)
    piece = last - first
    parallel = np.abs(piece @ way) >= PARALLEL * np.sqrt(size) * np.hypot(*piece.T)
    middle = (first + last) / 2
    foot = start + np.clip((middle - start) @ way / size, 0.0, 1.0)[:, None] * way
    return np.asarray(parallel & (np.hypot(*(middle - foot).T) <= ALONG_M))
