"""A VictoriaMetrics of our own, which takes InfluxDB's v2 write API: own port, own data, and a proof that it is ours.

    with Victoria(tmp_path) as store:
        store.url                                   # for /api/v2/write
        store.exported('{__name__=~"floor_.*"}')    # [{"metric": {...}, "values": [...], "timestamps": [ms, ...]}]

A series is `<measurement>_<field>`; it keeps no texts, and booleans become 1 and 0. The proof: its own flags, which it
shows, name a random directory of ours.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from tests.servers.mosquitto import free_port

BINARY: Final = shutil.which("victoria-metrics", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
_START_S: Final = 20.0
_STOP_S: Final = 10.0


class VictoriaError(RuntimeError):
    """The server did not start, or another one answered."""


class Victoria:
    """One server process."""

    def __init__(self, folder: Path) -> None:
        if not BINARY:
            raise VictoriaError("victoria-metrics is not installed: apt-get install victoria-metrics")
        self.folder = folder / f"victoria-{secrets.token_hex(8)}"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it, on the same data, and prove that it is the one that answers. Raises `VictoriaError`."""
        if self._process is not None:
            raise VictoriaError("this server runs already")
        command = [
            BINARY,
            f"-storageDataPath={self.folder}/data",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-memory.allowedBytes=128MB",
        ]
        with (self.folder / "victoria.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _START_S
        while not self._is_ours():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise VictoriaError((self.folder / "victoria.log").read_text(errors="replace")[-2_000:])
            time.sleep(0.02)
        return self

    def exported(self, match: str) -> list[dict[str, Any]]:
        """Return the series that match, all their points. What was written just now is made visible first."""
        httpx.get(f"{self.url}/internal/force_flush", timeout=10)
        response = httpx.get(f"{self.url}/api/v1/export", params={"match[]": match}, timeout=10)
        return [json.loads(line) for line in response.text.splitlines()]

    def kill(self) -> None:
        """End it by SIGKILL."""
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

    def _is_ours(self) -> bool:
        try:
            return str(self.folder) in httpx.get(f"{self.url}/flags", timeout=2).text
        except httpx.HTTPError:
            return False
