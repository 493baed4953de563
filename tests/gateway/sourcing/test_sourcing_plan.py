"""Plans: which site serves an order, at what price, why not another one."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gateway.availability import CAP, KEEP, LIVE, STALE, ZERO, Policy, encode_ladder, ladder_of, offer
from gateway.sourcing.offers import offers_of, rungs_needed
from gateway.sourcing.plan import NEVER, REASONS, Candidates, LeftOut, Need, Quote, quote, without_confidence
from gateway.sourcing.rules import RulesError, SourcingRules, parse_rules, plain_rules

NOW_US = 1_781_517_600_000_000
"""2026-06-15, 10:00 UTC."""
HOUR_US = 3_600_000_000
SHIRT, COAT = "09506000134352", "09506000134369"
SURE = 0.999


@dataclass(frozen=True)
class Shop:
    """A site that may serve an order, and the ladders of its rows."""

    name: str
    ladders: dict[str, bytes]
    km: float = 0.0
    ready_us: int = NOW_US + HOUR_US
    travel_us: int = 0
    pick: float = 1.0
    left_out: LeftOut | None = None
    stale: bool = False


def site(name: str, stock: dict[str, list[float]], km: float = 0.0, **more: Any) -> Shop:
    """A site with items of these chances."""
    return Shop(name, {gtin: encode_ladder(ladder_of(chances)) for gtin, chances in stock.items()}, km, **more)


def quoted(needs: list[Need], shops: list[Shop], rules: SourcingRules | None = None, **more: Any) -> Quote:
    """The quote of a channel whose target is .5."""
    rules, policy = rules or SourcingRules(), Policy(target=0.5)
    candidates = Candidates(
        [shop.name for shop in shops],
        np.array([shop.ready_us for shop in shops]),
        np.array([shop.travel_us for shop in shops]),
        np.array([shop.km for shop in shops]),
        np.array([shop.pick for shop in shops]),
        np.array([-1 if shop.left_out is None else REASONS.index(shop.left_out) for shop in shops], np.int8),
    )
    offers = [
        offers_of(
            [shop.ladders.get(need.gtin, b"") for shop in shops],
            policy,
            rungs_needed(need.quantity, rules, policy),
            known=[True] * len(shops),
            stale=np.array([shop.stale for shop in shops], bool),
        )
        for need in needs
    ]
    return quote(needs, candidates, offers, rules, NOW_US, **more)


def test_the_nearest_site_that_is_sure() -> None:
    near, far = site("near", {SHIRT: [0.6]}, km=5), site("far", {SHIRT: [SURE]}, km=50)
    found = quoted([Need(SHIRT, 1)], [near, far])
    assert [plan.parts[0].site for plan in found.plans] == ["far", "near"], "a miss costs more than 45 km"
    calm = quoted([Need(SHIRT, 1)], [near, far], SourcingRules(miss=0))
    assert [plan.parts[0].site for plan in calm.plans] == ["near", "far"]


def test_one_parcel_is_preferred_until_it_costs_more() -> None:
    both = site("both", {SHIRT: [SURE], COAT: [SURE]}, km=300)
    shirts, coats = site("shirts", {SHIRT: [SURE]}), site("coats", {COAT: [SURE]})
    needs = [Need(SHIRT, 1), Need(COAT, 1)]
    assert [part.site for part in quoted(needs, [both, shirts, coats]).plans[0].parts] == ["both"]
    cheap = quoted(needs, [both, shirts, coats], SourcingRules(parcel=1))
    assert [part.site for part in cheap.plans[0].parts] == ["coats", "shirts"]
    assert "2 parcels" in cheap.plans[0].reasons[0]
    alone = quoted(needs, [shirts, coats], SourcingRules(parcels=1))
    assert alone.plans == ()


def test_a_line_may_come_from_two_sites() -> None:
    needs = [Need(SHIRT, 3)]
    found = quoted(needs, [site("a", {SHIRT: [SURE] * 2}), site("b", {SHIRT: [SURE] * 2})])
    assert [(part.site, part.lines[0].quantity) for part in found.plans[0].parts] == [("a", 2), ("b", 1)]


def test_what_is_kept_for_walk_ins_is_not_sent() -> None:
    needs, two = [Need(SHIRT, 2)], site("two", {SHIRT: [SURE, SURE]})
    assert quoted(needs, [two]).plans
    assert quoted(needs, [two], SourcingRules(keep=1)).left_out == {}
    assert quoted(needs, [two], SourcingRules(keep=1)).plans == ()
    assert quoted(needs, [two], SourcingRules(keep=2)).left_out == {LeftOut.NOTHING: 1}


def test_the_last_unit_has_its_price_and_too_much_has_too() -> None:
    last, some = site("last", {SHIRT: [SURE]}), site("some", {SHIRT: [SURE] * 12}, km=20)
    assert quoted([Need(SHIRT, 1)], [last, some], SourcingRules(last_unit=0)).plans[0].parts[0].site == "last"
    assert quoted([Need(SHIRT, 1)], [last, some], SourcingRules(last_unit=1)).plans[0].parts[0].site == "some"
    rid = SourcingRules(last_unit=0, overstock=1, overstock_from=10)
    assert quoted([Need(SHIRT, 1)], [last, some], rid).plans[0].parts[0].site == "some"
    assert quoted([Need(SHIRT, 1)], [last, some], rid).plans[0].prices["overstock"] == -1


@pytest.mark.parametrize(
    ("shop", "why"),
    [
        (site("s", {SHIRT: [SURE]}, ready_us=NEVER), LeftOut.CLOSED),
        (site("s", {SHIRT: [SURE]}, ready_us=NOW_US + 72 * HOUR_US), LeftOut.LATE),
        (site("s", {SHIRT: [SURE]}, travel_us=24 * HOUR_US), LeftOut.LATE),
        (site("s", {SHIRT: [SURE]}, left_out=LeftOut.FULL), LeftOut.FULL),
        (site("s", {COAT: [SURE]}), LeftOut.NOTHING),
        (site("s", {SHIRT: [0.4]}), LeftOut.NOTHING),
        (site("avoided", {SHIRT: [SURE]}), LeftOut.AVOIDED),
    ],
)
def test_why_a_site_is_left_out(shop: Shop, why: LeftOut) -> None:
    rules = SourcingRules(avoid=frozenset({"avoided"}))
    found = quoted([Need(SHIRT, 1)], [shop], rules, need_by_us=NOW_US + 24 * HOUR_US)
    assert (found.plans, found.considered, found.left_out) == ((), 1, {why: 1})


def test_units_below_the_least_confidence_are_not_promised() -> None:
    doubtful = site("s", {SHIRT: [0.99, 0.7]})
    assert quoted([Need(SHIRT, 2)], [doubtful]).plans
    assert quoted([Need(SHIRT, 2)], [doubtful], SourcingRules(sure=0.9)).plans == ()
    assert quoted([Need(SHIRT, 1)], [doubtful], SourcingRules(sure=0.9)).plans


def test_figures_of_a_plan_hold_together_whatever_the_stock() -> None:
    rng = random.Random(11)
    for _ in range(300):
        sites = [
            site(
                f"s{n}",
                {gtin: [rng.uniform(0.3, 1) for _ in range(rng.randint(0, 4))] for gtin in (SHIRT, COAT)},
                km=rng.uniform(0, 500),
                ready_us=NOW_US + rng.randint(0, 80) * HOUR_US,
            )
            for n in range(rng.randint(1, 6))
        ]
        needs = [Need(SHIRT, rng.randint(1, 3)), Need(COAT, rng.randint(1, 3))]
        shuffled = rng.sample(sites, len(sites))
        found = quoted(needs, sites, SourcingRules(parcels=3))
        assert found == quoted(needs, shuffled, SourcingRules(parcels=3)), "the order of the sites says nothing"
        for plan in found.plans:
            assert plan.cost == pytest.approx(sum(plan.prices.values()), abs=1e-4)
            assert plan.cost == pytest.approx(sum(part.cost for part in plan.parts))
            assert plan.eta_us == max(part.arrives_us for part in plan.parts)
            for need in needs:
                given = [line for part in plan.parts for line in part.lines if line.gtin == need.gtin]
                assert sum(line.quantity for line in given) == need.quantity
            chances = [line.confidence or 0.0 for part in plan.parts for line in part.lines]
            assert plan.confidence == pytest.approx(float(np.prod(chances)))


@pytest.mark.parametrize("quantity", [0, -1, 101])
def test_a_need_has_a_sensible_quantity(quantity: int) -> None:
    with pytest.raises(ValueError, match=f"quantity {quantity}: expected 1 to 100"):
        Need(SHIRT, quantity)


def test_rules_come_back_as_they_were_said() -> None:
    plain = {"parcel": 5.5, "parcels": 1, "avoid": ["dc-1"], "keep": 2}
    rules = parse_rules(plain)
    assert rules == SourcingRules(parcel=5.5, parcels=1, avoid=frozenset({"dc-1"}), keep=2)
    assert parse_rules(plain_rules(rules)) == rules


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"parcels": 4}, "parcels: .*<= 3"),
        ({"km": -1}, "km: .*>= 0"),
        ({"parcell": 1}, "unknown field `parcell`; there are parcel, pick, km"),
        ({"sure": 1.0}, "sure: .*< 1"),
        ([], "object"),
    ],
)
def test_rules_that_cannot_be_used(plain: object, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        parse_rules(plain)


def test_what_nobody_looks_at_has_a_price_but_no_confidence() -> None:
    seen, unseen = site("seen", {SHIRT: [0.9]}, km=100), site("unseen", {SHIRT: [0.9]}, stale=True)
    found = quoted([Need(SHIRT, 1)], [seen, unseen]).plans
    assert [(plan.sites, plan.confidence) for plan in found] == [
        (("unseen",), None),
        (("seen",), pytest.approx(0.9)),
    ]
    assert "nobody knows: not everything is looked at in unseen" in found[0].reasons[2]
    assert found[0].prices["miss"] == pytest.approx(2)
    blinded = without_confidence(found[1], {("seen", SHIRT)})
    assert (blinded.confidence, blinded.parts[0].lines[0].confidence) == (None, None)
    assert without_confidence(found[1], {("seen", COAT), ("elsewhere", SHIRT)}) == found[1]


def test_a_dearer_plan_says_by_what() -> None:
    found = quoted([Need(SHIRT, 1)], [site("near", {SHIRT: [SURE] * 2}), site("far", {SHIRT: [SURE] * 2}, km=250)])
    assert found.plans[1].reasons[-1] == "2.50 dearer than the best: km +2.50"
    assert not any("dearer" in reason for reason in found.plans[0].reasons)


@pytest.mark.parametrize("when_blind", [KEEP, ZERO, CAP])
def test_offers_of_many_rows_are_those_of_each_row(when_blind: str) -> None:
    rng = random.Random(3)
    for _ in range(300):
        policy = Policy(target=rng.choice([0.5, 0.9, 0.95]), safety=rng.randint(0, 2), when_blind=when_blind)
        ladders = [ladder_of([rng.choice([0.95, 1.0, rng.random()]) for _ in range(rng.randint(0, 9))]) for _ in "abcd"]
        stale = np.array([rng.random() < 0.5 for _ in ladders])
        rules = SourcingRules(overstock=1.0, overstock_from=20)
        rungs = rungs_needed(3, rules, policy)
        found = offers_of([encode_ladder(one) for one in ladders], policy, rungs, known=[True] * 4, stale=stale)
        each = [offer(one, policy, STALE if blind else LIVE).atp for one, blind in zip(ladders, stale, strict=True)]
        assert found.offered.tolist() == each
        assert found.known.tolist() == (~stale).tolist()
        few = offers_of([encode_ladder(one) for one in ladders], policy, 3, known=[True] * 4, stale=stale)
        assert few.chances.tolist() == found.chances[:, :3].tolist()
