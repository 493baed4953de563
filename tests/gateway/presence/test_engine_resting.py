"""Goods at rest: they take little room, nothing moves by it, and they wake for whatever is new."""

from dataclasses import replace
from itertools import product
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.presence_cost import Life, checkpoint, full_rate, main, memory, million, real_time, split_readers
from gateway.presence import Window, make_tracker, patches, restore_tracker, snapshot
from gateway.presence.columns import Columns
from gateway.presence.item_state import SHAPES, item_columns
from gateway.presence.patches import Kept
from gateway.presence.resting import SHAPES as RESTING
from gateway.presence.saved_engine import SavedEngine
from gateway.presence.tiers import Tiers
from gateway.presence.tracker import EvidenceKind
from simulator.sites import read_demo_site
from tests.gateway.presence.engine_rig import (
    BACK_1,
    FLOOR_1,
    SITE_TEXT,
    START_S,
    S,
    Shop,
    gtin,
    sane,
    settled_shop,
    site,
    sounds,
    told,
    window,
)

PLACES = {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "POS", 4: "BACK", 5: "FLOOR"}
ITEMS = len(PLACES)
QUIET = {0, 1, 4, 5}


def rested() -> Shop:
    return settled_shop(1_080, PLACES, ITEMS, skus=3)


def at_rest(shop: Shop) -> set[int]:
    made = shop.tracker
    assert isinstance(made, SavedEngine)
    return {item for item in made.resting.state["item"].tolist() if item >= 0}


def active(shop: Shop) -> set[int]:
    made = shop.tracker
    assert isinstance(made, SavedEngine)
    return {item for item in made.state["item"].tolist() if item >= 0}


def test_goods_that_lie_still_rest_and_nothing_moves_by_it() -> None:
    shop, quiet = settled_shop(240, PLACES, ITEMS), rested()
    assert at_rest(shop) == set()
    assert at_rest(quiet) >= {0, 1}
    assert at_rest(quiet) <= QUIET
    assert at_rest(quiet) | active(quiet) == set(PLACES)
    assert not at_rest(quiet) & active(quiet)
    assert quiet.zones == shop.zones
    assert np.abs(sane(quiet.tracker, ITEMS) - sane(shop.tracker, ITEMS))[list(QUIET)].max() < 0.05
    assert quiet.live(120, PLACES) == []
    assert at_rest(quiet) <= QUIET


def test_resting_goods_that_are_carried_are_found() -> None:
    shop = rested()
    assert 0 in at_rest(shop)
    changes = shop.live(120, PLACES | {0: "FLOOR"})
    assert told(changes) == [(0, "BACK", "FLOOR")]
    assert 0 in active(shop)
    moved = changes[0]
    assert moved.happened_us < (START_S + 1_080 + 60) * S


def test_one_unusual_read_moves_nobody() -> None:
    shop = rested()
    for antenna, rssi in ((FLOOR_1, -55.0), (BACK_1, -75.0)):
        one = window(shop.second, [*sounds(PLACES, shop.second), (0, antenna, rssi)])
        shop.second += 1
        assert shop.observe(one) == []
        assert shop.live(40, PLACES) == []


def test_a_read_that_is_a_little_off_is_kept_for_the_candidate() -> None:
    shop = rested()
    made = shop.tracker
    assert isinstance(made, SavedEngine)
    calm = made.snapshot()
    for rssi in np.arange(-60.0, -50.0, 0.25):
        made = restore_tracker(site(), calm)
        assert isinstance(made, SavedEngine)
        made.observe(window(shop.second, [(0, BACK_1, float(rssi))]))
        state = made.resting.state
        if (state["doubt"] > 0).any():
            break
    row = int(state["doubt"].argmax())
    assert state["late_antenna"][row].tolist() == [BACK_1, -1, -1]
    made.observe(window(shop.second + 1, [(0, FLOOR_1, -50.0)]))  # where it was never heard
    here = int(np.flatnonzero(made.state["item"] == 0)[0])
    slot = made.state["slot"][here].tolist()
    assert made.state["can_reads"][here, slot.index(BACK_1)] == 1
    assert made.state["can_reads"][here, slot.index(FLOOR_1)] == 1
    assert made.state["can_us"][here] == window(shop.second, []).start_us


def test_silence_wakes_and_moves_nobody() -> None:
    shop = rested()
    quiet = at_rest(shop)
    assert shop.live(400, {2: "FIT", 3: "POS"}) == []
    assert at_rest(shop) & quiet == set()


def test_goods_at_rest_are_judged_now_and_then() -> None:
    shop = rested()
    made = shop.tracker
    assert isinstance(made, SavedEngine)
    quiet = at_rest(shop)
    made.resting.state["door"][:] = 9  # only a judgement finds it again
    made.air.device_s -= 1_300  # as if the readers had not looked: what wakes is not the silence
    shop.second += 1_300
    shop.live(4, PLACES)  # who is judged while nobody hears it is in doubt until its next read
    assert at_rest(shop) == quiet
    rows = -made.tiers.where(np.array(sorted(quiet))) - 1
    assert (made.resting.state["door"][rows] <= 1).all()


@pytest.mark.parametrize("kind", [EvidenceKind.SALE, EvidenceKind.PLACE, EvidenceKind.RETURN, EvidenceKind.COUNT])
def test_evidence_wakes_the_item_that_it_names(kind: EvidenceKind) -> None:
    shop = rested()
    assert 0 in at_rest(shop)
    changes = shop.hear(kind, 0, zone="" if kind is EvidenceKind.SALE else "POS", coverage=0.1)
    assert told(changes) == [(0, "BACK", "POS")]
    assert 0 in active(shop)


def test_a_count_in_vain_wakes_the_goods_of_its_zone() -> None:
    shop = rested()
    before = shop.chance(0, "BACK")
    shop.hear(EvidenceKind.COUNT, zone="BACK", coverage=0.9)
    assert {0, 4} <= active(shop)
    assert shop.chance(0, "BACK") < before


def test_a_sale_by_sku_wakes_all_of_the_sku() -> None:
    shop = rested()
    shop.hear(EvidenceKind.SALE, gtin=gtin(1), quantity=1)
    assert {1, 4} <= active(shop)


def test_what_is_gone_rests_and_returns() -> None:
    shop = rested()
    shop.hear(EvidenceKind.PLACE, 1, zone="OUT")
    places = {item: zone for item, zone in PLACES.items() if item != 1}
    for _ in range(130):  # a window a quarter of a minute
        shop.second += 14
        shop.live(1, places)
    assert 1 in at_rest(shop)
    assert shop.chance(1, "OUT") > 0.9
    again = restore_tracker(site(), shop.tracker.snapshot())
    assert again.snapshot() == shop.tracker.snapshot()
    changes = [change for change in shop.live(60, PLACES) if change.item == 1]
    assert [(change.to_zone, change.cause) for change in changes][:1] == [("FLOOR", "returned")]


def test_goods_that_were_only_told_of_rest_and_are_found_when_they_are_read() -> None:
    shop = Shop(2)
    shop.hear(EvidenceKind.RECEIPT, 0, 1)
    for _ in range(70):
        shop.second += 14
        shop.live(1, {})
    assert at_rest(shop) == {0, 1}
    assert shop.zones == ["BACK", "BACK"]
    shop.live(60, {0: "FLOOR"})
    assert shop.zones == ["FLOOR", "BACK"]


def test_a_snapshot_holds_goods_at_rest_and_their_doubt() -> None:
    shop = rested()
    again = None
    for second in range(shop.second, shop.second + 40):
        reads = [*sounds(PLACES | ({0: "FLOOR"} if second % 40 > 25 else {}), second), (1, FLOOR_1, -58.0)]
        one = window(second, {(item, antenna): (item, antenna, rssi) for item, antenna, rssi in reads}.values())
        if second == shop.second + 3:
            again = restore_tracker(site(), shop.tracker.snapshot())
        changes = shop.tracker.observe(one)
        if again is not None:
            assert again.observe(one) == changes
    assert again is not None
    assert again.snapshot() == shop.tracker.snapshot()


def test_the_order_of_rows_means_nothing_to_goods_at_rest() -> None:
    shop, mixed = rested(), rested()
    rng = np.random.default_rng(3)
    for second in range(shop.second, shop.second + 60):
        one = window(second, sounds(PLACES | {0: "FLOOR"}, second))
        assert mixed.tracker.observe(_shuffled(one, rng)) == shop.tracker.observe(one)
    assert mixed.tracker.snapshot() == shop.tracker.snapshot()


def _shuffled(one: Window, rng: np.random.Generator) -> Window:
    order = rng.permutation(len(one.item))
    names = ("item", "antenna", "count", "rssi_peak_cdbm", "rssi_mean_cdbm", "first_us", "last_us")
    columns: dict[str, Any] = {name: getattr(one, name)[order] for name in names}
    return replace(one, **columns)


def test_late_reads_do_not_wake() -> None:
    shop = rested()
    quiet = at_rest(shop)
    assert shop.observe(window(shop.second - 600, [(0, FLOOR_1, -50.0)])) == []
    assert at_rest(shop) == quiet


@pytest.mark.parametrize(
    ("text", "woken"),
    [
        (SITE_TEXT.replace("id: R2", "id: R9"), set()),
        (SITE_TEXT.replace("zones:\n", "zones:\n  - {id: DOCK, kind: receiving}\n"), set()),
        (SITE_TEXT.replace("BACK", "STORE"), {0, 4}),
    ],
)
def test_goods_at_rest_survive_another_site_file(text: str, woken: set[int]) -> None:
    shop = rested()
    quiet = at_rest(shop)
    shop.tracker = restore_tracker(site(text), shop.tracker.snapshot())
    assert at_rest(shop) == quiet - woken
    chances = sane(shop.tracker, ITEMS)
    for item in quiet - woken:
        assert shop.tracker.zones[chances[item, :-1].argmax()] == PLACES[item]


# -- tables


def test_a_row_at_rest_is_small() -> None:
    tiers = Tiers(item_columns(5), make_engine().resting)
    assert Columns(RESTING).row_bytes() + tiers.items.row_bytes() <= 300


def make_engine() -> SavedEngine:
    made = make_tracker(site())
    assert isinstance(made, SavedEngine)
    return made


def test_rows_that_are_free_are_used_again_and_given_back() -> None:
    engine = make_engine()
    tiers, count = engine.tiers, 5_000
    engine.meet([gtin(1)] * count)
    items = np.arange(count)
    tiers.open(items)
    tiers.rest(np.arange(0, count, 2))
    assert (tiers.where(items[::2]) < 0).all()
    assert (tiers.where(items[1::2]) == items[1::2] + 1).all()
    tiers.wake(np.arange(100), 1)
    assert engine.state.rows == count
    awake = engine.state["item"][engine.state["item"] >= 0].tolist()
    assert sorted(awake) == sorted([*range(0, 200, 2), *range(1, count, 2)])
    tiers.rest(np.flatnonzero(engine.state["item"] >= 300))
    new = tiers.pack()
    assert new is not None
    assert engine.state.rows == 250
    where = tiers.where(items)
    assert (engine.state["item"][where[where > 0] - 1] == items[where > 0]).all()
    assert (engine.resting.state["item"][-where[where < 0] - 1] == items[where < 0]).all()
    assert engine.state.size_bytes() == 250 * engine.state.row_bytes()


def test_tables_that_were_dropped_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "TABLES_KEPT", 2)
    made = []
    kept = Kept(lambda number: made.append(number) or number * 10)  # type: ignore[func-returns-value]
    assert [kept[number] for number in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
    assert len(kept) == 2


def test_few_tables_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    spots = product((2, 6, 10, 14, 18, 22), (1, 4, 7, 10))
    antennas = "".join(f"      - {{port: {n + 1}, zone: HALL, x: {x}, y: {y}}}\n" for n, (x, y) in enumerate(spots))
    hall = (
        'site: hall\ncompany_prefixes: ["9506000"]\nzones:\n'
        "  - {id: HALL, kind: sales_floor, outline: [[0, 0], [24, 0], [24, 12], [0, 12]]}\n"
        f"devices:\n  - id: R\n    driver: llrp\n    address: a\n    antennas:\n{antennas}"
    )
    keys = tuple(("R", port + 1) for port in range(24))

    def lived() -> bytes:
        made = make_tracker(site(hall))
        made.meet([gtin(item) for item in range(24)])
        for second in range(8):
            reads = [(item, (item + second) % 24, -55.0 - second) for item in range(24)]
            made.observe(window(second, reads, antennas=keys))
        return made.snapshot()

    whole = lived()
    monkeypatch.setattr(patches, "TABLES_KEPT", 3)
    assert lived() == whole


def test_a_snapshot_of_version_1_is_read() -> None:
    shop = settled_shop(240, PLACES, ITEMS)
    saved = snapshot.decode(shop.tracker.snapshot())
    order = np.argsort(np.frombuffer(saved.columns["item"], np.int32))
    columns = {}
    for name, (dtype, shape, _) in (SHAPES | {"mass": (np.float32, (len(saved.zones),), 0)}).items():
        columns[name] = np.frombuffer(saved.columns[name], dtype).reshape(saved.rows, *shape)[order].tobytes()
    for name in ("item", "own", "gap_s"):
        del columns[name]
    old = snapshot._Saved1(
        magic=saved.magic,
        version=1,
        zones=saved.zones,
        antennas=saved.antennas,
        devices=saved.devices,
        positions=saved.positions,
        position_zone=saved.position_zone,
        items=saved.met,
        gtins=saved.gtins,
        columns=columns | {"settled": bytes(saved.met)},
        air={name: column for name, column in saved.air.items() if name != "dual"},
        through=saved.through,
        home=b"",
        quick={},
        pending=saved.pending,
        numbers=saved.numbers | {"turn": 9},
    )
    shop.tracker = restore_tracker(site(), msgspec.msgpack.encode(old))
    assert (sane(shop.tracker, ITEMS).argmax(1) == [shop.tracker.zones.index(zone) for zone in shop.zones]).all()
    assert shop.live(60, PLACES) == []


def test_a_snapshot_of_version_2_is_read() -> None:
    shop, new = rested(), {"own", "gap_s", "dual"}
    saved = snapshot.decode(shop.tracker.snapshot())
    assert saved.version == 3
    old = msgspec.structs.replace(
        saved,
        version=2,
        **{
            part: {name: column for name, column in getattr(saved, part).items() if name not in new}
            for part in ("columns", "resting", "air")
        },
    )
    before = sane(shop.tracker, ITEMS)
    shop.tracker = restore_tracker(site(), snapshot.encode(old))
    assert np.array_equal(sane(shop.tracker, ITEMS), before)
    assert at_rest(shop)
    again = snapshot.decode(shop.tracker.snapshot())
    assert (again.version, set(again.columns), set(again.resting)) == (3, set(saved.columns), set(saved.resting))
    assert set(again.columns["own"]) == set(again.resting["own"]) == {255}
    assert shop.live(60, PLACES) == []


# -- what it costs


def test_the_cost_bench_measures_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    life = Life(split_readers(read_demo_site("boutique"), 4), 40, "easy")
    assert len(life.site.devices) == 4
    assert sum(len(device.antennas) for device in life.site.devices) == 7
    life.live(1_150)
    figures = real_time(life, 10)
    assert figures["observations_per_store_second"] > 1
    dense = full_rate(life, 2)
    assert dense["observations_per_window"] > figures["observations_per_store_second"]
    held = memory(life.engine)
    assert held["active"] + held["resting"] <= 40
    assert held["resting"] > 5
    assert checkpoint(life, 3)["same_bytes"] is True
    many = million(life, 5_000)
    assert many["same_bytes"] is True
    assert many["bytes_per_item"] < 600
    with pytest.raises(SystemExit):
        main(["--level", "none"])
    assert "--level" in capsys.readouterr().err
