"""Every question of every board and rule, asked of a real InfluxDB: rows come back, of the expected shape."""

import re
import time
from typing import Any

import pytest

from dashboards.alerts import RULES, Rule
from dashboards.boards.names import ALL
from dashboards.build import BOARDS
from dashboards.frame import Board, board_json
from dashboards.influxql import VARIABLES, Question, Span, macros_of
from tests.dashboards.seeded import MINUTES
from tests.servers.influxdb import InfluxDb
from wire.measurement import How

ASKED = [
    pytest.param(question, id=f"{board.title}-{number}-{question.measurement.name}")
    for board in BOARDS
    for number, question in enumerate(question for panel in board.panels for question in panel.questions)
]


def asked(text: str, *, minutes: int = MINUTES) -> str:
    """Put in what Grafana puts in: the time of the board, the step, and all values of each variable."""
    text = text.replace("$timeFilter", f"time >= now() - {minutes}m AND time <= now()").replace("$__interval", "60s")
    for name in VARIABLES.values():
        text = text.replace(f"/^${name}$/", "/^.*$/")
    assert not macros_of(text), text
    return text


def fresh(series: InfluxDb, question: Question) -> None:
    """Newest values are looked for some seconds back only: write those of now again when the test came late."""
    from gateway.series.line_protocol import encode
    from tests.dashboards.seeded import seeded

    if question.span is Span.NOW:
        now_us = time.time_ns() // 1_000
        newest = [point for point in seeded(now_us) if point.at_us == now_us]
        series.write(encode(point for point in newest if point.series.measurement is question.measurement))


@pytest.mark.parametrize("question", ASKED)
def test_a_question_brings_rows_of_the_expected_shape(series: InfluxDb, question: Question) -> None:
    fresh(series, question)
    found = series.query(asked(question.influxql()))
    assert found, question.influxql()
    for one in found:
        assert one["columns"] == ["time", *(column.name for column in question.columns)]
        assert set(one.get("tags", {})) == {str(tag) for tag in question.by}
        for row in one["values"]:
            assert all(value is None or isinstance(value, int | float | bool) for value in row)
    filled = [value for one in found for row in one["values"] for value in row[1:] if value is not None]
    assert filled
    if question.span is Span.OVER:
        assert max(len(one["values"]) for one in found) > 1
    else:
        assert all(len(one["values"]) == 1 for one in found)


def test_a_sum_over_series_is_of_their_newest_values_and_not_of_all_points(series: InfluxDb) -> None:
    question = next(
        question
        for board in BOARDS
        for panel in board.panels
        for question in panel.questions
        if question.measurement.name == "floor" and question.columns[0].field == "behind" and question.span is Span.NOW
    )
    fresh(series, question)
    rows = series.query('SELECT last("behind") FROM "floor" GROUP BY "site", "department"')
    newest = [row["values"][0][1] for row in rows]
    assert len(newest) > 1
    assert series.query(asked(question.influxql()))[0]["values"][0][1] == sum(newest)


def test_shares_are_shares(series: InfluxDb) -> None:
    for board in BOARDS:
        for question in (question for panel in board.panels for question in panel.questions):
            column = question.columns[0]
            kinds = {question.measurement.field(name).unit for name in column.fields}
            if column.per and len(kinds) == 1 and column.field in column.per:
                fresh(series, question)
                rows = series.query(asked(question.influxql()))
                values = [row[1] for one in rows for row in one["values"] if row[1] is not None]
                assert all(0 <= value <= 1 for value in values), question.influxql()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.title)
def test_variables_offer_what_is_there_and_annotations_read(series: InfluxDb, board: Board) -> None:
    made: dict[str, Any] = board_json(board, ALL)
    for variable in made["templating"]["list"]:
        if variable["type"] == "query":
            values = [row[1] for one in series.query(asked(variable["query"])) for row in one["values"]]
            assert values, variable["name"]
    texts = [series.query(asked(one["target"]["query"])) for one in made["annotations"]["list"]]
    assert any(texts)
    shown = next(found for found in texts if found)
    assert shown[0]["columns"] == ["time", "title", "detail"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_has_one_series_for_each_thing_that_it_names(series: InfluxDb, rule: Rule) -> None:
    fresh(series, rule.question)
    found = series.query(asked(rule.question.influxql(), minutes=rule.window_s // 60))
    assert found
    named = set(re.findall(r"\$labels\.(\w+)", rule.says))
    assert named
    for one in found:
        assert named <= set(one["tags"])
        assert len(one["values"]) == 1
        assert isinstance(one["values"][0][1], int | float)


def test_a_rule_asks_nothing_that_a_person_would_have_to_choose() -> None:
    for rule in RULES:
        assert macros_of(rule.question.influxql()) <= {"timeFilter"}, rule.name
        field = rule.question.measurement.field(rule.question.columns[0].field)
        assert (field.how is How.DELTA) == (rule.question.span is Span.TOTAL)
