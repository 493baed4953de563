"""The link between every tag and every antenna: mean RSSI at full power, before fading.

    rssi = R0 - 40 log10(d) - 1.2 beam(theta) - walls - slab + 2 (gain - 8.5 dBi) - tag - place

The law and its constants give reads of mean -60 dBm and 8 dB spread, as measured in an apparel store; `place` is one
draw per placement and antenna (multipath, 4 to 6 dB), `tag` what the tag itself loses (body, stacking, weak tag).
A tag may also have a silence of its own after a read in session 1: `silent_s`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.antennas import CEILING_DBM, GAIN_DBI, Antennas
from simulator.floorplan import FLOOR_HEIGHT_M
from simulator.goods import Goods, State, Tagset
from simulator.levels import Level
from simulator.walls import Walls

R0_DBM: Final = -34.0
"""RSSI of a tag at 1 m in the beam, at `CEILING_DBM` and `GAIN_DBI`."""

NEAREST_M: Final = 0.3
BEAM_DEG: Final = 75.0
BACK_DB: Final = 15.0
ROUND_TRIP: Final = 1.2
"""Both ways through the beam, less what reflections fill in."""

SLAB_DB: Final = 30.0
"""A concrete floor between two levels, round trip."""

SILENT_DBM: Final = np.float32(-300.0)
"""A tag that is not there."""

CHUNK: Final = 2_000


class Radio:
    """Mean RSSI `level_dbm` [antennas, tags] (float32), kept up to date for tags that moved.

    `silent_s` [tags]: how long each tag is silent after a read in session 1; None: it is not always the same.
    """

    def __init__(self, antennas: Antennas, walls: Walls, level: Level, tags: int, rng: np.random.Generator) -> None:
        self._antennas = antennas
        self._walls = walls
        self._level = level
        self._rng = rng
        weak = rng.random(tags) < level.weak_share
        self.weak_db = np.where(weak, level.weak_db, 0.0)
        own = level.own_silence_s
        self.silent_s: NDArray[np.float64] | None = rng.uniform(*own, tags) if own else None
        self.level_dbm = np.full((len(antennas), tags), SILENT_DBM, np.float32)

    def update(self, goods: Goods, tags: Tagset) -> None:
        """Draw new links for tags that moved or turned; tags that are gone fall silent."""
        gone = goods.state[tags] == State.GONE
        self.level_dbm[:, tags[gone]] = SILENT_DBM
        here = tags[~gone]
        for low in range(0, len(here), CHUNK):
            part = here[low : low + CHUNK]
            self.level_dbm[:, part] = self._link(goods, part).T

    def _link(self, goods: Goods, tags: Tagset) -> NDArray[np.float64]:
        """Mean RSSI of tags at every antenna: [tags, antennas] dBm."""
        antennas = self._antennas
        xy = np.stack([goods.x[tags], goods.y[tags]], axis=1)
        level = goods.level[tags]
        height = goods.height_m[tags] + FLOOR_HEIGHT_M * level
        dx = xy[:, 0, None] - antennas.xy[:, 0]
        dy = xy[:, 1, None] - antennas.xy[:, 1]
        dz = height[:, None] - antennas.height_m
        distance = np.maximum(np.sqrt(dx * dx + dy * dy + dz * dz), NEAREST_M)
        looks = antennas.looks
        towards = (dx * looks[:, 0] + dy * looks[:, 1] + dz * looks[:, 2]) / distance
        theta = np.degrees(np.arccos(np.clip(towards, -1.0, 1.0)))
        beam = np.minimum(12.0 * (theta / BEAM_DEG) ** 2, BACK_DB)
        wall = self._level.wall_scale * self._walls.loss_db(xy, level, antennas.xy, antennas.level)
        slab = SLAB_DB * np.abs(level[:, None] - antennas.level)
        place = self._rng.normal(0.0, self._level.sigma_place_db, distance.shape)
        tag = goods.loss_db[tags] + self.weak_db[tags]
        fixed = R0_DBM + 2.0 * (antennas.gain_dbi - GAIN_DBI)
        mean: NDArray[np.float64] = (
            fixed - 40.0 * np.log10(distance) - ROUND_TRIP * beam - wall - slab + place - tag[:, None]
        )
        return mean


def power_offset_db(power_dbm: float) -> float:
    """What a transmit power adds to the RSSI at `CEILING_DBM`; the tag's own power budget shifts by twice it."""
    return power_dbm - CEILING_DBM
