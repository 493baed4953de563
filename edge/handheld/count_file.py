"""One count file: what it counted in which zone, when, and what of it could not be read. Pure.

Theory of operation. A file is one session. Each line that names a tag and a zone of the site counts; the zone is the
line's own, else the file's, else the device's. Zones that count as another are that one. A tag that was read in two
zones is in the one that the file names last. Tags of others (`company_prefixes`) are counted and left out: they go no
further than this box.

A bad line costs itself, and a little more: its tag may be one that now seems to be missing. So the count's coverage is
lowered by the share of lines that were lost. A file with more bad lines than good ones is not damaged but of another
kind, and is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from msgspec import UNSET

from edge.handheld.epc_text import NotAnItem, epc_of, epc_of_item
from edge.handheld.export import Export, NotAnExport, Problem, Row, read_export, text_of
from edge.handheld.limits import BAD_SHARE_MAX, COVERAGE, FILE_MAX_BYTES, FILE_MAX_TAGS, PART_MAX_EPCS, PROBLEMS_KEPT
from edge.handheld.times import instant_us
from wire.epc import CompanyPrefixes, TagClass, classify, decode_epc
from wire.messages import CountBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wire.site import Site

_SESSION_DIGITS: Final = 32
_FUTURE_US: Final = 5 * 60 * 1_000_000
"""A handheld's clock may be ahead by so much; a count that ends later than that has a wrong date."""


class CountFileError(ValueError):
    """A file that counts nothing. `brief` says why without anything that stands in it: for events and logs."""

    def __init__(self, text: str, brief: str = "") -> None:
        self.brief = brief or text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class CountFile:
    """A count as its file says it. `coverage` None: nobody said, and no line was lost.

    `zones`: the distinct tags of each zone, in the file's order. `ended_us` None: the file does not say.
    """

    session: str
    zones: dict[str, tuple[bytes, ...]]
    started_us: int | None
    ended_us: int | None
    coverage: float | None
    foreign: int = 0
    """Distinct tags of others."""
    repeats: int = 0
    """Lines whose tag had stood before."""
    bad_lines: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def tags(self) -> int:
        """Distinct tags that count."""
        return sum(len(epcs) for epcs in self.zones.values())

    def parts(self, site: str, edge: str, ended_us: int) -> Iterator[CountBatch]:
        """Yield the messages of this count; `ended_us` where the file does not say.

        Each zone's last part ends that zone's count. Equal files give equal messages, whenever they are read.
        """
        end_us = ended_us if self.ended_us is None else self.ended_us
        start_us = end_us if self.started_us is None else min(self.started_us, end_us)
        for zone, epcs in self.zones.items():
            for at in range(0, len(epcs), PART_MAX_EPCS):
                yield CountBatch(
                    site=site,
                    edge=edge,
                    session=self.session,
                    zone=zone,
                    started_us=start_us,
                    ended_us=end_us if at + PART_MAX_EPCS >= len(epcs) else None,
                    epcs=epcs[at : at + PART_MAX_EPCS],
                    coverage=UNSET if self.coverage is None else self.coverage,
                )


def session_of(data: bytes) -> str:
    """Return the session that a file's content is: the same content is the same count."""
    return f"file-{hashlib.sha256(data).hexdigest()[:_SESSION_DIGITS]}"


class CountReader:
    """Reads the count files of one device. `zone` and `coverage`: the device's own, where a file says none."""

    def __init__(self, site: Site, *, zone: str = "", coverage: float | None = None) -> None:
        self._counts_as = {one.id: one.counts_as for one in site.zones}
        self._by_folded = {one.id.casefold(): one.id for one in site.zones}
        self._timezone = ZoneInfo(site.timezone)
        self._prefixes = CompanyPrefixes(site.company_prefixes)
        self._zone = zone
        self._coverage = coverage

    def read(self, data: bytes, now_us: int) -> CountFile:
        """Return what a file counts. Raises `CountFileError`. `now_us`: a count cannot end after it."""
        if len(data) > FILE_MAX_BYTES:
            raise CountFileError(f"more than {FILE_MAX_BYTES} bytes: a count has a line for each tag")
        try:
            export = read_export(text_of(data))
        except NotAnExport as error:
            raise CountFileError(str(error)) from error
        reading = _Reading(self, export)
        for row in export.rows:
            reading.take(row)
        started_us, ended_us = reading.times(now_us)
        return CountFile(
            session=session_of(data),
            zones=reading.zones(),
            started_us=started_us,
            ended_us=ended_us,
            coverage=reading.coverage(self._coverage),
            foreign=len(reading.foreign),
            repeats=reading.repeats,
            bad_lines=reading.bad,
            problems=tuple(sorted(reading.problems))[:PROBLEMS_KEPT],
        )

    # -- what a reading asks

    def zone_of(self, said: str) -> str:
        """Return the zone that a name's goods count in; empty where the site has none of this name."""
        return self._counts_as.get(self._by_folded.get(said.strip().casefold(), ""), "")

    def own_zone(self) -> str:
        """Return the device's zone."""
        return self.zone_of(self._zone)

    def instant_us(self, text: str) -> int:
        """Return an instant. Raises `ValueError`."""
        return instant_us(text, self._timezone)

    def is_ours(self, epc: bytes) -> bool:
        """Whether a tag is one of our goods, or nobody said which are ours."""
        return not self._prefixes or classify(decode_epc(epc, 8 * len(epc)), self._prefixes) is TagClass.OURS

    def zone_names(self) -> str:
        """Return the names that can stand in a file."""
        return ", ".join(self._counts_as)


class _Reading:
    """One file while it is read."""

    def __init__(self, reader: CountReader, export: Export) -> None:
        self._reader = reader
        self._said = export.said
        self.problems = list(export.problems)
        self.bad = len(export.problems)
        self._good = 0
        self._place: dict[bytes, str] = {}
        self.foreign: set[bytes] = set()
        self.repeats = 0
        self._times: list[int] = []
        self._started: list[int] = []
        self._ended: list[int] = []
        self._coverages: set[str] = set()
        said_zone = export.said.get("zone", "")
        self._zone = reader.zone_of(said_zone) if said_zone else reader.own_zone()
        if said_zone and not self._zone:
            raise CountFileError(
                f"zone {said_zone!r} is none of this site; there are {reader.zone_names()}",
                "it names a zone that the site does not have",
            )

    def take(self, row: Row) -> None:
        """Take one row; what is wrong with it is noted."""
        cells = row.cells
        try:
            epc = _epc(cells)
        except NotAnItem as error:
            self._note(row.line, str(error), error.brief)
            return
        said_zone = cells.get("zone", "")
        zone = self._reader.zone_of(said_zone) if said_zone else self._zone
        if not zone:
            names = self._reader.zone_names()
            wrong = (
                f"zone {said_zone!r} is none of this site" if said_zone else "no zone: neither here, file nor device"
            )
            self._note(row.line, f"{wrong}; there are {names}", "no zone of this site")
            return
        self._good += 1
        self._take_times(row)
        if not self._reader.is_ours(epc):
            self.foreign.add(epc)
            return
        self.repeats += epc in self._place
        self._place[epc] = zone
        if len(self._place) > FILE_MAX_TAGS:
            raise CountFileError(f"more than {FILE_MAX_TAGS} tags: split the count by zones")

    def zones(self) -> dict[str, tuple[bytes, ...]]:
        """Return the tags by zone. Raises `CountFileError` where there is nothing to count."""
        if self.bad > BAD_SHARE_MAX * (self.bad + self._good):
            first = min(self.problems, default=None)
            where = f"; line {first.line}: " if first else ""
            raise CountFileError(
                f"{self.bad} of {self.bad + self._good} lines cannot be read{where}{first.text if first else ''}",
                f"{self.bad} of {self.bad + self._good} lines cannot be read{where}{first.brief if first else ''}",
            )
        if self.foreign and not self._place:
            raise CountFileError(f"none of {len(self.foreign)} tags is ours: see company_prefixes in the site file")
        if not self._place:
            raise CountFileError("no tags: a handheld that was switched on and off has counted nothing")
        found: dict[str, list[bytes]] = {}
        for epc, zone in self._place.items():
            found.setdefault(zone, []).append(epc)
        return {zone: tuple(found[zone]) for zone in sorted(found)}

    def times(self, now_us: int) -> tuple[int | None, int | None]:
        """Return start and end as far as they are said. Raises `CountFileError` for times that cannot be."""
        said = {name: self._instant(name) for name in ("started", "ended")}
        starts = [said["started"]] if said["started"] is not None else self._started or self._times
        ends = [said["ended"]] if said["ended"] is not None else self._ended or self._times
        started_us, ended_us = min(starts, default=None), max(ends, default=None)
        if ended_us is not None and ended_us > now_us + _FUTURE_US:
            raise CountFileError(
                f"it ends {(ended_us - now_us) / 6e7:.0f} minutes from now: set the handheld's clock, mend the file",
                "it ends in the future",
            )
        if started_us is not None and ended_us is not None and started_us > ended_us:
            raise CountFileError("it ends before it starts: mend `started` and `ended`")
        return started_us, ended_us if ended_us is None else min(ended_us, now_us)

    def coverage(self, of_device: float | None) -> float | None:
        """Return the share that this count covered, lowered for lines that were lost. Raises `CountFileError`."""
        said = self._coverages | ({self._said["coverage"]} if "coverage" in self._said else set())
        if len(said) > 1:
            raise CountFileError("more than one coverage: a file is one count and has one")
        share = of_device if not said else _share(said.pop())
        if not self.bad:
            return share
        return (COVERAGE if share is None else share) * self._good / (self._good + self.bad)

    def _take_times(self, row: Row) -> None:
        """Note a row's times; one that cannot be read costs only the time."""
        for name, times in (("time", self._times), ("started", self._started), ("ended", self._ended)):
            text = row.cells.get(name)
            if text:
                try:
                    times.append(self._reader.instant_us(text))
                except ValueError as error:
                    self._remember(
                        Problem(row.line, f"{name} {text[:60]!r}: {error}; the tag counts", f"{name} is none")
                    )
        if row.cells.get("coverage"):
            self._coverages.add(row.cells["coverage"])

    def _instant(self, name: str) -> int | None:
        text = self._said.get(name)
        if text is None:
            return None
        try:
            return self._reader.instant_us(text)
        except ValueError as error:
            raise CountFileError(f"{name} {text[:60]!r}: {error}", f"its `{name}` is no time") from error

    def _note(self, line: int, text: str, brief: str) -> None:
        self.bad += 1
        self._remember(Problem(line, text, brief))

    def _remember(self, problem: Problem) -> None:
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)


def _epc(cells: dict[str, str]) -> bytes:
    """Return a row's EPC. Raises `NotAnItem`."""
    if cells.get("epc"):
        return epc_of(cells["epc"])
    if cells.get("gtin") and cells.get("serial"):
        return epc_of_item(cells["gtin"], cells["serial"])
    raise NotAnItem("", "no EPC in this line")


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%").strip().replace(",", ".")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise CountFileError(f"coverage {text[:60]!r}: expected a share from 0 to 1", "its `coverage` is no share")
    return share
