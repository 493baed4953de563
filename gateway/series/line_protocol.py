r"""Points as InfluxDB's line protocol, which 1.x, 2.x, 3 and VictoriaMetrics read. Pure.

    floor,site=store-001,department=Men availability=0.93,shown=412i 1763800000000000

Source: docs.influxdata.com, *Line protocol* (2.x) and *Line protocol tutorial* (1.8): in tags a backslash stands before
comma, equals sign and space; in texts before quotation mark and backslash. Integers end in `i`, booleans are `true` and
`false`, a float is Python's shortest text that reads back as the same number. Times in microseconds
(`precision=us`), or nanoseconds for whoever reads nothing else.

Our own, because it is twice as fast as the client's `Point` objects (`bench/series_points.py`), and because it
refuses what they let through: NaN, endless numbers, line breaks, a tag that ends in a backslash.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal

from gateway.series.point import Point, Value

Precision = Literal["us", "ns"]


def _text(value: Value) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _boolean(value: Value) -> str:
    return "true" if value else "false"


_WRITES: Final[dict[type, Callable[[Value], str]]] = {int: "{}i".format, float: repr, bool: _boolean, str: _text}


def line_of(point: Point, precision: Precision = "us") -> str:
    """Return one point as a line, without its end."""
    series, at_us, fields = point
    values = ",".join([f"{name}={_WRITES[type(value)](value)}" for name, value in fields.items()])
    return f"{series.line} {values} {at_us}" + ("000" if precision == "ns" else "")


def encode(points: Iterable[Point], precision: Precision = "us") -> bytes:
    """Return points as lines, one for each."""
    return "\n".join([line_of(point, precision) for point in points]).encode()
