"""Looks at people's work: tasks, holds, alarms."""

from collections import defaultdict
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.alarm import Severity
from gateway.holds.ids import uuid7
from gateway.holds.life import ACTIVE
from gateway.series.limits import HOLD_LOOK_BACK_S, LIVE_EVERY_S, MINUTE_S, SETTLE_S
from gateway.series.look import Draft, Memory
from gateway.storage.alarms import alarm
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.schema import site as site_table
from gateway.storage.work import task
from gateway.tasks.life import Kind as TaskKind
from wire import measurements as m

_WAITING: Final = ("open", "claimed")
_ENDED: Final = ("done", "cannot", "closed")
_OVER: Final = ("fulfilled", "released", "expired")


def _age_s(now_us: int, then_us: int | None) -> float:
    return 0.0 if then_us is None else max(0, now_us - then_us) / 1e6


def _id_before(instant_us: int) -> str:
    """Return an id that is below all that were made at an instant: ids are drawn about when a row says it was made."""
    return uuid7(max(0, instant_us - 60_000_000), 0)


class BacklogLook:
    """Tasks that wait."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `backlog`; where the last task went, zeros once; kinds of which a site has none, always."""
        query = select(task).where(task.c.state.in_(_WAITING), task.c.dedup.is_not(None))
        sums: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in await connection.execute(query):
            mine = sums.setdefault((row.site, row.department, row.kind), _nothing())
            mine[row.state] += 1
            mine["overdue"] += row.due_us < draft.now_us
            mine["units"] += row.quantity
            mine["oldest_s"] = max(mine["oldest_s"], _age_s(draft.now_us, row.created_us))
        for key, values in sorted(sums.items()):
            draft.add(m.BACKLOG, values, *key)
        waits = {(site, kind) for site, _, kind in sums}
        for site in await connection.scalars(select(site_table.c.site)):
            for kind in TaskKind:
                if (site, kind.value) not in waits:
                    draft.add(m.BACKLOG, _nothing(), site, "", kind.value)
        for gone in await Memory(connection, draft).vanished("backlog", sums):
            draft.add(m.BACKLOG, _nothing(), *gone)


def _nothing() -> dict[str, Any]:
    return {"open": 0, "claimed": 0, "overdue": 0, "units": 0, "oldest_s": 0.0}


class TaskFlowLook:
    """Tasks that came and went since the last look."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `task_flow`."""
        memory = Memory(connection, draft)
        seen = await memory.read("task_flow")
        until_us = draft.at_us - int(SETTLE_S * 1e6)
        memory.move("task_flow", seen, until_us)
        if not seen.position or until_us <= seen.position:
            return
        sums: dict[tuple[str, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(int))

        def within(instant_us: int | None) -> bool:
            return instant_us is not None and seen.position < instant_us <= until_us

        new = select(task).where(task.c.id > _id_before(seen.position), task.c.created_us > seen.position)
        for row in await connection.execute(new):
            if within(row.created_us):
                sums[row.site, row.kind]["opened"] += 1
        sites = select(site_table.c.site)
        changed = select(task).where(
            task.c.site.in_(sites), task.c.state.in_(_ENDED), task.c.updated_us > seen.position
        )
        for row in await connection.execute(changed):
            mine = sums[row.site, row.kind]
            over = row.dedup is None and within(row.updated_us)
            if within(row.done_us):
                mine["done"] += 1
                mine["took_s"] += _age_s(row.done_us, row.created_us)
            elif over and row.done_us is None:
                mine["cannot" if row.state == "cannot" else "closed"] += 1
                mine["took_s"] += _age_s(row.updated_us, row.created_us)
            mine["reopened"] += row.reopened if over else 0
        for key, values in sorted(sums.items()):
            draft.add(m.TASK_FLOW, dict(values), *key)


class HoldsLook:
    """Holds that are not over, and those that came and went since the last look."""

    every_s = MINUTE_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `reservations` and `reservation_flow`."""
        await self._open(connection, draft)
        memory = Memory(connection, draft)
        seen = await memory.read("reservation_flow")
        until_us = draft.at_us - int(SETTLE_S * 1e6)
        memory.move("reservation_flow", seen, until_us)
        if seen.position and until_us > seen.position:
            await self._flow(connection, draft, seen.position, until_us)

    @staticmethod
    async def _open(connection: AsyncConnection, draft: Draft) -> None:
        lasting = (reservation.c.state != "held") | (reservation.c.expires_us > draft.now_us)
        query = (
            select(
                *(reservation_line.c.site, reservation.c.channel, reservation.c.mode, reservation.c.state),
                func.count(reservation.c.id.distinct()).label("holds"),
                func.sum(reservation_line.c.quantity).label("units"),
                func.sum(reservation_line.c.substitution_needed).label("wanting"),
                func.min(reservation.c.created_us).label("oldest_us"),
            )
            .join(reservation_line, reservation_line.c.reservation == reservation.c.id)
            .where(reservation.c.state.in_(sorted(ACTIVE)), lasting)
            .group_by(reservation_line.c.site, reservation.c.channel, reservation.c.mode, reservation.c.state)
        )
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in await connection.execute(query):
            found[row.site, row.channel, row.mode, row.state] = {
                "holds": row.holds,
                "units": int(row.units),
                "wanting": int(row.wanting),
                "oldest_s": _age_s(draft.now_us, row.oldest_us),
            }
        for key, values in sorted(found.items()):
            draft.add(m.RESERVATIONS, values, *key)
        none = {"holds": 0, "units": 0, "wanting": 0, "oldest_s": 0.0}
        for gone in await Memory(connection, draft).vanished("reservations", found):
            draft.add(m.RESERVATIONS, none, *gone)
        for site in sorted({*await connection.scalars(select(site_table.c.site))} - {key[0] for key in found}):
            draft.add(m.RESERVATIONS, none, site, "", "", "")

    @staticmethod
    async def _flow(connection: AsyncConnection, draft: Draft, from_us: int, until_us: int) -> None:
        sums: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        made = and_(
            reservation.c.id > _id_before(from_us),
            reservation.c.created_us > from_us,
            reservation.c.created_us <= until_us,
        )
        over = and_(
            reservation.c.id > _id_before(from_us - int(HOLD_LOOK_BACK_S * 1e6)),
            reservation.c.state.in_(_OVER),
            reservation.c.updated_us > from_us,
            reservation.c.updated_us <= until_us,
        )
        for which, is_over in ((made, False), (over, True)):
            query = (
                select(
                    *(reservation_line.c.site, reservation.c.channel, reservation.c.mode, reservation.c.state),
                    func.count(reservation.c.id.distinct()).label("holds"),
                    func.sum(reservation_line.c.quantity).label("units"),
                    func.sum(reservation_line.c.substitution_needed).label("wanting"),
                )
                .join(reservation_line, reservation_line.c.reservation == reservation.c.id)
                .where(which)
                .group_by(reservation_line.c.site, reservation.c.channel, reservation.c.mode, reservation.c.state)
            )
            for row in await connection.execute(query):
                mine = sums[row.site, row.channel, row.mode, row.state if is_over else "held"]
                mine["holds"] += row.holds
                mine["units"] += int(row.units)
                mine["wanting"] += int(row.wanting) if is_over else 0
        for key, values in sorted(sums.items()):
            draft.add(m.RESERVATION_FLOW, dict(values), *key)


ALARMS_OPEN: Final = select(alarm.c.site, func.count().label("n")).where(alarm.c.state == "open").group_by(alarm.c.site)


class AlarmsLook:
    """Alarms that are not over, and those that began."""

    every_s = LIVE_EVERY_S
    alone = True

    async def look(self, connection: AsyncConnection, draft: Draft) -> None:
        """Write `exceptions`."""
        memory = Memory(connection, draft)
        seen = await memory.read("exceptions")
        until_us = draft.at_us - int(SETTLE_S * 1e6)
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        query = (
            select(
                *(alarm.c.site, alarm.c.kind, alarm.c.severity, alarm.c.state),
                func.count().label("n"),
                func.min(alarm.c.first_us).label("oldest_us"),
            )
            .where(alarm.c.state != "cleared")
            .group_by(alarm.c.site, alarm.c.kind, alarm.c.severity, alarm.c.state)
        )
        for row in await connection.execute(query):
            mine = found.setdefault((row.site, row.kind, row.severity), _no_alarms())
            mine[row.state] = row.n
            if row.state == "open":
                mine["oldest_s"] = _age_s(draft.now_us, row.oldest_us)
        held = {tuple(key) for key in seen.body.get("keys", ())}
        keys = sorted(found)
        for gone in sorted(held - found.keys()):
            found[gone] = _no_alarms()
        if seen.position:
            began = (
                select(alarm.c.site, alarm.c.kind, alarm.c.severity, func.count().label("n"))
                .where(alarm.c.id > _id_before(seen.position))
                .where(alarm.c.first_us > seen.position, alarm.c.first_us <= until_us)
                .group_by(alarm.c.site, alarm.c.kind, alarm.c.severity)
            )
            for row in await connection.execute(began):
                found.setdefault((row.site, row.kind, row.severity), _no_alarms())["raised"] = row.n
        memory.move("exceptions", seen, until_us, {"keys": keys})
        told = {(site, kind) for site, kind, _ in found}
        for site in await connection.scalars(select(site_table.c.site)):
            for kind in AlarmKind:  # that there is none is said, too: a board cannot tell it from silence
                if (site, kind.value) not in told:
                    found[site, kind.value, Severity.WARNING.value] = _no_alarms()
        for key, values in sorted(found.items()):
            draft.add(m.EXCEPTIONS, values, *key)


def _no_alarms() -> dict[str, Any]:
    return {"open": 0, "acknowledged": 0, "oldest_s": 0.0}
