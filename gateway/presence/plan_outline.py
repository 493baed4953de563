"""Outlines of zones: which points lie in a polygon, and in which zone's."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wire.site import Site

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

POINT_M: Final = 1e-6
"""Points nearer than this are one."""


def polygon_area_m2(outline: Sequence[tuple[float, float]]) -> float:
    """Area of a polygon, square metres (shoelace formula)."""
    x, y = np.array(outline, float).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def inside(outline: Sequence[tuple[float, float]], step_m: float) -> tuple[Longs, Longs]:
    """Column and row of the lattice points ((column + .5) step, (row + .5) step) in a polygon, by the even-odd rule."""
    points = np.array(outline, float)
    low = np.floor(points.min(axis=0) / step_m - 0.5).astype(np.int64)
    high = np.ceil(points.max(axis=0) / step_m + 0.5).astype(np.int64)
    width, height = (high - low + 1).tolist()
    flips = np.zeros((height, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        below, above = sorted((float(y0), float(y1)))
        first = int(np.ceil(below / step_m - 0.5))
        last = int(np.ceil(above / step_m - 0.5))
        if first >= last:
            continue
        rows = np.arange(first, last)
        crossing = x0 + ((rows + 0.5) * step_m - y0) / (y1 - y0) * (x1 - x0)
        columns = np.ceil(crossing / step_m - 0.5).astype(np.int64) - low[0]
        flips[rows - low[1], np.clip(columns, 0, width)] += 1
    row, column = np.nonzero(np.cumsum(flips, axis=1)[:, :width] % 2)
    return column + low[0], row + low[1]


def edges_of(outline: tuple[tuple[float, float], ...]) -> list[tuple[Floats, Floats]]:
    """Edges of a polygon as pairs of points; those of no length are left out."""
    points = np.array(outline, float)
    ends = np.roll(points, -1, axis=0)
    return [(a, b) for a, b in zip(points, ends, strict=True) if np.abs(a - b).max() > POINT_M]


def place_at(site: Site, floor: int, points: Floats) -> Ints:
    """The smallest outline that holds each point, -1 where none does."""
    found = np.full(len(points), -1, np.int32)
    outlined = [n for n, zone in enumerate(site.zones) if zone.outline and zone.floor == floor]
    for number in sorted(outlined, key=lambda n: (polygon_area_m2(site.zones[n].outline), -n)):
        held = np.zeros(len(points), bool)
        for (x0, y0), (x1, y1) in edges_of(site.zones[number].outline):
            over = np.flatnonzero((y0 <= points[:, 1]) != (y1 <= points[:, 1]))
            held[over] ^= points[over, 0] < x0 + (points[over, 1] - y0) / (y1 - y0) * (x1 - x0)
        found[held & (found < 0)] = number
    return found
