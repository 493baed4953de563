"""Encodes tag reports into the body of an RO_ACCESS_REPORT: what a reader does, here for the simulated one.

Theory of operation. Reports that carry the same parameters have the same bytes but for their values, so each set of
parameters gets one packer: a `struct` format in the standard's parameter order, the fixed bytes as constants.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from wire.llrp.errors import EncodeError
from wire.llrp.tables import impinj

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wire.llrp.message import Parameter
    from wire.llrp.report_values import TagReport

_TAG_REPORT_DATA: Final = 240
_EPC_DATA: Final = 241
_CUSTOM: Final = 1023
_EPC_96_BITS: Final = 96
_RSSI_INDEX: Final = 4
"""Where the peak RSSI stands in `_OPTIONAL`."""

_OPTIONAL: Final = (
    ("rospec_id", "rospec_id", 9, 9, "I"),
    ("spec_index", "spec_index", 14, 14, "H"),
    ("inventory_parameter_spec_id", "inventory_parameter_spec_id", 10, 10, "H"),
    ("antenna", "antenna", 1, 1, "H"),
    ("peak_rssi", "peak_rssi_cdbm", 6, 6, "b"),
    ("channel", "channel", 7, 7, "H"),
    ("first_seen", "first_seen_us", 2, 3, "Q"),
    ("last_seen", "last_seen_us", 4, 5, "Q"),
    ("seen_count", "seen_count", 8, 8, "H"),
    ("access_spec_id", "access_spec_id", 16, 16, "I"),
)
"""In wire order: the content flag, TagReport's attribute, TV type (UTC, uptime), value code."""


class ReportContent(msgspec.Struct, frozen=True, kw_only=True):
    """Which parameters a reader puts into its tag reports (LLRP 1.0.1 section 13.2.1.1: TagReportContentSelector)."""

    rospec_id: bool = False
    spec_index: bool = False
    inventory_parameter_spec_id: bool = False
    antenna: bool = True
    peak_rssi: bool = True
    channel: bool = False
    first_seen: bool = True
    last_seen: bool = True
    seen_count: bool = True
    access_spec_id: bool = False
    impinj_phase: bool = False
    impinj_peak_rssi: bool = False

    @classmethod
    def from_selector(cls, selector: Parameter) -> ReportContent:
        """Read a client's TagReportContentSelector. Raises `MissingParameter` if it is another parameter."""
        return cls(
            rospec_id=bool(selector.number("EnableROSpecID")),
            spec_index=bool(selector.number("EnableSpecIndex")),
            inventory_parameter_spec_id=bool(selector.number("EnableInventoryParameterSpecID")),
            antenna=bool(selector.number("EnableAntennaID")),
            peak_rssi=bool(selector.number("EnablePeakRSSI")),
            channel=bool(selector.number("EnableChannelIndex")),
            first_seen=bool(selector.number("EnableFirstSeenTimestamp")),
            last_seen=bool(selector.number("EnableLastSeenTimestamp")),
            seen_count=bool(selector.number("EnableTagSeenCount")),
            access_spec_id=bool(selector.number("EnableAccessSpecID")),
        )

    @classmethod
    def from_report_spec(cls, spec: Parameter) -> ReportContent:
        """Read a client's ROReportSpec, with Impinj's content selector in it. Raises `MissingParameter`."""
        content = cls.from_selector(spec.one("TagReportContentSelector"))
        phase = spec.find("ImpinjTagReportContentSelector/ImpinjEnableRFPhaseAngle")
        rssi = spec.find("ImpinjTagReportContentSelector/ImpinjEnablePeakRSSI")
        return msgspec.structs.replace(
            content,
            impinj_phase=phase is not None and bool(phase.number("RFPhaseAngleMode")),
            impinj_peak_rssi=rssi is not None and bool(rssi.number("PeakRSSIMode")),
        )


def encode_tag_reports(reports: Iterable[TagReport], content: ReportContent) -> bytes:
    """Return the body of an RO_ACCESS_REPORT with these reports, in order.

    A value that is None is left out, though its parameter be enabled. An EPC of 96 bits goes as EPC_96, any other as
    EPCData. PeakRSSI is rounded to whole dBm.

    Raises:
        EncodeError: a value is out of its field's range, or the EPC's bytes do not fit its bits.
    """
    values_of = attrgetter(*(attribute for _, attribute, *_ in _OPTIONAL), "phase_4096", "peak_rssi_cdbm")
    out = []
    for report in reports:
        values = values_of(report)
        missing = tuple([value is None for value in values]) if None in values else ()
        pack, pick, fixed = _packer(content, report.epc_bits, len(report.epc), report.uptime, missing)
        rssi = values[_RSSI_INDEX]
        whole = 0 if rssi is None else (rssi + 50) // 100
        try:
            out.append(pack(*pick((*values, report.epc, whole, *fixed))))
        except struct.error as fault:
            raise EncodeError(f"{report!r}: {fault}", path="RO_ACCESS_REPORT/TagReportData") from fault
    return b"".join(out)


@lru_cache(maxsize=256)
def _packer(
    content: ReportContent, epc_bits: int, epc_bytes: int, uptime: bool, missing: tuple[bool, ...]
) -> tuple[Callable[..., bytes], Callable[[tuple[object, ...]], tuple[object, ...]], tuple[int, ...]]:
    """Return pack, a getter that orders (values, epc, whole dBm, constants) for it, and the constants."""
    if not 0 <= epc_bits <= 0xFFFF or epc_bytes != (epc_bits + 7) // 8:
        raise EncodeError(f"EPC of {epc_bytes} bytes and {epc_bits} bits", path="RO_ACCESS_REPORT/TagReportData/EPC")
    plan = _Plan(missing)
    plan.constant("H", _TAG_REPORT_DATA)
    plan.constant("H", 0)
    if epc_bits == _EPC_96_BITS:
        plan.constant("B", 0x80 | 13)
    else:
        for value in (_EPC_DATA, 6 + epc_bytes, epc_bits):
            plan.constant("H", value)
    plan.value(f"{epc_bytes}s", _Plan.EPC)
    for index, (flag, _, utc, up, code) in enumerate(_OPTIONAL):
        if getattr(content, flag) and not plan.lacks(index):
            plan.constant("B", 0x80 | (up if uptime else utc))
            plan.value(code, _Plan.WHOLE_DBM if index == _RSSI_INDEX else index)
    if content.impinj_phase and not plan.lacks(_Plan.PHASE):
        plan.impinj(56, "H", _Plan.PHASE)
    if content.impinj_peak_rssi and not plan.lacks(_Plan.FINE_RSSI):
        plan.impinj(57, "h", _Plan.FINE_RSSI)
    return plan.build()


class _Plan:
    """Collects a packer's format, and where each of its items comes from."""

    PHASE: Final = len(_OPTIONAL)
    FINE_RSSI: Final = PHASE + 1
    EPC: Final = PHASE + 2
    WHOLE_DBM: Final = PHASE + 3
    _CONSTANTS: Final = PHASE + 4

    def __init__(self, missing: tuple[bool, ...]) -> None:
        self._missing = missing
        self._codes = [">"]
        self._sources: list[int] = []
        self._constants: list[int] = []

    def lacks(self, index: int) -> bool:
        return bool(self._missing) and self._missing[index]

    def constant(self, code: str, value: int) -> None:
        self.value(code, self._CONSTANTS + len(self._constants))
        self._constants.append(value)

    def value(self, code: str, source: int) -> None:
        self._codes.append(code)
        self._sources.append(source)

    def impinj(self, subtype: int, code: str, source: int) -> None:
        for part, value in (("H", _CUSTOM), ("H", 14), ("I", impinj.VENDOR), ("I", subtype)):
            self.constant(part, value)
        self.value(code, source)

    def build(
        self,
    ) -> tuple[Callable[..., bytes], Callable[[tuple[object, ...]], tuple[object, ...]], tuple[int, ...]]:
        layout = struct.Struct("".join(self._codes))
        if layout.size > 0xFFFF:
            raise EncodeError(f"{layout.size} bytes, expected at most 65535", path="RO_ACCESS_REPORT/TagReportData")
        self._constants[1] = layout.size
        return layout.pack, itemgetter(*self._sources), tuple(self._constants)
