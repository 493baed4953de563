"""Refill tasks as rounds of work: one department, as much as a trolley holds, in walking order. Pure.

The most urgent tasks of a department go into its first round, whatever their place; within a round people walk through
the back rooms once (`picks`) and through the floor once (`drops`). A task is never split over two rounds.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.replenishment.limits import LINES_MAX, UNITS_MAX
from gateway.replenishment.places import Places
from gateway.replenishment.task import Urgency


@dataclass(frozen=True, slots=True)
class Line:
    """A task as a round sees it. `units`: those that lack still; `sort`: style, colour and size, for neighbours."""

    task: str
    gtin: str
    units: int
    urgency: Urgency
    due_us: int
    from_zones: tuple[str, ...]
    to_zones: tuple[str, ...]
    department: str = ""
    sort: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """A round of work: the same tasks in the order of the back rooms and in that of the floor."""

    department: str
    picks: tuple[Line, ...]
    drops: tuple[Line, ...]
    units: int
    urgency: Urgency
    due_us: int


def batches(
    lines: Iterable[Line], places: Places, *, lines_max: int = LINES_MAX, units_max: int = UNITS_MAX
) -> tuple[Batch, ...]:
    """Return the rounds of a site, the most urgent first. The order of `lines` does not matter.

    A task of more than `units_max` units is a round of its own. Raises `ValueError` for bounds below 1.
    """
    if lines_max < 1 or units_max < 1:
        raise ValueError(f"lines_max {lines_max}, units_max {units_max}: expected 1 or more")
    by_department: dict[str, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.urgency, line.due_us, line.gtin, line.task)):
        by_department[line.department].append(line)
    found = []
    for department, waiting in by_department.items():
        load: list[Line] = []
        for line in waiting:
            if load and (len(load) == lines_max or sum(one.units for one in load) + line.units > units_max):
                found.append(_batch(department, load, places))
                load = []
            load.append(line)
        found.append(_batch(department, load, places))
    return tuple(sorted(found, key=lambda batch: (batch.urgency, batch.due_us, batch.department, batch.picks[0].task)))


def _batch(department: str, load: list[Line], places: Places) -> Batch:
    def walk(line: Line, zones: tuple[str, ...]) -> tuple[object, ...]:
        steps = min(((places[zone].walk, zone) for zone in zones if zone in places), default=None)
        return (steps is None, steps or (0, ""), line.sort, line.gtin, line.task)

    return Batch(
        department,
        tuple(sorted(load, key=lambda line: walk(line, line.from_zones))),
        tuple(sorted(load, key=lambda line: walk(line, line.to_zones))),
        sum(line.units for line in load),
        min(line.urgency for line in load),
        min(line.due_us for line in load),
    )
