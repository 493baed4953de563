"""What staff and auditors read: the story of an item, postings, the audit, shipments."""

from typing import Any

import msgspec
from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso
from gateway.http.trade_rows import (
    AuditPage,
    AuditRow,
    ItemHold,
    ItemMove,
    ItemPlace,
    ItemStory,
    PostingPage,
    PostingRow,
    ShipmentItems,
    ShipmentList,
)
from gateway.ledger.accounts import OWN
from gateway.ledger.picture import AVAILABLE
from gateway.storage.commerce import audit, binding, disposition, posting, reservation
from gateway.storage.engine import Database
from gateway.storage.schema import item, movement
from gateway.storage.schema import site as site_table
from gateway.storage.site_register import decode_site
from gateway.storage.statement import storable
from gateway.trade import shipments
from gateway.trade.dock import dock_reads, seen_at_dock
from gateway.trade.limits import HISTORY_MAX, PAGE_MAX
from gateway.trade.said import ItemName


class TradeReads:
    """Reads over committed rows. `sites` are those that the asking key may see; None: all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def item(self, gtin: str, serial: str, sites: frozenset[str] | None = None) -> ItemStory | None:
        """Return an item's story as far as it is of these sites; None when nobody ever heard of it there."""
        async with self._database.read() as connection:
            names = [
                name
                for name in await connection.scalars(select(site_table.c.site).order_by(site_table.c.site))
                if sites is None or name in sites
            ]
            return await _story(connection, names, gtin, storable(serial))

    async def postings(
        self,
        *,
        after: int = 0,
        limit: int = PAGE_MAX,
        site: str | None = None,
        gtin: str | None = None,
        serial: str | None = None,
        sites: frozenset[str] | None = None,
    ) -> PostingPage:
        """Return postings after an id, oldest first."""
        query = select(posting).where(posting.c.id > after).order_by(posting.c.id)
        for column, value in ((posting.c.site, site), (posting.c.gtin, gtin), (posting.c.serial, serial)):
            query = query if value is None else query.where(column == storable(value))
        if sites is not None:
            query = query.where(posting.c.site.in_(sorted(sites)))
        rows, more = await self._page(query, limit)
        return PostingPage([_posting(row) for row in rows], rows[-1].id if more else None)

    async def audit(
        self, *, after: int = 0, limit: int = PAGE_MAX, site: str | None = None, sites: frozenset[str] | None = None
    ) -> AuditPage:
        """Return the audit after an id, oldest first. A key for some sites does not see what concerns none."""
        query = select(audit).where(audit.c.id > after).order_by(audit.c.id)
        if site is not None:
            query = query.where(audit.c.site == storable(site))
        if sites is not None:
            query = query.where(audit.c.site.in_(sorted(sites)))
        rows, more = await self._page(query, limit)
        found = [
            AuditRow(
                id=row.id,
                at=iso(row.at_us),
                actor=row.actor,
                action=row.action,
                site=row.site,
                subject=row.subject,
                detail=msgspec.json.decode(bytes(row.detail)),
            )
            for row in rows
        ]
        return AuditPage(found, rows[-1].id if more else None)

    async def shipments(self, site: str, state: str | None = None, limit: int = PAGE_MAX) -> ShipmentList:
        """Return shipments to a site and from it: those that are open, or those in a state."""
        states = shipments.OPEN if state is None else (state,)
        async with self._database.read() as connection:
            return await shipments.listed(connection, storable(site), states, min(limit, PAGE_MAX))

    async def shipment(self, name: str) -> ShipmentItems:
        """Return a shipment. Raises `UnknownShipmentError`."""
        async with self._database.read() as connection:
            row = await shipments.find(connection, name)
            lines = await shipments.lines_of(connection, name)
            stored = await connection.scalar(select(site_table.c.config).where(site_table.c.site == row.to_site))
            site = decode_site(bytes(stored or b""))
            seen = await seen_at_dock(connection, site, row, lines)
            return await shipments.with_items(connection, name, dock_reads(site, lines, seen))

    async def shipment_sites(self, name: str) -> tuple[str | None, str]:
        """Return where a shipment comes from (None: a supplier) and goes to. Raises `UnknownShipmentError`."""
        async with self._database.read() as connection:
            row = await shipments.find(connection, name)
            return row.from_site, row.to_site

    async def _page(self, query: Select[Any], limit: int) -> tuple[list[Row[Any]], bool]:
        limit = min(limit, PAGE_MAX)
        async with self._database.read() as connection:
            rows = list((await connection.execute(query.limit(limit + 1))).all())
        return rows[:limit], len(rows) > limit


async def _story(connection: AsyncConnection, sites: list[str], gtin: str, serial: str) -> ItemStory | None:
    stated = select(disposition).where(disposition.c.gtin == gtin, disposition.c.serial == serial)
    row = (await connection.execute(stated)).one_or_none()
    if row is not None and row.site not in sites:
        row = None
    placed = select(item).where(item.c.site.in_(sites), item.c.gtin == gtin, item.c.serial == serial)
    places = [
        ItemPlace(site=place.site, zone=place.zone, since=iso(place.since_us), probability=place.probability)
        for place in await connection.execute(placed.order_by(item.c.site))
    ]
    posted = select(posting).where(posting.c.site.in_(sites), posting.c.gtin == gtin, posting.c.serial == serial)
    newest = posted.order_by(posting.c.id.desc()).limit(HISTORY_MAX)
    postings = [_posting(one) for one in await connection.execute(newest)]
    if row is None and not places and not postings:
        return None
    return ItemStory(
        gtin=gtin,
        serial=serial,
        digital_link=shipments.link_of(ItemName(gtin, serial)),
        state=row.state if row else AVAILABLE,
        site=row.site if row else None,
        owner=row.owner if row else OWN,
        since=iso(row.since_us) if row else None,
        places=places,
        hold=await _hold(connection, sites, gtin, serial),
        postings=postings,
        movements=await _moves(connection, sites, gtin, serial),
    )


async def _hold(connection: AsyncConnection, sites: list[str], gtin: str, serial: str) -> ItemHold | None:
    query = (
        select(binding, reservation.c.state, reservation.c.expires_us)
        .join(reservation, reservation.c.id == binding.c.reservation)
        .where(binding.c.gtin == gtin, binding.c.serial == serial, binding.c.site.in_(sites))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return ItemHold(
        reservation=row.reservation,
        line=row.line,
        site=row.site,
        picked=row.picked,
        state=row.state,
        expires_at=iso(row.expires_us),
    )


async def _moves(connection: AsyncConnection, sites: list[str], gtin: str, serial: str) -> list[ItemMove]:
    query = (
        select(movement)
        .where(movement.c.site.in_(sites), movement.c.gtin == gtin, movement.c.serial == serial)
        .order_by(movement.c.happened_us.desc(), movement.c.site, movement.c.m.desc())
        .limit(HISTORY_MAX)
    )
    return [
        ItemMove(
            site=row.site,
            m=row.m,
            from_zone=row.credit,
            to_zone=row.debit,
            happened_at=iso(row.happened_us),
            cause=row.cause,
            probability=row.probability,
        )
        for row in await connection.execute(query)
    ]


def _posting(row: Row[Any]) -> PostingRow:
    return PostingRow(
        id=row.id,
        site=row.site,
        gtin=row.gtin,
        serial=row.serial,
        owner=row.owner,
        from_account=row.credit,
        to_account=row.debit,
        quantity=row.quantity,
        cause=row.cause,
        source=row.source,
        actor=row.actor,
        happened_at=iso(row.happened_us),
        recorded_at=iso(row.recorded_us),
    )
