"""One device on a serial port, for as long as the daemon runs: opens its port, carries it, opens it again.

Theory of operation. One task for each device. The pause between two attempts grows with failures in a row
(`edge.backoff`), slower while another program holds the port. While nothing is plugged in, the task also looks twice a
second whether the name is there again, and then opens it: a scanner that was pulled out works as soon as it is back.
How the device stands is told once, by `edge.drivers.standing`: the supervisor takes care of `down` and `refused`, the
protocol says when the device works (`worked`).

A protocol (`Talk`) is fed with bytes and with time: the supervisor keeps one timer at the protocol's deadline, also
while the port is away. All of it runs in callbacks on the loop's thread.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge.backoff import REFUSED, UNREACHABLE, Backoff
from edge.serial_line.limits import LEAVE_TIMEOUT_S, PRESENCE_POLL_S, SETTLE_S
from edge.serial_line.line import SerialLine
from edge.serial_line.opening import Opener
from edge.serial_line.problem import LineError, Trouble

if TYPE_CHECKING:
    import serial

    from edge.backoff import Pace
    from edge.drivers.port import Host
    from edge.drivers.standing import Standing
    from edge.serial_line.opening import LineSettings

NUMBERED: Final = ("/dev/ttyUSB", "/dev/ttyACM")
"""Names that the kernel gives in the order of plugging in."""


class Talk(Protocol):
    """A device's protocol on its line. `now_s` is monotonic."""

    def opened(self, line: SerialLine, now_s: float) -> None:
        """Begin: the port is open. Say the first words, or that the device works."""

    def received(self, data: bytes, now_s: float) -> None:
        """Take what came, in pieces of any size."""

    def lost(self, reason: str, now_s: float) -> None:
        """Forget what was half received: the line is gone. `reason` is empty when we left."""

    def deadline(self) -> float | None:
        """Return when `tick` is to be called at the latest; None: never. Asked after each call."""

    def tick(self, now_s: float) -> None:
        """Look at the time. May come early."""

    def leaving(self) -> None:
        """Say the last words; the line is closed after them."""


class SerialSupervisor:
    """Keeps the line of one device. `standing` is told of ends and failures."""

    def __init__(self, settings: LineSettings, host: Host, standing: Standing, talk: Talk) -> None:
        self._path = settings.path
        self._opener = Opener(settings)
        self._host = host
        self._standing = standing
        self._talk = talk
        self._backoff = Backoff(host.rng)
        self._line: SerialLine | None = None
        self._worked_s: float | None = None
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- what the driver calls

    def start(self) -> None:
        """Begin. Raises `RuntimeError` when called twice."""
        if self._task is not None:
            raise RuntimeError(f"driver of {self._standing.device} was started before")
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"serial {self._standing.device}")

    async def stop(self) -> None:
        """Leave: the protocol's last words, then the port; nothing is called after that. May be called twice."""
        task = self._task
        if task is None:
            return
        self._standing.leaving = True
        self._stopping.set()
        with suppress(asyncio.CancelledError):
            await task
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def worked(self) -> None:
        """Say that the device gave a sign of life on this line: it is up. Only the first one counts."""
        if self._worked_s is None and self._line is not None:
            self._worked_s = self._host.monotonic_s()
            self._standing.enter("up")

    def give_up(self, reason: str, *, refused: bool = False) -> None:
        """End this line because the device does not do what it should; it is tried again after a pause."""
        if self._line is not None:
            self._refused = refused
            self._line.close(reason)

    def rearm(self) -> None:
        """Look at the protocol's deadline again: after it changed outside of a call of the supervisor."""
        deadline_s = None if self._stopping.is_set() else self._talk.deadline()
        if deadline_s is None:
            return  # a timer that rings early finds out
        loop = asyncio.get_running_loop()
        in_s = max(0.0, deadline_s - self._host.monotonic_s())
        if self._timer is not None:
            if self._timer.when() <= loop.time() + in_s:
                return
            self._timer.cancel()
        self._timer = loop.call_later(in_s, self._ring)

    # -- the task

    async def _supervise(self) -> None:
        if self._path.startswith(NUMBERED):
            self._standing.log.warning(
                "serial port named by its number",
                path=self._path,
                because="another device may have it after a restart; name one of /dev/serial/by-id",
            )
        self.rearm()
        while not self._stopping.is_set():
            try:
                pace = await self._attempt()
            except Exception as error:  # our bug must not end the device for good: said, and tried again
                self._standing.log.exception("serial line failed")
                pace = self._failed(f"our own error: {type(error).__name__}: {error}")
            pause_s = self._backoff.failed(pace)
            await self._pause(pause_s)

    async def _attempt(self) -> Pace:
        """Open the port and carry it to its end; return how to pause after it."""
        try:
            port = await self._open()
        except LineError as error:
            return self._failed(str(error), refused=error.trouble is Trouble.BUSY)
        if port is None:
            return UNREACHABLE
        self._line = line = SerialLine(port, self._received)
        self._worked_s, self._refused = None, False
        reason = "our own error: see the log"
        try:
            self._talk.opened(line, self._host.monotonic_s())
            self.rearm()
            reason = await self._until_ended(line)
        finally:
            line.close()
            await line.closed
            self._line = None
            pace = self._ended(reason)
        return pace

    async def _open(self) -> serial.Serial | None:
        """Return the open port, None when we are told to stop meanwhile. Raises `LineError`."""
        opening = asyncio.create_task(self._opener.open())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return opening.result() if opening.done() else None
        finally:
            opening.cancel()
            stopping.cancel()
            await asyncio.gather(opening, stopping, return_exceptions=True)

    async def _until_ended(self, line: SerialLine) -> str:
        """Wait for the line's end, or for the order to stop; return the reason, empty when we left."""
        stopping = asyncio.create_task(self._stopping.wait())
        ends: list[asyncio.Future[Any]] = [line.closed, stopping]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if not line.closed.done():
            self._talk.leaving()
            await line.drain(LEAVE_TIMEOUT_S)
            line.close()
        return await line.closed

    def _ended(self, reason: str) -> Pace:
        """Settle the accounts of a line that is over."""
        now_s = self._host.monotonic_s()
        if self._worked_s is not None:
            self._backoff.worked(now_s - self._worked_s)
        self._talk.lost(reason, now_s)
        self._standing.tell_bad(now_s)
        self.rearm()
        return self._failed(reason or "closed", refused=self._refused)

    def _failed(self, reason: str, *, refused: bool = False) -> Pace:
        self._standing.enter("refused" if refused else "down", "stopped" if self._stopping.is_set() else reason)
        return REFUSED if refused else UNREACHABLE

    async def _wait(self, for_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._stopping.wait()

    async def _pause(self, for_s: float) -> None:
        """Pause; while nothing is plugged in, only until something is."""
        missing = not self._is_there()
        while for_s > 0 and not self._stopping.is_set():
            step_s = min(for_s, PRESENCE_POLL_S) if missing else for_s
            await self._wait(step_s)
            for_s -= step_s
            if missing and self._is_there():
                await self._wait(SETTLE_S)
                return

    def _is_there(self) -> bool:
        return os.path.exists(self._path)  # noqa: PTH110 - a name in /dev: no disk is asked, and a link is followed

    # -- what the line and the timer call

    def _received(self, data: bytes) -> None:
        self._talk.received(data, self._host.monotonic_s())
        self.rearm()

    def _ring(self) -> None:
        self._timer = None
        try:
            self._talk.tick(self._host.monotonic_s())
        except BaseException:
            self.give_up("our own error: see the log")
            raise
        self.rearm()
