"""Refill tasks, and what is decided about them: values only. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Urgency(IntEnum):
    """How much a shopper misses it; less is more urgent."""

    CORE_GAP = 0
    """None of a core size on the floor."""
    GAP = 1
    CORE_LOW = 2
    LOW = 3


class TaskState(StrEnum):
    """What a refill task that is not over is. `DONE`: a person says so, the reads have not spoken yet."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"


class WhyNot(StrEnum):
    """Why a SKU that the floor lacks gets no task."""

    BLIND_FLOOR = "blind_floor"
    """It may lie in a floor zone that nobody looks at."""
    UNTAGGED = "untagged"
    """Units without tags, of which nobody said where they are, may lie on the floor."""
    SETTLING = "settling"
    """Not for long enough yet."""
    EMPTY = "empty"
    """The back room has none."""
    BLIND_BACK = "blind_back"
    """All that may be fetched lies in a back room that nobody looks at."""
    HELD = "held"
    """All that lies in the back room is somebody's."""
    REFUSED = "refused"
    """Somebody looked for it lately and did not find it."""
    UNSURE = "unsure"
    """It is not sure enough that the back room has it."""
    FULL = "full"
    """The site has as many open tasks as its people can read; more urgent ones come first."""


@dataclass(frozen=True, slots=True)
class RefillTask:
    """A refill task that is not over. `moved`: units that the reads have seen come; `unread`: units of it without tags.

    `word`: units that a person says to have brought, with `done_us`; `reopened`: how often the reads said otherwise.
    Raises `ValueError` for no units, and for done without an instant.
    """

    id: str
    gtin: str
    quantity: int
    urgency: Urgency
    due_us: int
    opened_us: int
    from_zones: tuple[str, ...]
    to_zones: tuple[str, ...]
    state: TaskState = TaskState.OPEN
    unread: int = 0
    moved: int = 0
    done_us: int | None = None
    word: int | None = None
    reopened: int = 0

    def __post_init__(self) -> None:
        if self.quantity < 1 or not 0 <= self.unread <= self.quantity:
            raise ValueError(f"task {self.id}: quantity {self.quantity}, unread {self.unread}: expected 1 or more")
        if (self.state is TaskState.DONE) is (self.done_us is None):
            raise ValueError(f"task {self.id}: {self.state.value} with done_us {self.done_us}: expected both or none")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task to open. `dedup` is unique among the tasks of a site that are not over.

    `serials`: items that are likely there, the surest first; any other of the SKU will do. Zones in walking order.
    `unread`: how many of the units no read can show (no tags): of these a person must say that they came.
    """

    dedup: str
    gtin: str
    department: str
    quantity: int
    unread: int
    serials: tuple[str, ...]
    from_zones: tuple[str, ...]
    to_zones: tuple[str, ...]
    urgency: Urgency
    due_us: int
    last: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amended:
    """A task that nobody took yet, with other figures."""

    task: str
    quantity: int
    unread: int
    serials: tuple[str, ...]
    from_zones: tuple[str, ...]
    urgency: Urgency
    due_us: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A task that nobody took and nobody needs to do any more."""

    task: str
    says: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """A SKU that the floor lacks, and why nobody is sent."""

    gtin: str
    why: WhyNot
    says: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What follows. `short_since_us`: the memory for the next call.

    `wake_us`: when to judge again though nothing changed, None: when rows change. SKUs of `not_now` are
    also to be judged again when a zone becomes live and when tasks are over.
    """

    opened: tuple[Wanted, ...] = ()
    amended: tuple[Amended, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    not_now: tuple[NotNow, ...] = ()
    short_since_us: Mapping[str, int] = field(default_factory=dict)
    wake_us: int | None = None


def dedup_of(gtin: str) -> str:
    """Return what makes a refill task of a SKU unique at its site."""
    return f"refill/{gtin}"
