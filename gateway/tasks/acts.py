"""What a person's act on a step of an order does to the order: inside its transaction, all rows locked.

    pick      done: its items are in somebody's hands (`pick`)      cannot: an item is not there (`pick-miss`)
    pack      done                                                  cannot: an item is not there (`pick-miss`)
    hand over done: it is sold (`fulfil`)                           cannot: as above; or nobody came (`release`)

What follows for the tasks (the next item, the next step) is not decided here: see `gateway.tasks.follow`.
"""

from dataclasses import dataclass
from typing import Any, Final

from gateway.holds import verbs
from gateway.holds.life import State as HoldState
from gateway.holds.rows import Line
from gateway.holds.verbs import ItemName, Work
from gateway.tasks.errors import (
    ForeignTaskItemError,
    ItemNeededError,
    TaskChangedError,
    TaskStateError,
    VersionNeededError,
)
from gateway.tasks.follow import PICKED
from gateway.tasks.life import Act, Claimant, Kind, State, step
from gateway.tasks.store import Task, write_task

NOT_COLLECTED: Final = "not_collected"
DAMAGED: Final = "damaged"
PACKED: Final = "packed"


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says with an act: who he is, of which items or how many units, and why not.

    `version`: of the task that he looked at.
    """

    person: str = ""
    items: tuple[ItemName, ...] = ()
    quantity: int | None = None
    reason: str = ""
    version: int | None = None


async def act_on(work: Work, task: Task, act: Act, said: Said) -> str | None:
    """Do an act on a step of an order; return why the order changed, None when all was done before.

    Raises what `step` and the verbs of reservations raise, and the refusals of tasks.
    """
    claimant = Claimant(work.who.key, said.person)
    if act is Act.CANNOT and said.items and await _missed_before(work, said.items):
        return None
    if step(task.standing, act, claimant, work.now_us) is None:
        return None
    if work.held.state not in {HoldState.CONFIRMED, HoldState.PICKED}:
        raise TaskStateError(task.id, task.state.value, act.value, ["of an order that is not over"])
    if act is Act.CANNOT:
        return await _cannot(work, task, said)
    work.at = task.site
    match task.kind:
        case Kind.PICK:
            return await _picked(work, task, said)
        case Kind.PACK:
            await _write_done(work, task, PACKED)
            return PACKED
        case _:
            await _write_done(work, task, verbs.REASONS["fulfil"])
            await verbs.fulfil(work, task.site)
            return verbs.REASONS["fulfil"]


def _line(work: Work, task: Task) -> Line:
    """Return the line of a pick."""
    for line in work.held.lines:
        if line.key == (task.site, task.gtin):
            return line
    raise TaskStateError(task.id, State.CLOSED.value, Act.DONE.value, [State.OPEN.value], "its line is gone")


async def _write_done(work: Work, task: Task, reason: str, **more: Any) -> None:
    await write_task(work.connection, task, work.now_us, state=State.DONE, done_us=work.now_us, reason=reason, **more)


async def _picked(work: Work, task: Task, said: Said) -> str:
    """Write that items are taken, those named or all of the line; a line of which some wait is not done yet."""
    line = _line(work, task)
    for gtin, serial in said.items:
        if gtin != task.gtin:
            raise ForeignTaskItemError(task.id, gtin, serial)
    waiting = [(task.gtin, serial) for serial, picked in line.items if not picked]
    names = list(said.items) or waiting
    if not line.kept:
        raise TaskStateError(task.id, task.state.value, "done", ["of an order that has a unit here"])
    if names:
        await verbs.pick(work, names)
    if all(picked for _, picked in line.items):
        await _write_done(work, task, PICKED, quantity=line.kept)
    return PICKED


async def _missed_before(work: Work, items: tuple[ItemName, ...]) -> bool:
    """Whether all these items were said to be missing before."""
    for name in items:
        if work.held.line_of(*name) is not None or not await verbs.missed_before(work.connection, work.held, name):
            return False
    return True


async def _cannot(work: Work, task: Task, said: Said) -> str:
    """Write what cannot be had. Without an item: units without tags of a pick; nobody came for a pickup."""
    damaged = said.reason == DAMAGED
    if said.items:
        for name in said.items:
            line = work.held.line_of(*name)
            if line is None or line.key.site != task.site or task.gtin not in {"", name[0]}:
                raise ForeignTaskItemError(task.id, *name)
            await verbs.pick_miss(work, name, damaged=damaged)
        await write_task(work.connection, task, work.now_us, reason=said.reason)
        return verbs.REASONS["pick-miss"]
    if task.kind is Kind.HAND_OVER and work.held.mode == verbs.PICKUP:
        await write_task(work.connection, task, work.now_us, state=State.CANNOT, reason=NOT_COLLECTED)
        await verbs.release(work)
        return NOT_COLLECTED
    if task.kind is not Kind.PICK:
        raise ItemNeededError(task.id, _serials(work, task))
    line = _line(work, task)
    if any(not picked for _, picked in line.items):
        raise ItemNeededError(task.id, [serial for serial, picked in line.items if not picked])
    if said.version is None:
        raise VersionNeededError(task.id, task.version)
    if said.version != task.version:
        raise TaskChangedError(task.id, said.version, task.version)
    await verbs.untagged_miss(work, line, damaged=damaged)
    await write_task(work.connection, task, work.now_us, reason=said.reason)
    return verbs.REASONS["pick-miss"]


def _serials(work: Work, task: Task) -> list[str]:
    return [serial for line in work.held.lines if line.key.site == task.site for serial, _ in line.items]
