"""The gateway as an operator runs it: the command, in a process of its own, killed and started at will."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_START_S = 60.0


class GatewayProcess:
    """`lastunit gateway` with a configuration file in `folder`."""

    def __init__(self, folder: Path, *, sites: list[Path], broker: str, database: str) -> None:
        self._log = folder / "gateway.log"
        self._config = folder / "gateway.yaml"
        lines = [
            "sites:",
            *(f"  - {site}" for site in sites),
            "http_port: 0",
            "keep_log: true",
            "checkpoint_entries: 7",
        ]
        self._config.write_text("\n".join(lines) + "\n")
        # The secrets go by the environment: they must not stand in an argument list.
        self._env = os.environ | {
            "LASTUNIT_GATEWAY_DATABASE_URL": database,
            "LASTUNIT_GATEWAY_BROKER_URL": broker,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._seen = 0

    @property
    def log(self) -> str:
        """What it logged so far, over all starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def url(self) -> str:
        """Where its newest start answers over HTTP."""
        addresses: list[str] = re.findall(r'"?url"?[=:] ?"?(http://[^"\s]+)', self.log[self._seen :])
        return addresses[-1]

    def start(self) -> Self:
        """Start it and wait until it is connected to the broker."""
        seen = self._seen = len(self.log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lastunit", "gateway", "--config", str(self._config)],
                env=self._env,
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        until = time.monotonic() + _START_S
        while "broker_connected" not in self.log[seen:]:
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the gateway did not come up:\n{self.log[seen:][-4_000:]}")
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(60)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
