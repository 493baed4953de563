"""How often a key may ask: a token bucket for each. Pure: the clock is passed in.

A bucket holds `burst` requests and fills by `rate_per_s`. Nothing runs between requests: what has flowed in since the
last one is added when the next one comes.

Each process counts by itself: two gateways behind one address let a key ask up to twice as often.
"""

from collections import OrderedDict
from typing import Final

BUCKETS_MAX: Final = 10_000
"""As many as there may be keys (`store.KEYS_MAX`), some 200 bytes each. Above it the longest unused is forgotten."""


class Limiter:
    """The buckets of all keys that asked of late."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._most = buckets_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> requests left, at (s)
        self.refused = 0

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, rate_per_s: float, burst: int, now_s: float) -> float:
        """Count one request of `name`: return 0, or the seconds until the next is allowed. `now_s` never goes back."""
        left, at_s = self._buckets.pop(name, (float(burst), now_s))
        left = min(float(burst), left + (now_s - at_s) * rate_per_s)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / rate_per_s
        if wait_s > 0.0:
            self.refused += 1
        else:
            left -= 1.0
        self._buckets[name] = (left, now_s)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait_s
