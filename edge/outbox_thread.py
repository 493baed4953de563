"""The outbox for an event loop: one thread of its own, so that a sync of the disk never holds up a reader.

Calls run one after another in the order in which they were made; the file has one writer by construction.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from edge.delivery import HeldRows
from edge.outbox import Appended, NewRow, Outbox, OutboxFigures, OutboxLimits, StoredRow

_T = TypeVar("_T")


class OutboxThread:
    """An `Outbox` behind its own thread; its methods are those of `Outbox`, to be awaited."""

    def __init__(self, outbox: Outbox, executor: ThreadPoolExecutor) -> None:
        self._outbox = outbox
        self._executor = executor

    @classmethod
    async def open(cls, path: Path, site: str, edge: str, limits: OutboxLimits | None = None) -> Self:
        """Open the file in a new thread. Raises as `Outbox` does."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        try:
            outbox = await asyncio.get_running_loop().run_in_executor(executor, Outbox, path, site, edge, limits)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return cls(outbox, executor)

    @property
    def fresh_because(self) -> str:
        """Why this file began new with this start; empty for one that was there."""
        return self._outbox.fresh_because

    async def append(self, stream: bytes, rows: Sequence[NewRow], now_us: int, now_s: float) -> Appended:
        """As `Outbox.append`."""
        return await self._run(lambda: self._outbox.append(stream, rows, now_us, now_s))

    async def read(self, stream: bytes, first: int, last: int) -> list[StoredRow]:
        """As `Outbox.read`."""
        return await self._run(lambda: self._outbox.read(stream, first, last))

    async def delete(self, upto: dict[bytes, int]) -> int:
        """As `Outbox.delete`."""
        return await self._run(lambda: self._outbox.delete(upto))

    async def held(self) -> list[HeldRows]:
        """As `Outbox.held`."""
        return await self._run(self._outbox.held)

    async def oldest_us(self, stream: bytes | None = None) -> int | None:
        """As `Outbox.oldest_us`."""
        return await self._run(lambda: self._outbox.oldest_us(stream))

    def figures(self) -> OutboxFigures:
        """As `Outbox.figures`: those of the last commit."""
        return self._outbox.figures()

    async def close(self) -> None:
        """Finish what was asked for and close the file."""
        await self._run(self._outbox.close)
        self._executor.shutdown(wait=True)

    async def _run(self, call: Callable[[], _T]) -> _T:
        """Run in the thread. A cancelled caller leaves nothing half done: the call is finished, or never begun."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
