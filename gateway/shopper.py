"""What a product's Digital Link shows, from committed rows: sizes and stores for anybody, one item for staff.

The two questions are separate on purpose. `style` is all that a shopper's answer is made of, and it never sees a
serial: whoever scans an item learns nothing of that item, not even by how long the answer took.

A *store* is a site with a sales floor; a warehouse's stock is nothing that a shopper can go to.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, case, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.answers import SkuRow
from gateway.availability import LIVE, STALE, Policy, decode_ladder, offer
from gateway.clock import Clock, iso
from gateway.geo import Location, distance_km
from gateway.http.digital_link_rows import LinkHold, LinkItem, LinkMove, LinkPlace, Store, StoreStock, StyleStock
from gateway.ledger.picture import AVAILABLE, SkuKey
from gateway.ledger.retell import ACTIVE
from gateway.site_view import (
    SKU_COLUMNS,
    STOCK_COLUMNS,
    SiteView,
    SiteViews,
    StoredStock,
    at_site,
    stock_of,
    stored_of,
)
from gateway.storage.commerce import binding, disposition, reservation
from gateway.storage.engine import Database
from gateway.storage.schema import item, movement, sku, stock, stock_count
from gateway.storage.statement import MANY
from wire.gs1.digital_link import format_digital_link
from wire.site import OUT, Site, ZoneKind

OFFERED: Final = Policy()
"""Nobody's own policy: what the gateway promises to a channel that said nothing else."""

STYLE_MAX: Final = 400
"""SKUs of one style: twenty colours in twenty sizes. What is above that is not listed."""

STORES_SHOWN: Final = 20
"""Nobody drives to the twenty-first; a page of them has some 20 KB."""

PLACES_MAX: Final = 1_000
"""Stores to choose a place by: about 60 KB of a page."""


def is_store(site: Site) -> bool:
    """Whether shoppers go there."""
    return any(zone.kind is ZoneKind.SALES_FLOOR for zone in site.zones)


class ShopperView:
    """Reads what links lead to; each answer is of one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._views = SiteViews(clock)

    async def style(self, gtin: str, near: Location | None = None) -> StyleStock | None:
        """Return a SKU with its style and the stores, None when no catalogue names it.

        The stores that have the SKU come first, the nearest of them before the others, or by name without `near`.
        """
        async with self._database.read() as connection:
            skus = await _skus_of_style(connection, gtin)
            asked = next((row for row in skus if row.gtin == gtin), None)
            if asked is None:
                return None
            views = await self._views.load(connection)
            stores = {name: _store_of(view.site) for name, view in views.items() if is_store(view.site)}
            gtins, now_us = [row.gtin for row in skus], self._clock()
            others = sorted(views.keys() - stores.keys())
            best = await _best(connection, gtins, others, views, now_us)
            asked_at = _promised(await stock_of(connection, [gtin], None, views, now_us))
            far = _distances(stores.values(), near)

            def order(name: str) -> tuple[bool, float, str, str]:
                return (not asked_at.get((name, gtin)), far.get(name, float("inf")), stores[name].name, name)

            shown = sorted(stores, key=order)[:STORES_SHOWN]
            stored = await _stored_at(connection, gtins, shown, views, now_us)
            units = await _units(connection, gtin, shown)
        promised = _promised(stored)
        placed = sorted((store for store in stores.values() if store.location), key=lambda store: store.name)
        return StyleStock(
            asked=asked,
            skus=skus,
            most={name: most for name, (most, _) in best.items()},
            having={name: having for name, (_, having) in best.items()},
            stores=[
                StoreStock(
                    stores[name],
                    far.get(name),
                    at_site(name, gtin, views[name], units[name], stored.get(SkuKey(name, gtin))),
                    {number: promised[name, number] for number in gtins if (name, number) in promised},
                )
                for name in shown
            ],
            stores_in_all=len(stores),
            places=placed[:PLACES_MAX],
        )

    async def item(self, gtin: str, serial: str, sees: Callable[[str], bool]) -> LinkItem:
        """Return what the sites that `sees` names know of an item; all of it is empty of one that nobody met."""
        now_us = self._clock()
        async with self._database.read() as connection:
            views = {name: view for name, view in (await self._views.load(connection)).items() if sees(name)}
            rows = await _item_rows(connection, gtin, serial, sorted(views))
            moved = await _newest_move(connection, rows)
            named = (disposition.c.gtin == gtin) & (disposition.c.serial == serial)
            said = (await connection.execute(select(disposition).where(named))).one_or_none()
            hold = await _hold(connection, gtin, serial, now_us)
        said = said if said is not None and said.site in views else None
        return LinkItem(
            serial=serial,
            digital_link=format_digital_link((("01", gtin), ("21", serial))),
            state=said.state if said is not None else AVAILABLE if rows else None,
            state_since=iso(said.since_us) if said is not None else None,
            owner=said.owner if said is not None else None,
            places=[_place(row, views[row.site]) for row in rows],
            hold=hold if hold is not None and hold.site in views else None,
            last_movement=moved,
        )


def _store_of(site: Site) -> Store:
    return Store(site.id, site.name, site.location)


async def _skus_of_style(connection: AsyncConnection, gtin: str) -> list[SkuRow]:
    """Return the SKUs of the style that a GTIN is of, by GTIN, the asked one always among them."""
    asked = (await connection.execute(select(*SKU_COLUMNS).where(sku.c.gtin == gtin))).one_or_none()
    if asked is None:
        return []
    query = select(*SKU_COLUMNS).where(sku.c.style == asked.style, sku.c.gtin != gtin)
    others = (await connection.execute(query.order_by(sku.c.gtin).limit(STYLE_MAX - 1))).all()
    return [SkuRow(*row) for row in sorted([asked, *others], key=lambda row: row.gtin)]


def _promised(stored: Mapping[SkuKey, StoredStock]) -> dict[tuple[str, str], int]:
    """Return by site and GTIN what the default policy promises; a blind zone keeps its promise there."""
    return {(key.site, key.gtin): offer(decode_ladder(row.ladder), OFFERED, LIVE).atp for key, row in stored.items()}


async def _best(
    connection: AsyncConnection, gtins: Sequence[str], others: Sequence[str], views: Mapping[str, SiteView], now_us: int
) -> dict[str, tuple[int, int]]:
    """Return by GTIN the most that a store promises, and how many promise any; `others` are sites that are no stores.

    The database counts, by the column that holds the default policy's promise: a chain has ten thousand such rows.
    Rows that say none, and those of which a hold expired since, are looked at one by one.
    """
    settled = stock.c.promised.is_not(None) & (stock.c.next_expiry_us.is_(None) | (stock.c.next_expiry_us > now_us))
    ours = stock.c.gtin.in_(gtins) & stock.c.site.not_in(others)
    having = func.sum(case((stock.c.promised > 0, 1), else_=0))
    query = select(stock.c.gtin, func.max(stock.c.promised), having).where(ours, settled).group_by(stock.c.gtin)
    found = {gtin: (int(most), int(count)) for gtin, most, count in (await connection.execute(query)).all()}
    odd = (await connection.execute(select(*STOCK_COLUMNS).where(ours, not_(settled)))).all()
    for (_, gtin), promised in _promised(await stored_of(connection, odd, views, now_us)).items():
        most, count = found.get(gtin, (0, 0))
        found[gtin] = (max(most, promised), count + (promised > 0))
    return found


async def _stored_at(
    connection: AsyncConnection, gtins: Sequence[str], sites: Sequence[str], views: Mapping[str, SiteView], now_us: int
) -> dict[SkuKey, StoredStock]:
    query = select(*STOCK_COLUMNS).where(stock.c.site.in_(sites), stock.c.gtin.in_(gtins))
    return await stored_of(connection, (await connection.execute(query)).all(), views, now_us)


def _distances(stores: Any, near: Location | None) -> dict[str, float]:
    if near is None:
        return {}
    return {store.site: round(distance_km(near, store.location), 1) for store in stores if store.location is not None}


async def _units(connection: AsyncConnection, gtin: str, sites: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the units of a SKU by site and zone."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    query = select(stock_count.c.site, stock_count.c.zone, stock_count.c.quantity).where(
        stock_count.c.site.in_(sites), stock_count.c.gtin == gtin, stock_count.c.quantity > 0
    )
    for row in await connection.execute(query):
        found[row.site][row.zone] = row.quantity
    return found


# -- one item


async def _item_rows(connection: AsyncConnection, gtin: str, serial: str, sites: Sequence[str]) -> list[Row[Any]]:
    """Return the rows of an item at these sites: where it is now before where it was."""
    rows: list[Row[Any]] = []
    for low in range(0, len(sites), MANY):
        here = item.c.site.in_(sites[low : low + MANY])
        query = select(item).where(here, item.c.gtin == gtin, item.c.serial == serial)
        rows += (await connection.execute(query)).all()
    return sorted(rows, key=lambda row: (row.zone == OUT, -row.since_us, row.site))


async def _newest_move(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> LinkMove | None:
    newest = None
    for row in rows[:MANY]:
        query = select(movement).where(movement.c.site == row.site, movement.c.m == row.m)
        moved = (await connection.execute(query)).one_or_none()
        if moved is not None and (newest is None or moved.happened_us > newest.happened_us):
            newest = moved
    if newest is None:
        return None
    return LinkMove(
        site=newest.site,
        from_zone=newest.credit,
        to_zone=newest.debit,
        happened_at=iso(newest.happened_us),
        cause=newest.cause,
        confidence=newest.probability,
    )


async def _hold(connection: AsyncConnection, gtin: str, serial: str, now_us: int) -> LinkHold | None:
    """Return the active hold of an item; one that has lapsed counts as gone."""
    columns = (reservation.c.channel, reservation.c.mode, reservation.c.state, reservation.c.expires_us)
    query = (
        select(binding.c.reservation, binding.c.site, binding.c.picked, *columns)
        .join(reservation, reservation.c.id == binding.c.reservation)
        .where(binding.c.gtin == gtin, binding.c.serial == serial, reservation.c.state.in_(ACTIVE))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or (row.state == "held" and row.expires_us <= now_us):
        return None
    return LinkHold(
        reservation=row.reservation,
        channel=row.channel,
        mode=row.mode,
        state=row.state,
        site=row.site,
        picked=row.picked,
        expires_at=iso(row.expires_us) if row.state == "held" else None,
    )


def _place(row: Row[Any], view: SiteView) -> LinkPlace:
    """Return where an item is; a zone that nobody looks at keeps the place, but no number says how sure that is."""
    look = view.looks.get(row.zone)
    nobody = bool(view.looks) and not any(found.live for found in view.looks.values())
    stale = row.zone != OUT and (nobody or (look is not None and not look.live))
    kind = next((zone.kind.value for zone in view.site.zones if zone.id == row.zone), "")
    return LinkPlace(
        site=row.site,
        site_name=view.site.name,
        zone=row.zone,
        zone_kind=kind,
        since=iso(row.since_us),
        status=STALE if stale else LIVE,
        confidence=None if stale or row.probability is None else round(row.probability, 4),
    )
