"""The fold, without a database: the same log gives the same bytes, and what comes out keeps the ledger's rules."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replace_fields

from gateway.fold.folder import Folder, FoldError
from gateway.fold.outputs import Outputs
from gateway.fold.resolve import Resolver
from gateway.fold.state import FoldState, ItemKey
from gateway.presence.tracker import SnapshotError
from gateway.storage.input_log import Entry, Kind
from gateway.storage.site_register import decode_site, encode_site
from tests.gateway.shop_day import JUNK, day, log_of
from tests.gateway.small_store import (
    ALL_PORTS,
    BACK,
    EXIT,
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
from wire.epc import CompanyPrefixes, encode_sgtin198
from wire.messages import AntennaLook, CountBatch, DeviceEvent, DeviceEvents, Gap, Scan, ScanBatch, encode_durable
from wire.site import OUT


def fold(entries: list[Entry], folder: Folder | None = None) -> tuple[Folder, Outputs]:
    folder = folder or Folder(FoldState())
    outputs = Outputs()
    for entry in entries:
        outputs.extend(folder.fold(entry))
    return folder, outputs


def rest(seconds: int, seen: list[tuple[int, bytes]], start: int = 0) -> list[Entry]:
    return log_of([reads(start + second, seen) for second in range(seconds)])


@given(st.integers(0, 10_000), st.integers(1, 120), st.data())
@settings(max_examples=12, deadline=None)
def test_a_snapshot_anywhere_changes_nothing(seed: int, seconds: int, data: st.DataObject) -> None:
    entries = log_of(list(day(seed, seconds)))
    whole, outputs = fold(entries)
    cut = data.draw(st.integers(0, len(entries)))
    first, before = fold(entries[:cut])
    second, after = fold(entries[cut:], Folder(FoldState.restore(first.state.snapshot())))
    assert second.state.snapshot() == whole.state.snapshot()
    before.extend(after)
    assert before == outputs


def test_a_day_moves_things() -> None:
    """The log that the other tests fold is not an empty one."""
    folder, outputs = fold(log_of(list(day(1, 400))))
    causes = {movement.cause for movement in outputs.movements}
    assert {"appeared", "moved", "left", "returned"} <= causes
    figures = folder.state.figures
    assert figures["observations_foreign"] > 0
    assert figures["observations_not_epc"] + figures["observations_malformed"] > 0
    assert figures["tracker_disagrees"] == 0


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_movements_chain_and_add_up_to_the_counts(seed: int) -> None:
    folder, outputs = fold(log_of(list(day(seed, 200))))
    assert [movement.m for movement in outputs.movements] == list(range(1, len(outputs.movements) + 1))
    places: dict[tuple[str, str], str] = {}
    counts: dict[tuple[str, str], int] = {}
    for movement in outputs.movements:
        key = (movement.gtin, movement.serial)
        assert places.get(key, OUT) == movement.credit
        places[key] = movement.debit
        for zone, units in ((movement.credit, -1), (movement.debit, 1)):
            if zone != OUT:
                counts[movement.gtin, zone] = counts.get((movement.gtin, zone), 0) + units
    assert {key: units for key, units in counts.items() if units} == folder.state.counts()


def test_the_same_item_on_two_kinds_of_tag_is_one_item() -> None:
    wide = encode_sgtin198(SHIRT_S, "77", company_prefix_length=7)
    folder, outputs = fold(rest(3, [(FLOOR, epc(SHIRT_S, 77)), (FLOOR, wide)]))
    assert folder.state.items == [ItemKey(SHIRT_S, "77")]
    assert len(outputs.movements) == 1


def test_foreign_tags_and_junk_are_counted_and_no_items() -> None:
    folder, outputs = fold(rest(5, [(FLOOR, epc(FOREIGN, 1)), (FLOOR, JUNK)]))
    assert folder.state.items == []
    assert outputs.movements == []
    assert folder.state.figures["observations_foreign"] == 5
    assert folder.state.figures["observations_not_epc"] == 5


def test_an_item_needs_no_catalogue() -> None:
    """Nothing in the fold asks for one: an import later or earlier cannot change a byte."""
    folder, outputs = fold(rest(3, [(FLOOR, epc(SHIRT_M, 5))]))
    assert folder.state.items == [ItemKey(SHIRT_M, "5")]
    assert [movement.debit for movement in outputs.movements] == ["FLOOR"]


def test_a_box_cannot_speak_for_another_box_s_reader() -> None:
    messages = [reads(second, [(BACK, epc(SHIRT_S, 1))], device="R2") for second in range(3)]
    folder, outputs = fold(log_of(list(messages)))
    assert outputs.movements == []
    assert folder.state.figures["observations_unknown_antenna"] == 3
    assert "BACK" not in folder.state.looked_us
    owner = [reads(second, [(BACK, epc(SHIRT_S, 1))], device="R2", edge="box-2") for second in range(3)]
    _, outputs = fold(log_of(list(owner)))
    assert len(outputs.movements) == 1


def test_an_exit_that_counts_as_the_floor_is_no_place_of_its_own() -> None:
    _, outputs = fold(rest(3, [(EXIT, epc(SHIRT_S, 1))]))
    assert [movement.debit for movement in outputs.movements] == ["FLOOR"]


def test_a_zone_goes_blind_and_comes_back() -> None:
    everything = [reads(second, []) for second in range(5)]
    broken = [reads(second, [], looking=(2, 3, 4)) for second in range(5, 35)]
    mended = [reads(second, []) for second in range(35, 40)]
    _, outputs = fold(log_of([*everything, *broken]))
    assert not outputs.zones["BACK"].live
    assert outputs.zones["FLOOR"].live
    assert outputs.zones["BACK"].as_of_us == T0_US + 5 * SECOND_US
    _, outputs = fold(log_of([*everything, *broken, *mended]))
    assert outputs.zones["BACK"].live
    assert outputs.zones["BACK"].turned


def test_a_zone_that_nobody_ever_looked_at_is_blind() -> None:
    _, outputs = fold(log_of([reads(second, [], looking=()) for second in range(30)]))
    assert {zone: report.live for zone, report in outputs.zones.items()} == {
        "BACK": False,
        "FIT": False,
        "FLOOR": False,
    }
    assert outputs.zones["BACK"].as_of_us == 0


def test_a_look_from_a_clock_that_is_ahead_counts_as_the_time_of_receipt() -> None:
    folder, _ = fold(log_of([reads(3_600, [])]))
    assert folder.state.looked_us["FLOOR"] == T0_US + SECOND_US + 40_000


def test_an_item_seen_by_a_clock_that_is_ahead_is_not_deaf_until_then() -> None:
    tag = epc(SHIRT_S, 1)
    ahead = [reads(3_600 + second, [(BACK, tag)]) for second in range(5)]
    right = [reads(second, [(FLOOR, tag)]) for second in range(5, 60)]
    folder, outputs = fold(log_of([*ahead, *right]))
    assert [movement.debit for movement in outputs.movements] == ["BACK", "FLOOR"]
    assert all(movement.happened_us < T0_US + 60 * SECOND_US for movement in outputs.movements)
    assert outputs.zones["FLOOR"].live
    assert folder.state.looked_us["FLOOR"] == T0_US + 60 * SECOND_US


def test_absurd_counts_of_an_edge_stop_no_snapshot() -> None:
    look = AntennaLook("R1", 1, 250, foreign=2**62)
    batch = replace_fields(reads(0, []), antennas=tuple(replace_fields(look, port=port) for port in ALL_PORTS))
    folder, _ = fold(log_of([batch, batch]))
    again = FoldState.restore(folder.state.snapshot())
    assert again.figures["foreign_reads_at_edge"] == 2**63 - 1


def test_a_zone_that_loses_its_antennas_is_blind() -> None:
    folder, _ = fold(rest(4, [(FIT, epc(SHIRT_S, 1))]))
    reader = replace(SITE.devices[0], antennas=SITE.devices[0].antennas[:2])
    site = replace(SITE, devices=(reader, SITE.devices[1]))
    n = folder.state.n
    changed = [Entry(n + 1, T0_US, Kind.SITE, encode_site(site)), Entry(n + 2, folder.state.now_us, Kind.TICK, b"")]
    _, outputs = fold(changed, folder)
    assert {zone: report.live for zone, report in outputs.zones.items()} == {"BACK": True, "FIT": False, "FLOOR": True}


def test_time_never_runs_backwards() -> None:
    folder, _ = fold(log_of([reads(0, [])]))
    now_us = folder.state.now_us
    folder.fold(Entry(folder.state.n + 1, now_us - 3_600 * SECOND_US, Kind.TICK, b""))
    assert folder.state.now_us == now_us


def test_entries_come_one_after_the_other() -> None:
    folder, _ = fold(rest(1, []))
    for n in (folder.state.n, folder.state.n + 2):
        with pytest.raises(FoldError, match=f"entry {n} after {folder.state.n}"):
            folder.fold(Entry(n, T0_US, Kind.TICK, b""))


def test_the_site_is_described_first() -> None:
    with pytest.raises(FoldError, match="described first"):
        Folder(FoldState()).fold(Entry(1, T0_US, Kind.TICK, b""))


def test_a_changed_site_keeps_what_is_known() -> None:
    folder, _ = fold(rest(4, [(FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2))]))
    without = replace(SITE, devices=tuple(replace(d, antennas=d.antennas[:2]) for d in SITE.devices))
    n = folder.state.n
    outputs = folder.fold(Entry(n + 1, T0_US + 5 * SECOND_US, Kind.SITE, encode_site(without)))
    assert outputs.site_changed
    assert folder.state.counts() == {(SHIRT_S, "FLOOR"): 1, (SHIRT_S, "BACK"): 1}
    moved = Entry(n + 2, T0_US + 6 * SECOND_US, Kind.DATA, encode_durable(reads(6, [(EXIT, epc(SHIRT_S, 3))] * 4)))
    folder.fold(moved)
    assert folder.state.figures["observations_unknown_antenna"] == 4
    again = FoldState.restore(folder.state.snapshot())
    assert again.snapshot() == folder.state.snapshot()
    assert again.site == without


def test_a_site_survives_its_encoding() -> None:
    assert decode_site(encode_site(SITE)) == SITE
    logged_long_ago = encode_site(SITE).replace(b'"purpose":null', b'"purpose":""')
    assert logged_long_ago != encode_site(SITE)
    assert decode_site(logged_long_ago) == SITE


def test_other_kinds_are_counted() -> None:
    identity: dict[str, Any] = {"site": SITE.id, "edge": "box-1"}
    folder, outputs = fold(
        log_of(
            [
                ScanBatch(**identity, scans=(Scan("S1", T0_US, "lookup", "123"),)),
                CountBatch(**identity, session="c1", zone="FLOOR", started_us=T0_US),
                DeviceEvents(**identity, events=(DeviceEvent("R1", T0_US, "lost"),)),
                Gap(**identity, cause="reader_overflow", from_us=T0_US, to_us=T0_US),
            ]
        )
    )
    figures = folder.state.figures
    assert [figures[name] for name in ("scans", "count_batches", "device_events", "gaps")] == [1, 1, 1, 1]
    assert outputs.movements == []


def test_a_body_that_an_older_program_let_in_costs_itself_only() -> None:
    entries = rest(2, [(FLOOR, epc(SHIRT_S, 1))])
    entries[1] = replace(entries[1], body=b"\xc1 not a message")
    folder, _ = fold(entries)
    assert folder.state.figures["undecodable"] == 1
    assert folder.state.n == len(entries)


def test_phantoms_do_not_grow_the_memory_without_end() -> None:
    state = FoldState()
    resolver = Resolver(state, CompanyPrefixes(["9506000"]), max_items=3)
    batch = reads(0, [(FLOOR, epc(SHIRT_S, serial)) for serial in range(1, 6)])
    assert resolver.items(batch.observations()).tolist() == [0, 1, 2, -1, -1]
    assert resolver.items(batch.observations()).tolist() == [0, 1, 2, -1, -1]
    assert state.figures["observations_over_item_limit"] == 4


def test_a_window_of_nothing_known_still_says_who_looked() -> None:
    folder, _ = fold(log_of([reads(0, [(FLOOR, JUNK)], looking=ALL_PORTS)]))
    assert set(folder.state.looked_us) == {"BACK", "FLOOR", "FIT"}


@pytest.mark.parametrize("damage", [b"", b"\xc0", b"\x93\x01\x02\x03"])
def test_bytes_that_are_no_snapshot(damage: bytes) -> None:
    with pytest.raises(SnapshotError):
        FoldState.restore(damage)


def test_a_snapshot_of_another_version() -> None:
    state, _ = fold(rest(1, []))
    snapshot = bytearray(state.state.snapshot())
    assert snapshot[3] == 2
    snapshot[3] = 3
    with pytest.raises(SnapshotError, match="version 3"):
        FoldState.restore(bytes(snapshot))
