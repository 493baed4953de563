"""The figures of a report: means over seeds with their 95 % interval, and paired differences, as markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench._presence_table import half_width
from bench.chain.run import Outcome

PARCEL: Final = 4.0
KM: Final = 0.01
LABOUR_MIN: Final = 0.4
"""Prices of the cost figure: the first two are the defaults of `gateway.sourcing.rules`, labour is 24 an hour."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what it is, how it follows from an outcome, how many digits, and what it means."""

    name: str
    of: Callable[[Outcome], float]
    digits: int
    means: str


def _share(part: str, whole: str) -> Callable[[Outcome], float]:
    return lambda outcome: 100 * outcome.share(part, whole)


def _count(name: str, by: float = 1.0) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.counts[name] / by


def _cost(outcome: Outcome) -> float:
    counts = outcome.counts
    spent = PARCEL * counts["parcels"] + KM * counts["km"] + LABOUR_MIN * counts["minutes_pick"]
    return spent / max(1, counts["units_filled"])


def _carry_hours(outcome: Outcome) -> float:
    return (outcome.counts["minutes_refill"] + outcome.counts["minutes_scan"]) / 60


FIGURES: Final = (
    Figure("fill rate, %", _share("units_filled", "units_wanted"), 1, "web units delivered of those wanted"),
    Figure("not offered, %", _share("units_not_shown", "units_wanted"), 1, "web units that nobody would promise"),
    Figure("orders cancelled, %", _share("orders_cancelled", "orders_taken"), 2, "orders with a unit never delivered"),
    Figure("units cancelled", _count("units_cancelled"), 1, "in the week"),
    Figure("oversold units", _count("oversold"), 1, "promised when the store had no such unit left"),
    Figure("picks in vain", _count("misses"), 1, "somebody looked for a promised unit and did not find it"),
    Figure("sourced again", _count("resourced"), 1, "units that another store took over"),
    Figure("split rate, %", _share("orders_split", "orders_taken"), 1, "orders of two parcels from the beginning"),
    Figure("ready late, %", _share("parts_late", "parts_done"), 1, "parts picked later than was said"),
    Figure("cost a unit", _cost, 2, "parcels, kilometres and pickers' time for each web unit delivered"),
    Figure("walk-in sales", _count("sold"), 0, "units sold in the stores"),
    Figure("lost: not shown", _count("lost_not_shown"), 1, "walk-in sales lost though the store had the size"),
    Figure("lost: not there", _count("lost_absent"), 1, "walk-in sales lost because the store had none"),
    Figure("all sales", lambda o: o.counts["sold"] + o.counts["units_sent"] + o.counts["units_collected"], 0, "both"),
    Figure(
        "floor availability, %", _share("sizes_shown", "sizes_there"), 2, "of the sizes that a store has, on its floor"
    ),
    Figure("hours of refilling", _carry_hours, 0, "rounds, and walks over the floor each morning"),
    Figure(
        "walks in vain, %", _share("refill_walks_for_nothing", "refill_walks"), 1, "refills that found nothing behind"
    ),
    Figure("records right, %", _share("records_right", "records"), 1, "sizes at stores whose count is exactly true"),
)


def table(outcomes: Mapping[str, Sequence[Outcome]], judged: str) -> str:
    """Return figures by rule; under each other rule the paired difference to the one that is judged."""
    rules = list(outcomes)
    rows = ["| | " + " | ".join(rules) + " |", "|---" * (len(rules) + 1) + "|"]
    for figure in FIGURES:
        mine = _values(figure, outcomes[judged])
        cells = []
        for rule in rules:
            theirs = _values(figure, outcomes[rule])
            cells.append(_mean(theirs, figure.digits) if rule == judged else _against(mine, theirs, figure.digits))
        rows.append(f"| {figure.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def plain(outcomes: Mapping[str, Sequence[Outcome]], judged: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return the same as values: mean, half of its interval, and the same of the difference to the judged rule."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for rule, some in outcomes.items():
        found[rule] = {}
        for figure in FIGURES:
            theirs, mine = _values(figure, some), _values(figure, outcomes[judged])
            difference = mine - theirs
            found[rule][figure.name] = {
                "mean": float(theirs.mean()),
                "half_width": half_width(theirs),
                "judged_less_this": float(difference.mean()),
                "difference_half_width": half_width(difference),
            }
    return found


def meanings() -> str:
    """Return what each figure is."""
    return "\n".join(f"| {figure.name} | {figure.means} |" for figure in FIGURES)


def _values(figure: Figure, outcomes: Sequence[Outcome]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([figure.of(outcome) for outcome in outcomes], np.float64)


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]], digits: int) -> str:
    half = half_width(values)
    return f"{values.mean():,.{digits}f}" + ("" if np.isnan(half) else f" ±{half:,.{digits}f}")


def _against(
    mine: np.ndarray[tuple[int], np.dtype[np.float64]],
    theirs: np.ndarray[tuple[int], np.dtype[np.float64]],
    digits: int,
) -> str:
    """Return a mean with the paired difference to the judged rule; `*`: its interval leaves 0 out."""
    difference = theirs - mine
    half = half_width(difference)
    sure = "*" if not np.isnan(half) and abs(difference.mean()) > half else ""
    return f"{theirs.mean():,.{digits}f} ({difference.mean():+,.{digits}f}{sure})"
