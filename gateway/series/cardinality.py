"""How many series there may be: what a measurement allows for each site, and no more. Pure.

A store of time series dies of too many series, not of too many points. The catalogue says how many each measurement
may have; whatever the data says (a catalogue with a department for each SKU, a hostile route), more are left out here
and counted.
"""

from collections import defaultdict
from collections.abc import Iterable

from gateway.series.point import Point


class Cardinality:
    """Remembers the series of one process, 16 bytes each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.over_limit = 0

    def admitted(self, points: Iterable[Point]) -> list[Point]:
        """Return the points whose series may be; the others are counted in `over_limit`."""
        found = []
        for point in points:
            series = point.series
            known = self._known[series.measurement.name, series.site]
            if series.digest not in known:
                if len(known) >= series.measurement.series_max:
                    self.over_limit += 1
                    continue
                known.add(series.digest)
            found.append(point)
        return found
