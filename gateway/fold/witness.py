"""From what people and tills say to evidence for the tracker, and to lines for the book.

Three ways lead here: entries of kind `evidence` (the API), scans of a shelf scanner or till, and cycle counts of
handhelds. Whatever cannot be used is counted by its reason in the fold's figures, and costs itself only.

* A scan with the purpose `sale` or `receive` is evidence when it reads as a GTIN; with a serial (AI 21 of an element
  string or Digital Link) it names the item. `count` and `lookup` scans change nothing.
* Evidence never lies in the future: an instant after its receipt becomes the receipt.
* A miss (a picker looked for an item in its zone and did not find it) changes no place and no book.
* A sale without an item is the tracker's to place. Receipts and returns without items concern the book only.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from msgspec import UNSET

from gateway.fold.cycle_count import CountName, Finding, findings
from gateway.fold.evidence import EvidenceEntry
from gateway.fold.limits import COUNT_COVERAGE
from gateway.fold.resolve import Resolver
from gateway.fold.state import FoldState, ItemKey
from gateway.presence.tracker import Evidence, EvidenceKind
from wire.epc import CompanyPrefixes
from wire.gs1.barcode import BarcodeReject, parse_barcode
from wire.messages import CountBatch, Scan, ScanBatch
from wire.site import OUT, Site

UNITS: Final = {EvidenceKind.SALE: -1, EvidenceKind.RECEIPT: 1, EvidenceKind.RETURN: 1}
"""What one unit of this evidence does to the book."""

_NEED_A_ZONE: Final = frozenset({EvidenceKind.COUNT, EvidenceKind.PLACE, EvidenceKind.MISS})
_PURPOSES: Final = {"sale": EvidenceKind.SALE, "receive": EvidenceKind.RECEIPT}


@dataclass(frozen=True, slots=True)
class BookLine:
    """What one piece of evidence does to the book of one SKU: `units` more, or fewer.

    `serials` are the items, if they are named. `posted`: what it does to their states was posted when it was taken.
    """

    source: str
    kind: EvidenceKind
    at_us: int
    gtin: str
    units: int
    serials: tuple[str, ...] = ()
    posted: bool = False


@dataclass(frozen=True, slots=True)
class CountResult:
    """An ended cycle count of one zone, held against the places of that moment."""

    zone: str
    source: str
    started_us: int
    at_us: int
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Heard:
    """What follows from one piece of evidence, before the tracker is asked."""

    evidence: Evidence | None = None
    lines: list[BookLine] = field(default_factory=list)
    count: CountResult | None = None


class Witness:
    """Reads evidence by one description of the site."""

    def __init__(self, state: FoldState, resolver: Resolver, site: Site) -> None:
        self._state = state
        self._figures = state.figures
        self._resolver = resolver
        self._prefixes = CompanyPrefixes(list(site.company_prefixes))
        self._zones = {zone.id: zone.counts_as for zone in site.zones} | {OUT: OUT}
        self._devices = {device.id: device for device in site.devices}

    def entry(self, entry: EvidenceEntry, received_us: int) -> Heard:
        """Read an entry of the log."""
        self._figures[f"evidence_{entry.kind.value}"] += 1
        names = [ItemKey(*name) for name in entry.items]
        said = _Said(entry.id, entry.kind, min(entry.at_us, received_us), names, entry.gtin, entry.quantity)
        if entry.zone and entry.zone not in self._zones:
            self._figures["evidence_unknown_zone"] += 1
        said.coverage = entry.coverage
        said.posted = entry.posted
        said.untagged = entry.untagged
        said.zone = self._zones.get(entry.zone, "") if entry.kind is not EvidenceKind.SALE else ""
        if said.zone == OUT and entry.kind is not EvidenceKind.PLACE:
            said.zone = ""
        if not said.zone and entry.kind in _NEED_A_ZONE:
            return Heard()
        heard = self._heard(said)
        if entry.kind is EvidenceKind.COUNT and heard.evidence is not None:
            heard.count = self._result(said.zone, entry.id, said.at_us, said.at_us, heard.evidence.items.tolist())
        return heard

    def scans(self, batch: ScanBatch, received_us: int) -> list[Heard]:
        """Read scanned barcodes."""
        heard = [self._scan(scan, batch.edge, received_us) for scan in batch.scans]
        return [one for one in heard if one is not None]

    def _scan(self, scan: Scan, edge: str, received_us: int) -> Heard | None:
        figures = self._figures
        kind = _PURPOSES.get(scan.purpose)
        if kind is None:
            return None
        device = self._devices.get(scan.device)
        if device is None or device.edge != edge:
            figures["scans_unknown_device"] += 1
            return None
        text = scan.symbology + scan.text if scan.symbology.startswith("]") else scan.text
        code = parse_barcode(text if not scan.text.startswith("]") else scan.text)
        if isinstance(code, BarcodeReject) or code.key is None:
            figures["scans_unreadable"] += 1
            return None
        figures[f"scans_{scan.purpose}"] += 1
        names = [ItemKey(code.key, code.serial)] if code.serial and code.restricted is None else []
        if not names:
            figures["scans_without_serial"] += 1
        said = _Said(f"{edge}/{scan.device}", kind, min(scan.at_us, received_us), names)
        if not names:
            said.gtin, said.quantity = str(code.key), 1
        if kind is EvidenceKind.RECEIPT:
            said.zone = self._zones.get(scan.zone or device.zone, "")
        return self._heard(said)

    def count_part(self, batch: CountBatch, received_us: int) -> Heard | None:
        """Take a part of a cycle count; return what the count found when this part ends it."""
        figures, opened = self._figures, self._state.open_counts
        figures["count_batches"] += 1
        zone = self._zones.get(batch.zone, "")
        if not zone or zone == OUT:
            figures["counts_unknown_zone"] += 1
            return None
        name = CountName(batch.edge, batch.session, zone)
        if opened.has_ended(name):
            figures["counts_late"] += 1
            return None
        numbers = [self._resolver.epc(epc, 8 * len(epc)) for epc in batch.epcs]
        figures["counted_tags_no_items"] += sum(number < 0 for number in numbers)
        items = [number for number in numbers if number >= 0]
        figures["counts_evicted"] += opened.part(name, items, batch.started_us, received_us)
        if batch.ended_us is None:
            return None
        session = opened.end(name)
        figures["counted_items_over_limit"] += session.over
        if not session.items:
            figures["counts_empty"] += 1  # a handheld that was switched on and off has not counted an empty zone
            return None
        figures["counts_ended"] += 1
        seen, at_us = sorted(session.items), min(batch.ended_us, received_us)
        coverage = COUNT_COVERAGE if batch.coverage is UNSET else batch.coverage
        evidence = Evidence(EvidenceKind.COUNT, at_us, np.array(seen, np.int32), zone=zone, coverage=coverage)
        if not coverage:
            figures["counts_partial"] += 1  # nothing was looked through: there is nothing to hold against the places
            return Heard(evidence)
        source = f"{batch.edge}/{batch.session}"
        return Heard(evidence, count=self._result(zone, source, min(session.started_us, at_us), at_us, seen))

    def _result(self, zone: str, source: str, started_us: int, at_us: int, seen: Iterable[int]) -> CountResult:
        return CountResult(zone, source, started_us, at_us, tuple(findings(zone, seen, self._state.places)))

    def _heard(self, said: "_Said") -> Heard:
        """Return evidence about the items that are ours, and the lines of all."""
        heard = Heard(lines=list(said.lines()))
        numbers = sorted({number for name in said.names if (number := self._resolver.named(name)) >= 0})
        tagged = said.quantity - said.untagged  # units without a tag are none that the tracker could find
        by_sku = said.kind is EvidenceKind.SALE and not said.names and said.gtin and tagged > 0
        if numbers:
            items = np.array(numbers, np.int32)
            heard.evidence = Evidence(said.kind, said.at_us, items, zone=said.zone, coverage=said.coverage)
        elif by_sku and self._prefixes.has(said.gtin):
            heard.evidence = Evidence(said.kind, said.at_us, gtin=said.gtin, quantity=tagged)
        return heard


@dataclass(slots=True)
class _Said:
    """One piece of evidence, whichever way it came; `zone` with `counts_as` applied, empty: none."""

    source: str
    kind: EvidenceKind
    at_us: int
    names: list[ItemKey]
    gtin: str = ""
    quantity: int = 0
    zone: str = ""
    coverage: float = 1.0
    posted: bool = False
    untagged: int = 0

    def lines(self) -> Iterator[BookLine]:
        """Yield what it does to the book, one line for each SKU."""
        serials: dict[str, list[str]] = defaultdict(list)
        for name in dict.fromkeys(self.names):
            serials[name.gtin].append(name.serial)
        units = {gtin: len(names) for gtin, names in serials.items()}
        if self.gtin and not self.names:
            units[self.gtin] = self.quantity
        for gtin, times in sorted(units.items()):
            if self.kind in UNITS and times:
                change = UNITS[self.kind] * times
                named = tuple(serials.get(gtin, ()))
                yield BookLine(self.source, self.kind, self.at_us, gtin, change, named, self.posted)
