"""How loud an ordinary tag at a position is at an antenna, by the plan: path loss, beam, walls, floors.

level = R0 - 40 log10(d) - 1.2 beam(theta) - walls - 25 dB a storey + power + gain
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan_antennas import Antennas
from gateway.presence.plan_grid import Spots
from gateway.presence.plan_outline import Floats
from gateway.presence.plan_walls import barriers, between_places, walls_db
from wire.site import Site

R0_DBM: Final = -34.0
"""RSSI of a tag at 1 m in the beam of a 6 dBi antenna at 30 dBm."""
SLOPE_DB: Final = 40.0
"""Both ways, a decade of distance."""
NEAREST_M: Final = 0.6
ITEM_M: Final = 1.2
"""Height at which goods hang."""
BEAM_DB: Final = 12.0
BACK_DB: Final = 15.0
ROUND_TRIP: Final = 1.2
"""Both ways through the beam, less what reflections fill in."""
ANYWHERE_DEG: Final = 60.0
"""Angle off the beam of an antenna that may look anywhere: costs what the beam costs on the average."""
STOREY_DB: Final = 25.0

ON_WALL_M: Final = 0.05
"""An antenna on a wall belongs to the side of its zone."""

LINKS: Final = 200_000
"""Position-antenna pairs handled at once: temporary arrays of 2 MB."""


def levels(spots: Spots, antennas: Antennas, places: Floats, site: Site) -> NDArray[np.float32]:
    """Expected level [G, A] in dBm of every position at every antenna.

    `places` [A, 2]: where the antennas are, in metres; rows of NaN give NaN.
    """
    walls, curtains = barriers(site)
    out = np.full((len(spots), len(antennas)), np.nan, np.float32)
    known = np.flatnonzero(~np.isnan(places[:, 0]))
    if not len(known):
        return out
    own = _off_the_wall(spots, antennas, places)
    step = max(1, LINKS // len(known))
    for low in range(0, len(spots), step):
        part = slice(low, low + step)
        level = _air(spots, part, antennas, places, known)
        same = spots.level[part, None] == antennas.level[known]
        lost = walls_db(walls, spots.x[part], spots.y[part], spots.level[part], own[known])
        level -= np.where(same, lost, 0.0)
        level -= STOREY_DB * np.abs(spots.level[part, None] - antennas.level[known])
        level -= between_places(site, curtains)[spots.place[part, None], antennas.place[known]]
        out[part, known] = level
    return out


def _air(spots: Spots, part: slice, antennas: Antennas, places: Floats, known: NDArray[np.int64]) -> Floats:
    dx = spots.x[part, None] - places[known, 0]
    dy = spots.y[part, None] - places[known, 1]
    dz = ITEM_M - antennas.z[known]
    distance = np.maximum(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
    looks = antennas.looks[known]
    towards = (dx * looks[:, 0] + dy * looks[:, 1] + dz * looks[:, 2]) / distance
    theta = np.degrees(np.arccos(np.clip(towards, -1.0, 1.0)))
    theta = np.where(looks.any(axis=1), theta, ANYWHERE_DEG)
    beam = np.minimum(BEAM_DB * (theta / antennas.beam_deg[known]) ** 2, BACK_DB)
    near = np.maximum(distance, NEAREST_M)
    return np.asarray(R0_DBM - SLOPE_DB * np.log10(near) - ROUND_TRIP * beam + antennas.gain_db[known])


def _off_the_wall(spots: Spots, antennas: Antennas, places: Floats) -> Floats:
    """Antenna places, a little moved towards the nearest position of their own zone."""
    moved = places.copy()
    for number in np.flatnonzero(~np.isnan(places[:, 0])).tolist():
        mine = np.flatnonzero(spots.place == antennas.place[number])
        if not len(mine):
            continue
        away = np.stack([spots.x[mine], spots.y[mine]], axis=1) - places[number]
        size = np.hypot(*away.T)
        best = int(size.argmin())
        if size[best] > ON_WALL_M:
            moved[number] += away[best] / size[best] * ON_WALL_M
    return moved
