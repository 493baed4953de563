"""Lines of a reads file to cells: CSV or NDJSON with the columns `t, reader, antenna, epc, rssi_dbm`, as texts.

CSV has a header, columns in any order, commas, semicolons or tabs, values with or without quotes. NDJSON has one object
a line; other keys are ignored. A line that has no cells is counted as a bad row, and nothing else is lost.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from gateway.replay.bad_rows import BadRow, BadRows
from gateway.replay.errors import ReplayError
from gateway.replay.lines import Lines

COLUMNS: Final = ("t", "reader", "antenna", "epc", "rssi_dbm")


class Cells(NamedTuple):
    """Some rows: the number of each one's line, and the columns in the order of `COLUMNS`."""

    lines: Sequence[int]
    columns: tuple[Sequence[str], ...]


class CellReader:
    """Takes the lines of one file apart. `rows` are all but empty lines and the header."""

    def __init__(self, bad: BadRows) -> None:
        self.rows = 0
        self._bad = bad

    def of(self, lines: Iterable[Lines], file: str) -> Iterator[Cells]:
        """Yield the cells of all lines. Raises `ReplayError` for a file that is empty or lacks a column."""
        parts = iter(lines)
        first = next((part for part in parts if part.text.strip()), None)
        if first is None:
            raise ReplayError(f"{file} is empty: expected rows of {', '.join(COLUMNS)}")
        cells = self._json if _begins_json(first) else self._csv(first, file)
        for part in chain([first], parts):
            yield cells(part)

    def _csv(self, first: Lines, file: str) -> Callable[[Lines], Cells]:
        """Read the header; return what splits the lines behind it."""
        begins = first.split()
        at = next(i for i, line in enumerate(begins) if line.strip())
        header = begins[at]
        mark = next((mark for mark in ";\t" if header.count(mark) >= len(COLUMNS) - 1), ",")
        names = [name.strip().strip('"').lower() for name in header.split(mark)]
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            line = first.first + at
            text = f"no column {', '.join(missing)}; expected {','.join(COLUMNS)}"
            raise ReplayError(f"{file}: line {line}: {text}")
        wanted, width = [names.index(name) for name in COLUMNS], len(names)

        def split(part: Lines) -> Cells:
            if part is first:
                part = Lines(part.first + at + 1, "\n".join(begins[at + 1 :]))
            # One list of all cells, with the line ends among them: they stand at every (width + 1)th place, or some
            # row has another number of cells.
            flat = part.text.replace("\n", f"{mark}\n{mark}").split(mark)
            ends = flat[width :: width + 1]
            if len(flat) == (len(ends) + 1) * (width + 1) - 1 and ends.count("\n") == len(ends) == flat.count("\n"):
                self.rows += len(ends) + 1
                lines: Sequence[int] = range(part.first, part.first + len(ends) + 1)
                return Cells(lines, tuple(_bare(flat[i :: width + 1]) for i in wanted))
            rows = [(line, text.split(mark)) for line, text in enumerate(part.split(), part.first)]
            rows = [(line, row) for line, row in rows if self._whole(line, row, width)]
            return Cells([line for line, _ in rows], tuple(_bare([row[i] for _, row in rows]) for i in wanted))

        return split

    def _whole(self, line: int, row: list[str], width: int) -> bool:
        """Whether a row has as many values as the header; if not, note it, but for an empty line."""
        if len(row) == width:
            self.rows += 1
            return True
        if any(map(str.strip, row)):
            self.rows += 1
            self._bad.add(BadRow(line, "row", ",".join(row), f"has {len(row)} values: the header has {width} columns"))
        return False

    def _json(self, part: Lines) -> Cells:
        """Take lines of JSON apart; numbers and texts are both welcome as values."""
        rows: list[_JsonRow] = []
        with suppress(msgspec.DecodeError, RecursionError):
            rows = _DECODER.decode_lines(part.text)
        lines: Sequence[int] = range(part.first, part.first + len(rows))
        if len(rows) == part.text.count("\n") + 1:
            self.rows += len(rows)
        else:  # a bad line or an empty one among them: one by one
            found = [(line, self._json_row(line, text)) for line, text in enumerate(part.split(), part.first)]
            lines = [line for line, row in found if row is not None]
            rows = [row for _, row in found if row is not None]
        columns = (
            [str(row.t) for row in rows],
            [row.reader for row in rows],
            [str(row.antenna) for row in rows],
            [row.epc for row in rows],
            [str(row.rssi_dbm) for row in rows],
        )
        return Cells(lines, columns)

    def _json_row(self, line: int, text: str) -> "_JsonRow | None":
        if not text.strip():
            return None
        self.rows += 1
        try:
            return _DECODER.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            self._bad.add(BadRow(line, "row", text, str(error)))
            return None


class _JsonRow(msgspec.Struct, gc=False):
    t: float | str
    reader: str
    antenna: int | str
    epc: str
    rssi_dbm: float | str


_DECODER: Final = msgspec.json.Decoder(_JsonRow)


def _begins_json(part: Lines) -> bool:
    return part.text.lstrip().startswith("{")


def _bare(column: Sequence[str]) -> Sequence[str]:
    """Take the quotes off, where some program wrote them around every value."""
    if column and column[0].startswith('"'):
        return [text.strip().strip('"') for text in column]
    return column
