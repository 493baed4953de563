"""A protocol on a serial line that writes down what it was told, and the supervisor of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from edge.drivers.standing import Standing
from edge.serial_line.opening import LineSettings
from edge.serial_line.supervisor import SerialSupervisor
from tests.edge.drivers.contract import rig_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from edge.drivers.port import Host
    from edge.serial_line.line import SerialLine
    from wire.messages import DeviceEvent


class Talker:
    """Says `hello` when its line opens and `bye` when it leaves. `due_s` is its deadline."""

    def __init__(self, path: Path | str, host: Host | None = None) -> None:
        self.heard = b""
        self.ends: list[str] = []
        self.ticks: list[float] = []
        self.events: list[DeviceEvent] = []
        self.due_s: float | None = None
        self.greets = True
        self.breaks = ""
        self.line: SerialLine | None = None
        self._host = host = host or rig_host()
        self.standing = Standing("S1", "uhf_serial", host)
        self.standing.tell_to(self.events.append)
        self.supervisor = SerialSupervisor(LineSettings(str(path)), host, self.standing, self)

    def opened(self, line: SerialLine, now_s: float) -> None:
        assert now_s <= self._host.monotonic_s()
        self._break("opened")
        self.line = line
        if self.greets:
            line.write(b"hello")
        self.supervisor.worked()

    def received(self, data: bytes, now_s: float) -> None:
        assert now_s <= self._host.monotonic_s()
        self._break("received")
        self.heard += data

    def lost(self, reason: str, now_s: float) -> None:
        assert now_s <= self._host.monotonic_s()
        self.line = None
        self.ends.append(reason)

    def deadline(self) -> float | None:
        return self.due_s

    def tick(self, now_s: float) -> None:
        self._break("tick")
        self.ticks.append(now_s)
        self.due_s = None

    def leaving(self) -> None:
        assert self.line is not None
        self.line.write(b"bye")

    def whats(self) -> list[str]:
        return [event.what for event in self.events]

    def _break(self, where: str) -> None:
        if self.breaks == where:
            self.breaks = ""
            raise RuntimeError(f"a bug in {where}")


@asynccontextmanager
async def talking(path: Path | str, host: Host | None = None) -> AsyncIterator[Talker]:
    """A talker on a port, started; stopped at the end."""
    talker = Talker(path, host)
    talker.supervisor.start()
    try:
        yield talker
    finally:
        await talker.supervisor.stop()


async def until(condition: Callable[[], object], what: str, patience_s: float = 20.0) -> None:
    """Wait until something is true; fail when it never is."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < patience_s, f"waited {patience_s:g} s for {what}"
        await asyncio.sleep(0.005)
