"""What is shown of replenishment: rounds from the database, gaps and reasons from the process that decides."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, iso, iso_or_none
from gateway.http.replenishment_rows import (
    GapRow,
    Gaps,
    NotNow,
    NotNowRow,
    RefillLine,
    RefillNumbers,
    RefillRound,
    Replenishment,
    SizeRow,
)
from gateway.http.size_order import size_key
from gateway.replenishment.batches import Batch, Line, batches
from gateway.replenishment.figures import SiteFigures
from gateway.replenishment.places import places_of
from gateway.replenishment.process import Replenishment as Process
from gateway.replenishment.reader import refill_task, refill_tasks
from gateway.replenishment.size_alarms import Lasting
from gateway.replenishment.task import RefillTask, TaskState, Urgency
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.storage.schema import sku
from gateway.storage.statement import MANY
from gateway.tasks.store import Task

Word = Literal["core_gap", "gap", "core_low", "low"]
_WORDS: Final[Mapping[Urgency, Word]] = {one: cast("Word", one.name.lower()) for one in Urgency}
_NONE: Final = {"style": "", "colour": "", "size": "", "description": ""}


class RefillBoard:
    """Answers what is to be refilled. `process`: the one of this gateway."""

    def __init__(self, database: Database, clock: Clock, process: Process) -> None:
        self._database = database
        self._clock = clock
        self._process = process
        self._views = SiteViews(clock)

    async def rounds(self, site: str, limit: int) -> Replenishment:
        """Return the first `limit` rounds of a site, the most urgent first, and its figures."""
        now_us = self._clock()
        async with self._database.read() as connection:
            view = await self._views.one(connection, site)
            rows = {row.id: row for row in await refill_tasks(connection, site)}
            names = await _products(connection, sorted({row.gtin for row in rows.values()}))
        tasks = {name: refill_task(row, now_us) for name, row in rows.items()}
        places = {} if view is None else places_of(view.site, view.looks, walk=view.site.walk())
        waiting = [
            _line(rows[name], task, names.get(task.gtin, _NONE))
            for name, task in tasks.items()
            if task.state is not TaskState.DONE
        ]
        found = batches(waiting, places)
        shown = [_round(batch, rows, tasks, names) for batch in found[:limit]]
        work = self._process.works.get(site)
        figures = None if work is None else _numbers(work.figures())
        return Replenishment(site=site, as_of=iso(now_us), total=len(found), rounds=shown, figures=figures)

    def gaps(self, site: str, limit: int, after: str) -> Gaps:
        """Return a page of the gaps of a site."""
        work = self._process.works.get(site)
        gaps: Mapping[Any, Lasting] = {} if work is None else work.alarms.gaps
        found = sorted(((_first(one), one) for one in gaps.values()), key=lambda pair: pair[0])
        page = [pair for pair in found if pair[0] > after][: limit + 1]
        return Gaps(
            site=site,
            decided_here=work is not None,
            total=len(found),
            next=page[limit - 1][0] if len(page) > limit else None,
            gaps=[_gap(one) for _, one in page[:limit]],
        )

    def not_now(self, site: str, limit: int, after: str) -> NotNow:
        """Return a page of the sizes of which nobody is sent."""
        work = self._process.works.get(site)
        found = [] if work is None else sorted(work.not_now.values(), key=lambda one: one.gtin)
        page = [one for one in found if one.gtin > after][: limit + 1]
        rows = []
        for one in page[:limit]:
            product = None if work is None else work.assortment.product(one.gtin)
            of = ("style", "colour", "size", "department")
            said: dict[str, str] = {name: "" if product is None else getattr(product, name) for name in of}
            rows.append(NotNowRow(gtin=one.gtin, why=one.why.value, says=one.says, **said))
        following = page[limit - 1].gtin if len(page) > limit else None
        return NotNow(site=site, decided_here=work is not None, total=len(found), next=following, not_now=rows)


async def _products(connection: AsyncConnection, gtins: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for low in range(0, len(gtins), MANY):
        query = select(sku.c.gtin, *(sku.c[name] for name in _NONE)).where(sku.c.gtin.in_(gtins[low : low + MANY]))
        for row in await connection.execute(query):
            found[row.gtin] = {name: getattr(row, name) for name in _NONE}
    return found


def _line(row: Task, task: RefillTask, product: Mapping[str, str]) -> Line:
    sort = (product["style"], product["colour"], str(size_key(product["size"])))
    return Line(
        task.id,
        task.gtin,
        max(1, task.quantity - task.moved),
        task.urgency,
        task.due_us,
        task.from_zones,
        task.to_zones,
        row.department,
        sort,
    )


def _round(
    batch: Batch, rows: Mapping[str, Task], tasks: Mapping[str, RefillTask], names: Mapping[str, Mapping[str, str]]
) -> RefillRound:
    return RefillRound(
        department=batch.department,
        urgency=_WORDS[batch.urgency],
        due_at=iso(batch.due_us),
        units=batch.units,
        picks=[_shown(line, rows[line.task], tasks[line.task], names.get(line.gtin, _NONE)) for line in batch.picks],
        drops=[line.task for line in batch.drops],
    )


def _shown(line: Line, row: Task, task: RefillTask, product: Mapping[str, str]) -> RefillLine:
    detail: Mapping[str, Any] = row.detail
    return RefillLine(
        task=line.task,
        state="claimed" if task.state is TaskState.CLAIMED else "open",
        gtin=line.gtin,
        **product,
        units=line.units,
        quantity=task.quantity,
        from_zones=list(line.from_zones),
        to_zones=list(line.to_zones),
        urgency=_WORDS[line.urgency],
        due_at=iso(line.due_us),
        reasons=list(detail.get("reasons", ())),
        last=bool(detail.get("last")),
        ask=bool(detail.get("ask")),
    )


def _numbers(figures: SiteFigures) -> RefillNumbers:
    named = ("tasks_open", "tasks_claimed", "tasks_done", "sizes", "shown", "behind", "absent", "unknown", "complete")
    return RefillNumbers(
        **{name: getattr(figures, name) for name in named},
        oldest_task_at=iso_or_none(figures.oldest_us),
        floor_availability=figures.floor_availability,
        gaps=dict(figures.gaps),
        not_now=dict(figures.not_now),
        judged_at=iso_or_none(figures.judged_us),
    )


def _first(one: Lasting) -> str:
    return min(gtin for gtin, _, _ in one.gap.sizes)


def _gap(one: Lasting) -> GapRow:
    gap = one.gap
    assert gap.kind is not None, "only gaps are kept"
    return GapRow(
        style=gap.style,
        colour=gap.colour,
        kind=gap.kind.value,
        says=gap.says,
        since=iso(one.since_us),
        alarm=one.alarm,
        missing_core=list(gap.missing_core),
        sizes=[
            SizeRow(gtin, size, state.value)
            for gtin, size, state in sorted(gap.sizes, key=lambda one: size_key(one[1]))
        ],
    )
