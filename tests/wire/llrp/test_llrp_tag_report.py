"""Tag reports: the fast path says what the generic codec says, remembers what a reader leaves out, and never raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.llrp.llrp_trees import SELECTOR_FLAGS, parameter_of
from wire.llrp.check import check
from wire.llrp.codec import decode, decode_parameters, encode_parameter
from wire.llrp.errors import EncodeError
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.limits import MAX_FAULTS, MAX_LAYOUTS, MAX_LAYOUTS_PER_SIZE
from wire.llrp.message import Bits, Message, Parameter, param
from wire.llrp.tables import PARAMETERS
from wire.llrp.tag_report import ReportContent, ReportMemory, TagReport, decode_tag_reports, encode_tag_reports

EPC = bytes.fromhex("3034257bf7194e4000001a85")
EVERYTHING = ReportContent(
    rospec_id=True,
    spec_index=True,
    inventory_parameter_spec_id=True,
    antenna=True,
    peak_rssi=True,
    channel=True,
    first_seen=True,
    last_seen=True,
    seen_count=True,
    access_spec_id=True,
    impinj_phase=True,
    impinj_peak_rssi=True,
)
NUMBERS = {
    "ROSpecID": ("rospec_id", "ROSpecID"),
    "SpecIndex": ("spec_index", "SpecIndex"),
    "InventoryParameterSpecID": ("inventory_parameter_spec_id", "InventoryParameterSpecID"),
    "AntennaID": ("antenna", "AntennaID"),
    "ChannelIndex": ("channel", "ChannelIndex"),
    "TagSeenCount": ("seen_count", "TagCount"),
    "AccessSpecID": ("access_spec_id", "AccessSpecID"),
    "ImpinjRFPhaseAngle": ("phase_4096", "PhaseAngle"),
}


def _by_the_book(  # noqa: C901 - LLRP's rules one after the other, on purpose
    data: Parameter, last: TagReport | None
) -> TagReport | None:
    """Read one TagReportData as the generic codec gives it, straight from LLRP's rules: the oracle."""
    epc = next((one["EPC"] for one in data.parameters if one.name in {"EPC_96", "EPCData"}), None)
    if epc is None:
        return None
    octets, bits = (epc.data, epc.length) if isinstance(epc, Bits) else (epc, 96)
    assert isinstance(octets, bytes)
    found: dict[str, Any] = {"epc": octets, "epc_bits": bits}
    for name, (attribute, field) in NUMBERS.items():
        if (one := data.first(name)) is not None:
            found[attribute] = one.number(field)
    if (rssi := data.first("ImpinjPeakRSSI")) is not None:
        found["peak_rssi_cdbm"] = rssi.number("RSSI")
    elif (rssi := data.first("PeakRSSI")) is not None:
        found["peak_rssi_cdbm"] = rssi.number("PeakRSSI") * 100
    times = {
        clock: {edge: data.first(f"{edge}SeenTimestamp{clock}") for edge in ("First", "Last")}
        for clock in ("UTC", "Uptime")
    }
    clock = next((name for name, pair in times.items() if any(pair.values())), None)
    found["uptime"] = clock == "Uptime" if clock else bool(last and last.uptime)
    for edge, one in times[clock].items() if clock else ():
        if one is not None:
            found[f"{edge.lower()}_seen_us"] = one.number("Microseconds")
    for attribute in TagReport.__struct_fields__:
        if attribute in found or attribute == "phase_4096" or last is None:
            continue
        if attribute.endswith("_us") and last.uptime != found["uptime"]:
            continue
        found[attribute] = getattr(last, attribute)
    return TagReport(**found)


def _by_the_book_all(parameters: tuple[Parameter, ...], last: TagReport | None = None) -> list[TagReport]:
    reports = []
    for parameter in parameters:
        if parameter.name == "TagReportData" and (report := _by_the_book(parameter, last)) is not None:
            reports.append(report)
            last = report
    return reports


tag_report_data = st.randoms(use_true_random=False).map(
    lambda random: parameter_of(PARAMETERS["TagReportData"], random)
)
top_level = st.one_of(
    tag_report_data,
    tag_report_data,
    st.randoms(use_true_random=False).map(lambda random: parameter_of(PARAMETERS["RFSurveyReportData"], random)),
    st.just(param("Custom", VendorIdentifier=1, ParameterSubtype=2, Data=b"abc")),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(top_level, max_size=6), st.randoms(use_true_random=False))
def test_the_fast_path_says_what_the_generic_codec_says(parameters: list[Parameter], random: Any) -> None:
    shuffled = []
    for parameter in parameters:
        children = list(parameter.parameters)
        random.shuffle(children)  # readers need not keep the standard's order
        shuffled += [Parameter(parameter.name, parameter.fields, tuple(children))] * random.choice((1, 1, 3))
    body = b"".join(encode_parameter(parameter) for parameter in shuffled)
    batch = decode_tag_reports(body, ReportMemory())
    assert batch.reports == _by_the_book_all(decode_parameters(body))
    assert batch.fault_count == 0


def _maybe(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.none() | strategy


u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u64 = st.integers(0, (1 << 64) - 1)
epcs = st.one_of(st.just(96), st.integers(0, 130)).flatmap(
    lambda bits: st.tuples(st.binary(min_size=(bits + 7) // 8, max_size=(bits + 7) // 8), st.just(bits))
)
tag_reports = st.builds(
    lambda epc, **rest: TagReport(*epc, **rest),
    epcs,
    antenna=_maybe(u16),
    peak_rssi_cdbm=_maybe(st.integers(-12_800, 12_700)),
    first_seen_us=_maybe(u64),
    last_seen_us=_maybe(u64),
    uptime=st.booleans(),
    seen_count=_maybe(u16),
    channel=_maybe(u16),
    rospec_id=_maybe(u32),
    spec_index=_maybe(u16),
    inventory_parameter_spec_id=_maybe(u16),
    access_spec_id=_maybe(u32),
    phase_4096=_maybe(st.integers(0, 4095)),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(tag_reports, max_size=8),
    st.builds(ReportContent, **{f: st.booleans() for f in ReportContent.__struct_fields__}),
)
def test_what_a_reader_encodes_the_standard_allows_and_both_decoders_read(
    reports: list[TagReport], content: ReportContent
) -> None:
    body = encode_tag_reports(reports, content)
    generic = decode(RawMessage(1, 61, 0, body))
    assert check(generic) == []
    batch = decode_tag_reports(body, ReportMemory())
    assert batch.reports == _by_the_book_all(generic.parameters)
    assert [report.epc for report in batch.reports] == [report.epc for report in reports]
    assert (batch.fault_count, batch.other_count) == (0, 0)


@settings(max_examples=200, deadline=None)
@given(tag_reports)
def test_a_report_with_everything_comes_back_whole(report: TagReport) -> None:
    """Alone, so that nothing is filled in from an earlier report."""
    [again] = decode_tag_reports(encode_tag_reports([report], EVERYTHING), ReportMemory()).reports
    if report.first_seen_us is None and report.last_seen_us is None:
        assert not again.uptime
        return
    assert again == report


def _report(*parts: str) -> bytes:
    body = bytes.fromhex("".join(parts))
    return (0xF0).to_bytes(2) + (4 + len(body)).to_bytes(2) + body


EPC_96 = "8d" + EPC.hex()


def test_a_real_report_of_a_zebra_fx9600_with_a_seen_count_and_no_antenna() -> None:
    octets = "043d0000002a000001be00f000208de2005037590701270270edaf87001884000591e2f0b6d69a8814fe"
    [raw] = Framer().feed(bytes.fromhex(octets))
    [report] = decode_tag_reports(raw.body, ReportMemory()).reports
    assert report == TagReport(
        epc=bytes.fromhex("e2005037590701270270edaf"), channel=0x18, last_seen_us=0x591E2F0B6D69A, seen_count=5374
    )


def test_a_parameter_left_out_repeats_the_last_value() -> None:
    memory = ReportMemory()
    first = _report(EPC_96, "810003", "86c4", "8200000000000003e8", "8800ff")
    other_antenna = _report(EPC_96, "810004")
    nothing = _report(EPC_96)
    reports = decode_tag_reports(first + other_antenna + nothing, memory).reports
    assert [report.antenna for report in reports] == [3, 4, 4]
    assert {(report.peak_rssi_cdbm, report.first_seen_us, report.seen_count) for report in reports} == {
        (-6000, 1000, 255)
    }
    assert {report.last_seen_us for report in reports} == {None}
    [later] = decode_tag_reports(nothing, memory).reports
    assert (later.antenna, later.peak_rssi_cdbm) == (4, -6000)
    memory.reset()
    [fresh] = decode_tag_reports(nothing, memory).reports
    assert (fresh.antenna, fresh.peak_rssi_cdbm, fresh.first_seen_us) == (None, None, None)


def test_a_phase_is_never_repeated_and_the_fine_rssi_wins() -> None:
    fine = "03ff000e0000651a00000039e890"
    phase = "03ff000e0000651a000000380800"
    with_both = _report(EPC_96, "86c4", phase, fine)
    one, two = decode_tag_reports(with_both + _report(EPC_96), ReportMemory()).reports
    assert (one.peak_rssi_cdbm, one.phase_4096) == (-6000, 2048)
    assert (two.peak_rssi_cdbm, two.phase_4096) == (-6000, None)
    [odd] = decode_tag_reports(_report(EPC_96, "86c4", fine.replace("e890", "e8f4")), ReportMemory()).reports
    assert odd.peak_rssi_cdbm == -5900


def test_times_of_another_clock_are_not_repeated() -> None:
    utc = _report(EPC_96, "8200000000000003e8", "8400000000000007d0")
    uptime = _report(EPC_96, "830000000000000005")
    no_time = _report(EPC_96)
    reports = decode_tag_reports(utc + uptime + no_time + utc, ReportMemory()).reports
    assert [(r.first_seen_us, r.last_seen_us, r.uptime) for r in reports] == [
        (1000, 2000, False),
        (5, None, True),
        (5, None, True),
        (1000, 2000, False),
    ]


def test_short_and_long_epcs_keep_their_bits() -> None:
    short = _report("00f10009", "0014", "123450")
    long = _report("00f10018", "0090", "00" * 18)
    empty = _report("00f100060000")
    reports = decode_tag_reports(short + long + empty, ReportMemory()).reports
    assert [(report.epc_bits, len(report.epc)) for report in reports] == [(20, 3), (144, 18), (0, 0)]
    assert reports[0].epc == b"\x12\x34\x50"


def test_epcs_of_equal_bytes_and_other_bits_are_told_apart() -> None:
    first, second = _report("00f10009", "0014", "123450"), _report("00f10009", "0018", "123456")
    reports = decode_tag_reports(first + second + first, ReportMemory()).reports
    assert [report.epc_bits for report in reports] == [20, 24, 20]


def test_of_a_doubled_parameter_the_first_counts() -> None:
    body = _report(EPC_96, "00f10009", "0014", "123450", "810003", "810004", "86c4", "86c5")
    [report] = decode_tag_reports(body, ReportMemory()).reports
    assert (report.epc, report.epc_bits, report.antenna, report.peak_rssi_cdbm) == (EPC, 96, 3, -6000)


def test_a_vendor_parameter_without_its_value_is_no_value() -> None:
    body = _report(EPC_96, "86c4", "03ff000c0000651a00000039", "810003")
    batch = decode_tag_reports(body, ReportMemory())
    assert [(r.peak_rssi_cdbm, r.antenna) for r in batch.reports] == [(-6000, 3)]


def test_after_a_run_of_reports_the_last_of_them_is_repeated() -> None:
    run = b"".join(_report(EPC_96, f"81{antenna:04x}") for antenna in range(1, 6))
    assert decode_tag_reports(run + _report(EPC_96), ReportMemory()).reports[-1].antenna == 5


def test_a_message_without_tags() -> None:
    assert decode_tag_reports(b"", ReportMemory()) == ([], (), 0, 0)
    survey = encode_parameter(param("RFSurveyReportData"))
    custom = encode_parameter(param("Custom", VendorIdentifier=161, ParameterSubtype=1, Data=b""))
    assert decode_tag_reports(survey + custom + bytes.fromhex("810001"), ReportMemory()) == ([], (), 0, 3)


def test_an_unknown_tv_ends_its_report_only() -> None:
    batch = decode_tag_reports(_report(EPC_96, "ff", "810003") + _report(EPC_96, "810004"), ReportMemory())
    assert [report.antenna for report in batch.reports] == [None, 4]
    assert (batch.fault_count, batch.other_count) == (0, 1)


def test_an_unknown_tlv_and_a_vendor_parameter_are_stepped_over() -> None:
    odd = _report(EPC_96, "03840006beef", "03ff000c0000000100000009", "03ff0006beef", "810003")
    batch = decode_tag_reports(odd + odd, ReportMemory())
    assert [report.antenna for report in batch.reports] == [3, 3]
    assert (batch.fault_count, batch.other_count) == (0, 6)


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("810003", "no EPCData and no EPC_96 in TagReportData"),
        (EPC_96[:-2], "11 bytes left, expected 12 in TagReportData/EPC_96"),
        (EPC_96 + "8100", "1 bytes left, expected 2 in TagReportData/AntennaID"),
        (EPC_96 + "0384", "2 bytes left, expected a 4-byte parameter header in TagReportData"),
        (EPC_96 + "03840003", "parameter type 900 has length 3, expected 4 to 4 in TagReportData"),
        (EPC_96 + "03840005", "parameter type 900 has length 5, expected 4 to 4 in TagReportData"),
        ("00f100050000", "length 5, expected at least 6 in TagReportData/EPCData"),
        ("00f10007000900", "EPC announces 9 bits, only 1 bytes left in TagReportData/EPCData"),
    ],
)
def test_a_malformed_report_costs_that_report_only(inside: str, problem: str) -> None:
    good = _report(EPC_96, "810003")
    batch = decode_tag_reports(good + _report(inside) + good, ReportMemory())
    assert [report.antenna for report in batch.reports] == [3, 3]
    assert batch.fault_count == 1
    assert problem in str(batch.faults[0])
    assert len(good) <= batch.faults[0].offset < len(good) + 4 + len(inside) // 2


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("00f0", "2 bytes left, expected a 4-byte parameter header"),
        ("00f00003", "parameter type 240 has length 3, expected 4 to 4"),
        ("00f00100", "parameter type 240 has length 256, expected 4 to 4: the rest is lost"),
        ("ff", "TV parameter type 127 has no end"),
        ("8100", "TV parameter type 1 has no end"),
    ],
)
def test_a_length_that_cannot_be_costs_the_rest_of_the_message(bad: str, problem: str) -> None:
    good = _report(EPC_96, "810003")
    batch = decode_tag_reports(good + bytes.fromhex(bad), ReportMemory())
    assert [report.antenna for report in batch.reports] == [3]
    assert batch.fault_count == 1
    assert problem in str(batch.faults[0])


def test_faults_are_counted_but_not_all_kept() -> None:
    batch = decode_tag_reports(_report("810003") * 1000, ReportMemory())
    assert (batch.reports, len(batch.faults), batch.fault_count) == ([], MAX_FAULTS, 1000)


def test_learned_layouts_are_bounded() -> None:
    memory = ReportMemory()
    for bits in range(0, 8 * 2 * MAX_LAYOUTS, 8):
        body = encode_tag_reports([TagReport(bytes(bits // 8), bits, antenna=1)], ReportContent())
        assert len(decode_tag_reports(body, memory).reports) == 1
        assert memory.layout_count <= MAX_LAYOUTS
    same_size = ReportMemory()
    for odd in range(900, 900 + 3 * MAX_LAYOUTS_PER_SIZE):
        decode_tag_reports(_report(EPC_96, f"{odd:04x}0004"), same_size)
        assert same_size.layout_count <= MAX_LAYOUTS_PER_SIZE


def test_long_runs_and_changes_of_shape_lose_nothing() -> None:
    plain, long = ReportContent(), ReportContent(channel=True)
    reports, body = [], b""
    for run, content in ((1, plain), (130, long), (1, plain), (2, long), (300, plain), (1, long)):
        batch = [
            TagReport(EPC, antenna=i % 4, peak_rssi_cdbm=-100 * i % 3, first_seen_us=i, last_seen_us=i, seen_count=i)
            for i in range(run)
        ]
        reports += batch
        body += encode_tag_reports(
            [TagReport(**{**_as_dict(r), "channel": 7}) for r in batch] if content is long else batch, content
        )
    decoded = decode_tag_reports(body, ReportMemory())
    assert [(r.antenna, r.first_seen_us) for r in decoded.reports] == [(r.antenna, r.first_seen_us) for r in reports]
    assert decoded.reports[0].channel is None
    assert {report.channel for report in decoded.reports[1:]} == {7}


def _as_dict(report: TagReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in TagReport.__struct_fields__}


@pytest.mark.parametrize(
    "bad",
    [
        TagReport(EPC, antenna=65536),
        TagReport(EPC, antenna=-1),
        TagReport(EPC, peak_rssi_cdbm=12_750),
        TagReport(EPC, first_seen_us=1 << 64),
        TagReport(EPC[:-1]),
        TagReport(EPC, epc_bits=97),
        TagReport(bytes(8193), epc_bits=65_537),
        TagReport(bytes(8192), epc_bits=65_536),
    ],
)
def test_what_cannot_be_written_is_refused(bad: TagReport) -> None:
    with pytest.raises(EncodeError, match="RO_ACCESS_REPORT/TagReportData"):
        encode_tag_reports([bad], ReportContent())


def test_the_content_follows_what_the_client_asked_for() -> None:
    whole = TagReport(EPC, 96, 1, -6000, 10, 20, False, 3, 5, 7, 11, 13, 17, 19)
    for wanted in SELECTOR_FLAGS:
        parameter = f"{wanted}UTC" if "Timestamp" in wanted else wanted
        selector = Parameter("TagReportContentSelector", {f"Enable{flag}": flag == wanted for flag in SELECTOR_FLAGS})
        spec = param("ROReportSpec", selector, ROReportTrigger=2, N=1)
        for content in (ReportContent.from_selector(selector), ReportContent.from_report_spec(spec)):
            [data] = decode_parameters(encode_tag_reports([whole], content))
            assert [one.name for one in data.parameters] == ["EPC_96", parameter]
    vendor = param(
        "ImpinjTagReportContentSelector",
        param("ImpinjEnableRFPhaseAngle", RFPhaseAngleMode=1),
        param("ImpinjEnablePeakRSSI", PeakRSSIMode=1),
    )
    spec = param("ROReportSpec", selector, vendor, ROReportTrigger=2, N=1)
    [data] = decode_parameters(encode_tag_reports([whole], ReportContent.from_report_spec(spec)))
    assert [one.name for one in data.parameters] == ["EPC_96", "AccessSpecID", "ImpinjRFPhaseAngle", "ImpinjPeakRSSI"]


def test_a_peak_rssi_is_rounded_to_whole_dbm() -> None:
    for cdbm, dbm in ((-6049, -60), (-6050, -60), (-6051, -61), (49, 0), (50, 1)):
        [data] = decode_parameters(encode_tag_reports([TagReport(EPC, peak_rssi_cdbm=cdbm)], ReportContent()))
        assert data.one("PeakRSSI").number("PeakRSSI") == dbm


def test_reports_frame_as_a_message() -> None:
    body = encode_tag_reports([TagReport(EPC, antenna=2)], ReportContent())
    [raw] = Framer().feed(RawMessage(1, 61, 9, body).to_bytes())
    expected = param("TagReportData", param("EPC_96", EPC=EPC), param("AntennaID", AntennaID=2))
    assert decode(raw) == Message("RO_ACCESS_REPORT", {}, (expected,), 9, 1)
