"""Replenishment as it is shown: rounds of refill, gaps in size runs, sizes of which nobody is sent, figures."""

from typing import Literal

import msgspec

Urgency = Literal["core_gap", "gap", "core_low", "low"]
SizeState = Literal["shown", "last", "behind", "absent", "unknown"]
GapKind = Literal["not_shown", "core_gap", "broken_run"]
WhyNot = Literal["blind_floor", "untagged", "settling", "empty", "blind_back", "held", "refused", "unsure", "full"]


class RefillLine(msgspec.Struct, frozen=True, kw_only=True):
    """A refill task in a round. `units`: those that lack still; `items` that are likely there, any other will do.

    `last`: the last unit of the store. `ask`: reads cannot show that they came, a person has to say so.
    """

    task: str
    state: Literal["open", "claimed"]
    gtin: str
    style: str
    colour: str
    size: str
    description: str
    units: int
    quantity: int
    from_zones: list[str]
    to_zones: list[str]
    urgency: Urgency
    due_at: str
    reasons: list[str]
    last: bool
    ask: bool


class RefillRound(msgspec.Struct, frozen=True, kw_only=True):
    """What one person carries at once: `picks` in the order of the back rooms, `drops` the same tasks on the floor."""

    department: str
    urgency: Urgency
    due_at: str
    units: int
    picks: list[RefillLine]
    drops: list[str]


class RefillNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a site. `sizes`: those that belong on the floor, of styles of which the site has any.

    `floor_availability`: `shown` by all of which it is known. `tasks_done`: said to be done, the reads have to show it.
    """

    tasks_open: int
    tasks_claimed: int
    tasks_done: int
    oldest_task_at: str | None
    sizes: int
    shown: int
    behind: int
    absent: int
    unknown: int
    floor_availability: float | None
    gaps: dict[str, int]
    not_now: dict[str, int]
    complete: bool
    judged_at: str | None


class Replenishment(msgspec.Struct, frozen=True, kw_only=True):
    """Refill of a site; `total` rounds there are. `figures` null: another gateway decides for the site."""

    site: str
    as_of: str
    total: int
    rounds: list[RefillRound]
    figures: RefillNumbers | None


class SizeRow(msgspec.Struct, frozen=True):
    """A size of a run, and where a shopper finds it."""

    gtin: str
    size: str
    state: SizeState


class GapRow(msgspec.Struct, frozen=True, kw_only=True):
    """A style and colour with a gap. `alarm`: it has lasted long enough to be one."""

    style: str
    colour: str
    kind: GapKind
    says: str
    since: str
    alarm: bool
    missing_core: list[str]
    sizes: list[SizeRow]


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """A page of gaps, by the GTIN of their first size; `next` null: the last page.

    `decided_here` false: another gateway decides for the site, and knows.
    """

    site: str
    decided_here: bool
    total: int
    next: str | None
    gaps: list[GapRow]


class NotNowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A size that the floor lacks, and why nobody is sent."""

    gtin: str
    style: str
    colour: str
    size: str
    department: str
    why: WhyNot
    says: str


class NotNow(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sizes of which nobody is sent, by GTIN; `next` and `decided_here` as of gaps."""

    site: str
    decided_here: bool
    total: int
    next: str | None
    not_now: list[NotNowRow]
