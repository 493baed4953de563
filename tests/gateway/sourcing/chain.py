"""A chain of small stores on a line to the east, with stock that a test says, and orders over it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import update

from gateway.availability import Policy
from gateway.geo import Location
from gateway.holds.asked import Asked, Who
from gateway.keys.store import ChannelChange, upsert_channel
from gateway.sourcing.channel_rules import set_rules
from gateway.sourcing.limits import STALE_S
from gateway.sourcing.plan import LeftOut, Need, Plan, Quote
from gateway.sourcing.quotes import Order, Quotes
from gateway.sourcing.rules import SourcingRules
from gateway.storage.engine import Database
from gateway.storage.schema import site_fold, zone_state
from gateway.storage.site_register import register_site
from gateway.storage.statement import insert_into
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_S, SITE
from wire.site import Fulfilment

BUYER: Location = (50.0, 8.0)
KM_A_DEGREE = 71.47
"""Of longitude, at 50 degrees of latitude."""
WEB = Who("web", Policy("web"))


def told(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()


def needs(*wanted: tuple[str, int]) -> tuple[Need, ...]:
    return tuple(Need(gtin, quantity) for gtin, quantity in wanted or [(SHIRT_S, 1)])


def order(*wanted: tuple[str, int], **more: Any) -> Order:
    """An order for `BUYER`: one shirt, or what is named."""
    return Order(needs(*wanted), **({"mode": "ship", "ship_to": BUYER} | more))


def asked(name: str, who: Who = WEB, **more: Any) -> Asked:
    """A request without sites, as the HTTP side makes it."""
    facts: dict[str, Any] = {"sha256": name.encode()[:32].ljust(32, b"\0"), "mode": "ship", "ttl_s": 900} | more
    return Asked(who=who, name=name, wishes=(), **facts)


@dataclass
class Chain:
    """Sites of one database; nothing of the small store itself is in it."""

    database: Database
    rig: Rig = field(init=False)
    quotes: Quotes = field(init=False)

    def __post_init__(self) -> None:
        self.rig = Rig(self.database)
        self.quotes = Quotes(self.database, self.rig.clock)

    async def store(
        self, name: str, km: float | None = 0.0, *, hours: Any = None, timezone: str = SITE.timezone, **does: Any
    ) -> None:
        """Put a store on the map, or describe it anew: so far from the buyer, all its zones looked at."""
        place = None if km is None else (BUYER[0], BUYER[1] + km / KM_A_DEGREE)
        one = replace(SITE, id=name, location=place, timezone=timezone, fulfilment=Fulfilment(**does))
        one = one if hours is None else replace(one, hours=hours)
        now_us = self.rig.clock()
        async with self.database.write() as connection:
            await register_site(connection, one, now_us)
            await connection.execute(update(site_fold).where(site_fold.c.site == name).values(now_us=now_us))
            for zone in ("BACK", "FLOOR", "FIT"):
                row = {"site": name, "zone": zone, "status": "live", "as_of_us": now_us, "since_us": now_us}
                await connection.execute(insert_into(connection, zone_state).on_conflict_do_nothing(), row)

    async def stores(self, **stock: int) -> None:
        """Put stores on the map, each ten kilometres further, with so many shirts for sure: `a=2, b=1`."""
        for number, (name, units) in enumerate(stock.items(), 1):
            await self.store(name, km=10.0 * number)
            if units:
                await self.rig.put(*(f"{name}{unit}" for unit in range(units)), site=name)

    async def blind(self, site: str, *zones: str) -> None:
        async with self.database.write() as connection:
            mine = (zone_state.c.site == site) & zone_state.c.zone.in_(zones)
            await connection.execute(update(zone_state).where(mine).values(status="blind"))

    async def live_again(self) -> None:
        """Let the folds of all sites be of now."""
        async with self.database.write() as connection:
            await connection.execute(update(site_fold).values(now_us=self.rig.clock()))

    async def rules(self, rules: SourcingRules, channel: str = "web") -> None:
        async with self.database.write() as connection:
            await upsert_channel(connection, channel, ChannelChange(), self.rig.clock())
            await set_rules(connection, channel, rules, self.rig.clock())

    async def quoted(self, wanted: Order | None = None, who: Who = WEB, *, later_s: float = STALE_S) -> Quote:
        """Quote what the database says now: the sites are read anew."""
        self.rig.clock.advance(later_s)
        await self.live_again()
        return (await self.quotes.quote(who, wanted or order())).quote

    async def sites(self, wanted: Order | None = None, who: Who = WEB) -> list[tuple[str, ...]]:
        """The sites of each plan, the best first."""
        return [plan.sites for plan in (await self.quoted(wanted, who)).plans]

    async def out(self, wanted: Order | None = None, who: Who = WEB) -> dict[LeftOut, int]:
        return dict((await self.quoted(wanted, who)).left_out)


def units_of(plan: Plan) -> dict[tuple[str, str], int]:
    return {(part.site, line.gtin): line.quantity for part in plan.parts for line in part.lines}


def decoded(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body)
    return found
