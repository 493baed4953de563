"""The figures as slow loops straight from their definitions in docs/score.md: what the fast ones must equal."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

OUT = "OUT"
Row = tuple[float, int, str]
"""t, item, zone."""


def grid_of(rows: list[Row], items: int, seconds: int) -> list[list[str]]:
    """Zone of every item in every second: [seconds][items]."""
    grid = [[OUT] * items for _ in range(seconds)]
    for t, item, zone in sorted(rows, key=lambda row: row[0]):
        if 0 <= t < seconds:
            for second in range(math.ceil(t), seconds):
                grid[second][item] = zone
    return grid


@dataclass
class Reference:
    """Scores grids of zone names; `floor` are the names that are the sales floor."""

    estimate: list[list[str]]
    truth: list[list[str]]
    sku: list[int]
    floor: set[str]

    def figures(self) -> dict[str, float | None]:
        return {**self._counts(), **self._stays(), **self._moves()}

    def _in(self, zones: list[str], sku: int, wanted: set[str] | None) -> int:
        return sum(
            1
            for item, zone in enumerate(zones)
            if self.sku[item] == sku and zone != OUT and (wanted is None or zone in wanted)
        )

    def _counts(self) -> dict[str, float | None]:
        cells: list[bool] = []
        errors: list[int] = []
        whole: list[bool] = []
        bare: list[bool] = []
        stocked: list[bool] = []
        items: list[float] = []
        names = {zone for grid in (self.estimate, self.truth) for row in grid for zone in row} - {OUT}
        for second in range(600, len(self.truth), 10):
            e, g = self.estimate[second], self.truth[second]
            for sku in sorted(set(self.sku)):
                for zone in names:
                    a, b = self._in(e, sku, {zone}), self._in(g, sku, {zone})
                    if a or b:
                        cells.append(a == b)
                        errors.append(abs(a - b))
                whole.append(self._in(e, sku, None) == self._in(g, sku, None))
                shown, real = self._in(e, sku, self.floor) > 0, self._in(g, sku, self.floor) > 0
                (stocked if real else bare).append(shown != real)
            counted = [a == b for a, b in zip(e, g, strict=True) if a != OUT or b != OUT]
            if counted:
                items.append(sum(counted) / len(counted))
        return {
            "cell_exact": sum(cells) / len(cells),
            "cell_mae": sum(errors) / len(errors),
            "sku_exact": sum(whole) / len(whole),
            "item_zone": sum(items) / len(items),
            "false_oos": sum(stocked) / max(1, len(stocked)),
            "phantom": sum(bare) / max(1, len(bare)),
        }

    def _stays(self) -> dict[str, float | None]:
        seconds, found, missed, left, unseen = len(self.truth), 0, 0, 0, 0
        delays: list[int] = []
        for item in range(len(self.sku)):
            g, e = [row[item] for row in self.truth], [row[item] for row in self.estimate]
            changes = [t for t in range(1, seconds) if g[t] != g[t - 1]]
            for start, end in pairwise([*changes, seconds]):
                if start < 600 or end - start < 20 or start + 120 > seconds:
                    continue
                upto = min(start + 120, max(end, start + 20), seconds)
                shown = next((t for t in range(start, upto) if e[t] == g[start]), None)
                left += g[start] == OUT
                if shown is None:
                    missed += 1
                    unseen += g[start] == OUT
                else:
                    found += 1
                    delays.append(shown - start)
        return {
            "recall": found / max(1, found + missed),
            "delay_med": float(np.median(delays)) if delays else None,
            "delay_p90": float(np.quantile(delays, 0.9)) if delays else None,
            "missed_exit": unseen / max(1, left),
        }

    def _moves(self) -> dict[str, float | None]:
        seconds, right, wrong, false_left = len(self.truth), 0, 0, 0
        for item in range(len(self.sku)):
            g, e = [row[item] for row in self.truth], [row[item] for row in self.estimate]
            for t in range(600, seconds):
                if e[t] == e[t - 1]:
                    continue
                false_left += e[t] == OUT and g[t] != OUT
                around = g[max(0, t - 120) : t + 6]
                if len(set(around)) > 1 and e[t] in around:
                    right += 1
                else:
                    wrong += 1
        return {
            "precision": right / max(1, right + wrong),
            "false_left_12h": false_left / (seconds - 600) * 12 * 3_600,
        }
