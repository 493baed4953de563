"""Opening and closing a serial port: blocking calls, so each runs in a thread of its own with a limit of time.

pyserial opens and configures the port (8 data bits, no parity, one stop bit, no flow control) and takes the advisory
lock; `TIOCEXCL` then also keeps out programs that ask for no lock. Which of the names of a port the site file gives is
followed at each opening, so that a name of /dev/serial/by-id finds its device under whatever number it came back.

A call that hangs in the kernel cannot be ended. Its thread stays behind as a daemon thread, at most one for each port:
while it hangs, the port is not opened again; what it opens after all is closed at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import serial

from edge.serial_line.limits import CLOSE_TIMEOUT_S, OPEN_TIMEOUT_S
from edge.serial_line.problem import LineError, Trouble, explain

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LineSettings(NamedTuple):
    """Which port, and how fast. USB scanners that are no UART (`ttyACM`) ignore the baud rate."""

    path: str
    baud: int = 9_600


def open_port(settings: LineSettings) -> serial.Serial:
    """Open a port for us alone; reads and writes on it do not block. Blocks itself: not for an event loop.

    Raises:
        LineError: it cannot be opened; the text says what to do.
    """
    path, baud = settings
    try:
        port = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
    except ValueError as error:
        raise LineError(Trouble.NO_PORT, f"{path}: {baud} baud cannot be set on this port") from error
    except termios.error as error:
        raise explain(path, OSError(*error.args)) from error
    except OSError as error:  # serial.SerialException is one; some of them carry no number of their own
        cause = error.__context__ if error.errno is None else None
        known = cause if isinstance(cause, OSError) else error
        raise explain(path, OSError(*cause.args) if isinstance(cause, termios.error) else known) from error
    with suppress(OSError):  # a lock that a driver does not know is none that protects us
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    return port


def close_port(port: serial.Serial) -> None:
    """Close a port; what it has not sent is thrown away. Never raises: the device may be gone."""
    with suppress(OSError, termios.error):
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
        if port.out_waiting:  # closing waits for it otherwise, up to half a minute
            termios.tcflush(port.fileno(), termios.TCOFLUSH)
    with suppress(OSError, termios.error):
        port.close()


class Opener:
    """Opens one port again and again, and never has two calls under way."""

    def __init__(self, settings: LineSettings, open_it: Callable[[LineSettings], serial.Serial] = open_port) -> None:
        self.settings = settings
        self._open_it = open_it
        self._hanging: threading.Thread | None = None

    async def open(self, timeout_s: float = OPEN_TIMEOUT_S) -> serial.Serial:
        """Open the port. Raises `LineError`."""
        path = self.settings.path
        if self._hanging is not None and self._hanging.is_alive():
            raise LineError(Trouble.HUNG, f"{path}: opening it still hangs: unplug it, or start the box anew")
        call = _Call(lambda: self._open_it(self.settings), close_port, f"open {path}")
        try:
            return await call.result(timeout_s)
        except TimeoutError as error:
            self._hanging = call.thread
            text = f"{path}: not open after {timeout_s:g} s: unplug it and plug it in again"
            raise LineError(Trouble.HUNG, text) from error


async def close_in_thread(port: serial.Serial) -> None:
    """Close a port without holding up the loop, and for `CLOSE_TIMEOUT_S` wait for it."""
    with suppress(TimeoutError):
        await _Call(lambda: close_port(port), lambda _: None, "close a serial port").result(CLOSE_TIMEOUT_S)


class _Call(Generic[T]):
    """One blocking call in a daemon thread; `late` gets a result that nobody waits for any more."""

    def __init__(self, work: Callable[[], T], late: Callable[[T], None], name: str) -> None:
        self._work = work
        self._late = late
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[T] = self._loop.create_future()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    async def result(self, timeout_s: float) -> T:
        """Return what the call gave. Raises what it raised; `TimeoutError` when it takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._done  # cancelled with the waiting: what comes after that is late
        except (TimeoutError, asyncio.CancelledError):
            if self._done.done() and not self._done.cancelled() and self._done.exception() is None:
                self._give(self._done.result())  # it came in the same turn of the loop
            raise

    def _run(self) -> None:
        try:
            given = self._work()
        except Exception as error:  # noqa: BLE001 - handed over to who waits
            self._hand_over(partial(self._fail, error), lambda: None)
        else:
            self._hand_over(lambda: self._give(given), lambda: self._late(given))

    def _hand_over(self, how: Callable[[], None], otherwise: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(how)
        except RuntimeError:  # the loop ended meanwhile
            otherwise()

    def _give(self, given: T) -> None:
        if self._done.done():
            threading.Thread(target=self._late, args=(given,), daemon=True).start()  # it may block
        else:
            self._done.set_result(given)

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)
