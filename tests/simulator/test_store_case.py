"""The files of a simulated store."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from simulator.case import CaseFigures, write_case
from simulator.errors import StoreError
from simulator.sites import read_demo_site
from simulator.store import Store
from wire.epc import Sgtin, decode_epc

SECONDS = 700


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def fresh(seed: int = 4) -> Store:
    return Store(read_demo_site("outlet"), "hostile", seed, items=400, hours=0.1, busy=8, haste=6)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CaseFigures]:
    folder = tmp_path_factory.mktemp("case")
    return folder, write_case(fresh(), folder, SECONDS)


def test_headers_are_those_of_the_formats(case: tuple[Path, CaseFigures]) -> None:
    headers = {path.name: path.read_text().partition("\n")[0] for path in case[0].iterdir()}
    assert headers == {
        "reads.csv": "t,reader,antenna,epc,rssi_dbm",
        "truth.csv": "t,epc,zone",
        "items.csv": "epc,sku_size",
        "events.csv": "t,kind,epc,gtin",
        "catalogue.csv": "gtin,style,colour,size,description,department,min_floor,max_floor,price",
        "antennas.csv": "reader,antenna,x,y,z,zone",
    }


def test_items_name_the_gtin_that_their_tag_carries(case: tuple[Path, CaseFigures]) -> None:
    gtins = {row["gtin"] for row in rows(case[0] / "catalogue.csv")}
    items = rows(case[0] / "items.csv")
    assert len(items) == 400
    for row in items:
        epc = decode_epc(bytes.fromhex(row["epc"]), 96)
        assert isinstance(epc, Sgtin)
        assert row["sku_size"] == epc.gtin
        assert row["sku_size"] in gtins


def test_reads_are_in_order_and_name_antennas_of_the_site(case: tuple[Path, CaseFigures]) -> None:
    reads = rows(case[0] / "reads.csv")
    times = [float(row["t"]) for row in reads]
    assert times == sorted(times)
    assert times[0] >= 0
    assert SECONDS - 1 <= times[-1] < SECONDS
    ours = {row["epc"] for row in rows(case[0] / "items.csv")}
    assert sum(row["epc"] in ours for row in reads) == case[1].reads
    assert sum(row["epc"] not in ours for row in reads) == case[1].foreign_reads > 0
    ports = set(read_demo_site("outlet").zone_of_antenna())
    assert {(row["reader"], int(row["antenna"])) for row in reads} <= ports
    assert all(-80.5 <= float(row["rssi_dbm"]) < 0 for row in reads)


def test_truth_begins_with_every_item_and_goes_on_with_changes(case: tuple[Path, CaseFigures]) -> None:
    truth = rows(case[0] / "truth.csv")
    opening = [row for row in truth if row["t"] == "0"]
    assert [row["epc"] for row in opening] == [row["epc"] for row in rows(case[0] / "items.csv")]
    zone = {row["epc"]: row["zone"] for row in opening}
    last = 0
    for row in truth[len(opening) :]:
        assert int(row["t"]) >= max(last, 1)
        last = int(row["t"])
        assert row["zone"] != zone[row["epc"]], "a row is a change"
        zone[row["epc"]] = row["zone"]
    assert "EXIT_SOUTH" not in {row["zone"] for row in truth}
    assert {"OUT", "FLOOR_SHOES", "FIT", "POS"} <= {row["zone"] for row in truth}


def test_truth_and_events_agree_at_the_doors(case: tuple[Path, CaseFigures]) -> None:
    zone: dict[str, str] = {}
    crossings = Counter[tuple[str, str, str]]()
    for row in rows(case[0] / "truth.csv"):
        before = zone.get(row["epc"])
        zone[row["epc"]] = row["zone"]
        if before is not None and "OUT" in {before, row["zone"]}:
            crossings[row["t"], row["epc"], "left" if row["zone"] == "OUT" else "entered"] += 1
    events = rows(case[0] / "events.csv")
    told = Counter(
        (row["t"], row["epc"], row["kind"]) for row in events if row["kind"] in {"left", "entered"} and row["t"] != "0"
    )
    assert crossings == told
    assert len(told) > 50
    kinds = Counter(row["kind"] for row in events)
    assert kinds["sale"] == case[1].sales > 0
    assert kinds["theft"] == case[1].thefts
    sku = {row["epc"]: row["sku_size"] for row in rows(case[0] / "items.csv")}
    assert all(sku[row["epc"]] == row["gtin"] for row in events)


def test_the_same_seed_writes_the_same_files(case: tuple[Path, CaseFigures], tmp_path: Path) -> None:
    write_case(fresh(), tmp_path, SECONDS)
    for path in case[0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_progress_is_told(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_case(fresh(), tmp_path, 130, lambda done, of: calls.append((done, of)))
    assert calls == [(60, 130), (120, 130), (130, 130)]


def test_a_case_begins_at_the_beginning(tmp_path: Path) -> None:
    store = fresh()
    store.step(0)
    with pytest.raises(StoreError, match="expected a fresh one"):
        write_case(store, tmp_path, 10)
    with pytest.raises(StoreError, match="seconds 0"):
        write_case(fresh(), tmp_path, 0)
