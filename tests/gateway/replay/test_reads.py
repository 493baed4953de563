"""Files of reads as people and programs write them; what is wrong in them costs itself only."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reads_file import reads_line
from gateway.replay import ReplayError, Tags
from gateway.replay.instant import START_US, TimeForm, iso_us
from gateway.replay.tags import FOREIGN as NOT_OURS
from gateway.replay.tags import OVER_LIMIT, UNKNOWN
from tests.gateway.replay.replayed import FOREIGN, HEADER, epc, parsed, parser, rows, shop
from wire.epc import encode_sgtin96

A, B = epc(1), epc(2)
GOOD = f"{HEADER}0.5,R1,1,{A},-54.5\n1.25,R2,2,{B},-60\n2,R1,3,{A},-70.26\n"
WANTED = [
    (START_US + 500_000, 0, 0, -5_450),
    (START_US + 1_250_000, 4, 1, -6_000),
    (START_US + 2_000_000, 2, 0, -7_026),
]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "\n\n" + GOOD.replace("\n", "\n\n"),
        GOOD.removesuffix("\n"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t").replace("rssi_dbm", "RSSI_dBm "),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in GOOD.splitlines()),
        "\n".join(f"x{i},{line}" for i, line in enumerate(GOOD.splitlines())),
        GOOD.replace(A, A.lower()),
    ],
    ids=["plain", "crlf", "bom", "empty lines", "no end", "semicolons", "tabs", "quotes", "more columns", "lower case"],
)
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_every_way_to_write_the_same_rows(text: str, block: int) -> None:
    taking = parser()
    assert rows(parsed(text, taking, block)) == WANTED
    assert (taking.rows, taking.bad.count, taking.form) == (3, 0, TimeForm.SECONDS)


def test_columns_in_another_order() -> None:
    text = f"epc,rssi_dbm,antenna,reader,t\n{A},-54.5,1,R1,0.5\n"
    assert rows(parsed(text)) == WANTED[:1]


def test_windows_line_ends_behind_a_time() -> None:
    text = f"reader,antenna,epc,rssi_dbm,t\r\nR1,1,{A},-50,2026-11-22T05:00:00Z\r\n"
    taking = parser()
    assert parsed(text, taking).at_us.tolist() == [iso_us("2026-11-22T05:00:00Z")]
    assert taking.bad.count == 0


def test_a_short_row_does_not_borrow_from_a_long_one() -> None:
    lines = GOOD.splitlines()
    text = "\n".join([*lines, "3,R1,1,-50", *lines[1:], f"3,R1,1,{A},-50,7", *lines[1:]])
    taking = parser()
    assert rows(parsed(text, taking)) == WANTED * 3
    assert [row.line for row in taking.bad.first] == [5, 9]


def test_ndjson_with_numbers_or_texts_and_iso_times() -> None:
    told = [
        {"t": "2026-11-22T05:45:00.123456+00:00", "reader": "R1", "antenna": 1, "epc": A, "rssi_dbm": -54.5},
        {"t": "2026-11-22T06:45:00.2+01:00", "reader": "R2", "antenna": "2", "epc": B, "rssi_dbm": "-60", "more": [1]},
    ]
    taking = parser()
    reads = parsed("\n".join(map(json.dumps, told)) + "\n\n", taking, 50)
    assert rows(reads) == [
        (iso_us("2026-11-22T05:45:00.123456Z"), 0, 0, -5_450),
        (iso_us("2026-11-22T05:45:00.2Z"), 4, 1, -6_000),
    ]
    assert (taking.form, taking.rows) == (TimeForm.ISO, 2)


@given(st.integers(0, 4 * 10**15), st.integers(-15_000, 5_000), st.integers(1, 3))
def test_what_an_edge_writes_is_read_exactly(at_us: int, cdbm: int, port: int) -> None:
    line = reads_line("R1", port, bytes.fromhex(A), cdbm, at_us)
    assert rows(parsed(line)) == [(at_us, port - 1, 0, cdbm)]


BAD = [
    (f"soon,R1,1,{A},-54.5", "t 'soon': expected seconds from the start"),
    (f"2026-11-22T05:45:00Z,R1,1,{A},-54.5", "; the file began with seconds from the start"),
    (f"0.5,R1,one,{A},-54.5", "reader,antenna 'R1,one': expected the number of an antenna port"),
    (f"0.5,,1,{A},-54.5", "reader,antenna ',1': expected the number"),
    ("0.5,R1,1,hello,-54.5", "epc 'hello': expected the EPC in hexadecimal"),
    (f"0.5,R1,1,{A}0,-54.5", f"epc '{A}0': expected the EPC in hexadecimal"),
    (f"0.5,R1,1,{A},loud", "rssi_dbm 'loud': expected dBm from -150 to 50"),
    (f"0.5,R1,1,{A},nan", "rssi_dbm 'nan'"),
    (f"0.5,R1,1,{A},-151", "rssi_dbm '-151'"),
    (f"0.5,R1,1,{A}", "row '0.5,R1,1,"),
    (f"900000,R1,1,{A},-54.5", "t '900000': lies more than a day from the rows around it"),
    ("\x00\x01", "row "),
]


@pytest.mark.parametrize(("bad", "told"), BAD, ids=[told for _, told in BAD])
def test_a_bad_row_is_told_with_its_line_and_nothing_else_is_lost(bad: str, told: str) -> None:
    lines = GOOD.splitlines()
    text = "\n".join([*lines[:2], bad, *lines[2:]]) + "\n"
    for block in (1 << 20, 40):
        taking = parser()
        assert rows(parsed(text, taking, block)) == WANTED
        assert (taking.rows, taking.bad.count) == (4, 1)
        assert str(taking.bad.first[0]).startswith("line 3: ")
        assert told in str(taking.bad.first[0])


def test_a_bad_line_of_json_is_told_with_its_line() -> None:
    good = json.dumps({"t": 1, "reader": "R1", "antenna": 1, "epc": A, "rssi_dbm": -50})
    taking = parser()
    assert len(parsed("\n".join([good, good[:30], good.replace("-50", "null"), good, good, good]), taking)) == 4
    assert taking.bad.count == 2
    assert [row.line for row in taking.bad.first] == [2, 3]


def test_only_the_first_bad_rows_are_kept_and_all_are_counted() -> None:
    bad = "".join(f"0.5,R1,1,{A},loud\n" for _ in range(20))
    good = "".join(f"0.5,R1,1,{A},-50\n" for _ in range(20))
    taking = parser()
    assert len(parsed(HEADER + bad + good, taking)) == 20
    assert (taking.bad.count, len(taking.bad.first)) == (20, 5)


def test_more_bad_rows_than_good_ones_are_another_file() -> None:
    bad = f"0.5,R1,1,{A},loud\n"
    good = f"0.5,R1,1,{A},-50\n"
    parsed(HEADER + bad + good)
    with pytest.raises(ReplayError, match=r"(?s)reads: 2 of 3 rows are bad; the first:\n  line 2: rssi_dbm 'loud'"):
        parsed(HEADER + bad + bad + good)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "reads is empty"),
        ("\n \n", "reads is empty"),
        (HEADER, "reads has a header and no rows"),
        (
            "t,reader,epc\n1,R1,00\n",
            "reads: line 1: no column antenna, rssi_dbm; expected t,reader,antenna,epc,rssi_dbm",
        ),
        (f"\n0.5,R1,1,{A},-50\n", "reads: line 2: no column t,"),
        (GOOD.replace("R1", "Z1").replace("R2", "Z2"), "its readers are Z1, Z2; those of the site file are R1, R2"),
    ],
)
def test_a_file_without_use_says_what_to_mend(text: str, told: str) -> None:
    with pytest.raises(ReplayError, match=told):
        parsed(text)


def test_antennas_that_the_site_does_not_have_are_counted_by_name() -> None:
    taking = parser()
    reads = parsed(f"{GOOD}3,R1,9,{A},-50\n3,R9,1,{A},-50\n3,R9,1,{B},-50\n", taking)
    assert taking.unknown == {("R1", "9"): 1, ("R9", "1"): 2}
    assert reads.antenna.tolist().count(UNKNOWN) == 3
    assert taking.bad.count == 0


def test_foreign_tags_are_no_items_where_the_site_names_its_company_prefixes() -> None:
    text = f"{HEADER}0,R1,1,{FOREIGN},-50\n0,R1,1,E28011700000020F,-50\n0,R1,1,{A},-50\n"
    assert parsed(text).tag.tolist() == [NOT_OURS, NOT_OURS, 0]
    taking = parser(shop("[]"))
    assert parsed(text, taking).tag.tolist() == [0, 1, 2]


def test_tags_without_gtin_are_known_by_their_epc() -> None:
    tags = Tags(shop("[]"))
    assert [tags[text] for text in ("E28011700000020f", A, "E28011700000020F", A.lower())] == [0, 1, 0, 1]
    assert (tags.epcs, tags.gtins) == (["E28011700000020F", A], ["", "09506000134352"])


def test_an_item_is_its_gtin_and_serial_whatever_the_filter_value() -> None:
    tags = Tags(shop())
    other = encode_sgtin96("09506000134352", 1, company_prefix_length=7, filter=3).hex().upper()
    assert other != A
    assert tags[A] == tags[other] == 0
    assert tags.epcs == [A]


def test_tags_are_bounded() -> None:
    tags = Tags(shop(), max_tags=2)
    assert [tags[epc(serial)] for serial in (1, 2, 3, 1)] == [0, 1, OVER_LIMIT, 0]


@given(st.permutations(range(8)), st.sampled_from([0, 3, 7]))
def test_times_a_day_off_are_found_whatever_the_order(order: list[int], far: int) -> None:
    times = [100.0 + i for i in range(8)]
    times[far] += 10_000_000 if far % 2 else -10_000_000
    text = HEADER + "".join(f"{times[i]},R1,1,{epc(i + 1)},-50\n" for i in order)
    taking = parser()
    reads = parsed(text, taking)
    assert taking.bad.count == 1
    assert sorted(reads.at_us.tolist()) == [START_US + (100 + i) * 1_000_000 for i in range(8) if i != far]


def test_a_long_line_without_end_is_one_bad_row() -> None:
    taking = parser()
    assert len(parsed(GOOD + "x" * 400_000 + "\n" + f"3,R1,1,{A},-50\n", taking, 10_000)) == 4
    assert taking.bad.count == 1
    assert len(taking.bad.first[0].value) < 200_000
