"""What follows from folded entries, until one commit writes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.accuracy.figures import Figure
from gateway.fold.state import ItemKey
from gateway.fold.witness import BookLine, CountResult
from gateway.ledger.movement import Movement


@dataclass(frozen=True, slots=True)
class Chance:
    """What is published of an item: the probabilities of its place, and of a place where it can be sold."""

    here: float
    sellable: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is posted of a commit: movements in order, probabilities of items, and lines of evidence."""

    movements: Sequence[Movement] = ()
    published: Mapping[ItemKey, Chance] = field(default_factory=dict)
    lines: Sequence[BookLine] = ()


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """What is known about looking at a zone: `as_of_us` the newest look, `since_us` since when it is as it is."""

    zone: str
    live: bool
    as_of_us: int
    since_us: int
    turned: bool
    """Whether it went blind, or came back, just now."""


@dataclass(slots=True)
class Outputs:
    """What follows from some entries, in order.

    `published` holds the newest probabilities of items whose rows are to say it, those that moved among
    them; it goes after the movements, whose own probability an item's row takes otherwise. Lines and counts stand with
    the number of the entry that they follow from.
    """

    movements: list[Movement] = field(default_factory=list)
    published: dict[ItemKey, Chance] = field(default_factory=dict)
    zones: dict[str, ZoneReport] = field(default_factory=dict)
    lines: list[tuple[int, BookLine]] = field(default_factory=list)
    counts: list[tuple[int, CountResult]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    site_changed: bool = False

    def publish(self, probabilities: Iterable[tuple[ItemKey, Chance]]) -> None:
        """Add items whose rows are to say their probabilities."""
        self.published.update(probabilities)

    def facts(self) -> Facts:
        """Return what is posted."""
        return Facts(self.movements, self.published, [line for _, line in self.lines])

    def extend(self, other: "Outputs") -> None:
        """Add what follows from the next entries."""
        self.movements += other.movements
        self.published.update(other.published)
        for zone, report in other.zones.items():
            before = self.zones.get(zone)
            turned = report.turned or (before is not None and before.turned)
            self.zones[zone] = ZoneReport(zone, report.live, report.as_of_us, report.since_us, turned)
        self.lines += other.lines
        self.counts += other.counts
        self.figures += other.figures
        self.site_changed |= other.site_changed
