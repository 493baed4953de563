"""Work that is done again and again until it is told to stop, with a pause between; failures are survived and told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

PASSING: Final[tuple[type[Exception], ...]] = (SQLAlchemyError, OSError)
"""What a database or a network does for a while, and then does no more: the next round tries again."""


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()


class Rounds:
    """Rounds of one process, `every_s` seconds apart."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._stop = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: a long round may end early."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let `run` end after the round that it is in."""
        self._stop.set()

    async def run(
        self,
        one: Callable[[], Awaitable[object]],
        failed: Callable[[Exception], None],
        *,
        survives: tuple[type[Exception], ...] = PASSING,
    ) -> None:
        """Do `one` round after the other until `stop`; `failed` is told what a round raised of `survives`."""
        while not self._stop.is_set():
            try:
                await one()
            except survives as error:
                failed(error)
            await pause(self._stop, self._every_s)
