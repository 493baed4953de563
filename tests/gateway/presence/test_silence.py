"""How long a tag is silent after a read: learned of its gaps, and what its looks are worth."""

from collections.abc import Iterable

import numpy as np
import pytest

from gateway.presence.air import Air
from gateway.presence.heard import Heard
from gateway.presence.item_state import item_columns
from gateway.presence.physics import NOMINAL
from gateway.presence.saved_engine import SavedEngine
from gateway.presence.silence import Silence
from tests.gateway.presence.engine_rig import S, settled_shop

START_US = 1_000_000 * S
INSIDE, AT_EXIT = 0, 1
QUIET_S = 5
LEARNED = 32
"""Short gaps in a row after which a tag is known to be silent for a second at most."""


class Tag:
    """One tag, read in windows of a second; `free` is what a look of the window after the last one counts."""

    def __init__(self) -> None:
        self.state = item_columns(1)
        self.state.grow(1)
        exits = np.array([False, True])
        self.air = Air(2, 1, np.zeros(2, np.int32), exits, NOMINAL)
        self.silence = Silence(self.state, self.air, NOMINAL)
        self.now_us = START_US

    def read(self, gaps_s: Iterable[int], antenna: int = INSIDE) -> None:
        """Read it again after each of these gaps."""
        for gap_s in gaps_s:
            self.now_us += gap_s * S
            last_us = np.array([self.now_us - S // 3])
            level = np.array([-50.0])
            self.silence.learn(Heard(np.array([0]), np.array([antenna]), level, level, last_us), self.now_us)
            if not self.air.loud[antenna]:
                self.state["muted_us"][:] = last_us

    def free(self, since_s: int) -> float:
        """What a look counts so many seconds after the newest read."""
        return float(self.silence.free(self.now_us + since_s * S)[0])

    def frees(self) -> list[float]:
        return [self.free(since_s) for since_s in range(1, QUIET_S + 1)]


AS_ANY = [0.0, 0.0, 0.0, 0.0, 1.0]


def test_of_a_new_tag_nothing_is_known() -> None:
    tag = Tag()
    assert tag.frees() == [1.0] * 5  # never read, so never silent
    tag.read([1])
    assert tag.frees() == AS_ANY
    assert tag.silence.usual().all()


@pytest.mark.parametrize(("gap_s", "frees"), [(1, [0.2, 0.2, 0.2, 0.2, 1]), (2, [0, 0.4, 0.4, 0.4, 1])])
def test_short_gaps_in_a_row_make_a_short_silence(gap_s: int, frees: list[float]) -> None:
    tag = Tag()
    tag.read([gap_s] * (LEARNED + 2))
    assert tag.frees() == frees
    assert not tag.silence.usual().any()


def test_a_few_are_not_enough() -> None:
    tag = Tag()
    tag.read([1] * 8)
    assert tag.frees() == AS_ANY


def test_a_longer_gap_is_its_silence_from_then_on() -> None:
    tag = Tag()
    tag.read([1] * (LEARNED + 2) + [4])
    assert tag.frees() == [0, 0, 0, 0.8, 1]
    tag.read([1] * LEARNED)
    assert tag.frees() == [0.2, 0.2, 0.2, 0.2, 1]


def test_silences_that_are_drawn_for_each_read_teach_next_to_nothing() -> None:
    tag, rng = Tag(), np.random.default_rng(3)
    worth = []
    for _ in range(2_000):
        tag.read([int(np.ceil(rng.uniform(0.5, 5.0)))])
        worth.append(tag.frees()[:3])
    assert np.mean(worth) < 0.01


def test_a_gap_longer_than_any_silence_says_nothing() -> None:
    tag = Tag()
    tag.read([1] * (LEARNED + 2) + [QUIET_S + 1, 60, 3_600])
    assert tag.frees() == [0.2, 0.2, 0.2, 0.2, 1]
    weak = Tag()
    weak.read([QUIET_S + 1] * 100)
    assert weak.frees() == AS_ANY


def test_session_0_at_exits_teaches_nothing() -> None:
    tag = Tag()
    tag.read([1] * 100, AT_EXIT)
    assert tag.silence.usual().all()
    tag.read([1])
    assert tag.frees() == AS_ANY


def test_a_dual_target_is_known_to_ask_again() -> None:
    tag = Tag()
    tag.air.set_inventory(INSIDE, 1, single_target=False)
    tag.read([4])
    assert tag.frees() == [0.2, 0.2, 0.2, 0.2, 1]
    tag.read([4])
    assert tag.frees() == [0.2, 0.2, 0.2, 0.2, 1]
    tag.air.set_inventory(INSIDE, 1, single_target=True)
    tag.read([4])
    assert tag.frees() == [0, 0, 0, 0.8, 1]


def test_in_the_second_of_a_read_a_tag_is_as_free_as_before_it() -> None:
    tag = Tag()
    tag.read([1] * (LEARNED + 2))
    assert tag.free(0) == 0.2
    tag.read([7])
    assert tag.free(0) == 1.0


def test_what_is_known_lasts_through_rest_and_snapshots() -> None:
    shop = settled_shop(1_080, {0: "BACK", 1: "FLOOR"}, 2)
    made = shop.tracker
    assert isinstance(made, SavedEngine)
    assert sorted(made.resting.state["item"].tolist())[-2:] == [0, 1]
    known = made.resting.state["own"].copy()
    assert (known <= 3 * 8).all()
    shop.live(1, {0: "FLOOR", 1: "BACK"})
    woken = {int(item): int(own) for item, own in zip(made.state["item"], made.state["own"], strict=True) if item >= 0}
    assert woken
    assert max(woken.values()) <= 3 * 8
