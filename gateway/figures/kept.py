"""Answers that are kept for a moment: what many ask at once is asked of the store once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from gateway.clock import Clock
from gateway.figures.limits import KEPT_MAX

T = TypeVar("T")


class Kept(Generic[T]):
    """Answers by name, each good for some seconds of `clock`; whoever asks meanwhile waits for the same one."""

    def __init__(self, clock: Clock, good_s: float, most: int = KEPT_MAX) -> None:
        self._clock = clock
        self._good_us = round(good_s * 1e6)
        self._most = most
        self._held: dict[Hashable, tuple[int, asyncio.Task[T]]] = {}
        self.asked = 0

    async def get(self, name: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of that name, of `ask` if there is none. What `ask` raises is raised, and not kept."""
        now_us = self._clock()
        held = self._held.get(name)
        if held is None or not 0 <= now_us - held[0] < self._good_us:
            self._held.pop(name, None)
            while len(self._held) >= self._most:
                del self._held[next(iter(self._held))]
            self.asked += 1
            held = self._held[name] = now_us, asyncio.ensure_future(_asked(ask))
        try:
            return await asyncio.shield(held[1])  # one who leaves takes nobody's answer away
        except BaseException:
            if held[1].done() and self._held.get(name) is held:
                del self._held[name]
            raise


async def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
