"""All of it, put together: what `push` brings to a Grafana, and the files that a Grafana reads by itself. Pure.

The same code gives the same bytes: no instant, no random uid, sorted keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from dashboards.alerts import EVERY_S, GROUP, RULES, RUNBOOKS, SOURCE_UID, group_json, rule_json
from dashboards.artefact import Artefact, Kind, canonical, stamped_board
from dashboards.boards import chain, devices, loss, orders, pipeline, replenishment, stock_truth
from dashboards.boards.names import ALL
from dashboards.frame import Board, board_json
from dashboards.target import SOURCE_TYPE

BOARDS: Final[tuple[Board, ...]] = (
    chain.BOARD,
    replenishment.BOARD,
    stock_truth.BOARD,
    orders.BOARD,
    loss.BOARD,
    devices.BOARD,
    pipeline.BOARD,
)
"""Every board, in the order in which they link to each other."""

FOLDER_UID: Final = "lastunit"
FOLDER_TITLE: Final = "Last Unit"
SOURCE_NAME: Final = "Last Unit"

_BOARDS_PATH: Final = "/etc/grafana/lastunit/boards"
"""Where Grafana finds the boards when it reads files: `deploy/grafana/boards` is mounted there."""


@dataclass(frozen=True, slots=True)
class Series:
    """The InfluxDB that Grafana asks, as Grafana reaches it. Version 1 has a user and password, 2 and 3 a token."""

    url: str
    database: str = "lastunit"
    user: str = ""
    password: str = ""
    token: str = ""


def boards_json() -> dict[str, dict[str, Any]]:
    """Return every board by its uid, with its stamp."""
    return {board.uid: stamped_board(board_json(board, ALL)) for board in BOARDS}


def artefacts(series: Series | None, runbooks: str = RUNBOOKS) -> list[Artefact]:
    """Return what a Grafana is to have. Without `series` its data source is left as it is."""
    found = [Artefact(Kind.FOLDER, FOLDER_UID, FOLDER_TITLE, {"title": FOLDER_TITLE})]
    if series is not None:
        found.append(Artefact(Kind.DATA_SOURCE, SOURCE_UID, SOURCE_NAME, source_json(series)))
    found += [Artefact(Kind.BOARD, uid, str(body["title"]), body, FOLDER_UID) for uid, body in boards_json().items()]
    return [*found, Artefact(Kind.RULE_GROUP, GROUP, GROUP, group_json(FOLDER_UID, runbooks), FOLDER_UID)]


def source_json(series: Series) -> dict[str, Any]:
    """Return the data source as Grafana's HTTP API takes it."""
    settings: dict[str, Any] = {"dbName": series.database, "httpMode": "POST", "version": "InfluxQL"}
    secrets: dict[str, str] = {}
    if series.token:
        settings["httpHeaderName1"] = "Authorization"
        secrets["httpHeaderValue1"] = f"Token {series.token}"
    if series.password:
        secrets["password"] = series.password
    body = {
        "uid": SOURCE_UID,
        "name": SOURCE_NAME,
        "type": SOURCE_TYPE,
        "access": "proxy",
        "url": series.url,
        "user": series.user,
        "jsonData": settings,
    }
    return body | ({"secureJsonData": secrets} if secrets else {})


def files(runbooks: str = RUNBOOKS) -> dict[str, bytes]:
    """Return the files for a Grafana that reads its things by itself, by their paths below a folder."""
    found = {f"boards/{uid.removeprefix('lastunit-')}.json": canonical(body) for uid, body in boards_json().items()}
    found["provisioning/dashboards/lastunit.yaml"] = _yaml(_PROVIDER)
    found["provisioning/datasources/lastunit.yaml"] = _yaml(_SOURCE)
    found["provisioning/alerting/lastunit.yaml"] = _yaml(_rules(runbooks))
    return found


_PROVIDER: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "lastunit",
            "folder": FOLDER_TITLE,
            "folderUid": FOLDER_UID,
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": _BOARDS_PATH},
        }
    ],
}

_SOURCE: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "datasources": [
        {
            "uid": SOURCE_UID,
            "name": SOURCE_NAME,
            "type": SOURCE_TYPE,
            "access": "proxy",
            "url": "$LASTUNIT_SERIES_URL",
            "user": "$LASTUNIT_SERIES_USER",
            "jsonData": {"dbName": "$LASTUNIT_SERIES_DATABASE", "httpMode": "POST", "version": "InfluxQL"},
            "secureJsonData": {"password": "$__file{/run/secrets/lastunit_series_password}"},
        }
    ],
}


def _rules(runbooks: str) -> dict[str, Any]:
    """Return the rules in the shape of Grafana's files, which differs from its HTTP API's."""
    not_in_files = {"ruleGroup", "folderUID"}
    rules = [
        {key: value for key, value in rule_json(rule, FOLDER_UID, runbooks).items() if key not in not_in_files}
        for rule in RULES
    ]
    group = {"orgId": 1, "name": GROUP, "folder": FOLDER_TITLE, "interval": f"{EVERY_S}s", "rules": rules}
    return {"apiVersion": 1, "groups": [group]}


def _yaml(body: Mapping[str, Any]) -> bytes:
    head = "# Made by `lastunit dashboards build`: change dashboards/, then build again.\n"
    return (head + yaml.safe_dump(dict(body), sort_keys=True, allow_unicode=True, width=110)).encode()
