"""Key figures and lines as answers."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from gateway.clock import iso, iso_or_none
from gateway.figures.desk import Answer, KeyFigures, Told
from gateway.figures.key_figure import WORST_FIRST, KeyFigure, Level
from gateway.figures.key_figures import GROUPS
from gateway.figures.limits import LINES_MAX
from gateway.figures.question import Fold, Key, Line, Question

LevelName: TypeAlias = Literal["act", "look", "good", "unknown"]
"""`gateway.figures.key_figure.Level`, spelt out for the document."""

FoldName: TypeAlias = Literal["sum", "mean", "min", "max", "count"]
"""`gateway.figures.question.Fold`, spelt out for the document."""


class FigureRow(msgspec.Struct, frozen=True):
    """One key figure. `value` null: not known, or nothing to measure. `word` stands instead of the number, if any.

    `level`: whether somebody has to act; of several sites that of the worst, which is `worst`. `look` and `act`: from
    where on; `more`: below them instead of above. `line` and `detail`: what to ask of `GET /v1/series` for it over
    time, as one line and told apart.
    """

    id: str
    group: str
    title: str
    said: str
    todo: str
    value: float | None
    unit: str
    level: LevelName
    word: str
    worst: str
    look: float
    act: float
    more: bool
    line: dict[str, str]
    detail: dict[str, str]


class FigureCell(msgspec.Struct, frozen=True):
    """One figure of one site."""

    value: float | None
    level: LevelName
    word: str


class FigureSite(msgspec.Struct, frozen=True):
    """One site: its worst level (`unknown`: nothing is written of it now), and its figures by `id`."""

    site: str
    name: str
    level: LevelName
    figures: dict[str, FigureCell]


class FigureBoard(msgspec.Struct, frozen=True):
    """Key figures. `as_of`: the newest point behind them, null when nothing was ever written."""

    now: str
    as_of: str | None
    groups: dict[str, str]
    figures: list[FigureRow]
    sites: list[FigureSite]


class SeriesLine(msgspec.Struct, frozen=True):
    """One line: the values of the tags in `by`, and a value for each step; null: not known."""

    tags: dict[str, str]
    values: list[float | None]


class SeriesAnswer(msgspec.Struct, frozen=True):
    """A figure over time: what it is, and its lines. Values begin at `from`, one each `step_s`, up to before `to`."""

    measurement: str
    field: str
    meaning: str
    unit: str
    words: dict[str, str]
    fold: FoldName
    by: list[str]
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    step_s: int
    lines: list[SeriesLine]
    left_out: int


def board(found: KeyFigures, names: Mapping[str, str], now_us: int) -> FigureBoard:
    """Return the key figures of sites with these names."""
    figures = [_row(answer) for answer in found.answers]
    groups = {name: title for name, title in GROUPS.items() if any(row.group == name for row in figures)}
    sites = [_site(site, name, found) for site, name in names.items()]
    return FigureBoard(iso(now_us), iso_or_none(found.as_of_us), groups, figures, sites)


def _row(answer: Answer) -> FigureRow:
    figure, told = answer.figure, answer.told
    levels = figure.levels
    return FigureRow(
        id=figure.id,
        group=figure.group,
        title=figure.title,
        said=figure.said,
        todo=figure.todo,
        value=told.value,
        unit=figure.question.unit.value,
        level=told.level.value,
        word=told.word,
        worst=told.worst if len(answer.by_site) > 1 and told.level in {Level.ACT, Level.LOOK} else "",
        look=levels.look,
        act=levels.act,
        more=levels.more,
        line=asked_of(figure.question),
        detail=asked_of(detail_of(figure)),
    )


def detail_of(figure: KeyFigure) -> Question:
    """Return what tells a figure apart; where it counts series of a state, the states themselves."""
    own = figure.question
    if own.fold is Fold.COUNT:
        return Question(own.measurement, own.field, Fold.MIN, by=figure.by, only=own.only)
    return Question(own.measurement, own.field, own.fold, by=figure.by, only=own.only, per=own.per)


def asked_of(question: Question) -> dict[str, str]:
    """Return the parameters of `GET /v1/series` that ask this question."""
    only = [f"{tag}:{'|'.join(values)}" for tag, values in question.only]
    asked = {
        "measurement": question.measurement.name,
        "field": question.field,
        "fold": question.fold.value,
        "by": ",".join(question.by),
        "only": only[0] if only else "",
        "per": question.per,
        "equals": "" if question.equals is None else str(question.equals),
    }
    return {name: value for name, value in asked.items() if value}


def _cell(told: Told) -> FigureCell:
    return FigureCell(told.value, told.level.value, told.word)


def _site(site: str, name: str, found: KeyFigures) -> FigureSite:
    own = {answer.figure.id: answer.by_site[site] for answer in found.answers}
    worst = min((told.level for told in own.values()), key=WORST_FIRST.index, default=Level.UNKNOWN)
    level = worst if site in found.heard else Level.UNKNOWN
    return FigureSite(site, name, level.value, {name: _cell(told) for name, told in own.items()})


def series(question: Question, found: Mapping[Key, Line], from_us: int, to_us: int, step_s: int) -> SeriesAnswer:
    """Return lines, the first `LINES_MAX` by their tags."""
    field = question.of
    keys = sorted(found)
    lines = [SeriesLine(dict(zip(map(str, question.by), key, strict=True)), found[key]) for key in keys[:LINES_MAX]]
    states = {} if question.fold is Fold.COUNT else {str(number): word for number, word in field.words.items()}
    return SeriesAnswer(
        measurement=question.measurement.name,
        field=question.field,
        meaning=field.meaning,
        unit=question.unit.value,
        words=states,
        fold=question.fold.value,
        by=[str(tag) for tag in question.by],
        start=iso(from_us),
        end=iso(to_us),
        step_s=step_s,
        lines=lines,
        left_out=len(keys) - len(lines),
    )
