"""Tasks as they come in and go out: bodies and rows."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.holds.limits import UNITS_MAX
from gateway.http.patterns import WHO
from gateway.http.reservation_rows import ItemText

TaskKind = Literal["refill", "find", "pick", "pack", "hand_over", "put_back", "check"]
TaskState = Literal["open", "claimed", "done", "cannot", "closed"]
Person = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=WHO, description="who acts, where several share a key"),
]
Items = Annotated[list[ItemText], Meta(max_length=UNITS_MAX)]


class ClaimBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who takes a task, or gives it back."""

    who: Person | None = None


class DoneBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What was done. `items` of a pick: those that were taken, if not all that it names; another one may stand in."""

    items: Items = []
    quantity: Annotated[int, Meta(ge=0, le=UNITS_MAX, description="of a refill: units that were moved")] | None = None
    who: Person | None = None


class CannotBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What cannot be had. `version`: of the task that was seen, needed for units without tags."""

    item: ItemText | None = None
    reason: Literal["not_found", "damaged", "not_collected", "other"] = "not_found"
    version: Annotated[int, Meta(ge=1)] | None = None
    who: Person | None = None


class TaskItem(msgspec.Struct, frozen=True):
    """An item: where it should lie, since when, and how sure that is (null: not known, or nobody looks)."""

    digital_link: str
    zone: str
    confidence: float | None
    since: str | None
    picked: bool = False


class TaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU; `untagged` of them have no tag, `substitution_needed` are not there at all."""

    gtin: str
    quantity: int
    style: str = ""
    colour: str = ""
    size: str = ""
    description: str = ""
    items: list[TaskItem] = []
    untagged: int = 0
    substitution_needed: int = 0


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task. `sort` is text: tasks sorted by it are in the order of doing.

    `urgency`: how soon it is due. `claim_ends_at`: from then on it is free again. `reason`: why it is in its state.
    """

    id: str
    site: str
    kind: TaskKind
    state: TaskState
    quantity: int
    lines: list[TaskLine]
    urgency: Literal["overdue", "now", "soon", "later"]
    due_at: str
    sort: str
    from_zone: str | None
    to_zone: str | None
    department: str
    reservation: str | None
    mode: str | None
    claimed_by: str | None
    claim_ends_at: str | None
    reason: str
    reopened: int
    version: int
    created_at: str
    updated_at: str


class TaskList(msgspec.Struct, frozen=True):
    """Tasks of a site, those that wait in the order of doing; `total` is how many there are, shown or not."""

    site: str
    total: int
    tasks: list[TaskRow]
