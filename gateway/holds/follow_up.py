"""What else follows when a reservation changes, in the same transaction: a port, and several that are one.

Whoever gives people work fills it, and whoever tells the channel.
"""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.rows import Held


class FollowUp(Protocol):
    """Called after a reservation was changed, with the rows of its stock and its own locked, before the sites' logs."""

    async def __call__(
        self,
        connection: AsyncConnection,
        held: Held,
        *,
        why: str,
        now_us: int,
        all_picked: bool = False,
        at: str = "",
        to: Sequence[Held] = (),
    ) -> None:
        """Let follow what follows. `held` is as it is now, `why` the reason of its events.

        `all_picked`: somebody said of the whole reservation that it is in his hands. `at`: the one of its sites where
        it happened, empty for all. `to`: reservations that took units over.
        """
        ...


class Following:
    """Several follow-ups, one after the other."""

    def __init__(self, *each: FollowUp) -> None:
        self._each = each

    async def __call__(
        self,
        connection: AsyncConnection,
        held: Held,
        *,
        why: str,
        now_us: int,
        all_picked: bool = False,
        at: str = "",
        to: Sequence[Held] = (),
    ) -> None:
        """Let each follow."""
        for one in self._each:
            await one(connection, held, why=why, now_us=now_us, all_picked=all_picked, at=at, to=to)


async def nothing_follows(
    connection: AsyncConnection,
    held: Held,
    *,
    why: str,
    now_us: int,
    all_picked: bool = False,
    at: str = "",
    to: Sequence[Held] = (),
) -> None:
    """Let nothing follow."""
