"""What one tag report says, and what a whole report message held."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from wire.llrp.errors import DecodeError


class TagReport(msgspec.Struct, frozen=True, gc=False):
    """One TagReportData (LLRP 1.0.1 section 13.2.3), flat. None = the reader did not say and never said.

    Attributes:
        epc: left-aligned, ``(epc_bits + 7) // 8`` bytes.
        epc_bits: the length the reader gave (96 for an EPC-96 parameter).
        antenna: antenna port, from 1.
        peak_rssi_cdbm: 0.01 dBm; ImpinjPeakRSSI where there is one, else PeakRSSI times 100.
        first_seen_us: microseconds since the epoch (UTC), or since the reader's boot if `uptime`.
        last_seen_us: likewise.
        uptime: the two times are the reader's uptime, because it has no UTC clock.
        seen_count: reads that this report stands for.
        channel: channel index, from 1.
        phase_4096: ImpinjRFPhaseAngle in 1/4096 turn.
    """

    epc: bytes
    epc_bits: int = 96
    antenna: int | None = None
    peak_rssi_cdbm: int | None = None
    first_seen_us: int | None = None
    last_seen_us: int | None = None
    uptime: bool = False
    seen_count: int | None = None
    channel: int | None = None
    rospec_id: int | None = None
    spec_index: int | None = None
    inventory_parameter_spec_id: int | None = None
    access_spec_id: int | None = None
    phase_4096: int | None = None


class DecodedReports(NamedTuple):
    """What one RO_ACCESS_REPORT held.

    Attributes:
        reports: the tag reports, in wire order.
        faults: what could not be decoded; at most `limits.MAX_FAULTS` of them are kept.
        fault_count: how many there were.
        other_count: what was stepped over: RF surveys, custom and unknown parameters.
    """

    reports: list[TagReport]
    faults: tuple[DecodeError, ...]
    fault_count: int
    other_count: int
