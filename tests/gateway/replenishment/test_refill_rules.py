"""The small pure parts beside the rules: sales by day, runs and their targets, which run is next, the way to walk."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replenishment.agenda import Agenda
from gateway.replenishment.assortment import Assortment, Product, RunKey, sized_runs
from gateway.replenishment.judging import Facts, homes_of
from gateway.replenishment.limits import SALES_DAYS_US as DAY
from gateway.replenishment.sales import days_of
from gateway.replenishment.stock import Unit
from gateway.replenishment.targets import DaySales, DisplayRules, SalesWindow, Source
from tests.gateway.replenishment.small_shop import PLACES, A, B
from tests.gateway.small_store import SITE, SITE_FILE
from wire.errors import SiteFileError
from wire.site_file import parse_site

NOW = 1_000 * DAY
HOUR = DAY // 24


def test_days_end_now_and_sales_fall_into_theirs() -> None:
    sold = [(NOW - 1, 2), (NOW - DAY, 1), (NOW - DAY - 1, 5), (NOW - 3 * DAY - 1, 9), (NOW, 9)]
    assert days_of(sold, 0, [], NOW, 3) == (DaySales(0, 0.0), DaySales(5, 0.0), DaySales(3, 0.0))


def test_a_sale_that_was_another_items_counts_once() -> None:
    assert days_of([(NOW - 9, 1), (NOW - 8, -1), (NOW - 8, 1)], 1, [], NOW, 1) == (DaySales(1, 1.0),)
    assert days_of([(NOW - 9, -1)], 0, [], NOW, 1)[0].sold == 0


def test_what_lay_on_the_floor_is_followed_backwards() -> None:
    """Two came 30 hours ago, both were gone for the last six."""
    moves = [(NOW - 30 * HOUR, 2), (NOW - 10 * HOUR, -1), (NOW - 6 * HOUR, -1)]
    assert [day.on_sale for day in days_of([], 0, moves, NOW, 3)] == [0.0, 0.25, 0.75]
    assert [day.on_sale for day in days_of([], 1, [], NOW, 2)] == [1.0, 1.0]
    assert [day.on_sale for day in days_of([], 1, [(NOW - 36 * HOUR, 1)], NOW, 2)] == [0.5, 1.0]


@given(
    st.lists(st.tuples(st.integers(NOW - 4 * DAY, NOW - 1), st.sampled_from([1, -1, 2])), max_size=12),
    st.integers(0, 3),
    st.randoms(),
)
def test_shares_are_shares_and_the_order_of_moves_does_not_matter(
    moves: list[tuple[int, int]], floor: int, rng: Random
) -> None:
    days = days_of([], floor, moves, NOW, 3)
    assert all(0 <= day.on_sale <= 1 for day in days)
    mixed = list(moves)
    rng.shuffle(mixed)
    if len({at for at, _ in moves}) == len(moves):
        assert days_of([], floor, mixed, NOW, 3) == days
    brute = [0.0] * 3
    steps = 288
    for number in range(3 * steps):
        at_us = NOW - 3 * DAY + number * (DAY // steps) + 1
        level = floor - sum(more for moved_us, more in moves if moved_us >= at_us)
        brute[number // steps] += (level > 0) / steps
    assert [day.on_sale for day in days] == pytest.approx(brute, abs=(len(moves) + 1) / steps)


def product(gtin: str, size: str, **more: object) -> Product:
    return replace(Product(gtin, "Oxford", "blue", size, "Men"), **more)  # type: ignore[arg-type]


def test_targets_of_a_run_lean_on_the_other_sizes_and_the_catalogue_holds() -> None:
    sizes = [product("3", "L"), product("1", "S"), product("2", "M"), product("4", "XL", min_floor=0, max_floor=0)]
    sales = {"2": SalesWindow(28, 28.0), "3": SalesWindow(28, 28.0)}
    (run,) = sized_runs(sizes, sales, DisplayRules()).values()
    assert [one.product.size for one in run] == ["S", "M", "L", "XL"]
    assert [one.core for one in run] == [False, True, True, False]
    said = {one.product.size: (one.target.low, one.target.high, one.target.source) for one in run}
    assert said["XL"] == (0, 0, Source.CATALOGUE)
    assert said["M"][:2] == said["L"][:2] == (2, 3)
    assert said["S"] == (1, 3, Source.LEARNED)  # never sold here: as its peers, and no core size
    alone = next(iter(sized_runs([product("1", "S")], {}, DisplayRules()).values()))
    assert (alone[0].target.low, alone[0].target.high) == (2, 3)


def test_an_assortment_says_what_changed() -> None:
    one = sized_runs([product("1", "S"), product("2", "M")], {}, DisplayRules())
    assortment = Assortment()
    blue, red = RunKey("Oxford", "blue"), RunKey("Oxford", "red")
    assert assortment.put(one) == {blue}
    assert assortment.put(one) == frozenset()
    moved = sized_runs([product("1", "S"), product("2", "M", colour="red")], {}, DisplayRules())
    assert assortment.put(moved) == {blue, red}
    assert assortment.run_of == {"1": blue, "2": red}
    found = assortment.product("2")
    assert found is not None
    assert (found.colour, assortment.product("9")) == ("red", None)
    assert assortment.keep_only([blue]) == {red}
    assert assortment.run_of == {"1": blue}


def test_a_run_is_at_home_where_a_fair_share_of_it_lies() -> None:
    def lying(**zones: int) -> list[Facts]:
        return [Facts([Unit(f"{zone}{n}", zone) for zone, count in zones.items() for n in range(count)])]

    assert homes_of(lying(FLOOR_A=6, FLOOR_B=2, BACK=9), PLACES) == {A, B}
    assert homes_of(lying(FLOOR_A=7, FLOOR_B=2), PLACES) == {A}
    assert homes_of(lying(FLOOR_A=2, FLOOR_B=1), PLACES) == {A}
    assert homes_of(lying(FLOOR_A=1, BACK=9), PLACES) == frozenset()


RUNS = [RunKey("s", str(n)) for n in range(4)]
SIZES = dict.fromkeys(RUNS, 3)


def test_what_was_told_comes_before_the_pass_over_all() -> None:
    agenda = Agenda()
    agenda.ask_all(RUNS)
    agenda.ask([RUNS[2], RUNS[2]])
    assert (len(agenda), agenda.passing) == (4, True)
    assert agenda.take(SIZES, 6) == [RUNS[2], RUNS[0]]
    assert agenda.take(SIZES, 2) == [RUNS[1]]  # one that is larger than a page goes alone
    assert (agenda.take(SIZES, 100), agenda.due(0)) == ([RUNS[3]], False)


def test_time_asks_once_and_the_newest_wake_holds() -> None:
    agenda = Agenda()
    agenda.wake_at(RUNS[0], 10)
    agenda.wake_at(RUNS[0], 20)
    agenda.wake_at(RUNS[1], 15)
    agenda.wake_at(RUNS[2], 5)
    agenda.wake_at(RUNS[2], None)
    assert not agenda.due(14)
    assert agenda.due(20)
    assert agenda.take(SIZES, 100) == [RUNS[1], RUNS[0]]
    assert not agenda.due(1_000)
    agenda.wake_at(RUNS[3], 1)
    agenda.forget([RUNS[3]])
    assert not agenda.due(1_000)


def test_wakes_that_are_over_take_no_room() -> None:
    agenda = Agenda()
    for at_us in range(10_000):
        agenda.wake_at(RUNS[at_us % 4], at_us + 1_000_000)
    assert len(agenda._wakes) <= 64 + 4 * 4 + 1
    assert agenda.due(2_000_000)
    assert sorted(agenda.take(SIZES, 100)) == RUNS


def test_the_way_to_walk_is_said_by_the_site_file() -> None:
    assert SITE.walk() == {"BACK": 0, "FLOOR": 1, "FIT": 2, "EXIT": 3}
    said = SITE_FILE.replace("kind: fitting_room", "kind: fitting_room, walk: 7").replace(
        "kind: sales_floor", "kind: sales_floor, walk: 8"
    )
    assert parse_site(said).walk() == {"FIT": 0, "FLOOR": 1, "BACK": 2, "EXIT": 3}
    with pytest.raises(SiteFileError, match="walk"):
        parse_site(SITE_FILE.replace("kind: back_room", "kind: back_room, walk: -1"))
