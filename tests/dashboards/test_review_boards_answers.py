"""What boards answer when all is well, asked of a real InfluxDB; and pushes that meet what others made."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.alerts import RULES, lasting, rule_json
from dashboards.artefact import TAG
from dashboards.boards.names import REPLENISHMENT, way
from dashboards.build import BOARDS
from dashboards.grafana import HttpGrafana
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import Sized, step_s
from dashboards.push import Did, PushError, push
from gateway.series.line_protocol import encode
from gateway.series.point import Point, Value, point_of, series_of
from tests.dashboards.documented_grafana import TOKEN, DocumentedGrafana
from tests.dashboards.test_board_queries import asked
from tests.servers.influxdb import InfluxDb
from wire import measurements as m
from wire.measurement import INTERVAL_S, Cadence, Measurement


def point(measurement: Measurement, values: dict[str, Value], *tags: str) -> Point:
    """A point of now; its site is `s-1`, or its gateway."""
    named = dict(zip(measurement.tags, ("s-1", *tags), strict=True))
    found = point_of(series_of(measurement, named), time.time_ns() // 1_000, values)
    assert found is not None
    return found


def well() -> Iterator[Point]:
    """A store without anything to do, as the gateway writes it."""
    yield point(m.BACKLOG, {"open": 0, "overdue": 0, "oldest_s": 0.0}, "-", "check")
    yield point(m.EXCEPTIONS, {"open": 0, "acknowledged": 0, "oldest_s": 0.0}, "clone", "warning")
    yield point(m.SIZE_GAP, {"runs": 0, "oldest_s": 0.0}, "-", "core_gap")
    yield point(m.DISPOSITION, {"units": 0}, "damaged")
    yield point(m.RESERVATIONS, {"holds": 0, "units": 0, "wanting": 0, "oldest_s": 0.0}, "-", "-", "-")
    yield point(m.ZONE, {"looked": 1}, "FLOOR", "sales_floor")
    yield point(m.EDGE, {"online": 2, "outbox_oldest_s": 0.0}, "box-1")
    yield point(m.DEVICE, {"up": 4}, "box-1", "R1", "llrp")
    yield point(m.ANTENNA, {"works": 3}, "box-1", "R1", "1", "FLOOR")
    yield point(m.API, {"requests": 9, "p50_ms": 1.0}, "/v1/sites", "GET", "2xx")
    yield point(m.TASK_FLOW, {"done": 4, "took_s": 20.0}, "pick")
    yield point(m.CALIBRATION, {"asked": 4, "found": 4, "expected": 3.9}, "from_0.99")
    yield point(m.RESERVATION_FLOW, {"holds": 4, "units": 5}, "web", "pickup", "fulfilled")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with InfluxDb(tmp_path_factory.mktemp("calm")) as server:
        yield server


def panel(board: str, title: str) -> Sized:
    from dashboards.frame import _plain

    (mine,) = [one for one in BOARDS if one.title == board]
    found = [one for one in mine.panels if _plain(one.builder.build())["title"] == title]
    return found[0]


def answer(server: InfluxDb, question: Question) -> Any:
    """The only number of an answer; None: not known."""
    server.write(encode(well()))  # again: what is newest is looked for some seconds back only
    found = server.query(asked(question.influxql()))
    assert len(found) <= 1, found
    return found[0]["values"][0][1] if found else None


@pytest.mark.parametrize(
    ("board", "title"),
    [
        ("Replenishment", "Oldest refill"),
        ("Replenishment", "Overdue"),
        ("Replenishment", "Size gaps"),
        ("Replenishment", "Blind zones"),
        ("Loss and exceptions", "Critical alarms"),
        ("Loss and exceptions", "All open alarms"),
        ("Loss and exceptions", "Oldest alarm"),
        ("Loss and exceptions", "Left without a sale"),
        ("Loss and exceptions", "Not for sale"),
        ("Devices", "Edges that are not there"),
        ("Devices", "Devices down"),
        ("Devices", "Refused"),
        ("Devices", "Quiet antennas"),
        ("Availability and orders", "Without goods"),
        ("Availability and orders", "Steps overdue"),
        ("Availability and orders", "Oldest step"),
        ("Availability and orders", "Picks that failed"),
        ("Pipeline", "Server errors"),
    ],
)
def test_nothing_to_do_is_0_and_not_unknown(calm: InfluxDb, board: str, title: str) -> None:
    (question,) = panel(board, title).questions
    assert answer(calm, question) == 0


def test_shares_and_means_are_known_when_one_of_their_sums_is_0(calm: InfluxDb) -> None:
    failed = Question(m.TASK_FLOW, (Column("took_s", "mean", per=("done", "closed", "cannot")),), Span.TOTAL)
    assert answer(calm, failed) == 5.0
    got = Question(m.RESERVATION_FLOW, (Column("wanting", "share", per=("units",)),), Span.TOTAL)
    assert answer(calm, got) == 0


def test_a_0_for_want_of_series_adds_nothing_to_what_is_there(series: InfluxDb) -> None:
    from tests.dashboards.test_board_queries import fresh

    for board in BOARDS:
        for question in (one for sized in board.panels for one in sized.questions if one.zero):
            fresh(series, question)
            (found,) = series.query(asked(question.influxql()))
            plain = Question(
                *(question.measurement, question.columns, question.span),
                choose=question.choose,
                only=question.only,
                when=question.when,
            )
            rows = series.query(asked(plain.influxql()))
            expected = rows[0]["values"][0][1] if rows else 0
            assert found["values"][0][1] == pytest.approx(expected, rel=1e-6), question.influxql()


@pytest.mark.parametrize("column", [Column("open", "x", Fold.MIN), Column("open", "x", per=("claimed",))])
def test_a_question_that_cannot_be_0_for_want_of_series_is_refused(column: Column) -> None:
    with pytest.raises(ValueError, match="backlog: only one sum, count or highest value"):
        Question(m.BACKLOG, (column,), Span.NOW, zero=True)


def test_no_step_is_so_short_that_it_may_be_without_a_point() -> None:
    """Looks are taken a little late each time: every hundredth step of a minute would have none."""
    for measurement in m.CATALOGUE.values():
        gauge = next((one.name for one in measurement.fields if one.how.value == "gauge"), None)
        if gauge is not None:
            question = Question(measurement, (Column(gauge, "x", Fold.MAX),), Span.OVER, choose=())
            assert step_s(question) >= 2 * INTERVAL_S[measurement.cadence]


def test_no_line_is_a_sum_over_series_that_are_written_at_different_times() -> None:
    """Of stock by SKU only what changed is written at once: a step in which the others are not would be a fall."""
    for board in BOARDS:
        for question in (one for sized in board.panels for one in sized.questions):
            if question.measurement.cadence is Cadence.ON_CHANGE:
                assert question.span is Span.NOW, question.influxql()


def test_a_link_sets_a_variable_once() -> None:
    assert way(REPLENISHMENT).url == "/d/lastunit-replenishment?${__all_variables}&${__url_time_range}"
    chosen = way(REPLENISHMENT, "site").url
    assert "__all_variables" not in chosen
    assert chosen.count("var-site=") == 1
    assert "${source:queryparam}" in chosen


# -- push


def test_a_rule_says_its_times_as_grafana_tells_them_back() -> None:
    """Prometheus' model.Duration, which Grafana reads and writes: 300s is told as 5m, and each push would differ."""
    told = {0: "0s", 30: "30s", 120: "2m", 300: "5m", 3_600: "1h", 5_430: "1h30m30s"}
    assert {seconds: lasting(seconds) for seconds in told} == told
    assert {rule_json(rule, "f")["for"] for rule in RULES} == {"0s", "2m", "5m"}


def test_a_copy_that_somebody_made_of_a_board_is_his() -> None:
    with DocumentedGrafana() as there, HttpGrafana(there.url, TOKEN) as grafana:
        there.kept.boards["fd3k2x"] = {"uid": "fd3k2x", "title": "Mine", "tags": [TAG]}
        there.kept.boards["lastunit-old"] = {"uid": "lastunit-old", "title": "Old", "tags": [TAG]}
        report = push(grafana, [], prune=True)
    assert [(one.uid, one.did) for one in report.outcomes] == [("lastunit-old", Did.DELETED)]
    assert "fd3k2x" in there.kept.boards


def test_a_password_in_a_url_is_refused_and_not_said() -> None:
    with pytest.raises(PushError, match="expected http") as told:
        HttpGrafana("https://admin:hush@grafana.example.com", TOKEN)
    assert "hush" not in str(told.value)


def test_a_data_source_that_somebody_made_by_hand_is_said_with_the_mend() -> None:
    from dashboards.artefact import Artefact, Kind

    with DocumentedGrafana() as there, HttpGrafana(there.url, TOKEN) as grafana:
        there.kept.data_sources["by-hand"] = {"uid": "by-hand", "name": "Last Unit", "readOnly": False}
        body = {"uid": "lastunit-series", "name": "Last Unit"}
        (outcome,) = push(grafana, [Artefact(Kind.DATA_SOURCE, body["uid"], body["name"], body)]).outcomes
    assert outcome.did is Did.FAILED
    assert "rename or delete it there" in outcome.lines[0]
