"""Any site file: with a plan, with positions, with names only, with next to nothing; and one that changes under way."""

import re

import numpy as np
import pytest

from gateway.presence import restore_tracker
from gateway.presence.tracker import Evidence, EvidenceKind
from tests.gateway.presence.engine_rig import (
    ANTENNAS,
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
    tracker,
    window,
)

PLACES = {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "POS", 4: "RACK", 5: "BACK"}
ZONES = ["BACK", "FLOOR", "FIT", "POS", "FLOOR", "BACK"]
ITEMS = len(PLACES)


def dropped(pattern: str, text: str = SITE_TEXT) -> str:
    made = re.sub(pattern, "", text, flags=re.MULTILINE)
    assert made != text
    return made


POSITIONS_ONLY = dropped(r"walls:\n.*\n", dropped(r", outline: \[.*\]\]"))
NAMES_ONLY = dropped(r", [xyz]: [\d.]+", POSITIONS_ONLY)
NO_PASSAGES = dropped(r"^passages:.*\n")
NO_EXIT = dropped(r"  - id: R3\n(.*\n)*", dropped(r"^  - \{id: EXIT.*\n", SITE_TEXT.replace(", [FLOOR, EXIT]", "")))
NO_TILL = dropped(r".*zone: POS.*\n", dropped(r"^  - \{id: POS.*\n", SITE_TEXT.replace(", [FLOOR, POS]", "")))
NO_CABIN = dropped(r".*zone: FIT.*\n", dropped(r"^  - \{id: FIT.*\n", SITE_TEXT.replace(", [FLOOR, FIT]", "")))
NO_DEVICES = SITE_TEXT[: SITE_TEXT.index("devices:")]
ONE_ANTENNA = SITE_TEXT[: SITE_TEXT.index("      - {port: 2, zone: BACK")]


@pytest.mark.parametrize("text", [SITE_TEXT, POSITIONS_ONLY, NAMES_ONLY, NO_PASSAGES], ids=lambda text: str(len(text)))
def test_still_goods_are_found_and_stay_found(text: str) -> None:
    shop = Shop(ITEMS, text)
    shop.live(200, PLACES)
    assert shop.zones == ZONES
    assert shop.live(150, PLACES) == []
    sane(shop.tracker, ITEMS)


@pytest.mark.parametrize("text", [NO_EXIT, NO_TILL, NO_CABIN, NO_DEVICES, ONE_ANTENNA], ids=lambda text: str(len(text)))
def test_a_site_may_lack_what_others_have(text: str) -> None:
    shop = Shop(ITEMS, text)
    kinds = EvidenceKind
    shop.live(60, PLACES)
    shop.hear(kinds.RECEIPT, 5)
    shop.hear(kinds.SALE, 1)
    shop.hear(kinds.SALE, gtin=gtin(2), quantity=1)
    shop.hear(kinds.COUNT, 0, zone="BACK", coverage=0.9)
    shop.live(20, {1: "DOOR"})
    shop.live(120, {0: "BACK"})
    shop.hear(kinds.RETURN, 1)
    assert shop.zones[1] in shop.tracker.zones
    sane(shop.tracker, ITEMS)
    assert restore_tracker(site(text), shop.tracker.snapshot()).snapshot() == shop.tracker.snapshot()


def test_without_exits_nothing_leaves_by_itself() -> None:
    shop = Shop(ITEMS, NO_EXIT)
    shop.live(200, PLACES)
    shop.live(10, PLACES | {1: "DOOR"})
    changes = shop.live(500, {0: "BACK", 5: "BACK"})
    assert [change.item for change in changes if change.to_zone == "OUT" and change.item in {0, 1, 5}] == []


def test_without_a_till_a_sold_item_leaves_from_where_it_is() -> None:
    shop = Shop(ITEMS, NO_TILL)
    shop.live(200, PLACES)
    changes = shop.hear(EvidenceKind.SALE, 1) + shop.live(60, {key: PLACES[key] for key in (0, 2, 4, 5)})
    assert [(change.item, change.to_zone, change.cause) for change in changes if change.item == 1] == [
        (1, "OUT", "sold")
    ]


def test_one_antenna_puts_all_that_it_hears_in_its_zone() -> None:
    shop = Shop(2, ONE_ANTENNA)
    shop.live(60, {0: "BACK"})
    assert shop.zones == ["BACK", "OUT"]
    assert shop.chance(1, "OUT") == pytest.approx(1)


def test_no_items_at_all() -> None:
    shop = Shop(0)
    assert shop.live(5, {}) == []
    assert shop.hear(EvidenceKind.COUNT, zone="FLOOR") == []
    assert shop.hear(EvidenceKind.SALE, gtin=gtin(0), quantity=2) == []
    assert sane(shop.tracker, 0).shape == (0, 5)
    assert restore_tracker(site(), shop.tracker.snapshot()).snapshot() == shop.tracker.snapshot()


def test_forty_antennas_hear_one_item_in_one_second() -> None:
    devices = "".join(
        f"  - id: D{device}\n    driver: llrp\n    address: a{device}\n    antennas:\n"
        + "".join(f"      - {{port: {port}, zone: {'BACK' if device == 3 else 'FLOOR'}}}\n" for port in (1, 2, 3, 4))
        for device in range(10)
    )
    made = tracker(2, SITE_TEXT[: SITE_TEXT.index("  - id: R1")] + devices)
    keys = tuple((f"D{device}", port) for device in range(10) for port in (1, 2, 3, 4))
    places = ["OUT", "OUT"]
    for second in range(60):
        reads = [(0, antenna, -55.0) for antenna in range(40)]
        for change in made.observe(window(second, [*reads, (1, 13, -50.0)], antennas=keys)):
            places[change.item] = change.to_zone
        sane(made, 2)
    assert places == ["FLOOR", "BACK"]


# -- a site file that changes


def lived() -> Shop:
    """A shop with goods at rest, one on its way out, a sale that waits and goods that only a receipt told of."""
    shop = settled_shop(150, PLACES, ITEMS + 1)
    shop.hear(EvidenceKind.SALE, gtin=gtin(900), quantity=1)
    shop.hear(EvidenceKind.RECEIPT, ITEMS)
    shop.live(4, PLACES | {4: "DOOR"})
    return shop


CHANGED = {
    "same": SITE_TEXT,
    "antenna added": SITE_TEXT + "      - {port: 2, zone: EXIT, x: 6.5, y: 0.5, z: 2.5}\n",
    "device added before": SITE_TEXT.replace(
        "  - id: R1", "  - id: R0\n    driver: llrp\n    address: z\n    antennas: [{port: 1, zone: FLOOR}]\n  - id: R1"
    ),
    "device removed": SITE_TEXT[: SITE_TEXT.index("  - id: R3")],
    "device renamed": SITE_TEXT.replace("id: R2", "id: R9"),
    "antenna moved to another zone": SITE_TEXT.replace("port: 3, zone: FIT", "port: 3, zone: FLOOR"),
    "outline moved": SITE_TEXT.replace("[[0, 0], [12, 0], [12, 8], [0, 8]]", "[[30, 0], [42, 0], [42, 8], [30, 8]]"),
    "names only": NAMES_ONLY,
    "positions only": POSITIONS_ONLY,
    "no passages": NO_PASSAGES,
    "zone before": SITE_TEXT.replace("zones:\n", "zones:\n  - {id: DOCK, kind: receiving}\n"),
    "one antenna": ONE_ANTENNA,
    "no devices": NO_DEVICES,
}


@pytest.mark.parametrize("text", CHANGED.values(), ids=CHANGED.keys())
def test_places_survive_another_site_file(text: str) -> None:
    shop = lived()
    made = restore_tracker(site(text), shop.tracker.snapshot())
    chances = sane(made, ITEMS + 1)
    for item, zone in enumerate([*ZONES, "BACK"]):
        assert made.zones[chances[item, :-1].argmax()] == zone, item
        assert chances[item].argmax() < len(made.zones)
    assert restore_tracker(site(text), made.snapshot()).snapshot() == made.snapshot()


@pytest.mark.parametrize("text", CHANGED.values(), ids=CHANGED.keys())
def test_goods_that_lie_still_move_by_no_other_site_file(text: str) -> None:
    shop = lived()
    made = restore_tracker(site(text), shop.tracker.snapshot())
    changes = []
    for second in range(shop.second, shop.second + 60):
        changes += made.observe(window(second, sounds(PLACES, second)))
        changes += made.tick((START_S + second + 1) * S)
        sane(made, ITEMS + 1)
    assert [row for row in told(changes) if row[0] not in {2, 4}] == []  # FIT's antenna may be on the floor now
    changes = made.witness(Evidence(EvidenceKind.PLACE, (START_S + 400) * S, np.array([0], np.int32), zone="FLOOR"))
    assert told(changes) == [(0, "BACK", "FLOOR")]


@pytest.mark.parametrize(
    ("text", "gone"), [(NO_CABIN, "FIT"), (NO_TILL, "POS"), (SITE_TEXT.replace("BACK", "STORE"), "BACK")]
)
def test_goods_of_a_zone_that_is_no_more_are_found_again_when_read(text: str, gone: str) -> None:
    shop = lived()
    made = restore_tracker(site(text), shop.tracker.snapshot())
    chances = sane(made, ITEMS + 1)
    lost = {item for item, zone in enumerate([*ZONES, "BACK"]) if zone == gone}
    for item, zone in enumerate(ZONES):
        if item not in lost:
            assert made.zones[chances[item, :-1].argmax()] == zone
    changes = []
    for second in range(shop.second, shop.second + 60):
        changes += made.observe(window(second, sounds(PLACES | {2: "FLOOR", 3: "FLOOR"}, second)))
        sane(made, ITEMS + 1)
    again = {change.item for change in changes if change.from_zone == "OUT" and change.to_zone in made.zones}
    assert {item for item in lost if item in PLACES} <= again


def test_the_old_file_again_finds_all_places_by_name() -> None:
    shop = lived()
    other = restore_tracker(site(NAMES_ONLY), shop.tracker.snapshot())
    back = restore_tracker(site(), other.snapshot())
    chances = sane(back, ITEMS + 1)
    assert [back.zones[best] for best in chances[:, :-1].argmax(1)] == [*ZONES, "BACK"]
    assert len(ANTENNAS) == 7
