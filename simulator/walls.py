"""Walls as line segments: which signals and which steps cross them, by geometry.

A barrier is one wall, possibly of many short segments (the border of two zones on a slanted outline); a signal that
crosses any of them pays the barrier's loss once. Curtains cost signals and let people through.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHUNK: Final = 400_000
"""Signals times segments handled at once: 3 MB per temporary array stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """One wall on one floor: segments (x0, y0, x1, y1) in metres, its loss, and whether it stops people."""

    segments: tuple[tuple[float, float, float, float], ...]
    loss_db: float
    floor: int | None = None
    solid: bool = True


class Walls:
    """All barriers of a store. A barrier without a floor stands on every floor."""

    def __init__(self, barriers: tuple[Barrier, ...]) -> None:
        self.barriers = tuple(barrier for barrier in barriers if barrier.segments)
        rows = [segment for barrier in self.barriers for segment in barrier.segments]
        self._ends = np.array(rows, float).reshape(-1, 4)
        sizes = [len(barrier.segments) for barrier in self.barriers]
        self._starts = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, int)
        self._loss = np.array([barrier.loss_db for barrier in self.barriers], float)
        floors = [-1 if barrier.floor is None else barrier.floor for barrier in self.barriers]
        self._floor = np.repeat(np.array(floors, int), sizes)
        self._solid = np.repeat(np.array([barrier.solid for barrier in self.barriers], bool), sizes)

    def __len__(self) -> int:
        return len(self.barriers)

    def loss_db(self, tags: Floats, tag_floor: NDArray[np.int64], to: Floats, to_floor: NDArray[np.int64]) -> Floats:
        """Loss of every path from tags [m, 2] to antennas [a, 2]: [m, a] dB. Only walls of the tag's floor count."""
        loss = np.zeros((len(tags), len(to)))
        if not self.barriers:
            return loss
        step = max(1, CHUNK // max(1, len(to) * len(self._ends)))
        for low in range(0, len(tags), step):
            part = slice(low, low + step)
            loss[part] = self._crossed(tags[part], tag_floor[part], to) @ self._loss
        loss[tag_floor[:, None] != to_floor[None, :]] = 0.0
        return loss

    def _crossed(self, tags: Floats, tag_floor: NDArray[np.int64], to: Floats) -> NDArray[np.bool_]:
        """Which barriers lie between tags [m, 2] and antennas [a, 2]: [m, a, barriers]."""
        ax, ay, bx, by = self._ends.T
        here = _side(ax, ay, bx, by, tags[:, 0, None], tags[:, 1, None])
        there = _side(ax, ay, bx, by, to[:, 0, None], to[:, 1, None])
        px, py = tags[:, 0, None, None], tags[:, 1, None, None]
        qx, qy = to[None, :, 0, None], to[None, :, 1, None]
        cut = _side(px, py, qx, qy, ax, ay) * _side(px, py, qx, qy, bx, by) < 0
        cut &= here[:, None, :] * there[None, :, :] < 0
        cut &= ((self._floor == -1) | (self._floor == tag_floor[:, None]))[:, None, :]
        return np.asarray(np.logical_or.reduceat(cut, self._starts, axis=2))

    def stops(self, start: Floats, end: Floats, floor: int) -> NDArray[np.bool_]:
        """Whether a step from start[k] to end[k] (both [k, 2]) on one floor runs into a solid wall: [k]."""
        mine = self._solid & ((self._floor == -1) | (self._floor == floor))
        if not mine.any():
            return np.zeros(len(start), bool)
        ax, ay, bx, by = self._ends[mine].T
        px, py, qx, qy = start[:, :1], start[:, 1:], end[:, :1], end[:, 1:]
        cut = _side(ax, ay, bx, by, px, py) * _side(ax, ay, bx, by, qx, qy) <= 0
        cut &= _side(px, py, qx, qy, ax, ay) * _side(px, py, qx, qy, bx, by) < 0
        return np.asarray(cut.any(axis=1))


def _side(  # noqa: PLR0917 - three points
    ax: Floats, ay: Floats, bx: Floats, by: Floats, px: Floats, py: Floats
) -> Floats:
    """On which side of the line a-b the point p lies: twice the signed area of the triangle, m2."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


def without_gap(
    segment: tuple[float, float, float, float], gap: tuple[float, float], half_m: float
) -> tuple[tuple[float, float, float, float], ...]:
    """Cut a door of 2 x `half_m` around the point `gap` into a segment that passes it closely: 0 to 2 pieces."""
    ax, ay, bx, by = segment
    dx, dy = bx - ax, by - ay
    length = float(np.hypot(dx, dy))
    if length == 0:
        return ()
    along = ((gap[0] - ax) * dx + (gap[1] - ay) * dy) / length
    away = abs((gap[0] - ax) * dy - (gap[1] - ay) * dx) / length
    if away > half_m / 2 or along < -half_m or along > length + half_m:
        return (segment,)
    low, high = max(along - half_m, 0.0), min(along + half_m, length)
    ux, uy = dx / length, dy / length
    first = (ax, ay, ax + ux * low, ay + uy * low)
    second = (ax + ux * high, ay + uy * high, bx, by)
    return tuple(piece for piece, size in ((first, low), (second, length - high)) if size > 1e-9)
