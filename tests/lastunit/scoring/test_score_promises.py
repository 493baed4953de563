import random

import numpy as np
import pytest

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.promises import Kept, PromiseFigures, check_promises
from lastunit.scoring.rows import Items, read_promises
from lastunit.scoring.timeline import Changes, Timeline
from lastunit.scoring.zones import ScoredZones, zones_of_truth
from tests.lastunit.scoring.reference import OUT, Row, grid_of

ZONES = ScoredZones(
    ("BACK", "FLOOR", "FIT"),
    {"BACK": 0, "FLOOR": 1, "FIT": 2, OUT: 3},
    np.array([False, True, False]),
    np.array([True, True, False]),
)
GTINS = [f"095060000100{k:02d}" for k in range(4)]


def checked(answers: list[str], truth: list[Row], gtins: list[str], seconds: int = 1_000) -> PromiseFigures:
    items = Items({}, np.zeros(len(gtins), np.int64), tuple(gtins))
    columns = (np.array(column) for column in zip(*((i, t, ZONES.number[zone]) for t, i, zone in truth), strict=True))
    item, t_s, zone = columns
    line = Timeline(Changes(item, t_s.astype(float), zone), len(gtins), seconds, ZONES.out)
    promises = read_promises(["t,gtin,zone,q,settled", *answers], "p.csv", ZONES)
    return check_promises(promises, line, items, ZONES)


def test_promises_by_hand() -> None:
    truth: list[Row] = [(0, 0, "BACK"), (0, 1, "FLOOR"), (0, 2, "FIT"), (0, 3, "BACK"), (700, 1, OUT)]
    a, b = GTINS[:2]
    answers = [
        f"650,{a},*,2,1",  # true: back and floor; the fitting room does not sell
        f"699.5,{a},*,2,0",  # false: held against second 700
        f"660,{a},FIT,1,1",
        f"660,{b},FLOOR,3,1",  # false
        f"660,{a},BACK,0,1",  # promises nothing
        f"599,{a},*,9,1",  # warm-up
        f"1000.5,{a},*,9,1",  # after the end
    ]
    figures = checked(answers, truth, [a, a, a, b])
    store, zone = figures.scopes
    assert (figures.out_of_time, figures.of_nothing) == (2, 1)
    assert store.all == Kept(2, 0.5)
    assert (store.by["2 settled"], store.by["2 moved"]) == (Kept(1, 1.0), Kept(1, 0.0))
    assert store.by["1"] == Kept(0, None)
    assert store.promised_share == pytest.approx((2 + 1) / (3 + 2))  # sellable at 650: three, at 700: two
    assert (zone.by["1"], zone.by["3+"], zone.by["settled"]) == (Kept(1, 1.0), Kept(1, 0.0), Kept(2, 0.5))
    assert zone.promised_share == pytest.approx(1 / 4)


@pytest.mark.parametrize("seed", range(10))
def test_promises_equal_the_slow_count(seed: int) -> None:
    rng = random.Random(seed)
    gtins = [rng.choice((*GTINS[:3], "")) for _ in range(12)]
    truth: list[Row] = [
        (rng.choice((0, rng.randrange(900))), rng.randrange(12), rng.choice(list(ZONES.number))) for _ in range(60)
    ]
    times = rng.sample(range(500, 1_000), 12)
    asked = [
        (t, gtin, zone, rng.randrange(5), rng.randrange(2))
        for t in times
        for gtin in GTINS
        for zone in ("*", "BACK", "FIT")
        if rng.random() < 0.7
    ]
    grid = grid_of(truth, 12, 1_000)

    def there(t: int, gtin: str, zone: str) -> int:
        wanted = {"BACK", "FLOOR"} if zone == "*" else {zone}
        return sum(1 for item, at in enumerate(grid[t]) if at in wanted and gtin in {gtins[item], "any"})

    figures = checked([",".join(map(str, row)) for row in asked], truth, gtins)
    for scope, mine in zip(figures.scopes, ({"*"}, {"BACK", "FIT"}), strict=True):
        rows = [row for row in asked if row[0] >= 600 and row[2] in mine]
        kept = [row for row in rows if row[3] > 0]
        for q, wanted in (("1", {1}), ("2", {2}), ("3+", {3, 4})):
            for state, settled in (("settled", 1), ("moved", 0)):
                true = [there(*row[:3]) >= row[3] for row in kept if row[3] in wanted and row[4] == settled]
                expected = Kept(len(true), sum(true) / len(true) if true else None)
                assert scope.by[f"{q} {state}"] == expected
        whole = sum(there(t, "any", zone) for t in {row[0] for row in rows} for zone in mine)
        assert scope.promised_share == pytest.approx(sum(min(row[3], there(*row[:3])) for row in kept) / whole)


def test_an_answer_that_stands_twice_is_refused() -> None:
    answer = f"650,{GTINS[0]},*,1,1"
    with pytest.raises(ScoreError, match=r"t 650, gtin 09506000010000, zone \* stands twice"):
        checked([answer, f"650,{GTINS[0]},BACK,1,1", answer], [(0, 0, "BACK")], GTINS[:1])


def test_promises_need_a_site_file() -> None:
    zones = zones_of_truth(["BACK"], [])
    line = Timeline(Changes(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)), 0, 900, 1)
    with pytest.raises(ScoreError, match="--site"):
        check_promises(
            read_promises(["t,gtin,zone,q,settled"], "p", zones), line, Items({}, np.zeros(0, np.int64), ()), zones
        )
