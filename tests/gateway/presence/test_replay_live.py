"""A reads file of a run says the same as the run: what was looked at is inferred, and nearly right."""

from collections import Counter
from typing import Any

import pytest

from bench._presence_case import simulated, site_of
from bench._presence_run import run_case
from gateway.presence import Tracker, Window, ZoneChange, make_tracker
from wire.site import Site

SITE, LEVEL, SEED, HOURS, ITEMS = "main-street", "realistic", 11, 0.22, 70


class Watched:
    """An engine, and how long each antenna looked by what it was told, seconds."""

    def __init__(self, site: Site) -> None:
        self.engine: Tracker = make_tracker(site)
        self.looked_s: Counter[tuple[str, int]] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def observe(self, window: Window) -> list[ZoneChange]:
        for antenna, ms in zip(window.antennas, window.inventory_ms.tolist(), strict=True):
            self.looked_s[antenna] += max(ms, 0) / 1_000
        return self.engine.observe(window)


def test_replay_is_within_a_hundredth_of_the_live_path() -> None:
    """Live: the edge tells how long each antenna looked. Replay: a file of reads, and nothing else."""
    site = site_of(SITE)
    case = simulated(SITE, LEVEL, SEED, HOURS, items=ITEMS)
    watched: list[Watched] = []

    def make(told: Site) -> Any:
        watched.append(Watched(told))
        return watched[-1]

    live, replayed = (run_case(site, case, make, by_replay=by) for by in (False, True))
    assert live.observations == replayed.observations
    assert len(live.changes.item) > ITEMS
    for name in ("cell_exact", "item_zone"):
        told, inferred = getattr(live.figures, name), getattr(replayed.figures, name)
        assert 0.8 < told < 1.0
        assert inferred == pytest.approx(told, abs=0.01)
    looked, guessed = (each.looked_s for each in watched)
    reads = Counter(case.antennas[number][0] for number in case.antenna.tolist())
    busy = [antenna for antenna in looked if reads[antenna[0]] > 500]  # of a reader that reads nothing nothing is known
    assert len(busy) > 10
    assert {antenna: guessed[antenna] for antenna in busy} == pytest.approx({a: looked[a] for a in busy}, rel=0.05)
