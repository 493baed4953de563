"""Tag reports to reads."""

from __future__ import annotations

from edge.llrp.reads import RSSI_UNKNOWN_CDBM, to_reads
from wire.llrp.tag_report import TagReport
from wire.window import TagRead

EPC = b"\x30" * 12
NOW_US = 1_800_000_000_000_000


def test_a_full_report() -> None:
    report = TagReport(EPC, 96, 3, -6150, 1_000, 2_000, seen_count=7)
    assert to_reads([report], 500, NOW_US, None) == [TagRead(3, EPC, 96, -6150, 1_500, 2_500, 7)]


def test_one_time_stands_for_both() -> None:
    first = TagReport(EPC, 96, 3, -6150, first_seen_us=1_000)
    last = TagReport(EPC, 96, 3, -6150, last_seen_us=2_000)
    reads = to_reads([first, last], 0, NOW_US, None)
    assert [(read.first_us, read.last_us) for read in reads] == [(1_000, 1_000), (2_000, 2_000)]


def test_without_any_time_the_arrival_counts() -> None:
    (read,) = to_reads([TagReport(EPC, 96, 3)], 7_777, NOW_US, None)
    assert (read.first_us, read.last_us, read.reads, read.rssi_cdbm) == (NOW_US, NOW_US, 1, RSSI_UNKNOWN_CDBM)


def test_a_port_that_is_not_named_is_the_only_one_or_none() -> None:
    report = TagReport(EPC, 96, None, -6150, 1_000, 2_000)
    assert to_reads([report], 0, NOW_US, None) == []
    assert [read.port for read in to_reads([report], 0, NOW_US, 4)] == [4]
    assert [read.port for read in to_reads([TagReport(EPC, 96, 2)], 0, NOW_US, 4)] == [2]
