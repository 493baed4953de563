"""Boards and rules as Grafana reads them: by its published schemas, and by what a person needs to see."""

import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dashboards.alerts import GROUP, RULES, RUNBOOKS, group_json, rule_json
from dashboards.boards.names import ALL
from dashboards.build import BOARDS, FOLDER_UID, Series, artefacts, boards_json, files, source_json
from dashboards.frame import COLUMNS, Board
from dashboards.influxql import VARIABLES, Column, Fold, Question, Span, macros_of, quoted, text
from wire.measurement import Tag, Unit
from wire.measurements import BACKLOG, CATALOGUE, DEVICE, EVENT, FLOOR, TASK_FLOW

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "data" / "grafana"


ANY = (("MatcherConfig", "options"), ("DynamicConfigValue", "value"))
"""What Grafana's kind leaves open (`_` in its dashboard_spec.cue: any value), and the schema that is made of it narrows
to an object. So it refuses the override of a column by its name, or its unit, which are texts: the SDK's own
`override_by_name` makes them."""


def validator(name: str, definition: str) -> Draft7Validator:
    schema = json.loads((SCHEMAS / f"{name}.jsonschema.json").read_text())
    for kind, key in ANY if name == "dashboard" else ():
        narrowed = schema["definitions"][kind]["properties"][key]
        assert narrowed["type"] == "object", "the schema is mended: take this out"
        assert narrowed["additionalProperties"] == {}
        del narrowed["type"]
    return Draft7Validator({**schema, "$ref": f"#/definitions/{definition}"})


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


MADE = boards_json()
BY_TITLE = pytest.mark.parametrize("board", MADE.values(), ids=[board["title"] for board in MADE.values()])


@BY_TITLE
def test_a_board_has_no_error_by_grafanas_schema(board: dict[str, Any]) -> None:
    errors = [
        f"{list(error.path)}: {error.message[:200]}" for error in validator("dashboard", "Dashboard").iter_errors(board)
    ]
    assert errors == []


def _unknown_key(board: dict[str, Any]) -> None:
    board["pannels"] = []


def _wrong_title(board: dict[str, Any]) -> None:
    board["panels"][0]["title"] = 7


def _unknown_panel_key(board: dict[str, Any]) -> None:
    board["panels"][0]["thresholds"] = []


def _wrong_refresh(board: dict[str, Any]) -> None:
    board["templating"]["list"][1]["refresh"] = "often"


@pytest.mark.parametrize("spoil", [_unknown_key, _wrong_title, _unknown_panel_key, _wrong_refresh])
def test_a_planted_mistake_is_found(spoil: Callable[[dict[str, Any]], None]) -> None:
    board = copy.deepcopy(MADE["lastunit-replenishment"])
    spoil(board)
    assert list(validator("dashboard", "Dashboard").iter_errors(board))


def test_rules_have_no_error_by_grafanas_schema() -> None:
    rules = [rule | {"orgID": 1} for rule in group_json(FOLDER_UID)["rules"]]  # Grafana sets the organisation itself
    group = validator("alerting", "RuleGroup")
    assert [error.message for error in group.iter_errors(group_json(FOLDER_UID) | {"rules": rules})] == []
    rules[0]["noDataState"] = "Fine"
    assert list(group.iter_errors(group_json(FOLDER_UID) | {"rules": rules}))


@BY_TITLE
def test_panels_lie_side_by_side_and_none_over_another(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in panels(board)]
    assert len(set(ids)) == len(ids)
    taken: dict[tuple[int, int], int] = {}
    for panel in panels(board):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["id"]) == panel["id"], panel["title"]


@BY_TITLE
def test_the_first_screen_says_whether_to_act(board: dict[str, Any]) -> None:
    first = [panel for panel in board["panels"] if panel["gridPos"]["y"] == 0]
    assert {panel["type"] for panel in first} == {"stat"}
    assert sum(panel["gridPos"]["w"] for panel in first) == COLUMNS
    assert sum(bool(re.search(r"Act:|defect|runbook|: no store", panel["description"])) for panel in first) >= 2


@BY_TITLE
def test_every_panel_says_what_it_is_and_what_no_data_is(board: dict[str, Any]) -> None:
    for panel in panels(board):
        if panel["type"] == "row":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) > 10, panel["title"]
        assert defaults["noValue"], panel["title"]
        assert panel["datasource"]["uid"] == "${source}"
        if panel["type"] in {"stat", "timeseries", "bargauge"}:
            assert defaults["unit"], panel["title"]
            assert defaults["thresholds"]["steps"], panel["title"]


def test_colour_is_never_the_only_sign() -> None:
    """What is coloured has its number and unit, or a word."""
    for board in MADE.values():
        for panel in panels(board):
            defaults = panel.get("fieldConfig", {}).get("defaults", {})
            if panel["type"] == "stat":
                assert panel["options"]["textMode"] == "value"
            for mapping in defaults.get("mappings", []):
                results = (
                    [mapping["options"].get("result")] if mapping["type"] == "special" else mapping["options"].values()
                )
                assert all(result["text"] for result in results), panel["title"]


def test_links_lead_to_boards_that_there_are() -> None:
    text_of_all = json.dumps(list(MADE.values()))
    assert set(re.findall(r'"/d/([a-z-]+)', text_of_all)) == {uid for uid, _ in ALL} == set(MADE)
    assert {board.uid for board in BOARDS} == set(MADE)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.title)
def test_a_question_uses_only_variables_that_its_board_has(board: Board) -> None:
    there = {VARIABLES[tag] for tag in board.choose} | {"timeFilter", "__interval"}
    for panel in board.panels:
        for question in panel.questions:
            missing = macros_of(question.influxql()) - there
            assert not missing - {VARIABLES[tag] for tag in question.choose}, panel
            assert not missing, (board.title, question.measurement.name)


def asked_for() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for board in BOARDS:
        for panel in board.panels:
            for question in panel.questions:
                found[question.measurement.name] |= question.fields()
    for rule in RULES:
        found[rule.question.measurement.name] |= rule.question.fields()
    found[EVENT.name] |= {"title", "detail", "events"}  # the annotations of every board
    return found


def test_every_figure_that_is_written_is_on_a_board_and_the_reverse() -> None:
    there = {name: set(measurement.by_name) for name, measurement in CATALOGUE.items()}
    assert asked_for() == there


def test_a_figure_that_the_gateway_does_not_write_can_not_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"floor: no field shwon; it has availability"):
        Question(FLOOR, (Column("shwon", "x"),), Span.NOW)
    with pytest.raises(ValueError, match=r"floor: no tag zone; it has site, department"):
        Question(FLOOR, (Column("shown", "x"),), Span.NOW, by=(Tag.ZONE,))
    with pytest.raises(ValueError, match=r"task_flow.done: a delta has no newest value"):
        Question(TASK_FLOW, (Column("done", "x"),), Span.NOW)
    with pytest.raises(ValueError, match=r"task_flow.done: deltas are added up"):
        Question(TASK_FLOW, (Column("done", "x", Fold.MAX),), Span.OVER)
    with pytest.raises(ValueError, match=r"backlog.open: a gauge is not folded by sum over time"):
        Question(BACKLOG, (Column("open", "x", within=Fold.SUM),), Span.NOW)
    with pytest.raises(ValueError, match=r"event.title: a text"):
        Question(EVENT, (Column("title", "x", within=Fold.LAST),), Span.NOW)
    with pytest.raises(ValueError, match="no column"):
        Question(FLOOR, (), Span.NOW)


def test_names_and_texts_are_quoted() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    assert text("it's") == "'it\\'s'"


def test_states_have_their_words_and_the_worst_is_red() -> None:
    board = MADE["lastunit-devices"]
    timeline = next(panel for panel in panels(board) if panel["type"] == "state-timeline")
    words = timeline["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert [words[str(number)]["text"] for number in DEVICE.field("up").words] == list(
        DEVICE.field("up").words.values()
    )
    assert words["0"]["color"] == "dark-red"
    assert DEVICE.field("up").unit is Unit.STATE


def test_a_count_of_things_in_a_state_is_a_number_and_no_state() -> None:
    board = MADE["lastunit-devices"]
    down = next(panel for panel in panels(board) if panel["title"] == "Devices down")
    values = [one["options"] for one in down["fieldConfig"]["defaults"]["mappings"] if one["type"] == "value"]
    assert [[result["text"] for result in one.values()] for one in values] == [["all up"]]


# -- rules


def test_every_rule_has_its_runbook_and_every_runbook_its_rule() -> None:
    there = {path.stem for path in (ROOT / RUNBOOKS).glob("*.md")} - {"README"}
    assert there == {rule.name for rule in RULES}
    for rule in RULES:
        page = (ROOT / RUNBOOKS / f"{rule.name}.md").read_text()
        assert rule.title in page.splitlines()[0]
        for part in ("## What it means", "## First look", "## What to do", "## When it is over"):
            assert part in page, rule.name


def test_a_rule_names_its_runbook_where_somebody_serves_it() -> None:
    rule = rule_json(RULES[0], FOLDER_UID, "https://wiki.example.com/runbooks/")
    assert rule["annotations"]["runbook_url"] == "https://wiki.example.com/runbooks/blind-zone.md"


def test_only_the_rule_of_silence_fires_without_data() -> None:
    assert [rule.name for rule in RULES if rule.silence_is_bad] == ["lag"]


# -- built


def test_a_build_is_the_same_bytes_each_time_and_is_what_is_deployed() -> None:
    made = files()
    assert made == files()
    there = ROOT / "deploy" / "grafana"
    found = {path.relative_to(there).as_posix(): path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert found.keys() == made.keys(), "mend: lastunit dashboards build --out deploy/grafana"
    assert [name for name in made if found[name] != made[name]] == [], (
        "mend: lastunit dashboards build --out deploy/grafana"
    )


def test_without_a_server_of_series_the_data_source_is_left_as_it_is() -> None:
    assert {one.kind.word for one in artefacts(None)} == {"folder", "board", "rule group"}
    assert [one.uid for one in artefacts(None) if one.kind.word == "rule group"] == [GROUP]


def test_a_data_source_of_each_version_of_influxdb() -> None:
    old = source_json(Series("http://influx:8086", user="grafana", password="hush"))
    assert old["secureJsonData"] == {"password": "hush"}
    assert old["user"] == "grafana"
    new = source_json(Series("http://influx:8086", token="t0ken"))
    assert new["jsonData"]["httpHeaderName1"] == "Authorization"
    assert new["secureJsonData"] == {"httpHeaderValue1": "Token t0ken"}
    assert "secureJsonData" not in source_json(Series("http://influx:8086"))
