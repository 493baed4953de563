"""A reads file of a run says the same as the run: what was looked at is inferred, and nearly right."""

import numpy as np
import pytest

from bench._presence_case import simulated, site_of
from bench._presence_run import run_case
from gateway.presence import make_tracker

SITE, LEVEL, SEEDS, HOURS, ITEMS = "main-street", "realistic", (11, 12), 0.22, 70


def test_replay_is_within_a_hundredth_of_the_live_path() -> None:
    """Live: the edge tells how long each antenna looked. Replay: a file of reads, and nothing else.

    The mean of two runs: in a store this small one garment alone is a hundredth of a run.
    """
    site = site_of(SITE)
    cells, places = [], []
    for seed in SEEDS:
        case = simulated(SITE, LEVEL, seed, HOURS, items=ITEMS)
        live, replayed = (run_case(site, case, make_tracker, by_replay=by) for by in (False, True))
        assert live.observations == replayed.observations
        assert len(live.changes.item) > ITEMS
        cells.append([run.figures.cell_exact for run in (live, replayed)])
        places.append([run.figures.item_zone for run in (live, replayed)])
    for figures in (cells, places):
        live_mean, replayed_mean = np.mean(figures, axis=0)
        assert 0.8 < live_mean < 1.0
        assert replayed_mean == pytest.approx(live_mean, abs=0.01)
