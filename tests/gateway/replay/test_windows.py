"""The windows of a replay are those that an edge makes of the same reads."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.presence import Window
from gateway.replay import Reads
from gateway.replay.instant import START_US, US
from gateway.replay.windows import Windows
from wire.window import ObservationWindow, TagRead

ANTENNAS = (("R1", 1), ("R1", 2), ("R2", 1))
SECOND = START_US // US
CROWDED = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 1), st.integers(-8_000, -3_000))
ONE_READ = st.tuples(st.integers(0, 999), st.integers(0, 2), st.integers(0, 3), st.integers(-8_000, -3_000))


def reads_of(rows: list[tuple[int, int, int, int]]) -> tuple[Reads, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """(ms within the second, antenna, item, RSSI) as reads in the order of time, and their items."""
    rows = sorted(rows, key=lambda row: row[0])
    at_us = START_US + np.array([row[0] for row in rows], np.int64) * 1_000
    antenna, item, rssi = (np.array([row[i] for row in rows], np.int32) for i in (1, 2, 3))
    return Reads(at_us, antenna, item, rssi), item


def of(rows: list[tuple[int, int, int, int]], inventory_ms: list[int] | None = None) -> Window:
    reads, items = reads_of(rows)
    return Windows(ANTENNAS).window(SECOND, reads, items, np.array(inventory_ms or [1_000, 0, 500], np.int32))


def observations(window: Window) -> list[tuple[int, ...]]:
    columns = (window.item, window.antenna, window.count, window.rssi_peak_cdbm, window.rssi_mean_cdbm)
    times = (window.first_us - START_US, window.last_us - START_US)
    return list(zip(*(column.tolist() for column in (*columns, *times)), strict=True))


@given(st.lists(ONE_READ, max_size=40, unique_by=lambda row: row[:3]))
def test_an_observation_is_what_the_edge_makes_of_it(rows: list[tuple[int, int, int, int]]) -> None:
    edge = ObservationWindow("s", "e", START_US)
    by_device: dict[str, list[TagRead]] = defaultdict(list)
    for ms, antenna, item, rssi in rows:
        device, port = ANTENNAS[antenna]
        at_us = START_US + ms * 1_000
        by_device[device].append(TagRead(port, bytes([item] * 12), 96, rssi, at_us, at_us, 1))
    for device, reads in by_device.items():
        edge.add(device, reads)
    (batch,) = edge.close(START_US + US, ())
    columns = batch.observations()
    table = [(look.device, look.port) for look in batch.antennas]
    wanted = [
        (epc[0], ANTENNAS.index(table[antenna]), count, peak, mean, first * 1_000, last * 1_000)
        for epc, antenna, count, peak, mean, first, last in zip(
            columns.epcs(),
            columns.antenna.tolist(),
            columns.count.tolist(),
            columns.rssi_peak.tolist(),
            columns.rssi_mean.tolist(),
            columns.first.tolist(),
            columns.last.tolist(),
            strict=True,
        )
    ]
    assert observations(of(rows)) == sorted(wanted)


@given(st.lists(CROWDED, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_of_one_instant_means_nothing(rows: list[tuple[int, int, int, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert observations(of(shuffled)) == observations(of(rows))


def test_the_same_read_twice_is_one() -> None:
    windows = Windows(ANTENNAS)
    reads, items = reads_of([(5, 0, 1, -5_000), (5, 0, 1, -5_000), (6, 0, 1, -6_000), (5, 1, 1, -7_000)])
    window = windows.window(SECOND, reads, items, np.array([1_000, 0, 500], np.int32))
    assert window.count.tolist() == [2, 1]
    assert windows.duplicates == 1


def test_all_antennas_of_looking_devices_stand_in_the_window_and_no_others() -> None:
    window = of([(5, 2, 1, -5_000)], [-1, -1, 250])
    assert window.antennas == (("R2", 1),)
    assert window.inventory_ms.tolist() == [250]
    assert window.antenna.tolist() == [0]
    assert (window.start_us, window.end_us) == (START_US, START_US + US)
    assert of([]).antennas == ANTENNAS
    assert len(of([]).item) == 0
