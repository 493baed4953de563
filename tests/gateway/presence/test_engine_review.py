"""Defects that a review found, each once."""

import numpy as np

from gateway.presence import make_tracker
from gateway.presence.tracker import Evidence, EvidenceKind
from simulator.sites import read_demo_site
from tests.gateway.presence.engine_rig import Shop, window
from wire.site import ZoneKind

PLACES = {0: "BACK", 1: "FLOOR", 2: "FIT", 3: "POS", 4: "BACK", 5: "FLOOR"}
ITEMS = len(PLACES)


def settled_shop() -> Shop:
    shop = Shop(ITEMS)
    shop.live(300, PLACES)
    return shop


def test_what_comes_back_does_not_take_the_probability_of_another() -> None:
    shop = settled_shop()
    shop.hear(EvidenceKind.PLACE, 1, zone="OUT")
    changes = shop.live(3, PLACES | {1: "FLOOR"})
    sure = {change.item: change.probability for change in changes}
    found = sure[1]
    assert found is not None
    assert found > 0.3


def test_out_by_a_person_says_nothing_of_where_it_comes_back() -> None:
    shop = settled_shop()
    shop.hear(EvidenceKind.PLACE, 1, zone="OUT")
    shop.live(60, {item: zone for item, zone in PLACES.items() if item != 1})
    shop.live(60, PLACES | {1: "FLOOR"})
    assert shop.zones[1] == "FLOOR"


def test_evidence_that_moves_nothing_names_no_later_move() -> None:
    shop = settled_shop()
    assert shop.hear(EvidenceKind.PLACE, 1, zone="FLOOR") == []
    changes = shop.live(240, PLACES | {1: "BACK"})
    assert {change.cause for change in changes if change.item == 1} <= {"moved"}


def test_sold_goods_leave_where_there_is_no_checkout_zone() -> None:
    site = read_demo_site("boutique")
    assert ZoneKind.CHECKOUT not in {zone.kind for zone in site.zones}
    tracker, item = make_tracker(site), np.array([0], np.int32)
    antennas = tuple(site.zone_of_antenna())
    tracker.meet(["09506000134352"])
    changes = []
    for second in range(120):
        changes += tracker.observe(window(second, [], antennas=antennas))
        end_us = window(second, [], antennas=antennas).end_us
        if second == 2:
            changes += tracker.witness(Evidence(EvidenceKind.RECEIPT, end_us, item))
        if second == 10:
            changes += tracker.witness(Evidence(EvidenceKind.SALE, end_us, item))
    assert [(change.to_zone, change.cause) for change in changes][-1] == ("OUT", "sold")
