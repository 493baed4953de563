"""The truth of a survey: a CSV file with `t, epc, zone`, one row for each change of place.

`t` has the form of the reads' times, `zone` is a zone of the site file or `OUT`. An item has no place before its first
row and keeps the place of its last one to the end. Rows may come in any order; of several at one time the last one
of the file counts. A bad row is counted and told with its line; the others count.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from gateway.presence.calibrate import Truth, zone_number
from gateway.replay.bad_rows import BadRow, BadRows
from gateway.replay.errors import ReplayError
from gateway.replay.instant import TimeForm, form_of, instant_us
from gateway.replay.lines import lines_of
from gateway.replay.tags import BAD, EPC_EXPECTED, Tags
from wire.site import OUT

COLUMNS: Final = ("t", "epc", "zone")
TRUTH_MAX_ROWS: Final = 2_000_000
"""A large shop's items, ten places each; they are held in memory (50 MB)."""


@dataclass(slots=True)
class TruthFile:
    """What a truth file held. `foreign`: rows about tags that are no items of the site."""

    truth: Truth
    rows: int = 0
    foreign: int = 0
    bad: BadRows = field(default_factory=BadRows)


class _ValueProblemError(ValueError):
    def __init__(self, column: str, value: str, expected: str) -> None:
        self.column, self.value, self.expected = column, value, expected
        super().__init__(expected)


def read_truth(blocks: Iterable[bytes], file: str, tags: Tags, form: TimeForm, zones: Sequence[str]) -> TruthFile:
    """Read a truth file; its subjects are the numbers that `tags` gives its EPCs.

    Raises `ReplayError`, which begins with `file`: no header, no rows, too many rows, or more bad rows than good ones.
    """
    found = TruthFile(_truth([], 0))
    changes: list[tuple[int, int, int]] = []
    for line, cells in _rows(blocks, file):
        found.rows += 1
        if found.rows > TRUTH_MAX_ROWS:
            raise ReplayError(f"{file}: more than {TRUTH_MAX_ROWS:,} rows: survey a shorter time, or fewer items")
        try:
            change = _change(cells, tags, form, zones)
        except _ValueProblemError as bad:
            found.bad.add(BadRow(line, bad.column, bad.value, bad.expected))
            continue
        if change is None:
            found.foreign += 1
        else:
            changes.append(change)
    if not found.rows:
        raise ReplayError(f"{file}: no rows: expected the header t,epc,zone and a row for each change of place")
    if found.bad.count * 2 > found.rows:
        shown = "".join(f"\n  {row}" for row in found.bad.first)
        raise ReplayError(f"{file}: {found.bad.count:,} of {found.rows:,} rows are bad; the first:{shown}")
    found.truth = _truth(changes, len(tags.epcs))
    return found


def _rows(blocks: Iterable[bytes], file: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of each row. Raises `ReplayError` for a header without the columns."""
    header: list[str] | None = None
    mark = ","
    for part in lines_of(blocks):
        for line, text in enumerate(part.split(), part.first):
            if not text.strip():
                continue
            if header is not None:
                yield line, dict(zip(header, map(_bare, text.split(mark)), strict=False))
                continue
            mark = next((mark for mark in ";\t" if mark in text), ",")
            header = [_bare(name).lower() for name in text.split(mark)]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise ReplayError(f"{file}: line {line}: no column {', '.join(missing)}; expected t,epc,zone")


def _change(cells: dict[str, str], tags: Tags, form: TimeForm, zones: Sequence[str]) -> tuple[int, int, int] | None:
    """Return a row's (tag, instant, zone number), or None for a foreign tag. Raises `_ValueProblemError`."""
    t, epc, zone = (cells.get(name, "") for name in COLUMNS)
    try:
        at_us = instant_us(t, form)
    except ValueError as error:
        other = form_of(t) is not form
        raise _ValueProblemError("t", t, f"{error}{f'; the reads have {form.value}' if other else ''}") from None
    tag = tags[epc]
    if tag == BAD:
        raise _ValueProblemError("epc", epc, EPC_EXPECTED)
    try:
        number = zone_number(zones, zone)
    except KeyError:
        expected = f"is no zone of the site file; it has {', '.join(zones)}, and {OUT} is nowhere"
        raise _ValueProblemError("zone", zone, expected) from None
    return (tag, at_us, number) if tag >= 0 else None


def _truth(changes: list[tuple[int, int, int]], subjects: int) -> Truth:
    columns = np.array(changes, np.int64).reshape(-1, 3)
    columns = columns[np.argsort(columns[:, 1], kind="stable")]
    return Truth(subjects, columns[:, 0], columns[:, 1], columns[:, 2])


def _bare(text: str) -> str:
    return text.strip().strip('"')
