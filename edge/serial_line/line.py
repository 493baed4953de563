"""One open serial port on the event loop: bytes in, bytes out, and its end. Nothing is decided here.

Theory of operation. The port's descriptor does not block and the loop watches it, as it watches a socket: no thread
waits for each scanner, and callbacks come in the order of the wire. What was not read yet waits in the kernel, which
drops what a device sends too much; nothing gathers here. An unplugged device shows as end of file or as an error of
the descriptor. `closed` is resolved once, with the reason, when the descriptor is given back.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from edge.serial_line.limits import DRAIN_POLL_S, READ_MAX_BYTES, WRITE_MAX_BYTES
from edge.serial_line.opening import close_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    import serial


class SerialLine:
    """An open port. `on_bytes` gets what came; it must be quick, and an error in it ends the line."""

    def __init__(self, port: serial.Serial, on_bytes: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._fd: int = port.fileno()
        self._on_bytes = on_bytes
        self._unsent = bytearray()
        self._ended = False
        self._closing: asyncio.Task[None] | None = None
        self.closed: asyncio.Future[str] = self._loop.create_future()
        """Why the line ended; empty when we closed it."""
        self.flushed = asyncio.Event()
        """All that was written has gone to the kernel, or the line ended."""
        self.flushed.set()
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Send; what the port does not take at once goes out when it does. Nothing happens on an ended line."""
        if self._ended or not data:
            return
        if len(self._unsent) + len(data) > WRITE_MAX_BYTES:
            self.close("the device does not take what we say")
            return
        if self._unsent:
            self._unsent += data
            return
        self._unsent += data
        self.flushed.clear()
        self._loop.add_writer(self._fd, self._writable)
        self._writable()

    def close(self, reason: str = "") -> None:
        """Give the port back; `closed` follows. The first reason stands."""
        if self._ended:
            return
        self._ended = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._unsent.clear()
        self.flushed.set()
        self._closing = self._loop.create_task(self._give_back(reason), name="close a serial port")

    async def drain(self, timeout_s: float) -> None:
        """Wait until what was written has left the box, for at most `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.flushed.wait()
                while not self._ended and self._in_kernel():  # noqa: ASYNC110 - the kernel gives no sign
                    await asyncio.sleep(DRAIN_POLL_S)

    def _in_kernel(self) -> int:
        """Bytes that the kernel has still to send; 0 where it does not say."""
        try:
            return int(self._port.out_waiting)
        except OSError:
            return 0

    async def _give_back(self, reason: str) -> None:
        await close_in_thread(self._port)
        self.closed.set_result(reason)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_MAX_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.close(f"unplugged ({error.strerror})")
            return
        if not data:
            self.close("unplugged")
            return
        try:
            self._on_bytes(data)
        except BaseException:
            self.close("our own error: see the log")
            raise

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.close(f"unplugged ({error.strerror})")
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._fd)
            self.flushed.set()
