"""A Grafana by its HTTP API: grafana-client for the calls, our words for what it refuses.

Grafana's documentation, "HTTP API": Folder, Data source, Dashboard and Alerting provisioning. Rules are written without
provenance (`X-Disable-Provenance`), so that a person may pause one in the page; the next push brings it back.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError

from dashboards.artefact import FOLDER, Artefact, Kind
from dashboards.push import PushError, RefusedError

T = TypeVar("T")

TIMEOUT_S: Final = 20.0
"""A Grafana that takes longer for one call is not there."""

SEARCH_MAX: Final = 5_000
"""Boards in one answer of the search: Grafana's own bound."""

_SAID_CHARS: Final = 300
_NOT_FOUND: Final = 404
_NO_TOKEN: Final = 401
_MENDS: Final = {
    _NO_TOKEN: "the token is not known there: make one under Administration > Service accounts, role Admin or Editor",
    403: "the token may not do this: its service account needs the role Admin (data sources) or Editor (the rest)",
    409: "something of this name is there under another uid: rename or delete it there, and push again",
    412: "somebody else has a thing of this name there, or changed it just now: look, and push again",
}


class HttpGrafana:
    """A `Grafana` at a URL such as `https://grafana.example.com` (a path in front of `/api` is kept); to be closed.

    Raises `PushError` for a URL that is none.
    """

    def __init__(self, url: str, token: str) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in {"http", "https"} or not parsed.hostname or "@" in parsed.netloc:
            told = url.rpartition("@")[2]  # before it may stand a password
            raise PushError(f"{told}: expected http://host:port or https://host[/path], without a user or token in it")
        prefix = parsed.path.strip("/")
        self._url = url
        self._api: Any = GrafanaApi(  # the package is untyped within
            token,
            protocol=parsed.scheme,
            host=parsed.hostname,
            port=parsed.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            timeout=TIMEOUT_S,
        )

    def close(self) -> None:
        """Close the connections."""
        self._api.client.s.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> str:
        """Return Grafana's version; the first call, which finds out whether it is there. Raises `PushError`."""
        told = self._call(lambda: self._api.client.GET("/health"))
        return str(told.get("version", "of no version")) if isinstance(told, dict) else "of no version"

    def read(self, artefact: Artefact) -> dict[str, object] | None:
        """See the port."""
        api = self._api
        match artefact.kind:
            case Kind.FOLDER:
                return self._found(lambda: api.folder.get_folder(artefact.uid))
            case Kind.DATA_SOURCE:
                return self._found(lambda: api.datasource.get_datasource_by_uid(artefact.uid))
            case Kind.BOARD:
                told = self._found(lambda: api.dashboard.get_dashboard(artefact.uid))
                return None if told is None else {**told["dashboard"], FOLDER: told["meta"].get("folderUid", "")}
            case Kind.RULE_GROUP:
                return self._found(lambda: api.alertingprovisioning.get_rule_group(artefact.folder, artefact.uid))

    def write(self, artefact: Artefact, found: dict[str, object] | None) -> None:
        """See the port."""
        self._call(lambda: self._written(artefact, found))

    def _written(self, artefact: Artefact, found: dict[str, object] | None) -> object:
        api, body = self._api, dict(artefact.body)
        match artefact.kind:
            case Kind.FOLDER if found is None:
                return api.folder.create_folder(artefact.title, uid=artefact.uid)
            case Kind.FOLDER:
                return api.folder.update_folder(artefact.uid, title=artefact.title, overwrite=True)
            case Kind.DATA_SOURCE if found is None:
                return api.datasource.create_datasource(body)
            case Kind.DATA_SOURCE:
                return api.datasource.update_datasource_by_uid(artefact.uid, body)
            case Kind.BOARD:
                asked = {"folderUid": artefact.folder, "overwrite": True, "message": "lastunit dashboards push"}
                return api.dashboard.update_dashboard({"dashboard": {**body, "id": None}, **asked})
            case Kind.RULE_GROUP:
                return api.alertingprovisioning.update_rule_group(
                    artefact.folder, artefact.uid, body, disable_provenance=True
                )

    def boards_with(self, tag: str) -> Sequence[tuple[str, str]]:
        """See the port."""
        asked = {"type": "dash-db", "tag": tag, "limit": SEARCH_MAX}
        told = self._call(lambda: self._api.client.GET("/search", params=asked))
        return [(one["uid"], one["title"]) for one in told]

    def delete_board(self, uid: str) -> None:
        """See the port."""
        self._call(lambda: self._api.dashboard.delete_dashboard(uid))

    def _found(self, ask: Callable[[], Any]) -> dict[str, Any] | None:
        try:
            told = self._call(ask)
        except RefusedError as error:
            if isinstance(error.__cause__, GrafanaClientError) and error.__cause__.status_code == _NOT_FOUND:
                return None
            raise
        if not isinstance(told, dict):
            raise PushError(f"{self._url}: does not answer as Grafana does: {str(told)[:_SAID_CHARS]!r}")
        return told

    def _call(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except GrafanaTimeoutError as error:
            raise PushError(f"{self._url}: no answer within {TIMEOUT_S:g} s: is it Grafana's address?") from error
        except GrafanaException as error:
            raise self._refusal(error) from error
        except ValueError as error:
            raise PushError(f"{self._url}: does not answer as Grafana does: is it Grafana's address?") from error
        except OSError as error:  # what the HTTP client raises, too
            raise PushError(f"{self._url}: {str(error)[:_SAID_CHARS]}: is Grafana there?") from error

    def _refusal(self, error: GrafanaException) -> Exception:
        code, told = error.status_code, error.response
        words = str(told.get("message", told) if isinstance(told, dict) else told)[:_SAID_CHARS]
        mend = _MENDS.get(code, "")
        if "provisioned" in words:
            mend = "it came from a file of that Grafana: change the file (docs/boards.md), or take it out there"
        text = f"HTTP {code}: {words}" + (f"; {mend}" if mend else "")
        return PushError(f"{self._url}: {text}") if code == _NO_TOKEN else RefusedError(text)
