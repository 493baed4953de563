"""Borders between the cells of a plan: where zones touch each other and the street."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.canvas import Canvas

Run = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Border:
    """Edges of one cell's length between unlike cells: columns of equal length n.

    `low` and `high` are the zones on the side of the smaller and of the greater coordinate (-1: outside). An edge
    starts at (x, y) and runs up (`upright`) or to the right, `cell_m` long.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    upright: NDArray[np.bool_]
    low: NDArray[np.int16]
    high: NDArray[np.int16]
    cell_m: float

    def where(self, mask: NDArray[np.bool_]) -> "Border":
        """Only the edges of a mask."""
        return Border(self.x[mask], self.y[mask], self.upright[mask], self.low[mask], self.high[mask], self.cell_m)

    def between(self, a: int, b: int) -> "Border":
        """Only the edges between two zones."""
        return self.where(((self.low == a) & (self.high == b)) | ((self.low == b) & (self.high == a)))

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle of each edge [n, 2], and a step of one cell across it, from the low side to the high one [n, 2]."""
        half = self.cell_m / 2
        middle = np.stack([self.x + np.where(self.upright, 0, half), self.y + np.where(self.upright, half, 0)], axis=1)
        across = np.stack([np.where(self.upright, self.cell_m, 0), np.where(self.upright, 0, self.cell_m)], axis=1)
        return middle, across


def border_of(canvas: Canvas, level: int) -> Border:
    """All edges between unlike cells of one level."""
    cells = canvas.cells[level]
    row_u, column_u = np.nonzero(cells[:, :-1] != cells[:, 1:])
    row_l, column_l = np.nonzero(cells[:-1] != cells[1:])
    column = np.concatenate([column_u + 1, column_l])
    row = np.concatenate([row_u, row_l + 1])
    return Border(
        x=canvas.x0 + column * canvas.cell_m,
        y=canvas.y0 + row * canvas.cell_m,
        upright=np.concatenate([np.ones(len(row_u), bool), np.zeros(len(row_l), bool)]),
        low=np.concatenate([cells[row_u, column_u], cells[row_l, column_l]]),
        high=np.concatenate([cells[row_u, column_u + 1], cells[row_l + 1, column_l]]),
        cell_m=canvas.cell_m,
    )


def runs(border: Border) -> tuple[Run, ...]:
    """Join edges that continue each other into straight segments (x0, y0, x1, y1)."""
    found: list[Run] = []
    for upright in (True, False):
        part = border.where(border.upright == upright)
        fixed, along = (part.x, part.y) if upright else (part.y, part.x)
        order = np.lexsort((along, fixed))
        start: float | None = None
        last_fixed = last_along = 0.0
        for here, at in zip(fixed[order].tolist(), along[order].tolist(), strict=True):
            if start is not None and (abs(here - last_fixed) > 1e-6 or at - last_along > 1.5 * border.cell_m):
                found.append(_run(last_fixed, start, last_along + border.cell_m, upright=upright))
                start = None
            start = at if start is None else start
            last_fixed, last_along = here, at
        if start is not None:
            found.append(_run(last_fixed, start, last_along + border.cell_m, upright=upright))
    return tuple(found)


def _run(fixed: float, low: float, high: float, *, upright: bool) -> Run:
    return (fixed, low, fixed, high) if upright else (low, fixed, high, fixed)


def outlines_of(canvas: Canvas, level: int, zone: int) -> list[list[tuple[float, float]]]:
    """The closed polygons around a zone's cells: walk along its edges, the zone always at the left."""
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    inside = np.pad(canvas.cells[level] == zone, 1)
    for row, column in np.argwhere(inside):
        y, x = int(row) - 1, int(column) - 1
        around = (
            (inside[row - 1, column], (x, y), (x + 1, y)),
            (inside[row, column + 1], (x + 1, y), (x + 1, y + 1)),
            (inside[row + 1, column], (x + 1, y + 1), (x, y + 1)),
            (inside[row, column - 1], (x, y + 1), (x, y)),
        )
        for same, start, end in around:
            if not same:
                edges.setdefault(start, []).append(end)
    polygons = []
    while edges:
        first = next(iter(edges))
        here, walk = first, [first]
        while True:
            ends = edges[here]
            there = ends.pop()
            if not ends:
                del edges[here]
            if there == first:
                break
            walk.append(there)
            here = there
        polygons.append(_corners(canvas, walk))
    return polygons


def _corners(canvas: Canvas, walk: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """Keep only the points where a walk turns, in metres."""
    kept = []
    for before, here, after in zip((walk[-1], *walk[:-1]), walk, (*walk[1:], walk[0]), strict=True):
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1]):
            kept.append((canvas.x0 + here[0] * canvas.cell_m, canvas.y0 + here[1] * canvas.cell_m))
    return kept
