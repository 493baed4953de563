"""The antennas of a site file as columns: where they hang, where they look, what they send.

What the file leaves out is taken as an installer would do it: under the ceiling and straight down; in a counter or a
portal at hip height, level, towards the partner or the middle of the zone. Where not even that is known, the beam is
taken as the same in all directions.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan_outline import Floats, Ints
from wire.site import Antenna, Site, ZoneKind

CEILING_M: Final = 3.0
LOW_M: Final = 1.2
LOW_KINDS: Final = frozenset({ZoneKind.EXIT, ZoneKind.CHECKOUT})
HANGING_M: Final = 2.0
"""From here on an antenna hangs: without a tilt in the file it looks straight down."""

FULL_DBM: Final = 30.0
TURNED_DOWN_DB: Final = {
    ZoneKind.FITTING_ROOM: -6.0,
    ZoneKind.CHECKOUT: -12.0,
    ZoneKind.EXIT: -3.0,
    ZoneKind.WINDOW: -3.0,
}
"""Power that the file does not say, against full power: strong signals there only collect the neighbours' tags."""

GAIN_DBI: Final = 6.0
GAIN_RANGE_DBI: Final = (-10.0, 20.0)
BEAM_DEG: Final = 75.0
BEAM_RANGE_DEG: Final = (30.0, 180.0)

PARTNER_M: Final = (0.3, 4.0)
"""The two sides of a portal stand this far apart; nearer antennas are on the same post, farther ones another portal."""
MIDDLE_MIN_M: Final = 0.75
"""An antenna this near to the middle of its zone may look anywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Antennas:
    """All antennas in the file's order. `place`: index into the site's zones; `level`: into its sorted floors.

    `x`, `y` are NaN where the file does not place the antenna. `looks` [A, 3] is the unit vector of the beam, zeros
    where it is not known. `gain_db` is power and gain against 30 dBm and 6 dBi, `kind_db` the part that the zone's kind
    explains.
    """

    keys: tuple[tuple[str, int], ...]
    devices: tuple[str, ...]
    device: Ints
    place: Ints
    level: Ints
    x: Floats
    y: Floats
    z: Floats
    looks: Floats
    gain_db: Floats
    kind_db: Floats
    beam_deg: Floats

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Whether the file says where the antenna is: [A]."""
        return ~np.isnan(self.x)


def read_antennas(site: Site) -> Antennas:
    """Read the antennas of a site; low antennas do not look anywhere yet (see `beams`)."""
    rows = [(device.id, antenna) for device in site.devices for antenna in device.antennas]
    place_of = {zone.id: number for number, zone in enumerate(site.zones)}
    floors = sorted({zone.floor for zone in site.zones})
    devices = tuple(dict.fromkeys(device for device, _ in rows))
    device_of = {device: number for number, device in enumerate(devices)}
    place = np.array([place_of[antenna.zone] for _, antenna in rows], np.int32)
    kinds = [site.zones[number].kind for number in place]
    listed = [antenna for _, antenna in rows]
    known = [a.x is not None and a.y is not None for a in listed]
    gain = np.clip([GAIN_DBI if a.gain_dbi is None else a.gain_dbi for a in listed], *GAIN_RANGE_DBI)
    kind_db = np.array([TURNED_DOWN_DB.get(kind, 0.0) for kind in kinds], float)
    power = np.array([np.nan if a.power_dbm is None else a.power_dbm - FULL_DBM for a in listed], float)
    return Antennas(
        keys=tuple((device, antenna.port) for device, antenna in rows),
        devices=devices,
        device=np.array([device_of[device] for device, _ in rows], np.int32),
        place=place,
        level=np.array([floors.index(site.zones[number].floor) for number in place], np.int32),
        x=np.array([a.x if k else np.nan for a, k in zip(listed, known, strict=True)], float),
        y=np.array([a.y if k else np.nan for a, k in zip(listed, known, strict=True)], float),
        z=np.array([_height(a, kind) for a, kind in zip(listed, kinds, strict=True)], float),
        looks=np.zeros((len(rows), 3)),
        gain_db=np.where(np.isnan(power), kind_db, power) + 2.0 * (gain - GAIN_DBI),
        kind_db=kind_db,
        # Twice the gain goes with a narrower beam; panels sold as 6 and 9 dBi differ about so much.
        beam_deg=np.clip(BEAM_DEG * 10.0 ** (-(gain - GAIN_DBI) / 40.0), *BEAM_RANGE_DEG),
    )


def _height(antenna: Antenna, kind: ZoneKind) -> float:
    if antenna.z is not None:
        return antenna.z
    return LOW_M if kind in LOW_KINDS else CEILING_M


def beams(site: Site, antennas: Antennas, middles: Floats) -> Floats:
    """Unit vectors [A, 3] of the beams; zeros where the direction is not known.

    `middles` [places, 2]: the middle of each zone in metres, NaN where the zone is not on the plan.
    """
    listed = [antenna for device in site.devices for antenna in device.antennas]
    looks = np.zeros((len(antennas), 3))
    for number, antenna in enumerate(listed):
        looks[number] = _beam(number, antenna, antennas, middles)
    return looks


def _beam(number: int, antenna: Antenna, antennas: Antennas, middles: Floats) -> tuple[float, float, float]:
    """One beam. `tilt`: degrees from straight down, `aim`: degrees from the x axis towards y."""
    hangs = bool(antennas.z[number] >= HANGING_M)
    if antenna.tilt is None and antenna.aim is None and hangs:
        return 0.0, 0.0, -1.0
    default_tilt = 45.0 if hangs else 90.0
    tilt = float(np.radians(default_tilt if antenna.tilt is None else antenna.tilt))
    if antenna.aim is not None:
        aim = float(np.radians(antenna.aim))
    else:
        to = _target(number, antennas, middles)
        if to is None:
            steep = abs(np.sin(tilt)) < 0.5 or hangs
            return (0.0, 0.0, float(-np.sign(np.cos(tilt)))) if steep else (0.0, 0.0, 0.0)
        aim = float(np.arctan2(to[1], to[0]))
    return float(np.sin(tilt) * np.cos(aim)), float(np.sin(tilt) * np.sin(aim)), float(-np.cos(tilt))


def _target(number: int, antennas: Antennas, middles: Floats) -> Floats | None:
    """The way (dx, dy) that an antenna looks in its zone: to its partners, else to the middle. None: not known."""
    here = np.array([antennas.x[number], antennas.y[number]])
    if np.isnan(here).any():
        return None
    mine = (antennas.place == antennas.place[number]) & antennas.placed
    others = np.stack([antennas.x[mine], antennas.y[mine]], axis=1) - here
    apart = np.hypot(*others.T)
    partners = others[(apart >= PARTNER_M[0]) & (apart <= PARTNER_M[1])]
    to: Floats = partners.mean(axis=0) if len(partners) else middles[antennas.place[number]] - here
    least = PARTNER_M[0] / 2 if len(partners) else MIDDLE_MIN_M
    return to if np.hypot(*to) >= least else None
