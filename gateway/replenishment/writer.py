"""What was judged becomes rows: tasks closed, opened again, changed, withdrawn; then new ones. In one transaction each.

A task is locked and compared with what was judged: if somebody acted on it meanwhile, nothing of ours is written, and
its SKU is judged again. New tasks are unique by their name at the site.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.ids import NewId
from gateway.replenishment.close import Outcome, Verdict
from gateway.replenishment.reader import DISPUTE
from gateway.replenishment.task import Amended, Decisions, Wanted
from gateway.storage.work import REASON_CHARS
from gateway.tasks.life import Kind, State
from gateway.tasks.store import NewTask, Task, open_task, read_task, write_task

WITHDRAWN: Final = "withdrawn"


@dataclass(slots=True)
class Change:
    """What becomes of a task that is not over. `ended`: how, when it is over with that."""

    task: Task
    values: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)
    state: State | None = None
    ended: str = ""

    @property
    def row(self) -> dict[str, Any]:
        """Return the columns that are other than before."""
        values = {name: value for name, value in self.values.items() if getattr(self.task, name) != value}
        if self.detail != self.task.detail:
            values["detail"] = msgspec.json.encode(self.detail)
        if "serials" in values:
            values["serials"] = msgspec.json.encode(list(values["serials"]))
        return values


def changes_of(
    rows: Mapping[str, Task], verdicts: Mapping[str, Verdict], decisions: Iterable[Decisions], now_us: int
) -> list[Change]:
    """Return what becomes of stored tasks, by their ids in order. Pure.

    `rows` are the tasks as they were read; `verdicts` by id. Tasks of which nothing changes are left out.
    """
    found: dict[str, Change] = {}

    def change(name: str) -> Change:
        task = rows[name]
        return found.setdefault(name, Change(task, detail=dict(task.detail)))

    for name, verdict in verdicts.items():
        _judged(change(name), verdict)
    for decided in decisions:
        for amended in decided.amended:
            _amended(change(amended.task), amended)
        for gone in decided.withdrawn:
            ended = change(gone.task)
            ended.state, ended.ended = State.CLOSED, WITHDRAWN
            ended.values["reason"] = gone.says[:REASON_CHARS]
            ended.detail["outcome"] = WITHDRAWN
    lapsed = {name for name, one in found.items() if one.task.standing.state_at(now_us) is not one.task.state}
    for name in lapsed:
        if found[name].state is None and found[name].row:
            found[name].state = State.OPEN
    return [found[name] for name in sorted(found) if found[name].row or found[name].state is not None]


def _judged(change: Change, verdict: Verdict) -> None:
    change.detail["moved"] = verdict.moved
    asked = bool(change.detail.pop("ask", None))
    match verdict.outcome:
        case Outcome.CLOSE | Outcome.DISPUTE:
            change.state, change.ended = State.CLOSED, verdict.outcome.value
            disputed = verdict.outcome is Outcome.DISPUTE
            change.detail["outcome"] = DISPUTE if disputed else verdict.outcome.value
            change.detail["by"] = None if verdict.by is None else verdict.by.value
            change.values["reason"] = (f"disputed: {verdict.says}" if disputed else verdict.says)[:REASON_CHARS]
        case Outcome.REOPEN:
            change.state, change.ended = State.OPEN, verdict.outcome.value
            again = {"done_us": None, "word": None, "reopened": change.task.reopened + 1}
            change.values |= again | {"reason": verdict.says[:REASON_CHARS]}
        case Outcome.ASK:
            change.detail["ask"] = True
            change.values["reason"] = verdict.says[:REASON_CHARS]
        case Outcome.WAIT:
            if asked:
                change.values["reason"] = ""
    if change.detail.get("moved") == 0 and "moved" not in change.task.detail:
        del change.detail["moved"]


def _amended(change: Change, amended: Amended) -> None:
    change.detail["unread"] = amended.unread
    change.detail["from_zones"] = list(amended.from_zones)
    change.values |= {
        "quantity": amended.quantity,
        "serials": amended.serials,
        "urgency": int(amended.urgency),
        "due_us": amended.due_us,
    }
    if amended.from_zones:
        change.values["from_zone"] = amended.from_zones[0]


async def write_changes(connection: AsyncConnection, changes: Sequence[Change], now_us: int) -> list[Change]:
    """Write what becomes of tasks, locked in the order of their ids; return those that were written."""
    written = []
    for change in sorted(changes, key=lambda one: one.task.id):
        found = await read_task(connection, change.task.id, lock=True)
        if found is None or found.version != change.task.version:
            continue
        more = {} if change.state is None else {"state": change.state}
        await write_task(connection, found, now_us, **change.row, **more)
        written.append(change)
    return written


def new_task(site: str, wanted: Wanted) -> NewTask:
    """Return a wish as a task to open. Pure."""
    return NewTask(
        site=site,
        kind=Kind.REFILL,
        dedup=wanted.dedup,
        due_us=wanted.due_us,
        gtin=wanted.gtin,
        serials=wanted.serials,
        quantity=wanted.quantity,
        from_zone=wanted.from_zones[0] if wanted.from_zones else None,
        to_zone=wanted.to_zones[0] if wanted.to_zones else None,
        department=wanted.department,
        urgency=int(wanted.urgency),
        reason="; ".join(wanted.reasons)[:REASON_CHARS],
        detail={
            "from_zones": list(wanted.from_zones),
            "to_zones": list(wanted.to_zones),
            "unread": wanted.unread,
            "reasons": list(wanted.reasons),
            "last": wanted.last,
        },
    )


async def open_wanted(
    connection: AsyncConnection, site: str, wanted: Iterable[Wanted], new_id: NewId, now_us: int
) -> list[str]:
    """Open tasks; return the ids of those that are new. A SKU that has one already gets no second one."""
    opened = [await open_task(connection, new_task(site, one), new_id, now_us) for one in wanted]
    return [name for name in opened if name is not None]
