"""A question to the time series as a value: which figure, of which series, folded how. Pure.

Two folds make a figure, as they do on the Grafana boards (`dashboards.influxql`). *Within* a series over time: of a
gauge its newest value (or the lowest, highest, mean: what `fold` says), of a delta the sum. *Across* series that differ
in a tag that is not in `by`: `fold`. Each series is folded first: otherwise a sum over departments would add up all
points of a minute.

A gauge is as its last point says until a point is late by twice its interval (`wire.measurement.INTERVAL_S`); then it
is not known, and is left out. What is written on change only is as it was last said, for as long as the store keeps it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final, NamedTuple, TypeAlias

from gateway.series.port import Latest, Row
from gateway.series.rollup import Summary
from wire.measurement import INTERVAL_S, Cadence, Field, FieldType, How, Measurement, Tag, Unit

LOOK_BACK: Final = 2
"""How many intervals a newest value is good for: one that is lost on the way is no outage."""


class Fold(StrEnum):
    """How the values of several series become one."""

    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    """How many series there are whose newest value is `equals`."""


Key: TypeAlias = tuple[str, ...]
"""Values of the tags in `by`."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `only`: tags with the values that count; `per`: the figure is divided by this field.

    Raises `ValueError` that names the field or tag that does not fit.
    """

    measurement: Measurement
    field: str
    fold: Fold
    by: tuple[Tag, ...] = ()
    only: tuple[tuple[Tag, tuple[str, ...]], ...] = ()
    per: str = ""
    equals: int | None = None

    def __post_init__(self) -> None:
        for tag in (*self.by, *(tag for tag, _ in self.only)):
            if tag not in self.measurement.tags:
                raise ValueError(f"{self.measurement.name}: no tag {tag}; it has {', '.join(self.measurement.tags)}")
        for name in self.fields:
            if name not in self.measurement.by_name:
                fields = ", ".join(self.measurement.by_name)
                raise ValueError(f"{self.measurement.name}: no field {name}; it has {fields}")
        if self.of.type is FieldType.TEXT:
            raise ValueError(f"{self.measurement.name}.{self.field}: a text, of which there is no figure")
        if self.of.how is How.DELTA and self.fold is not Fold.SUM:
            raise ValueError(f"{self.measurement.name}.{self.field}: deltas are added up: expected fold sum")
        if (self.fold is Fold.COUNT) != (self.equals is not None):
            raise ValueError(f"{self.measurement.name}.{self.field}: count goes with a value that is counted")
        if self.per and (self.fold is not Fold.SUM or self.measurement.field(self.per).how is not self.of.how):
            raise ValueError(f"{self.measurement.name}.{self.field}: per goes with sums of fields of one kind")

    @property
    def of(self) -> Field:
        """The field that is asked for."""
        return self.measurement.field(self.field)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that are needed."""
        return (self.field, self.per) if self.per else (self.field,)

    @property
    def good_us(self) -> float:
        """How long a value is good for; see `good_for_us`."""
        return good_for_us(self.measurement)

    @property
    def unit(self) -> Unit:
        """The unit of the answer: one field per another of the same unit is a share."""
        if self.per and self.measurement.field(self.per).unit is self.of.unit:
            return Unit.SHARE
        return Unit.THINGS if self.fold is Fold.COUNT else self.of.unit

    @property
    def name(self) -> tuple[object, ...]:
        """What tells it from other questions: a key for a store of answers."""
        return self.measurement.name, self.field, self.fold, self.by, self.only, self.per, self.equals

    def takes(self, tags: Mapping[Tag, str]) -> bool:
        """Whether a series counts."""
        return all(tags.get(tag) in values for tag, values in self.only)

    def key(self, tags: Mapping[Tag, str]) -> Key:
        """Return the values of the tags that tell answers apart."""
        return tuple(tags[tag] for tag in self.by)


def good_for_us(measurement: Measurement) -> float:
    """Return how long a gauge's value is good for (microseconds): without end where only changes are written."""
    return inf if measurement.cadence is Cadence.ON_CHANGE else INTERVAL_S[measurement.cadence] * LOOK_BACK * 1e6


def default_fold(field: Field) -> Fold:
    """Return how a field is folded when nobody says it: what a person looks for among several."""
    if field.how is How.DELTA:
        return Fold.SUM
    if field.words or field.type is FieldType.BOOLEAN:
        return Fold.MIN  # the worst state is 0
    if field.unit in {Unit.SHARE, Unit.PROBABILITY, Unit.CELSIUS}:
        return Fold.MEAN
    return Fold.MAX if field.unit in {Unit.SECONDS, Unit.MILLISECONDS} else Fold.SUM


class Newest(NamedTuple):
    """A figure now, and of when the oldest value in it is."""

    value: float
    at_us: int


def now(question: Question, latest: Iterable[Latest], at_us: int) -> dict[Key, Newest]:
    """Return a gauge's newest values; what nobody knows any more is left out."""
    values: dict[Key, list[list[float]]] = defaultdict(list)
    oldest: dict[Key, int] = {}
    for one in latest:
        if not question.takes(one.tags) or at_us - one.at_us > question.good_us:
            continue
        if any(name not in one.fields for name in question.fields):
            continue
        key = question.key(one.tags)
        values[key].append([float(one.fields[name]) for name in question.fields])
        oldest[key] = min(oldest.get(key, one.at_us), one.at_us)
    found = {}
    for key, mine in values.items():
        value = _across(question, mine)
        if value is not None:
            found[key] = Newest(value, oldest[key])
    return found


def total(question: Question, rows: Iterable[Row]) -> dict[Key, float]:
    """Return sums of deltas over rows of five minutes."""
    values: dict[Key, list[list[float]]] = defaultdict(list)
    for row in rows:
        if question.takes(row.tags):
            mine = (row.fields.get(name) for name in question.fields)
            values[question.key(row.tags)].append([0.0 if one is None else one.total for one in mine])
    summed = ((key, _across(question, mine)) for key, mine in values.items())
    return {key: value for key, value in summed if value is not None}


Line: TypeAlias = list[float | None]
"""A value for each step; None: not known."""


def over(question: Question, rows: Iterable[Row], from_us: int, to_us: int, step_us: int) -> dict[Key, Line]:
    """Return a line for each key over [from_us, to_us), a value for each step; rows may come in any order."""
    steps = -(-(to_us - from_us) // step_us)
    lines: dict[Key, list[list[list[float]]]] = {}
    series: dict[tuple[str, ...], dict[int, list[Summary | None]]] = defaultdict(dict)
    keys: dict[tuple[str, ...], Key] = {}
    for row in sorted(rows, key=lambda row: row.bucket_us):
        if not question.takes(row.tags) or not from_us <= row.bucket_us < to_us:
            continue
        name = tuple(row.tags.values())
        keys[name] = question.key(row.tags)
        step = (row.bucket_us - from_us) // step_us
        before = series[name].get(step, [None] * len(question.fields))
        own = zip(before, question.fields, strict=True)
        series[name][step] = [_joined(one, row.fields.get(field)) for one, field in own]
    for name, held in series.items():
        line = lines.setdefault(keys[name], [[] for _ in range(steps)])
        for step, values in _known(question, held, steps, step_us):
            line[step].append(values)
    return {key: _filled(question, line) for key, line in lines.items()}


def _filled(question: Question, line: Sequence[list[list[float]]]) -> Line:
    nothing = 0.0 if question.of.how is How.DELTA and not question.per else None
    return [_across(question, values) if values else nothing for values in line]


def _known(
    question: Question, held: Mapping[int, Sequence[Summary | None]], steps: int, step_us: int
) -> Iterable[tuple[int, list[float]]]:
    """Yield steps of a series with its values; a gauge stays as it was for as long as it is good."""
    if question.of.how is How.DELTA:
        for step, summaries in held.items():
            yield step, [0.0 if one is None else one.total for one in summaries]
        return
    last: Sequence[Summary | None] = ()
    at = 0
    for step in range(steps):
        own = held.get(step)
        if own is not None:
            last, at = own, step
        if last and (step - at) * step_us <= (question.good_us if step > at else 0):
            values = [None if one is None else _within(question.fold, one, fresh=step == at) for one in last]
            known = [value for value in values if value is not None]
            if len(known) == len(values):
                yield step, known


def _within(fold: Fold, one: Summary, *, fresh: bool) -> float:
    if fresh and fold is Fold.MIN:
        return one.low
    if fresh and fold is Fold.MAX:
        return one.high
    if fresh and fold is Fold.MEAN:
        return one.mean
    return float(one.last)


def _joined(before: Summary | None, after: Summary | None) -> Summary | None:
    if before is None or after is None:
        return after or before
    low, high = min(before.low, after.low), max(before.high, after.high)
    return Summary(before.count + after.count, before.total + after.total, low, high, after.last)


def _across(question: Question, values: Sequence[Sequence[float]]) -> float | None:
    """Fold the values of several series; None where nothing is left to divide by."""
    first = [mine[0] for mine in values]
    match question.fold:
        case Fold.MIN:
            return min(first)
        case Fold.MAX:
            return max(first)
        case Fold.MEAN:
            return sum(first) / len(first)
        case Fold.COUNT:
            return float(sum(value == question.equals for value in first))
        case Fold.SUM:
            if not question.per:
                return sum(first)
            below = sum(mine[1] for mine in values)
            return sum(first) / below if below else None
