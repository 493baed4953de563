"""The search against brute force: every set of sites, every split of every line."""

import math
import random
from itertools import combinations, product

import numpy as np
import pytest

from gateway.sourcing.search import PAIRED_MAX, Choice, Costs, choose, promising, together

CASES = 10_000


def brute(fixed: list[float], lines: list[Costs], most: int) -> float:
    """The least cost over all sets of sites and all splits, by trying each."""
    best = math.inf
    for size in range(1, min(most, len(fixed)) + 1):
        for sites in combinations(range(len(fixed)), size):
            total = sum(fixed[site] for site in sites)
            for line in lines:
                wanted = line.shape[1] - 1
                splits = (split for split in product(range(wanted + 1), repeat=size) if sum(split) == wanted)
                total += min(sum(line[site, k] for site, k in zip(sites, split, strict=True)) for split in splits)
            best = min(best, total)
    return best


def cost_of(choice: Choice, fixed: list[float], lines: list[Costs]) -> float:
    total = sum(fixed[site] for site in choice.sites)
    for line, units in zip(lines, choice.units, strict=True):
        total += sum(line[site, k] for site, k in zip(choice.sites, units, strict=True))
    return float(total)


def a_case(rng: random.Random) -> tuple[list[float], list[Costs], int]:
    sites = rng.randint(1, 6)
    fixed = [rng.choice([0.0, 1.0, 2.5, rng.uniform(0, 10)]) for _ in range(sites)]
    lines = []
    for _ in range(rng.randint(1, 3)):
        wanted = rng.randint(1, 3)
        costs = np.full((sites, wanted + 1), np.inf)
        costs[:, 0] = 0
        for site in range(sites):
            for units in range(1, rng.randint(0, wanted) + 1):
                costs[site, units] = rng.choice([units, -0.5, rng.uniform(0, 5) * units])
        lines.append(costs)
    return fixed, lines, rng.randint(1, 3)


def test_equals_brute_force_on_ten_thousand_small_orders() -> None:
    rng = random.Random(7)
    served = split = 0
    for _ in range(CASES):
        fixed, lines, most = a_case(rng)
        found = choose(np.array(fixed), lines, most=most, keep=3)
        least = brute(fixed, lines, most)
        if math.isinf(least):
            assert found == []
            continue
        served += 1
        split += len(found[0].sites) > 1
        assert found[0].cost == pytest.approx(least, abs=1e-9)
        for choice in found:
            assert len(choice.sites) <= most
            assert choice.cost == pytest.approx(cost_of(choice, fixed, lines), abs=1e-9)
            assert [sum(row) for row in choice.units] == [line.shape[1] - 1 for line in lines]
            assert all(any(row[at] for row in choice.units) for at in range(len(choice.sites)))
        assert [round(one.cost, 9) for one in found] == sorted(round(one.cost, 9) for one in found)
        assert len({one.sites for one in found}) == len(found)
    assert served > CASES / 3
    assert split > CASES / 50


def test_equal_costs_go_to_fewer_sites_and_then_to_the_earlier_ones() -> None:
    line = np.array([[0.0, 1, 2], [0, 1, 2], [0, 1, 2]])
    found = choose(np.zeros(3), [line], most=3, keep=10)
    assert [one.sites for one in found] == [(0,), (1,), (2,)], "a pair in which one need not give anything is none"


def test_a_site_that_gives_nothing_is_in_no_plan() -> None:
    line = np.array([[0.0, 1], [0, np.inf]])
    assert [one.sites for one in choose(np.zeros(2), [line], most=2, keep=10)] == [(0,)]


def test_many_sites_are_all_tried_alone_and_the_promising_ones_together() -> None:
    sites = 1_000
    one, two = np.full((sites, 2), np.inf), np.full((sites, 2), np.inf)
    one[:, 0] = two[:, 0] = 0
    one[700, 1], two[3, 1] = 1.0, 1.0
    few = promising(np.ones(sites), [one, two])
    assert len(few) == PAIRED_MAX
    assert {3, 700} <= set(few.tolist())
    found = choose(np.ones(sites), [one, two], most=2, keep=5)
    assert [(found[0].sites, found[0].cost)] == [((3, 700), 4.0)]


def test_large_orders_try_fewer_sites_together_and_still_add_up() -> None:
    rng = np.random.default_rng(3)
    sites, units, number = 60, 100, 6
    lines = []
    for _ in range(number):
        costs = np.cumsum(rng.uniform(0.5, 2, (sites, units + 1)), axis=1)
        costs[:, 0] = 0
        for site in range(sites):
            costs[site, rng.integers(30, 60) :] = np.inf  # nobody has all of it
        lines.append(costs)
    fixed = rng.uniform(0, 5, sites)
    assert together(lines[:1], 1) == together([lines[0][:, :3]] * 5, 3) == PAIRED_MAX
    assert 3 <= together(lines, 3) < together(lines, 2) <= PAIRED_MAX
    assert together([lines[0]] * 50, 3) >= 2
    found = choose(fixed, lines, most=3, keep=5)
    assert found
    for choice in found:
        assert choice.cost == pytest.approx(cost_of(choice, fixed.tolist(), lines))
        assert [sum(row) for row in choice.units] == [units] * number
    assert [one.cost for one in found] == sorted(one.cost for one in found)


def test_sets_in_which_a_site_is_idle_do_not_crowd_out_the_others() -> None:
    """One site serves all at next to nothing: its pairs with idle sites are no plans, real pairs are."""
    lines = [np.full((30, 2), np.inf) for _ in range(2)]
    for line in lines:
        line[:, 0] = 0
        line[0, 1] = 0.1
    lines[0][1, 1] = lines[1][2, 1] = 5.0
    found = choose(np.full(30, 0.01), lines, most=2, keep=4)
    assert [one.sites for one in found] == [(0,), (1, 2)]
