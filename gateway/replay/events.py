"""Sales, receipts and returns from a CSV file: `t, kind, epc, gtin`, one row for each item.

`epc` names the item, which may never have been read. A sale may name the SKU alone, by `gtin`. Other kinds (a simulated
store writes what its shoppers do, too) are counted by name and passed over. A bad row is told like one of reads.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.presence.tracker import EvidenceKind
from gateway.replay.bad_rows import BadRow, BadRows
from gateway.replay.errors import ReplayError
from gateway.replay.instant import TimeForm, form_of, instant_us
from gateway.replay.limits import EVENTS_MAX_ROWS
from gateway.replay.lines import lines_of
from gateway.replay.tags import BAD, EPC_EXPECTED, Tags
from wire.errors import WireError
from wire.gs1 import parse_gtin

KINDS: Final = {str(kind): kind for kind in (EvidenceKind.SALE, EvidenceKind.RECEIPT, EvidenceKind.RETURN)}
_KINDS_KEPT: Final = 100


class Event(NamedTuple):
    """Something that happened to one item: a tag by its number, or (tag -1) any unit of `gtin`."""

    at_us: int
    kind: EvidenceKind
    tag: int
    gtin: str


@dataclass(slots=True)
class EventFile:
    """What an events file held. `foreign`: rows about tags that are no items of the site."""

    events: list[Event] = field(default_factory=list)
    rows: int = 0
    foreign: int = 0
    other_kinds: Counter[str] = field(default_factory=Counter)
    bad: BadRows = field(default_factory=BadRows)


class _ValueProblemError(ValueError):
    def __init__(self, column: str, value: str, expected: str) -> None:
        self.column, self.value, self.expected = column, value, expected
        super().__init__(expected)


def read_events(blocks: Iterable[bytes], tags: Tags, form: TimeForm, file: str = "events") -> EventFile:
    """Read the events of a file whose times have the form of the reads.

    Raises `ReplayError`, which begins with `file`: no header, over `EVENTS_MAX_ROWS` rows, or more bad rows than good
    ones.
    """
    found = EventFile()
    header: list[str] | None = None
    mark = ","
    for part in lines_of(blocks):
        for line, text in enumerate(part.split(), part.first):
            if not text.strip():
                continue
            if header is None:
                mark = next((mark for mark in ";\t" if mark in text), ",")
                header = [_cell(name).lower() for name in text.split(mark)]
                _check_header(header, f"{file}: line {line}")
                continue
            found.rows += 1
            if found.rows > EVENTS_MAX_ROWS:
                raise ReplayError(f"{file}: more than {EVENTS_MAX_ROWS:,} events: replay a shorter time")
            cells = dict(zip(header, map(_cell, text.split(mark)), strict=False))
            try:
                _take(cells, tags, form, found)
            except _ValueProblemError as bad:
                found.bad.add(BadRow(line, bad.column, bad.value, bad.expected))
    if header is None:
        raise ReplayError(f"{file} is empty: expected a header t,kind,epc,gtin")
    if found.bad.count * 2 > found.rows:
        shown = "".join(f"\n  {row}" for row in found.bad.first)
        raise ReplayError(f"{file}: {found.bad.count:,} of {found.rows:,} rows are bad; the first:{shown}")
    return found


def _check_header(header: list[str], where: str) -> None:
    missing = [name for name in ("t", "kind") if name not in header]
    if not {"epc", "gtin"} & set(header):
        missing.append("epc or gtin")
    if missing:
        raise ReplayError(f"{where}: no column {', '.join(missing)}; expected t,kind,epc,gtin")


def _take(cells: dict[str, str], tags: Tags, form: TimeForm, found: EventFile) -> None:
    """Take one row. Raises `_ValueProblemError`."""
    kind = KINDS.get(cells.get("kind", "").lower())
    if kind is None:
        name = cells.get("kind", "")
        if name in found.other_kinds or len(found.other_kinds) < _KINDS_KEPT:
            found.other_kinds[name] += 1
        return
    t = cells["t"]
    try:
        at_us = instant_us(t, form)
    except ValueError as error:
        other = form_of(t) is not form
        raise _ValueProblemError("t", t, f"{error}{f'; the reads have {form.value}' if other else ''}") from None
    epc, gtin = cells.get("epc", ""), cells.get("gtin", "")
    if epc:
        tag = tags[epc]
        if tag == BAD:
            raise _ValueProblemError("epc", epc, EPC_EXPECTED)
        if tag < 0:
            found.foreign += 1
            return
        found.events.append(Event(at_us, kind, tag, ""))
        return
    if kind is not EvidenceKind.SALE:
        raise _ValueProblemError("epc", "", f"is empty: a {kind} names its items; only a sale may name a gtin alone")
    try:
        found.events.append(Event(at_us, kind, -1, str(parse_gtin(gtin))))
    except WireError as error:
        raise _ValueProblemError("gtin", gtin, str(error)) from error


def _cell(text: str) -> str:
    return text.strip().strip('"')
