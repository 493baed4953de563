"""What replenishment reads of a site, a page of SKUs at a time: items, holds, units without tags, tasks, movements.

All of a page comes from one transaction, so that no item stands in two places.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.life import ACTIVE
from gateway.holds.life import State as HoldState
from gateway.ledger.picture import AVAILABLE
from gateway.replenishment.close import Move
from gateway.replenishment.judging import Facts, Standing, in_vain
from gateway.replenishment.limits import MOVES_MAX, REFUSED_MAX, TASKS_MAX
from gateway.replenishment.places import Place, places_of
from gateway.replenishment.stock import Held, Refused, Unit
from gateway.replenishment.task import RefillTask, TaskState, Urgency
from gateway.site_view import SiteView
from gateway.storage.commerce import binding, disposition, reservation, reservation_line
from gateway.storage.schema import item, movement, stock, zone_state
from gateway.storage.statement import MANY
from gateway.storage.work import task as task_table
from gateway.tasks.acts import DAMAGED
from gateway.tasks.life import Kind, State
from gateway.tasks.store import Task, task_of
from wire.site import OUT

DISPUTE: Final = "dispute"
"""The outcome in the detail of a task that was closed because person and reads said different things."""

_ENDED: Final = (State.CANNOT.value, State.CLOSED.value)


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page of SKUs. `rows`: the tasks as they are stored, by id; `standing`: by GTIN."""

    places: Mapping[str, Place]
    facts: Mapping[str, Facts]
    rows: Mapping[str, Task]
    standing: Mapping[str, Sequence[Standing]]


async def read_page(
    connection: AsyncConnection, view: SiteView, gtins: Collection[str], *, now_us: int, rest_us: int
) -> Page:
    """Read SKUs of a site. `rest_us`: how long items that somebody looked for in vain are left alone."""
    site, wanted = view.site.id, sorted(set(gtins))
    since = select(zone_state.c.zone, zone_state.c.since_us).where(zone_state.c.site == site)
    since_us = {row.zone: row.since_us for row in await connection.execute(since)}
    places = places_of(view.site, view.looks, since_us, view.site.walk())
    facts: dict[str, Facts] = defaultdict(Facts)
    for low in range(0, len(wanted), MANY):
        part = wanted[low : low + MANY]
        await _read_units(connection, site, part, facts, now_us)
        await _read_rest(connection, site, part, facts, now_us)
    tasks = {one.id: one for one in await refill_tasks(connection, site)}
    standing: dict[str, list[Standing]] = defaultdict(list)
    for one in tasks.values():
        standing[one.gtin].append(Standing(refill_task(one, now_us), frozenset(one.serials)))
    await _read_moves(connection, site, {gtin: tasks for gtin, tasks in standing.items() if gtin in set(wanted)}, facts)
    for ended in await ended_in_vain(connection, site, now_us - rest_us):
        read = facts.get(ended.gtin)
        if read is not None:
            found = looked_for(ended, read.units)
            read.refused = found if read.refused is None else in_vain(read.refused, found, read.units)
    return Page(places, facts, tasks, standing)


async def _read_units(
    connection: AsyncConnection, site: str, gtins: Sequence[str], facts: dict[str, Facts], now_us: int
) -> None:
    """Read items that are inside and for sale, and who has a claim on each."""
    state = and_(disposition.c.gtin == item.c.gtin, disposition.c.serial == item.c.serial)
    bound = and_(binding.c.gtin == item.c.gtin, binding.c.serial == item.c.serial)
    query = (
        select(
            item.c.gtin,
            item.c.serial,
            item.c.zone,
            item.c.probability,
            item.c.since_us,
            binding.c.picked,
            reservation.c.state,
            reservation.c.expires_us,
        )
        .outerjoin(disposition, state)
        .outerjoin(binding, bound)
        .outerjoin(reservation, reservation.c.id == binding.c.reservation)
        .where(item.c.site == site, item.c.gtin.in_(gtins), item.c.zone != OUT)
        .where(or_(disposition.c.state.is_(None), disposition.c.state == AVAILABLE))
    )
    for row in await connection.execute(query):
        chance = 1.0 if row.probability is None else min(max(row.probability, 0.0), 1.0)
        unit = Unit(row.serial, row.zone, chance, _held(row, now_us), row.since_us)
        facts[row.gtin].units.append(unit)


def _held(row: Any, now_us: int) -> Held:
    if row.state not in ACTIVE:
        return Held.FREE
    if row.state != HoldState.HELD.value or row.picked:
        return Held.ORDER
    return Held.CART if row.expires_us > now_us else Held.FREE


async def _read_rest(
    connection: AsyncConnection, site: str, gtins: Sequence[str], facts: dict[str, Facts], now_us: int
) -> None:
    """Read units without tags, sold ones that nobody can name, and those that holds wait for."""
    query = select(stock.c.gtin, stock.c.untagged, stock.c.unplaced).where(
        stock.c.site == site, stock.c.gtin.in_(gtins)
    )
    for row in await connection.execute(query):
        facts[row.gtin].untagged += row.untagged
        facts[row.gtin].unplaced = row.unplaced
    lasting = or_(reservation.c.state != HoldState.HELD.value, reservation.c.expires_us > now_us)
    held = (
        select(
            reservation_line.c.gtin,
            func.sum(reservation_line.c.untagged).label("untagged"),
            func.sum(reservation_line.c.substitution_needed).label("wanting"),
        )
        .join(reservation, reservation.c.id == reservation_line.c.reservation)
        .where(reservation_line.c.site == site, reservation_line.c.gtin.in_(gtins))
        .where(reservation.c.state.in_(sorted(ACTIVE)), lasting)
        .group_by(reservation_line.c.gtin)
    )
    for row in await connection.execute(held):
        facts[row.gtin].untagged -= int(row.untagged)
        facts[row.gtin].wanting = int(row.wanting)


async def refill_tasks(connection: AsyncConnection, site: str) -> list[Task]:
    """Return a site's refill tasks that are not over, the oldest first."""
    query = (
        select(task_table)
        .where(task_table.c.site == site, task_table.c.kind == Kind.REFILL.value, task_table.c.dedup.is_not(None))
        .order_by(task_table.c.id)
        .limit(TASKS_MAX)
    )
    return [task_of(row) for row in await connection.execute(query)]


def refill_task(row: Task, now_us: int) -> RefillTask:
    """Return a stored task as the rules see it."""
    detail = row.detail
    state = TaskState(row.standing.state_at(now_us).value)
    quantity = max(1, row.quantity)
    return RefillTask(
        id=row.id,
        gtin=row.gtin,
        quantity=quantity,
        urgency=Urgency(min(max(row.urgency, min(Urgency)), max(Urgency))),
        due_us=row.due_us,
        opened_us=row.created_us,
        from_zones=tuple(detail.get("from_zones", ())) or ((row.from_zone,) if row.from_zone else ()),
        to_zones=tuple(detail.get("to_zones", ())) or ((row.to_zone,) if row.to_zone else ()),
        state=state,
        unread=min(int(detail.get("unread", 0)), quantity),
        moved=int(detail.get("moved", 0)),
        done_us=(row.done_us or row.updated_us) if state is TaskState.DONE else None,
        word=row.word,
        reopened=row.reopened,
    )


async def _read_moves(
    connection: AsyncConnection, site: str, standing: Mapping[str, Iterable[Standing]], facts: dict[str, Facts]
) -> None:
    """Read the movements of SKUs with a task since the first of them began, the newest `MOVES_MAX` of each."""
    for gtin, tasks in sorted(standing.items()):
        since_us = min(one.task.opened_us for one in tasks)
        query = (
            select(movement)
            .where(movement.c.site == site, movement.c.gtin == gtin, movement.c.decided_us >= since_us)
            .order_by((movement.c.m + 0).desc())  # by `m` itself SQLite reads the site's whole ledger backwards
            .limit(MOVES_MAX)
        )
        facts[gtin].moves = [
            Move(row.serial, row.credit, row.debit, row.m, row.decided_us, row.probability)
            for row in await connection.execute(query)
        ]


async def ended_in_vain(connection: AsyncConnection, site: str, since_us: int) -> list[Task]:
    """Return refill tasks that ended since then without goods: not to be done, or disputed; the newest first."""
    query = (
        select(task_table)
        .where(task_table.c.site == site, task_table.c.state.in_(_ENDED), task_table.c.updated_us > since_us)
        .where(task_table.c.kind == Kind.REFILL.value)
        .order_by(task_table.c.updated_us.desc(), task_table.c.id)
        .limit(REFUSED_MAX)
    )
    ended = [task_of(row) for row in await connection.execute(query)]
    return [one for one in ended if one.state is State.CANNOT or one.detail.get("outcome") == DISPUTE]


def looked_for(ended: Task, units: Iterable[Unit]) -> Refused:
    """Return what somebody looked for in vain: the items that the task named, and all others where it led to. Pure.

    Any item of the size would have done, so who found none found none of them. An item that is damaged is itself only.
    """
    serials = frozenset(ended.serials)
    if ended.reason != DAMAGED:
        zones = {*ended.detail.get("from_zones", ()), ended.from_zone}
        serials |= {unit.serial for unit in units if unit.zone in zones}
    return Refused(ended.updated_us, serials)
