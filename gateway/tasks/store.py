"""Tasks in the database: opened, locked, changed, and those of whoever opens and closes them by their name.

Rows of tasks are locked after those of stock and reservations, several in the order of their ids. Whoever opens tasks
of his own (refill, find, check) needs `open_task`, `amend_task`, `reopen_task`, `close_task` and `live_tasks` only, in
a transaction of his.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.holds.ids import NewId
from gateway.storage.statement import insert_into, storable
from gateway.storage.work import REASON_CHARS, task
from gateway.tasks.life import WAITING, Act, Claimant, Kind, Standing, State, is_over, step
from gateway.tasks.limits import LIVE_MAX, SERIALS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to open. `dedup`: its name at its site, which no other task has that is not over.

    `serials`: items, the surest first. `urgency`: 0 first, among tasks that are due alike. `detail` is kept as it is,
    for whoever opened it.
    """

    site: str
    kind: Kind
    dedup: str
    due_us: int
    gtin: str = ""
    serials: Sequence[str] = ()
    quantity: int = 1
    from_zone: str | None = None
    to_zone: str | None = None
    department: str = ""
    reservation: str | None = None
    urgency: int = 0
    reason: str = ""
    state: State = State.OPEN
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as its row says. `word`: units that a person says to have moved."""

    id: str
    site: str
    kind: Kind
    state: State
    dedup: str | None
    gtin: str
    serials: tuple[str, ...]
    quantity: int
    from_zone: str | None
    to_zone: str | None
    department: str
    reservation: str | None
    urgency: int
    due_us: int
    claimed_key: str | None
    claimed_by: str
    claimed_us: int | None
    done_us: int | None
    word: int | None
    reopened: int
    reason: str
    detail: Mapping[str, Any]
    version: int
    created_us: int
    updated_us: int

    @property
    def over(self) -> bool:
        """Whether nothing becomes of it any more."""
        return self.dedup is None

    @property
    def standing(self) -> Standing:
        """Return it as its life sees it."""
        claimant = None if self.claimed_key is None else Claimant(self.claimed_key, self.claimed_by)
        return Standing(self.id, self.kind, self.state, claimant, self.claimed_us, self.reason)


def task_of(row: Row[Any]) -> Task:
    """Return a row as a task."""
    held = {column.name: getattr(row, column.name) for column in task.c}
    held["serials"] = tuple(msgspec.json.decode(row.serials))
    return Task(**held | {"kind": Kind(row.kind), "state": State(row.state), "detail": msgspec.json.decode(row.detail)})


async def read_task(connection: AsyncConnection, name: str, *, lock: bool = False) -> Task | None:
    """Return a task; `lock` its row."""
    query = select(task).where(task.c.id == storable(name))
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else task_of(row)


async def tasks_of(connection: AsyncConnection, reservation: str, *, lock: bool = False) -> list[Task]:
    """Return the tasks of a reservation, those that are over too, by id; `lock` their rows."""
    query = select(task).where(task.c.reservation == reservation).order_by(task.c.id)
    return [task_of(row) for row in await connection.execute(query.with_for_update() if lock else query)]


async def live_tasks(connection: AsyncConnection, site: str, kinds: Collection[Kind]) -> list[Task]:
    """Return a site's tasks of some kinds that are not over, by id: at most `LIVE_MAX`, those that are due first."""
    query = (
        select(task)
        .where(task.c.site == site, task.c.dedup.is_not(None), task.c.kind.in_(sorted(kind.value for kind in kinds)))
        .order_by(task.c.due_us, task.c.id)
        .limit(LIVE_MAX)
    )
    return sorted((task_of(row) for row in await connection.execute(query)), key=lambda one: one.id)


async def open_task(connection: AsyncConnection, new: NewTask, new_id: NewId, now_us: int) -> str | None:
    """Open a task; return its id, None when one of that name is not over. Two that ask at once open one."""
    assert len(new.serials) <= SERIALS_MAX
    row = {
        "id": new_id(),
        "site": new.site,
        "kind": new.kind.value,
        "state": new.state.value,
        "dedup": None if is_over(new.kind, new.state) else new.dedup,
        "gtin": new.gtin,
        "serials": msgspec.json.encode(list(new.serials)),
        "quantity": new.quantity,
        "from_zone": new.from_zone,
        "to_zone": new.to_zone,
        "department": new.department,
        "reservation": new.reservation,
        "urgency": new.urgency,
        "due_us": new.due_us,
        "claimed_by": "",
        "reopened": 0,
        "reason": storable(new.reason, REASON_CHARS),
        "detail": msgspec.json.encode(dict(new.detail)),
        "version": 1,
        "created_us": now_us,
        "updated_us": now_us,
    }
    put = insert_into(connection, task).on_conflict_do_nothing().returning(task.c.id)
    return (await connection.scalars(put, [row])).one_or_none()


async def write_task(connection: AsyncConnection, before: Task, now_us: int, **values: Any) -> None:
    """Change a row that is locked, and raise its version. A task that comes to be over gives its name back."""
    state = values.pop("state", before.state)
    row = {"version": before.version + 1, "updated_us": now_us, "state": state.value} | values
    if state is not State.CLAIMED:
        row |= {"claimed_key": None, "claimed_by": "", "claimed_us": None}
    if is_over(before.kind, state):
        row["dedup"] = None
    if "reason" in row:
        row["reason"] = storable(row["reason"], REASON_CHARS)
    await connection.execute(update(task).where(task.c.id == before.id).values(**row))


async def amend_task(
    connection: AsyncConnection,
    name: str,
    now_us: int,
    *,
    quantity: int | None = None,
    serials: Sequence[str] | None = None,
    from_zone: str | None = None,
    urgency: int | None = None,
    due_us: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> bool:
    """Give a task that nobody took yet other figures; return whether it was still one."""
    found = await read_task(connection, name, lock=True)
    if found is None or found.over or found.standing.state_at(now_us) is not State.OPEN:
        return False
    values: dict[str, Any] = {"quantity": quantity, "from_zone": from_zone, "urgency": urgency, "due_us": due_us}
    if serials is not None:
        values["serials"] = msgspec.json.encode(list(serials))
    if detail is not None:
        values["detail"] = msgspec.json.encode(dict(detail))
    given = {name: value for name, value in values.items() if value is not None}
    await write_task(connection, found, now_us, state=State.OPEN, **given)
    return True


async def close_task(
    connection: AsyncConnection, site: str, dedup: str, reason: str, now_us: int, *, untaken: bool = False
) -> str | None:
    """Close the task of this name that is not over; return its id, None when there is none.

    `untaken`: only while nobody has it.
    """
    query = select(task).where(task.c.site == site, task.c.dedup == dedup).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    found = task_of(row)
    if untaken and found.standing.state_at(now_us) is not State.OPEN:
        return None
    state = step(found.standing, Act.CLOSE, None, now_us)
    assert state is not None, "a task that is closed has no name"
    await write_task(connection, found, now_us, state=state, reason=reason)
    return found.id


async def reopen_task(connection: AsyncConnection, name: str, reason: str, now_us: int) -> bool:
    """Open a task again that was done; return False when it is over, or open already."""
    found = await read_task(connection, name, lock=True)
    if found is None or found.over or step(found.standing, Act.REOPEN, None, now_us) is None:
        return False
    await write_task(connection, found, now_us, state=State.OPEN, reason=reason, reopened=found.reopened + 1)
    return True


async def lapse_claims(connection: AsyncConnection, before_us: int, now_us: int, most: int) -> int:
    """Open tasks whose claim was made at `before_us` or earlier; return how many."""
    query = (
        select(task)
        .where(task.c.claimed_us <= before_us)
        .order_by(task.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = [task_of(row) for row in await connection.execute(query)]
    for one in found:
        await write_task(connection, one, now_us, state=State.OPEN, reason="claim_lapsed")
    return len(found)


async def first_tasks(connection: AsyncConnection, site: str, states: Iterable[State] = WAITING) -> list[Task]:
    """Return a site's tasks in these states, at most `LIVE_MAX`: those that are due first."""
    named = sorted(state.value for state in states)
    query = select(task).where(task.c.site == site, task.c.state.in_(named)).order_by(task.c.due_us, task.c.id)
    return [task_of(row) for row in await connection.execute(query.limit(LIVE_MAX))]


async def newest_tasks(connection: AsyncConnection, site: str, states: Iterable[State], most: int) -> list[Task]:
    """Return a site's tasks in these states that changed last, the newest first."""
    named = sorted(state.value for state in states)
    query = (
        select(task)
        .where(task.c.site == site, task.c.state.in_(named))
        .order_by(task.c.updated_us.desc(), task.c.id.desc())
        .limit(most)
    )
    return [task_of(row) for row in await connection.execute(query)]
