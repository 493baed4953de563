"""The presence engine's picture of a store: positions, antennas and how loud they hear each other, from any site file.

Three kinds of site file, each better than the next: with outlines (*plan*), with antenna positions only (*positions*),
with nothing but names (*zones*). They mix: what the file says of a zone or an antenna is used, the rest is taken as
usual in a store. Nothing here is measured; the engine learns from reads.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from gateway.presence import plan_graph, plan_grid, plan_radio
from gateway.presence.plan_antennas import Antennas, beams, read_antennas
from gateway.presence.plan_grid import Spots
from gateway.presence.plan_outline import POINT_M, Floats, Ints
from wire.site import Site, ZoneKind

POSITIONS_MAX: Final = 2_500
"""A 50 x 50 m store at one metre; more would cost memory and time in proportion and say little more about zones."""
LINKS_MAX: Final = 8_000_000
"""Positions times antennas: 32 MB of levels. Warehouses with thousands of antennas get fewer positions."""
EXIT_M: Final = 3.5
"""Goods that vanish from here may have left: two or three steps from the door."""
SPREAD_MAX: Final = 8
"""Spots that stand for antennas of a zone of which the file says the outline but not where they are."""

Surveyed = Literal["plan", "positions", "zones"]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A store as the presence engine sees it: Z zones, A antennas, G positions.

    `zones` are those that items can be in (`counts_as` applied), in the file's order; `antenna_zone` [A] and
    `position_zone` [G] index them. `antenna_device` [A] indexes `devices`. `x`, `y` [G] are metres; pseudo positions
    (see `plan_graph`) carry made-up ones, so ask `distances`. `place` [G] indexes the site's own zones, `level` [G] its
    sorted floors. `position_exit` [G]: within `EXIT_M` of an exit. `level_dbm` [G, A]: mean RSSI of an ordinary tag.
    `reach` [Z, Z]: factor of the prior that an item moves between zones. `pseudo` [G]: not on the plan, and
    `pseudo_antenna` [G] the antenna that it belongs to, -1 for none. `apart_m` [places, places]: metres between
    zones as passages tell.
    """

    zones: tuple[str, ...]
    zone_kind: tuple[ZoneKind, ...]
    antennas: tuple[tuple[str, int], ...]
    devices: tuple[str, ...]
    antenna_device: Ints
    antenna_zone: Ints
    antenna_exit: NDArray[np.bool_]
    x: Floats
    y: Floats
    position_zone: Ints
    position_exit: NDArray[np.bool_]
    level_dbm: NDArray[np.float32]
    reach: NDArray[np.float32]
    surveyed: Surveyed
    place: Ints
    level: Ints
    pseudo: NDArray[np.bool_]
    pseudo_antenna: Ints
    apart_m: Floats

    def distances(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Floats:
        """Metres [len(rows), len(columns)] between positions: straight lines, and `STOREY_M` a storey.

        Where one of the two is a pseudo position: none at the same antenna, else by the passages between the zones.
        """
        dx = self.x[rows][:, None] - self.x[columns]
        dy = self.y[rows][:, None] - self.y[columns]
        storeys = np.abs(self.level[rows][:, None] - self.level[columns])
        metres = np.hypot(dx, dy) + plan_graph.STOREY_M * storeys
        made_up = self.pseudo[rows][:, None] | self.pseudo[columns]
        if not made_up.any():
            return np.asarray(metres)
        metres = np.where(made_up, self.apart_m[self.place[rows][:, None], self.place[columns]], metres)
        antenna = self.pseudo_antenna[rows][:, None]
        metres[(antenna >= 0) & (antenna == self.pseudo_antenna[columns])] = 0.0
        metres[np.asarray(rows)[:, None] == np.asarray(columns)] = 0.0
        return np.asarray(metres)


def make_plan(site: Site, pitch_m: float = plan_grid.PITCH_M) -> Plan:
    """Make the plan of a site; the same site gives the same plan. `pitch_m` grows for large sites."""
    antennas = read_antennas(site)
    counted = {zone.counts_as for zone in site.zones}
    zones = tuple(zone.id for zone in site.zones if zone.id in counted)
    zone_of_place = np.array([zones.index(zone.counts_as) for zone in site.zones], np.int32)
    spots, made_up, antenna, variant = _positions(site, antennas, pitch_m)
    on_plan = spots.only(~made_up)
    antennas = replace(antennas, looks=beams(site, antennas, _middles(site, on_plan)))
    level_dbm = plan_graph.pseudo_levels(site, antennas, spots, antenna, variant)
    if len(on_plan):
        by_plan = _plan_levels(site, on_plan, antennas)
        level_dbm[~made_up] = np.where(np.isnan(by_plan), level_dbm[~made_up], by_plan)
    return Plan(
        zones=zones,
        zone_kind=tuple(site.zone(name).kind for name in zones),
        antennas=antennas.keys,
        devices=antennas.devices,
        antenna_device=antennas.device,
        antenna_zone=zone_of_place[antennas.place],
        antenna_exit=np.array([site.zones[p].kind is ZoneKind.EXIT for p in antennas.place], bool),
        x=spots.x,
        y=spots.y,
        position_zone=zone_of_place[spots.place],
        position_exit=_at_exit(site, spots, made_up, antennas),
        level_dbm=level_dbm,
        reach=plan_graph.reach(site, zones),
        surveyed=_surveyed(site, antennas),
        place=spots.place,
        level=spots.level,
        pseudo=made_up,
        pseudo_antenna=antenna,
        apart_m=plan_graph.apart_m(site),
    )


def _positions(site: Site, antennas: Antennas, pitch_m: float) -> tuple[Spots, NDArray[np.bool_], Ints, Ints]:
    """All positions, those on the plan first; which are pseudo positions, of which antenna, and their variant."""
    most = max(1, min(POSITIONS_MAX, LINKS_MAX // max(1, len(antennas))))
    spots = plan_grid.lay_positions(site, antennas, most, pitch_m)
    pseudo, antenna, variant = plan_graph.pseudo_positions(site, antennas, spots)
    if len(spots) + len(pseudo) > most and len(spots):
        spots = plan_grid.lay_positions(site, antennas, max(1, most - len(pseudo)), pitch_m)
    every = Spots(
        np.concatenate([spots.x, pseudo.x]),
        np.concatenate([spots.y, pseudo.y]),
        np.concatenate([spots.place, pseudo.place]),
        np.concatenate([spots.level, pseudo.level]),
    )
    none = np.zeros(len(spots), np.int32)
    made_up = np.arange(len(every)) >= len(spots)
    return every, made_up, np.append(none + plan_graph.LONE, antenna), np.append(none + plan_graph.MIDDLING, variant)


def _surveyed(site: Site, antennas: Antennas) -> Surveyed:
    if any(zone.outline for zone in site.zones):
        return "plan"
    return "positions" if antennas.placed.any() else "zones"


def _middles(site: Site, spots: Spots) -> Floats:
    """The middle of each of the site's zones [places, 2]; NaN without positions."""
    size = np.bincount(spots.place, minlength=len(site.zones)).astype(float)
    size[size == 0] = np.nan
    return np.stack([np.bincount(spots.place, of, len(site.zones)) / size for of in (spots.x, spots.y)], axis=1)


def _plan_levels(site: Site, spots: Spots, antennas: Antennas) -> NDArray[np.float32]:
    """Levels by the plan [positions, A]; NaN for antennas that are not on it.

    Antennas of which only the zone is known are taken to be anywhere where an installer would hang that many: the
    mean level over those spots.
    """
    places = np.stack([antennas.x, antennas.y], axis=1)
    out = plan_radio.levels(spots, antennas, places, site)
    spreads = {}
    for place in np.unique(antennas.place[~antennas.placed]).tolist():
        mine = np.flatnonzero(spots.place == place)
        if len(mine):
            count = int((~antennas.placed & (antennas.place == place)).sum())
            spreads[place] = _spread(np.stack([spots.x[mine], spots.y[mine]], axis=1), min(count, SPREAD_MAX))
    if not spreads:
        return out
    total = np.zeros(out.shape, np.float32)
    times = np.zeros(len(antennas), np.int32)
    for turn in range(max(len(points) for points in spreads.values())):
        tried = np.full(places.shape, np.nan)
        for place, points in spreads.items():
            if turn < len(points):
                tried[~antennas.placed & (antennas.place == place)] = points[turn]
        level = plan_radio.levels(spots, antennas, tried, site)
        total += np.nan_to_num(level)
        times += ~np.isnan(tried[:, 0])
    guessed = times > 0
    out[:, guessed] = total[:, guessed] / times[guessed].astype(np.float32)
    return out


def _spread(points: Floats, count: int) -> Floats:
    """`count` of the points [n, 2] that share out their area: the middle one, else farthest points."""
    picked = [int(np.hypot(*(points - points.mean(axis=0)).T).argmin())]
    while len(picked) < min(count, len(points)):
        away = np.min([np.hypot(*(points - points[k]).T) for k in picked], axis=0)
        picked.append(int(away.argmax()))
    return points[picked]


def _at_exit(site: Site, spots: Spots, made_up: NDArray[np.bool_], antennas: Antennas) -> NDArray[np.bool_]:
    """Positions [G] within `EXIT_M` of an exit, in the zone that the exit counts as or in one that it touches."""
    near = np.zeros(len(spots), bool)
    counts_as = {zone.id: zone.counts_as for zone in site.zones}
    for number, zone in enumerate(site.zones):
        if zone.kind is not ZoneKind.EXIT:
            continue
        beside = {zone.counts_as, *(counts_as[name] for name in site.touching(zone.id))}
        allowed = np.array([other.counts_as in beside for other in site.zones])[spots.place]
        away = np.where(spots.place == number, 0.0, np.inf)
        mine = antennas.placed & (antennas.place == number)
        for x, y in zip(antennas.x[mine], antennas.y[mine], strict=True):
            away = np.minimum(away, np.hypot(spots.x - x, spots.y - y))
        for start, end in zip(zone.outline, zone.outline[1:] + zone.outline[:1], strict=True):
            away = np.minimum(away, _to_segment(spots, np.array(start), np.array(end)))
        there = spots.level == sorted({other.floor for other in site.zones}).index(zone.floor)
        near |= allowed & there & (away <= EXIT_M) & (~made_up | (spots.place == number))
    return near


def _to_segment(spots: Spots, start: Floats, end: Floats) -> Floats:
    """Metres from every position to a line segment."""
    way = end - start
    size = float(way @ way)
    x, y = spots.x - start[0], spots.y - start[1]
    along = np.clip((x * way[0] + y * way[1]) / size, 0.0, 1.0) if size > POINT_M**2 else np.zeros(len(x))
    return np.asarray(np.hypot(x - along * way[0], y - along * way[1]))
