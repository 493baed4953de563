"""Clones and double tags: what the reads and moves of tags give away, and what they do not."""

from collections.abc import Iterable

import pytest

from gateway.exceptions import clone, together
from gateway.exceptions.clone import Elsewhere, Jumps, travel_us
from gateway.exceptions.facts import ItemName, Move, Product, Sighting
from gateway.exceptions.limits import (
    ALTERNATIONS,
    ELSEWHERE_MIN_US,
    JUMP_US,
    JUMPS,
    TOGETHER_MOVES,
    TOGETHER_US,
    VISIT_US,
)
from gateway.exceptions.together import Pair, Together
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE
from wire.site import OUT

NOW_US = 1_795_000_000_000_000
MINUTE_US = 60_000_000
ITEM = ItemName(SHIRT_S, "1")
KNOWN = {SHIRT_S: Product(SHIRT_S, "Oxford", "navy", "S")}
FAR = {"B": travel_us(100.0)}


def at(site: str, minute: float) -> Sighting:
    return Sighting(site, "FLOOR", NOW_US + round(minute * MINUTE_US))


def test_how_fast_goods_travel() -> None:
    assert travel_us(100.0) == 40 * MINUTE_US
    assert travel_us(None) == travel_us(0.0) == ELSEWHERE_MIN_US


def test_two_reads_that_no_road_allows() -> None:
    here = Elsewhere("A")
    (alarm,) = here.look({ITEM: [at("A", 0), at("B", 39)]}, FAR, KNOWN)
    assert alarm.dedup == f"clone/{SHIRT_S}/1"
    assert alarm.text == "Oxford navy S, serial 1, is read here and at B: two tags with one number"
    assert (alarm.evidence["why"], alarm.evidence["sites"], alarm.zone) == ("faster_than_travel", ["A", "B"], "FLOOR")
    assert Elsewhere("A").look({ITEM: [at("A", 0), at("B", 40)]}, FAR, KNOWN) == [], "it may have been driven there"
    assert Elsewhere("A").look({ITEM: [at("A", 0)]}, FAR, KNOWN) == []
    third = {ITEM: [at("B", 0), at("C", 1)]}
    assert Elsewhere("A").look(third, {"B": FAR["B"], "C": FAR["B"]}, KNOWN) == [], "theirs to say, not ours"


def test_to_and_fro_between_stores_in_one_street() -> None:
    """Each look sees instants some minutes apart; several looks see what one does not."""
    here = Elsewhere("A")
    near = {"B": travel_us(0.1)}
    found = [here.look({ITEM: [at("A", 5 * look), at("B", 5 * look + 2.5)]}, near, KNOWN) for look in range(2)]
    assert found[0] == [], "one change of site: it was carried over"
    assert ALTERNATIONS == 3
    assert [alarm.evidence["why"] for alarm in found[1]] == ["to_and_fro"]
    assert here.look({}, near, KNOWN) == [], "no site but one has it any more"
    assert here.look({ITEM: [at("A", 60), at("B", 62.5)]}, near, KNOWN) == [], "and what was is forgotten"


def test_reads_that_stand_still_tell_nothing() -> None:
    """A checkpoint that is older than the last look says the same again."""
    here = Elsewhere("A")
    near = {"B": travel_us(0.1)}
    for _ in range(40):
        assert here.look({ITEM: [at("A", 0), at("B", 2.5)]}, near, KNOWN) == []
    assert len(here.look({ITEM: [at("A", 5), at("B", 7.5)]}, near, KNOWN)) == 1, "nor does it push out what did"


def moves(*legs: tuple[str, str, float], name: ItemName = ITEM, cause: str = "moved") -> list[Move]:
    return [
        Move(m, name, one, other, NOW_US + round(minute * MINUTE_US), cause)
        for m, (one, other, minute) in enumerate(legs, 1)
    ]


def to_and_fro(one: str, other: str, times: int) -> list[tuple[str, str, float]]:
    return [(one, other, n) if n % 2 == 0 else (other, one, n) for n in range(times)]


def test_jumps_between_zones_that_nothing_connects() -> None:
    jumps = Jumps("store-001")
    jumps.take(SITE, moves(*to_and_fro("BACK", "FIT", JUMPS - 1)))
    assert jumps.alarms(KNOWN, NOW_US) == []
    jumps.take(SITE, moves(("FIT", "BACK", JUMPS)))
    assert jumps.names() == [ITEM]
    (alarm,) = jumps.alarms(KNOWN, NOW_US)
    assert (alarm.evidence["zones"], alarm.evidence["moves"]) == (["BACK", "FIT"], JUMPS)
    assert jumps.alarms(KNOWN, NOW_US + JUMP_US) == [], "an hour ago"


@pytest.mark.parametrize(
    ("legs", "cause"),
    [
        (to_and_fro("FLOOR", "FIT", 20), "moved"),  # a door in between: a shopper, or a tag on the border
        (to_and_fro("FLOOR", OUT, 20), "moved"),
        (to_and_fro("BACK", "FIT", 20), "placed"),  # a person says so
        ([("BACK", "FIT", n) for n in range(0, 20 * JUMPS * 10, 60)], "moved"),  # seldom
        (to_and_fro("BACK", "GONE", 20), "moved"),  # a zone of an older site file
    ],
)
def test_what_is_no_jump(legs: list[tuple[str, str, float]], cause: str) -> None:
    jumps = Jumps("store-001")
    jumps.take(SITE, moves(*legs, cause=cause))
    newest_us = NOW_US + round(legs[-1][2] * MINUTE_US)
    assert jumps.alarms(KNOWN, newest_us) == []


def both(leg: tuple[str, str, float], *serials: str, gtin: str = SHIRT_S, apart_s: float = 20) -> list[Move]:
    one, other, minute = leg
    return [
        Move(0, ItemName(gtin, serial), one, other, NOW_US + round(minute * MINUTE_US + n * apart_s * 1e6), "moved")
        for n, serial in enumerate(serials)
    ]


DAY = [
    ("OUT", "BACK", 0),
    ("BACK", "FLOOR", 60),
    ("FLOOR", "FIT", 120),
    ("FIT", "FLOOR", 121),
    ("FLOOR", "FIT", 180),
    ("FIT", "FLOOR", 190),
]


def judged(pair: Together, legs: Iterable[tuple[str, str, float]], *serials: str) -> None:
    for leg in legs:
        pair.take(both(leg, *serials))
    pair.settle(NOW_US + 10**12)


def test_two_tags_of_one_piece() -> None:
    pair = Together("store-001")
    judged(pair, DAY, "2", "1")
    (alarm,) = pair.alarms(KNOWN)
    assert alarm.dedup == f"double_tag/{SHIRT_S}/1/2"
    assert alarm.text == "Oxford navy S: serials 1 and 2 always move together: one piece, two tags?"
    assert (alarm.evidence["moves"], alarm.evidence["visits"]) == (6, 4)
    assert alarm.evidence["places"] == ["BACK", "FIT", "FLOOR", "OUT"]
    assert not pair.parted(Pair(SHIRT_S, "1", "2"))
    pair.take(both(("FLOOR", "FIT", 300), "1"))
    pair.settle(NOW_US + 10**12)
    assert pair.alarms(KNOWN) == []
    assert pair.parted(Pair(SHIRT_S, "1", "2")), "one moved without the other"
    judged(pair, DAY, "1", "2")
    assert pair.alarms(KNOWN) == [], "once is enough"


def test_what_is_no_double_tag() -> None:
    assert TOGETHER_MOVES == 5
    few, still, stack, other = (Together("store-001") for _ in range(4))
    judged(few, DAY[:4], "1", "2")
    assert few.alarms(KNOWN) == []
    judged(still, to_and_fro("FLOOR", "FIT", 40), "1", "2")
    assert still.alarms(KNOWN) == [], "at one border of two zones two neighbours flicker together"
    border = Together("store-001")
    judged(border, [(one, other, 60 * hour) for one, other, hour in to_and_fro("FLOOR", "FIT", 40)], "1", "2")
    assert border.alarms(KNOWN) == [], "all day long, too"
    judged(stack, DAY, "1", "2", "3")
    assert stack.alarms(KNOWN) == []
    assert stack.parted(Pair(SHIRT_S, "1", "2")), "three are a stack, and no pair of it is one piece"
    for leg in DAY:
        other.take(both(leg, "1") + both(leg, "2", gtin=SHIRT_M))
    other.settle(NOW_US + 10**12)
    assert other.alarms(KNOWN) == [], "a shirt and its trousers"


def test_one_that_changes_its_partner_has_none() -> None:
    pair = Together("store-001")
    judged(pair, DAY, "1", "2")
    pair.take(both(("FLOOR", "FIT", 300), "1", "3"))
    pair.settle(NOW_US + 10**12)
    assert pair.alarms(KNOWN) == []


def test_a_move_that_is_decided_late_is_not_side_by_side() -> None:
    pair = Together("store-001")
    for leg in DAY:
        pair.take(both(leg, "1", "2", apart_s=TOGETHER_US / 1e6 + 1))
    pair.settle(NOW_US + 10**12)
    assert pair.alarms(KNOWN) == []


def test_visits_lie_half_an_hour_apart() -> None:
    legs = [("OUT", "BACK", 0), ("BACK", "FLOOR", 3), ("FLOOR", "FIT", 6), ("FIT", "FLOOR", 9), ("FLOOR", "OUT", 12)]
    pair = Together("store-001")
    judged(pair, legs, "1", "2")
    assert VISIT_US > 12 * MINUTE_US
    assert pair.alarms(KNOWN) == [], "one walk of one shopper"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clone, together):
        monkeypatch.setattr(module, "PAIRS_MAX", 3)
    pair, jumps, here = Together("s"), Jumps("s"), Elsewhere("A")
    for number in range(10):
        name = ItemName(SHIRT_S, f"{number}")
        jumps.take(SITE, moves(("BACK", "FIT", number), name=name))
        for leg in DAY[:2]:
            pair.take(both(leg, f"a{number}", f"b{number}"))
            pair.settle(NOW_US + 10**12)
    here.look({ItemName(SHIRT_S, f"{n}"): [at("A", 0), at("B", 50)] for n in range(10)}, FAR, KNOWN)
    assert (pair.forgotten, jumps.forgotten, here.forgotten) == (7, 7, 7)
