"""InfluxDB over HTTP: writing by `/api/v2/write` with the makers' client, or by the older `/write`.

* v2 (InfluxDB 2.x, VictoriaMetrics; 3 takes it, too): organisation, bucket, token. The client blocks, and has a thread
  of its own here.
* v1 (InfluxDB 1.x; 2.x and 3 take it, too): database and, after a slash, retention policy.

The client's own retries and batches are not used: what waits, waits in the database (`gateway.series.outbox`).
"""

import asyncio
import base64
import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx

from gateway.series.limits import SEND_TIMEOUT_S, SHOWN_CHARS
from gateway.series.sending import Answer
from wire.errors import WireError

Api = Literal["v1", "v2"]
LEVEL: Final = 1
TOKEN_MAX_CHARS: Final = 4_096


class ServerError(WireError):
    """A server of time series that cannot be used as it is configured; a person must mend it."""

    code = "series"


def read_token(file: Path | None) -> str:
    """Return the token in a file, or an empty text. Raises `ServerError`."""
    if file is None:
        return ""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"series_token_file {file}: {error}") from error
    if not token or len(token) > TOKEN_MAX_CHARS or not token.isprintable():
        raise ServerError(f"series_token_file {file}: expected one line: a token, or user:password")
    return token


def check_url(url: str) -> str:
    """Return a server's URL without a slash at its end. Raises `ServerError`."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.username or parts.query:
        raise ServerError("series_url: expected http://host:port or https://..., without user and query")
    return url.rstrip("/")


def v1_headers(token: str) -> dict[str, str]:
    """Return how a token is shown: `user:password` (1.x) as Basic, any other (2.x, 3) as Token."""
    if not token:
        return {}
    if ":" in token:
        return {"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"}
    return {"Authorization": f"Token {token}"}


class V1Sender:
    """`POST /write`. `database` may name a retention policy: `lastunit/autogen`. Raises `ServerError`."""

    def __init__(self, url: str, database: str, token: str = "", *, ca_file: Path | None = None) -> None:
        name, _, policy = database.partition("/")
        self._url = f"{check_url(url)}/write"
        self._parameters = {"db": name, "precision": "u"} | ({"rp": policy} if policy else {})
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        verify: Any = True if ca_file is None else str(ca_file)
        self._client = httpx.AsyncClient(headers=headers | v1_headers(token), timeout=SEND_TIMEOUT_S, verify=verify)

    async def send(self, lines: bytes) -> Answer:
        """Send lines; see `gateway.series.influx.Sender`."""
        body = await asyncio.to_thread(gzip.compress, lines, LEVEL)
        try:
            response = await self._client.post(self._url, params=self._parameters, content=body)
        except httpx.HTTPError as error:
            return Answer(0, repr(error)[:SHOWN_CHARS])
        return Answer(response.status_code, response.text[:SHOWN_CHARS], _seconds(response.headers.get("Retry-After")))

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


class V2Sender:
    """`POST /api/v2/write` by influxdb-client. Raises `ServerError` when that is not installed."""

    def __init__(self, url: str, bucket: str, org: str, token: str = "", *, ca_file: Path | None = None) -> None:
        try:
            from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - an optional extra
            from influxdb_client.service.write_service import WriteService  # noqa: PLC0415
        except ImportError as error:
            raise ServerError("series_url needs the extra `influx`: pip install 'lastunit[influx]'") from error
        self._client: Any = InfluxDBClient(
            url=check_url(url),
            token=token,
            org=org,
            timeout=int(SEND_TIMEOUT_S * 1_000),
            enable_gzip=True,
            retries=False,
            ssl_ca_cert=None if ca_file is None else str(ca_file),
        )
        made: Any = WriteService  # untyped
        self._write: Any = made(self._client.api_client)
        self._bucket, self._org = bucket, org
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="series")

    async def send(self, lines: bytes) -> Answer:
        """Send lines; see `gateway.series.influx.Sender`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._send, lines)

    def _send(self, lines: bytes) -> Answer:
        from influxdb_client.rest import ApiException  # noqa: PLC0415 - an optional extra
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            _, status, _ = self._write.post_write_with_http_info(
                self._org, self._bucket, lines, precision="us", content_type="text/plain; charset=utf-8"
            )
        except ApiException as error:
            wait = None if error.headers is None else _seconds(error.headers.get("Retry-After"))
            return Answer(int(error.status or 0), str(error.body or error.reason)[:SHOWN_CHARS], wait)
        except (HTTPError, OSError, ValueError) as error:  # a page of a proxy in another encoding, a bad address
            return Answer(0, repr(error)[:SHOWN_CHARS])
        return Answer(int(status))

    async def close(self) -> None:
        """Close connections; a request that runs ends by its own time limit."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._client.close()


def _seconds(header: str | None) -> float | None:
    """Return a Retry-After in seconds; one that names a date is passed over."""
    try:
        return float(header) if header else None
    except ValueError:
        return None
