"""The read side over a folded site: figures, staleness, cursors."""

import json

import msgspec
import pytest
from sqlalchemy import insert

from gateway.availability import BLIND, Look, Policy, Standing, decode_ladder, sellable_zones, standing
from gateway.catalogue import import_catalogue
from gateway.clock import iso, iso_or_none
from gateway.http.app import create_app
from gateway.ingest.admit import admit
from gateway.ingest.arrival import inspect
from gateway.ingest.port import Delivery
from gateway.queries import Queries
from gateway.relay import ChangeFeed, relay, take_feed
from gateway.stock_event import public_body
from gateway.storage.engine import Database
from gateway.storage.schema import gap
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.small_store import (
    BACK,
    EDGE,
    FIT,
    FLOOR,
    SECOND_US,
    SHIRT_M,
    SHIRT_S,
    SITE,
    T0_US,
    ManualClock,
    epc,
    other_site,
    reads,
)
from tests.gateway.test_catalogue import GOOD
from wire.messages import EdgeState, encode_json
from wire.topics import Leaf, edge_topic

SEEN = [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)), (FIT, epc(SHIRT_S, 3)), (BACK, epc(SHIRT_M, 1))]


@pytest.fixture
async def rig(database: Database) -> LogRig:
    """Three shirts S in three zones, one M; everything relayed."""
    found = await LogRig(database).open()
    await import_catalogue(database, GOOD, T0_US)
    await found.log([reads(second, SEEN) for second in range(4)])
    await fold_and_relay(found)
    return found


async def fold_and_relay(rig: LogRig) -> None:
    await fold_all(await rig.fold())
    async with rig.database.write() as connection:
        fence = await take_feed(connection, f"relay-{rig.clock()}", rig.clock(), 1)
        assert fence is not None
        await relay(connection, fence)
    rig.clock.advance(1)


@pytest.fixture
def queries(rig: LogRig) -> Queries:
    return Queries(rig.database, ManualClock(T0_US + 60 * SECOND_US), lambda: {"appended": 7})


def test_they_fit_the_port_of_the_http_side(database: Database) -> None:
    """Mypy checks this call: the two sides share the types of their rows."""
    assert create_app(Queries(database, ManualClock()), ChangeFeed()).title


async def test_what_can_be_sold_is_what_lies_in_sellable_zones(queries: Queries) -> None:
    found = await queries.availability(SHIRT_S)
    assert found is not None
    (site,) = found.sites
    offered = site.offer(Policy())
    assert (offered.atp, site.on_hand, site.known, site.status) == (2, 3, True, "live")
    assert offered.confidence == pytest.approx(float(decode_ladder(site.ladder)[1]), abs=1e-4)
    assert offered.confidence is not None
    assert 0.95 <= offered.confidence < 1
    assert (site.held, site.untagged, site.truth, site.version) == (0, 0, "rfid", 1)
    assert site.zones == {"BACK": 1, "FIT": 1, "FLOOR": 1}
    assert site.as_of == iso(T0_US + 4 * SECOND_US + 50_000)  # the fold's clock
    assert (await queries.availability(SHIRT_S, SITE.id)) == found


async def test_pairs_are_answered_in_the_order_asked(queries: Queries) -> None:
    pairs = [(SHIRT_M, SITE.id), (SHIRT_S, "nowhere"), (SHIRT_S, SITE.id), ("x", SITE.id), (SHIRT_M, SITE.id)]
    found = await queries.availability_pairs(pairs)
    assert [row and (row.gtin, row.site) for row in found] == [
        (SHIRT_M, SITE.id),
        None,
        (SHIRT_S, SITE.id),
        None,
        (SHIRT_M, SITE.id),
    ]
    both = [await queries.availability(gtin, SITE.id) for gtin in (SHIRT_M, SHIRT_S)]
    assert [found[0], found[2]] == [one.sites[0] for one in both if one is not None]
    assert await queries.availability_pairs([]) == []


async def test_a_page_of_stock_knows_its_cursor(queries: Queries) -> None:
    snapshot = await queries.snapshot(SITE.id)
    assert await queries.stock_page(SITE.id, "", 500) == (snapshot.cursor, snapshot.rows)
    assert await queries.stock_page(SITE.id, "", 1) == (snapshot.cursor, snapshot.rows[:1])
    assert await queries.stock_page(SITE.id, SHIRT_S, 1) == (snapshot.cursor, snapshot.rows[1:])
    assert (await queries.stock_page("nowhere", "", 1))[1] == []


async def test_the_ladder_without_a_hold_that_nobody_has_is_the_ladder(queries: Queries) -> None:
    (row,) = await queries.availability_pairs([(SHIRT_S, SITE.id)])
    assert row is not None
    assert await queries.ladder_without(SITE.id, SHIRT_S, "no-such-hold", "") == row.ladder
    assert await queries.ladder_without(SITE.id, SHIRT_S, "", "") == row.ladder
    assert await queries.ladder_without("nowhere", SHIRT_S, "x", "") == b""


async def test_what_no_catalogue_names_is_not_answered(queries: Queries) -> None:
    assert await queries.availability("09506000134376") is None
    assert [row.gtin for row in await queries.availabilities([SHIRT_M, "x", SHIRT_S, SHIRT_S])] == [SHIRT_S, SHIRT_M]


async def test_a_known_sku_without_stock_answers_zero(rig: LogRig, queries: Queries) -> None:
    await import_catalogue(rig.database, GOOD + "09506000134376,T-100,white,L,x,,,,\n", T0_US)
    everywhere = await queries.availability("09506000134376")
    assert everywhere is not None
    assert everywhere.sites == []
    here = await queries.availability("09506000134376", SITE.id)
    assert here is not None
    assert [(row.offer(Policy()), row.version, row.status) for row in here.sites] == [((0, None), 0, "live")]
    assert [(row.on_hand, row.truth, row.known) for row in here.sites] == [(0, "rfid", False)]
    nowhere = await queries.availability("09506000134376", "no-such-site")
    assert nowhere is not None
    assert nowhere.sites == []


async def test_stock_in_a_blind_zone_is_stale_since_its_last_look(rig: LogRig, queries: Queries) -> None:
    await rig.log([reads(second, SEEN[:1], looking=(2, 3, 4)) for second in range(4, 40)])
    await fold_and_relay(rig)
    rows = {row.gtin: row for row in await queries.site_stock(SITE.id)}
    assert (rows[SHIRT_M].status, rows[SHIRT_M].as_of) == ("stale", iso(T0_US + 4 * SECOND_US))
    assert (rows[SHIRT_M].offer(Policy()), rows[SHIRT_M].on_hand) == ((1, None), 1)  # its last count is kept
    assert rows[SHIRT_M].offer(Policy(when_blind="zero")).atp == 0
    assert rows[SHIRT_S].status == "stale"  # one of its units lies there
    zones = {zone.zone: zone for zone in await queries.zones(SITE.id)}
    assert (zones["BACK"].status, zones["FLOOR"].status) == ("blind", "live")
    assert (zones["EXIT"].status, zones["EXIT"].counts_as, zones["EXIT"].units) == ("live", "FLOOR", 0)
    health = await queries.health()
    assert health.sites[0].blind_zones == 1
    page = await queries.changes(0)
    told = [json.loads(row.body) for row in page.rows if row.gtin == ""]
    assert [(event["zone"], event["status"]) for event in told if event["status"] == BLIND] == [("BACK", "blind")]


async def test_a_site_that_nobody_folds_any_more_is_stale(rig: LogRig) -> None:
    last_us = T0_US + 4 * SECOND_US + 50_000
    looked_us = T0_US + 4 * SECOND_US
    for seconds, status, zone_status, as_of_us in ((60, "live", "live", last_us), (61, "stale", "blind", looked_us)):
        queries = Queries(rig.database, ManualClock(last_us + seconds * SECOND_US))
        found = await queries.availability(SHIRT_S)
        assert found is not None
        (row,) = found.sites
        assert (row.status, row.offer(Policy()).atp, row.as_of) == (status, 2, iso(as_of_us))
        assert {zone.status for zone in await queries.zones(SITE.id)} == {zone_status}


async def test_a_site_whose_fold_never_ran_is_unknown(rig: LogRig, queries: Queries) -> None:
    await LogRig(rig.database, other_site("store-009")).open()
    found = await queries.availability(SHIRT_S, "store-009")
    assert found is not None
    assert [(row.offer(Policy()).atp, row.status) for row in found.sites] == [(0, "unknown")]
    assert [(site.site, site.now is None, site.behind) for site in await queries.sites()] == [
        (SITE.id, False, 0),
        ("store-009", True, 1),
    ]
    both = await queries.availability(SHIRT_S)
    assert both is not None
    assert [row.site for row in both.sites] == [SITE.id]


async def test_pages_of_stock(queries: Queries) -> None:
    whole = await queries.site_stock(SITE.id)
    assert [(row.gtin, row.size, row.offer(Policy()).atp, row.min_floor) for row in whole] == [
        (SHIRT_S, "S", 2, 1),
        (SHIRT_M, "M", 1, None),
    ]
    first = await queries.site_stock(SITE.id, limit=1)
    assert first + await queries.site_stock(SITE.id, after_gtin=first[-1].gtin) == whole
    assert await queries.site_stock(SITE.id, style="T-100") == whole
    assert await queries.site_stock(SITE.id, style="other") == []
    assert await queries.site_stock("no-such-site") == []


async def test_a_snapshot_and_the_changes_after_it_are_the_whole_story(rig: LogRig, queries: Queries) -> None:
    snapshot = await queries.snapshot(SITE.id)
    assert {row.gtin: row.zones for row in snapshot.rows} == {
        SHIRT_S: {"BACK": 1, "FIT": 1, "FLOOR": 1},
        SHIRT_M: {"BACK": 1},
    }
    moved = [(FLOOR, epc(SHIRT_M, 1)), *SEEN[:3]]
    await rig.log([reads(second, moved) for second in range(4, 80)])
    await fold_and_relay(rig)
    held = {row.gtin: (row.version, row.zones) for row in snapshot.rows}
    page = await queries.changes(snapshot.cursor)
    for row in page.rows:
        event = json.loads(row.body)
        if event["kind"] == "stock":
            assert event["version"] == held[row.gtin][0] + 1
            held[row.gtin] = (event["version"], event["zones"])
    assert held == {row.gtin: (row.version, row.zones) for row in (await queries.snapshot(SITE.id)).rows}
    assert held[SHIRT_M][1] == {"FLOOR": 1}


async def test_a_change_says_what_moved_and_the_public_one_does_not(queries: Queries) -> None:
    page = await queries.changes(0, site=SITE.id)
    (row,) = [row for row in page.rows if row.gtin == SHIRT_M]
    event = json.loads(row.body)
    assert next(iter(event)) == "seq"
    assert {key: event[key] for key in ("seq", "kind", "site", "atp", "on_hand", "held", "status", "reason")} == {
        "seq": row.seq,
        "kind": "stock",
        "site": SITE.id,
        "atp": 1,
        "on_hand": 1,
        "held": 0,
        "status": "live",
        "reason": "appeared",
    }
    assert 0.95 <= event["confidence"] < 1
    (move,) = event["moves"]
    assert (move["serial"], move["from"], move["to"]) == ("1", "OUT", "BACK")
    assert move["first_read_at"] <= move["decided_at"]
    public = json.loads(public_body(row.body))
    assert "moves" not in public
    assert public.items() <= event.items()
    assert (await queries.changes(0, site="elsewhere")).rows == []


async def test_movements_newest_first(queries: Queries) -> None:
    rows = await queries.movements()
    assert [row.m for row in rows] == [4, 3, 2, 1]
    assert [row.m for row in await queries.movements(SITE.id, before_m=3, limit=1)] == [2]
    assert {row.gtin for row in await queries.movements(SITE.id, gtin=SHIRT_M)} == {SHIRT_M}
    assert json.loads(msgspec.json.encode(rows[0]))["from"] == "OUT"


async def test_items(queries: Queries) -> None:
    assert [(row.serial, row.zone) for row in await queries.items(SITE.id, SHIRT_S)] == [
        ("1", "FLOOR"),
        ("2", "BACK"),
        ("3", "FIT"),
    ]
    assert [row.serial for row in await queries.items(SITE.id, SHIRT_S, zone="BACK")] == ["2"]


async def test_what_went_wrong_can_be_read(rig: LogRig, queries: Queries) -> None:
    state = EdgeState(what="birth", site=SITE.id, edge=EDGE, at_us=T0_US)
    arrivals = [
        inspect(Delivery(edge_topic(SITE.id, EDGE, Leaf.DATA), b"junk", T0_US), {SITE.id}),
        inspect(Delivery(edge_topic(SITE.id, EDGE, Leaf.STATE), encode_json(state), T0_US + 1_000), {SITE.id}),
    ]
    async with rig.database.write() as connection:
        await admit(connection, arrivals, T0_US)
        lost = {"site": SITE.id, "edge": EDGE, "cause": "outbox_cap", "from_seq": 1, "to_seq": 2, "detail": ""}
        await connection.execute(insert(gap), lost | {"recorded_us": T0_US, "from_us": T0_US})
    (refused,) = await queries.quarantined()
    assert (refused.code, refused.size_bytes, refused.received_at) == ("frame", 4, iso(T0_US))
    assert await queries.quarantined(site="elsewhere") == []
    (found,) = await queries.gaps(site=SITE.id)
    assert (found.cause, found.from_at, found.to_at) == ("outbox_cap", iso(T0_US), None)
    (edge,) = await queries.edges()
    assert (edge.what, edge.state, edge.received_at) == ("birth", state, iso(T0_US + 1_000))
    health = await queries.health()
    assert (health.sites[0].quarantined, health.sites[0].gaps) == (1, 1)


async def test_health_tells_the_lag(rig: LogRig, queries: Queries) -> None:
    health = await queries.health()
    (site,) = health.sites
    assert (site.behind, site.lag_ms, site.items_present) == (0, 0, 4)
    assert site.fold_age_ms == 55_950
    assert site.figures["movements"] == 4
    assert (health.feed.waiting, health.ingest) == (0, {"appended": 7})
    await rig.log([reads(4, SEEN)])
    (site,) = (await queries.health()).sites
    assert (site.behind, site.lag_ms) == (2, 58_960)


def test_how_units_stand() -> None:
    sellable = sellable_zones(SITE)
    assert sellable == {"BACK", "FLOOR"}
    looks = {"BACK": Look(live=False, as_of_us=5), "FLOOR": Look(live=True, as_of_us=90)}
    found = standing({"BACK": 0, "FLOOR": 2, "FIT": 1}, sellable, looks, 100)
    assert found == Standing(2, 3, "live", 100)  # nothing lies where it is blind
    assert standing({"BACK": 1}, sellable, looks, 100) == Standing(1, 1, "stale", 5)
    assert standing({}, sellable, {}, 0).status == "unknown"
    assert standing({}, sellable, looks, 100).status == "live"
    found = standing({}, sellable, {"BACK": looks["BACK"], "FLOOR": Look(live=False, as_of_us=90)}, 100)
    assert (found.sellable, found.status, found.as_of_us) == (0, "stale", 90)  # nobody looks: "none" is no answer


def test_instants() -> None:
    assert iso(T0_US + 123_999) == "2026-11-18T11:06:40.123Z"
    assert iso(-1) == "1970-01-01T00:00:00.000Z"
    assert iso(2**62) == "9999-12-31T23:59:59.999Z"
    assert iso_or_none(0) is None
