"""Our certificate at the broker: read anew at each connection, and watched while one stands.

A certificate is renewed while the daemon runs (`lastunit enroll --renew`). The broker takes a certificate for the user,
and the one before is good for some time yet; but when it ends, the broker's rules forget it, and a connection that was
opened with it may publish no more. So a connection is opened anew soon after its file changed.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

from edge.uplink.broker_url import Credentials

WATCH_S: Final = 60.0
"""How often the file is looked at: it is replaced weeks before it must be."""

_Mark = tuple[int, int, int]


class OwnCertificate:
    """The TLS of a broker's connections. Raises `ConfigError` for files that cannot be used."""

    def __init__(self, credentials: Credentials, *, tls: bool, watch_s: float | None = None) -> None:
        self._credentials = credentials
        self._tls = tls
        self._watch_s = WATCH_S if watch_s is None else watch_s
        self._taken: _Mark | None = None
        self.not_after_us: int | None = None
        """When the one ends that was read last; None without one."""
        self.context()

    def context(self) -> ssl.SSLContext | None:
        """Return a context with the certificate as it is now; None without TLS. Raises `ConfigError`."""
        if not self._tls:
            return None
        file = self._credentials.cert_file
        if file is None:
            return self._credentials.tls_context()
        from edge.identity import not_after_us  # noqa: PLC0415 - the library costs memory that few need

        self._taken = _mark(file)
        context = self._credentials.tls_context()
        self.not_after_us = not_after_us(file)
        return context

    async def replaced(self) -> None:
        """Return when the file is another than the one that was read last; never without a certificate."""
        file = self._credentials.cert_file if self._tls else None
        while True:
            await asyncio.sleep(self._watch_s)
            now = None if file is None else _mark(file)
            if now is not None and now != self._taken:
                return


def _mark(file: Path) -> _Mark | None:
    """Return what changes with a file; None when it cannot be looked at: then the one that was read is good enough."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
