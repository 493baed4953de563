"""The messages of the contract: golden bytes, round trips, every bound, damaged bodies."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.golden.messages import DURABLE, EDGE, EPC, NOW_US, PLAIN, READS, SITE
from tests.wire.golden.regenerate import FOLDER, golden_files
from wire.errors import IdentityError, LimitError, MessageError, WireError
from wire.frame import Format
from wire.limits import (
    ACK_MAX_REJECTED,
    BATCH_MAX_ANTENNAS,
    BATCH_MAX_EVENTS,
    BATCH_MAX_OBSERVATIONS,
    BODY_MAX_BYTES,
    COUNT_MAX,
    EPC_MAX_BITS,
    ID_MAX_CHARS,
    RSSI_MAX_CDBM,
    RSSI_MIN_CDBM,
    WINDOW_MAX_MS,
)
from wire.messages import (
    Ack,
    AntennaLook,
    CountBatch,
    DeviceEvent,
    DeviceEvents,
    Durable,
    EdgeState,
    Gap,
    ReadBatch,
    Rejected,
    ScanBatch,
    check_identity,
    decode_ack,
    decode_command,
    decode_durable,
    decode_state,
    encode_durable,
    encode_durable_json,
    encode_json,
    read_batch,
)
from wire.observations import EMPTY, Observations, from_columns, from_lists

GOLDEN = golden_files()


# -- golden files


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_bytes_have_not_changed(name: str) -> None:
    assert (FOLDER / name).read_bytes() == GOLDEN[name]


def test_there_is_no_golden_file_that_nobody_writes() -> None:
    kept = {file.name for file in FOLDER.iterdir() if file.suffix in {".msgpack", ".json", ".frame"}}
    assert kept == set(GOLDEN)


def test_every_kind_has_a_golden_file() -> None:
    kinds = {type(message) for message in DURABLE.values()}
    assert kinds == {ReadBatch, ScanBatch, CountBatch, DeviceEvents, Gap}


@pytest.mark.parametrize("name", DURABLE)
def test_golden_files_decode_to_what_they_were(name: str) -> None:
    assert decode_durable((FOLDER / f"{name}.msgpack").read_bytes()) == DURABLE[name]
    assert decode_durable((FOLDER / f"{name}.json").read_bytes(), Format.JSON) == DURABLE[name]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_golden_files_decode_to_what_they_were(name: str) -> None:
    data, message = (FOLDER / f"{name}.json").read_bytes(), PLAIN[name]
    if isinstance(message, Ack):
        assert decode_ack(data) == message
    elif isinstance(message, EdgeState):
        assert decode_state(data) == message
    elif name != "stock_event":
        assert decode_command(data) == message
    else:
        assert msgspec.json.decode(data, type=type(message)) == message


def test_the_json_of_a_batch_is_for_people() -> None:
    text = msgspec.json.decode((FOLDER / "read_batch.json").read_bytes())
    assert text["kind"] == "read_batch"
    assert text["epc"] == ["3034257bf7194e4000001a85", "3034257bf7194e4000001a86", "abcde0"]
    assert text["count"] == [1, 65_535, 12]


# -- round trips

ids = st.from_regex(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{ID_MAX_CHARS - 1}}}", fullmatch=True)
micros = st.integers(0, 2**62)


@st.composite
def observations(draw: st.DrawFn) -> Observations:
    n = draw(st.integers(0, 20))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    first = column(-(2**31) + 1, 2**31 - 1)
    bits = column(1, EPC_MAX_BITS)
    return from_lists(
        {
            "antenna": column(0, 3),
            "epc_bits": bits,
            "count": column(1, COUNT_MAX),
            "rssi_peak": column(RSSI_MIN_CDBM, RSSI_MAX_CDBM),
            "rssi_mean": column(RSSI_MIN_CDBM, RSSI_MAX_CDBM),
            "first": first,
            "last": [draw(st.integers(one, 2**31 - 1)) for one in first],
            "flags": column(0, 255),
        },
        [draw(st.binary(min_size=(one + 7) // 8, max_size=(one + 7) // 8)) for one in bits],
    )


@st.composite
def batches(draw: st.DrawFn) -> ReadBatch:
    looks = draw(
        st.lists(
            st.builds(
                AntennaLook,
                ids,
                st.integers(0, 65_535),
                st.integers(0, WINDOW_MAX_MS),
                st.integers(0, 2**40),
            ),
            min_size=4,
            max_size=6,
        )
    )
    return read_batch(
        site=draw(ids),
        edge=draw(ids),
        window_start_us=draw(micros),
        window_ms=draw(st.integers(1, WINDOW_MAX_MS)),
        antennas=tuple(looks),
        clocks=(),
        columns=draw(observations()),
    )


gaps = st.builds(
    Gap,
    site=ids,
    edge=ids,
    cause=st.sampled_from(["outbox_cap", "reader_overflow", "undecodable", "queue_full", "stream_lost"]),
    from_us=micros,
    to_us=micros,
    device=st.none() | ids,
    stream=st.binary(max_size=16),
    from_seq=micros,
    to_seq=micros,
    observations=st.none() | micros,
    detail=st.text(max_size=50),
)


@given(batches() | gaps)
def test_what_is_encoded_comes_back(message: Durable) -> None:
    assert decode_durable(encode_durable(message)) == message
    assert decode_durable(encode_durable_json(message), Format.JSON) == message


@given(observations())
def test_columns_come_back(columns: Observations) -> None:
    again = from_columns(columns.column_bytes())
    assert again.epcs() == columns.epcs()
    for name in ("antenna", "epc_bits", "count", "rssi_peak", "rssi_mean", "first", "last", "flags"):
        assert np.array_equal(getattr(again, name), getattr(columns, name))


@given(st.binary(max_size=300), st.sampled_from(list(Format)))
def test_any_bytes_give_a_message_or_a_typed_error(data: bytes, kind: Format) -> None:
    try:
        message = decode_durable(data, kind)
        if isinstance(message, ReadBatch):
            message.observations()
    except WireError:
        return


@given(st.sampled_from(sorted(DURABLE)), st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(list(Format)))
def test_a_damaged_body_gives_a_message_or_a_typed_error(name: str, at: int, value: int, kind: Format) -> None:
    whole = encode_durable(DURABLE[name]) if kind is Format.MSGPACK else encode_durable_json(DURABLE[name])
    data = bytearray(whole)
    data[at % len(data)] = value
    for damaged in (bytes(data), whole[: at % len(whole)]):
        try:
            message = decode_durable(damaged, kind)
            if isinstance(message, ReadBatch):
                message.observations()
        except WireError:
            continue


@given(st.binary(max_size=200))
def test_any_answer_gives_a_message_or_a_typed_error(data: bytes) -> None:
    for decode in (decode_ack, decode_state, decode_command):
        try:
            decode(data)
        except MessageError:
            continue


def test_deep_nesting_is_refused() -> None:
    for decode in (decode_ack, decode_state, decode_command):
        with pytest.raises(MessageError):
            decode(b"[" * 100_000)
    with pytest.raises(MessageError):
        decode_durable(b"\x91" * 100_000)


# -- bounds


@pytest.mark.parametrize(
    "changes",
    [
        {"clocks": [{"device": "R1", "quality": "synced", "offset_ms": 10**30}]},
        {"clocks": [{"device": "R1", "quality": "synced", "offset_ms": -(10**30)}]},
        {"antennas": [{"device": "R1", "port": 1, "settings": {"tx_power_cdbm": 10**30}}]},
        {"antennas": [{"device": "R1", "port": 1, "settings": {"mode": 10**30}}]},
    ],
)
def test_json_with_integers_of_any_length_is_refused_before_it_is_packed(changes: dict[str, object]) -> None:
    """The gateway packs what came as JSON: an integer beyond 64 bits would raise an error of no type of ours."""
    plain = json.loads(encode_durable_json(DURABLE["read_batch_empty"]))
    assert isinstance(decode_durable(json.dumps(plain).encode(), Format.JSON), ReadBatch)
    with pytest.raises(MessageError, match="Expected `int`"):
        decode_durable(json.dumps(plain | changes).encode(), Format.JSON)


def body(**changes: object) -> bytes:
    """Return an empty batch as plain MessagePack with some fields changed."""
    plain = msgspec.msgpack.decode(encode_durable(DURABLE["read_batch_empty"]))
    return msgspec.msgpack.encode(plain | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"schema": 0},
        {"site": ""},
        {"site": "x" * (ID_MAX_CHARS + 1)},
        {"edge": ""},
        {"window_ms": 0},
        {"window_ms": WINDOW_MAX_MS + 1},
        {"window_start_us": -1},
        {"window_start_us": 2**62 + 1},
        {"antennas": [["R1", 1]] * 3},
        {"antennas": [{"device": "R1", "port": 1}] * (BATCH_MAX_ANTENNAS + 1)},
        {"antennas": [{"device": "R1", "port": 65_536}]},
        {"antennas": [{"device": "R1", "port": 1, "inventory_ms": WINDOW_MAX_MS + 1}]},
        {"antennas": [{"device": "R1", "port": 1, "foreign": -1}]},
        {"clocks": [{"device": "R1", "quality": "perfect", "offset_ms": 0}]},
        {"unknown": 1},
        {"kind": "no_such_kind"},
        {"window_ms": "1000"},
    ],
)
def test_a_batch_outside_its_bounds_is_refused(changes: dict[str, object]) -> None:
    decode_durable(body())
    with pytest.raises(MessageError):
        decode_durable(body(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"antennas": [{"device": "R1", "port": 65_535}] * BATCH_MAX_ANTENNAS},
        {"window_ms": WINDOW_MAX_MS},
        {"window_ms": 1},
        {"site": "x" * ID_MAX_CHARS},
        {"window_start_us": 0},
        {"window_start_us": 2**62},
    ],
)
def test_a_batch_on_its_bounds_is_taken(changes: dict[str, object]) -> None:
    decode_durable(body(**changes))


def columns(**changes: list[int]) -> dict[str, list[int]]:
    plain = {
        "antenna": [0],
        "epc_bits": [96],
        "count": [1],
        "rssi_peak": [-5_000],
        "rssi_mean": [-5_000],
        "first": [0],
        "last": [0],
        "flags": [0],
    }
    return plain | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"count": [0]},
        {"count": [COUNT_MAX + 1]},
        {"count": [1, 1]},
        {"rssi_peak": [RSSI_MAX_CDBM + 1]},
        {"rssi_peak": [RSSI_MIN_CDBM - 1]},
        {"rssi_mean": [RSSI_MIN_CDBM - 1]},
        {"first": [1]},
        {"antenna": [256]},
        {"epc_bits": [88]},
        {"epc_bits": [EPC_MAX_BITS + 1]},
        {"epc_bits": []},
    ],
)
def test_a_column_outside_its_bounds_is_refused(changes: dict[str, list[int]]) -> None:
    from_lists(columns(), [EPC])
    with pytest.raises(MessageError):
        from_lists(columns(**changes), [EPC])


def test_an_epc_of_the_longest_length_is_taken_and_no_longer_one() -> None:
    from_lists(columns(epc_bits=[EPC_MAX_BITS]), [bytes(62)])
    with pytest.raises(MessageError, match="496"):
        from_lists(columns(epc_bits=[EPC_MAX_BITS + 1]), [bytes(63)])


def test_the_largest_batch_fits_a_frame_and_one_more_observation_is_refused() -> None:
    n = BATCH_MAX_OBSERVATIONS
    most = {name: values * n for name, values in columns(epc_bits=[EPC_MAX_BITS]).items()}
    full = from_lists(most, [bytes(62)] * n)
    looks = tuple(AntennaLook("R" * ID_MAX_CHARS, 65_535, WINDOW_MAX_MS, 9_999) for _ in range(BATCH_MAX_ANTENNAS))
    batch = read_batch(
        site=SITE, edge=EDGE, window_start_us=NOW_US, window_ms=1, antennas=looks, clocks=(), columns=full
    )
    assert len(encode_durable(batch)) <= BODY_MAX_BYTES
    over = {name: values * (n + 1) for name, values in columns().items()}
    with pytest.raises(LimitError):
        from_lists(over, [EPC] * (n + 1))


def test_a_ragged_column_is_named() -> None:
    ragged = READS.column_bytes() | {"rssi_peak": b"\x00"}
    with pytest.raises(MessageError, match="rssi_peak"):
        from_columns(ragged)
    with pytest.raises(MessageError, match="epc"):
        from_columns(READS.column_bytes() | {"epc": b""})


def test_an_antenna_that_the_table_does_not_have_is_refused() -> None:
    batch = DURABLE["read_batch"]
    assert isinstance(batch, ReadBatch)
    short = msgspec.structs.replace(batch, antennas=batch.antennas[:1])
    with pytest.raises(MessageError, match="antenna index 1"):
        short.observations()


def test_an_empty_batch_has_no_columns() -> None:
    batch = DURABLE["read_batch_empty"]
    assert isinstance(batch, ReadBatch)
    assert len(batch.observations()) == len(EMPTY) == 0


def test_scans_and_events_are_bounded() -> None:
    event = DeviceEvent("R1", 1, "up")
    for count, good in ((1, True), (BATCH_MAX_EVENTS, True), (BATCH_MAX_EVENTS + 1, False), (0, False)):
        data = encode_durable(DeviceEvents(site=SITE, edge=EDGE, events=(event,) * count))
        if good:
            decode_durable(data)
        else:
            with pytest.raises(MessageError):
                decode_durable(data)


def test_the_coverage_of_a_count_is_a_share_and_is_sent_only_when_it_is_said() -> None:
    count = DURABLE["count_batch_coverage"]
    assert isinstance(count, CountBatch)
    for share, good in ((0, True), (1, True), (-0.01, False), (1.01, False), (float("nan"), False), (None, False)):
        plain = msgspec.msgpack.decode(encode_durable(count)) | {"coverage": share}
        if good:
            assert decode_durable(msgspec.msgpack.encode(plain)) == msgspec.structs.replace(count, coverage=share)
        else:
            with pytest.raises(MessageError):
                decode_durable(msgspec.msgpack.encode(plain))
    for kept, unsaid in (("count_batch", True), ("count_batch_coverage", False)):
        assert (b"coverage" not in encode_durable(DURABLE[kept])) is unsaid
        assert (b"coverage" not in encode_durable_json(DURABLE[kept])) is unsaid


def test_an_ack_is_bounded() -> None:
    stream = "ab" * 16
    full = Ack(stream=stream, upto=2**62, rejected=(Rejected(1, "x" * ID_MAX_CHARS),) * ACK_MAX_REJECTED)
    assert decode_ack(encode_json(full)) == full
    for wrong in (
        Ack(stream=stream, upto=1, rejected=(Rejected(1, "x"),) * (ACK_MAX_REJECTED + 1)),
        Ack(stream=stream.upper(), upto=1),
        Ack(stream=stream[:-1], upto=1),
        Ack(stream=stream, upto=-1),
        Ack(stream=stream, upto=1, resend_from=-1),
        Ack(stream=stream, upto=1, rejected=(Rejected(1, "x" * (ID_MAX_CHARS + 1)),)),
    ):
        with pytest.raises(MessageError):
            decode_ack(encode_json(wrong))


# -- identity


@pytest.mark.parametrize("name", DURABLE)
def test_body_and_topic_must_name_the_same(name: str) -> None:
    check_identity(DURABLE[name], SITE, EDGE)
    for site, edge in ((SITE, "other"), ("other", EDGE), (SITE.upper(), EDGE)):
        with pytest.raises(IdentityError) as refusal:
            check_identity(DURABLE[name], site, edge)
        assert refusal.value.code == "identity"


def test_golden_files_are_where_the_test_looks() -> None:
    assert Path(__file__).parent / "golden" == FOLDER
