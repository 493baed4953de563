"""What people in a store are asked to do, and what they say became of it.

All acts may be sent again: what has happened already is answered as it is. Where several people share a key each says
`who` he is, at every act.
"""

from collections.abc import Sequence
from typing import Literal

from gateway.http.task_rows import CannotBody, ClaimBody, DoneBody, TaskKind, TaskList, TaskRow, TaskState
from lastunit.client.connection import Connection, segment


class TaskCalls(Connection):
    """Tasks of the sites of the client's key."""

    async def tasks(
        self, site: str, *, kind: TaskKind | None = None, state: TaskState | None = None, limit: int | None = None
    ) -> TaskList:
        """Return what is to be done in a site, in the order of doing; with a `state` others, the newest first."""
        return await self._get("/v1/tasks", TaskList, site=site, kind=kind, state=state, limit=limit)

    async def claim_task(self, task: str, *, who: str | None = None) -> TaskRow:
        """Take a task for 15 minutes. Raises `ConflictError`: another one has it, or it is over."""
        return await self._act(task, "claim", ClaimBody(who))

    async def release_task(self, task: str, *, who: str | None = None) -> TaskRow:
        """Give a task back."""
        return await self._act(task, "release", ClaimBody(who))

    async def task_done(
        self, task: str, items: Sequence[str] = (), *, quantity: int | None = None, who: str | None = None
    ) -> TaskRow:
        """Say that it is done. `items` of a pick: those that were taken, if not all; `quantity`: units of a refill."""
        return await self._act(task, "done", DoneBody(items=list(items), quantity=quantity, who=who))

    async def task_cannot(
        self,
        task: str,
        item: str | None = None,
        *,
        reason: Literal["not_found", "damaged", "not_collected", "other"] = "not_found",
        version: int | None = None,
        who: str | None = None,
    ) -> TaskRow:
        """Say what cannot be had; the answer names the next best one.

        `version`: of the task that was seen, needed for units without tags.
        """
        return await self._act(task, "cannot", CannotBody(item=item, reason=reason, version=version, who=who))

    async def _act(self, task: str, act: str, body: object) -> TaskRow:
        return await self._told(f"/v1/tasks/{segment(task)}:{act}", TaskRow, body)
