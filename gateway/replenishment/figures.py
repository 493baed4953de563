"""What is known of a site's refill at a glance: kept in memory, cheap to read."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.replenishment.judging import Sizes
from gateway.tasks.life import State
from gateway.tasks.store import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFigures:
    """Figures of one site. `oldest_us`: when the oldest open task was opened, None without one.

    `sizes` are those that belong on the floor, of styles of which the site has any; `complete`: whether all of them
    were judged since this process began to decide for the site; `judged_us`: when the newest were.
    """

    tasks_open: int = 0
    tasks_claimed: int = 0
    tasks_done: int = 0
    oldest_us: int | None = None
    sizes: int = 0
    shown: int = 0
    behind: int = 0
    absent: int = 0
    unknown: int = 0
    gaps: Mapping[str, int] = field(default_factory=dict)
    not_now: Mapping[str, int] = field(default_factory=dict)
    complete: bool = False
    judged_us: int = 0

    @property
    def floor_availability(self) -> float | None:
        """Return the share of sizes that a shopper finds, of those of which it is known; None: of none."""
        known = self.sizes - self.unknown
        return self.shown / known if known > 0 else None


@dataclass(slots=True)
class TaskCount:
    """How many refill tasks a site has, and when the oldest that waits for somebody was opened."""

    by_state: Counter[State] = field(default_factory=Counter)
    oldest_us: int | None = None

    @classmethod
    def of(cls, tasks: Iterable[Task], now_us: int) -> "TaskCount":
        """Count stored tasks that are not over."""
        found = cls()
        for task in tasks:
            state = task.standing.state_at(now_us)
            found.by_state[state] += 1
            if state is State.OPEN:
                found.oldest_us = min(found.oldest_us or task.created_us, task.created_us)
        return found

    @property
    def live(self) -> int:
        """Tasks that are not over."""
        return self.by_state.total()


def total_of(sizes: Iterable[Sizes]) -> Sizes:
    """Return the sum of many."""
    shown = behind = absent = unknown = 0
    for one in sizes:
        shown, behind = shown + one.shown, behind + one.behind
        absent, unknown = absent + one.absent, unknown + one.unknown
    return Sizes(shown, behind, absent, unknown)
