"""The key figures are those that the Grafana boards put first: same figure, same levels."""

from typing import Any

import pytest

from dashboards.build import BOARDS
from dashboards.influxql import Question as BoardQuestion
from dashboards.influxql import Span
from gateway.figures.key_figure import KeyFigure, Level, Levels, less_is_better, more_is_better, none_is_good
from gateway.figures.key_figures import GROUPS, KEY_FIGURES
from wire.measurement import How

FIRST: list[tuple[BoardQuestion, Any]] = [
    (panel.questions[0], panel.builder.build()) for board in BOARDS for panel in board.sections[0].panels
]
"""Panels of the first section of each board. The same title stands on several: of one store, and of the chain."""


def as_asked(question: BoardQuestion) -> tuple[Any, ...]:
    (column,) = question.columns
    return question.measurement.name, column.field, column.across.value, column.per, question.only, question.when


def as_ours(figure: KeyFigure) -> tuple[Any, ...]:
    own = figure.question
    when = None if own.equals is None else (own.field, own.equals)
    return own.measurement.name, own.field, own.fold.value, (own.per,) if own.per else (), own.only, when


def steps(levels: Levels) -> list[float | None]:
    return [None, levels.act, levels.look] if levels.more else [None, levels.look, levels.act]


@pytest.mark.parametrize("figure", KEY_FIGURES, ids=lambda figure: figure.id)
def test_it_is_the_figure_of_a_board(figure: KeyFigure) -> None:
    same = [(question, panel) for question, panel in FIRST if panel.title == figure.title]
    assert as_ours(figure) in [as_asked(question) for question, _ in same]
    question, panel = next(pair for pair in same if as_asked(pair[0]) == as_ours(figure))
    assert figure.in_a_day == (question.span is Span.TOTAL) == (figure.question.of.how is How.DELTA)
    assert [step.value for step in panel.field_config.defaults.thresholds.steps] == steps(figure.levels)
    words = {
        number: result.text
        for mapping in panel.field_config.defaults.mappings
        if isinstance(getattr(mapping, "options", None), dict)
        for number, result in mapping.options.items()
    }
    if figure.levels.none:
        assert words["0"] == figure.levels.none


def test_they_can_be_told_apart_and_say_what_to_do() -> None:
    assert len({figure.id for figure in KEY_FIGURES}) == len({figure.title for figure in KEY_FIGURES}) == 16
    assert {figure.group for figure in KEY_FIGURES} == set(GROUPS)
    for figure in KEY_FIGURES:
        assert figure.said.endswith(".")
        assert figure.todo.endswith(".")
        assert figure.question.measurement.of_site, "a key of one store sees it"
        assert set(figure.by) <= set(figure.question.measurement.tags)


@pytest.mark.parametrize(
    ("levels", "values"),
    [
        (none_is_good(10), [(0, "good"), (1, "look"), (9, "look"), (10, "act"), (None, "unknown")]),
        (none_is_good(1), [(0, "good"), (1, "act")]),
        (less_is_better(60, 600), [(59.9, "good"), (60, "look"), (599, "look"), (600, "act")]),
        (more_is_better(0.95, 0.9), [(0.95, "good"), (0.949, "look"), (0.9, "look"), (0.899, "act"), (0, "act")]),
    ],
)
def test_levels(levels: Levels, values: list[tuple[float | None, str]]) -> None:
    assert [levels.of(value) for value, _ in values] == [Level(name) for _, name in values]


def test_0_is_a_word_where_nothing_is_good() -> None:
    assert [none_is_good(3, "all up").word(value) for value in (0, 1, None)] == ["all up", "", ""]
    assert less_is_better(1, 2).word(0) == ""
