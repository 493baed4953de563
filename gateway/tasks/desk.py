"""Tasks of one database: the one door to them, for HTTP.

An act of a person is one transaction. If the task is a step of an order, it changes the reservation with it: a pick
that is done is the verb `pick` for its items, one that cannot be done is `pick-miss`, and handing over is `fulfil`. The
locks are those of reservations, then the task's row.

When a site has no unit left for an order that is to be sent, the next best site is asked at once, within the request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.errors import BusyError, HoldError, UnknownHoldError
from gateway.holds.hand_on import hand_on
from gateway.holds.rows import read_hold
from gateway.holds.verbs import Work
from gateway.holds.writer import nothing
from gateway.http.task_rows import TaskRow
from gateway.site_view import SiteViews
from gateway.storage.engine import Database
from gateway.tasks.acts import Said, act_on
from gateway.tasks.errors import UnknownTaskError
from gateway.tasks.life import ORDER_KINDS, WAITING, Act, Claimant, Kind, State, step
from gateway.tasks.limits import ACTS_AT_ONCE, ACTS_WAITING_MAX, LIST_DEFAULT
from gateway.tasks.next_best import NextBest, lacking_of
from gateway.tasks.orders import SHIP_FROM_STORE, OrderTasks
from gateway.tasks.rows import shown
from gateway.tasks.store import Task, first_tasks, newest_tasks, read_task, write_task

_log: Final = structlog.get_logger("gateway.tasks")

T = TypeVar("T")

_AGAIN: Final = (DBAPIError, PoolTimeoutError, OSError)
_ATTEMPTS: Final = 3


@dataclass(slots=True)
class TaskFigures:
    """What the tasks of this process counted."""

    tasks_done: int = 0
    tasks_cannot: int = 0
    pick_misses_resourced: int = 0
    pick_misses_unserved: int = 0
    pick_miss_resource_failures: int = 0


class Tasks:
    """Shows tasks and lets people act on them. Without `next_best` no other site is asked."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        holds: Holds,
        follow_up: OrderTasks,
        *,
        next_best: NextBest | None = None,
        committed: Callable[[], None] = nothing,
    ) -> None:
        self.figures = TaskFigures()
        self.next_best = next_best
        self._database = database
        self._clock = clock
        self._holds = holds
        self._follow_up = follow_up
        self._committed = committed
        self._views = SiteViews(clock)
        self._slots = asyncio.Semaphore(ACTS_AT_ONCE)
        self._waiting = 0

    def counters(self) -> dict[str, int]:
        """Return all counters of this process."""
        return asdict(self.figures) | {"task_acts_waiting": self._waiting}

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
        if answer.reservation is not None and not replayed and await self._asked_elsewhere(answer):
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
                    found = await read_task(connection, name)
                    assert found is not None
                    task = found
                answer = (await shown(connection, self._views, [task], now_us))[0]
            self._committed()
            return answer, state is None

        return await self._tried(f"{act.value} of task {name}", once)

    async def _tried(self, what: str, once: Callable[[], Awaitable[T]]) -> T:
        """Try a transaction a few times; a bounded number runs, and a bounded number waits. Raises `BusyError`."""
        if self._waiting >= ACTS_WAITING_MAX:
            raise BusyError(f"{ACTS_WAITING_MAX} changes of tasks wait already")
        self._waiting += 1
        try:
            async with self._slots:
                for attempt in range(_ATTEMPTS):
                    try:
                        return await once()
                    except _AGAIN as error:
                        if attempt == _ATTEMPTS - 1:
                            raise BusyError(f"the database did not take {what}") from error
                        await asyncio.sleep(0.005 * 4**attempt)
        finally:
            self._waiting -= 1
        raise AssertionError

    async def _seen(self, connection: AsyncConnection, who: Who, name: str, *, lock: bool = False) -> Task:
        task = await read_task(connection, name, lock=lock)
        if task is None or not who.sees(task.site):
            raise UnknownTaskError(name)
        return task

    # -- the next best site

    async def _asked_elsewhere(self, task: TaskRow) -> bool:
        """Have what an order lacks in this site served by others; return whether they were asked."""
        assert task.reservation is not None
        async with self._database.read() as connection:
            held = await read_hold(connection, task.reservation)
        lacking = None if held is None or held.mode != SHIP_FROM_STORE else lacking_of(held, task.site)
        if lacking is None:
            return False
        if self.next_best is None:
            self.figures.pick_misses_unserved += 1
            return False
        try:
            takers = await self.next_best.hold(lacking)
            done = bool(takers) and await self._hand_on(lacking.reservation, task.site, takers)
        except (HoldError, *_AGAIN) as error:  # the miss is committed: its line says that it needs a substitution
            self.figures.pick_miss_resource_failures += 1
            _log.warning("pick_miss_not_resourced", reservation=lacking.reservation, error=str(error)[:500])
            return True
        self.figures.pick_misses_resourced += done
        self.figures.pick_misses_unserved += not done
        return True

    async def _hand_on(self, giver: str, site: str, takers: Sequence[str]) -> bool:
        async def once() -> bool:
            async with self._database.write() as connection:
                done = await hand_on(
                    connection,
                    self._views,
                    self._follow_up,
                    giver=giver,
                    site=site,
                    takers=takers,
                    now_us=self._clock(),
                )
            self._committed()
            return done

        return await self._tried(f"handing on of reservation {giver}", once)


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
