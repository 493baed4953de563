"""From a reader's tag reports to reads on the host's clock: the only code that runs once per read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wire.window import TagRead

if TYPE_CHECKING:
    from wire.llrp.tag_report import TagReport

RSSI_UNKNOWN_CDBM: Final = -12_800
"""What LLRP's PeakRSSI can say at the least (s8): for a reader that says nothing at all."""


def to_reads(reports: list[TagReport], offset_us: int, now_us: int, sole_port: int | None) -> list[TagRead]:
    """Return the reads of `reports`, in order; a report that names no port is left out.

    Args:
        reports: times are the reader's own.
        offset_us: what to add to the reader's time to get the host's UTC.
        now_us: the host's UTC at their arrival, for reports without any time.
        sole_port: the reader's only port, for reports that name none.
    """
    reads = []
    for report in reports:
        port = report.antenna or sole_port
        if port is None:
            continue
        last_us = report.last_seen_us
        first_us = report.first_seen_us
        if last_us is None:
            last_us = now_us - offset_us if first_us is None else first_us
        if first_us is None:
            first_us = last_us
        rssi = report.peak_rssi_cdbm
        reads.append(
            TagRead(
                port,
                report.epc,
                report.epc_bits,
                RSSI_UNKNOWN_CDBM if rssi is None else rssi,
                first_us + offset_us,
                last_us + offset_us,
                report.seen_count or 1,
            )
        )
    return reads
