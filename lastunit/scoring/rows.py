"""The rows of the files of a case: text in, columns out; every mistake names file, line, value and mend.

Files are CSV with a header; columns are found by their names, further ones are not looked at.
"""

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lastunit.scoring.errors import ScoreError
from lastunit.scoring.limits import CASE_MAX_S, ITEMS_MAX, PROBLEMS_SHOWN, ROWS_MAX, VALUE_SHOWN_CHARS
from lastunit.scoring.timeline import Changes
from lastunit.scoring.zones import ScoredZones
from wire.epc import Sgtin, decode_epc

SETTLED: Final = {"1": True, "true": True, "0": False, "false": False}
EVERYWHERE: Final = "*"
"""Zone of a promise that means: in all sellable zones together."""

GTIN_DIGITS: Final = 14
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """The items of a case: `number` by EPC (capital hex), `sku` number of each item, `gtin` of each (or empty)."""

    number: dict[str, int]
    sku: Ints
    gtin: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sku)


@dataclass(slots=True)
class Rows:
    """Rows `t,epc,zone` as columns, names as numbers of their own: `zones` lists them. `left_out`: EPCs of no item."""

    file: str
    t_s: "array[float]" = field(default_factory=lambda: array("d"))
    item: "array[int]" = field(default_factory=lambda: array("i"))
    zone: "array[int]" = field(default_factory=lambda: array("i"))
    zones: dict[str, int] = field(default_factory=dict)
    first_line: list[int] = field(default_factory=list)
    left_out: int = 0

    def changes(self, zones: ScoredZones) -> Changes:
        """Turn names into the numbers of `zones`. Raises `ScoreError` for a name that it does not have."""
        unknown = [name for name in self.zones if name not in zones.number]
        if unknown:
            shown = "; ".join(
                f"line {self.first_line[self.zones[name]]}: zone {_shown(name)}" for name in unknown[:PROBLEMS_SHOWN]
            )
            more = f" and {len(unknown) - PROBLEMS_SHOWN} more" if len(unknown) > PROBLEMS_SHOWN else ""
            raise ScoreError(
                f"{self.file}: {shown}{more}: not a zone of this case; it has {', '.join(zones.number)}. "
                "Was the file made with another site file?"
            )
        number = np.array([zones.number[name] for name in self.zones], np.int64)
        zone = number[np.array(self.zone, np.int64)] if len(self.zone) else np.zeros(0, np.int64)
        return Changes(np.array(self.item, np.int64), np.array(self.t_s, np.float64), zone)


@dataclass(frozen=True, slots=True, eq=False)
class Promises:
    """Answers "at least q are here", as columns: `gtin` (number into `gtins`), `zone` (-1: all sellable zones)."""

    t_s: NDArray[np.float64]
    gtin: Ints
    zone: Ints
    q: Ints
    settled: NDArray[np.bool_]
    gtins: tuple[str, ...]


def read_items(lines: Iterable[str], file: str) -> Items:
    """Read items.csv. Raises `ScoreError`."""
    number: dict[str, int] = {}
    names: list[str] = []
    for line, (epc, sku) in _table(lines, file, ("epc", "sku_size")):
        if epc.upper() in number:
            raise ScoreError(f"{file}: line {line}: epc {_shown(epc)} stands twice; keep one")
        if len(number) >= ITEMS_MAX:
            raise ScoreError(f"{file}: more than {ITEMS_MAX:,} items; score parts of it")
        number[epc.upper()] = len(number)
        names.append(sku)
    if not names:
        raise ScoreError(f"{file}: no items; expected one row per item under `epc,sku_size`")
    sku_number = np.unique(np.array(names), return_inverse=True)[1]
    gtin = tuple(_gtin_of(epc, sku) for epc, sku in zip(number, names, strict=True))
    return Items(number, sku_number.astype(np.int64), gtin)


def _gtin_of(epc: str, sku: str) -> str:
    """The GTIN-14 that the tag says, else the SKU's name if it is one."""
    if re.fullmatch("[0-9A-F]+", epc):
        decoded = decode_epc(bytes.fromhex(epc + "0" * (len(epc) % 2)), 4 * len(epc))
        if isinstance(decoded, Sgtin):
            return decoded.gtin
    return sku if len(sku) == GTIN_DIGITS and sku.isdecimal() else ""


def read_rows(lines: Iterable[str], file: str, items: Items) -> Rows:
    """Read a truth or estimates file. Raises `ScoreError` with the first lines to mend."""
    rows = Rows(file)
    problems = _Problems(file)
    for line, (t, epc, zone) in _table(lines, file, ("t", "epc", "zone")):
        t_s = _number(t)
        if t_s is None:
            problems.add(line, f"t {_shown(t)}: expected seconds from the start")
            continue
        item = items.number.get(epc.upper())
        if item is None:
            rows.left_out += 1
            continue
        if zone not in rows.zones:
            rows.zones[zone] = len(rows.zones)
            rows.first_line.append(line)
        rows.t_s.append(t_s)
        rows.item.append(item)
        rows.zone.append(rows.zones[zone])
    problems.tell()
    return rows


def read_promises(lines: Iterable[str], file: str, zones: ScoredZones) -> Promises:
    """Read a promises file. Raises `ScoreError` with the first lines to mend."""
    columns: tuple[array[Any], ...] = (array("d"), array("i"), array("i"), array("i"), array("b"))
    gtins: dict[str, int] = {}
    problems = _Problems(file)
    for line, row in _table(lines, file, ("t", "gtin", "zone", "q", "settled")):
        t, gtin, zone, q, settled = row
        t_s = _number(t)
        wrong = (
            (t_s is None, f"t {_shown(t)}: expected seconds from the start"),
            (re.fullmatch("[0-9]{8,14}", gtin) is None, f"gtin {_shown(gtin)}: expected 8 to 14 digits"),
            (
                zone != EVERYWHERE and zones.number.get(zone, zones.out) == zones.out,
                f"zone {_shown(zone)}: expected * or one of {', '.join(zones.names)}",
            ),
            (re.fullmatch("[0-9]{1,6}", q) is None, f"q {_shown(q)}: expected a count of 0 to 999999"),
            (settled.lower() not in SETTLED, f"settled {_shown(settled)}: expected 1 or 0"),
        )
        first = next((text for is_wrong, text in wrong if is_wrong), None)
        if first is not None or t_s is None:
            problems.add(line, first or "")
            continue
        number = gtins.setdefault(gtin.zfill(GTIN_DIGITS), len(gtins))
        place = -1 if zone == EVERYWHERE else zones.number[zone]
        for column, value in zip(columns, (t_s, number, place, int(q), SETTLED[settled.lower()]), strict=True):
            column.append(value)
    problems.tell()
    t_column, *numbers, settled_column = columns
    gtin_column, zone_column, q_column = (np.array(column, np.int64) for column in numbers)
    return Promises(
        np.array(t_column, np.float64),
        gtin_column,
        zone_column,
        q_column,
        np.array(settled_column, bool),
        tuple(gtins),
    )


class LastSecond:
    """Finds the end of a case: the greatest `t` of reads.csv, fed in blocks of whole lines, the header first."""

    def __init__(self, header: bytes, file: str) -> None:
        names = header.decode("utf-8-sig", "replace").strip().split(",")
        if "t" not in names:
            raise ScoreError(f"{file}: line 1: no column t in {_shown(','.join(names))}; expected {_READS}")
        self._file = file
        self._field = re.compile(rb"^(?:[^,\n]*,){%d}([^,\r\n]*)" % names.index("t"), re.MULTILINE)
        self._line = 2
        self.newest_s = -1.0

    def add(self, block: bytes) -> None:
        """Look at some lines. Raises `ScoreError` for a time that is none."""
        try:
            times = list(map(float, filter(None, self._field.findall(block))))
        except ValueError:
            raise ScoreError(self._wrong(block)) from None
        newest = max(times, default=self.newest_s)
        if newest >= CASE_MAX_S:
            raise ScoreError(
                f"{self._file}: t {newest:g}: a case has at most {CASE_MAX_S:,} seconds, counted from its start"
            )
        if math.isnan(sum(times)):
            raise ScoreError(self._wrong(block))
        self.newest_s = max(self.newest_s, newest)
        self._line += block.count(b"\n")

    def seconds(self) -> int:
        """Seconds of the case. Raises `ScoreError` when there was no read at all."""
        if self.newest_s < 0:
            raise ScoreError(f"{self._file}: no reads; the last one says how long the case is")
        return int(self.newest_s) + 1

    def _wrong(self, block: bytes) -> str:
        for number, line in enumerate(block.split(b"\n")):
            found = self._field.match(line)
            if found and found[1] and _number(found[1].decode("utf-8", "replace")) is None:
                value = _shown(found[1].decode("utf-8", "replace"))
                return f"{self._file}: line {self._line + number}: t {value}: expected seconds from the start"
        return f"{self._file}: from line {self._line} on: a time is no number"


_READS: Final = "t,reader,antenna,epc,rssi_dbm"


class _Problems:
    """Counts the bad lines of a file and tells the first of them at once."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._first: list[str] = []

    def add(self, line: int, text: str) -> None:
        self._count += 1
        if len(self._first) < PROBLEMS_SHOWN:
            self._first.append(f"{self._file}: line {line}: {text}")

    def tell(self) -> None:
        if self._count:
            more = f"\nand {self._count - len(self._first)} more" if self._count > len(self._first) else ""
            raise ScoreError("\n".join(self._first) + more)


def _table(lines: Iterable[str], file: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and the wanted fields of each row that is not blank."""
    rows = csv.reader(lines)
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            found = _shown(",".join(header)) if header else "an empty file"
            raise ScoreError(f"{file}: line 1: no column {', '.join(missing)} in {found}; expected {','.join(columns)}")
        places = [header.index(name) for name in columns]
        last = max(places)
        for count, row in enumerate(rows):
            if not row:
                continue
            if len(row) <= last:
                raise ScoreError(f"{file}: line {rows.line_num}: {len(row)} fields; expected {len(header)}")
            if count >= ROWS_MAX:
                raise ScoreError(f"{file}: more than {ROWS_MAX:,} rows; score a shorter case")
            yield rows.line_num, [row[place].strip() for place in places]
    except csv.Error as error:
        raise ScoreError(f"{file}: line {rows.line_num}: not CSV: {error}") from error


def _number(text: str) -> float | None:
    """A finite number, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= VALUE_SHOWN_CHARS else f"{text[:VALUE_SHOWN_CHARS]}...")
