"""Tags that one antenna reads again and again: what its session and target make of the silence of the others."""

from collections.abc import Sequence

import pytest

from gateway.presence.tracker import Inventory
from tests.gateway.presence.engine_rig import ANTENNAS, BACK_1, FLOOR_1, SITE_TEXT, Shop, told, window
from tests.gateway.presence.test_engine_sites import NAMES_ONLY
from tests.gateway.small_store import BACK, FLOOR, SITE_FILE

Target = tuple[int | None, bool | None]
"""Session, and whether the target is single; None: not known."""

ZONE = {FLOOR_1: "FLOOR", BACK_1: "BACK"}
FEW = tuple(("R1", port) for port in (1, 2, 3, 4))
"""One antenna for each zone, and an exit."""

SOON_S = 10
"""What a sudden and lasting change may take."""

AFTER_S = 200
"""The quick part speaks for two minutes: what is told after them is what stays."""


def carried(
    text: str,
    said: Target,
    lay_s: int,
    way: tuple[int, int],
    antennas: Sequence[tuple[str, int]] = ANTENNAS,
    *,
    every_s: int = 1,
    soon_s: int = SOON_S,
) -> tuple[list[tuple[int, str, str]], ...]:
    """Return what is told soon after an item went from one antenna to another (`way`), and in the minutes after.

    In every so many seconds the one antenna that is near reads it, at one level; no other ever does.
    """
    settings = tuple(Inventory(antenna, *said) for antenna in range(len(antennas))) if said != (None, None) else ()
    shop = Shop(1, text)

    def live(seconds: int, antenna: int) -> list[tuple[int, str, str]]:
        changes = []
        for second in range(shop.second, shop.second + seconds):
            now = settings if second == 0 else ()
            reads = [(0, antenna, -50.0)] if second % every_s == 0 else []
            changes += shop.observe(window(second, reads, antennas=antennas, settings=now))
            shop.second = second + 1
            changes += shop.take(shop.tracker.tick(shop.now_us))
        return told(changes)

    live(lay_s, way[0])
    return live(soon_s, way[1]), live(AFTER_S, way[1])


@pytest.mark.parametrize("way", [(FLOOR_1, BACK_1), (BACK_1, FLOOR_1)], ids=["to stock", "to floor"])
@pytest.mark.parametrize("lay_s", [120, 300])
@pytest.mark.parametrize("text", [SITE_TEXT, NAMES_ONLY], ids=["plan", "names"])
def test_in_session_0_an_item_moves_at_once_and_for_good(text: str, lay_s: int, way: tuple[int, int]) -> None:
    soon, later = carried(text, (0, None), lay_s, way)
    assert soon == [(0, ZONE[way[0]], ZONE[way[1]])]
    assert later == []


@pytest.mark.parametrize("said", [(None, None), (1, None), (1, True), (1, False), (2, False)], ids=str)
def test_in_other_sessions_an_item_that_never_pauses_moves_too(said: Target) -> None:
    soon, later = carried(NAMES_ONLY, said, 120, (FLOOR_1, BACK_1))
    assert soon == [(0, "FLOOR", "BACK")]
    assert later == []


def test_in_other_sessions_an_item_that_moved_stays_moved() -> None:
    soon, later = carried(SITE_FILE, (None, None), 60, (BACK, FLOOR), FEW)
    assert (soon, later) == ([(0, "BACK", "FLOOR")], [])


@pytest.mark.parametrize("every_s", [2, 3, 4])
@pytest.mark.parametrize("lay_s", [120, 240])
def test_an_item_that_answers_every_few_seconds_moves_too(every_s: int, lay_s: int) -> None:
    soon, later = carried(SITE_FILE, (1, True), lay_s, (FLOOR, BACK), FEW, every_s=every_s, soon_s=2 * SOON_S)
    assert (soon, later) == ([(0, "FLOOR", "BACK")], [])


@pytest.mark.parametrize("edges", [("R1", "R2"), ("R2", "R1")], ids=" first, ".join)
@pytest.mark.parametrize("every_s", [1, 3])
def test_it_is_the_same_whose_window_comes_first(every_s: int, edges: tuple[str, str]) -> None:
    shop = Shop(1, NAMES_ONLY)
    changes = []
    for second in range(330):
        device, port = ANTENNAS[BACK_1 if second < 120 else FLOOR_1]
        for edge in edges:
            own = tuple(key for key in ANTENNAS if key[0] == edge)
            reads = [(0, own.index((device, port)), -50.0)] if edge == device and second % every_s == 0 else []
            changes += [(second, *change) for change in told(shop.observe(window(second, reads, antennas=own)))]
        shop.second = second + 1
        shop.take(shop.tracker.tick(shop.now_us))
    (_, _, first), (second, was, now) = ((at, a, b) for at, _, a, b in changes)
    assert (first, was, now) == ("BACK", "BACK", "FLOOR")
    assert 120 <= second < 120 + SOON_S


def test_an_item_that_is_carried_in_the_second_of_forgetting_moves_at_once() -> None:
    assert carried(SITE_FILE, (None, None), 60, (BACK, FLOOR), FEW)[0] == [(0, "BACK", "FLOOR")]
