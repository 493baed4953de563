"""Who did what to which task: a row of the audit for each act of a person that changed something."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.tasks.acts import Said
from gateway.tasks.life import Act
from gateway.tasks.store import Task
from gateway.trade.audit import write_audit


async def audit_act(connection: AsyncConnection, task: Task, act: Act, said: Said, *, key: str, now_us: int) -> None:
    """Append an act to the audit, in its transaction. Who is the key: a person's own name stands in the task only."""
    detail: dict[str, Any] = {"kind": task.kind.value}
    more = {
        "gtin": task.gtin,
        "reservation": task.reservation,
        "items": len(said.items),
        "quantity": said.quantity,
        "reason": said.reason,
    }
    await write_audit(
        connection,
        at_us=now_us,
        actor=key,
        action=f"task.{act.value}",
        site=task.site,
        subject=task.id,
        detail=detail | {name: value for name, value in more.items() if value},
    )
