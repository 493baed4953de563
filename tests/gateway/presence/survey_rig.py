"""A shop of three zones and an exit, and a survey of it with known figures: what the calibration tests work on."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gateway.presence.calibrate import Survey, Truth
from gateway.presence.tracker import Window
from wire.site import Site
from wire.site_file import parse_site

SITE_TEXT = """\
site: shop-7
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR, kind: sales_floor}
  - {id: CARRIED, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
passages: [[BACK, CARRIED], [CARRIED, FLOOR], [FLOOR, EXIT]]
devices:
  - id: R1
    driver: llrp
    address: a
    antennas: [{port: 1, zone: BACK}, {port: 2, zone: FLOOR}, {port: 3, zone: EXIT}]
"""
S = 1_000_000
START_US = 1_000 * S
ANTENNAS = (("R1", 1), ("R1", 2), ("R1", 3))
BACK, FLOOR, CARRIED, EXIT = range(4)
Read = tuple[int, int, float]
"""Item, antenna, RSSI in dBm."""


def site() -> Site:
    return parse_site(SITE_TEXT)


def window(second: int, reads: Iterable[Read], inventory_ms: int = 333) -> Window:
    rows = np.array(sorted(reads), float).reshape(-1, 3)
    n = len(rows)
    start = START_US + second * S
    level = np.rint(rows[:, 2] * 100).astype(np.int32)
    return Window(
        start_us=start,
        end_us=start + S,
        antennas=ANTENNAS,
        inventory_ms=np.full(3, inventory_ms, np.int32),
        item=rows[:, 0].astype(np.int32),
        antenna=rows[:, 1].astype(np.int32),
        count=np.ones(n, np.int32),
        rssi_peak_cdbm=level,
        rssi_mean_cdbm=level,
        first_us=np.full(n, start + 1, np.int64),
        last_us=np.full(n, start + 2, np.int64),
    )


def truth(subjects: int, *changes: tuple[int, int, int]) -> Truth:
    """Changes are (second, subject, zone), ordered by second."""
    columns = np.array(changes, np.int64).reshape(-1, 3)
    return Truth(subjects, columns[:, 1], START_US + columns[:, 0] * S, columns[:, 2])


def shop_reads(zone: NDArray[np.int64], rng: np.random.Generator, rate: float = 0.5) -> list[Read]:
    """Reads of one second: still items at 1 dB spread by their own antenna, carried ones anywhere between, at 6 dB."""
    reads: list[Read] = []
    for item, where in enumerate(zone.tolist()):
        if where in {BACK, FLOOR} and rng.random() < rate:
            reads.append((item, where, -58.0 - item % 3 + rng.normal(0, 1)))
        if where == CARRIED:
            reads += [(item, a, -62.0 + rng.normal(0, 6)) for a in (BACK, FLOOR) if rng.random() < rate * 0.7]
    return reads


def walk(seconds: int = 240, items: int = 12) -> tuple[Truth, list[Window], NDArray[np.int64]]:
    """Items carried from BACK to FLOOR and back, each in its own time: the truth, the windows, and zones [s, items]."""
    rng = np.random.default_rng(7)
    zone = np.full((seconds, items), BACK)
    for item in range(items):
        for begin in range(10 + 3 * item, seconds, 90):
            zone[begin : begin + 10, item] = CARRIED
            zone[begin + 10 : begin + 45, item] = FLOOR
            zone[begin + 45 : begin + 55, item] = CARRIED
    moved = np.diff(zone, axis=0, prepend=-1) != 0
    changes = [
        (int(second), int(item), int(zone[second, item])) for second, item in zip(*np.nonzero(moved), strict=True)
    ]
    return truth(items, *changes), [window(s, shop_reads(zone[s], rng)) for s in range(seconds)], zone


def surveyed(seconds: int = 240, items: int = 12) -> Survey:
    survey = Survey(site())
    known, windows, _ = walk(seconds, items)
    survey.begin(known)
    for one in windows:
        survey.take(one, one.item.astype(np.int64))
    return survey
