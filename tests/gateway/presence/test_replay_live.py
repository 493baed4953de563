"""A reads file of a run says the same as the run: what was looked at is inferred, and nearly right."""

import pytest

from bench._presence_case import simulated, site_of
from bench._presence_run import run_case
from gateway.presence import make_tracker

SITE, LEVEL, SEED, HOURS, ITEMS = "main-street", "realistic", 11, 0.22, 70


def test_replay_is_within_a_hundredth_of_the_live_path() -> None:
    """Live: the edge tells how long each antenna looked. Replay: a file of reads, and nothing else."""
    site = site_of(SITE)
    case = simulated(SITE, LEVEL, SEED, HOURS, items=ITEMS)
    live, replayed = (run_case(site, case, make_tracker, by_replay=by) for by in (False, True))
    assert live.observations == replayed.observations
    assert len(live.changes.item) > ITEMS
    for name in ("cell_exact", "item_zone"):
        told, inferred = getattr(live.figures, name), getattr(replayed.figures, name)
        assert 0.8 < told < 1.0
        assert inferred == pytest.approx(told, abs=0.01)
