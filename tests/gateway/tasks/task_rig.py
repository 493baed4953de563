"""Stores with stock, reservations and the tasks that follow from them."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.availability import Policy
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.follow_up import Following, FollowUp
from gateway.holds.order_events import tell_order
from gateway.http.task_rows import TaskRow
from gateway.storage.engine import Database
from gateway.tasks.acts import Said
from gateway.tasks.desk import Tasks
from gateway.tasks.life import State
from gateway.tasks.next_best import NextBest
from gateway.tasks.orders import OrderTasks
from gateway.tasks.resourcing import Resourcing
from gateway.tasks.sweeper import TaskSweeper
from tests.gateway.holds.rig import KEY, WEB, Rig
from tests.gateway.small_store import SHIRT_S, SITE

KIM = Who("tablet", Policy("shop"), frozenset({SITE.id}))


@dataclass
class TaskRig:
    """One gateway process over a rig's database."""

    rig: Rig
    holds: Holds
    tasks: Tasks
    sweeper: TaskSweeper
    follow_up: FollowUp
    resourcing: Resourcing

    @classmethod
    async def open(cls, database: Database, *more: str, next_best: NextBest | None = None) -> "TaskRig":
        rig = await Rig(database).open(*more)
        return cls.over(rig, next_best)

    @classmethod
    def over(cls, rig: Rig, next_best: NextBest | None = None) -> "TaskRig":
        follow_up = Following(OrderTasks(rig.clock, rig.names), tell_order)
        holds = rig.holds(follow_up=follow_up)
        resourcing = Resourcing(rig.database, rig.clock, follow_up, next_best)
        holds.ask(resourcing)
        tasks = Tasks(rig.database, rig.clock, holds, elsewhere=resourcing, told=tell_order)
        return cls(rig, holds, tasks, TaskSweeper(rig.database, rig.clock, holds), follow_up, resourcing)

    async def order(
        self, wishes: Any = 1, *, mode: str = "pickup", collect_s: int | None = None, name: str = ""
    ) -> str:
        """Reserve and confirm; return the reservation."""
        made = await self.holds.reserve(replace(self.rig.asked(wishes, name=name), mode=mode))
        reservation: str = msgspec.json.decode(made.body)["id"]
        await self.holds.confirm(WEB, reservation, collect_s)
        return reservation

    async def waiting(self, site: str = SITE.id) -> list[TaskRow]:
        rows, total = await self.tasks.listed(site)
        assert total == len(rows)
        return rows

    async def said(self, site: str = SITE.id) -> list[str]:
        """Kinds of the tasks that wait, in order."""
        return [row.kind for row in await self.waiting(site)]

    async def one(self, kind: str, site: str = SITE.id) -> TaskRow:
        """The one task of this kind that waits."""
        (found,) = [row for row in await self.waiting(site) if row.kind == kind]
        return found

    async def states(self, site: str = SITE.id) -> dict[str, str]:
        """The state of every task that there ever was, by kind."""
        found = await self.waiting(site)
        for state in (State.DONE, State.CANNOT, State.CLOSED):
            found += (await self.tasks.listed(site, state=state))[0]
        return {row.kind: row.state for row in found}

    async def do(self, kind: str, *items: tuple[str, str], site: str = SITE.id, **more: Any) -> TaskRow:
        task, replayed = await self.tasks.done(WEB, (await self.one(kind, site)).id, Said(items=items, **more))
        assert not replayed
        return task

    async def cannot(self, kind: str, *serials: str, site: str = SITE.id, **more: Any) -> TaskRow:
        items = tuple((SHIRT_S, serial) for serial in serials)
        task, replayed = await self.tasks.cannot(WEB, (await self.one(kind, site)).id, Said(items=items, **more))
        assert not replayed
        return task


def serials(task: TaskRow) -> list[str]:
    """The items of a task, by serial."""
    return [one.digital_link.rpartition("/")[2] for line in task.lines for one in line.items]


__all__ = ["KEY", "KIM", "SHIRT_S", "SITE", "WEB", "TaskRig", "serials"]
