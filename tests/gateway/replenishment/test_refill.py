"""Which sizes are brought to the floor, which are not, and why."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.replenishment.limits import ROWS_MAX
from gateway.replenishment.places import Place, Role
from gateway.replenishment.refill import RefillRules
from gateway.replenishment.stock import Held, Refused, SkuRow, Unit, Untagged, for_orders
from gateway.replenishment.targets import Target
from gateway.replenishment.task import Decisions, NotNow, RefillTask, TaskState, Urgency, Wanted, WhyNot
from tests.gateway.replenishment.small_shop import (
    BACK,
    COAT,
    FIT,
    GTINS,
    HOUR,
    MINUTE,
    NOW,
    PLACES,
    RULES,
    SETTLED,
    SHIRT,
    STORE,
    A,
    B,
    applied,
    blind,
    decided,
    row,
    some_places,
    some_row,
    some_rows,
    some_tasks,
    some_units,
    task,
    units,
)

JUST = NOW - MINUTE


def why(one: SkuRow, places: dict[str, Place] = PLACES) -> WhyNot | None:
    found = decided([one], places=places)
    assert not found.opened
    return found.not_now[0].why if found.not_now else None


def one_of(found: Decisions) -> Wanted:
    (wanted,) = found.opened
    return wanted


def test_what_the_floor_lacks_and_the_back_room_has_is_brought_up_to_high() -> None:
    wanted = one_of(decided([row(units(A, 1), units(BACK, 5), low=2, high=4)]))
    assert (wanted.dedup, wanted.quantity, wanted.urgency) == (f"refill/{SHIRT}", 3, Urgency.LOW)
    assert (wanted.from_zones, wanted.to_zones, wanted.department) == ((BACK,), (A,), "women")
    assert len(wanted.serials) == 3
    assert wanted.due_us == NOW + 2 * HOUR
    assert wanted.reasons == (
        "1 on the floor, 2 to 4 belong there",
        "4 in the back room with probability 0.9 or more",
    )


def test_between_low_and_high_nothing_begins() -> None:
    assert decided([row(units(A, 2), units(BACK, 5), low=2, high=4)]) == Decisions()
    assert decided([row(units(BACK, 5), low=0, high=0)]) == Decisions(), "it does not belong on the floor"


def test_no_more_than_is_surely_there() -> None:
    assert one_of(decided([row(units(BACK, 2, 0.95), units(STORE, 2, 0.8), low=2, high=4)])).quantity == 3
    assert one_of(decided([row(units(BACK, 3, 0.8), low=2, high=4)])).quantity == 1, "one of three is there with 99 %"


def test_a_gap_in_a_core_size_is_the_most_urgent() -> None:
    def urgency(on_floor: int, *, core: bool) -> tuple[Urgency, int]:
        wanted = one_of(decided([row(units(A, on_floor), units(BACK, 5), low=2, high=3, core=core)]))
        return wanted.urgency, (wanted.due_us - NOW) // MINUTE

    assert urgency(0, core=True) == (Urgency.CORE_GAP, 15)
    assert urgency(0, core=False) == (Urgency.GAP, 30)
    assert urgency(1, core=True) == (Urgency.CORE_LOW, 60)
    assert urgency(1, core=False) == (Urgency.LOW, 120)


def test_the_last_unit_of_the_store_does_not_stay_in_the_back_room() -> None:
    wanted = one_of(decided([row(units(BACK, 1))]))
    assert (wanted.last, wanted.reasons[-1]) == (True, "the last unit of the store")
    assert not one_of(decided([row(units(BACK, 2))])).last
    assert not one_of(decided([row(units(BACK, 1), units(STORE, 1, held=Held.ORDER))])).last


@pytest.mark.parametrize(
    ("one", "reason", "says"),
    [
        (row(), WhyNot.EMPTY, "0 on the floor, 1 to 2 belong there; the back room has none"),
        (row(units(BACK, 1, 0.8)), WhyNot.UNSURE, "1 may be in the back room, none of them surely enough"),
        (row(units(BACK, 2, held=Held.ORDER)), WhyNot.HELD, "all 2 in the back room are somebody's"),
        (row(units(BACK, 2, held=Held.CART)), WhyNot.HELD, "all 2 in the back room are somebody's"),
        (row(units(BACK, 1), refused=Refused(JUST, frozenset({"BACK-0.97-free-0"}))), WhyNot.REFUSED, "found none"),
        (row(units(BACK, 1), untagged=Untagged(anywhere=1)), WhyNot.UNTAGGED, "1 units without tags may lie on the"),
    ],
)
def test_nobody_is_sent_for_nothing(one: SkuRow, reason: WhyNot, says: str) -> None:
    found = decided([one])
    assert (found.opened, [found.not_now[0].why]) == ((), [reason])
    assert says in found.not_now[0].says


def test_never_by_the_word_of_a_blind_zone() -> None:
    short = row(units(BACK, 3))
    found = decided([short], places=blind(A))
    assert found.opened == ()
    says = "0 on the floor, 1 to 2 belong there; nobody looks at FLOOR_A: it may lie there"
    assert found.not_now == (NotNow(SHIRT, WhyNot.BLIND_FLOOR, says),)
    assert why(short, blind(BACK)) is WhyNot.BLIND_BACK
    assert decided([short], places=blind(B)).opened, "another department's zone says nothing about it"
    assert decided([short], places=blind(STORE)).opened
    assert why(row(units(BACK, 3), homes=frozenset({A, B})), blind(B)) is WhyNot.BLIND_FLOOR
    assert why(row(units(BACK, 3), units(B, 1), low=2), blind(B)) is WhyNot.BLIND_FLOOR, "some of it lies there"


def test_a_zone_that_is_live_for_a_moment_is_not_believed_yet() -> None:
    just = PLACES | {A: replace(PLACES[A], since_us=NOW - MINUTE // 2)}
    found = decided([row(units(BACK, 3))], places=just)
    assert [one.why for one in found.not_now] == [WhyNot.BLIND_FLOOR]
    assert found.wake_us == NOW + MINUTE // 2
    assert decided([row(units(BACK, 3))], places=just, now_us=NOW + MINUTE // 2).opened


def test_a_site_without_a_floor_is_refilled_by_nobody() -> None:
    assert decided([row(units(BACK, 3))], places={BACK: PLACES[BACK]}) == Decisions()


def test_a_moment_is_no_shortage() -> None:
    short, full = row(units(BACK, 3)), row(units(A, 1), units(BACK, 2))
    first = decided([short], rules=SETTLED)
    assert (first.opened, first.not_now[0].why, first.wake_us) == ((), WhyNot.SETTLING, NOW + 2 * MINUTE)
    back_again = decided([full], rules=SETTLED, now_us=NOW + MINUTE, short_since_us=first.short_since_us)
    assert back_again.short_since_us == {}
    again = decided([short], rules=SETTLED, now_us=NOW + 2 * MINUTE, short_since_us=back_again.short_since_us)
    assert again.not_now[0].why is WhyNot.SETTLING, "it begins anew"
    stays = decided([short], rules=SETTLED, now_us=NOW + 2 * MINUTE, short_since_us=first.short_since_us)
    assert one_of(stays).quantity == 2
    assert stays.short_since_us == {}


def test_a_shopper_in_the_fitting_room_is_waited_for() -> None:
    trying = row(units(FIT, 1, since_us=NOW), units(BACK, 1))
    found = decided([trying])
    assert (found.opened, found.wake_us) == ((), NOW + 20 * MINUTE)
    assert decided([trying], now_us=NOW + 20 * MINUTE).opened


def test_units_without_tags_need_a_persons_word() -> None:
    wanted = one_of(decided([row(units(BACK, 1), untagged=Untagged(back=4), low=2, high=3)]))
    assert (wanted.quantity, wanted.unread, wanted.from_zones) == (3, 2, (BACK, STORE))
    assert one_of(decided([row(units(BACK, 4), untagged=Untagged(back=4), low=2, high=3)])).unread == 0


def test_a_size_has_one_task() -> None:
    for state in TaskState:
        mine = task(state=state, done_us=NOW if state is TaskState.DONE else None)
        assert decided([row(units(BACK, 5))], [mine]) == Decisions()
    twin = task(id="t-2", opened_us=NOW)
    assert [(one.task, one.says) for one in decided([], [twin, task()]).withdrawn] == [
        ("t-2", "task t-1 is for the same size")
    ]
    claimed = task(id="t-3", opened_us=NOW, state=TaskState.CLAIMED)
    assert [one.task for one in decided([], [task(), claimed]).withdrawn] == ["t-1"], "somebody works on the other"


def test_a_task_that_nobody_took_follows_the_stock() -> None:
    def followed(one: SkuRow, mine: RefillTask, places: dict[str, Place] = PLACES) -> Decisions:
        found = decided([one], [mine], places)
        assert not found.opened
        return found

    assert followed(row(units(A, 2), units(BACK, 1)), task()).withdrawn[0].says == "the floor has 2"
    assert followed(row(units(A, 1)), task()).withdrawn[0].says.endswith("the back room has none")
    (less,) = followed(row(units(BACK, 1)), task(urgency=Urgency.LOW)).amended
    assert (less.quantity, less.urgency, less.due_us) == (1, Urgency.GAP, NOW + 30 * MINUTE)
    (more,) = followed(row(units(BACK, 9), high=3), task(moved=1)).amended
    assert (more.quantity, len(more.serials)) == (4, 3), "three besides the one that came"
    assert followed(row(units(BACK, 3), core=True), task()).amended[0].urgency is Urgency.CORE_GAP
    assert followed(row(units(A, 1), units(BACK, 5), high=3), task(3, moved=1)) == Decisions(), (
        "two lack, two are asked"
    )
    (soon,) = followed(row(units(BACK, 1)), task(due_us=NOW + MINUTE)).amended
    assert soon.due_us == NOW + MINUTE, "a task is never put off"


@pytest.mark.parametrize(
    ("one", "places"),
    [
        (row(units(A, 1), units(BACK, 3), low=1, high=3), PLACES),
        (row(units(BACK, 1, 0.7)), PLACES),
        (row(units(A, 2), units(BACK, 2)), blind(A)),
        (row(units(BACK, 3), high=1), blind(A)),
        (row(units(BACK, 2)), blind(BACK)),
        (row(units(A, 1, 1.0), units(A, 1, 0.6), units(BACK, 2)), PLACES),
    ],
    ids=[
        "between",
        "less sure",
        "enough, by a blind zone",
        "blind floor",
        "blind back",
        "not surely enough on the floor",
    ],
)
def test_a_task_stands_as_long_as_nothing_surely_speaks_against_it(one: SkuRow, places: dict[str, Place]) -> None:
    assert decided([one], [task()], places) == Decisions()


def test_a_task_that_somebody_took_is_theirs() -> None:
    for state in (TaskState.CLAIMED, TaskState.DONE):
        mine = task(state=state, done_us=NOW if state is TaskState.DONE else None)
        assert decided([row(units(A, 9))], [mine]) == Decisions()


def test_no_more_tasks_than_people_can_read_the_most_urgent_first() -> None:
    few = replace(RULES, open_max=2)
    rows = [row(units(BACK, 3), gtin=gtin, core=number == 5) for number, gtin in enumerate(GTINS)]
    found = decided(rows, [task(gtin=COAT)], rules=few)
    assert [wanted.gtin for wanted in found.opened] == [GTINS[5]]
    assert {(one.gtin, one.why) for one in found.not_now} == {(gtin, WhyNot.FULL) for gtin in GTINS[:5]}
    waited = {GTINS[3]: NOW - HOUR}
    longest = decided(rows[:5], [task(gtin=COAT)], rules=few, short_since_us=waited)
    assert [wanted.gtin for wanted in longest.opened] == [GTINS[3]], "who waited longest"
    freed = decided([row(units(A, 9), gtin=COAT), *rows[:2]], [task(gtin=COAT)], rules=few)
    assert len(freed.opened) == 2


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{SHIRT}: two rows"):
        decided([row(), row()])
    with pytest.raises(ValueError, match=f"{ROWS_MAX + 1} rows: expected at most {ROWS_MAX}"):
        decided([row(gtin=str(number)) for number in range(ROWS_MAX + 1)])
    for change, says in [
        ({"settle_us": -1}, "settle_us -1"),
        ({"open_max": 0}, "open_max 0: expected 1 to 200"),
        ({"due_us": (4, 3, 5, 6)}, r"due_us \(4, 3, 5, 6\)"),
        ({"short": 0.4}, "short 0.4"),
    ]:
        with pytest.raises(ValueError, match=says):
            RefillRules(**change)  # type: ignore[arg-type]
    no: dict[str, Any] = {}
    for quantity, more in [(0, no), (2, {"unread": 3}), (2, {"state": TaskState.DONE}), (2, {"done_us": NOW})]:
        with pytest.raises(ValueError, match="task t-1"):
            task(quantity, **more)


# -- what holds for any shop


@given(some_rows(), some_tasks(), some_places())
@settings(max_examples=80, deadline=None)
def test_done_is_done(rows: list[SkuRow], tasks: list[RefillTask], places: dict[str, Place]) -> None:
    found = decided(rows, tasks, places)
    again = decided(rows, applied(tasks, found), places, short_since_us=found.short_since_us)
    assert (again.opened, again.amended, again.withdrawn) == ((), (), ())


@given(some_rows(), some_tasks(), some_places(), st.integers(0, 999))
@settings(deadline=None)
def test_the_order_of_rows_tasks_and_items_changes_nothing(
    rows: list[SkuRow], tasks: list[RefillTask], places: dict[str, Place], seed: int
) -> None:
    rng = Random(seed)
    few = replace(RULES, open_max=2)
    other = [replace(one, units=tuple(rng.sample(one.units, len(one.units)))) for one in rows]
    mixed = decided(rng.sample(other, len(rows)), rng.sample(tasks, len(tasks)), places, rules=few)
    assert decided(rows, tasks, places, rules=few) == mixed


@given(some_rows(), some_tasks(), some_places())
@settings(max_examples=80, deadline=None)
def test_a_task_has_stock_in_a_back_room_and_a_reason_on_the_floor(
    rows: list[SkuRow], tasks: list[RefillTask], places: dict[str, Place]
) -> None:
    by_gtin = {one.gtin: one for one in rows}
    for wanted in decided(rows, tasks, places).opened:
        one = by_gtin[wanted.gtin]
        live = [zone for zone, place in places.items() if place.role is Role.BACK and place.live]
        free = [unit for unit in one.units if unit.zone in live and unit.held is Held.FREE]
        assert {unit.serial for unit in free} >= set(wanted.serials)
        assert 1 <= wanted.quantity <= len(free) + one.untagged.back
        assert wanted.quantity - wanted.unread <= len(free)
        assert all(places[zone].live for zone in wanted.to_zones)
        surely = sum(unit.zone in {A, B} and unit.held is not Held.ORDER and unit.chance >= 0.97 for unit in one.units)
        assert surely + one.untagged.floor - one.unplaced < one.target.low


@given(some_rows(), some_tasks(), some_places())
@settings(deadline=None)
def test_no_size_ever_has_two_tasks(rows: list[SkuRow], tasks: list[RefillTask], places: dict[str, Place]) -> None:
    after = applied(tasks, decided(rows, tasks, places))
    waiting = [one.gtin for one in after if one.state is TaskState.OPEN]
    taken = {one.gtin for one in after if one.state is not TaskState.OPEN}
    assert len(set(waiting)) == len(waiting)
    assert not taken & set(waiting)
    before = {one.gtin for one in tasks}
    assert not before & {wanted.gtin for wanted in decided(rows, tasks, places).opened}


@given(some_row(), some_places(), st.sampled_from([A, B]), st.sampled_from([0.5, 0.9, 1.0]))
@settings(max_examples=80, deadline=None)
def test_more_on_the_floor_never_brings_more(one: SkuRow, places: dict[str, Place], zone: str, chance: float) -> None:
    kept = replace(one, homes=frozenset({A, B}), unplaced=0)  # a sale without a name may be that of the new one
    more = replace(kept, units=(*kept.units, Unit("new", zone, chance)))
    assert _units(more, places) <= _units(kept, places)


@given(some_row(), some_places(), st.sampled_from([BACK, STORE]), st.sampled_from([0.9, 0.95, 1.0]))
@settings(max_examples=80, deadline=None)
def test_more_in_the_back_room_never_brings_less(
    one: SkuRow, places: dict[str, Place], zone: str, chance: float
) -> None:
    more = replace(one, units=(*one.units, Unit("new", zone, chance)))
    assert _units(more, places) >= _units(one, places)


@given(some_row(), some_places(), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_a_higher_target_never_brings_less(one: SkuRow, places: dict[str, Place], low: int, high: int) -> None:
    target = Target(one.target.low + low, one.target.high + low + high)
    assert _units(replace(one, target=target), places) >= _units(one, places)


def _units(one: SkuRow, places: dict[str, Place]) -> int:
    return sum(wanted.quantity for wanted in decided([one], places=places).opened)


@given(some_units(), st.integers(0, 3))
@settings(deadline=None)
def test_an_order_takes_from_the_display_only_when_nothing_else_is_left(items: tuple[Unit, ...], low: int) -> None:
    order = for_orders(row(items, low=low, high=low), PLACES, RULES, NOW)
    turns = [unit.zone in {A, B} for unit in order if unit.zone in {A, B, BACK, STORE}]
    assert turns == sorted(turns), "what lies in the back room goes first"
