"""Targets: the catalogue's word, else what sells and how it is shown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replenishment.targets import (
    NO_SALES,
    DaySales,
    DisplayRules,
    SalesWindow,
    Source,
    Target,
    core_sizes,
    likely_sales,
    rate_of,
    sales_window,
    target_of,
)

RULES = DisplayRules()
RUN = ["XS", "S", "M", "L", "XL"]


def test_the_catalogue_holds_as_it_stands() -> None:
    assert target_of(3, 5, 100.0, RULES, core=True) == Target(3, 5, Source.CATALOGUE)
    assert target_of(0, 0, 100.0, RULES) == Target(0, 0, Source.CATALOGUE)


def test_what_the_catalogue_leaves_open_is_learned() -> None:
    assert target_of(3, None, 0.0, RULES) == Target(3, 3, Source.BOTH)
    assert target_of(1, None, 4.0, RULES) == Target(1, 9, Source.BOTH)
    assert target_of(0, None, 4.0, RULES) == Target(0, 0, Source.BOTH), "0 on the floor: it is not shown"
    assert target_of(None, 2, 4.0, RULES) == Target(2, 2, Source.BOTH)
    assert target_of(None, 0, 4.0, RULES) == Target(0, 0, Source.BOTH)


def test_each_size_is_shown_and_a_core_size_more() -> None:
    assert target_of(None, None, 0.0, RULES) == Target(1, 2, Source.LEARNED)
    assert target_of(None, None, 0.0, RULES, core=True) == Target(2, 3, Source.LEARNED)


def test_what_sells_fast_has_more_up_to_what_the_fixture_holds() -> None:
    """Four a day: two in half a day on average, and at most four with 90 %; nine until the refill after that."""
    assert target_of(None, None, 4.0, RULES) == Target(4, 9, Source.LEARNED)
    assert target_of(None, None, 1_000.0, RULES) == Target(12, 12, Source.LEARNED)


@given(st.floats(0, 200), st.floats(0, 200), st.booleans())
def test_a_higher_rate_never_wants_less(one: float, two: float, core: bool) -> None:
    slow, fast = (target_of(None, None, rate, RULES, core=core) for rate in sorted((one, two)))
    assert slow.low <= fast.low
    assert slow.high <= fast.high
    assert slow.low >= (RULES.core if core else RULES.each)


@given(st.floats(0, 200))
def test_a_core_size_never_has_less(rate: float) -> None:
    core, other = target_of(None, None, rate, RULES, core=True), target_of(None, None, rate, RULES)
    assert core.low >= other.low
    assert core.high >= other.high


@given(st.floats(0, 30), st.floats(0.01, 0.999), st.integers(0, 40))
def test_likely_sales_are_the_quantile_of_poisson(mean: float, service: float, most: int) -> None:
    found = likely_sales(mean, service, most)

    def at_most(units: int) -> float:
        return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(units + 1))

    assert found == most or at_most(found) >= service - 1e-9
    assert found == 0 or at_most(found - 1) < service + 1e-9


def test_days_without_any_on_the_floor_are_no_days() -> None:
    shown = [DaySales(2), DaySales(2), DaySales(0, on_sale=0.0), DaySales(1, on_sale=0.5)]
    assert sales_window(shown, RULES) == SalesWindow(5, 2.5)
    assert sales_window([DaySales(3, on_sale=0.0)], RULES) == SalesWindow(3, 1.0), "what sold was there"
    assert sales_window([DaySales(9), *[DaySales(1)] * 28], RULES) == SalesWindow(28, 28.0), "the newest 28"


def test_a_short_history_leans_on_its_peers() -> None:
    peers = SalesWindow(28, 28.0)
    assert rate_of(NO_SALES, peers, RULES) == 1.0
    assert rate_of(SalesWindow(0, 7.0), peers, RULES) == 0.5
    assert rate_of(SalesWindow(0, 7.0), NO_SALES, RULES) == 0.0
    assert rate_of(NO_SALES, NO_SALES, DisplayRules(prior_days=0)) == 0.0
    assert rate_of(SalesWindow(93, 93.0), SalesWindow(0, 7.0), RULES) == 0.93


def test_core_sizes_are_the_few_that_sell_most() -> None:
    assert core_sizes(RUN, {"S": 2, "M": 10, "L": 7, "XL": 1}, RULES) == {"M", "L"}
    assert core_sizes(RUN, {"XS": 19, "M": 1}, RULES) == {"XS"}
    assert core_sizes(RUN, dict.fromkeys(RUN, 5), RULES) == {"S", "M", "L"}, "equal: the middle ones"


def test_without_sales_the_middle_of_the_run_is_core() -> None:
    assert core_sizes(RUN, {"XS": 9}, RULES) == {"M", "S"}
    assert core_sizes(["38"], {}, RULES) == {"38"}
    assert core_sizes([], {}, RULES) == frozenset()


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        ("each", 13, "each 13: expected 0 to 12"),
        ("core", 0, "core 0: expected 1 to 12"),
        ("service", 1.0, r"service 1.0: expected 0.01 to 0.999"),
        ("window_days", 0, "window_days 0: expected 1 to 366"),
        ("fill_days", -1, "fill_days -1: expected 0 to 366"),
    ],
)
def test_a_rule_out_of_range_is_named(rule: str, value: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DisplayRules(**{rule: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("low", "high"), [(-1, 2), (3, 2), (0, 100_001)])
def test_a_target_that_cannot_be_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match=f"target {low} to {high}"):
        Target(low, high)
