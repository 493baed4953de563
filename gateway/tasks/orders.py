"""Tasks of orders, kept in step with their reservation inside its transaction (`gateway.holds.follow_up`).

What is to change is decided by `gateway.tasks.follow`; here stand the rows that it is decided from, and those written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds.ids import NewId
from gateway.holds.life import State as HoldState
from gateway.holds.rows import Held
from gateway.site_view import SiteView, SiteViews
from gateway.sourcing.calendar import ready_at
from gateway.storage.commerce import binding
from gateway.storage.schema import item, sku
from gateway.tasks.follow import FULFILLED, Change, Known, Let, Line, Open, Part, follow
from gateway.tasks.life import Kind, State
from gateway.tasks.limits import PUT_BACK_S
from gateway.tasks.order import NOWHERE, walk_of
from gateway.tasks.store import NewTask, Task, open_task, tasks_of, write_task

PICKUP: Final = "pickup"
SHIP_FROM_STORE: Final = "ship_from_store"
MODES: Final = frozenset({PICKUP, SHIP_FROM_STORE})
"""Ways of delivery that are work for a store's people. What is sent from a warehouse is its own system's work."""

_MICROS: Final = 1_000_000


class OrderTasks:
    """Opens, changes and closes the tasks of reservations. Its call is a `FollowUp`."""

    def __init__(self, clock: Clock, new_id: NewId) -> None:
        self._new_id = new_id
        self._views = SiteViews(clock)

    async def __call__(
        self,
        connection: AsyncConnection,
        held: Held,
        *,
        why: str,
        now_us: int,
        all_picked: bool = False,
        at: str = "",  # noqa: ARG002 - all its sites are looked at
        to: Sequence[Held] = (),  # noqa: ARG002 - those are followed up themselves
    ) -> None:
        """Give a reservation the tasks that it needs now; see the port."""
        if held.mode not in MODES or held.state is HoldState.HELD:
            return
        by_site: dict[str, list[Task]] = defaultdict(list)
        for task in await tasks_of(connection, held.id, lock=True):
            by_site[task.site].append(task)
        for site in sorted(set(held.sites) | by_site.keys()):
            tasks = by_site[site]
            changes = follow(_part(held, site, why, all_picked=all_picked), [_known(task) for task in tasks])
            if changes:
                await self._write(connection, held, site, changes, tasks=tasks, now_us=now_us)

    async def _write(
        self,
        connection: AsyncConnection,
        held: Held,
        site: str,
        changes: Sequence[Change],
        *,
        tasks: Sequence[Task],
        now_us: int,
    ) -> None:
        there = {task.id: task for task in tasks}
        for change in changes:
            if isinstance(change, Let):
                await write_task(connection, there[change.task], now_us, **_values(there[change.task], change))
        opened = [change for change in changes if isinstance(change, Open)]
        if not opened:
            return
        view = await self._views.one(connection, site)
        zones = await _zones(connection, held, site, view)
        departments = await _departments(connection, [one.gtin for one in opened if one.gtin])
        due_us = min((task.due_us for task in tasks if task.kind is Kind.PICK), default=_due_us(view, now_us))
        for one in opened:
            new = NewTask(
                site=site,
                kind=one.kind,
                dedup=f"{one.kind.value}/{held.id}" + (f"/{one.gtin}" if one.gtin else ""),
                gtin=one.gtin,
                serials=one.serials,
                quantity=one.quantity,
                from_zone=zones.get(one.gtin) if one.kind is Kind.PICK else None,
                to_zone=one.to_zone,
                department=departments.get(one.gtin, ""),
                reservation=held.id,
                due_us=_due_of(one.kind, held, due_us, now_us),
                reason=one.reason,
                state=one.state,
            )
            name = await open_task(connection, new, self._new_id, now_us)
            assert name is not None, f"{new.dedup}: the reservation's row is locked, and its tasks were read"


def _part(held: Held, site: str, why: str, *, all_picked: bool) -> Part:
    lines = tuple(
        Line(
            line.key.gtin,
            tuple(sorted(serial for serial, picked in line.items if picked)),
            tuple(sorted(serial for serial, picked in line.items if not picked)),
            line.untagged,
        )
        for line in held.lines
        if line.key.site == site
    )
    over = held.state not in {HoldState.CONFIRMED, HoldState.PICKED}
    ended = (FULFILLED if held.state is HoldState.FULFILLED else why or held.state.value) if over else ""
    if not over and not lines:
        ended = FULFILLED  # this site handed over its part, or sold it
    return Part(lines, held.mode == SHIP_FROM_STORE, all_picked, ended)


def _known(task: Task) -> Known:
    return Known(
        task.id, task.kind, task.state, task.gtin, task.quantity, task.serials, from_zone=task.from_zone, over=task.over
    )


def _values(task: Task, change: Let) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.state is not None:
        values |= {"state": change.state, "reason": change.reason}
        if change.state is State.OPEN:
            values["reopened"] = task.reopened + 1
    if change.quantity is not None:
        values["quantity"] = change.quantity
    if change.serials is not None:
        values["serials"] = msgspec.json.encode(list(change.serials))
    if change.over:
        values["dedup"] = None
    return values


def _due_us(view: SiteView | None, now_us: int) -> int:
    """Return when the work on an order that comes now should be done: by the site's hours, cut-off and speed."""
    if view is None:
        return now_us
    does = view.site.fulfilment
    handling = timedelta(minutes=does.handling_min)
    now = datetime.fromtimestamp(now_us / _MICROS, UTC)
    found = ready_at(now, view.site.hours, view.site.timezone, handling=handling, cut_off=does.cut_off)
    return now_us + handling // timedelta(microseconds=1) if found is None else round(found.timestamp() * _MICROS)


def _due_of(kind: Kind, held: Held, due_us: int, now_us: int) -> int:
    if kind is Kind.PUT_BACK:
        return now_us + PUT_BACK_S * _MICROS
    if kind is Kind.HAND_OVER and held.collect_by_us is not None:
        return held.collect_by_us
    return due_us


async def _zones(connection: AsyncConnection, held: Held, site: str, view: SiteView | None) -> dict[str, str]:
    """Return for each SKU the zone of its items that one comes by first."""
    walk = {} if view is None else walk_of(view.site)
    where = and_(item.c.site == binding.c.site, item.c.gtin == binding.c.gtin, item.c.serial == binding.c.serial)
    query = (
        select(binding.c.gtin, item.c.zone)
        .join(item, where)
        .where(binding.c.reservation == held.id, binding.c.site == site)
    )
    found: Mapping[str, list[str]] = defaultdict(list)
    for row in await connection.execute(query):
        found[row.gtin].append(row.zone)
    return {gtin: min(zones, key=lambda zone: (walk.get(zone, NOWHERE), zone)) for gtin, zones in found.items()}


async def _departments(connection: AsyncConnection, gtins: Sequence[str]) -> dict[str, str]:
    if not gtins:
        return {}
    query = select(sku.c.gtin, sku.c.department).where(sku.c.gtin.in_(gtins))
    return {row.gtin: row.department or "" for row in await connection.execute(query)}
