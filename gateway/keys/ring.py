"""The keys that this process knows: read from the database, held in memory, read again every few seconds.

A request never waits for the database to be let in. What that costs is time: a revoked key works until the next
reading, `RELOAD_S` at most, and a new one is found at once, because a name that is not known causes a reading
(`MISS_RELOAD_S` apart, so that wrong keys cannot load the database). When the database cannot be read the ring answers
from what it has for `STALE_S`, and then says that it does not know: nobody is let in on a memory that old, so that a
revocation is effective within a minute whatever happens.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.keys.key import Key, Standing
from gateway.keys.token import Token, is_same

RELOAD_S: Final = 15.0
RETRY_S: Final = 2.0
MISS_RELOAD_S: Final = 1.0
STALE_S: Final = 45.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What was read: whether there is any key at all, used up or not, and the keys by name."""

    exist: bool = False
    keys: dict[str, Key] = field(default_factory=dict)


class RingStaleError(Exception):
    """The keys could not be read for too long: nobody can be let in."""


class KeyRing:
    """Keys in memory. `read` reads them, `now_us` is UTC in microseconds, `now_s` a clock that never goes back."""

    def __init__(
        self, read: Callable[[], Awaitable[Known]], now_us: Callable[[], int], now_s: Callable[[], float]
    ) -> None:
        self._read = read
        self._now_us = now_us
        self._now_s = now_s
        self._known = Known()
        self._read_at_s: float | None = None
        self._tried_at_s: float | None = None
        self._reading = asyncio.Lock()
        self.errors = 0

    @property
    def is_stale(self) -> bool:
        """Whether what it holds is too old to let anybody in."""
        return self._read_at_s is None or self._now_s() - self._read_at_s > STALE_S

    @property
    def keys_exist(self) -> bool:
        """Whether there is any key, used up ones too: once there was one, nobody asks without. Raises when stale."""
        if self.is_stale:
            raise RingStaleError
        return self._known.exist

    async def reload(self) -> None:
        """Read the keys. Raises what the database raises."""
        async with self._reading:
            await self._reload()

    async def _reload(self) -> None:
        self._tried_at_s = started_s = self._now_s()
        self._known = await self._read()
        self._read_at_s = started_s

    async def find(self, token: Token) -> tuple[Key, Standing] | None:
        """Return the key that was sent and its standing; None when there is none such. Raises `RingStaleError`."""
        if self.is_stale or token.id not in self._known.keys:
            await self._after_a_miss()
        if self.is_stale:
            raise RingStaleError
        key = self._known.keys.get(token.id)
        if key is None or not is_same(key.sha256, token.sha256):
            return None
        return key, key.standing(self._now_us())

    def is_live(self, key_id: str) -> bool:
        """Whether a key that was let in before still may: for answers that take long, such as streams."""
        key = self._known.keys.get(key_id)
        return not self.is_stale and key is not None and key.standing(self._now_us()) is Standing.LIVE

    def still_lets_in(self, key: Key) -> bool:
        """Whether this very reading of a key still stands and lets in: after the next one it is asked anew."""
        if self._known.keys.get(key.id) is not key or self.is_stale:
            return False
        return key.standing(self._now_us()) is Standing.LIVE

    async def _after_a_miss(self) -> None:
        """Read the keys again, unless that was done a moment ago."""
        async with self._reading:
            if self._tried_at_s is not None and self._now_s() - self._tried_at_s < MISS_RELOAD_S:
                return
            try:
                await self._reload()
            except Exception as error:  # noqa: BLE001 - whatever the database says: counted, and tried again
                self._failed(error)

    async def follow(self) -> None:
        """Read the keys every `RELOAD_S`, until it is cancelled."""
        while True:
            try:
                await self.reload()
            except Exception as error:  # noqa: BLE001 - whatever the database says: counted, and tried again
                self._failed(error)
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(RELOAD_S)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        log.warning("keys_unreadable", error=repr(error))
