"""The figures of accuracy, against counting every case by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accuracy import figures
from gateway.accuracy.figures import (
    blind_share,
    count_agreement,
    expected_count_error,
    uncertain_items,
)

CHANCE = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 0.98, 0.9995, 1.0])


def chances_of(items: list[tuple[float, int]], zones: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Each item is in its zone with its chance; the rest lies half in the next zone, half out."""
    found = np.zeros((len(items), zones + 1))
    for row, (here, zone) in enumerate(items):
        found[row, (zone + 1) % zones] += (1 - here) / 2
        found[row, -1] += (1 - here) / 2
        found[row, zone] += here
    return found


def by_hand(chances: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", place: list[int], sku: list[int]) -> float:
    """Every way in which the items of a SKU can lie, weighed by its probability."""
    zones = chances.shape[1] - 1
    errors = []
    for number in sorted(set(sku)):
        rows = [row for row, of in enumerate(sku) if of == number]
        for zone in range(zones):
            published = sum(place[row] == zone for row in rows)
            if published == 0 and chances[rows, zone].sum() < 0.5:
                continue
            error = 0.0
            for ways in product((0, 1), repeat=len(rows)):
                weight = float(
                    np.prod(
                        [
                            chances[row, zone] if there else 1 - chances[row, zone]
                            for row, there in zip(rows, ways, strict=True)
                        ]
                    )
                )
                error += weight * abs(sum(ways) - published)
            errors.append(error)
    return sum(errors) / len(errors) if errors else 0.0


@given(
    st.lists(st.tuples(CHANCE, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=9),
    st.sampled_from([1, 300, 2_000_000]),
)
@settings(max_examples=60, deadline=None)
def test_the_expected_error_is_that_of_all_ways(items: list[tuple[float, int, int]], numbers: int) -> None:
    sku = np.unique([of for _, _, of in items], return_inverse=True)[1].astype(np.int64)
    place = [zone for _, zone, _ in items]
    chances = chances_of([(here, zone) for here, zone, _ in items], 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "NUMBERS_AT_ONCE", numbers)  # one SKU at once, a few, all
        found = expected_count_error(chances, np.array(place), sku)
    # an item as sure as CERTAIN counts as there: that much may be missing
    assert found == pytest.approx(by_hand(chances, place, sku.tolist()), abs=0.002)


def test_many_uncertain_items_of_one_sku_are_worked_out_nearly() -> None:
    n = 3 * figures.EXACT_MAX
    chances = np.tile([0.7, 0.3], (n, 1))
    place, sku = np.zeros(n, np.int64), np.zeros(n, np.int64)
    nearly = expected_count_error(chances, place, sku)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "EXACT_MAX", n)
        exactly = expected_count_error(chances, place, sku)
    assert exactly == pytest.approx(0.3 * n, rel=1e-6)
    assert nearly == pytest.approx(exactly, rel=1e-3)


def test_a_store_that_is_sure_of_itself_has_no_error() -> None:
    chances = chances_of([(1.0, 0), (1.0, 1), (1.0, 1)], 2)
    assert expected_count_error(chances, np.array([0, 1, 1]), np.array([0, 0, 1])) == 0.0
    wrong = np.array([1, 0, 0])
    assert expected_count_error(chances, wrong, np.array([0, 1, 2])) == 1.0


def test_shares_of_nothing_are_none() -> None:
    none = np.zeros(0)
    assert blind_share(none.astype(np.int64), np.array([True])) == 0.0
    assert uncertain_items(none) == 0.0
    assert expected_count_error(np.zeros((0, 3)), none.astype(np.int64), none.astype(np.int64)) == 0.0


def test_shares() -> None:
    assert blind_share(np.array([0, 0, 1, 2]), np.array([False, True, True])) == 0.5
    assert uncertain_items(np.array([0.89, 0.9, 1.0, 0.2])) == 0.5


@pytest.mark.parametrize(
    ("expected", "seen", "matched", "by_item", "by_cell"),
    [
        ([], [], 0, 1.0, 1.0),
        (["a", "a", "b"], ["a", "a", "b"], 3, 1.0, 1.0),
        (["a", "a", "b"], ["a", "b"], 2, 2 / 3, 1 / 2),
        (["a"], ["a"], 0, 0.0, 1.0),  # another item of the same SKU: the cell is right, the items are not
        (["a"], ["b"], 0, 0.0, 0.0),
    ],
)
def test_a_count_agrees_by_item_and_by_cell(
    expected: list[str], seen: list[str], matched: int, by_item: float, by_cell: float
) -> None:
    assert count_agreement(expected, seen, matched) == pytest.approx((by_item, by_cell))
