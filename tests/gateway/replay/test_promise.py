from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import promise
from gateway.promise import TOLERANCE, largest_promised, largest_promised_by_group

CHANCE = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 0.95, 0.05]), st.floats(0, 1))
TARGET = st.one_of(st.sampled_from([0.5, 0.95, 1.0]), st.floats(0.01, 1))


def by_counting(chances: list[float], target: float) -> int:
    """The definition: all 2^n ways in which the items can be there or not."""
    most = 0
    for q in range(1, len(chances) + 1):
        sure = sum(
            prod(p if there else 1 - p for p, there in zip(chances, way, strict=True))
            for way in product((False, True), repeat=len(chances))
            if sum(way) >= q
        )
        if sure >= target - TOLERANCE:
            most = q
    return most


@given(st.lists(CHANCE, max_size=8), TARGET)
def test_it_is_what_counting_all_ways_gives(chances: list[float], target: float) -> None:
    near = {target - TOLERANCE + offset for offset in (-1e-9, 1e-9)}
    wanted = {by_counting(chances, max(1e-9, edge + TOLERANCE)) for edge in near}
    assert largest_promised(np.array(chances), target) in wanted


@given(st.lists(st.tuples(st.integers(0, 4), CHANCE, CHANCE), max_size=30), TARGET)
def test_many_skus_and_places_at_once_are_the_same_as_one_by_one(
    items: list[tuple[int, float, float]], target: float
) -> None:
    group = np.array([item[0] for item in items], np.int64)
    chances = np.array([item[1:] for item in items]).reshape(-1, 2)
    found = largest_promised_by_group(chances, group, 6, target)
    assert found.shape == (6, 2)
    for sku in range(6):
        for place in range(2):
            assert found[sku, place] == largest_promised(chances[group == sku, place], target)


@given(st.lists(CHANCE, min_size=1, max_size=40), TARGET)
def test_a_better_item_a_further_item_or_a_lower_target_never_promises_less(
    chances: list[float], target: float
) -> None:
    base = largest_promised(np.array(chances), target)
    assert largest_promised(np.array([min(1.0, chances[0] + 0.1), *chances[1:]]), target) >= base
    assert largest_promised(np.array([*chances, 0.3]), target) >= base
    assert largest_promised(np.array(chances), target * 0.9) >= base
    assert largest_promised(np.array(chances[::-1]), target) == base


def test_known_values() -> None:
    assert largest_promised(np.array([]), 0.95) == 0
    assert largest_promised(np.array([0.95], np.float32), 0.95) == 1
    assert largest_promised(np.array([0.94]), 0.95) == 0
    assert largest_promised(np.array([0.9, 0.9]), 0.95) == 1
    assert largest_promised(np.array([0.7] * 3), 0.95) == 1
    assert largest_promised(np.ones(500), 1.0) == 500


def test_a_large_sku_is_counted_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "PROMISED_MAX", 5)
    rng = np.random.default_rng(1)
    for number in range(1, 12):
        chances = rng.random(number)
        for target in (0.3, 0.9):
            assert largest_promised(chances, target) == min(5, by_counting(chances.tolist(), target))


def test_groups_that_do_not_fit_in_one_go_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    group = rng.integers(0, 50, 400)
    chances = rng.random((400, 3))
    whole = largest_promised_by_group(chances, group, 50, 0.9)
    monkeypatch.setattr(promise, "_VALUES_MAX", 60)
    assert (largest_promised_by_group(chances, group, 50, 0.9) == whole).all()


@pytest.mark.parametrize("target", [0.0, -1.0, 1.01, float("nan")])
def test_a_target_is_a_probability(target: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        largest_promised(np.array([1.0]), target)
