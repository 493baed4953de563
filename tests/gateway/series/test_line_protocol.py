"""Line protocol: exact, read back by a parser of our own and by a real InfluxDB."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.series.line_protocol import encode, line_of
from gateway.series.point import INT_MAX, INT_MIN, Point, PointError, clean_tag, point_of, series_of
from gateway.series.rollup import decode, merged
from gateway.series.rollup import encode as encode_bucket
from tests.servers.influxdb import InfluxDb
from wire.measurement import NOT_KNOWN, TAG_MAX_CHARS, Tag
from wire.measurements import EVENT, FLOOR, PIPELINE

AT_US = 1_763_800_000_000_123

texts = st.text(max_size=200)
hostile = st.text(st.sampled_from(' ,=\\"\n\t\0aü#\u2028'), max_size=30)


def floor(department: str, at_us: int = AT_US, **fields: Any) -> Point:
    point = point_of(series_of(FLOOR, {Tag.SITE: "s-1", Tag.DEPARTMENT: department}), at_us, fields)
    assert point is not None
    return point


def parsed(line: str) -> tuple[str, dict[str, str], dict[str, str], int]:
    """Read a line as the documentation says, letter by letter."""

    def upto(start: int, ends: str, *, quotes: bool) -> tuple[str, int]:
        found, number, inside = "", start, False
        while number < len(line) and (inside or line[number] not in ends):
            if line[number] == "\\" and number + 1 < len(line) and (inside or line[number + 1] in ",= "):
                found += line[number : number + 2] if inside else line[number + 1]
                number += 2
                continue
            inside ^= quotes and line[number] == '"'
            found += line[number]
            number += 1
        return found, number

    name, at = upto(0, ", ", quotes=False)
    tags: dict[str, str] = {}
    while line[at] == ",":
        key, at = upto(at + 1, "=", quotes=False)
        tags[key], at = upto(at + 1, ", ", quotes=False)
    fields: dict[str, str] = {}
    while not fields or line[at] == ",":
        key, at = upto(at + 1, "=", quotes=False)
        fields[key], at = upto(at + 1, ", ", quotes=True)
    return name, tags, fields, int(line[at + 1 :])


def test_a_line() -> None:
    point = floor("Men, large = x", availability=0.5, shown=412)
    assert line_of(point) == r"floor,site=s-1,department=Men\,\ large\ \=\ x availability=0.5,shown=412i " + str(AT_US)
    assert line_of(point, "ns").endswith(f" {AT_US}000")
    assert encode([point, point]).count(b"\n") == 1


@given(texts | hostile)
def test_any_text_is_a_tag_that_reads_back(text: str) -> None:
    cleaned = clean_tag(text)
    assert 1 <= len(cleaned) <= TAG_MAX_CHARS
    assert clean_tag(cleaned) == cleaned
    try:
        point = floor(text, shown=1)
    except PointError as error:
        assert "single item" in str(error)
        return
    name, tags, fields, at_us = parsed(line_of(point))
    assert (name, tags, fields, at_us) == ("floor", {"site": "s-1", "department": cleaned}, {"shown": "1i"}, AT_US)


@given(texts | hostile, texts | hostile)
def test_any_text_is_a_field_that_reads_back(title: str, detail: str) -> None:
    series = series_of(EVENT, {Tag.SITE: "s-1", Tag.KIND: "count"})
    point = point_of(series, AT_US, {"title": title, "detail": detail})
    assert point is not None
    _, _, fields, _ = parsed(line_of(point))
    for name in ("title", "detail"):
        written = fields[name]
        assert written[0] == written[-1] == '"'
        assert written[1:-1].replace('\\"', '"').replace("\\\\", "\\") == point.fields[name] or "\\" in written
    assert "\n" not in line_of(point)


@given(st.integers(INT_MIN, INT_MAX), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_as_they_were(whole: int, real: float) -> None:
    _, _, fields, _ = parsed(line_of(floor("Men", shown=whole, availability=real)))
    assert int(fields["shown"].removesuffix("i")) == whole
    assert float(fields["availability"]) == real


def test_a_real_server_reads_every_value_back(influx: InfluxDb) -> None:
    names = [
        "Men",
        "a,b",
        "a=b",
        "a b",
        "ü€😀",
        "back\\slash",
        "\\,",
        'quote"s',
        "'single'",
        "end\\",
        "#hash",
        "a\\\\b",
    ]
    points = [floor(name, AT_US + number, shown=number, availability=number / 7) for number, name in enumerate(names)]
    for edge, real in enumerate((5e-324, 1.7976931348623157e308, -0.1, 1e16, 123456789.123456789)):
        points.append(floor(f"edge {edge}", shown=INT_MAX if edge % 2 else INT_MIN, availability=real))
    for number, text in enumerate(['say "hi"', "back\\slash", "end\\", 'a\\"b', "comma, = space", "ü€😀", "", " "]):
        series = series_of(EVENT, {Tag.SITE: "s-1", Tag.KIND: "count"})
        point = point_of(series, AT_US + number, {"title": text})
        assert point is not None
        points.append(point)
    influx.write(encode(points))
    found: dict[tuple[str, frozenset[Any]], dict[str, Any]] = {}
    for measurement in ("floor", "event"):
        for table in influx.query(f'SELECT * FROM "{measurement}" GROUP BY *'):
            for row in table["values"]:
                held = dict(zip(table["columns"], row, strict=True))
                key = (*(table["tags"][str(tag)] for tag in table["tags"]), held.pop("time"))
                found[measurement, frozenset(key)] = {name: value for name, value in held.items() if value is not None}
    for point in points:
        named = frozenset([*(value for _, value in point.series.tags), point.at_us])
        assert found[point.series.measurement.name, named] == point.fields
    assert len(found) == len(points)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"shown": 1.0}, "integer of 64 bits"),
        ({"shown": True}, "integer of 64 bits"),
        ({"shown": 2**63}, "integer of 64 bits"),
        ({"availability": math.nan}, "number that is finite"),
        ({"availability": math.inf}, "number that is finite"),
        ({"availability": "0.5"}, "number that is finite"),
        ({"shows": 1}, "it has no field 'shows'"),
    ],
)
def test_a_value_that_no_point_may_carry(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(PointError, match=says):
        floor("Men", **fields)


def test_what_is_not_there_is_left_out() -> None:
    series = series_of(PIPELINE, {Tag.GATEWAY: "g"})
    assert point_of(series, AT_US, {"appended": 0, "relay_waiting": None}) is None
    point = point_of(series, AT_US, {"appended": 0, "relay_waiting": 0, "source_connected": False})
    assert point is not None
    assert point.fields == {"relay_waiting": 0, "source_connected": False}  # a delta of 0 says nothing, a gauge does


def test_a_tag_that_is_missing_or_too_many() -> None:
    with pytest.raises(PointError, match="tags site: expected site, department"):
        series_of(FLOOR, {Tag.SITE: "s"})
    with pytest.raises(PointError, match="expected site, department"):
        series_of(FLOOR, {Tag.SITE: "s", Tag.DEPARTMENT: "d", Tag.ZONE: "z"})
    assert series_of(FLOOR, {Tag.SITE: "s", Tag.DEPARTMENT: " \n "}).tag(Tag.DEPARTMENT) == NOT_KNOWN


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_a_bucket_is_its_points(values: list[float]) -> None:
    bucket: Any = {}
    for value in values:
        bucket = merged(bucket, {"availability": value})
    found = decode(encode_bucket(bucket))["availability"]
    assert (found.count, found.low, found.high, found.last) == (len(values), min(values), max(values), values[-1])
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-6)
