"""Which task comes first: what is due first, and what is due alike in the order of walking. Pure.

Tasks are not sorted by the minute in which they are due: then people would cross the store for each. They fall into a
few bands of urgency, and within one the list leads through the store once.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from wire.site import Site

_MINUTE_US: Final = 60_000_000
NOWHERE: Final = 9_999
"""The place in the walk of what lies in no zone that is known: last."""


class Band(IntEnum):
    """How soon a task is due."""

    OVERDUE = 0
    NOW = 1
    """Within half an hour."""
    SOON = 2
    """Within two hours."""
    LATER = 3


class Rank(NamedTuple):
    """What tasks are sorted by; less comes first. `urgency`: of its kind's own scale, 0 first."""

    band: Band
    urgency: int
    walk: int
    due_us: int
    id: str

    def __str__(self) -> str:
        """Return text that sorts alike."""
        return f"{self.band:d}.{self.urgency:02d}.{self.walk:04d}.{self.due_us:020d}.{self.id}"


def band_of(due_us: int, now_us: int) -> Band:
    """Return how soon something is due."""
    left_us = due_us - now_us
    if left_us <= 0:
        return Band.OVERDUE
    if left_us <= 30 * _MINUTE_US:
        return Band.NOW
    return Band.SOON if left_us <= 120 * _MINUTE_US else Band.LATER


def walk_of(site: Site) -> Mapping[str, int]:
    """Return the place of each zone on the way through a site: the order of its file."""
    return {zone.id: number for number, zone in enumerate(site.zones)}


def rank(
    task_id: str, due_us: int, urgency: int, *, zones: Iterable[str], walk: Mapping[str, int], now_us: int
) -> Rank:
    """Return what a task is sorted by. `zones`: where it leads, wherever one comes by first."""
    first = min((walk[zone] for zone in zones if zone in walk), default=NOWHERE)
    return Rank(band_of(due_us, now_us), urgency, min(first, NOWHERE), due_us, task_id)
