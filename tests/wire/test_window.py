"""The observation window against a plain model, and its bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.limits import (
    BATCH_MAX_ANTENNAS,
    BATCH_MAX_OBSERVATIONS,
    BODY_MAX_BYTES,
    COUNT_MAX,
    ID_MAX_CHARS,
    SITE_MAX_DEVICES,
    WINDOW_MAX_MS,
)
from wire.messages import AntennaLook, AntennaSettings, DeviceClock, ReadBatch, decode_durable, encode_durable
from wire.observations import GHOST
from wire.window import GHOST_READS, ObservationWindow, TagRead

START_US = 1_700_000_000_000_000
EPC = bytes(range(12))


def window() -> ObservationWindow:
    return ObservationWindow("store-1", "edge-1", START_US)


def read(epc: bytes = EPC, port: int = 1, rssi: int = -5_000, at_ms: int = 0, reads: int = 1) -> TagRead:
    at_us = START_US + at_ms * 1_000
    return TagRead(port, epc, 8 * len(epc), rssi, at_us, at_us, reads)


tag_reads = st.builds(
    lambda device, port, tag, rssi, first, span, count: (
        device,
        TagRead(port, bytes([tag]) * 12, 96, rssi, START_US + first, START_US + first + span, count),
    ),
    st.sampled_from(["R1", "R2"]),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(-9_000, -2_000),
    st.integers(-5_000_000, 1_000_000),
    st.integers(0, 400_000),
    st.integers(1, 50),
)


@given(st.lists(tag_reads, max_size=60))
def test_it_agrees_with_a_plain_model(reads: list[tuple[str, TagRead]]) -> None:
    one = window()
    model: dict[tuple[str, int, bytes], list[TagRead]] = {}
    for device, tag in reads:
        one.add(device, [tag])
        model.setdefault((device, tag.port, tag.epc), []).append(tag)
    assert len(one) == len(model)
    (batch,) = one.close(START_US + 1_000_000, ())
    seen = batch.observations()
    found = {}
    for row, epc in enumerate(seen.epcs()):
        look = batch.antennas[int(seen.antenna[row])]
        found[look.device, look.port, epc] = row
    assert set(found) == set(model)
    for key, tags in model.items():
        row, total = found[key], sum(tag.reads for tag in tags)
        assert seen.count[row] == total
        assert seen.rssi_peak[row] == max(tag.rssi_cdbm for tag in tags)
        assert abs(seen.rssi_mean[row] - sum(tag.rssi_cdbm * tag.reads for tag in tags) / total) <= 0.5
        assert seen.first[row] == (min(tag.first_us for tag in tags) - START_US) // 1_000
        assert seen.last[row] == min(1_000, (max(tag.last_us for tag in tags) - START_US) // 1_000)
        assert bool(seen.flags[row] & GHOST) == (total <= GHOST_READS)
    assert decode_durable(encode_durable(batch)) == batch


def test_a_window_closes_empty_and_says_what_was_looked_at() -> None:
    one = window()
    looks = (AntennaLook("R1", 1, 700), AntennaLook("R1", 2, 300))
    clocks = (DeviceClock("R1", "synced", 1),)
    (batch,) = one.close(START_US + 1_000_000, looks, clocks)
    assert (batch.antennas, batch.clocks, batch.window_ms) == (looks, clocks, 1_000)
    assert len(batch.observations()) == 0


def test_an_antenna_that_looked_at_nothing_is_in_the_table_all_the_same() -> None:
    one = window()
    one.add("R9", [read(port=3)])
    (batch,) = one.close(START_US + 1_000_000, (AntennaLook("R1", 1, 700),))
    assert batch.antennas == (AntennaLook("R1", 1, 700), AntennaLook("R9", 3))
    assert batch.observations().antenna.tolist() == [1]


def test_windows_follow_each_other_without_a_hole() -> None:
    one = window()
    one.add("R1", [read()])
    (first,) = one.close(START_US + 1_000_000, ())
    (second,) = one.close(START_US + 2_500_000, ())
    assert (second.window_start_us, second.window_ms) == (START_US + 1_000_000, 1_500)
    assert len(second.observations()) == 0
    assert first.window_start_us == START_US


def test_a_report_that_a_reader_held_back_keeps_its_own_time() -> None:
    one = window()
    one.add("R1", [read(at_ms=-90_000)])
    (batch,) = one.close(START_US + 1_000_000, ())
    assert batch.observations().first.tolist() == [-90_000]


def test_tags_that_differ_in_length_only_are_two() -> None:
    one = window()
    one.add("R1", [TagRead(1, b"\xab\xc0", 12, -1, START_US, START_US, 1), read(b"\xab\xc0")])
    (batch,) = one.close(START_US + 1_000_000, ())
    assert batch.observations().epc_bits.tolist() == [12, 16]


@pytest.mark.parametrize("tags", [BATCH_MAX_OBSERVATIONS, BATCH_MAX_OBSERVATIONS + 1, 2 * BATCH_MAX_OBSERVATIONS + 1])
def test_more_than_a_batch_is_split_and_the_looks_travel_once(tags: int) -> None:
    one = window()
    one.add("R1", [read(i.to_bytes(12, "big")) for i in range(tags)])
    batches = one.close(START_US + 1_000_000, (AntennaLook("R1", 1, 900, 5),))
    assert sum(len(batch.observations()) for batch in batches) == tags
    assert len(batches) == -(-tags // BATCH_MAX_OBSERVATIONS)
    assert [batch.antennas[0].inventory_ms for batch in batches] == [900] + [0] * (len(batches) - 1)
    assert sum(batch.antennas[0].foreign for batch in batches) == 5


def test_more_antennas_than_an_index_holds_are_split() -> None:
    one = window()
    ports = BATCH_MAX_ANTENNAS + 10
    one.add("R1", [read(port=port) for port in range(ports)])
    looks = tuple(AntennaLook("R1", port, port % 100) for port in range(ports))
    batches = one.close(START_US + 1_000_000, looks)
    assert [len(batch.antennas) for batch in batches] == [BATCH_MAX_ANTENNAS, 10]
    seen = {
        (batch.antennas[int(index)].port, batch.antennas[int(index)].inventory_ms)
        for batch in batches
        for index in batch.observations().antenna
    }
    assert seen == {(port, port % 100) for port in range(ports)}


def test_values_that_no_column_holds_are_clipped_and_counted() -> None:
    one = window()
    far = 40 * 86_400_000
    one.add(
        "R1", [read(reads=COUNT_MAX), read(reads=5), read(b"\x01" * 12, rssi=-20_000), read(b"\x02" * 12, at_ms=-far)]
    )
    (batch,) = one.close(START_US + 1_000_000, ())
    seen = batch.observations()
    assert seen.count.tolist()[0] == COUNT_MAX
    assert seen.rssi_peak.tolist()[1] == -15_000
    assert seen.first.tolist()[2] == -(2**31 - 1)
    assert one.clipped == 3


def test_a_read_from_the_future_is_put_at_the_windows_end_and_counted() -> None:
    """One reader's broken time stamp must not make the gateway refuse what all others saw."""
    one = window()
    one.add("R1", [read(at_ms=10 * 86_400_000), read(b"\x01" * 12, at_ms=1_000), read(b"\x02" * 12, at_ms=400)])
    (batch,) = one.close(START_US + 1_000_000, ())
    seen = batch.observations()
    assert (seen.first.tolist(), seen.last.tolist()) == ([1_000, 1_000, 400], [1_000, 1_000, 400])
    assert one.clipped == 1


def test_the_largest_window_of_the_largest_site_makes_bodies_below_the_limit() -> None:
    one = ObservationWindow("s" * ID_MAX_CHARS, "e" * ID_MAX_CHARS, START_US)
    names = [f"{number:0{ID_MAX_CHARS}d}" for number in range(SITE_MAX_DEVICES)]
    told = AntennaSettings(-15_000, 2**32 - 1, 2, "single")
    looks = tuple(AntennaLook(name, 65_535, WINDOW_MAX_MS, 10_000, told) for name in names)
    clocks = tuple(DeviceClock(name, "estimated", 2**40) for name in names)
    one.add(names[0], [read(number.to_bytes(62, "big"), 65_535) for number in range(BATCH_MAX_OBSERVATIONS)])
    batches = one.close(START_US + 1_000_000, looks, clocks)
    assert max(len(encode_durable(batch)) for batch in batches) <= BODY_MAX_BYTES
    assert {clock for batch in batches for clock in batch.clocks} == set(clocks)


def test_a_host_that_slept_or_went_back_builds_a_window_that_is_valid() -> None:
    for end_us in (START_US + 86_400_000_000, START_US - 86_400_000_000, START_US):
        one = window()
        one.add("R1", [read(at_ms=500)])
        (batch,) = one.close(end_us, ())
        assert 1 <= batch.window_ms <= WINDOW_MAX_MS
        again = decode_durable(encode_durable(batch))
        assert isinstance(again, ReadBatch)
        first_us = again.window_start_us + int(again.observations().first[0]) * 1_000
        assert first_us == min(START_US + 500_000, end_us)
        assert again.window_start_us <= end_us
        (after,) = one.close(end_us + 1_000_000, ())
        assert (after.window_start_us, after.window_ms) == (end_us, 1_000)


def test_columns_are_what_numpy_takes_without_a_copy() -> None:
    one = window()
    one.add("R1", [read()])
    (batch,) = one.close(START_US + 1_000_000, ())
    seen = batch.observations()
    assert seen.rssi_peak.dtype == np.dtype("<i2")
    assert not seen.rssi_peak.flags.owndata
