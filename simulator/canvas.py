"""A store's plan as a raster: which zone owns each cell of 25 cm, floor by floor.

Outlines of any shape, areas around antennas and rectangles that we laid out ourselves all become cells, so that
everything after it (which zone is here, who borders whom, where can one walk) is one table look-up.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CELL_M: Final = 0.25
"""A quarter of the narrowest passage that people walk through."""

CELLS_MAX: Final = 400_000
"""Per floor: a warehouse of 200 x 125 m; beyond it the cells grow instead of the table."""

EMPTY: Final = -1

Polygon = tuple[tuple[float, float], ...]
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Canvas:
    """Cells [floor, row (y), column (x)]: zone number or -1. `x0`, `y0`: corner of cell 0, metres."""

    cells: NDArray[np.int16]
    x0: float
    y0: float
    cell_m: float

    def xs(self) -> NDArray[np.float64]:
        """Middle of each column, metres."""
        return np.asarray(self.x0 + (np.arange(self.cells.shape[2]) + 0.5) * self.cell_m, np.float64)

    def ys(self) -> NDArray[np.float64]:
        """Middle of each row, metres."""
        return np.asarray(self.y0 + (np.arange(self.cells.shape[1]) + 0.5) * self.cell_m, np.float64)

    def middles(self, mask: Mask) -> NDArray[np.float64]:
        """Middle points [n, 2] of the cells in a mask [rows, columns] of one floor."""
        row, column = np.nonzero(mask)
        return np.stack([self.xs()[column], self.ys()[row]], axis=1)

    def column_row(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Column and row of points; points beside the canvas get the nearest cell."""
        column = np.floor((x - self.x0) / self.cell_m).astype(np.int64)
        row = np.floor((y - self.y0) / self.cell_m).astype(np.int64)
        return np.clip(column, 0, self.cells.shape[2] - 1), np.clip(row, 0, self.cells.shape[1] - 1)


def new_canvas(box: tuple[float, float, float, float], floors: int, margin_m: float) -> Canvas:
    """An empty canvas over the box (x0, y0, x1, y1) and a margin around it, which is the street."""
    x0, y0, x1, y1 = box[0] - margin_m, box[1] - margin_m, box[2] + margin_m, box[3] + margin_m
    cell = max(CELL_M, float(np.sqrt((x1 - x0) * (y1 - y0) / CELLS_MAX)))
    shape = (floors, int(np.ceil((y1 - y0) / cell)), int(np.ceil((x1 - x0) / cell)))
    return Canvas(np.full(shape, EMPTY, np.int16), x0, y0, cell)


def paint_polygon(canvas: Canvas, floor: int, polygon: Polygon, zone: int) -> None:
    """Give every cell whose middle lies inside the polygon (even-odd rule) to a zone."""
    x, y = canvas.xs()[None, :], canvas.ys()[:, None]
    inside = np.zeros(canvas.cells.shape[1:], bool)
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if ay == by:
            continue
        inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    canvas.cells[floor][inside] = zone


def polygon_area_m2(polygon: Polygon) -> float:
    """Area of a polygon, always positive."""
    x, y = np.array(polygon, float).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def paint_around(
    canvas: Canvas, floor: int, points: NDArray[np.float64], zones: NDArray[np.int64], reach_m: NDArray[np.float64]
) -> None:
    """Give every empty cell to the zone of the nearest point (an antenna) that reaches it."""
    free = np.nonzero(canvas.cells[floor] == EMPTY)
    x, y = canvas.xs()[free[1]], canvas.ys()[free[0]]
    best = np.full(len(x), np.inf)
    owner = np.full(len(x), EMPTY, np.int16)
    for (px, py), zone, reach in zip(points, zones, reach_m, strict=True):
        away = np.hypot(x - px, y - py)
        # What a portal or a counter reaches is its own, however near a ceiling antenna hangs.
        rank = np.where(away <= reach, away - (1_000.0 if np.isfinite(reach) else 0.0), np.inf)
        owner = np.where(rank < best, zone, owner).astype(np.int16)
        best = np.minimum(rank, best)
    canvas.cells[floor][free] = owner


def grow(canvas: Canvas, rounds: int) -> None:
    """Let every zone grow into the empty cells around it: closes the gaps that thick walls leave between outlines."""
    for cells in canvas.cells:
        for _ in range(rounds):
            empty = cells == EMPTY
            if not empty.any():
                break
            before = cells.copy()
            for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
                moved = np.roll(before, shift, axis)
                edge = (0 if shift == 1 else -1, slice(None))
                moved[edge if axis == 0 else edge[::-1]] = EMPTY
                take = (cells == EMPTY) & (moved != EMPTY)
                cells[take] = moved[take]


def close_gaps(canvas: Canvas, most_m: float) -> None:
    """Close gaps of up to `most_m` between zones, without growing into the street."""
    rounds = max(1, round(most_m / 2 / canvas.cell_m))
    grown = Canvas(canvas.cells.copy(), canvas.x0, canvas.y0, canvas.cell_m)
    grow(grown, rounds)
    for floor, cells in enumerate(grown.cells):
        street = cells == EMPTY
        # What the street gets back by growing as far as the zones did was never a gap.
        for _ in range(rounds):
            wider = street.copy()
            wider[1:] |= street[:-1]
            wider[:-1] |= street[1:]
            wider[:, 1:] |= street[:, :-1]
            wider[:, :-1] |= street[:, 1:]
            street = wider
        keep = (canvas.cells[floor] != EMPTY) | ~street
        canvas.cells[floor] = np.where(keep, cells, EMPTY)
