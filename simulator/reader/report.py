"""From sightings to RO_ACCESS_REPORT: accumulation, report triggers, and the buffer (LLRP 1.1 section 14.2).

Theory of operation. Between two reports, sightings of the same tag become one TagReportData: first and last time,
strongest signal, and a count. The same means: equal EPC, and equal in whatever else the client asked to have told
apart (antenna, ROSpec, spec, inventory parameters). The ROReportSpec says when the gathered tags become a report: when
there are N of them (0 = no limit), at the end of the AISpec or of the ROSpec, after N seconds or milliseconds (LLRP
1.1), or only when GET_REPORT asks. Reports wait in a queue until they can be sent; a client that is away, holds reports
or does not read makes the queue grow up to the reader's buffer, then the oldest are lost, counted, and said once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from simulator.reader.limits import FILL_WARNING_PERCENT, MAX_TAGS_PER_REPORT
from wire.llrp.tables.enumerations import ROReportTriggerType
from wire.llrp.tag_report import ReportContent, TagReport, encode_tag_reports

if TYPE_CHECKING:
    from simulator.reader.sighting import Looking, Sighting
    from wire.llrp.message import Parameter

_MAX_COUNT: Final = 0xFFFF
_AT_END_OF_AISPEC: Final = frozenset(
    {
        ROReportTriggerType.Upon_N_Tags_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec,
        ROReportTriggerType.Upon_N_Seconds_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec,
        ROReportTriggerType.Upon_N_Milliseconds_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec,
    }
)
_UNIT_US: Final[dict[int, int]] = {
    ROReportTriggerType.Upon_N_Seconds_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec: 1_000_000,
    ROReportTriggerType.Upon_N_Seconds_Or_End_Of_ROSpec: 1_000_000,
    ROReportTriggerType.Upon_N_Milliseconds_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec: 1_000,
    ROReportTriggerType.Upon_N_Milliseconds_Or_End_Of_ROSpec: 1_000,
}
_BY_TAGS: Final = frozenset(
    {
        ROReportTriggerType.Upon_N_Tags_Or_End_Of_AISpec_Or_End_Of_RFSurveySpec,
        ROReportTriggerType.Upon_N_Tags_Or_End_Of_ROSpec,
    }
)


class ReportRule(NamedTuple):
    """When to report, and what: an ROReportSpec as values."""

    trigger: int
    n: int
    content: ReportContent

    @property
    def tags(self) -> int:
        """Gathered tags that make a report; 0 = their number makes none."""
        return self.n if self.trigger in _BY_TAGS else 0

    @property
    def interval_us(self) -> int:
        """Time after which a report is made; 0 = none is."""
        return self.n * _UNIT_US.get(self.trigger, 0)

    @property
    def at_end_of_aispec(self) -> bool:
        """Whether an AISpec's end makes a report."""
        return self.trigger in _AT_END_OF_AISPEC

    @property
    def at_end_of_rospec(self) -> bool:
        """Whether a ROSpec's end makes a report."""
        return self.trigger != ROReportTriggerType.None_


def read_rule(spec: Parameter) -> ReportRule:
    """Return the rule that an ROReportSpec states."""
    return ReportRule(spec.number("ROReportTrigger"), spec.number("N"), ReportContent.from_report_spec(spec))


@dataclass(slots=True)
class _Gathered:
    """One tag between two reports."""

    first: Sighting
    looking: Looking
    rssi_cdbm: int
    last_us: int
    count: int = 1

    def add(self, sighting: Sighting) -> None:
        self.rssi_cdbm = max(self.rssi_cdbm, sighting.rssi_cdbm)
        self.last_us = max(self.last_us, sighting.time_us)
        self.count = min(self.count + 1, _MAX_COUNT)

    def report(self, boot_us: int | None) -> TagReport:
        first, looking = self.first, self.looking
        since = boot_us or 0
        return TagReport(
            epc=first.epc,
            epc_bits=first.epc_bits,
            antenna=first.antenna,
            peak_rssi_cdbm=self.rssi_cdbm,
            first_seen_us=first.time_us - since,
            last_seen_us=self.last_us - since,
            uptime=boot_us is not None,
            seen_count=self.count,
            channel=first.channel,
            rospec_id=looking.rospec_id,
            spec_index=looking.spec_index,
            inventory_parameter_spec_id=looking.inventory_parameter_spec_id,
            access_spec_id=0,
            phase_4096=first.phase,
        )


class Queued(NamedTuple):
    """The body of a report that waits to be sent, and how many tags are in it."""

    tags: int
    body: bytes


class Reporter:
    """The report side of one reader.

    Args:
        capacity: tags that the reader keeps; see `Persona.max_buffered_tags`.
        boot_us: when the reader booted, if it stamps with its uptime; None for UTC.

    Attributes:
        dropped: tags lost because the buffer was full.
        overflowed: set when tags begin to be lost, until the buffer has been emptied; `overflow_told` is the caller's.
    """

    def __init__(self, capacity: int, boot_us: int | None) -> None:
        self._capacity = capacity
        self._boot_us = boot_us
        self._gathered: dict[tuple[object, ...], _Gathered] = {}
        self._since_us = 0
        self._queue: deque[Queued] = deque()
        self._queued_tags = 0
        self.dropped = 0
        self.overflowed = False
        self.overflow_told = False
        self.fill_told = False

    @property
    def tags(self) -> int:
        """Tags that are kept now, gathered or in reports."""
        return self._queued_tags + len(self._gathered)

    @property
    def fill_percent(self) -> int:
        """How full the buffer is."""
        return min(100, self.tags * 100 // self._capacity)

    @property
    def fill_due(self) -> bool:
        """Whether the buffer has become fuller than a client should let it."""
        return self.fill_percent >= FILL_WARNING_PERCENT and not self.fill_told

    def deadline_us(self, rule: ReportRule | None) -> int | None:
        """Return when gathered tags are to be reported for their age."""
        if rule is None or not rule.interval_us or not self._gathered:
            return None
        return self._since_us + rule.interval_us

    def add(self, sighting: Sighting, looking: Looking, rule: ReportRule) -> None:
        """Gather one sighting; it may complete a report."""
        content = rule.content
        key = (
            sighting.epc,
            sighting.epc_bits,
            sighting.antenna if content.antenna else 0,
            looking.rospec_id,
            looking.spec_index if content.spec_index else 0,
            looking.inventory_parameter_spec_id if content.inventory_parameter_spec_id else 0,
        )
        known = self._gathered.get(key)
        if known is not None:
            known.add(sighting)
            return
        if not self._gathered:
            self._since_us = sighting.time_us
        self._make_room()
        self._gathered[key] = _Gathered(sighting, looking, sighting.rssi_cdbm, sighting.time_us)
        if rule.tags and len(self._gathered) >= rule.tags:
            self.complete(rule)

    def complete(self, rule: ReportRule) -> None:
        """Make reports of everything gathered."""
        reports = [entry.report(self._boot_us) for entry in self._gathered.values()]
        self._gathered.clear()
        for start in range(0, len(reports), MAX_TAGS_PER_REPORT):
            part = reports[start : start + MAX_TAGS_PER_REPORT]
            self._queue.append(Queued(len(part), encode_tag_reports(part, rule.content)))
            self._queued_tags += len(part)

    def next(self) -> Queued | None:
        """Take the oldest report that waits; None when there is none."""
        if not self._queue:
            if not self._gathered:
                self.overflowed = self.overflow_told = self.fill_told = False
            return None
        queued = self._queue.popleft()
        self._queued_tags -= queued.tags
        return queued

    def _make_room(self) -> None:
        while self.tags >= self._capacity:
            self.overflowed = True
            if self._queue:
                oldest = self._queue.popleft()
                self._queued_tags -= oldest.tags
                self.dropped += oldest.tags
            else:
                del self._gathered[next(iter(self._gathered))]
                self.dropped += 1
