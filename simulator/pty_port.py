"""A serial port that is a pseudo terminal: one end for an emulated device, the other for whoever opens its name.

The name is a symbolic link in a folder of the caller, as those of /dev/serial/by-id are: unplugged it is gone, plugged
in again it leads to another terminal. Emulators of scanners and of UHF modules stand on this.
"""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ_MAX_BYTES: Final = 4_096
"""What a terminal's buffer holds."""


class PtyPort:
    """One port, not plugged in yet. `on_bytes` gets what the other side writes; needs a running loop then.

    Args:
        folder: where its name is made; exists.
        name: the port's name in it.
        on_bytes: what the device hears. Without it nothing is read: the device only speaks.
    """

    def __init__(self, folder: Path, name: str = "port", on_bytes: Callable[[bytes], None] | None = None) -> None:
        self.path: Final = folder / name
        self.on_bytes = on_bytes
        self._master = -1
        self._slave = -1
        """Held open by us too, so that the device's end does not see a hangup when its user closes."""

    @property
    def plugged_in(self) -> bool:
        """Whether the port is there."""
        return self._master >= 0

    def plug_in(self) -> None:
        """Make the port appear. Nothing happens when it is there."""
        if self.plugged_in:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        if self.on_bytes is not None:
            asyncio.get_running_loop().add_reader(self._master, self._readable)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Make the port vanish: its name, and the terminal under whoever has it open."""
        if not self.plugged_in:
            return
        self.path.unlink(missing_ok=True)
        if self.on_bytes is not None:
            asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def send(self, data: bytes) -> None:
        """Let the device say something at once. What nobody reads is dropped when the buffer is full, as by a UART."""
        if not self.plugged_in:
            return
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return

    def _readable(self) -> None:
        data = os.read(self._master, READ_MAX_BYTES)
        if self.on_bytes is not None:
            self.on_bytes(data)
