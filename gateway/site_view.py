"""A site as one transaction sees it, and the rows that follow: stock by SKU, zones, availability."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import (
    BLIND,
    LIVE,
    UNKNOWN,
    Look,
    Standing,
    encode_ladder,
    sellable_zones,
    standing,
)
from gateway.clock import Clock, iso, iso_or_none
from gateway.http.ports import SiteAvailability, StockRow, ZoneRow
from gateway.ledger.picture import BOOK, MIXED, RFID, SkuKey
from gateway.ledger.post import counts_of
from gateway.ledger.retell import pictures_of
from gateway.limits import FOLD_DEAD_S
from gateway.storage.schema import site as site_table
from gateway.storage.schema import site_fold, sku, stock, stock_count, zone_state
from gateway.storage.site_register import decode_site
from gateway.storage.statement import MANY, storable
from wire.site import Site

SKU_COLUMNS: Final = (
    sku.c.gtin,
    sku.c.style,
    sku.c.colour,
    sku.c.size,
    sku.c.description,
    sku.c.department,
    sku.c.min_floor,
    sku.c.max_floor,
    sku.c.price,
)


class StoredStock(NamedTuple):
    """What a row of stock says that does not follow from the counts."""

    version: int = 0
    ladder: bytes = b""
    known: bool = False
    held: int = 0
    untagged: int = 0


STOCK_COLUMNS: Final = (
    stock.c.site,
    stock.c.gtin,
    stock.c.version,
    stock.c.ladder,
    stock.c.promised,
    stock.c.held,
    stock.c.untagged,
    stock.c.next_expiry_us,
)


class SiteView:
    """A site's description, the fold's clock, and who looks where."""

    def __init__(self, site: Site, now_us: int, looks: Mapping[str, Look]) -> None:
        self.site = site
        self.now_us = now_us
        self.looks = looks
        self.sellable = sellable_zones(site)

    def standing(self, units: Mapping[str, int]) -> Standing:
        """Return how `units` by zone stand."""
        return standing(units, self.sellable, self.looks, self.now_us)

    @property
    def reads(self) -> bool:
        """Whether any antenna of the site reads tags."""
        return any(device.antennas for device in self.site.devices)

    def truth(self, units: Mapping[str, int], untagged: int) -> str:
        """Say by what a row is known: tags, quantities that somebody said, or both."""
        tagged = any(units.values())
        if untagged:
            return MIXED if tagged else BOOK
        return RFID if tagged or self.reads else BOOK


class SiteViews:
    """Loads views; descriptions are decoded once for each of their versions.

    The rows say what was looked at when the site was last folded. When that is `FOLD_DEAD_S` ago, nobody is looking.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sites: dict[str, tuple[str, Site]] = {}

    async def load(self, connection: AsyncConnection, sites: Collection[str] | None = None) -> dict[str, SiteView]:
        """Return views of the named sites that exist, or of all, by id in order."""
        query = select(site_table.c.site, site_table.c.config_hash, site_fold.c.now_us).join(
            site_fold, site_fold.c.site == site_table.c.site
        )
        looks_query = select(zone_state.c.site, zone_state.c.zone, zone_state.c.status, zone_state.c.as_of_us)
        if sites is not None:
            named = sorted(map(storable, sites))  # whoever asks may send any text
            query = query.where(site_table.c.site.in_(named))
            looks_query = looks_query.where(zone_state.c.site.in_(named))
        rows = (await connection.execute(query.order_by(site_table.c.site))).all()
        looks: dict[str, dict[str, Look]] = defaultdict(dict)
        dead_us = self._clock() - int(FOLD_DEAD_S * 1e6)
        dead = {row.site for row in rows if row.now_us < dead_us}
        for row in await connection.execute(looks_query):
            looks[row.site][row.zone] = Look(row.status != BLIND and row.site not in dead, row.as_of_us)
        described = await self._describe(connection, rows)
        return {row.site: SiteView(described[row.site], row.now_us, looks[row.site]) for row in rows}

    async def one(self, connection: AsyncConnection, site: str) -> SiteView | None:
        """Return the view of one site, None when it is not known."""
        return (await self.load(connection, [site])).get(site)

    async def _describe(self, connection: AsyncConnection, rows: Sequence[Any]) -> dict[str, Site]:
        new = [row.site for row in rows if self._sites.get(row.site, ("", None))[0] != row.config_hash]
        if new:
            query = select(site_table.c.site, site_table.c.config_hash, site_table.c.config).where(
                site_table.c.site.in_(new)
            )
            for row in await connection.execute(query):
                self._sites[row.site] = (row.config_hash, decode_site(bytes(row.config)))
        return {row.site: self._sites[row.site][1] for row in rows}


def at_site(
    site: str, gtin: str, view: SiteView, units: Mapping[str, int], stored: StoredStock | None
) -> SiteAvailability:
    """Return one SKU at one site; `stored` is what its row of stock says, None where it has none."""
    row = stored or StoredStock()
    made = view.standing(units)
    return SiteAvailability(
        site=site,
        gtin=gtin,
        on_hand=made.on_hand + row.untagged,
        status=made.status,
        as_of=iso(made.as_of_us),
        version=row.version,
        zones={zone: quantity for zone, quantity in sorted(units.items()) if quantity},
        ladder=row.ladder,
        known=row.known,
        held=row.held,
        untagged=row.untagged,
        truth=view.truth(units, row.untagged),
    )


async def stored_of(
    connection: AsyncConnection, rows: Iterable[Any], views: Mapping[str, SiteView], now_us: int
) -> dict[SkuKey, StoredStock]:
    """Return what rows of stock (`STOCK_COLUMNS`) say; those of which a hold expired since are looked at anew."""
    found: dict[SkuKey, StoredStock] = {}
    lapsed: list[SkuKey] = []
    for row in rows:
        key = SkuKey(row.site, row.gtin)
        known = row.promised is not None
        found[key] = StoredStock(row.version, bytes(row.ladder or b""), known, row.held, row.untagged)
        if row.next_expiry_us is not None and row.next_expiry_us <= now_us:
            lapsed.append(key)
    if lapsed:
        sellable = {name: view.sellable for name, view in views.items()}
        for key, picture in (await pictures_of(connection, lapsed, sellable, now_us)).items():
            ladder = encode_ladder(picture.ladder())
            found[key] = found[key]._replace(ladder=ladder, known=picture.known, held=picture.held)
    return found


async def stock_of(
    connection: AsyncConnection, gtins: list[str], site: str | None, views: Mapping[str, SiteView], now_us: int
) -> dict[SkuKey, StoredStock]:
    """Return what is stored of each (site, GTIN) that has a stock row, at one site or all."""
    rows: list[Any] = []
    for low in range(0, len(gtins), MANY):
        query = select(*STOCK_COLUMNS).where(stock.c.gtin.in_(gtins[low : low + MANY]))
        if site is not None:
            query = query.where(stock.c.site == site)
        rows += (await connection.execute(query)).all()
    return await stored_of(connection, rows, views, now_us)


async def stock_rows(
    connection: AsyncConnection, view: SiteView, after_gtin: str, limit: int, style: str | None, *, now_us: int
) -> list[StockRow]:
    """Return a page of a site's SKUs, ordered by GTIN; holds that are over by `now_us` count as gone."""
    site = view.site.id
    query = (
        select(*SKU_COLUMNS, *(column for column in STOCK_COLUMNS if column.name != "gtin"))
        .join(stock, stock.c.gtin == sku.c.gtin)
        .where(stock.c.site == site, stock.c.gtin > after_gtin)
        .order_by(stock.c.gtin)
        .limit(limit)
    )
    if style is not None:
        query = query.where(sku.c.style == style)
    found = (await connection.execute(query)).all()
    counts = await counts_of(connection, site, [row.gtin for row in found])
    stored = await stored_of(connection, found, {site: view}, now_us)
    rows = []
    for row in found:
        units = counts[row.gtin]
        made, said = view.standing(units), stored[SkuKey(site, row.gtin)]
        rows.append(
            StockRow(
                **{column.name: getattr(row, column.name) for column in SKU_COLUMNS},
                on_hand=made.on_hand + said.untagged,
                status=made.status,
                as_of=iso(made.as_of_us),
                version=said.version,
                zones={zone: quantity for zone, quantity in sorted(units.items()) if quantity},
                ladder=said.ladder,
                known=said.known,
                held=said.held,
                untagged=said.untagged,
                truth=view.truth(units, said.untagged),
            )
        )
    return rows


async def zone_rows(connection: AsyncConnection, view: SiteView) -> list[ZoneRow]:
    """Return a site's zones in the site file's order."""
    site = view.site
    units_query = (
        select(stock_count.c.zone, func.sum(stock_count.c.quantity).label("units"))
        .where(stock_count.c.site == site.id)
        .group_by(stock_count.c.zone)
    )
    units = {row.zone: int(row.units) for row in await connection.execute(units_query)}
    state_query = select(zone_state).where(zone_state.c.site == site.id)
    states = {row.zone: row for row in await connection.execute(state_query)}
    rows = []
    for zone in site.zones:
        state, look = states.get(zone.counts_as), view.looks.get(zone.counts_as)
        rows.append(
            ZoneRow(
                site=site.id,
                zone=zone.id,
                kind=zone.kind.value,
                sellable=zone.sellable,
                counts_as=zone.counts_as,
                status=UNKNOWN if look is None else LIVE if look.live else BLIND,
                as_of=iso_or_none(look.as_of_us) if look else None,
                since=iso_or_none(state.since_us) if state else None,
                units=units.get(zone.id, 0),
            )
        )
    return rows
