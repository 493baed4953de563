"""A handheld's export as rows: tables (CSV and its relatives) and JSON, one object on a line. Pure.

Theory of operation. Every maker names its columns differently, so a column is known by what its name says (`EPC`,
`TAG ID`, `epc_hex` are one), and all other columns are left aside. What stands above the columns' names, or on a line
that begins with `#`, as `zone: FLOOR_A`, `zone,FLOOR_A` or `zone=FLOOR_A`, is said of the whole file; other lines there
are a title. A list of EPCs without any header is a table too. In JSON an object with an EPC is a row, and takes over
what the objects around it say; an object without one speaks of the whole file.

Each line is taken by itself, so that a damaged one costs nothing but itself.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from edge.handheld.epc_text import NotAnItem, epc_of
from edge.handheld.limits import (
    COLUMNS_MAX,
    HEADER_MAX_LINES,
    JSON_LINE_MAX_CHARS,
    LINE_MAX_CHARS,
    LINES_MAX,
    NESTING_MAX,
    SAID_MAX_CHARS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "epc": (
        "epc", "epchex", "epcid", "epcuri", "epcurn", "epccode", "epcvalue", "epcdata", "epcs", "idhex", "tagepc",
        "tagid", "tags", "tag", "rfid", "rfidtag", "urn", "uri", "digitallink", "code", "barcode",
    ),
    "gtin": ("gtin", "gtin14", "gtin13", "ean", "ean13", "upc"),
    "serial": ("serial", "serialnumber", "serialno", "sn"),
    "zone": ("zone", "zoneid", "location", "area", "room"),
    "time": ("time", "timestamp", "at", "seenat", "readat", "lastseen", "lastread", "firstseen", "datetime"),
    "started": ("started", "startedat", "start", "starttime", "begin"),
    "ended": ("ended", "endedat", "end", "endtime", "finished", "finishedat", "finish"),
    "coverage": ("coverage",),
}  # fmt: skip
"""What a column or key may be called, best first, in lower case and without anything but letters and digits."""

_MEANING: Final = {name: meaning for meaning, names in NAMES.items() for name in names}
_RANK: Final = {name: rank for names in NAMES.values() for rank, name in enumerate(names)}
_OF_THE_FILE: Final = frozenset({"zone", "started", "ended", "coverage"})
_DELIMITERS: Final = ",;\t|"
_LINES: Final = re.compile(r"\r\n|\n|\r")
_SAID: Final = re.compile(r"#?\s*([A-Za-z][A-Za-z _-]{0,40}?)\s*[:=,;\t]+\s*(.*?)[,;\t\s]*", re.DOTALL)
_NO_COLUMN: Final = (
    "no EPCs: expected a table with a column EPC (or TAG ID, or GTIN and SERIAL), a list of EPCs, or JSON with one "
    "object on each line"
)


class Problem(NamedTuple):
    """What is wrong with one line. `brief`: without anything that stands in the line."""

    line: int
    text: str
    brief: str


class Row(NamedTuple):
    """One tag of an export, by meaning (keys of `NAMES`)."""

    line: int
    cells: dict[str, str]


@dataclass(slots=True)
class Export:
    """What an export says: of the whole file, and of each tag."""

    said: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class NotAnExport(ValueError):  # noqa: N818 - what is wrong with a file, for its report
    """A file that is no export at all."""


def text_of(data: bytes) -> str:
    """Return a file's text; bytes that are none of its encoding become U+FFFD and cost their line."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def read_export(text: str) -> Export:
    """Return the rows of an export. Raises `NotAnExport`."""
    if max(text.count("\n"), text.count("\r")) > LINES_MAX:
        raise _too_many()
    lines = _LINES.split(text)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        return _json(lines)
    if first.lstrip().startswith("["):
        raise NotAnExport("one JSON list over the whole file: expected one JSON object on each line (NDJSON)")
    return _table(lines)


def _too_many() -> NotAnExport:
    return NotAnExport(f"more than {LINES_MAX} lines: an export has one for each tag; split it by zones")


# -- tables


def _table(lines: list[str]) -> Export:
    export = Export()
    head = _header(lines)
    if head is None:
        raise NotAnExport(_NO_COLUMN)
    for line in lines[: head.at]:
        _say(export, line)
    for number, line in enumerate(lines[head.after :], head.after + 1):
        if not line.strip():
            continue
        if line.lstrip().startswith("#"):
            _say(export, line)
            continue
        try:
            cells = _cells(line, head.delimiter)
        except ValueError as error:
            export.problems.append(Problem(number, str(error), str(error)))
            continue
        found = {meaning: cells[at] for meaning, at in head.columns.items() if at < len(cells) and cells[at]}
        if found or any(cells):
            export.rows.append(Row(number, found))
    return export


class _Header(NamedTuple):
    at: int
    after: int
    """The first line of the table's body: the line itself where the table has no header."""
    delimiter: str
    columns: dict[str, int]


def _header(lines: list[str]) -> _Header | None:
    """Find the line that names the columns (of several the one with the best name), or else the first EPC."""
    named: list[tuple[int, _Header]] = []
    listed: _Header | None = None
    for at, line in enumerate(lines[:HEADER_MAX_LINES]):
        if line.lstrip().startswith("#"):
            continue
        for delimiter in _DELIMITERS:
            try:
                cells = _cells(line, delimiter)
            except ValueError:
                continue
            columns = _columns(cells)
            if "epc" in columns or {"gtin", "serial"} <= columns.keys():
                rank = _RANK[_plain(cells[columns["epc"]])] if "epc" in columns else len(_RANK)
                named.append((rank, _Header(at, at + 1, delimiter, columns)))
            place = next((i for i, cell in enumerate(cells) if _is_epc(cell)), None)
            if listed is None and place is not None:
                listed = _Header(at, at, delimiter, {"epc": place})
    return min(named, key=lambda one: one[0])[1] if named else listed


def _columns(names: Iterable[str]) -> dict[str, int]:
    """Return the place of each meaning; the best name goes first, then the leftmost column."""
    found: dict[str, tuple[int, int]] = {}
    for at, name in enumerate(names):
        plain = _plain(name)
        meaning = _MEANING.get(plain)
        if meaning is not None:
            found[meaning] = min(found.get(meaning, (_RANK[plain], at)), (_RANK[plain], at))
    return {meaning: at for meaning, (_, at) in found.items()}


def _cells(line: str, delimiter: str) -> list[str]:
    """Split one line. Raises `ValueError`."""
    if len(line) > LINE_MAX_CHARS:
        raise ValueError(f"a line of {len(line)} characters; the limit is {LINE_MAX_CHARS}")
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise ValueError(f"not a line of a table: {error}") from error
    return [_bare(cell) for cell in cells[:COLUMNS_MAX]]


def _bare(cell: str) -> str:
    """Take off what exports put around a cell so that a spreadsheet leaves it alone: ="..." and a leading '."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]
    return cell.removeprefix("'").strip()


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isascii() and character.isalnum())


def _is_epc(cell: str) -> bool:
    try:
        epc_of(cell)
    except NotAnItem:
        return False
    return True


def _say(export: Export, line: str) -> None:
    """Take what a line says of the whole file; the first word on each matter holds."""
    match = _SAID.fullmatch(line.strip()) if len(line) <= SAID_MAX_CHARS else None
    meaning = _MEANING.get(_plain(match[1])) if match else None
    if match and meaning in _OF_THE_FILE and match[2]:
        export.said.setdefault(meaning, _bare(match[2].strip('"')))


# -- JSON


def _json(lines: list[str]) -> Export:
    export = Export()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > JSON_LINE_MAX_CHARS:
            wrong = f"a line of {len(line)} characters; the limit is {JSON_LINE_MAX_CHARS}"
            export.problems.append(Problem(number, wrong, wrong))
            continue
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            export.problems.append(Problem(number, f"no JSON: {error}", "no JSON"))
            continue
        if not isinstance(found, dict):
            export.problems.append(Problem(number, "no JSON object: expected {...}", "no JSON object"))
            continue
        rows = list(islice(_rows(found, {}, 0), LINES_MAX + 1))
        export.rows.extend(Row(number, cells) for cells in rows)
        if len(export.rows) > LINES_MAX:
            raise _too_many()
        if not rows:
            said = {meaning: text for meaning, text in _scalars(found).items() if meaning in _OF_THE_FILE}
            for meaning, text in said.items():
                export.said.setdefault(meaning, text)
            if not said:
                export.problems.append(Problem(number, "no EPC in this object", "no EPC in this object"))
    return export


def _rows(found: Mapping[str, Any], around: Mapping[str, str], depth: int) -> Iterator[dict[str, str]]:
    """Yield a row for each tag in an object, with what the objects around it say."""
    own = _scalars(found)
    cells = {**around, **own}
    if "epc" in own or {"gtin", "serial"} <= own.keys():
        yield cells
    if depth >= NESTING_MAX:
        return
    for name, value in found.items():
        within = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        for one in within:
            if isinstance(one, dict):
                yield from _rows(one, cells, depth + 1)
            elif isinstance(one, str) and _MEANING.get(_plain(name)) == "epc":
                yield {**cells, "epc": one}


def _scalars(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what an object says by itself, by meaning; the best name goes first."""
    ranked: dict[str, tuple[int, str]] = {}
    for name, value in found.items():
        plain = _plain(name)
        meaning = _MEANING.get(plain)
        if meaning is None or isinstance(value, bool | dict | list | None):
            continue
        said = (_RANK[plain], str(value).strip())
        ranked[meaning] = min(ranked.get(meaning, said), said, key=lambda one: one[0])
    return {meaning: text for meaning, (_, text) in ranked.items() if text}
