"""What a push writes, what it leaves alone, and what it says, against the API as Grafana documents it."""

import copy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dashboards.artefact import TAG, Artefact, Kind, stamped_board, stamped_rule
from dashboards.grafana import HttpGrafana
from dashboards.push import Did, PushError, Report, push
from tests.dashboards.documented_grafana import TOKEN, DocumentedGrafana
from tests.servers.mosquitto import free_port

BOARD: dict[str, Any] = {
    "uid": "lastunit-refill",
    "title": "Replenishment",
    "tags": [TAG],
    "description": "What to bring now.",
    "panels": [{"id": 1, "title": "Gaps", "type": "stat"}, {"id": 2, "title": "Backlog", "type": "stat"}],
}
RULE: dict[str, Any] = {"uid": "lastunit-blind", "title": "Blind zone", "for": "5m", "annotations": {"summary": "s"}}
SOURCE = {
    "uid": "lastunit-series",
    "name": "Last Unit",
    "type": "influxdb",
    "jsonData": {"dbName": "lastunit"},
    "secureJsonData": {"password": "hush"},
}


def artefacts(board: dict[str, Any] = BOARD, rule: dict[str, Any] = RULE) -> list[Artefact]:
    group = {"title": "stock", "folderUid": "lastunit", "interval": 60, "rules": [stamped_rule(rule)]}
    return [
        Artefact(Kind.RULE_GROUP, "stock", "stock", group, "lastunit"),
        Artefact(Kind.BOARD, board["uid"], board["title"], stamped_board(board), "lastunit"),
        Artefact(Kind.DATA_SOURCE, "lastunit-series", "Last Unit", SOURCE),
        Artefact(Kind.FOLDER, "lastunit", "Last Unit", {"title": "Last Unit"}),
    ]


@pytest.fixture
def there() -> Iterator[DocumentedGrafana]:
    with DocumentedGrafana() as grafana:
        yield grafana


def pushed(
    there: DocumentedGrafana,
    wanted: list[Artefact],
    *,
    dry_run: bool = False,
    prune: bool = False,
    token: str = TOKEN,
) -> Report:
    with HttpGrafana(there.url, token) as grafana:
        return push(grafana, wanted, dry_run=dry_run, prune=prune)


def did(
    there: DocumentedGrafana, wanted: list[Artefact], *, dry_run: bool = False, prune: bool = False
) -> dict[str, Did]:
    return {one.uid: one.did for one in pushed(there, wanted, dry_run=dry_run, prune=prune).outcomes}


ALL = ("lastunit", "lastunit-series", "lastunit-refill", "stock")


def test_a_first_push_makes_all_in_the_order_of_need_and_a_second_changes_nothing(there: DocumentedGrafana) -> None:
    assert did(there, artefacts()) == dict.fromkeys(ALL, Did.MADE)
    assert [line.split(" ")[1] for line in there.kept.wrote] == [
        "/folders",
        "/datasources",
        "/dashboards/db",
        "/v1/provisioning/folder/lastunit/rule-groups/stock",
    ]
    assert there.kept.headers[-1]["X-Disable-Provenance"] == "true"
    kept = copy.deepcopy(there.kept)
    assert did(there, artefacts()) == dict.fromkeys(ALL, Did.SAME)
    assert there.kept == kept


def test_a_dry_run_says_the_same_and_writes_nothing(there: DocumentedGrafana) -> None:
    assert did(there, artefacts(), dry_run=True) == dict.fromkeys(ALL, Did.MADE)
    assert not there.kept.wrote
    did(there, artefacts())
    changed = copy.deepcopy(BOARD)
    changed["panels"][1]["title"] = "What waits"
    kept = copy.deepcopy(there.kept)
    report = pushed(there, artefacts(changed), dry_run=True)
    board = next(one for one in report.outcomes if one.kind is Kind.BOARD)
    assert board.did is Did.CHANGED
    assert 'panels[1].title: "Backlog" -> "What waits"' in board.lines
    assert there.kept == kept


def test_what_somebody_changed_by_hand_is_brought_back(there: DocumentedGrafana) -> None:
    did(there, artefacts())
    there.kept.boards["lastunit-refill"]["panels"].append({"id": 3, "title": "Mine"})
    there.kept.groups["lastunit", "stock"]["rules"][0]["for"] = "1h"
    there.kept.data_sources["lastunit-series"]["jsonData"] = {"dbName": "other"}
    there.kept.folders["lastunit"]["title"] = "Old"
    assert did(there, artefacts()) == dict.fromkeys(ALL, Did.CHANGED)
    assert did(there, artefacts()) == dict.fromkeys(ALL, Did.SAME)
    assert len(there.kept.boards["lastunit-refill"]["panels"]) == len(BOARD["panels"])


def test_a_key_that_we_drop_is_a_change_though_grafana_has_keys_of_its_own(there: DocumentedGrafana) -> None:
    did(there, artefacts())
    fewer, calmer = copy.deepcopy(BOARD), {key: value for key, value in RULE.items() if key != "for"}
    del fewer["panels"][0]["type"]
    assert did(there, artefacts(fewer, calmer)) == {
        "lastunit": Did.SAME,
        "lastunit-series": Did.SAME,
        "lastunit-refill": Did.CHANGED,
        "stock": Did.CHANGED,
    }
    assert "type" not in there.kept.boards["lastunit-refill"]["panels"][0]


def test_a_board_in_another_folder_is_brought_home(there: DocumentedGrafana) -> None:
    did(there, artefacts())
    there.kept.board_folder["lastunit-refill"] = "elsewhere"
    assert did(there, artefacts())["lastunit-refill"] is Did.CHANGED
    assert there.kept.board_folder["lastunit-refill"] == "lastunit"


def test_boards_that_we_no_longer_have_are_named_and_deleted_when_asked(there: DocumentedGrafana) -> None:
    did(there, artefacts())
    there.kept.boards["lastunit-old"] = {"uid": "lastunit-old", "title": "Old", "tags": [TAG]}
    there.kept.boards["theirs"] = {"uid": "theirs", "title": "Theirs", "tags": ["sales"]}
    assert did(there, artefacts())["lastunit-old"] is Did.LEFT_OVER
    assert did(there, artefacts(), dry_run=True, prune=True)["lastunit-old"] is Did.DELETED
    assert "lastunit-old" in there.kept.boards
    assert did(there, artefacts(), prune=True)["lastunit-old"] is Did.DELETED
    assert set(there.kept.boards) == {"lastunit-refill", "theirs"}


def test_one_thing_that_is_refused_costs_itself_only(there: DocumentedGrafana) -> None:
    there.broken["POST /datasources"] = 403
    report = pushed(there, artefacts())
    failed = {one.uid: one.lines[0] for one in report.outcomes if one.did is Did.FAILED}
    assert list(failed) == ["lastunit-series"]
    assert "role Admin" in failed["lastunit-series"]
    assert report.failed
    assert report.count(Did.MADE) == len(ALL) - 1


def test_without_its_folder_nothing_is_tried_in_it(there: DocumentedGrafana) -> None:
    there.kept.folders["theirs"] = {"uid": "theirs", "title": "Last Unit", "version": 1}
    outcomes = {one.uid: one for one in pushed(there, artefacts()).outcomes}
    assert outcomes["lastunit"].did is Did.FAILED
    assert "somebody else has a thing of this name" in outcomes["lastunit"].lines[0]
    assert outcomes["lastunit-refill"].lines == ("its folder lastunit could not be made",)
    assert outcomes["lastunit-series"].did is Did.MADE


def test_a_board_from_a_file_of_that_grafana_is_left_to_the_file(there: DocumentedGrafana) -> None:
    there.kept.provisioned.add("lastunit-refill")
    outcomes = {one.uid: one for one in pushed(there, artefacts()).outcomes}
    assert "change the file" in outcomes["lastunit-refill"].lines[0]


def test_a_secret_is_sent_and_never_said(there: DocumentedGrafana) -> None:
    report = pushed(there, artefacts(), dry_run=True)
    assert "hush" not in "\n".join(map(str, report.outcomes))


def test_grafana_behind_a_path() -> None:
    with DocumentedGrafana("/graphs") as there:
        assert did(there, artefacts()) == dict.fromkeys(ALL, Did.MADE)
        with HttpGrafana(there.url + "/", TOKEN) as grafana:
            assert grafana.version() == "12.4.0"


def test_a_token_that_is_not_known_ends_the_push_with_the_mend(there: DocumentedGrafana) -> None:
    with pytest.raises(PushError, match=r"401: Invalid API key; the token is not known there: make one"):
        pushed(there, artefacts(), token="wrong")


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://x", "https://", "http://admin:admin@host"])
def test_a_url_that_is_none_of_a_grafana_is_named(url: str) -> None:
    with pytest.raises(PushError, match="expected http"):
        HttpGrafana(url, TOKEN)


def version_at(port: int) -> str:
    with HttpGrafana(f"http://127.0.0.1:{port}", TOKEN) as grafana:
        return grafana.version()


def test_nobody_there() -> None:
    with pytest.raises(PushError, match="is Grafana there"):
        version_at(free_port())


class Page(BaseHTTPRequestHandler):
    """Somebody else's page, whatever it is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: object) -> None:
        pass


def test_somebody_else_there() -> None:
    with HTTPServer(("127.0.0.1", 0), Page) as other:
        teller = threading.Thread(target=other.handle_request)
        teller.start()
        with pytest.raises(PushError, match="does not answer as Grafana does"):
            version_at(other.server_port)
        teller.join()
