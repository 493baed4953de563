"""Fewer events: only when a channel's ATP crosses a number that its subscriber named. Pure.

`0,1,5` asks to be told when a SKU sells out or is back (0), when its last unit is left or no longer (1), and when it
falls to five or rises above (5). The thresholds cut the numbers into bands: 0 | 1 | 2 to 5 | 6 and more. An event
passes when its ATP lies in another band than that of the event before it *that this subscriber got*, of the same SKU
at the same site.

What a subscriber got is remembered by this process only, for so many SKUs (`most`), the newest used kept. Of a SKU that
is not remembered the next event passes: after a resume by cursor, a restart, or when it was forgotten for others. So a
subscriber may get an event too many, never one too few. Events of zones always pass: they say what the numbers mean.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from gateway.push.limits import THRESHOLD_MAX, THRESHOLD_SKUS_MAX, THRESHOLDS_MAX

EXPECTED: Final = f"1 to {THRESHOLDS_MAX} whole numbers from 0 to {THRESHOLD_MAX} with commas between, such as 0,1,5"


class ThresholdsError(ValueError):
    """Thresholds that cannot be used; the text says what was expected."""


def checked(numbers: Iterable[int]) -> tuple[int, ...]:
    """Return thresholds in order, each once. Raises `ThresholdsError`."""
    found = tuple(sorted(set(numbers)))
    if len(found) > THRESHOLDS_MAX or any(not 0 <= number <= THRESHOLD_MAX for number in found):
        raise ThresholdsError(f"thresholds: expected {EXPECTED}")
    return found


def parse_thresholds(text: str) -> tuple[int, ...]:
    """Return the thresholds that a query names. Raises `ThresholdsError`."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= len(str(THRESHOLD_MAX)) for part in parts):
        raise ThresholdsError(f"thresholds: expected {EXPECTED}")
    return checked(int(part) for part in parts)


class Crossings:
    """What one subscriber got last of each SKU, by band; without thresholds everything passes."""

    def __init__(self, thresholds: tuple[int, ...] = (), most: int = THRESHOLD_SKUS_MAX) -> None:
        self.thresholds = thresholds
        self._most = most
        self._bands: OrderedDict[tuple[str, str], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bands)

    def passes(self, site: str, gtin: str, atp: int | None) -> bool:
        """Return whether an event goes to the subscriber, and take it that it did."""
        if not self.thresholds or atp is None:
            return True
        key, band = (site, gtin), bisect_left(self.thresholds, atp)
        before = self._bands.pop(key, None)
        self._bands[key] = band
        if len(self._bands) > self._most:
            self._bands.popitem(last=False)
        return band != before
