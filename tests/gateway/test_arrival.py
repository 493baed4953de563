"""Whatever a broker delivers becomes a value; nothing is raised, and nothing bad gets through as good."""

import struct
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.ingest.arrival import Cleared, Message, Reported, State, Stray, inspect
from gateway.ingest.port import Delivery
from gateway.limits import STATE_MAX_BYTES
from tests.gateway.small_store import DATA, EDGE, FLOOR, SECOND_US, SHIRT_S, SITE, STREAM, T0_US, epc, frame, reads
from wire.configuration import ReportedConfig, encode_reported
from wire.frame import Header, encode_frame, encode_json_frame
from wire.limits import CLOCK_SKEW_MAX_US, CONFIG_MAX_BYTES
from wire.messages import (
    CountBatch,
    DeviceEvent,
    DeviceEvents,
    Durable,
    EdgeState,
    Gap,
    Scan,
    ScanBatch,
    decode_durable,
    encode_durable_json,
    encode_json,
    read_batch,
)
from wire.topics import Leaf, edge_topic

SITES = {SITE.id: SITE}
STATE = edge_topic(SITE.id, EDGE, Leaf.STATE)
REPORTED = edge_topic(SITE.id, EDGE, Leaf.CONFIG_REPORTED)
BATCH = reads(0, [(FLOOR, epc(SHIRT_S, 1))])


def arrived(payload: bytes, topic: str = DATA, received_us: int = T0_US + 2 * SECOND_US) -> Any:
    return inspect(Delivery(topic, payload, received_us), SITES)


def test_a_good_message() -> None:
    found = arrived(frame(BATCH, 7, first_held=3))
    assert isinstance(found, Message)
    assert (found.site, found.edge, found.code) == (SITE.id, EDGE, None)
    assert found.header == Header(STREAM, 7, 3)
    assert decode_durable(found.body) == BATCH


def test_json_enters_the_log_as_messagepack() -> None:
    found = arrived(encode_json_frame(Header(STREAM, 1, 1), encode_durable_json(BATCH)))
    assert isinstance(found, Message)
    assert found.code is None
    assert decode_durable(found.body) == BATCH


def test_a_flipped_bit_is_rejected_by_its_sequence() -> None:
    payload = bytearray(frame(BATCH, 4))
    payload[-1] ^= 1
    found = arrived(bytes(payload))
    assert isinstance(found, Message)
    assert (found.header.seq, found.code, found.body) == (4, "body", b"")


@pytest.mark.parametrize("names", [{"site": "store-002"}, {"edge": "box-2"}])
def test_a_body_that_names_another_sender(names: dict[str, Any]) -> None:
    found = arrived(frame(reads(0, [], **names), 1))
    assert isinstance(found, Message)
    assert found.code == "identity"


def test_bad_columns_are_found_at_the_door() -> None:
    torn = BATCH.__class__(
        site=SITE.id,
        edge=EDGE,
        window_start_us=T0_US,
        window_ms=1_000,
        antennas=BATCH.antennas,
        antenna=b"\0",
        count=b"",
    )
    found = arrived(frame(torn, 1))
    assert isinstance(found, Message)
    assert found.code == "body"
    assert "column" in found.reason


FUTURE_US = T0_US + CLOCK_SKEW_MAX_US + 10 * SECOND_US
IDENTITY: dict[str, Any] = {"site": SITE.id, "edge": EDGE}


@pytest.mark.parametrize(
    "message",
    [
        reads(CLOCK_SKEW_MAX_US // SECOND_US + 10, []),
        ScanBatch(**IDENTITY, scans=(Scan("S1", FUTURE_US, "count", "1"),)),
        CountBatch(**IDENTITY, session="c", zone="FLOOR", started_us=T0_US, ended_us=FUTURE_US),
        DeviceEvents(**IDENTITY, events=(DeviceEvent("R1", FUTURE_US, "lost"),)),
        Gap(**IDENTITY, cause="outbox_cap", from_us=T0_US, to_us=FUTURE_US),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_from_the_future_is_rejected(message: Durable) -> None:
    found = arrived(frame(message, 1))
    assert isinstance(found, Message)
    assert found.code == "skew"
    on_time = arrived(frame(message, 1), received_us=FUTURE_US)
    assert isinstance(on_time, Message)
    assert on_time.code is None


def test_a_read_far_behind_its_window_s_start_counts_as_future_too() -> None:
    columns = BATCH.observations()
    late = replace(columns, last=columns.last + 2_000_000_000)
    batch = read_batch(
        **IDENTITY, window_start_us=T0_US, window_ms=1_000, antennas=BATCH.antennas, clocks=(), columns=late
    )
    found = arrived(frame(batch, 1))
    assert isinstance(found, Message)
    assert found.code == "skew"


def test_an_unknown_site_is_a_stray() -> None:
    found = arrived(frame(BATCH, 1), topic="lastunit/1/elsewhere/box-1/data")
    assert isinstance(found, Stray)
    assert (found.code, found.site) == ("unknown_site", None)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "x",
        "lastunit/1/store-001/stock/web/123",
        "lastunit/1//box/data",
        "lastunit/2/a/b/data",
        "\udcff/1/a/b/data",
        DATA + "/more",
        "lastunit/1/store-001/box-1/ack",
    ],
)
def test_a_topic_that_edges_do_not_write(topic: str) -> None:
    assert isinstance(arrived(frame(BATCH, 1), topic=topic), Stray)


def test_state() -> None:
    state = EdgeState(what="birth", site=SITE.id, edge=EDGE, at_us=T0_US)
    assert isinstance(arrived(encode_json(state), topic=STATE), State)
    assert isinstance(arrived(b"", topic=STATE), Cleared)
    assert isinstance(arrived(b"{", topic=STATE), Stray)
    assert isinstance(arrived(b" " * (STATE_MAX_BYTES + 1), topic=STATE), Stray)
    foreign = arrived(encode_json(EdgeState(what="birth", site=SITE.id, edge="box-2", at_us=T0_US)), topic=STATE)
    assert isinstance(foreign, Stray)
    assert foreign.code == "identity"


NESTED = b'{"v":1,"stream":"' + b"00" * 16 + b'","seq":1,"first_held":1,"body":' + b"[" * 100_000


@given(st.binary(max_size=200), st.sampled_from([DATA, STATE]))
@example(NESTED, DATA)
@example(b'{"a":' * 50_000, STATE)
@example(b"LU\x01\x01" + struct.pack(">I", 0) + STREAM + b"\0" * 16, DATA)
def test_garbage_is_never_good_and_never_raises(payload: bytes, topic: str) -> None:
    found = arrived(payload, topic=topic)
    assert isinstance(found, Stray | Cleared) or (isinstance(found, Message) and found.code is not None)


@given(st.binary(max_size=300))
@example(b"\xc1")
@example(b"\xde\x00\x11\xa4kind\xaaread_batch" + b"\x91" * 200)
@example(b"\x91" * 60_000)
def test_a_garbage_body_under_a_good_header_is_rejected(body: bytes) -> None:
    found = arrived(encode_frame(Header(STREAM, 9, 1), body))
    assert isinstance(found, Message)
    assert found.code is not None
    assert found.header.seq == 9


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_damaged_good_frame_never_raises(at: int, flip: int) -> None:
    payload = bytearray(frame(BATCH, 3))
    payload[at % len(payload)] ^= flip
    found = arrived(bytes(payload))
    if isinstance(found, Message) and found.code is None:
        assert decode_durable(found.body) == BATCH  # the header alone changed, and it has no check sum of its own


def reported(**changed: Any) -> bytes:
    said = ReportedConfig(site=SITE.id, edge=EDGE, version=3, hash="0" * 16, at_us=5, error="", devices=())
    return encode_reported(msgspec.structs.replace(said, **changed))


def test_a_report_of_the_configuration() -> None:
    found = arrived(reported(), REPORTED)
    assert isinstance(found, Reported)
    assert found.reported.version == 3
    assert isinstance(arrived(b"", REPORTED), Cleared)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", "body"),
        (reported(site="another"), "identity"),
        (reported(edge="another"), "identity"),
        (b" " * (CONFIG_MAX_BYTES + 1), "body"),
        (reported().replace(b'"version":3', b'"version":-3'), "body"),
    ],
)
def test_a_report_that_cannot_be_used(payload: bytes, code: str) -> None:
    found = arrived(payload, REPORTED)
    assert isinstance(found, Stray)
    assert (found.code, found.site, found.edge) == (code, SITE.id, EDGE)


def test_what_only_the_gateway_writes_is_not_taken() -> None:
    found = arrived(b"{}", edge_topic(SITE.id, EDGE, Leaf.CONFIG_DESIRED))
    assert isinstance(found, Stray)
    assert found.code == "leaf"
