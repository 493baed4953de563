"""The life of a store: nothing appears or disappears but through a door, and everything is told."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import StoreError, WrongSecondError
from simulator.events import EventKind
from simulator.goods import State
from simulator.looking import Looking
from simulator.plans import PAVEMENT_M, PAVEMENT_S
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.simulator.simulated_sites import PLAIN, plain_site
from wire.site import Site, ZoneKind

OFF_THE_AIR_S = PAVEMENT_M / 0.8 + PAVEMENT_S + 3
"""Goods that left are out of reach after this time: the slowest walks 0.8 m/s; a second for each turn of a step."""

SITES = [plain_site(name) for name in PLAIN] + [read_demo_site("main-street"), read_demo_site("outlet")]
by_site = pytest.mark.parametrize("site", SITES, ids=lambda site: site.id)


def fingerprint(store: Store, seconds: int) -> str:
    digest = hashlib.sha256(store.epcs.tobytes())
    for t_s in range(seconds):
        reads = store.step(t_s)
        for column in (reads.item, reads.antenna, reads.rssi_cdbm, reads.offset_us, reads.look_antenna):
            digest.update(column.tobytes())
        digest.update(repr((store.moves, store.events)).encode())
        digest.update(store.truth().tobytes())
    return digest.hexdigest()


def in_one_place(store: Store) -> None:
    """Every item is on a fixture, in one person's hands, on the pavement or gone; the truth says the same."""
    goods, life = store._goods, store._life
    carried = [item for person in life.people for item in person.goods]
    assert len(carried) == len(set(carried)), "an item in two hands"
    state = goods.state[: store.items]
    held = set(np.flatnonzero((state == State.HAND) | (state == State.PAVEMENT)).tolist())
    assert held == set(carried)
    inside = (state == State.FIXTURE) | (state == State.HAND)
    out = len(store.zones) - 1
    assert ((store.truth() == out) == ~inside).all()
    worn = [tag for person in life.people for tag in person.foreign]
    assert sorted(worn + life._foreign) == list(range(store.items, store.tags))


@by_site
def test_the_same_seed_gives_the_same_bytes(site: Site) -> None:
    stores = [Store(site, "hostile", seed, busy=6, haste=4, hours=0.1) for seed in (5, 5, 6)]
    first, again, other = (fingerprint(store, 90) for store in stores)
    assert first == again
    assert first != other


def test_another_process_gives_the_same_bytes() -> None:
    """No order of a set or of hashes decides anything."""
    program = (
        "from tests.simulator.test_store_life import fingerprint, plain_site, Store\n"
        "for name in ('bare', 'two_levels'):\n"
        "    print(fingerprint(Store(plain_site(name), 'realistic', 3, busy=6), 40))\n"
    )
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert len(said.pop().split()) == 2


def test_readers_do_not_change_life() -> None:
    looked = Store(read_demo_site("outlet"), "realistic", 8, busy=8, haste=4)
    blind = Store(read_demo_site("outlet"), "realistic", 8, busy=8, haste=4)
    for device in ("R1", "R2", "R4", "R6"):
        blind.set_looking(device, None)
    blind.set_looking("R3", Looking(ports=(2,), every_second=True, session=2))
    for t_s in range(240):
        looked.step(t_s)
        blind.step(t_s)
        assert looked.moves == blind.moves
        assert looked.events == blind.events
    assert (looked.truth() == blind.truth()).all()


@by_site
def test_every_item_is_in_exactly_one_place(site: Site) -> None:
    store = Store(site, "hostile", 2, busy=10, haste=5, hours=0.15, reserve=0.2)
    in_one_place(store)
    for t_s in range(300):
        store.step(t_s)
        if t_s % 5 == 0:
            in_one_place(store)


@by_site
def test_moves_add_up_to_the_truth_and_events_explain_them(site: Site) -> None:
    store = Store(site, "hostile", 4, busy=10, haste=5, hours=0.15)
    out = len(store.zones) - 1
    counts_as = {store.zones.index(zone.id): store.zones.index(zone.counts_as) for zone in site.zones}
    truth = store.truth()
    for t_s in range(400):
        store.step(t_s)
        told = Counter((event.kind, event.item) for event in store.events)
        for move in store.moves:
            assert move.t_s == t_s
            assert truth[move.item] == move.from_zone != move.to_zone
            truth[move.item] = move.to_zone
            assert move.to_zone == out or counts_as[move.to_zone] == move.to_zone, "counts_as is applied"
            assert (move.to_zone == out) == bool(told[EventKind.LEFT, move.item])
            assert (move.from_zone == out) == bool(told[EventKind.ENTERED, move.item])
        doors = sum(n for (kind, _), n in told.items() if kind in (EventKind.LEFT, EventKind.ENTERED))
        assert doors == sum(out in (move.from_zone, move.to_zone) for move in store.moves)
        assert (truth == store.truth()).all()


def busy_run(seconds: int = 1_500) -> tuple[Store, list[tuple[int, EventKind, int]], dict[int, list[int]]]:
    """A lively store: its events, and the seconds in which each item was read."""
    store = Store(read_demo_site("main-street"), "hostile", 9, busy=8, haste=6, hours=seconds / 3600)
    events: list[tuple[int, EventKind, int]] = []
    seen: dict[int, list[int]] = {}
    for t_s in range(seconds):
        reads = store.step(t_s)
        events += [(event.t_s, event.kind, event.item) for event in store.events]
        for item in set(reads.item.tolist()):
            seen.setdefault(item, []).append(t_s)
    return store, events, seen


def test_what_is_sold_or_stolen_leaves_and_is_never_read_again_unless_returned() -> None:
    store, events, seen = busy_run()
    kinds = Counter(kind for _, kind, _ in events)
    assert kinds[EventKind.SALE] > 100
    assert kinds[EventKind.THEFT] > 5
    assert kinds[EventKind.RETURN] > 2
    assert set(kinds) >= set(EventKind) - {EventKind.PUT_AWAY}, "everything happened at least once"
    story: dict[int, list[tuple[int, EventKind]]] = {}
    for t_s, kind, item in events:
        story.setdefault(item, []).append((t_s, kind))
    for item, told in story.items():
        gone_at: int | None = None
        paid = stolen = False
        spans = []
        for t_s, kind in told:
            if kind is EventKind.LEFT:
                assert paid or stolen, "goods leave paid or stolen"
                gone_at = t_s
            elif kind is EventKind.ENTERED:
                if gone_at is not None:
                    assert paid, "only what was bought comes back"
                    spans.append((gone_at, t_s))
                gone_at, paid, stolen = None, False, False
            else:
                assert gone_at is None, f"{kind} of an item that is gone"
                paid |= kind is EventKind.SALE
                stolen |= kind is EventKind.THEFT
        if gone_at is not None:
            assert store.truth()[item] == len(store.zones) - 1
            spans.append((gone_at, store.next_s + 1_000))
        for low, high in spans:
            # Somebody who brings goods back stands before the door for a few seconds.
            late = [t for t in seen.get(item, ()) if low + OFF_THE_AIR_S < t < high - OFF_THE_AIR_S]
            assert not late, f"item {item} left at {low} and was read at {late}"


def test_a_delivery_comes_in_through_receiving_and_is_put_away() -> None:
    store = Store(read_demo_site("outlet"), "easy", 3, hours=0.1, busy=3, haste=10)
    zone = {name: number for number, name in enumerate(store.zones)}
    waiting = np.flatnonzero(store.truth() == zone["OUT"])
    assert 0.06 < len(waiting) / store.items < 0.17
    kinds = Counter[EventKind]()
    for t_s in range(600):
        store.step(t_s)
        kinds.update(event.kind for event in store.events)
        for event in store.events:
            if event.kind is EventKind.RECEIPT:
                assert store.truth()[event.item] == zone["RECEIVING"]
            if event.kind is EventKind.PUT_AWAY:
                assert store.truth()[event.item] == zone["BACK"]
    assert kinds[EventKind.RECEIPT] == len(waiting)
    assert kinds[EventKind.PUT_AWAY] > 0.9 * len(waiting)


def test_staff_brings_to_the_floor_what_is_missing_there() -> None:
    store = Store(read_demo_site("main-street"), "easy", 5, hours=1, busy=4, haste=4)
    brought, back_before = 0, (store.truth() == store.zones.index("BACK")).sum()
    for t_s in range(900):
        store.step(t_s)
        for event in store.events:
            if event.kind is EventKind.REPLENISH:
                brought += 1
                assert store.zones[store.truth()[event.item]].startswith("FLOOR")
    assert brought >= 20
    assert back_before > (store.truth() == store.zones.index("BACK")).sum()


@pytest.mark.parametrize("name", ["main-street", "outlet"])
def test_at_opening_goods_hang_where_goods_belong(name: str) -> None:
    site = read_demo_site(name)
    store = Store(site, "easy", 11, busy=1e-6)
    assert not store._life.people
    kinds = Counter(site.zones[zone].kind for zone in store._goods.stand.tolist() if zone >= 0)
    assert set(kinds) <= {ZoneKind.SALES_FLOOR, ZoneKind.BACK_ROOM, ZoneKind.WINDOW}
    shown = {site.zones[zone].department for zone in store._goods.stand.tolist() if zone >= 0} - {""}
    for item, zone in enumerate(store._goods.stand.tolist()):
        if zone >= 0 and site.zones[zone].department:
            product = store.catalogue.products[store._tags.product[item]]
            assert product.department == site.zones[zone].department
    assert shown == {zone.department for zone in site.zones} - {""}


def test_shoppers_walk_through_the_doors() -> None:
    """Between two seconds goods come no farther than a person can walk: nothing jumps from zone to zone."""
    site = read_demo_site("main-street")
    store = Store(site, "realistic", 6, busy=8, haste=4)
    joined = {frozenset(pair) for pair in site.passages}
    joined |= {frozenset({a, site.zone(b).counts_as}) for a, b in site.passages}
    jumps = total = 0
    for t_s in range(600):
        store.step(t_s)
        for move in store.moves:
            a, b = store.zones[move.from_zone], store.zones[move.to_zone]
            if "OUT" not in {a, b}:
                total += 1
                jumps += frozenset({a, b}) not in joined
    assert total > 500
    assert jumps / total < 0.02, "jitter at a corner of three zones may skip one"


def test_goods_swing_in_the_hand_but_never_through_a_wall() -> None:
    store = Store(read_demo_site("main-street"), "realistic", 7, busy=10, haste=4)
    plan, goods = store.plan, store._goods
    apart = 0
    for t_s in range(400):
        store.step(t_s)
        for person in store._life.people:
            if person.wait_s > 0 or not person.goods:
                continue
            x, y, level = person.place
            at = plan.zone_at(np.array([x]), np.array([y]), np.array([level]))[0]
            near = goods.state[person.goods] == State.HAND
            stand = goods.stand[person.goods][near]
            assert plan.passages[at, stand].all()
            apart += int((np.hypot(goods.x[person.goods] - x, goods.y[person.goods] - y) > 0.01).sum())
    assert apart > 1_000


def test_a_long_run_with_reserve_keeps_getting_deliveries() -> None:
    store = Store(read_demo_site("main-street"), "easy", 3, items=200, reserve=1.0, hours=0.1, busy=5, haste=10)
    assert store.items == 400
    received = []
    for t_s in range(700):
        store.step(t_s)
        received += [event.t_s for event in store.events if event.kind is EventKind.RECEIPT]
    assert len(set(received)) >= 5
    assert len(received) > 150


def test_people_and_positions_can_be_drawn() -> None:
    store = Store(read_demo_site("outlet"), "hostile", 3, busy=5)
    for t_s in range(30):
        store.step(t_s)
    place = store.positions()
    assert place.shape == (store.tags, 2)
    gone = store._goods.state == State.GONE
    assert np.isnan(place[gone]).all()
    assert np.isfinite(place[~gone]).all()
    assert len(store.people()) > 5
    assert all(-5 < x < 29 and -5 < y < 29 and level == 0 for x, y, level in store.people())


def test_seconds_follow_each_other() -> None:
    store = Store(plain_site("bare"), "easy", 1)
    store.step(0)
    for wrong in (0, 2, -1):
        with pytest.raises(WrongSecondError, match="expected 1"):
            store.step(wrong)
    store.step(1)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"items": 0}, "items 0"),
        ({"items": 10**6}, "items 1000000"),
        ({"seed": -1}, "seed -1"),
        ({"hours": 0.0}, "hours 0.0"),
        ({"busy": 0.0}, "busy 0.0"),
        ({"haste": 1e9}, "haste 1000000000.0"),
        ({"reserve": -0.1}, "reserve -0.1"),
        ({"level": "brutal"}, "expected one of easy, realistic, hostile"),
    ],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(StoreError, match=match):
        Store(plain_site("one_zone"), **wrong)  # type: ignore[arg-type]
