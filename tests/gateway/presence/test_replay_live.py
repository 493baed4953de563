"""A reads file of a run says the same as the run: what was looked at is inferred, and nearly right."""

import numpy as np
import pytest

from bench._presence_case import Case, simulated, site_of
from bench._presence_run import run_case
from gateway.presence import make_tracker

SITE, LEVEL, HOURS, ITEMS = "boutique", "realistic", 0.3, 100


@pytest.fixture(scope="module")
def case() -> Case:
    return simulated(SITE, LEVEL, 12, HOURS, items=ITEMS)


def test_replay_is_within_a_hundredth_of_the_live_path(case: Case) -> None:
    """Live: the edge tells how long each antenna looked. Replay: a file of reads, and nothing else."""
    site = site_of(SITE)
    live, replayed = (run_case(site, case, make_tracker, by_replay=by) for by in (False, True))
    assert len(live.changes.item) > ITEMS
    assert live.observations == replayed.observations
    assert replayed.figures.cell_exact == pytest.approx(live.figures.cell_exact, abs=0.01)
    assert replayed.figures.item_zone == pytest.approx(live.figures.item_zone, abs=0.01)
