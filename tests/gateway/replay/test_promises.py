from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.replay import Antennas, Replay, Tags
from gateway.replay.instant import START_US, US
from gateway.replay.promises import Promised, Promises
from gateway.replay.reads import ReadsParser
from tests.gateway.replay.replayed import GTIN, OTHER_GTIN, epc, file_of, shop
from tests.gateway.replay.test_run import Diary, change

REFERENCE = "E28011700000020F"


class Guesses(Diary):
    """Says that every item is in the back room with .96, on the floor with .03, gone with .01."""

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.tile(np.array([0.96, 0.03, 0, 0.01], np.float32), (len(items), 1))


def promised(diary: Diary, seconds: int, target: float) -> list[Promised]:
    rows = [(0.0, "R1", 1, epc(serial), -50.0) for serial in (1, 2)]
    rows += [(0.0, "R1", 1, epc(1, OTHER_GTIN), -50.0), (0.0, "R1", 1, REFERENCE, -50.0)]
    rows += [(float(second), "R1", 1, epc(1), -50.0) for second in range(1, seconds, 30)]
    site = shop("[]")
    tags = Tags(site)
    run = Replay(site, diary, tags)
    asked = Promises(run, target)

    def told() -> Iterator[Promised]:
        for step in run.steps(ReadsParser(tags, Antennas(site)).parse([file_of(rows).encode()])):
            yield from asked.after(step)

    return list(told())


def test_each_minute_after_the_warm_up_each_sku_and_scope() -> None:
    found = promised(Guesses(), 782, 0.95)
    assert sorted({(row.at_us - START_US) // US for row in found}) == [600, 660, 720, 780]
    first = [(row.gtin, row.scope, row.q) for row in found if row.at_us == START_US + 600 * US]
    assert first == [
        (GTIN, "BACK", 1),
        (GTIN, "FLOOR", 0),
        (GTIN, "FIT", 0),
        (GTIN, "*", 2),
        (OTHER_GTIN, "BACK", 1),
        (OTHER_GTIN, "FLOOR", 0),
        (OTHER_GTIN, "FIT", 0),
        (OTHER_GTIN, "*", 1),
    ]


def test_the_target_is_kept() -> None:
    found = promised(Guesses(), 602, 0.99)
    assert {(row.gtin, row.scope): row.q for row in found}[GTIN, "BACK"] == 1
    assert {(row.gtin, row.scope): row.q for row in found}[OTHER_GTIN, "BACK"] == 0
    assert {(row.gtin, row.scope): row.q for row in found}[OTHER_GTIN, "*"] == 1


def test_a_sku_is_settled_when_none_of_its_items_moved_for_five_minutes() -> None:
    diary = Guesses()
    diary.says = {0: [change(2, "BACK", 1)], 419: [change(2, "FLOOR", 420)]}  # decided at 1 s and at 420 s
    found = promised(diary, 722, 0.95)
    moved = [row.gtin for row in found if not row.settled]
    assert len(set(moved)) == 1
    unsettled = {(row.at_us - START_US) // US for row in found if not row.settled}
    assert unsettled == {600, 660}
    assert {row.settled for row in found if row.gtin not in moved} == {True}
