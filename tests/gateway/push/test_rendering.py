"""A change as a channel sees it, and the thresholds that let fewer through."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.availability import Policy, encode_ladder, ladder_of, offer
from gateway.http.ports import ChangeRow
from gateway.push.rendering import Renderings, render, view_of
from gateway.push.thresholds import Crossings, ThresholdsError, checked, parse_thresholds
from tests.gateway.push.feed_rig import stock, zone


def row(seq: int, made: dict[str, Any]) -> ChangeRow:
    return ChangeRow(seq, made["site"], made["gtin"], made["body"], made["ladder"])


def seen(made: dict[str, Any], policy: Policy, **more: bool) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(render(row(1, made), view_of(policy, **more)).body)
    return found


@given(
    chances=st.lists(st.floats(0, 1), max_size=8),
    target=st.floats(0.5, 0.999),
    safety=st.integers(0, 5),
    status=st.sampled_from(["live", "stale", "unknown"]),
    when_blind=st.sampled_from(["keep", "zero", "cap"]),
)
def test_a_rendering_is_the_offer_of_its_policy(
    chances: list[float], target: float, safety: int, status: str, when_blind: str
) -> None:
    """What a stream says is what `GET /v1/availability` says of the same row."""
    ladder = ladder_of(chances)
    policy = Policy("web", target, safety, when_blind=when_blind)
    default = offer(ladder, Policy(), status)
    made = stock("1", status=status, atp=default.atp, confidence=default.confidence) | {"ladder": encode_ladder(ladder)}
    found = seen(made, policy)
    right = offer(ladder, policy, status)
    assert (found["atp"], found["confidence"]) == (right.atp, right.confidence)


def test_confidence_is_not_invented_where_no_tracker_says_one() -> None:
    unknown = stock("1", 1.0, 1.0, atp=2, confidence=None)
    assert (seen(unknown, Policy())["atp"], seen(unknown, Policy())["confidence"]) == (2, None)
    known = stock("1", 0.9, atp=0, confidence=None)
    assert seen(known, Policy(target=0.8))["confidence"] == 0.9


def test_moves_are_for_staff_and_serials_for_nobody() -> None:
    made = stock("1", 1.0)
    assert {"moves", "moves_left_out"}.isdisjoint(seen(made, Policy()))
    (move,) = seen(made, Policy(), moves=True)["moves"]
    assert move == {"from": "BACK", "to": "FLOOR", "cause": "moved"}


def test_a_change_from_before_the_ladders_keeps_its_figures_less_the_safety() -> None:
    made = stock("1", 1.0, 1.0, 1.0, confidence=0.97) | {"ladder": None}
    assert (seen(made, Policy())["atp"], seen(made, Policy())["confidence"]) == (3, 0.97)
    assert (seen(made, Policy(safety=2))["atp"], seen(made, Policy(safety=2))["confidence"]) == (1, None)
    assert seen(made, Policy(safety=5))["atp"] == 0


def test_a_zone_is_the_same_for_all() -> None:
    found = render(row(1, zone()), view_of(Policy(safety=3)))
    assert (found.kind, found.atp) == ("zone", None)
    assert msgspec.json.decode(found.body)["status"] == "blind"


def test_many_readers_of_one_channel_cost_one_rendering_and_memory_is_bounded() -> None:
    held = Renderings(most=10)
    changes = [row(seq, stock("1", *[1.0] * seq)) for seq in range(1, 9)]
    for _ in range(50):
        for change in changes:
            held.of(change, view_of(Policy("web", ttl_s=60)))  # what is not seen makes no difference
            held.of(change, view_of(Policy("pos")))
    assert held.made == len(changes)
    held.of(changes[0], view_of(Policy(safety=1)))
    assert held.made == len(changes) + 1
    for seq in range(100, 200):
        held.of(row(seq, stock("1")), view_of(Policy()))
    assert len(held) == 10


def crossings(thresholds: tuple[int, ...], *atps: int, most: int = 10) -> list[int]:
    found = Crossings(thresholds, most)
    return [atp for atp in atps if found.passes("s", "1", atp)]


def test_only_crossings_pass() -> None:
    assert crossings((0, 1, 5), 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 1, 1, 2, 9) == [9, 5, 1, 0, 1, 2, 9]
    assert crossings((), 3, 3, 3) == [3, 3, 3]
    assert crossings((0,), 3, 2, 1, 0, 5) == [3, 0, 5]


def test_each_sku_of_each_site_has_its_own_past_and_zones_always_pass() -> None:
    found = Crossings((0,))
    assert [found.passes(site, gtin, 1) for site in "ab" for gtin in "12"] == [True] * 4
    assert [found.passes(site, gtin, 2) for site in "ab" for gtin in "12"] == [False] * 4
    assert [found.passes("a", "", None) for _ in range(3)] == [True] * 3


def test_what_was_forgotten_passes_again_and_memory_is_bounded() -> None:
    found = Crossings((0,), most=3)
    assert all(found.passes("s", str(gtin), 1) for gtin in range(100))
    assert len(found) == 3
    assert not found.passes("s", "99", 2)
    assert found.passes("s", "0", 2)


@given(
    thresholds=st.lists(st.integers(0, 20), min_size=1, max_size=8),
    atps=st.lists(st.integers(0, 25), max_size=40),
)
def test_nothing_that_crosses_is_ever_held_back(thresholds: list[int], atps: list[int]) -> None:
    """After each event the subscriber knows on which side of each threshold the SKU is."""
    known: int | None = None
    found = Crossings(checked(thresholds))
    for atp in atps:
        if found.passes("s", "1", atp):
            known = atp
        assert known is not None
        assert all((known > number) == (atp > number) for number in thresholds)


@pytest.mark.parametrize("text", ["", ",", "1,", "-1", "1.5", "a", "1 2", "1001", "٣", "9" * 50, "1,2,3,4,5,6,7,8,9"])
def test_thresholds_that_cannot_be_used(text: str) -> None:
    with pytest.raises(ThresholdsError, match="expected 1 to 8"):
        parse_thresholds(text)


def test_thresholds_are_sorted_and_each_stands_once() -> None:
    assert parse_thresholds("5,0,1,1") == (0, 1, 5)
