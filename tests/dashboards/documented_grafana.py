"""The part of Grafana's HTTP API that `push` uses, as Grafana's documentation writes it down. It is no Grafana.

Sources: Grafana documentation v12.4, "HTTP API": Folder, Dashboard, Data source, Alerting provisioning,
Folder/dashboard search, Other (health). Status codes, messages and the fields that Grafana adds are those of the
documents' examples.
What an answer says it keeps: what is written can be read back, names are unique where Grafana's are, versions count up.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_of-the-test"


class _Answer(Exception):  # noqa: N818
    """An answer that is no success."""

    def __init__(self, code: int, message: str, status: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.body = {"message": message} | ({"status": status} if status else {})


@dataclass
class Kept:
    """What this Grafana has."""

    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    board_folder: dict[str, str] = field(default_factory=dict)
    data_sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    wrote: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ids: int = 0

    def new_id(self) -> int:
        self.ids += 1
        return self.ids


class DocumentedGrafana:
    """Answers on a port of its own. `with DocumentedGrafana() as grafana: grafana.url`."""

    def __init__(self, prefix: str = "") -> None:
        self.kept = Kept()
        self.broken: dict[str, int] = {}
        self._prefix = prefix
        there = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                try:
                    code, told = 200, there.answer(self.command, self.path, dict(self.headers), body)
                except _Answer as answer:
                    code, told = answer.code, answer.body
                text = json.dumps(told).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}"

    def answer(self, method: str, target: str, headers: dict[str, str], body: Any) -> Any:
        """Return the JSON of a success."""
        parts = urlsplit(target)
        path = parts.path.removeprefix(f"{self._prefix}/api")
        if path == parts.path:
            raise _Answer(404, f"Not found: {target}")
        if path != "/health" and headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Answer(401, "Invalid API key")
        for name, code in self.broken.items():
            if name in f"{method} {path}":
                raise _Answer(code, "You'll need additional permissions to perform this action")
        if method != "GET":
            self.kept.wrote.append(f"{method} {path}")
            self.kept.headers.append(headers)
        return _route(self.kept, method, path)(parse_qs(parts.query), body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


_Does = Callable[[dict[str, list[str]], Any], Any]


def _route(kept: Kept, method: str, path: str) -> _Does:
    words = [unquote(word) for word in path.strip("/").split("/")]
    match method, words:
        case "GET", ["health"]:
            return lambda _query, _body: {"database": "ok", "version": "12.4.0", "commit": "-"}
        case "GET", ["search"]:
            return lambda query, _body: _searched(kept, query)
        case _, ["folders", *rest]:
            return lambda _query, body: _folder(kept, method, rest, body)
        case _, ["datasources", *rest]:
            return lambda _query, body: _data_source(kept, method, rest, body)
        case _, ["dashboards", *rest]:
            return lambda _query, body: _board(kept, method, rest, body)
        case _, ["v1", "provisioning", "folder", folder, "rule-groups", group]:
            return lambda _query, body: _group(kept, method, (folder, group), body)
    raise _Answer(404, f"Not found: {method} {path}")


def _searched(kept: Kept, query: dict[str, list[str]]) -> list[dict[str, Any]]:
    tags = set(query.get("tag", []))
    return [
        {"uid": uid, "title": board["title"], "type": "dash-db", "tags": board.get("tags", [])}
        for uid, board in kept.boards.items()
        if tags <= set(board.get("tags", []))
    ]


def _folder(kept: Kept, method: str, rest: list[str], body: Any) -> Any:
    if method == "POST":
        if any(folder["title"] == body["title"] for folder in kept.folders.values()):
            raise _Answer(412, "a folder with the same name already exists", "name-exists")
        if body["uid"] in kept.folders:
            raise _Answer(409, "a folder with the same uid already exists")
        kept.folders[body["uid"]] = {"id": kept.new_id(), "version": 1, "canSave": True, "hasAcl": False, **body}
        return kept.folders[body["uid"]]
    folder = kept.folders.get(rest[0])
    if folder is None:
        raise _Answer(404, "Folder not found", "not-found")
    if method == "PUT":
        if not body.get("overwrite") and body.get("version") != folder["version"]:
            raise _Answer(412, "The folder has been changed by someone else", "version-mismatch")
        folder |= {"title": body["title"], "version": folder["version"] + 1}
    return folder


def _data_source(kept: Kept, method: str, rest: list[str], body: Any) -> Any:
    if method == "POST":
        if any(one["name"] == body["name"] for one in kept.data_sources.values()):
            raise _Answer(409, "data source with the same name already exists")
        shown = {key: value for key, value in body.items() if key != "secureJsonData"}
        secret = {"secureJsonFields": dict.fromkeys(body.get("secureJsonData", {}), True)}
        kept.data_sources[body["uid"]] = {"id": kept.new_id(), "version": 1, "readOnly": False, **shown, **secret}
        return {"message": "Datasource added", "datasource": kept.data_sources[body["uid"]]}
    found = kept.data_sources.get(rest[-1])
    if found is None:
        raise _Answer(404, "Data source not found")
    if method == "PUT":
        if found["readOnly"]:
            raise _Answer(403, "Cannot update read-only data source")
        found |= {key: value for key, value in body.items() if key != "secureJsonData"} | {"version": 2}
        return {"message": "Datasource updated", "datasource": found}
    return found


def _board(kept: Kept, method: str, rest: list[str], body: Any) -> Any:
    if method == "POST":
        return _board_written(kept, body)
    uid = rest[-1]
    if uid not in kept.boards:
        raise _Answer(404, "Dashboard not found")
    if method == "DELETE":
        return {"title": kept.boards.pop(uid)["title"], "message": "Dashboard deleted"}
    return {"dashboard": kept.boards[uid], "meta": {"folderUid": kept.board_folder[uid], "slug": uid, "canSave": True}}


def _board_written(kept: Kept, body: Any) -> Any:
    board, folder = body["dashboard"], body["folderUid"]
    uid = board["uid"]
    if folder not in kept.folders:
        raise _Answer(400, "folder not found")
    if uid in kept.provisioned:
        raise _Answer(400, "Cannot save provisioned dashboard")
    for other, kept_board in kept.boards.items():
        if other != uid and kept_board["title"] == board["title"] and kept.board_folder[other] == folder:
            raise _Answer(412, "A dashboard with the same name in the folder already exists", "name-exists")
    before = kept.boards.get(uid)
    if before is not None and not body.get("overwrite") and before["version"] != board.get("version"):
        raise _Answer(412, "The dashboard has been changed by someone else", "version-mismatch")
    version = 1 if before is None else before["version"] + 1
    kept.boards[uid] = {**board, "id": kept.new_id() if before is None else before["id"], "version": version}
    kept.board_folder[uid] = folder
    return {"id": kept.boards[uid]["id"], "uid": uid, "status": "success", "version": version}


def _group(kept: Kept, method: str, name: tuple[str, str], body: Any) -> Any:
    if method == "PUT":
        rules = [
            {**rule, "id": kept.new_id(), "orgID": 1, "updated": "2026-01-01T00:00:00Z", "isPaused": False}
            for rule in body["rules"]
        ]
        kept.groups[name] = {**body, "rules": rules}
    elif name not in kept.groups:
        raise _Answer(404, "rule group does not exist")
    return kept.groups[name]
