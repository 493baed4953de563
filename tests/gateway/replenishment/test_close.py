"""Whether the goods came: by the reads, and by a person's word only where reads cannot say."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.replenishment.close import By, CloseRules, Move, Outcome, Verdict, came_of, judge
from gateway.replenishment.limits import MOVES_MAX
from gateway.replenishment.places import Place, Role
from gateway.replenishment.task import RefillTask, TaskState
from tests.gateway.replenishment.small_shop import (
    BACK,
    DOCK,
    FIT,
    HOUR,
    MINUTE,
    NOW,
    PLACES,
    POS,
    STORE,
    A,
    B,
    blind,
    task,
)
from wire.site import OUT

RULES = CloseRules()
BEGAN = NOW - HOUR


def ways(*steps: tuple[str, str, str], at_us: int = NOW - 10 * MINUTE, chance: float | None = 0.9) -> list[Move]:
    return [Move(serial, old, new, m, at_us, chance) for m, (serial, old, new) in enumerate(steps)]


def done(quantity: int = 2, minutes: int = 6, **more: Any) -> RefillTask:
    return task(quantity, state=TaskState.DONE, done_us=NOW - minutes * MINUTE, **more)


def verdict(mine: RefillTask, moves: list[Move], places: dict[str, Place] = PLACES, now_us: int = NOW) -> Verdict:
    return judge(mine, moves, places, RULES, now_us)


BOTH = ways(("1", BACK, A), ("2", STORE, A))


@pytest.mark.parametrize("state", list(TaskState))
def test_goods_that_came_close_a_task_whoever_brought_them(state: TaskState) -> None:
    mine = task(state=state, done_us=NOW if state is TaskState.DONE else None)
    assert verdict(mine, BOTH) == Verdict(Outcome.CLOSE, 2, By.READS, "the reads show 2 of 2")
    assert verdict(mine, BOTH[:1]).outcome is Outcome.WAIT


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ([("1", BACK, A)], 1),
        ([("1", BACK, FIT), ("1", FIT, A)], 1),
        ([("1", BACK, FIT)], 0),
        ([("1", BACK, POS)], 0),
        ([("1", BACK, OUT)], 0),
        ([("1", A, B)], 0),
        ([("1", FIT, A)], 0),
        ([("1", DOCK, A)], 0),
        ([("1", DOCK, BACK), ("1", BACK, A)], 1),
        ([("1", A, BACK), ("1", BACK, A)], 1),
        ([("1", BACK, A), ("1", A, BACK)], 0),
        ([("1", BACK, A), ("1", A, BACK), ("1", BACK, B)], 1),
        ([("1", BACK, A), ("1", A, FIT), ("1", FIT, POS), ("1", POS, OUT)], 1),
        ([("1", BACK, A), ("2", BACK, A), ("1", A, BACK)], 1),
    ],
)
def test_what_counts_as_moved(steps: list[tuple[str, str, str]], count: int) -> None:
    assert len(came_of(task(), ways(*steps), PLACES, RULES.sure)) == count


def test_what_moved_before_the_task_began_is_not_its_doing() -> None:
    assert verdict(task(1), ways(("1", BACK, A), at_us=BEGAN - 1)).moved == 0
    assert verdict(task(1), ways(("1", BACK, A), at_us=BEGAN)).moved == 1


def test_a_move_that_nobody_is_sure_of_does_not_count() -> None:
    assert verdict(task(1), ways(("1", BACK, A), chance=0.59)).outcome is Outcome.WAIT
    assert verdict(task(1), ways(("1", BACK, A), chance=0.6)).outcome is Outcome.CLOSE
    assert verdict(task(1), ways(("1", BACK, A), chance=None)).outcome is Outcome.CLOSE, "the tracker says no chances"


def test_what_only_passes_by_does_not_count() -> None:
    passing = ways(("1", BACK, A), at_us=NOW)
    assert verdict(task(1), passing) == Verdict(Outcome.WAIT, 0, again_us=NOW + MINUTE // 2)
    assert verdict(task(1), passing, now_us=NOW + MINUTE // 2).outcome is Outcome.CLOSE
    gone_back = [*passing, Move("1", A, BACK, 9, NOW + 1, 0.9)]
    assert verdict(task(1), gone_back, now_us=NOW + MINUTE // 2).outcome is Outcome.WAIT


def test_the_reads_get_time_to_show_what_a_person_did() -> None:
    early = verdict(done(minutes=2), [])
    assert early == Verdict(Outcome.WAIT, 0, None, "the reads have time to show it", NOW + 3 * MINUTE)
    fresh = ways(("1", BACK, A), at_us=NOW)
    assert verdict(done(1, minutes=2), fresh).again_us == NOW + MINUTE // 2


def test_reads_that_show_none_open_it_again_and_at_last_a_person_has_to_look() -> None:
    first = verdict(done(), [])
    says = "a person said 2, the reads show none on the floor"
    assert first == Verdict(Outcome.REOPEN, 0, By.READS, says)
    second = verdict(done(reopened=1, word=1), [])
    assert second.outcome is Outcome.DISPUTE
    assert (
        second.says == "a person said 1, the reads show none on the floor, 2 times: look for tags that cannot be read"
    )


def test_some_of_it_closes_it_with_those() -> None:
    assert verdict(done(), BOTH[:1]) == Verdict(Outcome.CLOSE, 1, By.READS, "the reads show 1 of 2")


def test_a_floor_that_nobody_looks_at_asks_for_a_persons_word() -> None:
    assert verdict(task(), [], blind(A)) == Verdict(Outcome.ASK, 0, None, "nobody looks at FLOOR_A")
    said = verdict(done(word=1), [], blind(A))
    assert said == Verdict(Outcome.CLOSE, 1, By.WORD, "nobody looks at FLOOR_A")
    assert verdict(done(minutes=2), [], blind(A)).outcome is Outcome.WAIT, "it may come back"
    assert verdict(task(), BOTH, blind(A)).by is By.READS, "what was seen was seen"
    assert verdict(task(), [], {BACK: PLACES[BACK]}).outcome is Outcome.ASK, "the site has the zone no more"


def test_a_blind_back_room_asks_nobody() -> None:
    """What arrives on the floor is read there."""
    assert verdict(task(), [], blind(BACK, STORE)).outcome is Outcome.WAIT
    assert verdict(done(), [], blind(BACK)).outcome is Outcome.REOPEN


def test_a_zone_that_came_back_is_read_anew_but_not_for_ever() -> None:
    def live_since(minutes: int) -> dict[str, Place]:
        return PLACES | {A: replace(PLACES[A], since_us=NOW - minutes * MINUTE)}

    waits = verdict(done(), [], live_since(2))
    assert (waits.outcome, waits.again_us) == (Outcome.WAIT, NOW + 3 * MINUTE)
    assert verdict(done(), [], live_since(5)).outcome is Outcome.REOPEN
    assert verdict(done(minutes=29), [], live_since(0)).again_us == NOW + MINUTE
    assert verdict(done(minutes=30), [], live_since(0)).outcome is Outcome.REOPEN


def test_a_reader_that_fails_at_the_last_moment_makes_no_word_final() -> None:
    fails = blind(A) | {A: replace(PLACES[A], live=False, since_us=NOW - MINUTE)}
    assert verdict(done(), [], fails) == Verdict(
        Outcome.WAIT, 0, None, "the reads have time to show it", NOW + 4 * MINUTE
    )


def test_units_without_tags_close_by_a_persons_word() -> None:
    assert verdict(task(unread=1), []) == Verdict(Outcome.ASK, 0, None, "1 of 2 units have no tag")
    assert verdict(done(unread=2), []) == Verdict(
        Outcome.CLOSE, 2, By.WORD, "units without tags: a person's word counts"
    )
    assert verdict(done(unread=2, word=1), []).moved == 1
    assert verdict(done(3, unread=2), BOTH[:1]).moved == 3, "one was read, two were said"
    assert verdict(done(unread=1), []).outcome is Outcome.REOPEN, "the one with a tag did not come"
    assert verdict(task(unread=1), BOTH).by is By.READS


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match=f"task t-1: {MOVES_MAX + 1} movements"):
        verdict(task(), ways(*[("1", BACK, A)] * (MOVES_MAX + 1)))
    for change, says in [
        ({"sure": 2.0}, "sure 2.0: expected 0 to 1"),
        ({"reopen_max": -1}, "reopen_max -1: expected 0 or more"),
        ({"word_us": MINUTE}, f"word_us {MINUTE}: expected 0 or more, each at least the one before"),
    ]:
        with pytest.raises(ValueError, match=says):
            CloseRules(**change)  # type: ignore[arg-type]


# -- what holds for any movements


ZONES = [A, B, BACK, STORE, FIT, POS, DOCK, OUT]


@st.composite
def some_ways(draw: st.DrawFn) -> list[Move]:
    """Movements of a few items: each leaves from where it came to, one after the other."""
    place = {serial: draw(st.sampled_from(ZONES)) for serial in "123"}
    moves, now_us = [], BEGAN - 20 * MINUTE
    for m in range(draw(st.integers(0, 14))):
        serial = draw(st.sampled_from("123"))
        target = draw(st.sampled_from([zone for zone in ZONES if zone != place[serial]]))
        now_us += draw(st.integers(0, 12)) * MINUTE
        moves.append(Move(serial, place[serial], target, m, now_us, draw(st.sampled_from([None, 0.5, 0.6, 1.0]))))
        place[serial] = target
    return [move for move in moves if move.decided_us <= NOW]


def truly_moved(moves: list[Move]) -> int:
    """By the words of the rule: a sure arrival on the floor that stayed, since the item last lay in a back room."""
    count = 0
    for serial in "123":
        mine = [move for move in moves if move.serial == serial and move.decided_us >= BEGAN]
        last_back = max((n for n, move in enumerate(mine) if move.to_zone in {BACK, STORE}), default=-1)
        if last_back < 0 and (not mine or mine[0].from_zone not in {BACK, STORE}):
            continue
        arrived = [
            move
            for move in mine[last_back + 1 :]
            if PLACES.get(move.to_zone, PLACES[POS]).role is Role.FLOOR and (move.chance is None or move.chance >= 0.6)
        ]
        count += bool(arrived) and NOW - arrived[0].decided_us >= RULES.stay_us
    return count


@given(some_ways(), st.integers(1, 3), st.sampled_from(list(TaskState)))
@settings(max_examples=200, deadline=None)
def test_a_task_is_closed_by_the_reads_exactly_when_the_goods_moved(
    moves: list[Move], quantity: int, state: TaskState
) -> None:
    mine = task(quantity, state=state, done_us=NOW - 6 * MINUTE if state is TaskState.DONE else None)
    found, moved = verdict(mine, moves), truly_moved(moves)
    assert found.moved == moved
    if state is TaskState.DONE:
        assert found.outcome is (Outcome.CLOSE if moved else Outcome.REOPEN)
    else:
        assert found.outcome is (Outcome.CLOSE if moved >= quantity else Outcome.WAIT)
    assert found.by is (None if found.outcome is Outcome.WAIT else By.READS)


@given(some_ways(), st.integers(0, 999), st.sampled_from([0, 6, 40]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_movements_come_changes_nothing(
    moves: list[Move], seed: int, minutes: int, dark: bool
) -> None:
    mine = done(minutes=minutes) if minutes else task()
    places = blind(A) if dark else PLACES
    assert verdict(mine, moves, places) == verdict(mine, Random(seed).sample(moves, len(moves)), places)


@given(some_ways(), st.booleans(), st.integers(0, 2))
@settings(max_examples=100, deadline=None)
def test_whoever_says_done_gets_an_answer_within_the_bound(moves: list[Move], dark: bool, reopened: int) -> None:
    late = NOW + 31 * MINUTE
    flickering = PLACES | {A: replace(PLACES[A], live=not dark, since_us=late)}
    found = verdict(done(minutes=0, reopened=reopened), moves, flickering, late)
    assert found.outcome in {Outcome.CLOSE, Outcome.REOPEN, Outcome.DISPUTE}
    assert (found.by is By.WORD) is (dark and found.moved > 0 and truly_moved(moves) < 2)
