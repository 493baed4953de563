import random
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.figures import MEANINGS, Figures, score
from lastunit.scoring.timeline import Changes, Timeline, changes_of_grid
from tests.lastunit.scoring.reference import OUT, Reference, Row, grid_of

ZONES = ("BACK", "FLOOR_A", "FLOOR_B", "FIT")
FLOOR = np.array([False, True, True, False])


def changes(rows: list[Row]) -> Changes:
    number = {name: k for k, name in enumerate((*ZONES, OUT))}
    return Changes(
        np.array([item for _, item, _ in rows], np.int64),
        np.array([t for t, _, _ in rows], np.float64),
        np.array([number[zone] for _, _, zone in rows], np.int64),
    )


def scored(estimate: list[Row], truth: list[Row], sku: list[int], seconds: int) -> Figures:
    size = (len(sku), seconds, len(ZONES))
    return score(Timeline(changes(estimate), *size), Timeline(changes(truth), *size), np.array(sku, np.int64), FLOOR)


def a_case(seed: int) -> tuple[list[Row], list[Row], list[int], int]:
    """A short case full of trouble: bursts, rows out of order and out of time, doubles, echoes of the truth."""
    rng = random.Random(seed)
    seconds, items = rng.randrange(601, 1_300), rng.randrange(1, 13)
    sku = [min(rng.randrange(3), item) for item in range(items)]
    sku = [sorted(set(sku)).index(each) for each in sku]

    def rows(count: int) -> list[Row]:
        return [
            (
                rng.choice((rng.randrange(seconds), round(rng.uniform(-20, seconds + 20), 1))),
                rng.randrange(items),
                rng.choice((*ZONES, OUT)),
            )
            for _ in range(count)
        ]

    truth = [(0, item, rng.choice(ZONES)) for item in range(items)] + rows(3 * items)
    echo = [(t + rng.choice((0, 3, 30, 119, 120, 121)), item, zone) for t, item, zone in truth if rng.random() < 0.8]
    estimate = echo + rows(3 * items)
    rng.shuffle(estimate)
    return estimate, truth, sku, seconds


@pytest.mark.parametrize("seed", range(25))
def test_the_figures_are_those_of_the_definitions(seed: int) -> None:
    estimate, truth, sku, seconds = a_case(seed)
    slow = Reference(
        grid_of(estimate, len(sku), seconds), grid_of(truth, len(sku), seconds), sku, {"FLOOR_A", "FLOOR_B"}
    ).figures()
    assert asdict(scored(estimate, truth, sku, seconds)) == pytest.approx(slow, abs=1e-12)


def test_the_cases_above_reach_every_figure() -> None:
    """Else the comparison could be one of zeros."""
    found = [asdict(scored(*a_case(seed))) for seed in range(25)]
    for name in MEANINGS:
        assert len({figures[name] for figures in found} - {None, 0.0, 1.0}) > 1, name


def test_one_move_by_hand() -> None:
    truth: list[Row] = [(0, 0, "BACK"), (700, 0, "FLOOR_A")]
    figures = scored([(0, 0, "BACK"), (729.5, 0, "FLOOR_A")], truth, [0], 900)
    assert (figures.recall, figures.precision, figures.delay_med) == (1.0, 1.0, 30.0)
    assert figures.cell_exact == pytest.approx((30 - 3) / (30 + 3))  # seconds 700, 710, 720: two wrong cells each
    assert figures.cell_mae == pytest.approx(6 / 33)
    assert figures.item_zone == pytest.approx(27 / 30)
    assert figures.sku_exact == 1.0
    assert figures.phantom == 0.0
    assert figures.false_oos == pytest.approx(3 / 20)


@pytest.mark.parametrize(("delay", "recall", "precision"), [(119, 1.0, 1.0), (120, 0.0, 0.0)])
def test_two_minutes_are_the_limit(delay: int, recall: float, precision: float) -> None:
    truth: list[Row] = [(0, 0, "BACK"), (650, 0, "FLOOR_A")]
    figures = scored([(0, 0, "BACK"), (650 + delay, 0, "FLOOR_A")], truth, [0], 900)
    assert (figures.recall, figures.precision) == (recall, precision)


@pytest.mark.parametrize(("early", "precision"), [(5, 1.0), (6, 0.0)])
def test_an_estimate_may_be_a_little_early(early: int, precision: float) -> None:
    truth: list[Row] = [(0, 0, "BACK"), (700, 0, "FLOOR_A")]
    assert scored([(0, 0, "BACK"), (700 - early, 0, "FLOOR_A")], truth, [0], 900).precision == precision


def test_a_stay_of_less_than_twenty_seconds_need_not_be_found() -> None:
    short: list[Row] = [(0, 0, "BACK"), (650, 0, "FIT"), (669, 0, "BACK")]
    still: list[Row] = [(0, 0, "BACK")]
    assert scored(still, short, [0], 900).recall == 1.0  # the way back is found, FIT was too short
    assert scored(still, [*short[:2], (670, 0, "BACK")], [0], 900).recall == 0.5


def test_a_stay_is_found_while_it_lasts() -> None:
    truth: list[Row] = [(0, 0, "BACK"), (650, 0, "FIT"), (680, 0, "BACK")]
    estimate: list[Row] = [(0, 0, "BACK"), (679, 0, "FIT"), (690, 0, "BACK")]
    assert scored(estimate, truth, [0], 900).recall == 1.0
    assert scored([estimate[0], (680, 0, "FIT"), estimate[2]], truth, [0], 900).recall == 0.5


def test_departures() -> None:
    truth: list[Row] = [(0, 0, "FLOOR_A"), (0, 1, "FLOOR_A"), (0, 2, "FLOOR_A"), (700, 0, OUT), (700, 1, OUT)]
    estimate: list[Row] = [(0, 0, "FLOOR_A"), (0, 1, "FLOOR_A"), (0, 2, "FLOOR_A"), (710, 0, OUT), (800, 2, OUT)]
    figures = scored(estimate, truth, [0, 0, 0], 1_200)
    assert figures.missed_exit == 0.5
    assert figures.false_left_12h == pytest.approx(72.0)  # one in 600 s


def test_nothing_measured_is_told_apart_from_zero() -> None:
    figures = scored([(0, 0, "BACK")], [(0, 0, "BACK")], [0], 900)
    assert figures.delay_med is None
    assert figures.delay_p90 is None


@pytest.mark.parametrize(("rows", "seconds", "said"), [([(0, 0, "BACK")], 600, "600 s long"), ([], 900, "nothing to")])
def test_a_case_without_anything_to_score_says_so(rows: list[Row], seconds: int, said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        scored(rows, rows, [0], seconds)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_grid_and_its_changes_are_the_same(seed: int) -> None:
    _, truth, sku, seconds = a_case(seed)
    number = {name: k for k, name in enumerate((*ZONES, OUT))}
    grid = np.array([[number[zone] for zone in row] for row in grid_of(truth, len(sku), seconds)], np.int8)
    read_off = changes_of_grid(grid, len(ZONES))
    line = Timeline(read_off, len(sku), seconds, len(ZONES))
    given_rows = Timeline(changes(truth), len(sku), seconds, len(ZONES))
    for name in ("item", "second", "zone"):
        assert getattr(line, name).tolist() == getattr(given_rows, name).tolist(), name
    item, second = (each.ravel() for each in np.meshgrid(np.arange(len(sku)), np.arange(seconds)))
    assert (line.at(item, second) == grid[second, item]).all()
