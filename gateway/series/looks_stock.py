"""Looks at stock: each SKU and zone as it changes, everything again every five minutes; sums each minute."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.relay import last_seq
from gateway.replenishment.places import Role, places_of, role_of
from gateway.series.limits import CHANGES_AT_ONCE, DAY_S, LIVE_EVERY_S, MINUTE_S, RESTATE_S, SKUS_AT_ONCE, STOCK_EVERY_S
from gateway.series.look import Draft
from gateway.series.shelf import Shelved, Shelves
from gateway.site_view import SiteView, SiteViews
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.schema import change, edge_state, sku, stock, stock_count, zone_state
from gateway.storage.work import task
from wire import measurements as m

_SHOWN: Final = {word: number for number, word in m.STOCK_SKU.field("shown").words.items()}


class StockLook:
    """Each SKU and zone. What changed is found by the relayed changes; the position is kept in memory only."""

    every_s = STOCK_EVERY_S
    alone = True

    def __init__(self, clock: Clock, shelves: Shelves) -> None:
        self._views = SiteViews(clock)
        self._shelves = shelves
        self._cursor = 0
        self._whole_us: int | None = None
        self._news_us: int | None = None

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write what changed, or everything when it is time."""
        draft.undo.append(self._again(self._cursor, self._whole_us, self._news_us))
        if _is_over(self._whole_us, draft.now_us, RESTATE_S):
            is_first = self._whole_us is None
            draft.again = not _is_over(self._news_us, draft.now_us, DAY_S)
            self._whole_us = draft.now_us
            if not draft.again:  # who keeps what he hears for a month hears it once a day
                self._news_us = draft.now_us
            shelved = self._shelved()
            if is_first:
                self._cursor = await last_seq(connection)
            for site, view in (await self._views.load(connection)).items():
                gtins = list(await connection.scalars(select(stock.c.gtin).where(stock.c.site == site)))
                await self._write(connection, draft, view, gtins, shelved.get(site, {}))
            return
        changed = select(change.c.seq, change.c.site, change.c.gtin).where(change.c.seq > self._cursor)
        rows = (await connection.execute(changed.order_by(change.c.seq).limit(CHANGES_AT_ONCE))).all()
        if not rows:
            return
        shelved = self._shelved()
        by_site: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            by_site[row.site].add(row.gtin)
        for site, view in (await self._views.load(connection, by_site)).items():
            await self._write(connection, draft, view, sorted(by_site[site] - {""}), shelved.get(site, {}))
        self._cursor = int(rows[-1].seq)

    def _shelved(self) -> dict[str, Mapping[str, Shelved]]:
        """Return the sizes of each site. It walks through all of them: only when there is something to write."""
        return {site: view.sizes for site, view in self._shelves().items()}

    def _again(self, cursor: int, whole_us: int | None, news_us: int | None) -> Callable[[], None]:
        def undo() -> None:
            self._cursor, self._whole_us, self._news_us = cursor, whole_us, news_us

        return undo

    async def _write(
        self,
        connection: AsyncConnection,
        draft: Draft,
        view: SiteView,
        gtins: Sequence[str],
        shelved: Mapping[str, Shelved],
    ) -> None:
        site = view.site.id
        kinds = {zone.id: zone.kind.value for zone in view.site.zones}
        roles = places_of(view.site, view.looks)
        for low in range(0, len(gtins), SKUS_AT_ONCE):
            part = list(gtins[low : low + SKUS_AT_ONCE])
            counted = select(stock_count).where(stock_count.c.site == site, stock_count.c.gtin.in_(part))
            zones: dict[str, dict[str, int]] = defaultdict(dict)
            for row in await connection.execute(counted):
                zones[row.gtin][row.zone] = row.quantity
            for row in await connection.execute(_skus(site, part)):
                by_role: dict[Role, int] = defaultdict(int)
                for zone, units in zones[row.gtin].items():
                    by_role[role_of(roles, zone)] += units
                names = (row.department or "", row.style or "", row.colour or "", row.size or "")
                values = _sku_values(row, by_role, shelved.get(row.gtin))
                draft.add(m.STOCK_SKU, values, site, *names, row.gtin)
                for zone, units in zones[row.gtin].items():
                    if units or not draft.again:
                        draft.add(m.STOCK_ZONE, {"units": units}, site, zone, kinds.get(zone, ""), *names[:2], row.gtin)


def _skus(site: str, gtins: Sequence[str]) -> Select[Any]:
    named = (sku.c.department, sku.c.style, sku.c.colour, sku.c.size)
    return (
        select(stock, *named)
        .outerjoin(sku, sku.c.gtin == stock.c.gtin)
        .where(stock.c.site == site, stock.c.gtin.in_(gtins))
        .order_by(stock.c.gtin)
    )


def _sku_values(row: Any, by_role: Mapping[Role, int], shelved: Shelved | None) -> dict[str, Any]:
    return {
        "on_hand": row.on_hand,
        "sellable": row.sellable,
        "promised": row.promised,
        "held": row.held,
        "untagged": row.untagged,
        "floor": by_role.get(Role.FLOOR, 0),
        "back": by_role.get(Role.BACK, 0),
        "low": None if shelved is None else shelved.low,
        "confidence": row.confidence,
        "shown": None if shelved is None else _SHOWN[shelved.state],
    }


_STEPS: Final = (0.99, 0.95, 0.9, 0.7, 0.5)


def band_of(probability: float | None) -> str:
    """Return the band of a probability (`wire.measurements.BANDS`)."""
    if probability is None:
        return m.BANDS[-1]
    below = sum(probability < step for step in _STEPS)
    return m.BANDS[len(_STEPS) - below]


class SumsLook:
    """Sums over the SKUs of a site: what can be promised by department, and how sure that is."""

    every_s = MINUTE_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `promise` and `confidence`."""
        one = case((stock.c.sellable > 0, 1), else_=0)
        can = case((stock.c.promised > 0, 1), else_=0)
        last = case((and_(stock.c.sellable == 1, stock.c.promised == 1), 1), else_=0)
        department = func.coalesce(sku.c.department, "")
        query = (
            select(
                stock.c.site,
                department.label("department"),
                func.sum(stock.c.on_hand).label("on_hand"),
                func.sum(stock.c.sellable).label("sellable"),
                func.sum(stock.c.promised).label("promised"),
                func.sum(stock.c.held).label("held"),
                func.sum(one).label("skus"),
                func.sum(can).label("skus_promised"),
                func.sum(last).label("last_units"),
                func.avg(case((stock.c.sellable > 0, stock.c.confidence))).label("confidence"),
            )
            .outerjoin(sku, sku.c.gtin == stock.c.gtin)
            .group_by(stock.c.site, department)
        )
        for row in (await connection.execute(query)).mappings():
            values = {name: _whole(row[name]) for name in m.PROMISE.by_name if name != "confidence"}
            draft.add(m.PROMISE, values | {"confidence": row["confidence"]}, row["site"], row["department"])
        await self._confidence(connection, draft)

    @staticmethod
    async def _confidence(connection: AsyncConnection, draft: Draft) -> None:
        sure = [(stock.c.confidence >= step, band_of(step)) for step in _STEPS]
        band = case((stock.c.confidence.is_(None), m.BANDS[-1]), *sure, else_=m.BANDS[0])
        query = (
            select(
                stock.c.site, band.label("band"), func.count().label("skus"), func.sum(stock.c.sellable).label("units")
            )
            .where(stock.c.sellable > 0)
            .group_by(stock.c.site, band)
        )
        found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for row in await connection.execute(query):
            found[row.site][row.band] = row.skus, int(row.units)
        for site in await connection.scalars(select(stock.c.site).distinct()):
            for name in m.BANDS:
                skus, units = found[site].get(name, (0, 0))
                draft.add(m.CONFIDENCE, {"skus": skus, "units": units}, site, name)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


class SiteLook:
    """One line for each site. `alarms_open` gives the number of open alarms by site."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, clock: Clock, alarms_open: Select[Any]) -> None:
        self._clock = clock
        self._views = SiteViews(clock)
        self._alarms_open = alarms_open

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `site`, except what edges and shelves say (`EdgeLook`, `ShelfLook`)."""
        sums = (
            select(
                stock.c.site,
                func.sum(stock.c.on_hand).label("on_hand"),
                func.sum(stock.c.sellable).label("sellable"),
                func.sum(stock.c.promised).label("promised"),
                func.sum(stock.c.held).label("held"),
                func.sum(case((stock.c.on_hand > 0, 1), else_=0)).label("skus"),
            )
        ).group_by(stock.c.site)
        rows: dict[str, dict[str, Any]] = defaultdict(dict)
        for row in (await connection.execute(sums)).mappings():
            rows[row["site"]] = {name: _whole(row[name]) for name in row if name != "site"}
        views = await self._views.load(connection)
        wanting = await _by_site(connection, _wanting(self._clock()))
        tasks = await _by_site(connection, _tasks())
        alarms = await _by_site(connection, self._alarms_open)
        edges = await _by_site(
            connection, select(edge_state.c.site, func.count().label("n")).group_by(edge_state.c.site)
        )
        for site, view in views.items():
            live = sum(look.live for look in view.looks.values())
            values = rows.get(site, dict.fromkeys(("on_hand", "sellable", "held", "skus"), 0))
            values |= {"zones_live": live, "zones_blind": len(view.looks) - live, "edges": edges.get(site, 0)}
            values |= {"wanting": wanting.get(site, 0), "tasks_waiting": tasks.get(site, 0)}
            draft.add(m.SITE, values | {"alarms_open": alarms.get(site, 0)}, site)


def _wanting(now_us: int) -> Select[Any]:
    active = (reservation.c.state.in_(["confirmed", "picked"])) | (
        (reservation.c.state == "held") & (reservation.c.expires_us > now_us)
    )
    return (
        select(reservation_line.c.site, func.sum(reservation_line.c.substitution_needed).label("n"))
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .where(reservation_line.c.substitution_needed > 0, active)
        .group_by(reservation_line.c.site)
    )


def _tasks() -> Select[Any]:
    waits = task.c.state.in_(["open", "claimed"])
    return select(task.c.site, func.count().label("n")).where(waits, task.c.dedup.is_not(None)).group_by(task.c.site)


async def _by_site(connection: AsyncConnection, query: Select[Any]) -> dict[str, int]:
    return {row.site: int(row.n) for row in await connection.execute(query)}


class ZoneLook:
    """Who looks where; the units in each zone once a minute."""

    every_s = LIVE_EVERY_S
    alone = True

    def __init__(self, clock: Clock) -> None:
        self._views = SiteViews(clock)
        self._units_us: int | None = None

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `zone`."""
        views = await self._views.load(connection)
        rows = await connection.execute(select(zone_state))
        since = {(row.site, row.zone): (row.status == "live", row.since_us) for row in rows}
        units: dict[tuple[str, str], int] | None = None
        if _is_over(self._units_us, draft.now_us, MINUTE_S):
            self._units_us = draft.now_us
            units = await _units(connection)
        for site, view in views.items():
            kinds = {zone.id: zone.kind.value for zone in view.site.zones}
            for zone, look in sorted(view.looks.items()):
                is_live, since_us = since.get((site, zone), (look.live, draft.now_us))
                if is_live and not look.live:  # the site's fold has stopped: nobody looks since then
                    since_us = view.now_us
                values: dict[str, Any] = {
                    "looked": int(look.live),
                    "look_age_s": _age_s(draft.now_us, look.as_of_us) if look.as_of_us else None,
                    "state_age_s": _age_s(draft.now_us, since_us),
                    "units": None if units is None else units.get((site, zone), 0),
                }
                draft.add(m.ZONE, values, site, zone, kinds.get(zone, ""))


async def _units(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    query = select(stock_count.c.site, stock_count.c.zone, func.sum(stock_count.c.quantity).label("n"))
    rows = await connection.execute(query.group_by(stock_count.c.site, stock_count.c.zone))
    return {(row.site, row.zone): int(row.n) for row in rows}


def _age_s(now_us: int, then_us: int) -> float:
    return max(0, now_us - then_us) / 1e6


def _is_over(since_us: int | None, now_us: int, lasting_s: float) -> bool:
    """Whether a time is over that began at `since_us`; a clock that was set back ends it."""
    return since_us is None or not 0 <= now_us - since_us < lasting_s * 1e6
