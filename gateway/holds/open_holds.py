"""How many open holds each key has: an abandoned cart strands stock, a thousand of one key are a defect or an attack.

Counted are holds that are neither confirmed nor over. A count is good for a second, and this process's own new holds
are added to it; nobody is refused by an old count. Several processes may together let through what one of them makes in
a second: the cap is a guard, not a ledger.
"""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.asked import Who
from gateway.holds.errors import TooManyHoldsError
from gateway.holds.life import State
from gateway.holds.limits import COUNT_S, COUNTED_KEYS_MAX
from gateway.storage.commerce import reservation


@dataclass(slots=True)
class _Count:
    at_us: int
    held: int


@dataclass(slots=True)
class Counted:
    """What one transaction granted so far, by key, and the keys that it counted."""

    new: Counter[str] = field(default_factory=Counter)
    counted: set[str] = field(default_factory=set)


class OpenHolds:
    """The counts of this process."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    async def refuse(
        self, connection: AsyncConnection, who: Who, granted: Counted, now_us: int
    ) -> TooManyHoldsError | None:
        """Return the refusal of one more hold of this key, None when it may have it: then it is counted."""
        allowed = who.policy.holds_max
        count = self._counts.get(who.key)
        good = count is not None and 0 <= now_us - count.at_us < COUNT_S * 1e6 and count.held < allowed
        if count is None or not (good or who.key in granted.counted):
            if len(self._counts) >= COUNTED_KEYS_MAX:
                self._counts.clear()
            held = await _held(connection, who.key, now_us) + granted.new[who.key]
            count = self._counts[who.key] = _Count(now_us, held)
            granted.counted.add(who.key)
        if count.held >= allowed:
            return TooManyHoldsError(count.held, allowed)
        count.held += 1
        granted.new[who.key] += 1
        return None


async def _held(connection: AsyncConnection, key: str, now_us: int) -> int:
    query = (
        select(func.count())
        .select_from(reservation)
        .where(reservation.c.state == State.HELD.value, reservation.c.expires_us > now_us, reservation.c.key == key)
    )
    return int(await connection.scalar(query) or 0)
