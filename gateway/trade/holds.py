"""What a sale needs of reservations: a port. Whoever keeps reservations fills it.

A sale that names a reservation uses up its units: what was held online is paid and collected in the shop. The call is
made with the SKUs' rows of `stock` locked, and before anything is posted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.trade.errors import ReservationError
from gateway.trade.said import ItemName


@dataclass(slots=True)
class Collected:
    """What a sale took of a reservation.

    `items`: bound items that go out for units that were named by GTIN only, by GTIN; `untagged`: units without tags
    that the hold counted on and that are sold now, by GTIN; `open_units`: what the reservation still holds, anywhere.
    """

    items: dict[str, list[str]] = field(default_factory=dict)
    untagged: dict[str, int] = field(default_factory=dict)
    open_units: int = 0


class Holds(Protocol):
    """Reservations, as a sale sees them."""

    async def collect(
        self,
        connection: AsyncConnection,
        reservation: str,
        site: str,
        items: Sequence[ItemName],
        units: Mapping[str, int],
        *,
        now_us: int,
    ) -> Collected:
        """Use up units of an active reservation at a site: `items`, and `units` by GTIN.

        Each takes the place of one held unit of its SKU: a held item of that name first; otherwise one unit of the hold
        is let go. Bindings of what is used up are taken away, so that `retell` does not move them on. Raises
        `ReservationError` when there is no such reservation, it is over, or it holds less than that at this site.
        """
        ...


class NoHolds:
    """No reservations here."""

    async def collect(
        self,
        connection: AsyncConnection,  # noqa: ARG002 - the port's signature
        reservation: str,
        site: str,  # noqa: ARG002
        items: Sequence[ItemName],  # noqa: ARG002
        units: Mapping[str, int],  # noqa: ARG002
        *,
        now_us: int,  # noqa: ARG002
    ) -> Collected:
        """Refuse every reservation. Raises `ReservationError`."""
        raise ReservationError(reservation, "this gateway keeps no reservations")
