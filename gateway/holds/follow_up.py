"""What else follows when a reservation changes, in the same transaction: a port. Whoever gives people work fills it."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.rows import Held


class FollowUp(Protocol):
    """Called after a reservation was changed, with the rows of its stock and its own locked, before the sites' logs."""

    async def __call__(
        self, connection: AsyncConnection, held: Held, *, why: str, now_us: int, all_picked: bool = False
    ) -> None:
        """Let follow what follows. `held` is as it is now, `why` the reason of its events.

        `all_picked`: somebody said of the whole reservation that it is in his hands.
        """
        ...


async def nothing_follows(
    connection: AsyncConnection,
    held: Held,
    *,
    why: str,
    now_us: int,
    all_picked: bool = False,
) -> None:
    """Let nothing follow."""
