"""Alarms of one database: the one door to them, for HTTP."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, iso, iso_or_none
from gateway.exceptions.alarm import LIVE, Alarm, Kind, State
from gateway.exceptions.errors import UnknownAlarmError
from gateway.exceptions.facts import Product
from gateway.exceptions.limits import LIST_DEFAULT
from gateway.exceptions.reader import products_of
from gateway.exceptions.store import acknowledge, alarm_of, read_alarm
from gateway.holds.asked import Who
from gateway.holds.errors import BusyError
from gateway.http.alarm_rows import Acknowledged, AlarmList, AlarmRow
from gateway.http.reservation_rows import item_link
from gateway.storage.alarms import alarm
from gateway.storage.engine import Database
from gateway.storage.statement import storable

_AGAIN: Final = (DBAPIError, PoolTimeoutError, OSError)
_ATTEMPTS: Final = 3


@dataclass(slots=True)
class AlarmDeskFigures:
    """What people did about alarms in this process."""

    alarms_acknowledged: int = 0


class Alarms:
    """Shows alarms and lets people say that they saw them. `committed`: after each commit."""

    def __init__(self, database: Database, clock: Clock, *, committed: Callable[[], None] = lambda: None) -> None:
        self.figures = AlarmDeskFigures()
        self._database = database
        self._clock = clock
        self._committed = committed

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return asdict(self.figures)

    async def listed(
        self,
        site: str,
        *,
        kind: Kind | None = None,
        state: State | None = None,
        limit: int = LIST_DEFAULT,
        before: str | None = None,
    ) -> AlarmList:
        """Return a page of a site's alarms, the newest first: without a state those whose cause goes on.

        `before`: the id of the last one of the page before.
        """
        states = LIVE if state is None else {state}
        async with self._database.read() as connection:
            found = await _page(connection, site, kind, states, limit=limit + 1, before=before)
            mine = (alarm.c.site == site) & (alarm.c.state == State.OPEN.value)
            waiting = int(await connection.scalar(select(func.count()).select_from(alarm).where(mine)) or 0)
            rows = await shown(connection, found[:limit])
        return AlarmList(site, waiting, rows, rows[-1].id if len(found) > limit else None)

    async def waiting(self, site: str, limit: int) -> list[AlarmRow]:
        """Return the alarms of a site whose cause goes on, the newest first."""
        return (await self.listed(site, limit=limit)).alarms

    async def get(self, who: Who, name: str) -> AlarmRow:
        """Return an alarm. Raises `UnknownAlarmError`."""
        async with self._database.read() as connection:
            return (await shown(connection, [await _seen(connection, who, name)]))[0]

    async def acknowledge(self, who: Who, name: str, *, by: str = "", note: str = "") -> tuple[AlarmRow, bool]:
        """Say that a person saw an alarm; return it, and whether that had been said before.

        Raises `UnknownAlarmError`, `BusyError`.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await self._acknowledge(who, name, by=by, note=note)
            except _AGAIN as error:
                if attempt == _ATTEMPTS - 1:
                    raise BusyError(f"the database did not take the acknowledgement of alarm {name}") from error
                await asyncio.sleep(0.005 * 4**attempt)
        raise AssertionError

    async def _acknowledge(self, who: Who, name: str, *, by: str, note: str) -> tuple[AlarmRow, bool]:
        async with self._database.write() as connection:
            await _seen(connection, who, name)
            found, before = await acknowledge(connection, name, key=who.key, by=by, note=note, now_us=self._clock())
            row = (await shown(connection, [found]))[0]
        if not before:
            self.figures.alarms_acknowledged += 1
            self._committed()
        return row, before


async def _page(
    connection: AsyncConnection,
    site: str,
    kind: Kind | None,
    states: Collection[State],
    *,
    limit: int,
    before: str | None,
) -> list[Alarm]:
    query = select(alarm).where(alarm.c.site == site, alarm.c.state.in_(sorted(state.value for state in states)))
    if kind is not None:
        query = query.where(alarm.c.kind == kind.value)
    if before is not None:
        query = query.where(alarm.c.id < storable(before))
    few = LIVE.issuperset(states)  # then their index is the right one, and not that of the ids, of 90 days
    newest = alarm.c.id.concat("").desc() if few else alarm.c.id.desc()
    rows = await connection.execute(query.order_by(newest).limit(limit))
    return [alarm_of(row) for row in rows.mappings()]


async def _seen(connection: AsyncConnection, who: Who, name: str) -> Alarm:
    found = await read_alarm(connection, name)
    if found is None or not who.sees(found.site):
        raise UnknownAlarmError(name)
    return found


async def shown(connection: AsyncConnection, alarms: Sequence[Alarm]) -> list[AlarmRow]:
    """Return alarms as they are shown, in their order, with what the catalogue says now."""
    products = await products_of(connection, (one.gtin for one in alarms if one.gtin))
    return [_row(one, products.get(one.gtin, Product(one.gtin))) for one in alarms]


def _row(one: Alarm, product: Product) -> AlarmRow:
    seen = None
    if one.acknowledged_us is not None:
        by = one.acknowledged_by or one.acknowledged_key or ""
        seen = Acknowledged(iso(one.acknowledged_us), by, one.acknowledged_note)
    return AlarmRow(
        id=one.id,
        site=one.site,
        kind=one.kind.value,
        severity=one.severity.value,
        state=one.state.value,
        text=one.text,
        gtin=one.gtin,
        serial=one.serial,
        digital_link=item_link(one.gtin, one.serial) if one.gtin and one.serial else None,
        zone=one.zone,
        style=product.style,
        colour=product.colour,
        size=product.size,
        description=product.description,
        department=product.department,
        evidence=dict(one.evidence),
        count=one.count,
        first_at=iso(one.first_us),
        last_at=iso(one.last_us),
        acknowledged=seen,
        cleared_at=iso_or_none(one.cleared_us),
        cleared_reason=one.cleared_reason,
        version=one.version,
    )
