"""Objects out of bytes: glued, in lines, torn, among rubbish, however they are cut."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.iot.limits import LINE_MAX_BYTES, MISTAKES_MAX
from edge.iot.objects import JsonObject, LineStream, objects_in

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=6), values, max_size=4)
fragments = st.one_of(
    objects.map(lambda found: json.dumps(found).encode()),
    st.sampled_from(
        [b"\r\n", b"\n", b"", b" ", b",", b"[", b"]", b'{"a":', b"}", b'{"b":{"c":1', b'"', b"nan", b"\xff"]
    ),
    st.binary(max_size=6),
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    bounds = [0, *sorted(one % (len(data) + 1) for one in at), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


def fed(chunks: list[bytes]) -> tuple[list[JsonObject], int]:
    stream = LineStream()
    objects: list[JsonObject] = []
    bad = 0
    for chunk in [*chunks, b"\n"]:
        split = stream.feed(chunk)
        objects += split.objects
        bad += split.bad
    return objects, bad


@settings(deadline=None, max_examples=60)
@given(st.lists(objects, max_size=5))
@pytest.mark.parametrize("glue", [b"", b"\r\n", b"\n\n", b",", b" \t"])
def test_all_objects_come_out_in_order(glue: bytes, found: list[JsonObject]) -> None:
    payload = glue.join(json.dumps(one).encode() for one in found)
    assert objects_in(payload) == (found, 0)
    assert fed([payload]) == (found, 0)
    assert objects_in(b"[" + b",".join(json.dumps(one).encode() for one in found) + b"]\n") == (found, 0)


@settings(deadline=None, max_examples=60)
@given(st.lists(fragments, max_size=12), st.lists(st.integers(0, 10_000), max_size=8))
@example([b'{"a":1}x', b'{"b":2}'], [7])
@example([b'{"a":"}"', b'{"b":2}'], [6])
def test_however_it_is_cut_the_same_comes_out(parts: list[bytes], at: list[int]) -> None:
    data = b"".join(parts)
    whole = fed([data])
    assert fed(cut(data, at)) == whole
    assert fed([data[i : i + 1] for i in range(len(data))]) == whole


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_garbage_never_raises(data: bytes) -> None:
    found, bad = objects_in(data)
    assert all(isinstance(one, dict) for one in found)
    assert bad >= 0


@pytest.mark.parametrize(
    ("payload", "found", "bad"),
    [
        (b'{"a":1}{"b":2}', 2, 0),
        (b'xx{"a":1}yy{"b":2}zz', 2, 3),
        (b'{"a":1,{"b":2}', 1, 1),
        (b'{"a":{"b":2}', 0, 1),
        (b'{"a":"x{"b":2}', 0, 1),
        (b"{{{{", 0, 1),
        (b'}{"a":1}', 1, 1),
        (b'\xef\xbb\xbf{"a":1}', 1, 0),
        (b'data: {"a":1}', 1, 1),
        (b"5", 0, 1),
        (b'"{}"', 1, 2),
        (b"", 0, 0),
        (b"\r\n\r\n", 0, 0),
        (b'{"a":NaN,"b":1' + b"0" * 5_000 + b"}", 1, 0),
        (b'{"a":' * 100_000, 0, 1),
        (b'{"a":"\xff"}', 1, 0),
    ],
)
def test_a_mistake_costs_itself(payload: bytes, found: int, bad: int) -> None:
    split = objects_in(payload)
    assert (len(split.objects), split.bad) == (found, bad)


def test_a_number_that_is_none_is_nothing() -> None:
    assert objects_in(b'{"a":NaN,"b":-Infinity,"c":' + b"9" * 5_000 + b"}").objects == [
        {"a": None, "b": None, "c": None}
    ]


def test_a_torn_line_ends_with_the_line() -> None:
    stream = LineStream()
    assert stream.feed(b'{"epc":"ab\r\n{"a":1}\r\n') == ([{"a": 1}], 1)
    assert stream.feed(b"\r\n") == ([], 0)


def test_an_event_without_its_line_end_is_not_kept_waiting() -> None:
    stream = LineStream()
    assert stream.feed(b'{"a":1}{"b":') == ([{"a": 1}], 0)
    assert stream.feed(b"2}") == ([{"b": 2}], 0)


def test_an_endless_line_costs_itself_and_no_memory() -> None:
    stream = LineStream()
    for _ in range(100):
        assert stream.feed(b"x" * 10_000) == ([], 0)
        assert len(stream._open) <= LINE_MAX_BYTES
    assert stream.feed(b'\n{"a":1}\n') == ([{"a": 1}], 1)


def test_a_chunk_of_many_glued_objects_is_longer_than_a_line_may_be() -> None:
    payload = b'{"tag":"0123456789"}' * 5_000
    assert len(payload) > LINE_MAX_BYTES
    assert len(LineStream().feed(payload).objects) == 5_000


@pytest.mark.parametrize("unit", [b'{"a":1,', b"{", b'{"', b'{"a":[', b'{"a":"\\"'])
def test_a_message_full_of_mistakes_is_given_up(unit: bytes) -> None:
    """A reader that goes mad cannot stop the daemon: each mistake costs a walk over the message."""
    assert objects_in(unit * 20_000).bad == 1
    assert objects_in(b"{x}" * (MISTAKES_MAX - 1) + b'{"a":1}').objects == [{"a": 1}]
    assert objects_in(b"{x}" * MISTAKES_MAX + b'{"a":1}').objects == []


def test_random_bytes_among_events() -> None:
    rng = random.Random(3)
    lines = []
    for number in range(300):
        lines.append(json.dumps({"n": number}).encode())
        lines.append(bytes(rng.choice(b'{}[]",:abc\\ 1') for _ in range(rng.randrange(40))))
    found, _ = fed([b"\r\n".join(lines)])
    assert [one["n"] for one in found if "n" in one] == list(range(300))
