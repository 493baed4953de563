"""Questions to the time series as values, and as InfluxQL: what InfluxDB 1.x, 2.x (by DBRP) and 3 understand. Pure.

A question names measurements, fields and tags of `wire.measurements` only; what is not there is refused when the
question is made, so that no board can ask for a figure that the gateway does not write.

Two folds make a figure. *Within* a series over time: of a gauge its newest (or lowest, highest, mean) value, of a delta
the sum. *Across* series, for those that differ in a tag that is not in `by`: a sum, a mean, the lowest, ... Each series
is folded first: otherwise a sum over departments would add up all points of a minute.

InfluxQL reference: docs.influxdata.com/influxdb/v1.8/query_language (aggregates, subqueries, GROUP BY time). Grafana's
macros: `$timeFilter`, `$__interval`; `/^$site$/` matches a variable with several values or All.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wire.measurement import INTERVAL_S, Field, FieldType, How, Measurement, Tag


class Fold(StrEnum):
    """How several values become one."""

    LAST = "last"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


class Span(StrEnum):
    """Of which time a question is."""

    NOW = "now"
    """The newest value of each series; one that is late is not known and does not count."""
    OVER = "over"
    """A value for each step of the board's time."""
    TOTAL = "total"
    """One value for all of the board's time."""


VARIABLES: Final[Mapping[Tag, str]] = {
    Tag.SITE: "site",
    Tag.DEPARTMENT: "department",
    Tag.STYLE: "style",
    Tag.ZONE: "zone",
    Tag.DEVICE: "device",
}
"""Tags that a reader of a board chooses values of, and the variables' names."""

LOOK_BACK: Final = 2
"""How many intervals back a newest value is looked for: one that is lost on the way is no outage."""

_GAUGE_FOLDS: Final = frozenset({Fold.LAST, Fold.MEAN, Fold.MIN, Fold.MAX})


@dataclass(frozen=True, slots=True)
class Column:
    """One figure: a field, folded within each series, then across them; `per`: divided by the sum of other fields.

    `name`: what the column is called. Those of `per` are folded alike.
    """

    field: str
    name: str
    across: Fold = Fold.SUM
    within: Fold | None = None
    per: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the names of all its fields."""
        return (self.field, *self.per)


@dataclass(frozen=True, slots=True)
class Question:
    """What a panel asks. `by`: the tags that tell its rows or lines apart; `only`: tags with fixed values.

    Tags with a variable are narrowed by it, if the measurement has them and `choose` names their tag. `when`: only
    series whose newest value of a field is this. `zero`: one number, and it is 0 when no series fits `only`, `when` and
    the variables, as long as a site of those that are chosen tells anything of the measurement: nothing to do is not
    unknown.
    Raises `ValueError` that names the field or tag that does not fit.
    """

    measurement: Measurement
    columns: tuple[Column, ...]
    span: Span
    by: tuple[Tag, ...] = ()
    choose: tuple[Tag, ...] = (Tag.SITE, Tag.DEPARTMENT)
    only: tuple[tuple[Tag, tuple[str, ...]], ...] = ()
    when: tuple[str, int] | None = None
    zero: bool = False

    def __post_init__(self) -> None:
        named = self.measurement.name
        for tag in (*self.by, *(tag for tag, _ in self.only)):
            if tag not in self.measurement.tags:
                raise ValueError(f"{named}: no tag {tag}; it has {', '.join(self.measurement.tags)}")
        if not self.columns:
            raise ValueError(f"{named}: no column")
        if self.when is not None:
            self._check(Column(self.when[0], "when", within=Fold.LAST))
        for column in self.columns:
            self._check(column)
        if self.zero and (self.span is Span.OVER or self.by or len(self.columns) > 1 or not self._adds_up()):
            raise ValueError(f"{named}: only one sum, count or highest value can be 0 for want of series")

    def _adds_up(self) -> bool:
        column = self.columns[0]
        return column.across in {Fold.SUM, Fold.COUNT, Fold.MAX} and not column.per

    def _check(self, column: Column) -> None:
        for name in column.fields:
            if name not in self.measurement.by_name:
                fields = ", ".join(self.measurement.by_name)
                raise ValueError(f"{self.measurement.name}: no field {name}; it has {fields}")
        field = self.measurement.field(column.field)
        within = within_of(field, column)
        if field.how is How.GAUGE and within not in _GAUGE_FOLDS:
            raise ValueError(f"{self.measurement.name}.{field.name}: a gauge is not folded by {within} over time")
        if field.how is How.DELTA and (within is not Fold.SUM or column.across is not Fold.SUM):
            raise ValueError(f"{self.measurement.name}.{field.name}: deltas are added up")
        if field.how is How.NOTE:
            raise ValueError(f"{self.measurement.name}.{field.name}: a text; annotations show it")
        if field.how is How.DELTA and self.span is Span.NOW:
            raise ValueError(f"{self.measurement.name}.{field.name}: a delta has no newest value")

    def fields(self) -> frozenset[str]:
        """Return the names of the fields that it asks for."""
        asked = {name for column in self.columns for name in column.fields}
        return frozenset(asked if self.when is None else asked | {self.when[0]})

    def influxql(self) -> str:
        """Return it as InfluxQL, with Grafana's macros."""
        if self.zero:
            return self._or_zero()
        named, series = quoted(self.measurement.name), self.measurement.tags
        group = self._group(self.by, self._fill())
        if self.when is None and (set(series) == set(self.by) or self._only_deltas()):
            return _select([self._alone(column) for column in self.columns], named, self._where() + group)
        inner = _select(self._within(), named, self._where() + self._group(series, "none"))
        outer = [
            _expression(column.across, f"w_{column.field}", [f"w_{name}" for name in column.per], column.name)
            for column in self.columns
        ]
        terms = [] if self.span is Span.NOW else ["$timeFilter"]
        terms += [] if self.when is None else [self._condition(*self.when)]
        bound = f" WHERE {' AND '.join(terms)}" if terms else ""
        return _select(outer, f"({inner})", bound + group)

    def _or_zero(self) -> str:
        """Two sources, the series that fit and zeros of all that there are; InfluxQL joins them: they have one name."""
        named, column = quoted(self.measurement.name), self.columns[0]
        across = Fold.SUM if column.across is Fold.COUNT else column.across
        inner = _select(self._within(), named, self._where() + self._group(self.measurement.tags, "none"))
        fold = f"count({quoted(f'w_{column.field}')})" if column.across is Fold.COUNT else quoted(f"w_{column.field}")
        bound = "" if self.when is None else f" WHERE {self._condition(*self.when)}"
        fits = _select([f'{fold} AS "n"'], f"({inner})", bound)
        gauges = [one.name for one in self.measurement.fields if one.how is How.GAUGE]
        always = column.field if column.field in gauges or not gauges else gauges[0]
        chosen = tuple(tag for tag in self.choose if tag is Tag.SITE)
        none = _select([f'count({quoted(always)}) * 0 AS "n"'], named, self._narrowed(chosen, ()))
        return _select([_expression(across, "n", (), column.name)], f"({fits}), ({none})", "")

    def _condition(self, name: str, value: int) -> str:
        boolean = self.measurement.field(name).type is FieldType.BOOLEAN
        return f"{quoted(f'w_{name}')} = {str(bool(value)).lower() if boolean else value}"

    def _only_deltas(self) -> bool:
        return all(self._is_delta(column) for column in self.columns)

    def _is_delta(self, column: Column) -> bool:
        return self.measurement.field(column.field).how is How.DELTA

    def _alone(self, column: Column) -> str:
        field = self.measurement.field(column.field)
        return _expression(within_of(field, column), column.field, column.per, column.name)

    def _within(self) -> list[str]:
        folds: dict[str, Fold] = {}
        for column in self.columns:
            for name in column.fields:
                folds[name] = within_of(self.measurement.field(name), column)
        if self.when is not None:
            folds[self.when[0]] = Fold.LAST
        return [f"{fold}({quoted(name)}) AS {quoted(f'w_{name}')}" for name, fold in folds.items()]

    def _where(self) -> str:
        return self._narrowed(self.choose, self.only)

    def _narrowed(self, choose: tuple[Tag, ...], only: tuple[tuple[Tag, tuple[str, ...]], ...]) -> str:
        if self.span is Span.NOW:
            terms = [f"time > now() - {LOOK_BACK * INTERVAL_S[self.measurement.cadence]}s"]
        else:
            terms = ["$timeFilter"]
        for tag in choose:
            if tag in self.measurement.tags:
                terms.append(f"{quoted(tag)} =~ /^${VARIABLES[tag]}$/")
        for tag, values in only:
            either = " OR ".join(f"{quoted(tag)} = {text(value)}" for value in values)
            terms.append(f"({either})")
        return f" WHERE {' AND '.join(terms)}"

    def _group(self, tags: tuple[Tag, ...], fill: str) -> str:
        parts = ["time($__interval)"] if self.span is Span.OVER else []
        parts += [quoted(tag) for tag in tags]
        group = f" GROUP BY {', '.join(parts)}" if parts else ""
        return f"{group} fill({fill})" if self.span is Span.OVER else group

    def _fill(self) -> str:
        """Nothing happened: 0. Nothing known: nothing, and the line breaks."""
        plain = all(self._is_delta(column) and not column.per for column in self.columns)
        return "0" if plain else "none"


def _select(what: list[str], source: str, rest: str) -> str:
    return " ".join(("SELECT", ", ".join(what), "FROM", source)) + rest


def within_of(field: Field, column: Column) -> Fold:
    """Return how a column folds a field over time."""
    if column.within is not None:
        return column.within
    return Fold.SUM if field.how is How.DELTA else Fold.LAST


def _expression(fold: Fold, name: str, per: Sequence[str], called: str) -> str:
    figure = f"{fold}({quoted(name)})"
    if per:
        figure = f"{figure} / ({' + '.join(f'{fold}({quoted(one)})' for one in per)})"
    return f"{figure} AS {quoted(called)}"


def quoted(name: str) -> str:
    """Return a name as an identifier of InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value: str) -> str:
    """Return a text as a literal of InfluxQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def tag_values(measurement: Measurement, tag: Tag, *, within: tuple[Tag, ...] = ()) -> str:
    """Return the question for the values of a tag, narrowed by the variables of other tags. Raises `ValueError`."""
    for one in (tag, *within):
        if one not in measurement.tags:
            raise ValueError(f"{measurement.name}: no tag {one}; it has {', '.join(measurement.tags)}")
    terms = " AND ".join(f"{quoted(one)} =~ /^${VARIABLES[one]}$/" for one in within)
    where = f" WHERE {terms}" if terms else ""
    return f"SHOW TAG VALUES FROM {quoted(measurement.name)} WITH KEY = {quoted(tag)}{where}"


_MACRO: Final = re.compile(r"\$(?:timeFilter|__interval|[a-z]+)")


def macros_of(influxql: str) -> frozenset[str]:
    """Return the macros and variables in a question, without their dollar."""
    return frozenset(found[0][1:] for found in _MACRO.finditer(influxql))
