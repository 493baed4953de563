"""Where goods belong and where people stand: homes of items, free places in the back room, cabins, counters."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.antennas import Antennas
from simulator.catalogue import Catalogue
from simulator.floorplan import FloorPlan
from simulator.tags import Tags
from simulator.way import Place
from wire.site import ZoneKind

RACK_NEAR_M: Final = (1.2, 3.0)
"""A rack beside the street door: so far from the nearest portal antenna (or from the door)."""

SPREAD_M: Final = 0.35
"""A style's pieces hang within a metre."""

COUNTER_M: Final = 0.6
"""Goods on a counter lie on top of its antenna."""

AISLE_M: Final = 0.75
"""Fixtures keep this distance from other zones and walls."""


class Fixtures:
    """Places of one store. `home_x`, `home_y`, `home_level`: where each item hangs on the sales floor."""

    def __init__(
        self, plan: FloorPlan, antennas: Antennas, catalogue: Catalogue, tags: Tags, rng: np.random.Generator
    ) -> None:
        self.plan = plan
        self._rng = rng
        self._cells = [plan.cells_of(zone) for zone in range(len(plan.zones))]
        self._racks = [_away_from_borders(plan, zone) for zone in range(len(plan.zones))]
        self._antennas = antennas
        self.floors = plan.of_kind(ZoneKind.SALES_FLOOR)
        self.windows = plan.of_kind(ZoneKind.WINDOW)
        self.cabins = plan.of_kind(ZoneKind.FITTING_ROOM)
        self.counters = plan.of_kind(ZoneKind.CHECKOUT)
        self.receiving = plan.of_kind(ZoneKind.RECEIVING)
        self.backs = plan.of_kind(ZoneKind.BACK_ROOM) or self.receiving
        # Something must hold the stock: a plan of exits and counters only keeps it in its first zone.
        self.stock = self.backs or self.floors or (0,)
        fixture = np.array([product.fixture for product in catalogue.products])[tags.product]
        self._place_homes(catalogue, fixture)

    def _place_homes(self, catalogue: Catalogue, fixture: NDArray[np.int64]) -> None:
        department = {product.fixture: product.department for product in catalogue.products}
        places = [self._home(department.get(number, "")) for number in range(catalogue.fixtures)]
        table = np.array(places, float)
        self.home_x, self.home_y = table[fixture, 0], table[fixture, 1]
        self.home_level = table[fixture, 2].astype(np.int64)

    def _home(self, department: str) -> Place:
        zones = self.floors or self.stock
        named = [z for z in zones if self.plan.zones[z].department.lower() == department.lower()]
        free = [z for z in zones if not self.plan.zones[z].department]
        return self.spot(tuple(named or free or zones), racks=True)

    def spot(self, zones: tuple[int, ...], *, racks: bool = False) -> Place:
        """A random place in one of these zones, in proportion to their areas; with `racks` where goods may stand."""
        sizes = np.array([len(self._cells[zone]) for zone in zones], float)
        zone = zones[int(self._rng.choice(len(zones), p=sizes / sizes.sum()))]
        cells = (self._racks if racks else self._cells)[zone]
        x, y = cells[int(self._rng.integers(len(cells)))]
        return float(x), float(y), int(self.plan.level_of[zone])

    def back_spot(self) -> Place:
        """A random shelf in the back room."""
        return self.spot(self.stock, racks=True)

    def delivery_spot(self) -> Place:
        """Where a delivery is put down."""
        return self.spot(self.receiving or self.stock, racks=True)

    def floor_spot(self) -> Place:
        """A random place on the sales floor."""
        return self.spot(self.floors or self.stock)

    def home(self, item: int) -> Place:
        """Where an item belongs."""
        return float(self.home_x[item]), float(self.home_y[item]), int(self.home_level[item])

    def near(self, place: Place) -> tuple[float, float]:
        """A place on the same fixture: a little beside, and never in another zone."""
        x, y = (float(v) for v in self._rng.normal(place[:2], SPREAD_M))
        level = np.full(2, place[2])
        zones = self.plan.zone_at(np.array([x, place[0]]), np.array([y, place[1]]), level)
        return (x, y) if zones[0] == zones[1] else (place[0], place[1])

    def counter_spot(self) -> Place:
        """Where goods lie while they are paid: within reach of a checkout antenna, if there is one."""
        if not self.counters:
            door = self.plan.street_doors[0]
            return (*door.beyond(-1.5), door.level)
        zone = self.counters[int(self._rng.integers(len(self.counters)))]
        mine = np.flatnonzero(self._antennas.zone == zone)
        cells = self._cells[zone]
        if len(mine):
            x, y = self._antennas.xy[int(self._rng.choice(mine))]
            close = cells[np.hypot(cells[:, 0] - x, cells[:, 1] - y) <= COUNTER_M]
            cells = close if len(close) else cells
        x, y = cells[int(self._rng.integers(len(cells)))]
        return float(x), float(y), int(self.plan.level_of[zone])

    def rack_at_door(self, items: NDArray[np.int64]) -> None:
        """Give items a home on a rack beside a street door, in the sales floor."""
        if not self.floors or not len(items):
            return
        cells = np.concatenate([self._cells[zone] for zone in self.floors])
        level = np.repeat(
            self.plan.level_of[list(self.floors)], [len(self._cells[zone]) for zone in self.floors]
        ).astype(np.int64)
        portals = self._antennas.xy[self._antennas.is_exit]
        if not len(portals):
            portals = np.array([(door.x, door.y) for door in self.plan.street_doors])
        away = np.min([np.hypot(*(cells - portal).T) for portal in portals], axis=0)
        low, high = RACK_NEAR_M
        door = np.isin(level, [door.level for door in self.plan.street_doors])
        close = np.flatnonzero((away >= low) & (away <= high) & door)
        if not len(close):
            close = np.argsort(np.where(door, away, np.inf))[:20]
        corner = cells[int(self._rng.choice(close))]
        rack = close[np.hypot(*(cells[close] - corner).T) < 1.0]
        pick = rack[self._rng.integers(0, len(rack), len(items))]
        self.home_x[items], self.home_y[items], self.home_level[items] = cells[pick, 0], cells[pick, 1], level[pick]


def _away_from_borders(plan: FloorPlan, zone: int) -> NDArray[np.float64]:
    """Cells of a zone that keep `AISLE_M` from everything else; all of them where the zone is too narrow for that."""
    mine = plan.canvas.cells[int(plan.level_of[zone])] == zone
    inner = mine
    for _ in range(round(AISLE_M / plan.canvas.cell_m)):
        smaller = inner.copy()
        smaller[1:] &= inner[:-1]
        smaller[:-1] &= inner[1:]
        smaller[:, 1:] &= inner[:, :-1]
        smaller[:, :-1] &= inner[:, 1:]
        inner = smaller
    return plan.canvas.middles(inner if inner.any() else mine)
