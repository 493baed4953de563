"""Simulated stores: still goods do not flicker, goods are found, and the laws hold where radio is as it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.presence import Tracker, Window, ZoneChange, restore_tracker
from tests.gateway.presence.engine_rig import Case, case, run, sane

WARM_S = 240
"""Minutes in which an engine that knew nothing finds the goods."""

STILL = (("boutique", "realistic", 11), ("boutique", "hostile", 13))


def still_case(name: str, level: str, seed: int) -> Case:
    return case(name, level, seed, 840, 60, still=True)


def lively() -> Case:
    return case("boutique", "realistic", 21, 140, 60, haste=3.0)


def places(zones: list[str], changes: list[ZoneChange]) -> list[str]:
    for change in changes:
        zones[change.item] = change.to_zone
    return zones


@pytest.mark.parametrize(("name", "level", "seed"), STILL)
def test_still_goods_do_not_flicker(name: str, level: str, seed: int) -> None:
    """Ten minutes in which nobody carries 60 items: 600 item minutes.

    Over six seeds of either level there were 0 to 2 movements, 0.4 in the mean: twice the worst seed is allowed. A
    tracker that takes the strongest antenna of each second makes hundreds.
    """
    store = still_case(name, level, seed)
    made = store.tracker()
    found = places(["OUT"] * store.items, run(made, store.windows[:WARM_S]))
    later = [change for change in run(made, store.windows[WARM_S:]) if change.item in store.still]
    assert len(store.still) > 40
    assert [change for change in later if change.to_zone == "OUT"] == []
    assert len(later) <= 4, later
    truth = [store.zones[number] for number in store.truth[-1]]
    shown = places(found, later)
    wrong = [item for item in store.still if shown[item] != truth[item]]
    assert len(wrong) <= 0.1 * len(store.still)
    sane(made, store.items)


def test_goods_that_are_carried_are_found() -> None:
    store = lively()
    made = store.tracker()
    shown = places(["OUT"] * store.items, run(made, store.windows))
    truth = [store.zones[number] for number in store.truth[-1]]
    assert len(store.still) < store.items
    assert sum(a == b for a, b in zip(shown, truth, strict=True)) >= 0.85 * store.items


def test_rows_of_a_window_in_any_order() -> None:
    store = lively()
    rng = np.random.default_rng(5)
    made, mixed = store.tracker(), store.tracker()
    for one in store.windows:
        assert made.observe(one) == mixed.observe(shuffled(one, rng))
    assert made.snapshot() == mixed.snapshot()


def shuffled(one: Window, rng: np.random.Generator) -> Window:
    order = rng.permutation(len(one.item))
    columns: dict[str, Any] = {
        name: getattr(one, name)[order]
        for name in ("item", "antenna", "count", "rssi_peak_cdbm", "rssi_mean_cdbm", "first_us", "last_us")
    }
    return replace(one, **columns)


def test_from_a_snapshot_of_any_minute_all_goes_on_the_same() -> None:
    store = lively()
    made = store.tracker()
    again: dict[int, Tracker] = {}
    for second, one in enumerate(store.windows):
        if second in {47, 101}:
            again[second] = restore_tracker(store.site, made.snapshot())
        told = made.observe(one)
        made.tick(one.end_us)
        for other in again.values():
            assert other.observe(one) == told
            other.tick(one.end_us)
    assert len(again) == 2
    for other in again.values():
        assert other.snapshot() == made.snapshot()
