"""Quotes from the database: which sites are asked, with what, and what is known of them; on both databases."""

import asyncio
import random

import pytest

from gateway.availability import CAP, KEEP, ZERO, Policy
from gateway.holds.asked import Who
from gateway.holds.errors import BusyError, UnknownHoldSiteError
from gateway.ledger.picture import SkuKey
from gateway.sourcing import quotes as quotes_module
from gateway.sourcing.limits import QUOTES_AT_ONCE, QUOTES_WAITING_MAX, REFRESH_S
from gateway.sourcing.plan import LeftOut
from gateway.sourcing.quotes import Order, Quotes
from gateway.sourcing.rules import SourcingRules
from gateway.storage.engine import Database
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from tests.gateway.sourcing.chain import WEB, Chain, needs, order, units_of
from wire.site_hours import Span

NIGHT_US = 1_795_042_800_000_000
"""2026-11-18, 23:00 UTC: midnight in Berlin."""


@pytest.fixture
async def chain(database: Database) -> Chain:
    return Chain(database)


async def test_the_nearest_with_its_price_its_time_and_its_confidence(chain: Chain) -> None:
    await chain.stores(near=2, far=2)
    found = await chain.quoted()
    assert [plan.sites for plan in found.plans] == [("near",), ("far",)]
    best, now_us = found.plans[0], chain.rig.clock()
    assert best.prices == {"day": pytest.approx(1.0408, abs=1e-3), "km": pytest.approx(0.1, abs=1e-3)} | {
        "parcel": 4.0,
        "pick": 1.0,
    }
    part = best.parts[0]
    assert part.distance_km == pytest.approx(10, abs=0.1)
    assert part.ready_us == now_us + 30 * 60_000_000, "half an hour of work, always open"
    assert best.eta_us == pytest.approx(part.ready_us + 86_400_000_000 * 1.02, abs=60_000_000)
    assert best.confidence == 1.0
    assert (found.considered, dict(found.left_out)) == (2, {})


async def test_what_was_taken_from_the_database_is_what_can_be_held(chain: Chain) -> None:
    """Every plan for random stock, probabilities and safety can be held at once, as it says."""
    rng = random.Random(4)
    who = Who("web", Policy("web", target=0.9, safety=1))
    for name in "abcd":
        await chain.store(name, km=rng.uniform(1, 300))
        for gtin in (SHIRT_S, SHIRT_M):
            for unit in range(rng.randint(0, 6)):
                await chain.rig.put(f"{name}{unit}", chance=rng.choice([1.0, 0.97, 0.7]), gtin=gtin, site=name)
    found = await chain.quoted(order((SHIRT_S, 3), (SHIRT_M, 2)), who)
    assert found.plans
    holds = chain.rig.holds()
    for plan in found.plans:
        assert sum(units_of(plan).values()) == 5
        wanted = {SkuKey(*key): units for key, units in units_of(plan).items()}
        name = (await chain.rig.reserve(holds, wanted, who=who))["id"]
        await holds.release(who, name)


async def test_sites_of_another_key_are_not_even_counted(chain: Chain) -> None:
    await chain.stores(a=1, b=1, c=1)
    found = await chain.quoted(who=Who("web", Policy("web"), frozenset({"b"})))
    assert ([plan.sites for plan in found.plans], found.considered) == ([("b",)], 1)
    only = await chain.quoted(order(only=frozenset({"c", "nowhere"})))
    assert ([plan.sites for plan in only.plans], only.considered) == ([("c",)], 1)
    assert await chain.sites(order(without=frozenset({"a", "b"}))) == [("c",)]


async def test_the_rules_of_the_channel(chain: Chain) -> None:
    await chain.stores(a=2, b=2)
    await chain.rules(SourcingRules(avoid=frozenset({"a"})))
    assert await chain.out() == {LeftOut.AVOIDED: 1}
    await chain.rules(SourcingRules(keep=2))
    assert await chain.out() == {LeftOut.NOTHING: 2}
    assert await chain.sites(who=Who("pos", Policy("pos"))) == [("a",), ("b",)], "another channel has its own"
    await chain.rules(SourcingRules())
    assert await chain.sites() == [("a",), ("b",)]


async def test_a_site_that_does_not_send_may_be_collected_at(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    await chain.store("a", km=10, ship=False)
    await chain.store("b", km=20, pickup=False)
    assert await chain.sites() == [("b",)]
    assert await chain.out() == {LeftOut.DOES_NOT: 1}
    assert await chain.sites(order(mode="pickup")) == [("a",)]
    there = Order(needs(), "pickup", collect_at="b")
    assert (await chain.quoted(there)).considered == 1
    assert await chain.out(there) == {LeftOut.DOES_NOT: 1}


async def test_who_collects_comes_to_one_site_and_pays_no_parcel(chain: Chain) -> None:
    await chain.stores(a=1, b=2, c=1)
    found = await chain.quoted(order((SHIRT_S, 2), mode="pickup"))
    assert [plan.sites for plan in found.plans] == [("b",)]
    assert found.plans[0].eta_us == found.plans[0].parts[0].ready_us
    assert "parcel" not in found.plans[0].prices
    here = (await chain.quoted(Order(needs(), "pickup", collect_at="c"))).plans[0]
    assert (here.sites, here.parts[0].distance_km) == (("c",), 0.0)
    sent = await chain.quoted(Order(needs((SHIRT_S, 2)), "ship", collect_at="c"))
    assert sent.plans[0].sites == ("b",)
    assert sent.plans[0].parts[0].distance_km == pytest.approx(10, abs=0.1), "from there to the site"
    with pytest.raises(UnknownHoldSiteError, match="no site 'x' here; there are a, b, c"):
        await chain.quoted(Order(needs(), "pickup", collect_at="x"))


async def test_a_place_that_is_not_known_is_no_advantage(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    await chain.store("nowhere", km=None)
    await chain.rig.put("n", site="nowhere")
    found = await chain.quoted()
    assert [plan.sites for plan in found.plans] == [("a",), ("b",), ("nowhere",)]
    assert found.plans[2].parts[0].distance_km == found.plans[1].parts[0].distance_km


async def test_a_closed_site_is_later_and_one_that_never_opens_is_out(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    tomorrow = (*(((),) * 3), (Span(540, 1_080),), *(((),) * 3))  # a Wednesday: it opens on Thursday at nine
    await chain.store("a", km=10, hours=tomorrow)
    found = await chain.quoted(order(mode="pickup"))
    ready = {plan.sites[0]: plan.parts[0].ready_us for plan in found.plans}
    assert ready["a"] == NIGHT_US + int(9.5 * 3_600e6)
    late = order(mode="pickup", need_by_us=ready["a"] - 1)
    assert (await chain.sites(late), await chain.out(late)) == ([("b",)], {LeftOut.LATE: 1})
    await chain.store("a", km=10, hours=((),) * 7)
    assert await chain.out() == {LeftOut.CLOSED: 1}


async def test_a_site_is_full_by_the_orders_of_its_own_day(chain: Chain) -> None:
    await chain.stores(a=9, b=1)
    await chain.store("a", km=10, capacity_per_day=2)
    holds, key = chain.rig.holds(), SkuKey("a", SHIRT_S)
    names = [(await chain.rig.reserve(holds, {key: 1}, ttl_s=80_000))["id"] for _ in range(2)]
    assert await chain.out() == {LeftOut.FULL: 1}
    await holds.release(WEB, names[0])
    assert await chain.out() == {}, "what was released is no work"
    await chain.rig.reserve(holds, {key: 1}, ttl_s=60)
    assert await chain.out() == {LeftOut.FULL: 1}
    chain.rig.clock.advance(60)
    assert await chain.out() == {}, "what expired is none"
    await holds.confirm(WEB, names[1])
    await chain.rig.reserve(holds, {key: 1}, ttl_s=80_000)
    assert await chain.out() == {LeftOut.FULL: 1}
    await chain.store("york", km=30, timezone="America/New_York", capacity_per_day=1)
    await chain.rig.put("y1", "y2", site="york")
    await chain.rig.reserve(holds, {SkuKey("york", SHIRT_S): 1}, ttl_s=80_000)
    assert await chain.out() == {LeftOut.FULL: 2}
    chain.rig.clock.now_us = NIGHT_US
    assert await chain.sites() == [("a",), ("b",)], "midnight in Berlin: another day there, in New York it is not"


@pytest.mark.parametrize(("when_blind", "atp"), [(KEEP, 2), (CAP, 1), (ZERO, 0)])
async def test_rows_that_nobody_looks_at(chain: Chain, when_blind: str, atp: int) -> None:
    """One unit on the floor, one in the back; the back is blind, then all of the site."""
    await chain.stores(a=1)
    await chain.rig.put("back", zone="BACK", site="a")
    await chain.rig.put("m", gtin=SHIRT_M, site="a")
    who = Who("web", Policy("web", when_blind=when_blind))
    assert await chain.sites(order((SHIRT_S, 2)), who) == [("a",)]
    for zones in (["BACK"], ["BACK", "FLOOR", "FIT"]):
        await chain.blind("a", *zones)
        for units in (1, 2):
            found = (await chain.quoted(order((SHIRT_S, units)), who)).plans
            assert [plan.confidence for plan in found] == ([None] if units <= atp else []), (zones, units)
            assert all("not everything is looked at in a" in plan.reasons[2] for plan in found)
        on_the_floor = (await chain.quoted(order((SHIRT_M, 1)), who)).plans
        if len(zones) == 1:
            assert [plan.confidence for plan in on_the_floor] == [1.0], "it does not rest on the blind zone"
        else:
            assert [plan.confidence for plan in on_the_floor] == ([None] if when_blind != ZERO else [])


async def test_a_fold_that_died_is_nobody_who_looks(chain: Chain) -> None:
    await chain.stores(a=1)
    chain.rig.clock.advance(3_600)
    found = (await chain.quotes.quote(WEB, order())).quote
    assert [plan.confidence for plan in found.plans] == [None]
    assert (await chain.quotes.quote(Who("w", Policy("w", when_blind=ZERO)), order())).quote.plans == ()


async def test_the_sites_are_read_anew_beside_the_quotes(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    assert await chain.sites() == [("a",), ("b",)]
    await chain.store("a", km=10, ship=False)
    again = await chain.quoted(later_s=REFRESH_S - 1)
    assert len(again.plans) == 2, "what is known is good for two seconds"
    await chain.quoted(later_s=1.5)
    await chain.quotes.close()
    assert [plan.sites for plan in (await chain.quoted(later_s=0)).plans] == [("b",)]
    assert chain.quotes.counters()["quote_site_reads"] == 2


async def test_more_sites_than_are_looked_at(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    await chain.stores(a=0, b=1, c=1, d=1)
    monkeypatch.setattr(quotes_module, "SITES_MAX", 2)
    found = await chain.quoted()
    assert ([plan.sites for plan in found.plans], dict(found.left_out)) == (
        [("b",)],
        {LeftOut.FAR: 2, LeftOut.NOTHING: 1},
    )
    monkeypatch.setattr(quotes_module, "SITES_MAX", 1_000)
    monkeypatch.setattr(quotes_module, "ROWS_MAX", 4)
    assert await chain.out(order((SHIRT_S, 1), (SHIRT_M, 1))) == {LeftOut.FAR: 2, LeftOut.NOTHING: 1}
    monkeypatch.setattr(quotes_module, "NAMED_MAX", 0)
    assert await chain.sites() == [("b",), ("c",), ("d",)], "rows by name or all rows: the same"


async def test_many_quotes_at_once_wait_or_are_turned_away(chain: Chain) -> None:
    await chain.stores(a=1)
    await chain.quoted()
    many = QUOTES_AT_ONCE + QUOTES_WAITING_MAX + 5
    answers = await asyncio.gather(*(chain.quotes.quote(WEB, order()) for _ in range(many)), return_exceptions=True)
    away = [one for one in answers if isinstance(one, BusyError)]
    assert len(away) == 5
    assert all(one.quote.plans for one in answers if not isinstance(one, BaseException))
    counters = chain.quotes.counters()
    assert (counters["quotes_turned_away"], counters["quotes_waiting"]) == (5, 0)


async def test_a_database_without_sites(database: Database) -> None:
    chain = Chain(database)
    assert (await Quotes(database, chain.rig.clock).quote(WEB, order())).quote.considered == 0
