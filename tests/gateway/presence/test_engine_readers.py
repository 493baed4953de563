"""Readers that die and come back, reads that come late or twice, sessions that silence tags, and the way out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.presence import ZoneChange
from gateway.presence.tracker import Inventory
from tests.gateway.presence.engine_rig import (
    ANTENNAS,
    EXIT_1,
    READERS,
    START_S,
    S,
    Shop,
    caused,
    sane,
    settled_shop,
    sounds,
    told,
    window,
)

PLACES = {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "POS", 4: "BACK", 5: "FLOOR"}
ITEMS = len(PLACES)
UNTIL_BLIND = 0.15
"""What a probability may move in the twenty seconds until a zone counts as one at which nobody looks."""
SILENT = tuple(Inventory(antenna, 2, True) for antenna in range(len(ANTENNAS)))


def settled() -> Shop:
    return settled_shop(240, PLACES, ITEMS)


def without(*items: int) -> dict[int, str]:
    return {item: place for item, place in PLACES.items() if item not in items}


# -- dead readers


@pytest.mark.parametrize(("reader", "blind"), [("R1", {"BACK"}), ("R2", {"FLOOR", "FIT", "POS"}), ("R3", set())])
def test_a_dead_reader_changes_no_count_by_itself(reader: str, blind: set[str]) -> None:
    shop = settled()
    before = sane(shop.tracker, ITEMS)
    assert shop.live(400, PLACES, dead=READERS[reader]) == []
    assert shop.tracker.blind_zones() == blind
    came_back_sure(shop, before, blind)


def test_an_hour_in_which_all_readers_are_dead_changes_nothing() -> None:
    shop = settled()
    before = sane(shop.tracker, ITEMS)
    for _ in range(240):  # a window a quarter of a minute: an hour is an hour
        shop.second += 14
        assert shop.live(1, PLACES, dead=range(len(ANTENNAS))) == []
    blind = {"BACK", "FLOOR", "FIT", "POS"}
    assert shop.tracker.blind_zones() == blind
    came_back_sure(shop, before, blind)


def came_back_sure(shop: Shop, before: NDArray[np.float32], blind: set[str]) -> None:
    """Items of blind zones kept their chances, and two minutes after all readers are back all are as sure as before."""
    dark = [item for item, zone in enumerate(shop.zones) if zone in blind]
    assert np.abs(sane(shop.tracker, ITEMS) - before)[dark].max(initial=0) < UNTIL_BLIND
    assert shop.live(120, PLACES) == []
    assert shop.tracker.blind_zones() == set()
    sure = sane(shop.tracker, ITEMS)
    for item, zone in enumerate(shop.zones):
        assert sure[item, shop.tracker.zones.index(zone)] > 0.7


def test_what_moved_while_its_reader_was_dead_is_found_when_it_is_back() -> None:
    shop = settled()
    shop.live(600, PLACES | {4: "AWAY"}, dead=READERS["R1"])
    shop.live(150, PLACES | {4: "FLOOR"})
    assert shop.zones == ["BACK", "FLOOR", "FIT", "POS", "FLOOR", "FLOOR"]


def test_a_reader_that_sends_nothing_at_all_is_as_dead_as_one_that_says_so() -> None:
    shop = settled()
    alive = ANTENNAS[2:]
    for second in range(240, 300):
        heard = [(item, antenna - 2, rssi) for item, antenna, rssi in sounds(PLACES, second) if antenna >= 2]
        assert shop.observe(window(second, heard, antennas=alive)) == []
        shop.take(shop.tracker.tick((START_S + second + 1) * S))
    assert shop.tracker.blind_zones() == {"BACK"}


def test_an_hour_without_any_window_moves_nothing() -> None:
    shop = settled()
    before = sane(shop.tracker, ITEMS)
    assert shop.tracker.tick((START_S + 3_840) * S) == []
    assert shop.tracker.blind_zones() == {"BACK", "FLOOR", "FIT", "POS"}
    assert np.abs(sane(shop.tracker, ITEMS) - before).max() < 1e-6
    shop.second = 3_840
    assert shop.live(200, PLACES) == []
    assert shop.tracker.blind_zones() == set()


def test_a_clock_that_runs_backwards_moves_nothing() -> None:
    shop = settled()
    assert shop.tracker.tick((START_S - 3_600) * S) == []
    for second in range(100, 160):
        assert shop.observe(window(second, sounds(PLACES, second))) == []
    assert shop.live(120, PLACES) == []
    sane(shop.tracker, ITEMS)


def test_a_clock_that_was_an_hour_ahead_hides_no_blind_zone() -> None:
    shop = settled()
    shop.take(shop.tracker.tick((START_S + 3_840) * S))
    shop.live(1, PLACES)  # logged before the mend of the clock
    shop.tracker.tick((START_S + 3_840) * S)
    shop.observe(window(3_840, sounds(PLACES, 3_840)))
    shop.tracker.tick((START_S + 241) * S)
    shop.tracker.tick((START_S + 270) * S)
    assert shop.tracker.blind_zones() == {"BACK", "FLOOR", "FIT", "POS"}


# -- late and twice


def test_old_reads_move_nothing_back() -> None:
    shop = settled()
    shop.live(150, PLACES | {4: "FLOOR"})
    assert shop.zones[4] == "FLOOR"
    before = sane(shop.tracker, ITEMS)
    for second in range(60, 240):  # a backlog of minutes in which it was in the back room
        assert shop.observe(window(second, sounds(PLACES, second))) == []
    assert np.abs(sane(shop.tracker, ITEMS) - before).max() < 0.02
    assert shop.live(60, PLACES | {4: "FLOOR"}) == []


def test_looks_that_come_late_are_no_misses_and_make_no_zone_live() -> None:
    shop = settled()
    shop.live(1_200, without(0, 4), dead=READERS["R1"])
    before = sane(shop.tracker, ITEMS)
    for second in range(240, 800):  # the dead reader's backlog: it looked, and heard nobody
        assert shop.observe(window(second, antennas=ANTENNAS[:2])) == []
    assert shop.tracker.blind_zones() == {"BACK"}
    assert np.abs(sane(shop.tracker, ITEMS) - before).max() < 0.01


def test_every_window_twice_changes_no_place() -> None:
    ways = [PLACES, PLACES | {4: "FLOOR", 1: "POS"}, PLACES | {1: "DOOR", 4: "FLOOR"}, without(1) | {4: "FLOOR"}]
    once, twice = Shop(ITEMS), Shop(ITEMS)
    for places, seconds in zip(ways, (240, 150, 8, 150), strict=True):
        for second in range(once.second, once.second + seconds):
            one = window(second, sounds(places, second))
            for shop in (once, twice):
                shop.observe(one)
                shop.take(shop.tracker.tick(one.end_us))
            twice.observe(one)
        once.second += seconds
    assert once.zones == ["BACK", "OUT", "FIT", "POS", "FLOOR", "FLOOR"]
    assert twice.zones == once.zones
    assert len(twice.changes) == len(once.changes)


def test_every_row_twice_changes_nothing() -> None:
    once, twice = Shop(ITEMS), Shop(ITEMS)
    for second in range(150):
        reads = sounds(PLACES, second)
        assert once.observe(window(second, reads)) == twice.observe(window(second, [*reads, *reads]))
    assert once.tracker.snapshot() == twice.tracker.snapshot()


# -- antennas that are not ours


def test_foreign_antennas_are_ignored() -> None:
    shop, alone = settled(), settled()
    keys = (*ANTENNAS, ("ghost", 1))
    for second in range(240, 300):
        heard = sounds(PLACES, second)
        other = [(item, len(ANTENNAS), -30.0) for item in range(ITEMS)]
        assert (
            shop.observe(window(second, [*heard, *other], antennas=keys)) == alone.observe(window(second, heard)) == []
        )
    assert shop.tracker.snapshot() == alone.tracker.snapshot()


def test_windows_without_antennas_or_reads_move_nothing() -> None:
    shop = settled()
    for second in range(240, 300):
        assert shop.observe(window(second, antennas=())) == []
        assert shop.observe(window(second, [(0, 0, -30.0)], antennas=(("ghost", 1),))) == []
    assert shop.live(60, PLACES) == []


# -- sessions


def test_a_silence_in_session_2_is_no_miss_and_lets_nothing_leave() -> None:
    shop = settled()
    shop.live(1, PLACES, settings=SILENT)
    shop.live(2, without(1) | {1: "DOOR"})
    before = sane(shop.tracker, ITEMS)
    assert [change for change in shop.live(500, {}) if change.to_zone == "OUT"] == []
    settled_items = [0, 4, 5]
    assert np.abs(sane(shop.tracker, ITEMS) - before)[settled_items].max() < 0.01


def test_a_dual_target_or_session_0_is_no_silence() -> None:
    for how in (Inventory(EXIT_1, 2, False), Inventory(EXIT_1, 0, True), Inventory(EXIT_1, None, None)):
        shop = settled()
        shop.live(1, PLACES, settings=(how,))
        shop.live(8, PLACES | {1: "DOOR"})
        assert caused(shop.live(150, without(1))) == [(1, "OUT", "left")], how


# -- leaving


def walk_out(shop: Shop, item: int) -> list[ZoneChange]:
    return shop.live(8, PLACES | {item: "DOOR"}) + shop.live(240, without(item))


def test_who_walks_out_through_the_portal_leaves_once() -> None:
    shop = settled()
    changes = walk_out(shop, 1)
    assert caused(changes) == [(1, "OUT", "left")]
    assert shop.chance(1, "OUT") > 0.5
    gone = changes[0]
    assert (START_S + 240) * S <= gone.happened_us <= (START_S + 249) * S < gone.decided_us
    assert shop.live(400, without(1)) == []


def test_who_is_read_again_has_returned() -> None:
    shop = settled()
    walk_out(shop, 1)
    changes = shop.live(120, PLACES)
    assert caused(changes) == [(1, "FLOOR", "returned")]
    assert shop.chance(1, "FLOOR") > 0.7
    assert caused(walk_out(shop, 1)) == [(1, "OUT", "left")]


def test_a_duplicate_of_the_last_window_brings_nobody_back() -> None:
    shop = settled()
    shop.live(8, PLACES | {1: "DOOR"})
    last = window(247, [(1, EXIT_1, -47.0)])
    shop.live(150, without(1))
    assert shop.zones[1] == "OUT"
    assert shop.observe(last) == []
    assert shop.live(100, without(1)) == []


def test_who_turns_round_at_the_door_stays() -> None:
    shop = settled()
    shop.live(8, PLACES | {1: "DOOR"})
    assert [change for change in shop.live(300, PLACES) if change.to_zone == "OUT"] == []


def test_who_was_heard_inside_since_the_door_has_not_left_by_it() -> None:
    shop = settled()
    shop.live(8, PLACES | {1: "DOOR"})
    shop.live(30, PLACES)
    assert [change for change in shop.live(90, without(1)) if change.to_zone == "OUT"] == []


def test_a_rack_beside_the_portal_is_not_leaving() -> None:
    shop = Shop(ITEMS)
    rack = PLACES | {5: "RACK"}
    shop.live(600, rack)
    assert shop.zones[5] == "FLOOR"
    assert shop.live(600, without(5)) == []  # somebody hung a coat over it


@pytest.mark.parametrize("item", [0, 1, 4])
def test_silence_alone_lets_nothing_leave(item: int) -> None:
    shop = settled()
    assert shop.live(700, without(item)) == []


def test_a_weak_read_at_the_portal_is_no_way_out() -> None:
    shop = settled()
    for second in range(240, 248):
        shop.observe(window(second, [(1, EXIT_1, -76.0), *sounds(without(1), second)]))
    shop.second = 248
    assert told(shop.live(100, without(1))) == []  # after minutes it may have been carried off, shielded


def test_the_portal_must_look_to_see_anybody_leave() -> None:
    shop = settled()
    shop.live(8, PLACES | {1: "DOOR"})
    dead = (*READERS["R3"], *READERS["R2"])
    assert shop.live(600, without(1), dead=dead) == []
