"""Means over seeds and paired differences with their 95 % intervals, as markdown."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lastunit.scoring.figures import Figures

COLUMNS: Final = (
    "cell_exact",
    "item_zone",
    "sku_exact",
    "recall",
    "precision",
    "delay_med",
    "delay_p90",
    "false_left_12h",
    "missed_exit",
    "false_oos",
    "phantom",
)
COARSE: Final = frozenset({"delay_med", "delay_p90", "false_left_12h"})

Floats = NDArray[np.float64]


def values(figures: Sequence[Figures]) -> dict[str, Floats]:
    """One array per figure, over the seeds; NaN where a figure could not be measured."""
    rows = [asdict(each) for each in figures]
    return {name: np.array([np.nan if row[name] is None else row[name] for row in rows], float) for name in COLUMNS}


def t_quantile(df: int) -> float:
    """Two-sided 95 % quantile of Student's t (Cornish-Fisher in 1/df beyond the exact first two)."""
    if df < 1:
        return float("nan")
    if df == 1:
        return 12.7062
    if df == 2:
        return 4.3027
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1_482 * z**5 - 1_920 * z**3 - 945 * z) / 92_160,
    )
    return float(sum(term / df**power for power, term in enumerate(terms)))


def half_width(column: Floats) -> float:
    """Half of the 95 % interval of a mean; NaN for fewer than two values."""
    column = column[~np.isnan(column)]
    if len(column) < 2:
        return float("nan")
    return t_quantile(len(column) - 1) * float(column.std(ddof=1)) / float(np.sqrt(len(column)))


def header() -> str:
    """The table's first two lines."""
    names = ("case", "tracker", *COLUMNS, "s/run")
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def mean_row(case: str, tracker: str, figures: Sequence[Figures], spent_s: float | None) -> str:
    """Mean and interval of each figure."""
    cells = [_mean(name, column) for name, column in values(figures).items()]
    return _row(case, tracker, [*cells, "" if spent_s is None else f"{spent_s:.1f}"])


def difference_row(case: str, tracker: str, figures: Sequence[Figures], other: Sequence[Figures]) -> str:
    """Mean and interval of the differences on the same seeds; `*` where the interval leaves 0 out."""
    ours, theirs = values(figures), values(other)
    return _row(case, tracker, [*(_difference(name, ours[name] - theirs[name]) for name in COLUMNS), ""])


def _mean(name: str, column: Floats) -> str:
    known = column[~np.isnan(column)]
    if not len(known):
        return "-"
    text = _number(name, float(known.mean()))
    width = half_width(known)
    return text if np.isnan(width) else f"{text} ±{_number(name, width)}"


def _difference(name: str, column: Floats) -> str:
    known = column[~np.isnan(column)]
    if not len(known):
        return "-"
    mean, width = float(known.mean()), half_width(known)
    text = ("+" if mean >= 0 else "-") + _number(name, abs(mean))
    if np.isnan(width):
        return text
    return f"{text} ±{_number(name, width)}{'*' if abs(mean) > width else ''}"


def _number(name: str, value: float) -> str:
    return f"{value:.1f}" if name in COARSE else f"{value:.3f}".removeprefix("0")


def _row(case: str, tracker: str, cells: list[str]) -> str:
    return f"| {case} | {tracker} | {' | '.join(cells)} |"
