"""What a site does not have, asked for elsewhere: a port. `gateway.tasks.resourcing` fills it."""

from typing import Protocol


class Elsewhere(Protocol):
    """Has units served by other sites."""

    async def serve(self, reservation: str, site: str) -> bool:
        """Have what a reservation lacks in a site served by others; return whether they were asked. Never raises."""
        ...
