"""How long until a client sees where an item is: measured against the simulator's truth, not the tracker's word.

For every stay of an item in a zone the clock starts with the first tag report that an antenna of *that* zone sends
about it, and stops when a client of the HTTP event stream holds the event that says so. The tracker's own part is the
time until the read that made it decide; the rest is the pipeline. A stay that ends before it was shown gives no sample
(it is counted in `overtaken`): what a person could never have seen has no delay.

Pure: every call is told its time, in UTC microseconds.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

ItemKey = tuple[str, str, str]
"""(site, GTIN-14, serial)."""


class Sample(NamedTuple):
    """One stay, shown: milliseconds since its first tag report."""

    visible_ms: float
    decision_ms: float


@dataclass(slots=True)
class _Stay:
    zone: str
    first_report_us: int | None = None
    shown: bool = False


@dataclass(slots=True)
class LatencyMeter:
    """Joins three logs: where items really went, what the readers sent, what a client was told."""

    samples: list[Sample] = field(default_factory=list)
    overtaken: int = 0
    _stays: dict[ItemKey, _Stay] = field(default_factory=dict)

    def went(self, item: ItemKey, zone: str) -> None:
        """The item really is in `zone` now."""
        stay = self._stays.get(item)
        if stay is not None and stay.first_report_us is not None and not stay.shown:
            self.overtaken += 1
        self._stays[item] = _Stay(zone)

    def reported(self, item: ItemKey, zone: str, at_us: int) -> None:
        """A reader sent a report about the item from an antenna of `zone`."""
        stay = self._stays.get(item)
        if stay is not None and stay.first_report_us is None and stay.zone == zone:
            stay.first_report_us = at_us

    def shown(self, item: ItemKey, zone: str, decided_us: int, at_us: int) -> None:
        """A client was told that the item is in `zone`, because of a read at `decided_us`."""
        stay = self._stays.get(item)
        if stay is None or stay.shown or stay.zone != zone or stay.first_report_us is None:
            return
        stay.shown = True
        decision_us = max(0, decided_us - stay.first_report_us)
        self.samples.append(Sample((at_us - stay.first_report_us) / 1_000, decision_us / 1_000))


def percentile(values: list[float], share: float) -> float | None:
    """Return the nearest-rank percentile (share 0..1), or None when there is nothing to rank."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]
