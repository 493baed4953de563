"""How long tags are silent in session 1, by level: drawn for each read, or each tag's own, or not at all."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from simulator.levels import LEVELS, REALISTIC
from simulator.sites import read_demo_site
from simulator.store import Store

SECONDS = 120


def gaps_of(level: str) -> dict[int, list[int]]:
    """Seconds between the reads of each tag by antennas in session 1."""
    store = Store(read_demo_site("boutique"), level, 31, items=120)
    for device in store.site.devices:
        looking = store.looking(device.id)
        assert looking is not None
        store.set_looking(device.id, replace(looking, every_second=True))  # gaps by silence, not by whose turn it is
    exits = {number for number, antenna in enumerate(store.antennas) if antenna.kind.value == "exit"}
    read_s: dict[int, list[int]] = defaultdict(list)
    for second in range(SECONDS):
        reads = store.step(second)
        inside = ~np.isin(reads.antenna, list(exits))
        for tag in np.unique(reads.item[inside]).tolist():
            read_s[tag].append(second)
    return {tag: np.diff(times).tolist() for tag, times in read_s.items() if len(times) > SECONDS // 10}


@pytest.mark.parametrize(
    ("level", "least", "most"), [("realistic", 0, 0.15), ("steady", 0, 0.15), ("brief", 0.25, 1), ("dual", 0.25, 1)]
)
def test_only_brief_silences_and_dual_targets_let_tags_answer_each_second(
    level: str, least: float, most: float
) -> None:
    gaps = np.concatenate([np.array(tag) for tag in gaps_of(level).values()])
    assert len(gaps) > 1_000
    assert least <= (gaps == 1).mean() <= most


def test_only_steady_tags_have_silences_of_their_own() -> None:
    shortest = {level: np.array([min(gaps) for gaps in gaps_of(level).values()]) for level in ("realistic", "steady")}
    assert (shortest["realistic"] <= 2).mean() > 0.9  # of many draws one is short
    assert (shortest["steady"] >= 3).mean() > 0.3


def test_the_other_levels_are_realistic_but_for_silence() -> None:
    for name in ("steady", "brief", "dual"):
        level = LEVELS[name]
        assert level.name == name
        assert {
            field for field in REALISTIC.__dataclass_fields__ if getattr(level, field) != getattr(REALISTIC, field)
        } in ({"name", "own_silence_s"}, {"name", "dual_target"})
