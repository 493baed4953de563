"""What quotes know of all sites, without their stock: where they are, when they work, who looks, how busy they are.

Read once for many quotes and renewed beside them every `REFRESH_S`: a thousand sites are two short queries and, but for
the first time, no decoding, because a description is decoded once for each of its versions. What is asked for between
two readings is at most `STALE_S` old; a hold decides by the rows themselves, so an old picture costs another try, never
a unit that is promised twice.

*Orders of today* are reservations made since the site's midnight that were neither released nor did expire.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import BigInteger, case, distinct, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import BLIND
from gateway.clock import Clock
from gateway.geo import EARTH_RADIUS_KM, Location
from gateway.holds.ids import uuid7
from gateway.holds.life import State
from gateway.limits import FOLD_DEAD_S
from gateway.sourcing.calendar import readiness
from gateway.sourcing.channel_rules import read_rules
from gateway.sourcing.limits import REFRESH_S, STALE_S
from gateway.sourcing.plan import NEVER
from gateway.sourcing.rules import DEFAULT, SourcingRules
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.engine import Database
from gateway.storage.schema import site as site_table
from gateway.storage.schema import site_fold, zone_state
from gateway.storage.site_register import decode_site
from gateway.storage.statement import MANY
from wire.site import Site

_log: Final = structlog.get_logger("gateway.sourcing")

_MICROS: Final = 1_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_QUARTER_US: Final = 15 * 60 * _MICROS
"""Midnights of all time zones lie on quarters of an hour."""
_DAY_US: Final = 86_400 * _MICROS
_ACTIVE: Final = (State.HELD.value, State.CONFIRMED.value, State.PICKED.value, State.FULFILLED.value)


class Sight(StrEnum):
    """Who looks at a site."""

    ALL = "all"
    """Every zone that has antennas, or it has none: its rows are live."""
    SOME = "some"
    """A row is stale if it rests on a blind zone."""
    NONE = "none"
    """Every row is stale."""
    UNKNOWN = "unknown"
    """Its fold never ran."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All sites as they were at `read_us`, by id in order; arrays are in that order. `orders` are those of today."""

    read_us: int
    sites: tuple[Site, ...]
    sight: tuple[Sight, ...]
    index: dict[str, int]
    places: NDArray[np.float64]
    """[sites, 2]: latitude and longitude in radians, NaN where it is not known."""
    ships: NDArray[np.bool_]
    collects: NDArray[np.bool_]
    pick: NDArray[np.float64]
    """The price of a unit, NaN: the channel's."""
    capacity: NDArray[np.float64]
    """Orders in a day, infinite: any number."""
    rules: dict[str, SourcingRules]
    orders: NDArray[np.int64]

    def rules_of(self, channel: str) -> SourcingRules:
        """Return the rules of a channel; the defaults of one that is not known (this machine without keys)."""
        return self.rules.get(channel, DEFAULT)

    def distances_km(self, place: Location) -> NDArray[np.float64]:
        """Return how far each site is from a place.

        One whose place is not known is as far as the farthest that is, so that not saying it is no advantage.
        """
        lat, lon = np.radians(np.array(place))
        there = self.places
        half = np.sin((there[:, 0] - lat) / 2) ** 2
        half += np.cos(lat) * np.cos(there[:, 0]) * np.sin((there[:, 1] - lon) / 2) ** 2
        km = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(half)))
        known = ~np.isnan(km)
        return np.where(known, km, km[known].max() if known.any() else 0.0)


def _fleet(
    now_us: int,
    sites: tuple[Site, ...],
    sight: tuple[Sight, ...],
    rules: dict[str, SourcingRules],
    orders: Counter[str],
) -> Fleet:
    """Return all sites, in columns."""
    nowhere = (np.nan, np.nan)
    does = [site.fulfilment for site in sites]
    return Fleet(
        now_us,
        sites,
        sight,
        {site.id: at for at, site in enumerate(sites)},
        np.radians(np.array([site.location or nowhere for site in sites], float).reshape(-1, 2)),
        np.array([one.ship for one in does], bool),
        np.array([one.pickup for one in does], bool),
        np.array([np.nan if one.pick_cost is None else one.pick_cost for one in does], float),
        np.array([np.inf if one.capacity_per_day is None else one.capacity_per_day for one in does], float),
        rules,
        np.array([orders[site.id] for site in sites], np.int64),
    )


class _Times:
    """When the sites of a fleet are ready, each worked out anew only when its answer no longer holds."""

    def __init__(self, sites: tuple[Site, ...], before: "_Times | None") -> None:
        self.sites = sites
        self._since = np.full(len(sites), NEVER)
        self._until = np.zeros(len(sites), np.int64)
        self._after = np.full(len(sites), -1, np.int64)
        self._at = np.full(len(sites), NEVER)
        known = {} if before is None else {site.id: at for at, site in enumerate(before.sites)}
        for at, site in enumerate(sites):
            was = known.get(site.id)
            if before is not None and was is not None and before.sites[was] is site:
                for mine, old in zip(self._columns, before._columns, strict=True):  # noqa: SLF001 - one of us
                    mine[at] = old[was]

    @property
    def _columns(self) -> tuple[NDArray[np.int64], ...]:
        return self._since, self._until, self._after, self._at

    def ready_us(self, now_us: int) -> NDArray[np.int64]:
        """Return when an order that comes now is ready at each site."""
        due = np.flatnonzero((now_us < self._since) | (now_us >= self._until)).tolist()
        now = _EPOCH + timedelta(microseconds=now_us)
        for at in due:
            site = self.sites[at]
            does = site.fulfilment
            handling = timedelta(minutes=does.handling_min)
            found = readiness(now, site.hours, site.timezone, handling=handling, cut_off=does.cut_off)
            self._since[at], self._until[at] = _us(found.since), _us(found.until)
            self._after[at] = -1 if found.after is None else found.after // _MICROSECOND
            self._at[at] = NEVER if found.at is None else _us(found.at)
        return np.where(self._after < 0, self._at, now_us + self._after)


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


class Register:
    """Keeps the newest `Fleet`, and when each site is ready."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.reads = 0
        self.failures = 0
        self._database = database
        self._clock = clock
        self._decoded: dict[str, tuple[str, Site]] = {}
        self._times: _Times | None = None
        self._fleet: Fleet | None = None
        self._reading: asyncio.Task[Fleet] | None = None

    async def current(self) -> Fleet:
        """Return the sites as they are, or were a moment ago. Raises what the database raises."""
        fleet = self._fleet
        age_us = 0 if fleet is None else self._clock() - fleet.read_us
        if fleet is not None and 0 <= age_us < REFRESH_S * _MICROS:
            return fleet
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="sourcing-sites")
            self._reading.add_done_callback(self._told)
        if fleet is not None and 0 <= age_us < STALE_S * _MICROS:
            return fleet
        return await asyncio.shield(self._reading)

    async def close(self) -> None:
        """Wait for what is being read."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    def ready_us(self, fleet: Fleet, now_us: int) -> NDArray[np.int64]:
        """Return when an order that comes now is ready at each site, `NEVER`: not within two weeks."""
        times = self._times
        if times is None or times.sites is not fleet.sites:
            times = self._times = _Times(fleet.sites, times)
        return times.ready_us(now_us)

    def served(self, sites: Iterable[str]) -> None:
        """Count one order more of each of these sites, until they are read again."""
        if self._fleet is not None:
            self._fleet.orders[[self._fleet.index[site] for site in sites if site in self._fleet.index]] += 1

    def _told(self, reading: "asyncio.Task[Fleet]") -> None:
        error = None if reading.cancelled() else reading.exception()
        if error is not None:
            self.failures += 1
            _log.warning("sites_not_read", error=str(error)[:500])

    async def _read(self) -> Fleet:
        async with self._database.read() as connection:
            now_us = self._clock()
            query = (
                select(site_table.c.site, site_table.c.config_hash, site_fold.c.now_us)
                .join(site_fold, site_fold.c.site == site_table.c.site)
                .order_by(site_table.c.site)
            )
            rows = sorted(await connection.execute(query), key=lambda row: row.site)  # as Python sorts
            zones = await _zones(connection)
            await self._decode(connection, rows)
            sites = tuple(self._decoded[row.site][1] for row in rows)
            sight = tuple(_sight(row.now_us, zones.get(row.site, (0, 0)), now_us) for row in rows)
            rules = await read_rules(connection)
            orders = await _orders_of_today(connection, sites, now_us)
        same = self._fleet is not None and self._fleet.sites == sites
        self._fleet = _fleet(now_us, self._fleet.sites if self._fleet and same else sites, sight, rules, orders)
        self.reads += 1
        return self._fleet

    async def _decode(self, connection: AsyncConnection, rows: Iterable[Any]) -> None:
        new = [row.site for row in rows if self._decoded.get(row.site, ("", None))[0] != row.config_hash]
        for low in range(0, len(new), MANY):
            query = select(site_table.c.site, site_table.c.config_hash, site_table.c.config).where(
                site_table.c.site.in_(new[low : low + MANY])
            )
            for row in await connection.execute(query):
                self._decoded[row.site] = row.config_hash, decode_site(bytes(row.config))


async def _zones(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Return how many zones of each site have antennas, and how many of those are blind."""
    blind = func.sum(case((zone_state.c.status == BLIND, 1), else_=0))
    query = select(zone_state.c.site, func.count(), blind).group_by(zone_state.c.site)
    return {name: (int(count), int(unseen)) for name, count, unseen in await connection.execute(query)}


def _sight(fold_us: int, zones: tuple[int, int], now_us: int) -> Sight:
    """Return who looks at a site: the rule of `gateway.availability.standing`, for all rows at once."""
    count, blind = zones
    if fold_us < now_us - int(FOLD_DEAD_S * _MICROS):
        blind = count
    if count and blind == count:
        return Sight.NONE
    if blind:
        return Sight.SOME
    return Sight.ALL if fold_us else Sight.UNKNOWN


async def _orders_of_today(connection: AsyncConnection, sites: Iterable[Site], now_us: int) -> Counter[str]:
    """Count the orders of today at the sites that can handle only so many."""
    bounded = {site.id: site for site in sites if site.fulfilment.capacity_per_day is not None}
    found: Counter[str] = Counter()
    if not bounded:
        return found
    midnight_us = {site.timezone: _midnight_us(site.timezone, now_us) for site in bounded.values()}
    since_us = min(midnight_us.values())
    quarter = reservation.c.created_us.op("/")(literal_column(str(_QUARTER_US), BigInteger)).label("quarter")
    query = (
        select(reservation_line.c.site, quarter, func.count(distinct(reservation.c.id)).label("orders"))
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .where(
            reservation_line.c.reservation >= uuid7(max(0, since_us), 0),  # ids begin with their time
            reservation.c.created_us >= since_us,
            reservation.c.state.in_(_ACTIVE),
            (reservation.c.state != State.HELD.value) | (reservation.c.expires_us > now_us),
        )
        .group_by(reservation_line.c.site, quarter)
    )
    by_site: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in await connection.execute(query):
        by_site[row.site].append((int(row.quarter) * _QUARTER_US, row.orders))
    for name, site in bounded.items():
        begins_us = midnight_us[site.timezone]
        found[name] = sum(orders for quarter_us, orders in by_site.get(name, ()) if quarter_us >= begins_us)
    return found


def _midnight_us(timezone: str, now_us: int) -> int:
    """Return when the day began in a time zone."""
    local = datetime.fromtimestamp(now_us / _MICROS, UTC).astimezone(ZoneInfo(timezone))
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * _MICROS
