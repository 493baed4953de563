"""An InfluxDB 1.x of our own: a port and a data directory of its own, and a proof that it is the one that we started.

    with InfluxDb(tmp_path) as db:
        db.write("floor,site=s shown=4i 1763800000000000")      # microseconds
        db.query('SELECT last("shown") FROM "floor"')           # series as InfluxDB's JSON has them
        db.pause(); db.resume(); db.kill(); db.start()

The proof: it has a database of a random name, which only this one can know, in a directory of ours.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from tests.servers.mosquitto import free_port

BINARY: Final = shutil.which("influxd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
_START_S: Final = 20.0
_STOP_S: Final = 10.0

_CONFIG: Final = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
"""


class InfluxDbError(RuntimeError):
    """The server did not start, another one answered, or it refused."""


class InfluxDb:
    """One server process with one database, `name`."""

    def __init__(self, folder: Path, *, name: str = "lastunit") -> None:
        if not BINARY:
            raise InfluxDbError("influxd is not installed: apt-get install influxdb")
        self.name = name
        self.folder = folder / f"influxdb-{secrets.token_hex(4)}"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self._nonce = f"ours_{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None
        config = _CONFIG.format(folder=self.folder, port=self.port, rpc=free_port())
        (self.folder / "influxdb.conf").write_text(config)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that we started."""
        if self._process is None:
            raise InfluxDbError("this server does not run")
        return self._process.pid

    def start(self) -> Self:
        """Start it, on the same data, and prove that it is the one that answers. Raises `InfluxDbError`."""
        if self._process is not None:
            raise InfluxDbError("this server runs already")
        is_new = not (self.folder / "meta").exists()
        with (self.folder / "influxdb.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "-config", str(self.folder / "influxdb.conf")], stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise InfluxDbError((self.folder / "influxdb.log").read_text(errors="replace")[-2_000:])
            time.sleep(0.02)
        if is_new:
            for database in (self._nonce, self.name):
                self.query(f'CREATE DATABASE "{database}"')
        if [self._nonce] not in self.query("SHOW DATABASES")[0]["values"]:
            raise InfluxDbError(f"another server answers on port {self.port}")
        return self

    def write(self, lines: str | bytes, *, precision: str = "u") -> None:
        """Write line protocol. Raises `InfluxDbError` with the server's words."""
        parameters = {"db": self.name, "precision": precision}
        response = httpx.post(f"{self.url}/write", params=parameters, content=lines, timeout=30)
        if response.status_code != 204:
            raise InfluxDbError(f"{response.status_code} {response.text}")

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the series of one InfluxQL statement, times in microseconds. Raises `InfluxDbError`."""
        parameters = {"db": self.name, "epoch": "u"}
        answer = httpx.post(f"{self.url}/query", params=parameters, data={"q": text}, timeout=30).json()
        wrong = answer.get("error") or answer["results"][0].get("error")
        if wrong:
            raise InfluxDbError(f"{text}: {wrong}")
        series: list[dict[str, Any]] = answer["results"][0].get("series", [])
        return series

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it by SIGKILL; what it answered 204 to is in its log."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ping", timeout=2).status_code == 204
        except httpx.HTTPError:
            return False
