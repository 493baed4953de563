"""Way-finding: how people walk from one point of a plan to another, through passages and doors only.

A straight line when nothing is in the way; otherwise A* on a grid of half metres whose steps never cross a solid wall
or the border of two zones without a passage, pulled straight afterwards. A plan whose passages do not join up is
walked in a straight line: a wrong drawing costs realism, never a person stuck for ever.
"""

import heapq
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.canvas import EMPTY
from simulator.floorplan import FloorPlan

STEP_CELLS: Final = 2
"""Cells of the plan in a step of the way grid."""

SAMPLE_M: Final = 0.2
STAIRS_COST: Final = 16.0
"""Steps that a staircase counts for."""

MOVES: Final = ((0, 1), (1, 0), (1, 1), (1, -1))

Place = tuple[float, float, int]
"""A point on a level: x, y in metres, level."""

Node = tuple[int, int, int]


class Ways:
    """Finds ways on one plan."""

    def __init__(self, plan: FloorPlan) -> None:
        self.plan = plan
        self._step_m = STEP_CELLS * plan.canvas.cell_m
        sub = plan.canvas.cells[:, ::STEP_CELLS, ::STEP_CELLS]
        self._zone = sub
        self._open = [self._steps(level) for level in range(len(plan.floors))]
        self._stairs: dict[Node, list[Node]] = {}
        for level, head, other, foot in plan.stairs:
            a, b = self._nearest_node((*head, level)), self._nearest_node((*foot, other))
            self._stairs.setdefault(a, []).append(b)
            self._stairs.setdefault(b, []).append(a)

    def _steps(self, level: int) -> dict[tuple[int, int], NDArray[np.bool_]]:
        """For each direction, from which nodes a step can be made."""
        zone = self._zone[level]
        steps = {}
        for down, right in MOVES:
            there = np.full_like(zone, EMPTY)
            rows, columns = zone.shape
            if right >= 0:
                there[: rows - down, : columns - right] = zone[down:, right:]
            else:
                there[: rows - down, -right:] = zone[down:, :right]
            good = (zone != EMPTY) & (there != EMPTY)
            good &= self.plan.passages[zone, there]
            row, column = np.nonzero(good)
            start = self._points(row, column)
            blocked = self.plan.walls.stops(start, start + np.array([right, down]) * self._step_m, level)
            good[row[blocked], column[blocked]] = False
            steps[down, right] = good
            back = np.zeros_like(good)
            if right >= 0:
                back[down:, right:] = good[: rows - down, : columns - right]
            else:
                back[down:, :right] = good[: rows - down, -right:]
            steps[-down, -right] = back
        return steps

    def _points(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float64]:
        canvas = self.plan.canvas
        half = canvas.cell_m / 2
        return np.stack([canvas.x0 + half + column * self._step_m, canvas.y0 + half + row * self._step_m], axis=1)

    def _nearest_node(self, place: Place) -> Node:
        """The node nearest to a point, in the point's own zone when that has one."""
        zone = self._zone[place[2]]
        row, column = np.nonzero(zone != EMPTY)
        if not len(row):
            row, column = np.nonzero(zone == EMPTY)
        points = self._points(row, column)
        mine = self.plan.zone_at(np.array([place[0]]), np.array([place[1]]), np.array([place[2]]))[0]
        away = np.hypot(points[:, 0] - place[0], points[:, 1] - place[1]) + 1.0 * (zone[row, column] != mine)
        best = int(away.argmin())
        return place[2], int(row[best]), int(column[best])

    def is_straight(self, start: Place, end: Place) -> bool:
        """Whether a straight line crosses neither a solid wall nor a border without a passage."""
        if start[2] != end[2]:
            return False
        count = max(2, int(np.hypot(end[0] - start[0], end[1] - start[1]) / SAMPLE_M) + 1)
        x, y = np.linspace(start[0], end[0], count), np.linspace(start[1], end[1], count)
        zone = self.plan.zone_at(x, y, np.full(count, start[2]))
        if not self.plan.passages[zone[:-1], zone[1:]].all():
            return False
        line = np.array([[start[0], start[1]]]), np.array([[end[0], end[1]]])
        return not bool(self.plan.walls.stops(*line, start[2])[0])

    def find(self, start: Place, end: Place) -> list[Place]:
        """Points to walk to, one after the other; the last is `end`."""
        if self.is_straight(start, end):
            return [end]
        nodes = self._search(self._nearest_node(start), self._nearest_node(end))
        canvas = self.plan.canvas
        half = canvas.cell_m / 2
        points = [
            (canvas.x0 + half + column * self._step_m, canvas.y0 + half + row * self._step_m, level)
            for level, row, column in nodes
        ]
        return self._pull([start, *points, end])

    def _pull(self, points: list[Place]) -> list[Place]:
        """Leave out the points that a straight line passes by."""
        kept, at = [], 0
        while at < len(points) - 1:
            ahead = at + 1
            # Doubling steps, then the last one that still sees: few tests on long ways.
            reach = 2
            while at + reach < len(points) and self.is_straight(points[at], points[at + reach]):
                ahead = at + reach
                reach *= 2
            kept.append(points[ahead])
            at = ahead
        if not self.is_straight(kept[-1], points[-1]):
            kept.append(points[-1])
        return kept

    def _search(self, start: Node, goal: Node) -> list[Node]:
        """A*: nodes from start to goal, empty when there is no way."""
        queue: list[tuple[float, float, Node]] = [(0.0, 0.0, start)]
        came: dict[Node, Node] = {start: start}
        cost = {start: 0.0}
        while queue:
            _, so_far, here = heapq.heappop(queue)
            if here == goal:
                return self._trace(came, goal)
            if so_far > cost[here]:
                continue
            for there, price in self._next(here):
                total = so_far + price
                if total < cost.get(there, np.inf):
                    cost[there] = total
                    came[there] = here
                    heapq.heappush(queue, (total + self._ahead(there, goal), total, there))
        return []

    def _next(self, here: Node) -> list[tuple[Node, float]]:
        level, row, column = here
        found = [
            ((level, row + down, column + right), 1.0 if down == 0 or right == 0 else 1.4142)
            for (down, right), good in self._open[level].items()
            if good[row, column]
        ]
        found.extend((there, STAIRS_COST) for there in self._stairs.get(here, ()))
        return found

    def _ahead(self, here: Node, goal: Node) -> float:
        if self._stairs:
            return 0.0  # a staircase may stand anywhere: no lower bound from the plan
        rows, columns = abs(here[1] - goal[1]), abs(here[2] - goal[2])
        return max(rows, columns) + 0.4142 * min(rows, columns)

    @staticmethod
    def _trace(came: dict[Node, Node], goal: Node) -> list[Node]:
        nodes = [goal]
        while came[nodes[-1]] != nodes[-1]:
            nodes.append(came[nodes[-1]])
        return nodes[::-1]
