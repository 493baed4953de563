"""Where is it? A SKU in one site with its places and items, from committed rows; for staff.

One transaction reads the SKU, its counts by zone, its items and who holds them. What one item is besides (its state at
other sites, its hold, its last movement) is `gateway.shopper`'s answer, as behind a Digital Link.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import BLIND, LIVE, STALE, UNKNOWN
from gateway.clock import Clock, iso, iso_or_none
from gateway.http.find_rows import Found, FoundPlace, FoundSku, FoundUnit
from gateway.ledger.picture import AVAILABLE
from gateway.shopper import ShopperView
from gateway.site_view import SKU_COLUMNS, SiteView, SiteViews, stock_of
from gateway.storage.commerce import binding, disposition
from gateway.storage.engine import Database
from gateway.storage.schema import item, sku, stock_count
from wire.gs1.digital_link import format_digital_link
from wire.site import OUT

ITEMS_SHOWN: Final = 50
"""Nobody walks to the fifty-first of one size; a page of them has some 15 KB."""


class Finder:
    """Answers where things are."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._views = SiteViews(clock)
        self._items = ShopperView(database, clock)

    async def find(self, site: str, gtin: str, serial: str | None, sees: Callable[[str], bool]) -> Found | None:
        """Return a SKU at a site, and one item of it at all sites that `sees` names; None: no such site.

        A SKU that no catalogue names is answered with `known` false, and what there is of it.
        """
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            if view is None:
                return None
            found = await self._sku(connection, view, gtin)
        one = None if serial is None else await self._items.item(gtin, serial, sees)
        return Found(site=site, serial=serial, sku=found, item=one)

    async def _sku(self, connection: AsyncConnection, view: SiteView, gtin: str) -> FoundSku:
        site = view.site.id
        named = (await connection.execute(select(*SKU_COLUMNS).where(sku.c.gtin == gtin))).one_or_none()
        counted = select(stock_count.c.zone, stock_count.c.quantity).where(
            stock_count.c.site == site, stock_count.c.gtin == gtin, stock_count.c.quantity > 0
        )
        units = {row.zone: int(row.quantity) for row in await connection.execute(counted)}
        stored = await stock_of(connection, [gtin], site, {site: view}, self._clock())
        said = next(iter(stored.values()), None)
        untagged = said.untagged if said is not None else 0
        rows, total = await _units(connection, site, gtin)
        return FoundSku(
            gtin=gtin,
            known=named is not None,
            style=named.style if named is not None else "",
            colour=named.colour if named is not None else "",
            size=named.size if named is not None else "",
            description=named.description if named is not None else "",
            department=named.department if named is not None else "",
            on_hand=sum(units.values()) + untagged,
            held=said.held if said is not None else 0,
            untagged=untagged,
            places=_places(view, units),
            items=[_unit(row, view) for row in rows],
            items_left_out=total - len(rows),
        )


async def _units(connection: AsyncConnection, site: str, gtin: str) -> tuple[list[Row[Any]], int]:
    """Return the items of a SKU in a site, the surest first, and how many there are."""
    here = (item.c.site == site) & (item.c.gtin == gtin) & (item.c.zone != OUT)
    total = int(await connection.scalar(select(func.count()).select_from(item).where(here)) or 0)
    same_item = (disposition.c.gtin == item.c.gtin) & (disposition.c.serial == item.c.serial)
    bound = (binding.c.gtin == item.c.gtin) & (binding.c.serial == item.c.serial)
    query = (
        select(item.c.gtin, item.c.serial, item.c.zone, item.c.since_us, item.c.probability)
        .add_columns(disposition.c.state, binding.c.reservation)
        .outerjoin(disposition, same_item)
        .outerjoin(binding, bound)
        .where(here)
        .order_by(func.coalesce(item.c.probability, 0).desc(), item.c.serial)
        .limit(ITEMS_SHOWN)
    )
    return list((await connection.execute(query)).all()), total


def _kinds(view: SiteView) -> Mapping[str, str]:
    return {zone.id: zone.kind.value for zone in view.site.zones}


def _status(view: SiteView, zone: str) -> str:
    look = view.looks.get(zone)
    return UNKNOWN if look is None else LIVE if look.live else BLIND


def _places(view: SiteView, units: Mapping[str, int]) -> list[FoundPlace]:
    """Return the zones that have any, in the order of walking: that of the site file."""
    found = []
    for zone in view.site.zones:
        if zone.id in units:
            look = view.looks.get(zone.id)
            found.append(
                FoundPlace(
                    zone=zone.id,
                    zone_kind=zone.kind.value,
                    units=units[zone.id],
                    status=_status(view, zone.id),
                    as_of=iso_or_none(look.as_of_us) if look is not None else None,
                )
            )
    return found


def _unit(row: Row[Any], view: SiteView) -> FoundUnit:
    live = _status(view, row.zone) == LIVE
    return FoundUnit(
        serial=row.serial,
        digital_link=format_digital_link((("01", row.gtin), ("21", row.serial))),
        zone=row.zone,
        zone_kind=_kinds(view).get(row.zone, ""),
        since=iso(row.since_us),
        status=LIVE if live else STALE,
        confidence=round(row.probability, 4) if live and row.probability is not None else None,
        state=row.state or AVAILABLE,
        held=row.reservation is not None,
    )
