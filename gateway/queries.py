"""The read side: committed rows in, answers out. Nothing here writes; what does stands beside it as `desk`.

Each answer is made in one reading transaction, so that its parts agree. Changes are read by `seq`, which only relayed
rows have: a cursor never skips one. A snapshot takes cursor and rows in the same repeatable-read transaction; a row may
then be *newer* than the cursor, never older, and the change that comes again is recognised by its `version`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select

from gateway.answers import GapRow, ItemRow, QuarantineRow, SkuRow, UnknownGtin
from gateway.availability import encode_ladder
from gateway.clock import Clock, iso, iso_or_none
from gateway.http.ports import (
    Availability,
    ChangePage,
    ChangeRow,
    CursorAhead,
    CursorGone,
    DifferencePage,
    EdgeRow,
    FeedHealth,
    FigureAt,
    Health,
    MovementRow,
    SiteAccuracy,
    SiteAvailability,
    SiteRow,
    Snapshot,
    StockRow,
    ZoneRow,
)
from gateway.http.survey_rows import SiteModel
from gateway.ledger import series
from gateway.ledger.desk import Desk
from gateway.ledger.difference_rows import NOWHERE, difference_page
from gateway.ledger.picture import SkuKey
from gateway.ledger.post import counts_of
from gateway.ledger.retell import pictures_of
from gateway.limits import PAGE_MAX_ROWS
from gateway.model_view import ModelViews
from gateway.relay import last_seq
from gateway.site_health import site_healths
from gateway.site_view import SKU_COLUMNS, SiteViews, at_site, stock_of, stock_rows, zone_rows
from gateway.stock_event import with_seq
from gateway.storage.commerce import reservation
from gateway.storage.engine import Database
from gateway.storage.schema import change, edge_state, gap, item, movement, quarantine, site_fold, site_log, sku, stock
from gateway.storage.schema import unknown_gtin as unknown_table
from gateway.storage.statement import MANY, storable
from wire.messages import decode_state
from wire.site import OUT

SERIES_MAX_ROWS = 24 * 60
"""Rows of one figure in one answer: a day of minutes, about 80 KB of JSON."""


class Queries:
    """Answers from the database. `ingest` gives the counters of this process for `health`."""

    def __init__(self, database: Database, clock: Clock, ingest: Callable[[], dict[str, int]] = dict) -> None:
        self._database = database
        self._clock = clock
        self._ingest = ingest
        self._views = SiteViews(clock)
        self._models = ModelViews(clock)
        self.desk = Desk(database, clock)

    # -- availability

    async def availability(self, gtin: str, site: str | None = None) -> Availability | None:
        """Return a SKU's figures at one site or all; None when no catalogue names the GTIN."""
        found = await self.availabilities([gtin], site)
        return found[0] if found else None

    async def availabilities(self, gtins: Sequence[str], site: str | None = None) -> list[Availability]:
        """Return the figures of up to `PAGE_MAX_ROWS` SKUs, in order of GTIN; those in no catalogue are left out."""
        wanted = sorted(set(gtins))[:PAGE_MAX_ROWS]
        async with self._database.read() as connection:
            known: list[str] = []
            for low in range(0, len(wanted), MANY):
                part = select(sku.c.gtin).where(sku.c.gtin.in_(wanted[low : low + MANY])).order_by(sku.c.gtin)
                known += list(await connection.scalars(part))
            if not known:
                return []
            views = await self._views.load(connection, None if site is None else [site])
            if site is not None and site not in views:
                return [Availability(gtin, []) for gtin in known]
            stored = await stock_of(connection, known, site, views, self._clock())
            rows: dict[str, list[SiteAvailability]] = {gtin: [] for gtin in known}
            for name in sorted({key.site for key in stored} if site is None else views):
                counts = await counts_of(connection, name, known)
                for gtin in known:
                    row = stored.get(SkuKey(name, gtin))
                    if row is not None or site is not None:
                        rows[gtin].append(at_site(name, gtin, views[name], counts[gtin], row))
        return [Availability(gtin, rows[gtin]) for gtin in known]

    async def availability_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[SiteAvailability | None]:
        """Return the row of each (GTIN, site), in order; None where catalogue or gateway know nothing of it."""
        by_site: dict[str, list[str]] = defaultdict(list)
        for gtin, site in sorted(set(pairs)):
            by_site[site].append(gtin)
        found: dict[tuple[str, str], SiteAvailability] = {}
        async with self._database.read() as connection:
            views = await self._views.load(connection, by_site)
            for site, view in views.items():
                known: list[str] = []
                for low in range(0, len(by_site[site]), MANY):
                    part = select(sku.c.gtin).where(sku.c.gtin.in_(by_site[site][low : low + MANY]))
                    known += list(await connection.scalars(part))
                stored = await stock_of(connection, known, site, views, self._clock())
                counts = await counts_of(connection, site, known)
                for gtin in known:
                    row = stored.get(SkuKey(site, gtin))
                    found[gtin, site] = at_site(site, gtin, view, counts[gtin], row)
        return [found.get(pair) for pair in pairs]

    async def ladder_without(self, site: str, gtin: str, hold: str, key: str) -> bytes:
        """Return the ladder of a SKU at a site as it is without one hold of this key; another key's counts."""
        row = SkuKey(site, gtin)
        async with self._database.read() as connection:
            views = await self._views.load(connection, [site])
            sellable = {name: view.sellable for name, view in views.items()}
            picture = (await pictures_of(connection, [row], sellable, self._clock()))[row]
            owner = await connection.scalar(select(reservation.c.key).where(reservation.c.id == storable(hold)))
        return encode_ladder(picture.ladder(hold if owner == key else ""))

    async def stock_page(self, site: str, after_gtin: str, limit: int) -> tuple[int, list[StockRow]]:
        """Return a site's SKUs after a GTIN, and the cursor that they are true at."""
        async with self._database.read() as connection:
            cursor = await last_seq(connection)
            view = await self._views.one(connection, site)
            if view is None:
                return cursor, []
            limit = min(limit, PAGE_MAX_ROWS)
            after_gtin = storable(after_gtin)
            return cursor, await stock_rows(connection, view, after_gtin, limit, None, now_us=self._clock())

    async def site_stock(
        self, site: str, *, after_gtin: str = "", limit: int = PAGE_MAX_ROWS, style: str | None = None
    ) -> list[StockRow]:
        """Return a site's SKUs after a GTIN, in order, with units by zone; those in no catalogue are left out."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            if view is None:
                return []
            limit = min(limit, PAGE_MAX_ROWS)
            return await stock_rows(connection, view, after_gtin, limit, style, now_us=self._clock())

    async def snapshot(self, site: str) -> Snapshot:
        """Return all of a site's rows and the cursor that they are true at."""
        async with self._database.read() as connection:
            cursor = await last_seq(connection)
            view = await self._views.one(connection, site)
            if view is None:
                return Snapshot(cursor, site, [], [])
            rows: list[StockRow] = []
            after = ""
            while page := await stock_rows(connection, view, after, PAGE_MAX_ROWS, None, now_us=self._clock()):
                rows += page
                after = page[-1].gtin
            return Snapshot(cursor, site, rows, await zone_rows(connection, view))

    async def sku(self, gtin: str) -> SkuRow | None:
        """Return a row of the catalogue."""
        rows = await self._rows(select(*SKU_COLUMNS).where(sku.c.gtin == gtin))
        return _sku_row(rows[0]) if rows else None

    async def skus_of_style(self, style: str, limit: int = PAGE_MAX_ROWS) -> list[SkuRow]:
        """Return the catalogue rows of a style, by GTIN."""
        query = select(*SKU_COLUMNS).where(sku.c.style == style).order_by(sku.c.gtin).limit(min(limit, PAGE_MAX_ROWS))
        return [_sku_row(row) for row in await self._rows(query)]

    # -- changes

    async def changes(self, after_seq: int, limit: int = 500, site: str | None = None) -> ChangePage:
        """Return relayed changes after a cursor, in order. Raises `CursorGone` and `CursorAhead`.

        With `site` the page may be empty although there are newer changes elsewhere; its cursor is then `last_seq`.
        """
        async with self._database.read() as connection:
            newest = await last_seq(connection)
            if after_seq > newest:
                raise CursorAhead(newest)
            first_kept = int(await connection.scalar(select(func.min(change.c.seq))) or newest + 1)
            if after_seq < first_kept - 1:
                raise CursorGone(first_kept)
            columns = (change.c.seq, change.c.site, change.c.gtin, change.c.body, change.c.ladder)
            query = select(*columns).where(change.c.seq > after_seq)
            if site is not None:
                query = query.where(change.c.site == site)
            found = await connection.execute(query.order_by(change.c.seq).limit(min(limit, PAGE_MAX_ROWS)))
            rows = [
                ChangeRow(row.seq, row.site, row.gtin, with_seq(row.seq, bytes(row.body)), _bytes_or_none(row.ladder))
                for row in found
            ]
        return ChangePage(rows, newest, first_kept)

    # -- sites, zones, edges

    async def sites(self) -> list[SiteRow]:
        """Return all sites, by id."""
        query = select(site_fold.c.site, site_fold.c.applied_n, site_log.c.last_n).join(
            site_log, site_log.c.site == site_fold.c.site
        )
        async with self._database.read() as connection:
            views = await self._views.load(connection)
            folded = {row.site: row for row in await connection.execute(query)}
        return [
            SiteRow(
                site=name,
                name=view.site.name,
                timezone=view.site.timezone,
                gln=view.site.gln,
                zones=[zone.id for zone in view.site.zones],
                applied_n=folded[name].applied_n,
                behind=folded[name].last_n - folded[name].applied_n,
                now=iso_or_none(view.now_us),
                location=view.site.location,
            )
            for name, view in views.items()
        ]

    async def site(self, site: str) -> SiteRow | None:
        """Return one site."""
        return next((row for row in await self.sites() if row.site == site), None)

    async def zones(self, site: str) -> list[ZoneRow]:
        """Return a site's zones in the site file's order."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            return [] if view is None else await zone_rows(connection, view)

    async def edges(self, site: str | None = None) -> list[EdgeRow]:
        """Return the newest state of each edge box."""
        query = select(edge_state).order_by(edge_state.c.site, edge_state.c.edge)
        if site is not None:
            query = query.where(edge_state.c.site == site)
        return [
            EdgeRow(row.site, row.edge, row.what, iso(row.at_us), iso(row.received_us), decode_state(bytes(row.body)))
            for row in await self._rows(query)
        ]

    # -- staff and operators

    async def movements(
        self, site: str | None = None, *, limit: int = 100, gtin: str | None = None, before_m: int | None = None
    ) -> list[MovementRow]:
        """Return ledger entries, newest first."""
        query = select(movement)
        if site is not None:
            query = query.where(movement.c.site == site).order_by(movement.c.m.desc())
        else:
            query = query.order_by(movement.c.decided_us.desc(), movement.c.site, movement.c.m.desc())
        if gtin is not None:
            query = query.where(movement.c.gtin == gtin)
        if before_m is not None:
            query = query.where(movement.c.m < before_m)
        return [
            MovementRow(
                site=row.site,
                m=row.m,
                n=row.n,
                gtin=row.gtin,
                serial=row.serial,
                from_zone=row.credit,
                to_zone=row.debit,
                happened_at=iso(row.happened_us),
                first_read_at=iso(row.first_read_us),
                decided_at=iso(row.decided_us),
                cause=row.cause,
                probability=row.probability,
            )
            for row in await self._rows(query.limit(min(limit, PAGE_MAX_ROWS)))
        ]

    async def items(
        self, site: str, gtin: str, *, zone: str | None = None, limit: int = PAGE_MAX_ROWS
    ) -> list[ItemRow]:
        """Return the items of a SKU that are in a site, or in one of its zones."""
        query = select(item).where(item.c.site == site, item.c.gtin == gtin, item.c.zone != OUT)
        if zone is not None:
            query = query.where(item.c.zone == zone)
        query = query.order_by(item.c.serial).limit(min(limit, PAGE_MAX_ROWS))
        return [
            ItemRow(row.site, row.gtin, row.serial, row.zone, iso(row.since_us), row.probability)
            for row in await self._rows(query)
        ]

    async def unknown_gtins(self, site: str | None = None, limit: int = 500) -> list[UnknownGtin]:
        """Return GTINs of ours that are, or were, in a site and in no catalogue."""
        query = (
            select(stock.c.gtin, stock.c.site, stock.c.on_hand, unknown_table.c.decision)
            .outerjoin(sku, sku.c.gtin == stock.c.gtin)
            .outerjoin(unknown_table, unknown_table.c.gtin == stock.c.gtin)
            .where(sku.c.gtin.is_(None))
            .order_by(stock.c.gtin, stock.c.site)
        )
        if site is not None:
            query = query.where(stock.c.site == site)
        found: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in await self._rows(query.limit(min(limit, PAGE_MAX_ROWS))):
            found[row.gtin].append(row)
        return [
            UnknownGtin(gtin, [row.site for row in rows], sum(row.on_hand for row in rows), rows[0].decision)
            for gtin, rows in found.items()
        ]

    async def quarantined(self, limit: int = 100, site: str | None = None) -> list[QuarantineRow]:
        """Return refused messages, newest first."""
        names = [name for name in QuarantineRow.__struct_fields__ if name != "received_at"]
        columns = [quarantine.c[name] for name in names]
        query = select(*columns, quarantine.c.received_us).order_by(quarantine.c.id.desc())
        if site is not None:
            query = query.where(quarantine.c.site == site)
        rows = await self._rows(query.limit(min(limit, PAGE_MAX_ROWS)))
        return [
            QuarantineRow(**{name: getattr(row, name) for name in names}, received_at=iso(row.received_us))
            for row in rows
        ]

    async def gaps(self, limit: int = 100, site: str | None = None) -> list[GapRow]:
        """Return what is known to be lost, newest first."""
        query = select(gap).order_by(gap.c.id.desc())
        if site is not None:
            query = query.where(gap.c.site == site)
        return [
            GapRow(
                id=row.id,
                site=row.site,
                edge=row.edge,
                cause=row.cause,
                from_seq=row.from_seq,
                to_seq=row.to_seq,
                from_at=iso_or_none(row.from_us),
                to_at=iso_or_none(row.to_us),
                device=row.device,
                observations=row.observations,
                detail=row.detail,
                recorded_at=iso(row.recorded_us),
            )
            for row in await self._rows(query.limit(min(limit, PAGE_MAX_ROWS)))
        ]

    async def health(self) -> Health:
        """Return the gateway's figures at one instant."""
        now_us = self._clock()
        async with self._database.read() as connection:
            sites = await site_healths(connection, now_us)
            waiting = await connection.scalar(select(func.count()).where(change.c.seq.is_(None)))
            feed_health = FeedHealth(await last_seq(connection), int(waiting or 0))
        return Health(iso(now_us), sites, feed_health, self._ingest())

    # -- how right it is

    async def newest_figures(self) -> dict[str, dict[str, float]]:
        """Return the newest value of each figure of accuracy, by site."""
        async with self._database.read() as connection:
            return await series.newest_of_all(connection)

    async def accuracy(self, site: str, since_us: int) -> SiteAccuracy:
        """Return a site's figures of accuracy: the newest, and up to a day of minutes from an instant on."""
        async with self._database.read() as connection:
            latest = await series.latest(connection, site)
            since = await series.since(connection, site, since_us, SERIES_MAX_ROWS)
        found: dict[str, list[FigureAt]] = defaultdict(list)
        for figure in since:
            found[figure.name].append(FigureAt(iso(figure.at_us), figure.value))
        newest = {figure.name: FigureAt(iso(figure.at_us), figure.value) for figure in latest}
        return SiteAccuracy(site, newest, iso(since_us), found)

    async def model(self, site: str) -> SiteModel:
        """Return a site's sensor model as it is shown."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            return SiteModel(site, None) if view is None else await self._models.load(connection, view.site)

    async def differences(
        self, site: str, *, after_gtin: str = "", limit: int = 100, gtin: str | None = None
    ) -> DifferencePage:
        """Return the differences of up to `limit` SKUs after a GTIN, or of one SKU."""
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            return await difference_page(connection, view.site, after_gtin, limit, gtin) if view else NOWHERE

    # -- inside

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows


def _bytes_or_none(stored: bytes | None) -> bytes | None:
    return None if stored is None else bytes(stored)


def _sku_row(row: Row[Any]) -> SkuRow:
    return SkuRow(**{name: getattr(row, name) for name in SkuRow.__struct_fields__})
