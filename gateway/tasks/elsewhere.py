"""The next best site, by sourcing: what a site turned out not to have is ordered anew, without that site.

The rules and the policy of the reservation's channel decide, within the sites of its key. Where the parcel goes is not
kept with a reservation; the site that was chosen for it before stands for the place.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.clock import Clock
from gateway.holds.asked import Asked, Who
from gateway.holds.errors import BusyError, HoldError
from gateway.site_view import SiteViews
from gateway.sourcing.orders import Orders
from gateway.sourcing.plan import Need
from gateway.sourcing.quotes import Order
from gateway.storage.commerce import api_key, channel, reservation
from gateway.storage.engine import Database
from gateway.tasks.limits import TURN_S
from gateway.tasks.next_best import Lacking

TTL_S: Final = TURN_S
"""How long the next site keeps the units unconfirmed: they are handed on in this turn, or not at all."""


class Sourced:
    """Holds units where sourcing finds them best: a `NextBest`."""

    def __init__(self, database: Database, clock: Clock, orders: Orders) -> None:
        self._database = database
        self._views = SiteViews(clock)
        self._orders = orders

    async def hold(self, lacking: Lacking) -> Sequence[str]:
        """Hold these units at other sites; see the port. Its own idempotency keys are names that nobody can send."""
        async with self._database.read() as connection:
            who = await _owner(connection, lacking)
            view = await self._views.one(connection, lacking.site)
        place = None if view is None else view.site.location
        digest = hashlib.sha256(msgspec.msgpack.encode(lacking)).digest()
        name = f" elsewhere/{lacking.reservation}/{lacking.site}/{lacking.version}/{lacking.turn}/{digest[:8].hex()}"
        asked = Asked(
            who=who,
            name=name,
            sha256=digest,
            wishes=(),
            mode=lacking.mode,
            ttl_s=TTL_S,
        )
        needs = tuple(Need(gtin, units) for gtin, units in lacking.lines)
        order = Order(needs=needs, mode=lacking.mode, ship_to=place, without=frozenset({lacking.site}))
        try:
            made = await self._orders.reserve(asked, order)
        except BusyError:
            raise
        except HoldError:  # nobody has them
            return ()
        told: dict[str, Any] = msgspec.json.decode(made.body)
        return [part["id"] for part in told.get("parts", [told])]


async def _owner(connection: AsyncConnection, lacking: Lacking) -> Who:
    """Return whose reservation it is, with the policy of its channel and the sites of its key."""
    query = (
        select(channel, reservation.c.channel.label("called"), api_key.c.sites)
        .select_from(reservation)
        .outerjoin(channel, channel.c.name == reservation.c.channel)
        .outerjoin(api_key, api_key.c.id == reservation.c.key)
        .where(reservation.c.id == lacking.reservation)
    )
    row = (await connection.execute(query)).one()
    policy = Policy(row.called)
    if row.name is not None:
        policy = Policy(**{part.name: getattr(row, part.name) for part in fields(Policy)})
    return Who(lacking.key, policy, None if row.sites is None else frozenset(row.sites.split()))
