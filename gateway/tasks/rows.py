"""Tasks as they are shown: with their items as they are *now*, wherever readers saw them last.

A task's row says what is to be done. Which items that are, and where, follows at each look from what the reservation
holds at this moment: an item that faded has been replaced there, and one that was carried to another zone lies there.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso, iso_or_none
from gateway.holds.life import ACTIVE
from gateway.holds.rows import sure_at
from gateway.http.reservation_rows import item_link
from gateway.http.task_rows import TaskItem, TaskLine, TaskRow
from gateway.ledger.retell import shelf_of
from gateway.site_view import SiteView, SiteViews
from gateway.storage.commerce import binding, reservation, reservation_line
from gateway.storage.schema import item, sku
from gateway.storage.statement import MANY, has_key
from gateway.tasks.life import CLAIM_US, Kind, State
from gateway.tasks.order import Band, band_of, rank, walk_of
from gateway.tasks.store import Task

_BY_HOLD: Final = frozenset({Kind.PICK, Kind.PACK, Kind.HAND_OVER})
_Item = tuple[str, str, str]
"""Site, GTIN and serial."""


@dataclass(slots=True)
class _Held:
    """What a reservation holds of one SKU at a site."""

    gtin: str
    quantity: int
    untagged: int
    substitution_needed: int
    items: list[tuple[str, bool]] = field(default_factory=list)


@dataclass(slots=True)
class _Facts:
    """What tasks are shown with."""

    modes: dict[str, str] = field(default_factory=dict)
    held: dict[tuple[str, str], dict[str, _Held]] = field(default_factory=lambda: defaultdict(dict))
    places: dict[_Item, Any] = field(default_factory=dict)
    products: dict[str, Any] = field(default_factory=dict)


async def shown(connection: AsyncConnection, views: SiteViews, tasks: Sequence[Task], now_us: int) -> list[TaskRow]:
    """Return tasks as they are now, in their order; queries are few, however many tasks there are."""
    if not tasks:
        return []
    found = await views.load(connection, {task.site for task in tasks})
    facts = await _facts(connection, tasks)
    return [_row(task, found.get(task.site), facts, now_us) for task in tasks]


async def _facts(connection: AsyncConnection, tasks: Sequence[Task]) -> _Facts:
    facts = _Facts()
    holds = sorted({task.reservation for task in tasks if task.reservation is not None})
    for part in _parts(holds):
        query = select(reservation.c.id, reservation.c.mode, reservation.c.state).where(reservation.c.id.in_(part))
        rows = (await connection.execute(query)).all()
        facts.modes |= {row.id: row.mode for row in rows}
        await _load_held(connection, [row.id for row in rows if row.state in ACTIVE], facts)
    wanted = {(task.site, task.gtin, serial) for task in tasks for serial in _named(task)}
    for (_, site), lines in facts.held.items():
        wanted |= {(site, gtin, serial) for gtin, line in lines.items() for serial, _ in line.items}
    for part in _parts(sorted(wanted)):
        columns = (item.c.site, item.c.gtin, item.c.serial)
        places = select(*columns, item.c.zone, item.c.sellable, item.c.since_us).where(has_key(columns, part, lead=2))
        facts.places |= {(row.site, row.gtin, row.serial): row for row in await connection.execute(places)}
    gtins = {task.gtin for task in tasks} | {gtin for lines in facts.held.values() for gtin in lines}
    for part in _parts(sorted(gtins - {""})):
        said = (sku.c.gtin, sku.c.style, sku.c.colour, sku.c.size, sku.c.description)
        products = await connection.execute(select(*said).where(sku.c.gtin.in_(part)))
        facts.products |= {row.gtin: row for row in products}
    return facts


async def _load_held(connection: AsyncConnection, holds: Collection[str], facts: _Facts) -> None:
    lines = select(reservation_line).where(reservation_line.c.reservation.in_(holds))
    numbers: dict[tuple[str, int], _Held] = {}
    for row in await connection.execute(lines.order_by(reservation_line.c.reservation, reservation_line.c.line)):
        line = _Held(row.gtin, row.quantity, row.untagged, row.substitution_needed)
        facts.held[row.reservation, row.site][row.gtin] = numbers[row.reservation, row.line] = line
    bound = select(binding).where(binding.c.reservation.in_(holds)).order_by(binding.c.gtin, binding.c.serial)
    for row in await connection.execute(bound):
        numbers[row.reservation, row.line].items.append((row.serial, row.picked))


def _named(task: Task) -> tuple[str, ...]:
    """Return the items that a task itself names; those of an order's steps are what the order holds."""
    return () if task.kind in _BY_HOLD else task.serials


def _row(task: Task, view: SiteView | None, facts: _Facts, now_us: int) -> TaskRow:
    state = task.standing.state_at(now_us)
    claimed = state is State.CLAIMED
    lines = _lines(task, view, facts)
    zones = [
        one.zone for line in lines for one in line.items if one.zone and (task.kind is not Kind.PICK or not one.picked)
    ]
    walk: Mapping[str, int] = {} if view is None else walk_of(view.site)
    place = rank(task.id, task.due_us, task.urgency, zones=zones or [task.from_zone or ""], walk=walk, now_us=now_us)
    return TaskRow(
        id=task.id,
        site=task.site,
        kind=task.kind.value,
        state=state.value,
        quantity=task.quantity,
        lines=lines,
        urgency=_SOON[band_of(task.due_us, now_us)],  # type: ignore[arg-type] # the words of the bands
        due_at=iso(task.due_us),
        sort=str(place),
        from_zone=task.from_zone,
        to_zone=task.to_zone,
        department=task.department,
        reservation=task.reservation,
        mode=None if task.reservation is None else facts.modes.get(task.reservation),
        claimed_by=str(task.standing.claimant) if claimed else None,
        claim_ends_at=iso_or_none(task.claimed_us + CLAIM_US if claimed and task.claimed_us is not None else None),
        reason=task.reason,
        reopened=task.reopened,
        version=task.version,
        created_at=iso(task.created_us),
        updated_at=iso(task.updated_us),
    )


_SOON: Final = {band: band.name.lower() for band in Band}


def _lines(task: Task, view: SiteView | None, facts: _Facts) -> list[TaskLine]:
    if task.kind not in _BY_HOLD:
        named = [(serial, False) for serial in task.serials]
        return [_line(task, _Held(task.gtin, task.quantity, 0, 0, named), view, facts)] if task.gtin else []
    held = facts.held.get((task.reservation or "", task.site), {})
    lines = [held[task.gtin]] if task.gtin in held else [] if task.gtin else list(held.values())
    if not lines and task.gtin:  # it is over
        lines = [_Held(task.gtin, task.quantity, 0, 0)]
    return [_line(task, line, view, facts) for line in lines]


def _line(task: Task, line: _Held, view: SiteView | None, facts: _Facts) -> TaskLine:
    product = facts.products.get(line.gtin)
    return TaskLine(
        gtin=line.gtin,
        quantity=line.quantity,
        style="" if product is None else product.style,
        colour="" if product is None else product.colour,
        size="" if product is None else product.size,
        description="" if product is None else product.description,
        items=[_item(task.site, line.gtin, serial, view, facts, picked=picked) for serial, picked in line.items],
        untagged=line.untagged,
        substitution_needed=line.substitution_needed,
    )


def _item(site: str, gtin: str, serial: str, view: SiteView | None, facts: _Facts, *, picked: bool) -> TaskItem:
    place = facts.places.get((site, gtin, serial))
    link = item_link(gtin, serial)
    if place is None or view is None:
        return TaskItem(link, "", None, None, picked)
    sure = sure_at(shelf_of(view), place.zone, place.sellable)
    return TaskItem(link, place.zone, sure, iso(place.since_us), picked)


def _parts(values: Iterable[Any]) -> list[list[Any]]:
    given = list(values)
    return [given[low : low + MANY] for low in range(0, len(given), MANY)]
