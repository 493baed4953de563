"""What systemd is told: ready, alive, how it is, stopping (sd_notify(3)). Without systemd nothing is told.

The protocol is one datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. A watchdog that is fed by a
timer of its own proves nothing; ours is fed only while the daemon does its work (`EdgeDaemon.works`).
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

LEAST_PERIOD_S: Final = 0.05
"""A watchdog of less than a tenth of a second is nobody's wish."""
STATUS_MAX_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Who started us, if it wants to hear. `watchdog_s`: how soon it takes silence for death; None: it does not."""

    address: str = ""
    watchdog_s: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> "ServiceManager":
        """Read `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`; values that make no sense are as good as none."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        usec = environment.get("WATCHDOG_USEC", "")
        seconds = int(usec) / 1e6 if meant and usec.isascii() and usec.isdigit() and int(usec) > 0 else None
        return cls(address, seconds)

    @property
    def period_s(self) -> float | None:
        """How often to feed the watchdog: twice in its time, with room; None: never."""
        return None if self.watchdog_s is None else max(LEAST_PERIOD_S, self.watchdog_s / 2.5)

    def ready(self) -> None:
        """We are started: the outbox is open, the drivers run."""
        self._say("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say how we are, in one line."""
        self._say(f"STATUS={' '.join(text.split())[:STATUS_MAX_CHARS]}")

    def stopping(self) -> None:
        """We were told to stop and are at it."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        # Who does not listen any more is no reason to stop: we read tags, it only watches.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.sendto(text.encode(), address)


def service_manager() -> ServiceManager:
    """Return the service manager of this process; it is not handed on to children."""
    manager = ServiceManager.of(os.environ, os.getpid())
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    return manager


async def keep_watchdog(manager: ServiceManager, works: Callable[[], bool]) -> None:
    """Feed the watchdog for as long as `works()`, until cancelled. Returns at once when there is none."""
    period_s = manager.period_s
    if period_s is None:
        return
    while True:
        if works():
            manager.alive()
        await asyncio.sleep(period_s)
