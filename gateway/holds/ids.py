"""Ids of reservations: UUID version 7, which begin with their time (RFC 9562 section 5.7).

Rows of the same minute lie side by side in the index, and the order of ids is the order of making: who waits for a
unit longest is served first.
"""

import secrets
from collections.abc import Callable
from typing import Final, TypeAlias
from uuid import UUID

from gateway.clock import Clock

NewId: TypeAlias = Callable[[], str]
"""Returns a new id at each call."""

_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62
_LOW_BITS: Final = 62
_HIGH_BITS: Final = 12


def uuid7(now_us: int, random: int) -> str:
    """Return the id of an instant (UTC microseconds) with 62 random bits.

    The 12 bits after the millisecond are its fraction, as section 6.2 (method 3) allows.
    """
    millis, micros = divmod(now_us, 1_000)
    fraction = (micros << _HIGH_BITS) // 1_000
    low = random & ((1 << _LOW_BITS) - 1)
    return str(UUID(int=(millis & ((1 << 48) - 1)) << 80 | _VERSION | fraction << 64 | _VARIANT | low))


def random_ids(clock: Clock) -> NewId:
    """Return a source of ids."""
    return lambda: uuid7(clock(), secrets.randbits(_LOW_BITS))
