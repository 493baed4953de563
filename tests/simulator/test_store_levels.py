"""Physical sanity: stray reads, read rates and signal strengths by level, and the size that it bears."""

import numpy as np
import pytest

from simulator.case import CaseFigures, Tally
from simulator.sites import demo_sites, read_demo_site
from simulator.store import Store
from tests.simulator.simulated_sites import flagship, plain_site
from wire.site import Site

SECONDS = 600


def figures(site: Site, level: str, seed: int, items: int | None = None, seconds: int = SECONDS) -> CaseFigures:
    store = Store(site, level, seed, items=items)
    tally = Tally(store)
    for t_s in range(seconds):
        tally.second(store.step(t_s))
    return tally.done()


@pytest.mark.parametrize(
    ("level", "stray", "per_minute", "never"),
    [
        ("easy", (0.01, 0.03), (12, 25), (0.0, 0.005)),
        ("realistic", (0.02, 0.07), (7, 12), (0.0, 0.03)),
        ("hostile", (0.08, 0.17), (4, 6.5), (0.01, 0.08)),
    ],
)
def test_levels_are_as_hard_as_they_say(
    level: str, stray: tuple[float, float], per_minute: tuple[float, float], never: tuple[float, float]
) -> None:
    runs = [figures(read_demo_site("main-street"), level, seed) for seed in (21, 22, 23)]
    assert stray[0] < np.mean([run.stray_share for run in runs]) < stray[1]
    assert per_minute[0] < np.mean([run.reads_per_tag_min for run in runs]) < per_minute[1]
    assert never[0] <= np.mean([run.never_read_share for run in runs]) < never[1]
    assert -63 < np.mean([run.rssi_mean_dbm for run in runs]) < -55
    assert 5.7 < np.mean([run.rssi_sd_db for run in runs]) < 9


@pytest.mark.parametrize("name", [*demo_sites(), "bare", "positions", "two_levels"])
def test_harder_levels_give_more_stray_and_fewer_reads(name: str) -> None:
    site = read_demo_site(name) if name in demo_sites() else plain_site(name)
    easy, realistic, hostile = (figures(site, level, 31) for level in ("easy", "realistic", "hostile"))
    assert easy.stray_share < realistic.stray_share < hostile.stray_share
    assert easy.reads_per_tag_min > realistic.reads_per_tag_min > hostile.reads_per_tag_min
    assert easy.foreign_reads == 0 < hostile.foreign_reads


def test_a_concrete_floor_keeps_levels_apart() -> None:
    store = Store(plain_site("two_levels"), "easy", 1)
    zone = np.array([store.zones.index(antenna.zone) for antenna in store.antennas])
    upstairs = [store.zones.index(name) for name in ("BACK", "UPSTAIRS")]
    wrong = total = 0
    for t_s in range(100):
        reads = store.step(t_s)
        truth = store.truth()[reads.item[reads.item < store.items]]
        looks = zone[reads.antenna[reads.item < store.items]]
        wrong += int((np.isin(truth, upstairs) != np.isin(looks, upstairs)).sum())
        total += len(truth)
    assert total > 3_000
    assert wrong / total < 0.01


def test_twenty_thousand_items_and_thirty_readers_run() -> None:
    site = flagship(30)
    assert len(site.devices) == 30
    run = figures(site, "realistic", 1, items=20_000, seconds=60)
    assert run.items == 20_000
    assert 5 < run.reads_per_tag_min < 15
    assert run.stray_share < 0.2
    assert run.rssi_mean_dbm < -50


def test_default_stock_follows_the_floor_area() -> None:
    assert 700 < Store(read_demo_site("main-street"), "easy", 1).items < 1_000
    assert 900 < Store(read_demo_site("outlet"), "easy", 1).items < 1_200
    assert Store(plain_site("one_zone"), "easy", 1).items >= 40
