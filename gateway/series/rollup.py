"""Five minutes of a series as one row: of each field how many points, their sum, lowest, highest and last. Pure.

Booleans count as 0 and 1; of texts only the last is kept. Points of a series come in the order of time: one that is not
later than the newest was there already (it is written again after a failure), and changes nothing.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.series.limits import BUCKET_S
from gateway.series.point import Value

BUCKET_US: Final = BUCKET_S * 1_000_000


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """One field in one bucket. Of texts `total`, `low` and `high` are 0."""

    count: int
    total: float
    low: float
    high: float
    last: Value

    @property
    def mean(self) -> float:
        """The mean of its points."""
        return self.total / self.count


Bucket = dict[str, Summary]

_decoder: Final = msgspec.json.Decoder(Bucket)


def bucket_of(at_us: int) -> int:
    """Return the beginning of the five minutes that an instant is in (UTC microseconds)."""
    return at_us - at_us % BUCKET_US


def merged(before: Bucket, fields: Mapping[str, Value]) -> Bucket:
    """Return a bucket with one more point in it; `before` stays as it is."""
    after = dict(before)
    for name, value in fields.items():
        number = 0.0 if isinstance(value, str) else float(value)
        found = before.get(name)
        if found is None:
            after[name] = Summary(1, number, number, number, value)
        else:
            low, high = min(found.low, number), max(found.high, number)
            after[name] = Summary(found.count + 1, found.total + number, low, high, value)
    return after


def encode(bucket: Bucket) -> bytes:
    """Return a bucket as its row holds it."""
    return msgspec.json.encode(bucket)


def decode(held: bytes) -> Bucket:
    """Return the bucket of a row."""
    return _decoder.decode(held)
