"""A software module on a serial port that can be unplugged; a module that is plugged in has just got its power."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.pty_port import PtyPort

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.modules.port import InField, Module


class ModuleOnPty:
    """A module in a folder, under a name like one of /dev/serial/by-id. Not plugged in yet.

    Args:
        folder: where its port appears; exists.
        power_on: gives the module, its memory empty.
        name: its port's name in the folder.
    """

    def __init__(self, folder: Path, power_on: Callable[[], Module], name: str = "uhf-module") -> None:
        self.port = PtyPort(folder, name, self._heard)
        self.module = power_on()
        self.mute = False
        """It says nothing more, and the line stays open: a module that hangs."""
        self.on_said: Callable[[bytes], bytes] = bytes
        """Changes what the module says: damages on the line."""
        self._power_on = power_on
        self._timer: asyncio.TimerHandle | None = None

    @property
    def path(self) -> Path:
        """The name of its port."""
        return self.port.path

    def plug_in(self) -> None:
        """Connect it, with power just on."""
        self.module = self._power_on()
        self.port.plug_in()

    def unplug(self) -> None:
        """Pull its cable."""
        self._set_timer(None)
        self.port.unplug()

    def present(self, port: int, tag: InField) -> None:
        """Let a tag come before an antenna."""
        if self.port.plugged_in:
            self._say(self.module.present(port, tag, self._now_s()))

    def say(self, data: bytes) -> None:
        """Put bytes on the line that no module would say."""
        self.port.send(data)

    def _heard(self, data: bytes) -> None:
        self._say(self.module.receive(data, self._now_s()))

    def _say(self, data: bytes) -> None:
        if data and not self.mute:
            self.port.send(self.on_said(data))
        self._set_timer(self.module.deadline())

    def _set_timer(self, due_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due_s - self._now_s()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._say(self.module.tick(self._now_s()))

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
