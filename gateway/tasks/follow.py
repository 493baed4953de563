"""Which tasks a confirmed order needs in a site now, given those that it has. Pure.

Tasks of an order are never kept in step by hand: after whatever happened to it (confirmed, an item not found, picked,
packed, sold at a till, released, not collected) the same function looks at the order as it is and says what is to
change. Said twice it changes nothing.

    each line: pick --> all lines picked --> [pack, if it is to be sent] --> hand over --> fulfilled

* A line waits while one of its items is not in somebody's hands; it is picked when none is missing; it cannot be picked
  when the site has no unit for it. When a unit comes back, or a picked item is gone, its task is opened again.
* Packing and handing over begin when no line waits and something was picked; when a line waits again they are
  withdrawn.
* An order that ends takes its tasks with it. If it was not handed over, what was picked is to be put back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.tasks.life import ORDER_KINDS, Kind, State

NO_UNIT: Final = "substitution_needed"
PICKED: Final = "picked"
PICKED_ANEW: Final = "picked_anew"
GONE: Final = "line_gone"
FULFILLED: Final = "fulfilled"


@dataclass(frozen=True, slots=True)
class Line:
    """A SKU of the order in this site: serials in somebody's hands, serials that wait, units without tags."""

    gtin: str
    picked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    untagged: int = 0

    @property
    def kept(self) -> int:
        """Units that the order really has of it."""
        return len(self.picked) + len(self.waiting) + self.untagged


@dataclass(frozen=True, slots=True)
class Part:
    """An order's part in one site. `ended`: why it is over, empty while it is not.

    `sent`: it is packed before it is handed over. `all_picked`: somebody said so of the whole order, units without tags
    included.
    """

    lines: tuple[Line, ...]
    sent: bool
    all_picked: bool = False
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A task of this order in this site. `serials`: of a pick, items that were in somebody's hands when last seen."""

    id: str
    kind: Kind
    state: State
    gtin: str
    quantity: int
    serials: tuple[str, ...] = ()
    from_zone: str | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A task to open; a line that cannot be picked, or was picked without a task, begins in that state."""

    kind: Kind
    gtin: str
    quantity: int
    serials: tuple[str, ...] = ()
    state: State = State.OPEN
    reason: str = ""
    to_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Let:
    """A task that comes to be otherwise. `state` None: as before. `over`: nothing will become of it any more."""

    task: str
    state: State | None = None
    reason: str = ""
    quantity: int | None = None
    serials: tuple[str, ...] | None = None
    over: bool = False


Change = Open | Let


def follow(part: Part, tasks: Sequence[Known]) -> list[Change]:
    """Return what is to change. The order of `tasks` does not matter; one pick task for each line at most."""
    if part.ended:
        return _ended(part.ended, tasks)
    picks = {task.gtin: task for task in tasks if task.kind is Kind.PICK and not task.over}
    changes: list[Change] = []
    states: list[State] = []
    for line in part.lines:
        task = picks.pop(line.gtin, None)
        states.append(_wanted(line, task, all_picked=part.all_picked))
        changes += _pick(line, task, states[-1])
    changes += [Let(task.id, State.CLOSED, GONE, over=True) for _, task in sorted(picks.items())]
    return changes + _after(part, states, [task for task in tasks if not task.over])


def _wanted(line: Line, task: Known | None, *, all_picked: bool) -> State:
    """Return what the pick of a line should be: done, cannot, or open (which a claimed one is, too)."""
    if not line.kept:
        return State.CANNOT
    if line.waiting:
        return State.OPEN
    told = task is not None and task.state is State.DONE and task.quantity >= line.kept
    return State.DONE if not line.untagged or told or all_picked else State.OPEN


def _pick(line: Line, task: Known | None, wanted: State) -> list[Change]:
    reason = {State.CANNOT: NO_UNIT, State.DONE: PICKED}.get(wanted, "")
    if task is None:
        return [Open(Kind.PICK, line.gtin, line.kept, line.picked, wanted, reason)]
    same = task.state is wanted or (wanted is State.OPEN and task.state is State.CLAIMED)
    quantity = None if task.quantity == line.kept else line.kept
    serials = None if task.serials == line.picked else line.picked
    if same and quantity is None and serials is None:
        return []
    return [Let(task.id, None if same else wanted, "" if same else reason, quantity, serials)]


def _after(part: Part, picks: Iterable[State], tasks: Sequence[Known]) -> list[Change]:
    """Return what is to change in packing and handing over."""
    picks = list(picks)
    units = sum(line.kept for line in part.lines)
    pack = next((task for task in tasks if task.kind is Kind.PACK), None)
    hand = next((task for task in tasks if task.kind is Kind.HAND_OVER), None)
    if State.OPEN in picks or State.DONE not in picks:
        there = [task for task in (pack, hand) if task is not None]
        return [Let(task.id, State.CLOSED, PICKED_ANEW, over=True) for task in there]
    packed = not part.sent or (pack is not None and pack.state is State.DONE)
    if part.sent and pack is None:
        return [Open(Kind.PACK, "", units)]
    return [Open(Kind.HAND_OVER, "", units)] if packed and hand is None else []


def _ended(why: str, tasks: Sequence[Known]) -> list[Change]:
    changes: list[Change] = []
    for task in tasks:
        if task.over or task.kind not in ORDER_KINDS:  # what goes back does so whatever becomes of the order
            continue
        done = task.state in {State.DONE, State.CANNOT}
        changes.append(Let(task.id, None if done else State.CLOSED, "" if done else why, over=True))
        units = task.quantity if task.state is State.DONE else len(task.serials)
        if task.kind is Kind.PICK and why != FULFILLED and units:
            changes.append(Open(Kind.PUT_BACK, task.gtin, units, task.serials, reason=why, to_zone=task.from_zone))
    return changes
