"""Decodes the tag reports of one RO_ACCESS_REPORT, fast (LLRP 1.0.1 sections 13.2.3 and 16.2.7.3).

Theory of operation. The body is a row of parameters; those of type 240 are tag reports, all else is stepped over and
counted. Reports are read by learned layouts (`wire.llrp.report_layout`), runs of the same shape at a time.

LLRP lets a reader leave out an enabled parameter whose value has not changed, so a report can only be understood with
the ones before it. That is the explicit `ReportMemory` of a connection: the last report, with everything filled in.

Nothing here raises. A fault inside one TagReportData costs that report; a length that cannot be costs the rest of this
message. Both are listed as `DecodeError`s and counted.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from wire.llrp.errors import DecodeError
from wire.llrp.limits import MAX_FAULTS, MAX_LAYOUTS, MAX_LAYOUTS_PER_SIZE, MAX_RUN
from wire.llrp.report_layout import TAG_REPORT_DATA, TV_BYTES, learn
from wire.llrp.report_values import DecodedReports

if TYPE_CHECKING:
    from wire.llrp.report_layout import Layout
    from wire.llrp.report_values import TagReport

_HEADER: Final = struct.Struct(">HH")


class ReportMemory:
    """What one connection remembers between reports: the last report, and the layouts seen so far.

    Attributes:
        last: the newest report with everything filled in; None at the beginning.
        latest: the newest report's layout.
    """

    def __init__(self) -> None:
        self.last: TagReport | None = None
        self.latest: Layout | None = None
        self._layouts: dict[int, list[Layout]] = {}
        self._count = 0

    def reset(self) -> None:
        """Forget the last report: a new connection or a new ROSpec begins. Layouts stay, they hold no values."""
        self.last = None

    @property
    def layout_count(self) -> int:
        """How many shapes of report are known."""
        return self._count

    def layout_at(self, body: bytes, offset: int, size: int) -> Layout:
        """Return the layout of the report at `offset`, learning it if need be. Raises `DecodeError`."""
        known = self._layouts.setdefault(size, [])
        for layout in known:
            if layout.count(body, offset, 1):
                return layout
        layout = learn(body, offset, offset + size)
        if self._count >= MAX_LAYOUTS or len(known) >= MAX_LAYOUTS_PER_SIZE:
            self._layouts = {size: []}
            self._count = 0
        self._layouts[size].append(layout)
        self._count += 1
        return layout


class _Log:
    """What one message held besides good reports."""

    def __init__(self) -> None:
        self.faults: list[DecodeError] = []
        self.fault_count = 0
        self.other_count = 0

    def fault(self, fault: DecodeError) -> None:
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def decode_tag_reports(body: bytes, memory: ReportMemory) -> DecodedReports:
    """Decode the body of an RO_ACCESS_REPORT; `memory` belongs to the connection and is updated. Never raises."""
    layout = memory.latest
    end = len(body)
    if layout is not None and not layout.unknowns:
        count, rest = divmod(end, layout.size)
        if not rest and 0 < count <= MAX_RUN and layout.count(body, 0, count) == count:  # nearly always
            reports = layout.read(body, 0, count, memory.last)
            memory.last = reports[-1]
            return DecodedReports(reports, (), 0, 0)
    reports = []
    log = _Log()
    offset = 0
    while offset < end:
        count = 0
        if layout is not None and layout.size <= end - offset:
            count = layout.count(body, offset, min((end - offset) // layout.size, MAX_RUN))
        if layout is None or count == 0:
            layout, offset = _next_layout(body, offset, memory, log)
            continue
        read = layout.read(body, offset, count, memory.last)
        memory.last = read[-1]
        memory.latest = layout
        reports += read
        offset += count * layout.size
        log.other_count += count * layout.unknowns
    return DecodedReports(reports, tuple(log.faults), log.fault_count, log.other_count)


def _next_layout(body: bytes, offset: int, memory: ReportMemory, log: _Log) -> tuple[Layout | None, int]:
    """Return the layout of the tag report at `offset`, or step over what else stands there."""
    end = len(body)
    if body[offset] & 0x80:
        return None, _step_over_tv(body, offset, log)
    if offset + _HEADER.size > end:
        log.fault(DecodeError(f"{end - offset} bytes left, expected a 4-byte parameter header", offset=offset))
        return None, end
    word, length = _HEADER.unpack_from(body, offset)
    number = word & 0x3FF
    if not _HEADER.size <= length <= end - offset:
        problem = f"parameter type {number} has length {length}, expected 4 to {end - offset}: the rest is lost"
        log.fault(DecodeError(problem, offset=offset))
        return None, end
    if number != TAG_REPORT_DATA:
        log.other_count += 1
        return None, offset + length
    try:
        return memory.layout_at(body, offset, length), offset
    except DecodeError as fault:
        log.fault(fault)
        return None, offset + length


def _step_over_tv(body: bytes, offset: int, log: _Log) -> int:
    number = body[offset] & 0x7F
    size = TV_BYTES.get(number)
    if size is None or offset + 1 + size > len(body):
        log.fault(DecodeError(f"TV parameter type {number} has no end: the rest is lost", offset=offset))
        return len(body)
    log.other_count += 1
    return offset + 1 + size
