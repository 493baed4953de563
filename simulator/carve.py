"""Cuts a small zone (fitting rooms, a counter, an exit) out of a bigger one, along the building's outer wall."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.canvas import EMPTY, Canvas, Mask

SHRINK: Final = 0.8
ATTEMPTS: Final = 12
"""0.8 to the power of 12: a zone of 4 m shrinks to 25 cm, one cell, before we give up on rectangles."""


def carve(
    canvas: Canvas,
    level: int,
    host: int,
    zone: int,
    *,
    size_m: tuple[float, float],
    far: list[int],
    near: list[int],
) -> None:
    """Give a rectangle of the host's cells to a zone: width along the wall x depth, smaller when there is no room.

    Of all places it takes the one that is farthest from the zones in `far` and nearest to those in `near`. A host
    never loses its last cells: at most half of them go.
    """
    cells = canvas.cells[level]
    mine = cells == host
    half = int(mine.sum()) // 2
    width, depth = size_m
    for _ in range(ATTEMPTS):
        across, deep = max(1, round(width / canvas.cell_m)), max(1, round(depth / canvas.cell_m))
        if across * deep <= half:
            for wall in (True, False):
                found = _candidates(cells, mine, across, deep, wall=wall)
                if len(found):
                    row, column, rows, columns = found[_best(cells, found, far, near)]
                    cells[row : row + rows, column : column + columns] = zone
                    return
        width, depth = width * SHRINK, depth * SHRINK
    row, column = np.argwhere(mine)[0]
    cells[row, column] = zone


def _candidates(cells: NDArray[np.int16], mine: Mask, across: int, deep: int, *, wall: bool) -> NDArray[np.int64]:
    """Rectangles (row, column, rows, columns) of the host's cells; with `wall` a long side is an outer wall."""
    empty = cells == EMPTY
    found = []
    for rows, columns in dict.fromkeys(((deep, across), (across, deep))):
        if rows > cells.shape[0] or columns > cells.shape[1]:
            continue
        good = _count(mine, rows, columns) == rows * columns
        if wall:
            good &= _along_wall(empty, good.shape, rows, columns, level=columns == across)
        place = np.argwhere(good)
        found.append(np.concatenate([place, np.broadcast_to([rows, columns], place.shape)], axis=1))
    return np.concatenate(found) if found else np.zeros((0, 4), np.int64)


def _along_wall(empty: Mask, shape: tuple[int, ...], rows: int, columns: int, *, level: bool) -> Mask:
    """Whether one of the two long sides touches nothing but the outside: a mask of rectangle corners."""
    good = np.zeros(shape, bool)
    if level:
        strip = _count(empty, 1, columns) == columns
        good[1:] |= strip[: shape[0] - 1]
        good[: shape[0] - 1] |= strip[rows : rows + shape[0] - 1]
    else:
        strip = _count(empty, rows, 1) == rows
        good[:, 1:] |= strip[:, : shape[1] - 1]
        good[:, : shape[1] - 1] |= strip[:, columns : columns + shape[1] - 1]
    return good


def _count(mask: Mask, rows: int, columns: int) -> NDArray[np.int64]:
    """Number of true cells in every window of rows x columns: a summed-area table."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    total[1:, 1:] = mask.cumsum(0).cumsum(1)
    return total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]


def _best(cells: NDArray[np.int16], found: NDArray[np.int64], far: list[int], near: list[int]) -> int:
    middle = found[:, :2] + found[:, 2:] / 2
    score = np.zeros(len(found))
    for zones, sign in ((far, 1.0), (near, -2.0)):
        for zone in zones:
            there = np.argwhere(cells == zone)
            if len(there):
                away = np.hypot(*(middle - there.mean(axis=0)).T)
                score += sign * np.sqrt(away)
    return int(score.argmax())
