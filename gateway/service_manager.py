"""What systemd is told of a gateway: ready, alive, how it is, stopping (sd_notify(3)). Without systemd nothing is told.

A watchdog that is fed by a timer proves that a timer runs. This one is fed when the event loop turned and the database
answered: a writing transaction was opened. An answer that is an error feeds it, too: a database that is away is no
reason to kill a gateway, which tries again by itself. A transaction that never comes is one.

The edge has its own (`edge.watchdog`): the programs do not know each other, and what they watch is not the same.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway")

LEAST_PERIOD_S: Final = 0.05
STATUS_S: Final = 10.0
STATUS_MAX_CHARS: Final = 200
_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


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

    def say(self, text: str) -> None:
        """Send one datagram, such as `READY=1`; who does not listen any more is no reason to stop."""
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.sendto(text.encode(), address)

    def status(self, text: str) -> None:
        """Say how we are, in one line."""
        self.say(f"STATUS={' '.join(text.split())[:STATUS_MAX_CHARS]}")


def service_manager() -> ServiceManager:
    """Return the service manager of this process; it is not handed on to children."""
    manager = ServiceManager.of(os.environ, os.getpid())
    for name in _VARIABLES:
        os.environ.pop(name, None)
    return manager


async def answers(database: Database, within_s: float) -> bool:
    """Whether a writing transaction could be opened, or was refused with an error, within `within_s`."""
    try:
        async with asyncio.timeout(within_s), database.write() as connection:
            await connection.execute(text("SELECT 1"))
    except TimeoutError:
        _log.error("watchdog_not_fed", because="no writing transaction", within_s=within_s)
        return False
    except (SQLAlchemyError, OSError) as error:
        _log.warning("watchdog_fed_without_database", error=str(error))
    return True


async def keep_watchdog(manager: ServiceManager, works: Callable[[float], Awaitable[bool]]) -> None:
    """Feed the watchdog each time that `works(seconds)` says so, until cancelled. Returns at once without one.

    Who said no took its time for it, and is asked again at once: a pause would make a busy minute a silence of two.
    """
    period_s = manager.period_s
    if period_s is None:
        return
    while True:
        if await works(period_s):
            manager.say("WATCHDOG=1")
            await asyncio.sleep(period_s)


async def keep_status(manager: ServiceManager, line: Callable[[], str]) -> None:
    """Keep the line of `systemctl status` true, until cancelled. Returns at once when nobody listens."""
    while manager.address:
        manager.status(line())
        await asyncio.sleep(STATUS_S)
