"""Transactions that take turns: a bounded number runs, a bounded number waits, and each is tried a few times."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.holds.errors import BusyError

T = TypeVar("T")

AGAIN: Final = (DBAPIError, PoolTimeoutError, OSError)
"""What a database says that another attempt may mend."""

_ATTEMPTS: Final = 3


class Turns:
    """The turns of one part of this process: `at_once` run, `waiting_max` wait for `what` they are, in words."""

    def __init__(self, what: str, at_once: int, waiting_max: int) -> None:
        self.waiting = 0
        self._what = what
        self._waiting_max = waiting_max
        self._slots = asyncio.Semaphore(at_once)

    async def tried(self, what: str, once: Callable[[], Awaitable[T]]) -> T:
        """Do a transaction in its turn; `what` it is, for the refusal. Raises `BusyError`."""
        if self.waiting >= self._waiting_max:
            raise BusyError(f"{self._waiting_max} {self._what} wait already")
        self.waiting += 1
        try:
            async with self._slots:
                for attempt in range(_ATTEMPTS):
                    try:
                        return await once()
                    except AGAIN as error:
                        if attempt == _ATTEMPTS - 1:
                            raise BusyError(f"the database did not take {what}") from error
                        await asyncio.sleep(0.005 * 4**attempt)
        finally:
            self.waiting -= 1
        raise AssertionError
