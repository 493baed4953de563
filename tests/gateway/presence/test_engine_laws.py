"""What holds whatever comes: chances sum to one, order and repetition mean nothing, a snapshot is the whole state."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.presence import Tracker, Window, restore_tracker
from gateway.presence.tracker import Evidence, EvidenceKind, Inventory, SnapshotError, ZoneChange
from tests.gateway.presence.engine_rig import (
    ANTENNAS,
    SITE_TEXT,
    START_S,
    S,
    Shop,
    gtin,
    sane,
    site,
    sounds,
    tracker,
    window,
)

ITEMS = 5
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing example of many windows takes minutes to shrink; by itself it says enough."""
OTHER_SITES = (
    SITE_TEXT,
    SITE_TEXT[: SITE_TEXT.index("  - id: R3")],
    SITE_TEXT.replace("R2", "R8").replace("FIT", "CABIN"),
    SITE_TEXT.replace("[12, 8], [0, 8]]", "[12, 7], [0, 7]]"),
)
PER_OBSERVATION = ("item", "antenna", "count", "rssi_peak_cdbm", "rssi_mean_cdbm", "first_us", "last_us")


def shuffled(one: Window, order: list[int]) -> Window:
    rows = np.array(order, np.int64)
    columns: dict[str, Any] = {name: getattr(one, name)[rows] for name in PER_OBSERVATION}
    return replace(one, **columns)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Any window: late, ahead, empty, of unknown antennas, with rows that stand there twice."""
    second = draw(st.integers(0, 40) | st.sampled_from([300, 4_000]))
    keys = draw(st.lists(st.sampled_from([*ANTENNAS, ("ghost", 1)]), unique=True, max_size=8))
    reads = []
    if keys:
        row = st.tuples(st.integers(0, ITEMS - 1), st.integers(0, len(keys) - 1), st.floats(-90, -20))
        reads = draw(st.lists(row, max_size=12))
    one = window(second, reads, antennas=keys)
    said = [
        Inventory(index, draw(st.none() | st.integers(0, 3)), draw(st.none() | st.booleans()))
        for index in range(draw(st.integers(0, len(keys))))
    ]
    looks = draw(st.lists(st.sampled_from([0, 1, 250, 1_000]), min_size=len(keys), max_size=len(keys)))
    peak = draw(st.lists(st.integers(-9_000, -2_000), min_size=len(reads), max_size=len(reads)))
    late = draw(st.lists(st.integers(0, 999_999), min_size=len(reads), max_size=len(reads)))
    return replace(
        one,
        inventory_ms=np.array(looks, np.int32),
        settings=tuple(said),
        rssi_peak_cdbm=np.array(peak, np.int32),
        last_us=one.start_us + np.array(late, np.int64),
        first_us=np.full(len(reads), one.start_us, np.int64),
    )


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    kind = draw(st.sampled_from(list(EvidenceKind)))
    at_us = (START_S + draw(st.integers(0, 400))) * S
    zone = draw(st.sampled_from(["", "BACK", "FLOOR", "FIT", "POS", "NOWHERE", *(["OUT"] * (kind == "place"))]))
    if kind is EvidenceKind.SALE and draw(st.booleans()):
        sold = gtin(draw(st.integers(0, 4)))
        return Evidence(kind, at_us, gtin=sold, quantity=draw(st.integers(1, 4)))
    items = np.array(sorted(draw(st.sets(st.integers(0, ITEMS - 1), max_size=3))), np.int32)
    return Evidence(kind, at_us, items, zone=zone, coverage=draw(st.floats(0, 1)))


INPUTS = st.lists(
    windows() | windows() | windows() | evidence() | st.integers(0, 4_100) | st.sampled_from(OTHER_SITES), max_size=14
)


def give(made: Tracker, what: Window | Evidence | int) -> list[ZoneChange]:
    if isinstance(what, Window):
        return made.observe(what)
    if isinstance(what, Evidence):
        return made.witness(what)
    return made.tick((START_S + what) * S)


@settings(max_examples=30, deadline=None, phases=NO_SHRINK)
@given(INPUTS)
def test_any_input_leaves_probabilities_that_are_ones_and_changes_that_follow_on(inputs: list[Any]) -> None:
    made, places = tracker(ITEMS, skus=3), ["OUT"] * ITEMS
    for what in inputs:
        if isinstance(what, str):
            made = restore_tracker(site(what), made.snapshot())
            places = [place if place in made.zones else "OUT" for place in places]
            sane(made, ITEMS)
            continue
        changes = give(made, what)
        assert [change.item for change in changes] == sorted({change.item for change in changes})
        for change in changes:
            assert change.from_zone == places[change.item]
            assert change.to_zone in (*made.zones, "OUT")
            assert change.to_zone != change.from_zone
            assert change.probability is not None
            assert 0 <= change.probability <= 1
            places[change.item] = change.to_zone
        sane(made, ITEMS)


@settings(max_examples=25, deadline=None, phases=NO_SHRINK)
@given(INPUTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_window_changes_nothing(inputs: list[Any], chance: Any) -> None:
    made, mixed = tracker(ITEMS, skus=3), tracker(ITEMS, skus=3)
    for what in inputs:
        if isinstance(what, str):
            continue
        other = what
        if isinstance(what, Window):
            order = list(range(len(what.item)))
            chance.shuffle(order)
            other = shuffled(what, order)
        assert give(made, what) == give(mixed, other)
    assert made.snapshot() == mixed.snapshot()


def test_of_a_row_that_stands_twice_with_other_peaks_the_order_means_nothing() -> None:
    made, mixed = tracker(1), tracker(1)
    one = replace(window(0, [(0, 6, -50.0)] * 2), rssi_peak_cdbm=np.array([-4_000, -6_000], np.int32))
    made.observe(one)
    mixed.observe(shuffled(one, [1, 0]))
    assert made.snapshot() == mixed.snapshot()


@settings(max_examples=25, deadline=None, phases=NO_SHRINK)
@given(INPUTS, st.integers(0, 14))
def test_a_snapshot_at_any_moment_is_the_whole_state(inputs: list[Any], at: int) -> None:
    made = tracker(ITEMS, skus=3)
    inputs = [what for what in inputs if not isinstance(what, str)]
    for what in inputs[:at]:
        give(made, what)
    again = restore_tracker(site(), made.snapshot())
    assert again.snapshot() == made.snapshot()
    for what in inputs[at:]:
        assert give(again, what) == give(made, what)
    items = np.arange(ITEMS, dtype=np.int32)
    assert (again.probabilities(items) == made.probabilities(items)).all()
    assert again.blind_zones() == made.blind_zones()
    assert again.snapshot() == made.snapshot()


def busy_shop() -> Shop:
    """Items that are still, carried, sold, counted and gone, and a sale that waits for its item."""
    shop = Shop(6, skus=4)
    shop.live(100, {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "POS", 4: "RACK"})
    shop.hear(EvidenceKind.SALE, 3)
    shop.hear(EvidenceKind.SALE, gtin=gtin(1), quantity=2)
    shop.hear(EvidenceKind.RECEIPT, 5)
    shop.hear(EvidenceKind.COUNT, 0, zone="BACK", coverage=0.9)
    shop.live(6, {0: "FLOOR", 1: "DOOR", 2: "FIT", 4: "RACK"})
    return shop


def test_a_snapshot_holds_watched_items_waiting_sales_and_evidence() -> None:
    shop = busy_shop()
    before = shop.tracker.snapshot()
    again = restore_tracker(site(), before)
    assert again.snapshot() == before
    followed = []
    for second in range(shop.second, shop.second + 90):
        one = window(second, sounds({0: "FLOOR", 2: "FLOOR", 4: "RACK"}, second))
        told = shop.tracker.observe(one)
        assert again.observe(one) == told
        shop.tracker.tick(one.end_us)
        again.tick(one.end_us)
        followed += told
    assert {1, 2, 3} <= {change.item for change in followed}
    assert again.snapshot() == shop.tracker.snapshot()


def test_the_same_log_gives_the_same_bytes() -> None:
    assert busy_shop().tracker.snapshot() == busy_shop().tracker.snapshot()


def test_asking_changes_nothing() -> None:
    shop = busy_shop()
    before = shop.tracker.snapshot()
    sane(shop.tracker, 6)
    shop.tracker.blind_zones()
    assert shop.tracker.snapshot() == before


@pytest.mark.parametrize("cut", [0, 1, 10, 500, -1])
def test_half_a_snapshot_is_no_snapshot(cut: int) -> None:
    with pytest.raises(SnapshotError):
        restore_tracker(site(), busy_shop().tracker.snapshot()[:cut])


@settings(max_examples=30, deadline=None, phases=NO_SHRINK)
@given(st.binary(max_size=60))
def test_bytes_of_anything_are_a_snapshot_error(data: bytes) -> None:
    if len(data) > 1 and data[0] == 0x97 and data[1] < 0x80:  # the simple tracker's: an engine that met nobody
        return
    with pytest.raises(SnapshotError):
        restore_tracker(site(), data)


def test_rows_of_items_stay_small() -> None:
    made: Any = tracker(1)
    assert made.state.row_bytes() <= 3_000


def test_a_window_has_no_column_that_the_shuffle_forgets() -> None:
    here = {field.name for field in fields(Window)}
    assert here == {*PER_OBSERVATION, "start_us", "end_us", "antennas", "inventory_ms", "settings"}
