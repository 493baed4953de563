"""Evidence beyond reads, in the fold without a database: what reaches the tracker, what is counted, what is kept."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replace_fields

from gateway.fold.cycle_count import CountName, Finding, OpenCounts, findings
from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.fold.folder import Folder
from gateway.fold.limits import COUNT_COVERAGE, COUNT_EXPIRES_US, COUNT_SESSIONS_MAX, COUNTS_REMEMBERED
from gateway.fold.outputs import Outputs
from gateway.fold.state import FoldState, ItemKey
from gateway.presence.tracker import EvidenceKind
from gateway.storage.input_log import Entry, Kind
from gateway.storage.site_register import encode_site
from tests.gateway.plain_tracker import PlainTracker, plain
from tests.gateway.shop_day import JUNK, day, log_of
from tests.gateway.small_store import (
    BACK,
    EDGE,
    FIT,
    FLOOR,
    FOREIGN,
    SECOND_US,
    SHIRT_M,
    SHIRT_S,
    SITE,
    T0_US,
    epc,
    reads,
)
from wire.messages import AntennaSettings, CountBatch, Durable, Scan, ScanBatch, encode_durable
from wire.site import OUT, Device, DevicePurpose, Driver

TILL = Device("TILL", Driver.BARCODE_SERIAL, "/dev/ttyUSB0", EDGE, zone="FIT", purpose=DevicePurpose.SALE)
SHOP = replace(SITE, devices=(*SITE.devices, TILL))
HERE: dict[str, Any] = {"site": SITE.id, "edge": EDGE}
VERSION_1 = (Path(__file__).parent / "data" / "fold-state-1.msgpack").read_bytes()
"""Written by the program before this version: forty seconds of `day(3, 40, items=6)`."""


class Log:
    """A log that grows by what a test says, folded at once."""

    def __init__(self) -> None:
        self.folder = Folder(FoldState(plain()))
        self.outputs = Outputs()
        self.entries: list[Entry] = []
        self.at_us = T0_US
        self._add(Kind.SITE, encode_site(SHOP))

    @property
    def state(self) -> FoldState:
        return self.folder.state

    @property
    def tracker(self) -> PlainTracker:
        assert isinstance(self.state.tracker, PlainTracker)
        return self.state.tracker

    @property
    def figures(self) -> dict[str, int]:
        return self.state.figures

    def _add(self, kind: Kind, body: bytes) -> Outputs:
        entry = Entry(len(self.entries) + 1, self.at_us, kind, body)
        self.entries.append(entry)
        outputs = self.folder.fold(entry)
        self.outputs.extend(outputs)
        return outputs

    def say(self, kind: str, *serials: int, gtin: str = SHIRT_S, **more: Any) -> Outputs:
        """Say something of items of a SKU; of a `quantity` of it, without serials."""
        said: dict[str, Any] = (
            {"items": tuple((gtin, str(serial)) for serial in serials)} if serials else {"gtin": gtin}
        )
        given: dict[str, Any] = {"id": f"e{len(self.entries)}", "at_us": self.at_us} | said | more
        return self._add(Kind.EVIDENCE, encode_evidence(EvidenceEntry(kind=EvidenceKind(kind), **given)))

    def send(self, message: Durable) -> Outputs:
        return self._add(Kind.DATA, encode_durable(message))

    def see(self, *seen: tuple[int, bytes]) -> Outputs:
        """One window, and its second."""
        second = (self.at_us - T0_US) // SECOND_US
        self.at_us += SECOND_US
        outputs = self.send(reads(second, seen))
        outputs.extend(self.tick())
        return outputs

    def tick(self, seconds: float = 0) -> Outputs:
        self.at_us += round(seconds * SECOND_US)
        return self._add(Kind.TICK, b"")

    def count(
        self, session: str, zone: str, epcs: list[bytes], *, ends: bool = True, edge: str = EDGE, **more: float
    ) -> Outputs:
        ended_us = self.at_us if ends else None
        return self.send(
            CountBatch(
                site=SITE.id,
                edge=edge,
                session=session,
                zone=zone,
                started_us=T0_US,
                ended_us=ended_us,
                epcs=tuple(epcs),
                **more,  # type: ignore[arg-type]  # its coverage
            )
        )

    def scan(self, purpose: Any, text: str, **more: Any) -> Outputs:
        return self.send(ScanBatch(**HERE, scans=(Scan("TILL", self.at_us, purpose, text, **more),)))


@pytest.fixture
def log() -> Log:
    return Log()


def moved(outputs: Outputs) -> list[tuple[str, str, str, str, float | None]]:
    return [(m.serial, m.credit, m.debit, m.cause, m.probability) for m in outputs.movements]


# -- items and settings


def test_every_item_is_met_once_and_in_order(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 2)))
    log.say("receipt", 7, 8)
    log.say("sale", 9, gtin=SHIRT_M)
    log.count("c", "FLOOR", [epc(SHIRT_S, 1), epc(SHIRT_S, 10)])
    log.see((FIT, epc(SHIRT_M, 11)), (FLOOR, epc(SHIRT_S, 8)))
    assert log.tracker.met == [SHIRT_S, SHIRT_M, SHIRT_S, SHIRT_S, SHIRT_M, SHIRT_S, SHIRT_M]
    assert [key.gtin for key in log.state.items] == log.tracker.met


def test_how_an_antenna_inventories_reaches_the_tracker_by_its_new_number(log: Log) -> None:
    batch = reads(0, [])
    looks = [replace_fields(look, device="R2") if look.port == 1 else look for look in batch.antennas]
    said = {
        2: AntennaSettings(session=2, target="single"),
        3: AntennaSettings(target="dual"),
        4: AntennaSettings(tx_power_cdbm=3_000),
    }
    looks = [replace_fields(look, settings=said.get(look.port)) for look in looks]
    log.send(replace_fields(batch, antennas=tuple(looks)))  # R2 is another box's: its row goes
    assert log.tracker.settings == [(0, 2, True), (1, None, False)]


# -- evidence


def test_a_miss_reaches_the_tracker_and_changes_no_place_and_no_book(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)))
    sure = log.outputs.published[ItemKey(SHIRT_S, "1")].here
    outputs = log.say("miss", 1, zone="FLOOR", posted=True)
    assert (outputs.movements, outputs.lines, log.figures["evidence_miss"]) == ([], [], 1)
    heard = log.tracker.heard[-1]
    assert (heard.kind, heard.zone, heard.items.tolist()) == (EvidenceKind.MISS, "FLOOR", [0])
    log.tick(6)
    assert log.outputs.published[ItemKey(SHIRT_S, "1")].here < sure
    told = len(log.tracker.heard)
    for zone in ("", "NOWHERE", OUT):
        log.say("miss", 1, zone=zone)
    assert len(log.tracker.heard) == told
    again = Folder(FoldState(plain()))
    for entry in log.entries:
        again.fold(entry)
    assert again.state.snapshot() == log.state.snapshot()


def test_evidence_moves_items_with_its_cause_and_probability(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)))
    assert moved(log.say("sale", 1)) == [("1", "FLOOR", OUT, "sold", 0.97)]
    assert moved(log.say("return", 1, zone="FIT")) == [("1", OUT, "FIT", "returned", 0.97)]
    assert moved(log.say("receipt", 5, 6)) == [
        ("5", OUT, "BACK", "received", 0.97),
        ("6", OUT, "BACK", "received", 0.97),
    ]
    assert moved(log.say("place", 2, zone="EXIT")) == [("2", "BACK", "FLOOR", "placed", 0.97)]
    assert moved(log.say("place", 2, zone=OUT)) == [("2", "FLOOR", OUT, "placed", 0.97)]
    assert moved(log.say("count", 1, zone="FLOOR", coverage=0.9)) == [("1", "FIT", "FLOOR", "counted", 0.97)]
    assert log.tracker.heard[-1].coverage == 0.9
    assert [log.figures[f"evidence_{kind}"] for kind in EvidenceKind] == [1, 1, 1, 1, 2, 0]


def test_a_sale_by_sku_is_the_tracker_s_to_place(log: Log) -> None:
    log.see(*[(FLOOR, epc(SHIRT_S, serial)) for serial in (1, 2, 3)])
    assert len(log.say("sale", quantity=2).movements) == 2
    assert (log.tracker.heard[-1].gtin, log.tracker.heard[-1].quantity) == (SHIRT_S, 2)


def test_evidence_s_lines_for_the_book(log: Log) -> None:
    log.say("receipt", 1, 2, 2)
    log.say("sale", gtin=SHIRT_M, quantity=3)
    log.say("return", gtin=FOREIGN, quantity=1)  # untagged goods of another brand
    log.say("count", 1, zone="BACK")
    log.say("place", 1, zone="FLOOR")
    assert [(line.kind, line.gtin, line.units) for _, line in log.outputs.lines] == [
        ("receipt", SHIRT_S, 2),
        ("sale", SHIRT_M, -3),
        ("return", FOREIGN, 1),
    ]
    assert [n for n, _ in log.outputs.lines] == [2, 3, 4]
    assert log.tracker.heard[1].items.tolist() == []
    assert len(log.tracker.heard) == 4  # nothing of the return of no item


def test_evidence_of_tomorrow_is_of_now(log: Log) -> None:
    log.say("receipt", 1, at_us=log.at_us + 3_600 * SECOND_US)
    assert log.tracker.heard[0].at_us == log.at_us
    assert log.outputs.lines[0][1].at_us == log.at_us


def test_what_cannot_be_used_is_counted(log: Log) -> None:
    log.say("receipt", 1, gtin=FOREIGN)
    log.say("place", 1, zone="CELLAR")
    log.say("count", 1, zone="CELLAR")
    log.say("receipt", 1, zone="CELLAR")  # it did arrive
    log._add(Kind.EVIDENCE, b"\xc1 nothing")
    assert [one.kind for one in log.tracker.heard] == ["receipt"]
    assert log.tracker.heard[0].zone == ""
    assert (log.figures["evidence_foreign"], log.figures["evidence_unknown_zone"]) == (1, 3)
    assert log.figures["undecodable"] == 1
    assert log.state.items == [ItemKey(SHIRT_S, "1")]


def test_evidence_cannot_grow_the_items_without_end(log: Log) -> None:
    log.folder._resolver._max_items = 2
    log.say("receipt", 1, 2, 3, 4)
    assert (len(log.state.items), log.figures["evidence_over_item_limit"]) == (2, 2)


# -- scans


def test_scans_at_the_till_are_sales_and_receipts(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_M, 2)))
    assert moved(log.scan("sale", f"]d201{SHIRT_S}211")) == [("1", "FLOOR", OUT, "sold", 0.97)]
    assert moved(log.scan("sale", SHIRT_M)) == [("2", "FLOOR", OUT, "sold", 0.97)]
    link = f"https://id.gs1.org/01/{SHIRT_S}/21/9"
    assert moved(log.scan("receive", link)) == [("9", OUT, "FIT", "received", 0.97)]  # where the scanner stands
    assert moved(log.scan("receive", f"01{SHIRT_S}2110", symbology="]d2", zone="BACK"))[0][2] == "BACK"
    assert [(line.gtin, line.units, line.source) for _, line in log.outputs.lines] == [
        (SHIRT_S, -1, "box-1/TILL"),
        (SHIRT_M, -1, "box-1/TILL"),
        (SHIRT_S, 1, "box-1/TILL"),
        (SHIRT_S, 1, "box-1/TILL"),
    ]
    assert log.figures["scans_without_serial"] == 1


def test_scans_that_change_nothing(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)))
    before = len(log.outputs.movements)
    for purpose in ("count", "lookup"):
        log.scan(purpose, f"01{SHIRT_S}211")
    log.scan("sale", "HELLO")
    log.scan("receive", SHIRT_S)  # a receipt without serial moves no item
    log.send(ScanBatch(site=SITE.id, edge="box-2", scans=(Scan("TILL", log.at_us, "sale", SHIRT_S),)))
    assert len(log.outputs.movements) == before
    assert (log.figures["scans"], log.figures["scans_unreadable"], log.figures["scans_unknown_device"]) == (5, 1, 1)
    assert [line.units for _, line in log.outputs.lines] == [1]


# -- cycle counts


def test_a_count_in_parts_is_evidence_when_it_ends(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)), (BACK, epc(SHIRT_M, 3)))
    assert log.count("c1", "EXIT", [epc(SHIRT_S, 1), JUNK], ends=False).counts == []
    log.folder = Folder(FoldState.restore(log.state.snapshot(), plain()))  # a restart in the middle of it
    outputs = log.count("c1", "FLOOR", [epc(SHIRT_M, 3), epc(SHIRT_M, 4)])
    assert moved(outputs) == [("3", "BACK", "FLOOR", "counted", 0.97), ("4", OUT, "FLOOR", "counted", 0.97)]
    ((n, result),) = outputs.counts
    assert (n, result.zone, result.source) == (log.state.n, "FLOOR", "box-1/c1")
    assert [(one.item, one.finding, one.place) for one in result.findings] == [
        (0, "matched", "FLOOR"),
        (1, "unseen", "FLOOR"),
        (2, "elsewhere", "BACK"),
        (3, "new", OUT),
    ]
    figures = {figure.name: figure.value for figure in outputs.figures}
    assert figures == {"count_item_agreement": 1 / 4, "count_cell_agreement": 0.0}
    assert (log.figures["counts_ended"], log.figures["counted_tags_no_items"], len(log.state.open_counts)) == (1, 1, 0)


def test_a_part_that_comes_after_the_end_is_no_count_of_its_own(log: Log) -> None:
    log.see(*[(FLOOR, epc(SHIRT_S, serial)) for serial in (1, 2, 3)])
    log.count("c1", "FLOOR", [epc(SHIRT_S, serial) for serial in (1, 2, 3)])
    assert log.count("c1", "FLOOR", [epc(SHIRT_S, 9)]).counts == []
    assert log.figures["counts_late"] == 1
    assert len(log.count("c1", "FLOOR", [epc(SHIRT_S, 9)], edge="box-2").counts) == 1


@pytest.mark.parametrize(("said", "coverage"), [({}, COUNT_COVERAGE), ({"coverage": 0.9}, 0.9), ({"coverage": 1}, 1.0)])
def test_a_count_says_how_much_it_covered(log: Log, said: dict[str, Any], coverage: float) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)))
    assert len(log.count("c1", "FLOOR", [epc(SHIRT_S, 1)], **said).counts) == 1
    assert log.tracker.heard[-1].coverage == coverage


def test_the_last_part_of_a_count_says_its_coverage(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)))
    log.count("c1", "FLOOR", [epc(SHIRT_S, 1)], ends=False, coverage=0.5)
    log.count("c1", "FLOOR", [epc(SHIRT_S, 2)], coverage=0.8)
    assert [one.coverage for one in log.tracker.heard] == [0.8]


def test_a_count_that_covered_nothing_places_its_items_and_is_held_against_none(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)), (BACK, epc(SHIRT_M, 3)))
    outputs = log.count("c1", "FLOOR", [epc(SHIRT_M, 3)], coverage=0)
    assert moved(outputs) == [("3", "BACK", "FLOOR", "counted", 0.97)]
    assert log.tracker.heard[-1].coverage == 0
    assert outputs.counts == []
    assert (log.figures["counts_ended"], log.figures["counts_partial"]) == (1, 1)
    assert log.count("c1", "FLOOR", [epc(SHIRT_S, 1)], coverage=0).counts == []
    assert log.figures["counts_late"] == 1


def test_an_empty_count_is_none_and_a_count_of_nowhere_neither(log: Log) -> None:
    log.see((FLOOR, epc(SHIRT_S, 1)))
    assert log.count("c1", "FLOOR", [JUNK]).counts == []
    assert log.count("c2", "CELLAR", [epc(SHIRT_S, 1)]).counts == []
    assert log.tracker.heard == []
    assert (log.figures["counts_empty"], log.figures["counts_unknown_zone"]) == (1, 1)


def test_a_count_that_never_ends_is_forgotten(log: Log) -> None:
    log.count("c1", "FLOOR", [epc(SHIRT_S, 1)], ends=False)
    log.tick(COUNT_EXPIRES_US / SECOND_US)
    assert len(log.state.open_counts) == 1
    log.tick(1)
    assert (len(log.state.open_counts), log.figures["counts_expired"]) == (0, 1)


def test_open_counts_are_bounded() -> None:
    counts = OpenCounts()
    names = [CountName("e", f"s{number}", "FLOOR") for number in range(COUNT_SESSIONS_MAX + 1)]
    gone = [counts.part(name, [1], 0, heard_us) for heard_us, name in enumerate(names)]
    assert (sum(gone), len(counts)) == (1, COUNT_SESSIONS_MAX)
    for name in names[1:]:
        counts.end(name)
    for number in range(COUNTS_REMEMBERED):
        counts.part(CountName("e", f"t{number}", "BACK"), [], 0, 0)
        counts.end(CountName("e", f"t{number}", "BACK"))
    assert not counts.has_ended(names[1])
    assert counts.has_ended(CountName("e", "t0", "BACK"))


def test_items_of_an_open_count_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fold.cycle_count.COUNT_SESSION_MAX_ITEMS", 3)
    counts = OpenCounts()
    name = CountName("e", "s", "FLOOR")
    counts.part(name, [1, 2, 3, 4, 1, 5], 0, 0)
    session = counts.end(name)
    assert (session.items, session.over) == ({1, 2, 3}, 2)


def test_findings_of_items_that_are_known_and_not_placed() -> None:
    assert findings("A", [2, 3], ["A", "B", "", "B"]) == [
        Finding(0, "unseen", "A"),
        Finding(2, "new", OUT),
        Finding(3, "elsewhere", "B"),
    ]


# -- published probabilities


def here(outputs: Outputs) -> dict[ItemKey, float]:
    """The published probabilities of places."""
    return {key: chance.here for key, chance in outputs.published.items()}


def test_a_row_says_a_probability_anew_when_it_crosses_a_band(log: Log) -> None:
    tag, key = epc(SHIRT_S, 1), ItemKey(SHIRT_S, "1")
    assert here(log.see((FLOOR, tag))) == {key: pytest.approx(0.6)}
    assert log.see((FLOOR, tag)).published == {}  # 0.8 by now, looked at in five seconds
    published = [outputs.published for outputs in (log.see((FLOOR, tag)) for _ in range(20))]
    told = [found[key].here for found in published if found]
    assert [round(value, 3) for value in told] == [0.988, 1.0]
    assert all(len(found) <= 1 for found in published)
    assert log.tick(50).published == {}
    assert here(log.tick(30)) == {key: pytest.approx(0.6)}  # nobody read it: its turn came all the same


def slow_turns(patch: pytest.MonkeyPatch) -> None:
    """Let the turn of all others come by one item at a time."""
    patch.setattr("gateway.fold.publish.REFRESH_TURN_MIN", 1)
    patch.setattr("gateway.fold.publish.REFRESH_TURN", 1_000)


def test_items_that_evidence_names_are_looked_at_next(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_turns(monkeypatch)
    log.see(*[(FLOOR, epc(SHIRT_S, serial)) for serial in range(1, 9)])
    for _ in range(4):
        log.tick(5)
    assert log.say("place", 7, zone="FLOOR").movements == []  # it is there already, and surer now
    assert here(log.tick(5)) == {ItemKey(SHIRT_S, "7"): pytest.approx(0.999)}


def test_a_tracker_without_probabilities_publishes_none() -> None:
    folder = Folder(FoldState())
    outputs = Outputs()
    for entry in log_of(day(1, 80)):
        outputs.extend(folder.fold(entry))
    said = [movement.probability for movement in outputs.movements]
    if set(said) == {None}:
        assert outputs.published == {}
        assert {figure.name for figure in outputs.figures} == {"blind_share"}
    else:
        assert outputs.published


def test_what_is_published_says_how_likely_an_item_can_be_sold(log: Log) -> None:
    """In a fitting room it is as sure as on the floor where it is, and cannot be sold at all."""
    found = log.see((FLOOR, epc(SHIRT_S, 1)), (FIT, epc(SHIRT_S, 2)), (BACK, epc(SHIRT_M, 3))).published
    says: dict[str, tuple[Any, Any]] = {key.serial: (chance.here, chance.sellable) for key, chance in found.items()}
    surely = pytest.approx(0.6)
    assert says == {"1": (surely, surely), "2": (surely, 0.0), "3": (surely, surely)}
    (gone,) = log.say("sale", 2).published.values()
    assert gone.here == pytest.approx(1.0)
    assert gone.sellable == 0.0


def test_a_new_description_publishes_all_items_anew(log: Log) -> None:
    """The same places, but the fitting room can be sold from now: what crossed no band is told, too."""
    log.see((FLOOR, epc(SHIRT_S, 1)), (FIT, epc(SHIRT_S, 2)))
    assert log.tick(1).published == {}
    zones = tuple(replace(zone, sellable=zone.sellable or zone.id == "FIT") for zone in SHOP.zones)
    outputs = log._add(Kind.SITE, encode_site(replace(SHOP, zones=zones)))
    assert outputs.site_changed
    says = {key.serial: chance.sellable for key, chance in outputs.published.items()}
    assert says == {"1": pytest.approx(0.6), "2": pytest.approx(0.6)}


def test_figures_come_once_a_minute(log: Log) -> None:
    for _ in range(130):
        log.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 2)))
    found = [(figure.name, (figure.at_us - T0_US) // SECOND_US) for figure in log.outputs.figures]
    assert found == [
        *[(name, 1) for name in ("blind_share", "uncertain_items", "expected_count_error")],
        *[(name, 61) for name in ("blind_share", "uncertain_items", "expected_count_error")],
        *[(name, 121) for name in ("blind_share", "uncertain_items", "expected_count_error")],
    ]
    values = [figure.value for figure in log.outputs.figures]
    assert values[1] == 1.0  # read once
    assert values[2] == pytest.approx(0.4)
    assert values[4:6] == [0.0, pytest.approx(0.0, abs=1e-3)]


# -- the state


def everything(seed: int, seconds: int) -> list[Entry]:
    """A day with all that can happen in it."""
    rng = random.Random(seed)
    log = Log()
    for window in day(seed, seconds):
        log.at_us += SECOND_US
        log.send(window)
        serial, gtin = rng.randint(1, 20), rng.choice([SHIRT_S, SHIRT_M])
        match rng.randrange(12):
            case 0:
                log.say("sale", serial, gtin=gtin, at_us=log.at_us - rng.randrange(9) * SECOND_US)
            case 1:
                log.say("sale", gtin=gtin, quantity=1)
            case 2:
                log.say(rng.choice(["receipt", "return"]), serial, gtin=gtin)
            case 3:
                some = [epc(gtin, number) for number in rng.sample(range(1, 20), 4)]
                log.count(f"c{rng.randrange(9)}", rng.choice(["BACK", "FLOOR"]), some, ends=rng.random() < 0.5)
            case 4:
                log.say("place", serial, gtin=gtin, zone=rng.choice(["BACK", "FLOOR", OUT]))
            case 5:
                log.scan("sale", f"01{gtin}21{serial}")
        log.tick()
    return log.entries


@given(st.integers(0, 10_000), st.integers(1, 90), st.data())
@settings(max_examples=10, deadline=None)
def test_a_snapshot_anywhere_changes_nothing(seed: int, seconds: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        slow_turns(patch)
        entries = everything(seed, seconds)
        fold_in_two(entries, data.draw(st.integers(0, len(entries))))


def fold_in_two(entries: list[Entry], cut: int) -> None:
    whole, outputs = Folder(FoldState(plain())), Outputs()
    for entry in entries:
        outputs.extend(whole.fold(entry))
    folder, again = Folder(FoldState(plain())), Outputs()
    for entry in entries[:cut]:
        again.extend(folder.fold(entry))
    folder = Folder(FoldState.restore(folder.state.snapshot(), plain()))
    for entry in entries[cut:]:
        again.extend(folder.fold(entry))
    assert folder.state.snapshot() == whole.state.snapshot()
    assert again == outputs


def test_the_day_of_that_test_is_not_an_empty_one() -> None:
    folder, outputs = Folder(FoldState(plain())), Outputs()
    for entry in everything(4, 90):
        outputs.extend(folder.fold(entry))
    causes = {movement.cause for movement in outputs.movements}
    assert {"moved", "sold", "received", "counted", "placed"} <= causes
    assert outputs.counts
    assert outputs.lines
    assert outputs.published
    assert folder.state.figures["tracker_disagrees"] == 0


def test_a_state_of_version_1_is_read_and_its_items_are_met() -> None:
    state = FoldState.restore(VERSION_1, plain())
    assert isinstance(state.tracker, PlainTracker)
    assert (state.n, len(state.items)) == (81, 6)
    assert state.tracker.met == [key.gtin for key in state.items]
    assert [state.index[key] for key in state.items] == list(range(6))
    folder = Folder(state)
    entries = log_of(day(3, 60, items=6))
    outputs = Outputs()
    for entry in entries[81:]:
        outputs.extend(folder.fold(entry))
    again = FoldState.restore(folder.state.snapshot(), plain())
    assert again.snapshot() == folder.state.snapshot()
    assert again.present(SHIRT_S) == [
        number for number, key in enumerate(again.items) if key.gtin == SHIRT_S and again.places[number] != OUT
    ]


def test_the_gateway_s_own_tracker_takes_a_state_of_version_1() -> None:
    folder = Folder(FoldState.restore(VERSION_1))
    before = folder.state.counts()
    for entry in log_of(day(3, 44, items=6))[81:]:
        folder.fold(entry)
    assert sum(before.values()) == 5
    assert FoldState.restore(folder.state.snapshot()).snapshot() == folder.state.snapshot()


def test_items_touched_beyond_one_look_wait_for_the_next(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fold.publish.REFRESH_TOUCHED_MAX", 3)
    slow_turns(monkeypatch)
    tags = [(FLOOR, epc(SHIRT_S, serial)) for serial in range(1, 9)]
    log.see(*tags)
    log.see(*tags)
    looked = []
    for _ in range(4):
        log.see()
        looked.append(sorted(log.state.touched))
        log.at_us += 5 * SECOND_US
    assert [len(waiting) for waiting in looked] == [8, 5, 2, 0]
    assert np.all(np.frombuffer(bytes(log.state.bands), np.uint8) != 255)
