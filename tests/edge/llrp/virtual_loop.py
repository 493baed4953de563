"""An event loop whose clock jumps: ten minutes of backoff in milliseconds, over real sockets.

Theory of operation. Both ends of each connection live in this one loop, and loopback TCP hands bytes over at once. So
when no socket is ready, nothing can happen before the next timer: the clock jumps there. Everything that asks the
loop for its time (`call_later`, `asyncio.sleep`, `asyncio.timeout`) lives in that time; `host` and `VirtualClock`
give it to drivers and simulated readers. Not for code that waits for threads or other processes.
"""

from __future__ import annotations

import asyncio
import selectors
from random import Random
from typing import TYPE_CHECKING, TypeVar

from edge.drivers.port import Host

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from _typeshed import FileDescriptorLike

T = TypeVar("T")

START_US = 1_800_000_000_000_000
"""UTC at the loop's second 0."""
DELIVERY_S = 0.0005
"""Real time that a busy kernel gets to hand bytes over before the clock jumps."""


class _Jumping(selectors.BaseSelector):
    """Looks without waiting; what it would have waited is added to `now_s`."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = self._real.select(DELIVERY_S)
        if not ready and timeout is None:
            raise RuntimeError("nothing is ready and no timer is set: this would wait for ever")
        if not ready and timeout is not None:
            self.now_s += timeout
        return ready

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time` is its own."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in its own virtual time, and return what it gives."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    """The running loop's time as a simulated reader's clock (`simulator.reader.clock.Clock`)."""

    def now_us(self) -> int:
        return START_US + round(asyncio.get_running_loop().time() * 1_000_000)

    def delay_s(self, until_us: int) -> float:
        return max(0.0, (until_us - self.now_us()) / 1_000_000)


def host(rng: Random | None = None) -> Host:
    """Return a driver's surroundings in the running loop's time."""
    clock = VirtualClock()
    return Host(clock.now_us, asyncio.get_running_loop().time, rng or Random(6))
