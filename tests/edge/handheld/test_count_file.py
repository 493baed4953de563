"""Count files: every form that an export takes, what a bad line costs, and files that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from edge.handheld.count_file import CountFile, CountFileError, CountReader, session_of
from edge.handheld.epc_text import NotAnItem, epc_of, epc_of_item
from edge.handheld.export import NotAnExport, read_export, text_of
from edge.handheld.limits import COVERAGE, HEADER_MAX_LINES, LINE_MAX_CHARS, PART_MAX_EPCS, PROBLEMS_KEPT
from edge.handheld.times import instant_us
from wire.epc import EPC_MAX_BITS, decode_epc
from wire.limits import BODY_MAX_BYTES
from wire.messages import encode_durable
from wire.site import Site, Zone, ZoneKind

NOW_US = 1_795_356_000_000_000
"""2026-11-22 14:00:00 UTC."""
A, B, C = (bytes.fromhex(f"3034257BF7194E4000001A8{last}") for last in (5, 6, 7))
FOREIGN = bytes.fromhex("301400c0e4424c8000000001")
SITE = Site(
    "store-1",
    "Main Street",
    "Europe/Berlin",
    (
        Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"),
        Zone("BACK", ZoneKind.BACK_ROOM, True, "BACK"),
        Zone("EXIT", ZoneKind.EXIT, False, "FLOOR"),
    ),
    (),
    (),
)


def read(text: str | bytes, *, zone: str = "FLOOR", coverage: float | None = None, site: Site = SITE) -> CountFile:
    data = text.encode() if isinstance(text, str) else text
    return CountReader(site, zone=zone, coverage=coverage).read(data, NOW_US)


def refused(text: str | bytes, *, zone: str = "FLOOR") -> CountFileError:
    with pytest.raises(CountFileError) as refusal:
        read(text, zone=zone)
    return refusal.value


# -- one tag


@pytest.mark.parametrize(
    "text",
    [
        "3034257BF7194E4000001A85",
        "3034257bf7194e4000001a85",
        " 0x3034257BF7194E4000001A85 ",
        "3034 257B F719 4E40 0000 1A85",
        "3034-257B-F719-4E40-0000-1A85",
        "urn:epc:tag:sgtin-96:1.0614141.812345.6789",
        "urn:epc:id:sgtin:0614141.812345.6789",
        "https://id.gs1.org/01/80614141123458/21/6789",
        "https://shop.example/x/01/80614141123458/21/6789?17=261231",
        "(01)80614141123458(21)6789",
        "]d20180614141123458216789",
        "0180614141123458216789",
        "0180614141123458216789\x1d17261231",
    ],
)
def test_the_same_item_in_every_writing(text: str) -> None:
    epc = epc_of(text)
    assert decode_epc(epc, 8 * len(epc)) == decode_epc(A, 96)


@pytest.mark.parametrize(
    ("gtin", "serial"), [("9506000134352", "A/1"), ("80614141123458", "0001"), ("4006381333931", "7")]
)
def test_an_item_by_gtin_and_serial(gtin: str, serial: str) -> None:
    epc = epc_of_item(gtin, serial)
    assert decode_epc(epc, 8 * len(epc)).identity == (gtin.zfill(14), serial)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "brief"),
    [
        ("", "0 characters"),
        ("3.03426E+23", "a spreadsheet rounded it"),
        ("3,03426E+23", "a spreadsheet rounded it"),
        ("80614141123458", "a GTIN without a serial"),
        ("061414112345", "a GTIN without a serial"),
        ("ABCDE", "5 hexadecimal digits"),
        ("ABCD", "4 hexadecimal digits"),
        ("AB" * (EPC_MAX_BITS // 8 + 1), "126 hexadecimal digits"),
        ("urn:epc:id:sgtin:06.1", "no EPC URI"),
        ("urn:epc:id:sgtin:0614141.812345.%", "no EPC URI"),
        ("https://id.gs1.org/01/80614141123458", "without GTIN and serial"),
        ("https://id.gs1.org/00/006141411234567890", "without GTIN and serial"),
        ("https://id.gs1.org/01/80614141123459/21/1", "no GS1 code (check_digit)"),
        ("Total", "no GS1 code (not_gs1)"),
        ("]d2018061414112345821678917261231", "AI 21 ran into the next"),
        ("x" * 9_000, "9000 characters"),
    ],
)
def test_what_names_no_item(text: str, brief: str) -> None:
    with pytest.raises(NotAnItem) as refusal:
        epc_of(text)
    assert brief in refusal.value.brief
    assert not text or text[:60] not in refusal.value.brief


@given(st.binary(min_size=4, max_size=62).filter(lambda epc: len(epc) % 2 == 0))
def test_hexadecimal_is_taken_as_it_is(epc: bytes) -> None:
    if epc.hex().isdecimal() and len(epc) in {4, 6, 7}:
        return
    if epc.hex().startswith("01") and epc.hex()[16:18] == "21":
        return
    assert epc_of(epc.hex()) == epc


@given(st.text(max_size=200))
def test_any_text_is_an_item_or_a_typed_refusal(text: str) -> None:
    try:
        assert 0 < len(epc_of(text)) * 8 <= EPC_MAX_BITS
    except NotAnItem as refusal:
        assert refusal.brief


# -- times


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T14:00:00Z",
        "2026-11-22 15:00:00",
        "2026/11/22 15:00",
        "2026-11-22T14:00:00.000+0000",
        "2026-11-22T15:00:00+01:00",
        "1795356000",
        "1795356000000",
        "1795356000000000",
        "1795356000.000",
    ],
)
def test_the_same_instant_in_every_writing(text: str) -> None:
    assert read(f"# ended: {text}\nEPC\n{A.hex()}").ended_us == NOW_US


@pytest.mark.parametrize("text", ["22.11.2026 15:00", "11/22/2026", "soon", "12", "1969-01-01", "99999999999999999999"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="expected year first"):
        instant_us(text, CountReader(SITE)._timezone)


# -- forms of exports


@pytest.mark.parametrize(
    "text",
    [
        "EPC\n{a}\n{b}\n",
        "epc_hex;count\n{a};3\n{b};1\n",
        "TAG ID,COUNT,RSSI\r\n{a},3,-50\r\n{b},1,-61\r\n",
        "Id\tRFID Tag\tRSSI\n1\t{a}\t-50\n2\t{b}\t-51",
        '"No.","EPC (hex)"\n"1","{a}"\n"2","{b}"',
        'EPC\n"=""{a}"""\n\'{b}\n',
        "INVENTORY SUMMARY,\nUNIQUE COUNT:,2\nREAD TIME:,00:00:03\nTAG ID,COUNT,RSSI\n{a},3,-50\n{b},1,-60\n",
        "RFID\nTID,EPC\nE280,{a}\nE281,{b}\n",
        "{a}\n{b}\n",
        "\n1,{a}\n\n2,{b}\n",
        "GTIN,Serial\n80614141123458,6789\n80614141123458,6790\n",
        "EPC,GTIN,Serial\n{a},,\n,80614141123458,6790\n",
        '{{"epc":"{a}"}}\n{{"epc":"{b}"}}\n',
        '{{"epcs":["{a}","{b}"]}}',
        '{{"gtin":"80614141123458","serial":6789}}\n{{"EPC":"{b}","tid":"E280"}}',
        '{{"type":"INVENTORY","data":{{"tagData":[{{"EPCid":"{a}","peakRssi":-50}},{{"EPCid":"{b}"}}]}}}}',
        '{{"a":{{"b":{{"c":{{"epc":"{a}"}}}}}}}}\n{{"epc":"{b}"}}',
    ],
)
def test_every_form_of_an_export(text: str) -> None:
    count = read(text.format(a=A.hex().upper(), b=B.hex()))
    found = {decode_epc(epc, 8 * len(epc)) for epc in count.zones["FLOOR"]}
    assert found == {decode_epc(A, 96), decode_epc(B, 96)}
    assert (count.bad_lines, count.problems, count.coverage) == (0, (), None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_encoding_that_spreadsheets_write(encoding: str) -> None:
    text = f"# Zone: BACK\nEPC,Größe\n{A.hex()},ä\n"
    assert read(text.encode(encoding)).zones == {"BACK": (A,)}


def test_bytes_of_another_encoding_cost_nothing_where_no_tag_stands() -> None:
    assert read(f"EPC,Größe\n{A.hex()},ä\n".encode("latin-1")).zones == {"FLOOR": (A,)}


def test_lines_of_the_whole_file_and_of_a_tag() -> None:
    said = "Zone: back\nStarted;2026-11-22 13:00\nEnded=2026-11-22 14:30\nCoverage,98%\n"
    count = read(f"{said}EPC;Zone\n{A.hex()};\n{B.hex()};exit\n# zone: FLOOR\n{C.hex()};\n")
    assert count.zones == {"BACK": (A, C), "FLOOR": (B,)}, (
        "the first word holds; a zone that counts as another is that one"
    )
    assert count.started_us == NOW_US - 2 * 3_600_000_000
    assert count.ended_us == NOW_US - 1_800_000_000
    assert count.coverage == 0.98


def test_json_that_speaks_of_the_whole_file() -> None:
    head = '{"zone":"BACK","started":"2026-11-22T12:00:00Z","ended":1795352400,"coverage":0}'
    count = read(f'{head}\n{{"epc":"{A.hex()}"}}\n{{"zone":"FLOOR","epcs":["{B.hex()}"]}}')
    assert count.zones == {"BACK": (A,), "FLOOR": (B,)}
    assert (count.started_us, count.ended_us, count.coverage) == (NOW_US - 7_200_000_000, NOW_US - 3_600_000_000, 0.0)


def test_times_of_tags_make_start_and_end() -> None:
    count = read(f"EPC,Time\n{A.hex()},2026-11-22 14:20:00\n{B.hex()},2026-11-22 14:10:00\n{C.hex()},\n")
    assert count.started_us == NOW_US - 3_000_000_000
    assert count.ended_us == NOW_US - 2_400_000_000


def test_a_tag_in_two_zones_is_where_it_was_read_last_and_once() -> None:
    count = read(f"EPC,Zone\n{A.hex()},FLOOR\n{B.hex()},FLOOR\n{A.hex()},BACK\n")
    assert count.zones == {"BACK": (A,), "FLOOR": (B,)}
    assert (count.tags, count.repeats) == (2, 1)


def test_tags_of_others_are_counted_and_left_out() -> None:
    ours = replace(SITE, company_prefixes=("0614141",))
    count = read(f"EPC\n{A.hex()}\n{FOREIGN.hex()}\n{FOREIGN.hex()}\nE2801170200014CD9B5A08EC\n", site=ours)
    assert count.zones == {"FLOOR": (A,)}
    assert (count.foreign, count.bad_lines, count.coverage) == (2, 0, None)
    with pytest.raises(CountFileError, match="none of 1 tags is ours: see company_prefixes"):
        read(f"EPC\n{FOREIGN.hex()}\n", site=ours)


# -- bad lines


def test_a_bad_line_costs_itself_and_its_share_of_the_coverage() -> None:
    lines = [A.hex(), "3.0E+23", B.hex(), "Total", C.hex(), "30", A.hex()[:-1] + "4", A.hex()[:-1] + "3"]
    count = read("EPC\n" + "\n".join(lines))
    assert (count.tags, count.bad_lines) == (5, 3)
    assert [problem.line for problem in count.problems] == [3, 5, 7]
    assert "a spreadsheet rounded it" in count.problems[0].text
    assert count.coverage == pytest.approx(COVERAGE * 5 / 8)
    assert read("EPC\n" + "\n".join(lines), coverage=0.5).coverage == pytest.approx(0.5 * 5 / 8)
    assert read("EPC\n" + "\n".join(lines), coverage=0).coverage == 0


def test_a_zone_that_the_site_does_not_have_costs_its_lines() -> None:
    count = read(f"EPC,Zone\n{A.hex()},FLOOR\n{B.hex()},CELLAR\n{C.hex()},BACK\n")
    assert count.zones == {"BACK": (C,), "FLOOR": (A,)}
    assert count.problems[0].text == "zone 'CELLAR' is none of this site; there are FLOOR, BACK, EXIT"


def test_a_bad_time_costs_the_time_only() -> None:
    count = read(f"EPC,Time\n{A.hex()},22.11.2026\n{B.hex()},2026-11-22 14:10:00\n")
    assert (count.tags, count.bad_lines, count.coverage) == (2, 0, None)
    assert count.ended_us == NOW_US - 3_000_000_000
    assert "the tag counts" in count.problems[0].text


def test_a_damaged_line_of_json_or_of_a_table() -> None:
    good = f'{{"epc":"{A.hex()}"}}\n{{"epc":"{B.hex()}"}}\n'
    assert read(f'{good}{{"epc":"{C.hex()}\n').bad_lines == 1
    assert read(f"{good}{{}}\n").bad_lines == 1
    assert read(f"{good}[]\n").bad_lines == 1
    table = f"EPC\n{A.hex()}\n{B.hex()}\n"
    assert read(f'{table}"{C.hex()}\n{FOREIGN.hex()}\n').tags == 4, "an open quote ends with its line"
    assert read(f"{table}{C.hex()}\0\n").bad_lines == 1
    assert read(f"{table}{'x' * LINE_MAX_CHARS}x\n").bad_lines == 1


def test_the_report_names_a_bounded_number_of_lines() -> None:
    tags = [(0x3034257BF7194E4000000000 + i).to_bytes(12).hex() for i in range(2_000)]
    count = read("EPC\n" + "\n".join(tags + ["x"] * 1_000))
    assert (count.tags, count.bad_lines, len(count.problems)) == (2_000, 1_000, PROBLEMS_KEPT)


# -- files that are no counts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no EPCs: expected a table with a column EPC"),
        ("hello\nworld\n", "no EPCs: expected a table with a column EPC"),
        ("\n" * HEADER_MAX_LINES + "EPC\n" + A.hex(), "no EPCs: expected a table with a column EPC"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "no EPCs"),
        ("EPC\n", "no tags: a handheld that was switched on and off"),
        (f'[{{"epc":"{A.hex()}"}}]', "one JSON list over the whole file"),
        (
            '{"a":' * 5 + f'{{"epc":"{A.hex()}"}}' + "}" * 5,
            "1 of 1 lines cannot be read; line 1: no EPC in this object",
        ),
        ("EPC\nx\ny\n" + A.hex(), "2 of 3 lines cannot be read; line 2: 'x'"),
        (f"Zone: CELLAR\nEPC\n{A.hex()}", "zone 'CELLAR' is none of this site; there are FLOOR, BACK, EXIT"),
        (f"ended: yesterday\nEPC\n{A.hex()}", "ended 'yesterday': expected year first"),
        (f"ended: 2026-11-22 16:00\nEPC\n{A.hex()}", "it ends 60 minutes from now"),
        (f"started: 2026-11-22 14:00\nended: 2026-11-22 13:00\nEPC\n{A.hex()}", "it ends before it starts"),
        (f"coverage: 98\nEPC\n{A.hex()}", "coverage '98': expected a share from 0 to 1"),
        (f"coverage: nan\nEPC\n{A.hex()}", "coverage 'nan': expected a share"),
        (f"EPC,coverage\n{A.hex()},0.5\n{B.hex()},0.6", "more than one coverage"),
    ],
)
def test_a_file_that_counts_nothing_says_why(text: str | bytes, reason: str) -> None:
    assert reason in str(refused(text))
    assert not {"CELLAR", "yesterday", "'98'"} & set(refused(text).brief.split()), (
        "nothing of the file in events and logs"
    )


def test_a_file_without_a_zone_where_the_device_has_none() -> None:
    assert "no zone: neither here, file nor device" in str(refused(f"EPC\n{A.hex()}", zone=""))
    assert read(f"Zone,EPC\nBACK,{A.hex()}", zone="").zones == {"BACK": (A,)}


def test_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.handheld.count_file.FILE_MAX_TAGS", 2)
    assert "more than 2 tags" in str(refused(f"EPC\n{A.hex()}\n{B.hex()}\n{C.hex()}"))
    assert read(f"EPC\n{A.hex()}\n{B.hex()}\n{B.hex()}").tags == 2
    monkeypatch.setattr("edge.handheld.count_file.FILE_MAX_BYTES", 10)
    assert "more than 10 bytes" in str(refused(f"EPC\n{A.hex()}"))


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
@example(b"{" * 5_000)
@example(b"EPC\n" + b'"' * 4_000)
@example(b'{"epc":' + b"[" * 2_000)
def test_any_bytes_are_a_count_or_a_typed_refusal(data: bytes) -> None:
    for start in (b"", b"EPC,Zone,Time\n" + A.hex().encode() + b"\n", b'{"epc":"' + A.hex().encode() + b'"}\n'):
        try:
            assert read(start + data).tags
        except CountFileError as refusal:
            assert refusal.brief


@given(st.lists(st.sampled_from([A.hex(), B.hex(), "x", "", "# zone: BACK", "3.0E+23", '"', "\0"]), max_size=12))
def test_lines_do_not_touch_each_other(lines: list[str]) -> None:
    export = read_export("EPC\n" + "\n".join(lines))
    alone = [read_export(f"EPC\n{line}") for line in lines]
    assert len(export.rows) == sum(len(one.rows) for one in alone)
    assert len(export.problems) == sum(len(one.problems) for one in alone)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\xd8", b"\xff\xfe\x41", b"\xef\xbb\xbf\xff"])
def test_broken_encodings_are_text_with_marks(data: bytes) -> None:
    assert "\ufffd" in text_of(data)
    with pytest.raises(NotAnExport):
        read_export(text_of(data))


# -- messages


def test_parts_are_bounded_and_the_last_of_each_zone_ends_it() -> None:
    epcs = [b"\x36" + i.to_bytes(61) for i in range(2 * PART_MAX_EPCS + 1)]
    count = CountFile("s", {"A": tuple(epcs), "B": (A,)}, None, None, 0.9)
    parts = list(count.parts("store-1", "edge-1", 77))
    assert [(part.zone, len(part.epcs), part.ended_us) for part in parts] == [
        ("A", PART_MAX_EPCS, None),
        ("A", PART_MAX_EPCS, None),
        ("A", 1, 77),
        ("B", 1, 77),
    ]
    assert {(part.session, part.started_us, part.coverage) for part in parts} == {("s", 77, 0.9)}
    assert all(len(encode_durable(part)) < BODY_MAX_BYTES for part in parts)
    assert [epc for part in parts[:3] for epc in part.epcs] == epcs


def test_the_files_own_times_go_before_the_folders_and_unsaid_stays_unsaid() -> None:
    (part,) = CountFile("s", {"A": (A,)}, 5, 9, None).parts("store-1", "edge-1", 77)
    assert (part.started_us, part.ended_us, part.coverage) == (5, 9, UNSET)
    (part,) = CountFile("s", {"A": (A,)}, 80, None, None).parts("store-1", "edge-1", 77)
    assert (part.started_us, part.ended_us) == (77, 77)


def test_the_session_is_the_content() -> None:
    assert read(f"EPC\n{A.hex()}").session == session_of(f"EPC\n{A.hex()}".encode()) != session_of(b"EPC")
    assert len(session_of(b"")) <= 64
