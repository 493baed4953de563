"""The sight model: what it says is what was measured, and what the real engine says of the same hours."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bench.chain.agenda import Agenda
from simulator.chain.demand import DAY_MIN
from simulator.chain.parameters import QUICK
from simulator.chain.sight import FRESH_S, LEVELS, Sight, SightFigures, known_figures, quantile
from simulator.chain.sighted import imagined, measured
from simulator.chain.watch import BACK, FLOOR_0, FLOOR_1, GONE, STEP_S, Watch

HOURS = 6
ROWS = HOURS * 3_600 // STEP_S
ITEMS = 400
ROOT = Path(__file__).parents[2]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
SCRIPT = """
import json
from dataclasses import asdict
from bench.chain.agreement import agreement
from bench.chain.read_day import read_day
from simulator.chain.sight import known_figures
print(json.dumps([asdict(one) for one in agreement(read_day(901, 0.34), known_figures(), 1)]))
"""


def carried(figures: SightFigures) -> Watch:
    """Six hours of pieces that are brought from the back room to the floor, as the model sees them."""
    true = np.full((ROWS, ITEMS), BACK, np.int8)
    for item in range(ITEMS):
        true[item % (ROWS // 2) + 10 :, item] = FLOOR_0 if item % 2 else FLOOR_1
    nothing = np.zeros((ROWS, ITEMS), np.float32)
    sku, sold = np.arange(ITEMS) // 3, np.zeros(ITEMS, bool)
    return imagined(Watch(true, true, nothing, nothing, sku, sold), figures, seed=4)


def test_what_is_measured_on_the_model_is_what_it_was_given() -> None:
    figures = known_figures("hostile")
    given, found = figures.places["floor"], measured([carried(figures)]).places["floor"]
    assert found.ways["back"].moves == ITEMS
    assert found.ways["back"].seen == pytest.approx(given.ways["back"].seen, abs=0.03)
    middle, late = LEVELS.index(0.5), LEVELS.index(0.9)
    assert found.ways["back"].delay_s[middle] == pytest.approx(given.ways["back"].delay_s[middle], abs=STEP_S)
    assert found.ways["back"].delay_s[late] == pytest.approx(given.ways["back"].delay_s[late], abs=4 * STEP_S)
    assert found.slip_h == pytest.approx(given.slip_h, rel=0.3)


def test_a_blinder_model_measures_worse() -> None:
    """The measure can tell: half of the moves unseen is found to be half of the moves unseen."""
    figures = known_figures("realistic")
    floor = figures.places["floor"]
    blinder = replace(floor, ways={name: replace(way, seen=0.5) for name, way in floor.ways.items()})
    found = measured([carried(replace(figures, places=figures.places | {"floor": blinder}))])
    assert 0.4 < found.places["floor"].ways["back"].seen < 0.6


def test_the_model_says_what_the_engine_says_of_a_store_that_it_was_not_measured_on() -> None:
    """Twenty minutes of real reads through the real engine; the report does it with six hours."""
    # A process of its own, with one thread: NumPy's pool fights for the cores with the other tests.
    command = [sys.executable, "-c", SCRIPT]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, capture_output=True, check=True)
    engine, model = json.loads(told.stdout)
    assert model["right"] == pytest.approx(engine["right"], abs=0.03)
    assert model["sku_exact"] == pytest.approx(engine["sku_exact"], abs=0.03)
    assert model["kept"] == pytest.approx(engine["kept"], abs=0.02)
    assert model["promised"] == pytest.approx(engine["promised"], abs=0.04)
    assert engine["right"] > 0.9
    assert engine["promised"] > 0.9


def test_beliefs_are_repeatable_and_probabilities() -> None:
    figures = known_figures()
    one, two = (Sight(figures, Random(8)) for _ in range(2))
    beliefs = [one.opening(FLOOR_0)[0] for _ in range(500)]
    assert beliefs == [two.opening(FLOOR_0)[0] for _ in range(500)]
    assert all(0 <= belief.place <= 1 and 0 <= belief.sellable <= 1 for belief in beliefs)
    wrong = sum(belief.kind != FLOOR_0 for belief in beliefs) / len(beliefs)
    assert wrong == pytest.approx(1 - figures.places["floor"].right, abs=0.015)


def test_what_was_stolen_unseen_stays_and_is_trusted_less() -> None:
    figures = known_figures("hostile")
    left = []
    for seed in range(300):
        sight = Sight(figures, Random(seed))
        belief, step = sight.belief(FLOOR_0, FLOOR_0, fresh=False), sight.moved(FLOOR_0, GONE, FLOOR_0)
        if step.kind == GONE:
            continue
        belief, after = sight.after_move(step, GONE, belief.kind)
        assert belief.kind == FLOOR_0
        assert after is not None
        assert after.delay_s == FRESH_S
        belief, end = sight.after(after, GONE, belief.kind)
        assert end is None
        left.append(belief.sellable)
    assert len(left) > 100
    assert np.median(left) < 0.5, "most ghosts are not promised to anybody"


def test_a_level_that_was_not_measured_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="sight_dreamy"):
        known_figures("dreamy")
    with pytest.raises(ValueError, match="no watch"):
        measured([])


def test_quantiles_are_interpolated() -> None:
    values = tuple(float(number) for number in range(len(LEVELS)))
    assert quantile(values, 0.0) == 0.0
    assert quantile(values, 1.0) == len(LEVELS) - 1
    assert quantile(values, 0.375) == pytest.approx((LEVELS.index(0.25) + LEVELS.index(0.5)) / 2)


def test_only_open_hours_pass_for_slow_things() -> None:
    agenda, told = Agenda(QUICK), list[str]()
    assert agenda.opening() == 10 * 60
    assert agenda.open_after(30) == 10 * 60 + 30
    assert agenda.open_after(10 * 60 + 5) == DAY_MIN + 10 * 60 + 5
    agenda.at(19.5 * 60, lambda: told.append(f"{agenda.open_after(60):.0f}"))
    agenda.at(19.5 * 60, lambda: told.append("second"))
    agenda.at(21 * 60, lambda: told.append(f"{agenda.opening():.0f}"))
    agenda.at(30 * 60, lambda: told.append("too late"))
    agenda.run(29 * 60)
    assert told == [f"{DAY_MIN + 10.5 * 60:.0f}", "second", f"{DAY_MIN + 10 * 60:.0f}"]
