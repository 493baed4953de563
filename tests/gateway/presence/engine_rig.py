"""A shop of five zones and what its antennas hear, and small simulated stores: what the engine's tests work on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import simulator
from gateway.presence import Tracker, Window, ZoneChange, make_tracker, restore_tracker
from gateway.presence.tracker import Evidence, EvidenceKind, Inventory
from simulator.air import Reads
from simulator.levels import level_of
from simulator.store import Store
from wire.site import OUT, Site
from wire.site_file import parse_site

S = 1_000_000
START_S = 1_000_000
"""Second 0 of every test: UTC instants are never near zero."""

SITE_TEXT = """\
site: shop-9
company_prefixes: ["9506000"]
zones:
  - {id: BACK, kind: back_room, outline: [[0, 8], [12, 8], [12, 12], [0, 12]]}
  - {id: FLOOR, kind: sales_floor, outline: [[0, 0], [12, 0], [12, 8], [0, 8]]}
  - {id: FIT, kind: fitting_room, outline: [[0, 6], [2, 6], [2, 8], [0, 8]]}
  - {id: POS, kind: checkout, outline: [[9, 4], [12, 4], [12, 6], [9, 6]]}
  - {id: EXIT, kind: exit, counts_as: FLOOR, outline: [[5, 0], [7, 0], [7, 1], [5, 1]]}
passages: [[BACK, FLOOR], [FLOOR, FIT], [FLOOR, POS], [FLOOR, EXIT]]
walls:
  - {from: [0, 8], to: [12, 8], loss_db: 12}
devices:
  - id: R1
    driver: llrp
    address: a
    antennas:
      - {port: 1, zone: BACK, x: 3, y: 10, z: 3.0}
      - {port: 2, zone: BACK, x: 9, y: 10, z: 3.0}
  - id: R2
    driver: llrp
    address: b
    antennas:
      - {port: 1, zone: FLOOR, x: 3, y: 3, z: 3.0}
      - {port: 2, zone: FLOOR, x: 9, y: 2, z: 3.0}
      - {port: 3, zone: FIT, x: 1, y: 7, z: 2.6}
      - {port: 4, zone: POS, x: 10.5, y: 5, z: 1.0}
  - id: R3
    driver: llrp
    address: c
    antennas:
      - {port: 1, zone: EXIT, x: 6, y: 0.5, z: 2.5}
"""
ANTENNAS = (("R1", 1), ("R1", 2), ("R2", 1), ("R2", 2), ("R2", 3), ("R2", 4), ("R3", 1))
BACK_1, BACK_2, FLOOR_1, FLOOR_2, FIT_1, POS_1, EXIT_1 = range(7)
READERS = {"R1": (BACK_1, BACK_2), "R2": (FLOOR_1, FLOOR_2, FIT_1, POS_1), "R3": (EXIT_1,)}

Heard = tuple[int, float, int]
"""Antenna, RSSI in dBm, and that it hears the item in every so many seconds."""

SOUNDS: dict[str, tuple[Heard, ...]] = {
    "BACK": ((BACK_1, -52.0, 2), (BACK_2, -62.0, 5), (FLOOR_1, -70.0, 17)),
    "FLOOR": ((FLOOR_1, -52.0, 2), (FLOOR_2, -61.0, 5), (BACK_1, -70.0, 17)),
    "FIT": ((FIT_1, -50.0, 2), (FLOOR_1, -63.0, 5)),
    "POS": ((POS_1, -48.0, 2), (FLOOR_2, -59.0, 4)),
    "DOOR": ((EXIT_1, -47.0, 1), (FLOOR_1, -63.0, 4), (FLOOR_2, -63.0, 5)),
    "RACK": ((EXIT_1, -58.0, 1), (FLOOR_1, -57.0, 2), (FLOOR_2, -60.0, 3)),
    "RAIL": ((FLOOR_1, -55.0, 7), (FLOOR_2, -62.0, 11)),
    "BETWEEN": ((FLOOR_1, -66.0, 7), (BACK_1, -66.0, 7)),
    "AWAY": (),
}
"""What a tag sounds like in a place: round figures of an ordinary tag in the shop above."""

Read = tuple[int, int, float]
"""Item, antenna, RSSI in dBm."""


def site(text: str = SITE_TEXT) -> Site:
    return parse_site(text)


def gtin(sku: int) -> str:
    return f"{9506000_000000 + sku:013d}0"


def tracker(items: int, text: str = SITE_TEXT, skus: int | None = None) -> Tracker:
    """A tracker that met `items`, each a SKU of its own unless there are fewer `skus`."""
    made = make_tracker(site(text))
    made.meet([gtin(item % (skus or max(items, 1))) for item in range(items)])
    return made


def window(
    second: float,
    reads: Iterable[Read] = (),
    *,
    antennas: Sequence[tuple[str, int]] = ANTENNAS,
    dead: Iterable[int] = (),
    settings: tuple[Inventory, ...] = (),
) -> Window:
    """One window of one second; `dead`: antennas that do not look in it."""
    rows = np.array(list(reads), float).reshape(-1, 3)
    n = len(rows)
    start = int((START_S + second) * S)
    level = np.rint(rows[:, 2] * 100).astype(np.int32)
    looks = np.full(len(antennas), 250, np.int32)
    looks[list(dead)] = 0
    return Window(
        start_us=start,
        end_us=start + S,
        antennas=tuple(antennas),
        inventory_ms=looks,
        item=rows[:, 0].astype(np.int32),
        antenna=rows[:, 1].astype(np.int32),
        count=np.ones(n, np.int32),
        rssi_peak_cdbm=level,
        rssi_mean_cdbm=level,
        first_us=np.full(n, start + 200_000, np.int64),
        last_us=np.full(n, start + 200_000, np.int64),
        settings=settings,
    )


def sounds(places: dict[int, str], second: int) -> list[Read]:
    """Reads of one second of items in `places` (keys of `SOUNDS`), with a spread of 1.5 dB that repeats."""
    reads = []
    for item, place in places.items():
        for antenna, rssi, every in SOUNDS[place]:
            if (second + item + antenna) % every == 0:
                reads.append((item, antenna, rssi + 1.5 * np.sin(2.1 * second + 3.7 * item + antenna)))
    return reads


class Shop:
    """Lives through seconds; `zones` are where the tracker has told that the items are."""

    def __init__(self, items: int, text: str = SITE_TEXT, skus: int | None = None) -> None:
        self.tracker = tracker(items, text, skus)
        self.second = 0
        self.zones = [OUT] * items
        self.changes: list[ZoneChange] = []

    @property
    def now_us(self) -> int:
        return (START_S + self.second) * S

    def take(self, changes: list[ZoneChange]) -> list[ZoneChange]:
        """Check what every answer must hold, and note it."""
        assert [change.item for change in changes] == sorted({change.item for change in changes})
        for change in changes:
            assert change.from_zone == self.zones[change.item], change
            assert change.from_zone != change.to_zone, change
            assert change.probability is not None
            assert 0 <= change.probability <= 1, change
            assert change.first_read_us <= change.decided_us, change
            self.zones[change.item] = change.to_zone
        self.changes += changes
        return changes

    def live(
        self, seconds: int, places: dict[int, str], *, dead: Iterable[int] = (), settings: tuple[Inventory, ...] = ()
    ) -> list[ZoneChange]:
        told: list[ZoneChange] = []
        off = tuple(dead)
        for second in range(self.second, self.second + seconds):
            heard = [read for read in sounds(places, second) if read[1] not in off]
            told += self.observe(window(second, heard, dead=off, settings=settings))
            self.second = second + 1
            told += self.take(self.tracker.tick(self.now_us))
        return told

    def observe(self, one: Window) -> list[ZoneChange]:
        return self.take(self.tracker.observe(one))

    def hear(
        self,
        kind: EvidenceKind,
        *items: int,
        zone: str = "",
        coverage: float = 1.0,
        gtin: str = "",
        quantity: int = 0,
        at_s: float | None = None,
    ) -> list[ZoneChange]:
        at_us = self.now_us if at_s is None else int((START_S + at_s) * S)
        named = np.array(sorted(items), np.int32)
        return self.take(self.tracker.witness(Evidence(kind, at_us, named, gtin, quantity, zone, coverage)))

    def chance(self, item: int, zone: str) -> float:
        """The probability of a zone, or of `OUT`."""
        column = (*self.tracker.zones, OUT).index(zone)
        return float(self.tracker.probabilities(np.array([item], np.int32))[0, column])


@cache
def _lived(seconds: int, places: tuple[tuple[int, str], ...], items: int, text: str, skus: int | None) -> Shop:
    shop = Shop(items, text, skus)
    shop.live(seconds, dict(places))
    return shop


def settled_shop(
    seconds: int, places: dict[int, str], items: int, text: str = SITE_TEXT, skus: int | None = None
) -> Shop:
    """A shop in which items were in `places` for so long; lived through once, then restored for each test."""
    first = _lived(seconds, tuple(places.items()), items, text, skus)
    shop = Shop(0, text)
    shop.tracker = restore_tracker(site(text), first.tracker.snapshot())
    shop.second, shop.zones, shop.changes = first.second, list(first.zones), list(first.changes)
    return shop


def told(changes: Iterable[ZoneChange]) -> list[tuple[int, str, str]]:
    return [(change.item, change.from_zone, change.to_zone) for change in changes]


def caused(changes: Iterable[ZoneChange]) -> list[tuple[int, str, str]]:
    return [(change.item, change.to_zone, change.cause) for change in changes]


def sane(made: Tracker, items: int) -> NDArray[np.float32]:
    """Return the probabilities of all items, which are ones."""
    chances = made.probabilities(np.arange(items, dtype=np.int32))
    assert chances.shape == (items, len(made.zones) + 1)
    assert np.isfinite(chances).all()
    assert (chances >= 0).all()
    assert np.abs(chances.astype(float).sum(1) - 1).max(initial=0) < 1e-5
    return chances


# -- simulated stores


def simulated_site(name: str) -> Site:
    path = Path(simulator.__file__).parent / "sites" / f"{name}.yaml"
    return parse_site(path.read_text(encoding="utf-8"))


def window_of(store: Store, reads: Reads, mine: NDArray[np.bool_] | None = None) -> Window:
    """One second of a store as the edge says it: items only, one observation for each item and antenna."""
    if mine is not None:
        reads = reads.of_antennas(mine)
    keys = tuple((antenna.device, antenna.port) for antenna in store.antennas)
    looked = {int(antenna): row for row, antenna in enumerate(reads.look_antenna)}
    place = np.full(len(keys), -1)
    place[list(looked)] = list(looked.values())
    rows = np.flatnonzero(reads.item < store.items)
    pair = reads.item[rows].astype(np.int64) * len(keys) + reads.antenna[rows]
    rows = rows[np.argsort(pair, kind="stable")]
    pair = np.sort(pair)
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    count = np.diff(first, append=len(pair))
    start = (START_S + reads.t_s) * S
    at_us, level = start + reads.offset_us[rows].astype(np.int64), reads.rssi_cdbm[rows]
    some = len(first) > 0
    return Window(
        start_us=start,
        end_us=start + S,
        antennas=tuple(keys[int(antenna)] for antenna in reads.look_antenna),
        inventory_ms=reads.look_ms.astype(np.int32),
        item=reads.item[rows[first]].astype(np.int32),
        antenna=place[reads.antenna[rows[first]]].astype(np.int32),
        count=count.astype(np.int32),
        rssi_peak_cdbm=np.maximum.reduceat(level, first).astype(np.int32) if some else np.zeros(0, np.int32),
        rssi_mean_cdbm=(np.add.reduceat(level, first) // count).astype(np.int32) if some else np.zeros(0, np.int32),
        first_us=at_us[first],
        last_us=at_us[first + count - 1],
    )


class Case:
    """A simulated store's windows, second by second, and the truth at the end of each."""

    def __init__(
        self, name: str, level: str, seed: int, seconds: int, items: int, *, still: bool, haste: float
    ) -> None:
        self.site = simulated_site(name)
        how = level_of(level)
        if still:
            how = replace(how, shoppers_h=0.0, returns_h=0.0, outages=())
        # the first delivery comes after 30 % of the hours: still goods have none
        hours = 24.0 if still else max(seconds / 3_600, 0.05)
        store = Store(self.site, how, seed, items=items, hours=hours, haste=haste, busy=1.0 if still else 6.0)
        self.zones = store.zones
        self.items = store.items
        self.gtins = [store.gtin(item) for item in range(store.items)]
        self.windows: list[Window] = []
        self.truth: list[NDArray[np.int16]] = []
        moved: set[int] = set()
        for second in range(seconds):
            self.windows.append(window_of(store, store.step(second)))
            self.truth.append(store.truth())
            moved.update(move.item for move in store.moves)
        self.still = frozenset(range(store.items)) - moved
        """Items that never changed their zone."""

    def tracker(self) -> Tracker:
        made = make_tracker(self.site)
        made.meet(self.gtins)
        return made


@cache
def case(
    name: str, level: str, seed: int, seconds: int, items: int, *, still: bool = False, haste: float = 1.0
) -> Case:
    return Case(name, level, seed, seconds, items, still=still, haste=haste)


def run(made: Tracker, windows: Iterable[Window]) -> list[ZoneChange]:
    changes = []
    for one in windows:
        changes += made.observe(one)
        changes += made.tick(one.end_us)
    return changes
