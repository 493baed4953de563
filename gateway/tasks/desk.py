"""Tasks of one database: the one door to them, for HTTP.

An act of a person is one transaction. If the task is a step of an order, it changes the reservation with it: a pick
that is done is the verb `pick` for its items, one that cannot be done is `pick-miss`, and handing over is `fulfil`. The
locks are those of reservations, then the task's row.

When a site has no unit left for an order that is to be sent, the next best site is asked at once, within the request
(`gateway.tasks.resourcing`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.elsewhere import Elsewhere
from gateway.holds.errors import UnknownHoldError
from gateway.holds.follow_up import FollowUp, nothing_follows
from gateway.holds.rows import read_hold
from gateway.holds.turns import Turns
from gateway.holds.verbs import Work
from gateway.holds.writer import nothing
from gateway.http.task_rows import TaskRow
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.tasks.acts import Said, act_on
from gateway.tasks.audited import audit_act
from gateway.tasks.errors import UnknownTaskError
from gateway.tasks.life import ORDER_KINDS, WAITING, Act, Claimant, Kind, State, step
from gateway.tasks.limits import ACTS_AT_ONCE, ACTS_WAITING_MAX, LIST_DEFAULT
from gateway.tasks.rows import shown
from gateway.tasks.store import Task, first_tasks, newest_tasks, read_task, write_task

PUT_BACK: Final = "put_back"


@dataclass(slots=True)
class TaskFigures:
    """What the tasks of this process counted."""

    tasks_done: int = 0
    tasks_cannot: int = 0


class Tasks:
    """Shows tasks and lets people act on them. Without `elsewhere` no other site is asked for what is not found.

    `told` hears of what goes back to its place: the last step of an order.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        holds: Holds,
        *,
        elsewhere: Elsewhere | None = None,
        told: FollowUp = nothing_follows,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = TaskFigures()
        self._database = database
        self._clock = clock
        self._holds = holds
        self._elsewhere = elsewhere
        self._told = told
        self._committed = committed
        self._views = SiteViews(clock)
        self._turns = Turns("changes of tasks", ACTS_AT_ONCE, ACTS_WAITING_MAX)

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return asdict(self.figures) | {"task_acts_waiting": self._turns.waiting}

    # -- reading

    async def listed(
        self, site: str, *, kind: Kind | None = None, state: State | None = None, limit: int = LIST_DEFAULT
    ) -> tuple[list[TaskRow], int]:
        """Return a site's tasks, and how many there are. Without a state: those that somebody has to act on.

        Those that wait come in the order of doing, others the newest first.
        """
        now_us = self._clock()
        waits = state is None or state in WAITING
        async with self._database.read() as connection:
            if waits:
                found = await first_tasks(connection, site)
            else:
                assert state is not None
                found = await newest_tasks(connection, site, [state], limit)
            wanted = [task for task in found if kind in {None, task.kind} and _is(task, state, now_us)]
            rows = await shown(connection, self._views, wanted, now_us)
        if waits:
            rows.sort(key=lambda row: row.sort)
        return rows[:limit], len(rows)

    async def waiting(self, site: str, limit: int) -> list[TaskRow]:
        """Return the tasks of a site that wait, in the order of doing."""
        rows, _ = await self.listed(site, limit=limit)
        return rows

    async def get(self, who: Who, name: str) -> TaskRow:
        """Return a task as it is now. Raises `UnknownTaskError`."""
        async with self._database.read() as connection:
            task = await self._seen(connection, who, name)
            return (await shown(connection, self._views, [task], self._clock()))[0]

    # -- acting

    async def claim(self, who: Who, name: str, person: str = "") -> tuple[TaskRow, bool]:
        """Take a task; return it, and whether that had been done before, as all of these do.

        All raise `UnknownTaskError`, `ClaimedError`, `TaskStateError`, `BusyError`.
        """
        return await self._alone(who, name, Act.CLAIM, Said(person))

    async def release(self, who: Who, name: str, person: str = "") -> tuple[TaskRow, bool]:
        """Give a task back."""
        return await self._alone(who, name, Act.RELEASE, Said(person))

    async def done(self, who: Who, name: str, said: Said) -> tuple[TaskRow, bool]:
        """Say that it is done. Raises what the verbs of its reservation raise, too."""
        answer, replayed = await self._act(who, name, Act.DONE, said)
        self.figures.tasks_done += not replayed
        return answer, replayed

    async def cannot(self, who: Who, name: str, said: Said) -> tuple[TaskRow, bool]:
        """Say that it cannot be done.

        Raises `ItemNeededError`, `ForeignTaskItemError`, `VersionNeededError`, `TaskChangedError` too.
        """
        answer, replayed = await self._act(who, name, Act.CANNOT, said)
        self.figures.tasks_cannot += not replayed
        if self._elsewhere is None or answer.reservation is None:
            return answer, replayed
        if await self._elsewhere.serve(answer.reservation, answer.site):
            answer = await self.get(who, name)
        return answer, replayed

    async def _act(self, who: Who, name: str, act: Act, said: Said) -> tuple[TaskRow, bool]:
        async with self._database.read() as connection:
            task = await self._seen(connection, who, name)
        if task.kind not in ORDER_KINDS or task.reservation is None:
            return await self._alone(who, name, act, said)
        replayed = False

        async def with_order(work: Work) -> str:
            nonlocal replayed
            locked = await read_task(work.connection, name, lock=True)
            if locked is None or not who.sees(locked.site):
                raise UnknownTaskError(name)
            why = await act_on(work, locked, act, said)
            replayed = why is None
            if why is not None:
                await audit_act(work.connection, locked, act, said, key=who.key, now_us=work.now_us)
            return why or ""

        try:
            await self._holds.for_task(who, task.reservation, with_order)
        except UnknownHoldError:  # it was forgotten long ago, and its tasks are over
            return await self._alone(who, name, act, said)
        return await self.get(who, name), replayed

    async def _alone(self, who: Who, name: str, act: Act, said: Said) -> tuple[TaskRow, bool]:
        """Act on a task that changes nothing else."""

        async def once() -> tuple[TaskRow, bool]:
            async with self._database.write() as connection:
                task = await self._seen(connection, who, name, lock=True)
                now_us = self._clock()
                claimant = Claimant(who.key, said.person)
                state = step(task.standing, act, claimant, now_us)
                if state is not None:
                    await write_task(connection, task, now_us, state=state, **_values(act, claimant, said, now_us))
                    await audit_act(connection, task, act, said, key=who.key, now_us=now_us)
                    found = await read_task(connection, name)
                    assert found is not None
                    task = found
                    if act is Act.DONE and task.kind is Kind.PUT_BACK and task.reservation is not None:
                        await self._tell_put_back(connection, task, now_us)
                answer = (await shown(connection, self._views, [task], now_us))[0]
            self._committed()
            return answer, state is None

        return await self._turns.tried(f"{act.value} of task {name}", once)

    async def _tell_put_back(self, connection: AsyncConnection, task: Task, now_us: int) -> None:
        held = await read_hold(connection, task.reservation or "")
        if held is not None:
            await self._told(connection, held, why=PUT_BACK, now_us=now_us, at=task.site)

    async def _seen(self, connection: AsyncConnection, who: Who, name: str, *, lock: bool = False) -> Task:
        task = await read_task(connection, name, lock=lock)
        if task is None or not who.sees(task.site):
            raise UnknownTaskError(name)
        return task


def _is(task: Task, state: State | None, now_us: int) -> bool:
    return state is None or task.standing.state_at(now_us) is state


def _values(act: Act, claimant: Claimant, said: Said, now_us: int) -> dict[str, Any]:
    """Return what an act writes into a row beside the state."""
    match act:
        case Act.CLAIM:
            return {"claimed_key": claimant.key, "claimed_by": claimant.who, "claimed_us": now_us, "reason": ""}
        case Act.DONE:
            more = {} if said.quantity is None else {"word": said.quantity}
            return {"done_us": now_us, "reason": said.reason} | more
    return {"reason": said.reason}
