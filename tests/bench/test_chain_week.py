"""The chain's week: the same for every rule and each time, every unit accounted for, the command as documented."""

import json
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from bench.chain.in_database import ask_database
from bench.chain.run import RULES, Outcome, run_week
from bench.chain.table import table
from bench.chain.web import Planned
from bench.chain_week import last_units, main
from gateway.availability import Policy, decode_ladder
from simulator.chain.demand import Week, week_of
from simulator.chain.parameters import QUICK, Chain

OURS, HIDE_RFID, HIDE_BOOK, ALL_BOOK, HOSTILE = RULES
ROUGH = replace(QUICK, wants_day=90.0, stolen=0.2, misplaced=0.4, no_show=0.5, finds=0.7)
"""As much disorder as a store can have: what is counted must still add up."""


@cache
def rough() -> tuple[Week, dict[str, Outcome]]:
    week = week_of(ROUGH, 1)
    return week, {rule.name: run_week(week, rule) for rule in RULES}


def test_the_same_week_under_the_same_rule_is_the_same_outcome() -> None:
    week = week_of(QUICK, 5)
    assert week == week_of(QUICK, 5)
    assert week != week_of(QUICK, 6)
    for rule in (OURS, HIDE_BOOK):
        assert run_week(week, rule) == run_week(week, rule)


def test_every_rule_meets_the_same_shoppers_orders_and_deliveries() -> None:
    _, outcomes = rough()
    for name in ("wants", "would_buy", "orders", "units_wanted", "delivered", "returned"):
        assert len({outcome.counts[name] for outcome in outcomes.values()}) == 1, name
    assert outcomes["ours"].counts["orders"] > 30


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_unit_that_was_wanted_is_accounted_for(rule: str) -> None:
    counts = rough()[1][rule].counts
    assert counts["units_wanted"] == counts["units_not_shown"] + counts["units_taken"]
    assert counts["units_taken"] == counts["units_filled"] + counts["units_cancelled"]
    laid_by = counts["units_filled"] - counts["units_sent"]
    assert counts["units_collected"] <= laid_by
    assert counts["orders"] == counts["orders_taken"] + counts["orders_not_shown"]
    assert counts["orders_cancelled"] <= counts["units_cancelled"]


def test_some_orders_are_still_open_when_the_week_ends() -> None:
    """Else nothing above would show what becomes of these."""
    assert sum(outcome.counts["units_open_at_end"] for outcome in rough()[1].values()) > 0


def test_hiding_the_last_two_units_promises_none_of_them() -> None:
    """Whatever such a rule plans to take is the third unit at least, or deeper, of its size in that store."""
    for rule in (HIDE_RFID, HIDE_BOOK):
        planned: list[Planned] = []
        run_week(week_of(ROUGH, 3), rule, listen=planned.append)
        plans = [one for one in planned if one.plan is not None]
        assert len(plans) > 20
        for one in plans:
            assert one.plan is not None
            for part in one.plan.parts:
                at = one.sites.index(part.site)
                assert part.lines
                rungs = [decode_ladder(one.ladders[sku][at]) for sku in one.skus]
                sold = [ladder for ladder in rungs if len(ladder) >= 3 and ladder[2] >= 0.95 - 1e-6]
                assert len(sold) >= len(part.lines)


def test_hiding_costs_sales_and_book_stock_to_the_last_unit_costs_promises() -> None:
    """What the world is made to show at all; how much is the report's matter."""
    week = week_of(replace(QUICK, days=5, styles=20, wants_day=100.0), 2)
    ours, hidden, shown = (run_week(week, rule).counts for rule in (OURS, HIDE_BOOK, ALL_BOOK))
    assert hidden["units_not_shown"] > 2 * ours["units_not_shown"]
    assert shown["oversold"] > ours["oversold"]
    assert shown["misses"] > ours["misses"]
    assert shown["records_right"] < 0.85 * ours["records_right"]


def test_refills_are_closed_by_reads_alone() -> None:
    counts = rough()[1]["ours"].counts
    assert counts["refill_closed_by_reads"] > 100
    assert counts["refill_closed_by_word"] == 0
    over = ("closed_by_reads", "closed_by_word", "cannot", "disputed", "withdrawn")
    assert sum(counts[f"refill_{how}"] for how in over) <= counts["refill_opened"]
    assert counts["refill_brought"] >= counts["refill_moved"] > 0


def test_who_finds_nothing_delivers_nothing() -> None:
    for rule in (OURS, ALL_BOOK):
        counts = run_week(week_of(replace(QUICK, finds=0.0), 1), rule).counts
        assert counts["units_filled"] == 0
        assert counts["units_taken"] == counts["units_cancelled"] > 0
        assert counts["misses"] >= counts["units_cancelled"]
        assert counts["resourced"] > 0, "each was asked for elsewhere"


def test_last_units_are_the_share_that_was_published() -> None:
    """15 to 20 % (Macy's): the depth of stock was set by it, not by what the rules make of it."""
    assert 0.15 <= sum(last_units(week_of(Chain(), seed)) for seed in (1, 2, 3)) / 3 <= 0.20


def test_the_database_chooses_as_the_cores_do_and_says_when_it_does_not() -> None:
    week, planned = week_of(QUICK, 2), list[Planned]()
    run_week(week, OURS, listen=planned.append)
    asked = ask_database(QUICK, week.skus, planned, Policy("web"))
    assert asked.quotes == asked.same == len(planned) > 10
    first = next(number for number, one in enumerate(planned) if one.plan is not None)
    changed = planned[first]._replace(plan=None)
    wrong = ask_database(QUICK, week.skus, [changed], Policy("web"))
    assert wrong.same == 0
    assert f"order {changed.order.number}: the database says" in wrong.first


def test_differences_are_paired_and_starred_when_they_are_sure() -> None:
    def outcomes(rule: str, filled: list[int]) -> list[Outcome]:
        made = [Counter({"units_wanted": 100, "units_filled": units}) for units in filled]
        return [Outcome(rule, seed, counts) for seed, counts in enumerate(made)]

    found = {"ours": outcomes("ours", [90, 80, 70]), "worse": outcomes("worse", [80, 71, 60])}
    found["alike"] = outcomes("alike", [80, 95, 65])
    row = next(line for line in table(found, "ours").splitlines() if line.startswith("| fill rate"))
    assert row == "| fill rate, % | 80.0 ±24.8 | 70.3 (-9.7*) | 80.0 (+0.0) |"


def test_the_command_prints_its_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--seeds", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert list(said["figures"]) == [rule.name for rule in RULES[:4]]
    assert said["seeds"] == [1, 2]
    assert said["database"]["same"] == said["database"]["quotes"] > 0
    assert "seed 2, all-book" in err
    assert main(["--quick", "--seeds", "2"]) == 0
    shown = capsys.readouterr().out
    assert said["table"] in shown
    assert main(["--seeds", "0"]) == 2
    assert "expected" in capsys.readouterr().err


def test_a_figure_of_the_chain_out_of_its_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"finds 1\.2: expected 0 to 1"):
        Chain(finds=1.2)
    with pytest.raises(ValueError, match="styles 0: expected 1 or more"):
        Chain(styles=0)
    with pytest.raises(ValueError, match="0 stores open from 10 to 20"):
        Chain(shops=())
