"""What the sites' logs are told of a verb: what was sold, and what was looked for and not found."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.fold.limits import EVIDENCE_ID_MAX_CHARS
from gateway.holds.rows import Line
from gateway.holds.verbs import FULFIL, PICK_MISS, Missed, Work
from gateway.presence.tracker import EvidenceKind
from gateway.storage import input_log
from gateway.storage.input_log import Kind, NewEntry


async def tell_sites(work: Work) -> None:
    """Append to the sites' logs what was sold and what was not found: the last locks of the transaction."""
    told: dict[str, list[EvidenceEntry]] = defaultdict(list)
    for site in sorted({line.key.site for line in work.handed_over}):
        told[site] += _sales(work, [line for line in work.handed_over if line.key.site == site])
    for missed in work.missed:
        told[missed.site].append(_miss(work, missed))
    for site, entries in sorted(told.items()):
        if entries:
            new = [NewEntry(work.now_us, Kind.EVIDENCE, encode_evidence(entry)) for entry in entries]
            await input_log.append(work.connection, site, new)


def _sales(work: Work, lines: Sequence[Line]) -> list[EvidenceEntry]:
    """Return the sale of the lines of one site: the items as one entry, and one for each SKU of units without tags."""
    items = tuple((line.key.gtin, serial) for line in lines for serial, _ in line.items)
    sale = EvidenceKind.SALE
    sold = EvidenceEntry(id=f"{FULFIL}:{work.held.id}", kind=sale, at_us=work.now_us, items=items, posted=True)
    entries = [sold] if items else []
    return entries + [
        msgspec.structs.replace(
            sold,
            id=f"{sold.id}:{line.number}",
            items=(),
            gtin=line.key.gtin,
            quantity=line.untagged,
            untagged=line.untagged,
        )
        for line in lines
        if line.untagged
    ]


def _miss(work: Work, missed: Missed) -> EvidenceEntry:
    """Return that somebody looked for an item in its zone: the engine holds it for less likely to be there."""
    name = f"{PICK_MISS}:{work.held.id}:{missed.item[1]}"[:EVIDENCE_ID_MAX_CHARS]
    kind = EvidenceKind.MISS
    return EvidenceEntry(id=name, kind=kind, at_us=work.now_us, items=(missed.item,), zone=missed.zone, posted=True)
