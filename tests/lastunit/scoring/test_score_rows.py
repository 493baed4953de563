from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.limits import CASE_MAX_S
from lastunit.scoring.rows import LastSecond, read_items, read_promises, read_rows
from lastunit.scoring.zones import zones_of_site, zones_of_truth
from simulator.sites import read_demo_site
from wire.epc import encode_sgtin96

GTINS = ("09506000010007", "09506000010014")
EPCS = [encode_sgtin96(gtin, 7, company_prefix_length=7).hex().upper() for gtin in GTINS]
ITEMS = read_items(
    ["epc,sku_size", f"{EPCS[0]},A", f"{EPCS[1].lower()},B", "3034,04012345678901", "XYZ,C"], "items.csv"
)
ZONES = zones_of_site(read_demo_site("outlet"))


def rows(*lines: str) -> Callable[[], object]:
    return lambda: read_rows(lines, "e.csv", ITEMS).changes(ZONES)


def promises(*lines: str) -> Callable[[], object]:
    return lambda: read_promises(["t,gtin,zone,q,settled", *lines], "p.csv", ZONES)


def last_second(text: str) -> int:
    header, _, rest = text.encode().partition(b"\n")
    last = LastSecond(header, "reads.csv")
    last.add(rest)
    return last.seconds()


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: read_items([], "items.csv"), "items.csv: line 1: no column epc, sku_size in an empty file"),
        (
            lambda: read_items(["epc,sku"], "items.csv"),
            "line 1: no column sku_size in 'epc,sku'; expected epc,sku_size",
        ),
        (lambda: read_items(["epc,sku_size"], "items.csv"), "items.csv: no items"),
        (lambda: read_items(["epc,sku_size", "3034,A", "3034,A"], "i"), "i: line 3: epc '3034' stands twice"),
        (lambda: read_items(["epc,sku_size", "3034"], "i"), "i: line 2: 1 fields; expected 2"),
        (rows("t,zone"), "e.csv: line 1: no column epc in 't,zone'; expected t,epc,zone"),
        (rows("t,epc,zone", f"soon,{EPCS[0]},BACK"), "e.csv: line 2: t 'soon': expected seconds from the start"),
        (rows("t,epc,zone", f"nan,{EPCS[0]},BACK"), "line 2: t 'nan'"),
        (rows("t,epc,zone", *[f"x,{EPCS[0]},BACK"] * 8), "e.csv: line 6: t 'x': expected seconds.*\nand 3 more"),
        (rows("t,epc,zone", f"1,{EPCS[0]},BACK", f"2,{EPCS[0]},ATTIC"), "e.csv: line 3: zone 'ATTIC': not a zone"),
        (rows("t,epc,zone", "1,a," + "x" * 140_000), "e.csv: line 2: not CSV: field larger"),
        (promises(f"600,{GTINS[0]},ATTIC,1,1"), r"p.csv: line 2: zone 'ATTIC': expected \* or one of RECEIVING"),
        (promises(f"600,{GTINS[0]},OUT,1,1"), "zone 'OUT'"),
        (promises("600,12,*,1,1"), "gtin '12': expected 8 to 14 digits"),
        (promises(f"600,{GTINS[0]},*,-1,1"), "q '-1': expected a count"),
        (promises(f"600,{GTINS[0]},*,1,perhaps"), "settled 'perhaps': expected 1 or 0"),
        (promises(f"inf,{GTINS[0]},*,1,1"), "t 'inf'"),
        (lambda: last_second("time,epc\n1,2\n"), "reads.csv: line 1: no column t in 'time,epc'"),
        (lambda: last_second("t,epc\n"), "reads.csv: no reads"),
        (lambda: last_second("t,epc\n1,a\n2,a\nnoon,a\n"), "reads.csv: line 4: t 'noon': expected seconds"),
        (lambda: last_second("t,epc\n1,a\nnan,a\n"), "t 'nan'"),
        (lambda: last_second("t,epc\ninf,a\n"), "at most 2,678,400 seconds"),
        (lambda: last_second(f"t,epc\n{CASE_MAX_S},a\n"), "at most 2,678,400 seconds"),
    ],
)
def test_what_has_to_be_mended_is_told_with_its_place(read: Callable[[], object], said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        read()


def test_items_know_their_gtin_by_the_tag_then_by_the_name() -> None:
    assert ITEMS.gtin == (*GTINS, "04012345678901", "")
    assert ITEMS.sku.tolist() == [1, 2, 0, 3]
    assert len(ITEMS) == 4


def test_rows_become_columns_and_unknown_tags_are_counted() -> None:
    lines = ["zone,t,epc", f"EXIT_WEST,1.5,{EPCS[0].lower()}", "", "BACK,2,30340000", f"OUT,3,{EPCS[1]}"]
    read = read_rows(lines, "e.csv", ITEMS)
    changes = read.changes(ZONES)
    assert read.left_out == 1
    assert changes.item.tolist() == [0, 1]
    assert changes.t_s.tolist() == [1.5, 3.0]
    assert changes.zone.tolist() == [ZONES.names.index("FLOOR_MEN"), ZONES.out]


def test_a_file_without_rows_is_an_empty_store() -> None:
    assert len(read_rows(["t,epc,zone"], "e.csv", ITEMS).changes(ZONES).item) == 0
    assert len(read_promises(["t,gtin,zone,q,settled"], "p.csv", ZONES).q) == 0


def test_promises_take_short_gtins_and_both_ways_to_say_settled() -> None:
    read = read_promises(
        ["t,gtin,zone,q,settled", "600,9506000010007,*,2,true", "600.5,09506000010007,BACK,1,0"], "p", ZONES
    )
    assert read.gtins == (GTINS[0],)
    assert read.gtin.tolist() == [0, 0]
    assert read.zone.tolist() == [-1, ZONES.names.index("BACK")]
    assert (read.q.tolist(), read.settled.tolist()) == ([2, 1], [True, False])


@given(
    st.lists(st.floats(0, CASE_MAX_S - 1), min_size=1, max_size=30), st.integers(0, 2), st.sampled_from(["\n", "\r\n"])
)
def test_the_last_second_is_found_in_any_order_and_column(times: list[float], column: int, end: str) -> None:
    def line(value: str) -> str:
        fields = ["a", "b"]
        fields.insert(column, value)
        return ",".join(fields)

    text = end.join([line("t"), *(line(f"{t:.3f}") for t in times)])
    header, _, rest = text.encode().partition(b"\n")
    last = LastSecond(header, "reads.csv")
    for part in rest.splitlines(keepends=True):
        last.add(part)
    whole = LastSecond(header, "reads.csv")
    whole.add(rest)
    assert whole.seconds() == last.seconds() == int(max(round(t, 3) for t in times)) + 1


def test_zones_of_a_site_count_as_others() -> None:
    assert ZONES.number["EXIT_SOUTH"] == ZONES.number["FLOOR_SHOES"]
    assert [name for name, floor in zip(ZONES.names, ZONES.floor, strict=True) if floor] == [
        "FLOOR_WOMEN",
        "FLOOR_MEN",
        "FLOOR_SHOES",
        "WINDOW",
    ]
    assert ZONES.sellable is not None
    assert [name for name, sold in zip(ZONES.names, ZONES.sellable, strict=True) if not sold] == [
        "RECEIVING",
        "FIT",
        "POS",
    ]


def test_without_a_site_file_names_decide() -> None:
    zones = zones_of_truth(["OUT", "FLOOR", "BACK"], ["EXIT", "BACK"])
    assert zones.names == ("BACK", "FLOOR")
    assert zones.number["EXIT"] == zones.number["FLOOR"] == 1
    assert zones.number["OUT"] == zones.out == 2
    assert zones.floor.tolist() == [False, True]
    assert "EXIT" in zones_of_truth(["EXIT", "FLOOR_A", "FLOOR_B"], ["EXIT"]).names


@pytest.mark.parametrize(("truth", "said"), [(["FLOOR_A", "FLOOR_B"], "FLOOR_A or FLOOR_B"), (["SHOP"], "none begins")])
def test_an_exit_that_could_be_any_floor_asks_for_the_site_file(truth: list[str], said: str) -> None:
    with pytest.raises(ScoreError, match=said) as error:
        zones_of_truth(truth, ["EXIT"])
    assert "--site" in str(error.value)
    assert zones_of_truth(truth, ["BACK"]).out == len(truth)
