"""What the site file's names alone say: how many steps zones are apart, how loud goods are at whose antennas.

For everything that is not on the plan: a zone without outline and placed antennas gets *pseudo positions*, three for
each of its antennas (near it, at middling distance, far from it), one for a zone without any.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan_antennas import Antennas
from gateway.presence.plan_grid import Spots
from gateway.presence.plan_outline import Floats, Ints
from gateway.presence.plan_radio import STOREY_DB
from gateway.presence.plan_walls import CURTAIN_DB, STOCK_ROOMS, STOCK_WALL_DB
from wire.site import Site, ZoneKind

VARIANTS_DBM: Final = (-52.0, -58.0, -65.0)
"""Of goods near their antenna, at middling distance, and far from it or behind other goods."""
ELSEWHERE_DBM: Final = (-54.0, -58.0, -62.0)
"""What the steps below start from: goods that are far from their own antenna are nearer to the next."""
STEP_DB: Final = (10.0, 18.0, 26.0)
"""Antennas of the same zone, of a zone that touches it, farther ones."""
PART_DB: Final = 14.0
"""Antennas of a zone that counts as the same: between the same zone and one that touches it."""
HOP_M: Final = 8.0
ROOM_M: Final = 4.0
"""Between two places of one zone."""
HOPS_MAX: Final = 4
"""Zones that no chain of passages joins are taken to be this far apart."""
STOREY_M: Final = 15.0
"""What a storey adds to a way."""
PSEUDO_MAX: Final = 1_500
"""Pseudo positions for single antennas; with more, their zones get one each."""

EMBED_ROUNDS: Final = 100
"""Then a star of six zones lies as it should, to a metre."""

MIDDLING: Final = 1
"""The variant that stands for all."""
LONE: Final = -1
"""Pseudo position of no antenna in particular."""


def hops(site: Site) -> Ints:
    """Steps [places, places] from zone to zone through passages; `counts_as` joins too. At most `HOPS_MAX`.

    A file without passages does not say who touches whom: then everybody does.
    """
    count = len(site.zones)
    number = {zone.id: n for n, zone in enumerate(site.zones)}
    joined = np.eye(count, dtype=bool) if site.passages else np.ones((count, count), bool)
    for a, b in (*site.passages, *((zone.id, zone.counts_as) for zone in site.zones)):
        joined[number[a], number[b]] = joined[number[b], number[a]] = True
    steps = np.full((count, count), HOPS_MAX, np.int32)
    reached = np.eye(count, dtype=bool)
    for step in range(HOPS_MAX):
        steps[reached & (steps == HOPS_MAX)] = step
        reached = (reached.astype(np.float32) @ joined.astype(np.float32)) > 0
    return steps


def apart_m(site: Site) -> Floats:
    """Metres [places, places] between two places in these zones, where the plan does not say."""
    steps = hops(site)
    metres = np.where(steps == 0, ROOM_M, HOP_M * steps).astype(float)
    target = _targets(site)
    metres[target[:, None] == target] = ROOM_M
    floors = np.array([zone.floor for zone in site.zones])
    storeys = np.searchsorted(np.unique(floors), floors)
    return np.asarray(metres + STOREY_M * np.abs(storeys[:, None] - storeys))


def _targets(site: Site) -> NDArray[np.int64]:
    number = {zone.id: n for n, zone in enumerate(site.zones)}
    return np.array([number[zone.counts_as] for zone in site.zones])


def reach(site: Site, zones: tuple[str, ...]) -> NDArray[np.float32]:
    """Factor [Z, Z] of the prior that an item moves between zones: less through the door of a stock room.

    Less again when no single passage leads from the stock room to the zone.
    """
    counts_as = {zone.id: zone.counts_as for zone in site.zones}
    index = {name: n for n, name in enumerate(zones)}
    stock = np.array([site.zone(name).kind in STOCK_ROOMS for name in zones])
    joined = np.eye(len(zones), dtype=bool) if site.passages else np.ones((len(zones), len(zones)), bool)
    for pair in site.passages:
        a, b = (index[counts_as[name]] for name in pair)
        joined[a, b] = joined[b, a] = True
    through = stock[:, None] != stock
    factor = np.where(through, 0.1, 1.0) * np.where(through & ~joined, 0.3, 1.0)
    return factor.astype(np.float32)


def pseudo_positions(site: Site, antennas: Antennas, spots: Spots) -> tuple[Spots, Ints, Ints]:
    """Pseudo positions for zones that have none on the plan, and of each its antenna (or `LONE`) and its variant.

    Their coordinates are made up, beside the plan where there is one.
    """
    on_plan = np.zeros(len(site.zones), bool)
    on_plan[spots.place] = True
    mine = np.flatnonzero(~on_plan[antennas.place])
    each = 3 * len(mine) <= PSEUDO_MAX
    targets = _targets(site)
    covered = on_plan.copy()
    rows: list[tuple[int, int, int]] = []
    for place in range(len(site.zones)):
        own = mine[antennas.place[mine] == place]
        if len(own):
            covered[place] = True
            rows += [(place, int(a), v) for a in own for v in range(3)] if each else [(place, LONE, MIDDLING)]
    has = {int(targets[n]) for n in np.flatnonzero(covered)}
    # A zone without outline and antennas, that goods can be in: one position. Its own place comes first.
    for target in sorted({int(t) for t in targets} - has):
        counted = np.flatnonzero(targets == target)
        rows.append((target if target in counted else int(counted[0]), LONE, MIDDLING))
    places, antenna, variant = np.array(sorted(rows), np.int32).reshape(-1, 3).T
    x, y = _made_up(site, places, antenna, spots)
    floors = sorted({zone.floor for zone in site.zones})
    level = np.array([floors.index(site.zones[p].floor) for p in places], np.int32)
    return Spots(x, y, places, level), antenna, variant


def _made_up(site: Site, place: Ints, antenna: Ints, spots: Spots) -> tuple[Floats, Floats]:
    """Coordinates for pseudo positions: zones as far apart as `apart_m` says, as well as a plane allows it."""
    places, zone = np.unique(place, return_inverse=True)
    middles = _embedded(apart_m(site)[np.ix_(places, places)])
    x, y = middles[zone].T
    for number in range(len(places)):
        own = np.flatnonzero(zone == number)
        _, turn = np.unique(antenna[own], return_inverse=True)
        angle = 2 * np.pi * turn / (turn.max() + 1)
        radius = ROOM_M / 2 if turn.max() else 0.0
        x[own] += radius * np.cos(angle)
        y[own] += radius * np.sin(angle)
    if len(spots) and len(x):
        x += spots.x.min() - x.max() - HOP_M
        y += spots.y.min() - y.min()
    return x, y


def _embedded(metres: Floats) -> Floats:
    """Points [n, 2] of about these mutual distances [n, n]: stress majorisation from a circle (de Leeuw 1977)."""
    count = len(metres)
    angle = 2 * np.pi * np.arange(count) / max(count, 1)
    points = HOP_M * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for _ in range(EMBED_ROUNDS):
        apart = np.hypot(points[:, None, 0] - points[:, 0], points[:, None, 1] - points[:, 1])
        pull = metres / np.maximum(apart, 1e-6)
        np.fill_diagonal(pull, 0.0)
        points = (pull.sum(axis=1)[:, None] * points - pull @ points) / count
    return np.asarray(points)


def pseudo_levels(site: Site, antennas: Antennas, spots: Spots, antenna: Ints, variant: Ints) -> NDArray[np.float32]:
    """Levels [n, A] in dBm by zones alone, for `spots` with their own antenna (or `LONE`) and variant."""
    steps = hops(site)[spots.place[:, None], antennas.place]
    target = _targets(site)
    below = np.array([STEP_DB[0], STEP_DB[1], *([STEP_DB[2]] * (HOPS_MAX - 1))])[steps]
    part = (target[spots.place][:, None] == target[antennas.place]) & (steps > 0)
    below = np.where(part, PART_DB, below)
    level = np.array(ELSEWHERE_DBM)[variant][:, None] - below
    own = antenna[:, None] == np.arange(len(antennas))
    level = np.where(own, np.array(VARIANTS_DBM)[variant][:, None], level)
    stock = np.array([zone.kind in STOCK_ROOMS for zone in site.zones])
    fitting = np.array([zone.kind is ZoneKind.FITTING_ROOM for zone in site.zones])
    here, there = spots.place[:, None], antennas.place[None, :]
    level = level - STOCK_WALL_DB * (stock[here] != stock[there])
    level -= CURTAIN_DB * (here != there) * (fitting[here].astype(float) + fitting[there])
    level -= STOREY_DB * np.abs(spots.level[:, None] - antennas.level)
    # What the kind of zone explains of power is in the levels above already: goods lie nearer to those antennas.
    return np.asarray(level + (antennas.gain_db - antennas.kind_db), np.float32)
