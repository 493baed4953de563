"""The catalogue: which GTIN is which style, colour and size.

CSV, separated by commas, semicolons or tabs, with a header: `gtin, style, colour, size, description` and, if wanted,
`department, min_floor, max_floor, price`. Each row stands for itself: a bad one is reported with its line, value and
reason, and the others load. A GTIN that is there already is replaced, so the same file twice changes nothing. A
catalogue is no input of the fold: what it names was tracked all along, and becomes visible with it.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.engine import Database
from gateway.storage.schema import sku, unknown_gtin
from gateway.storage.statement import MANY, storable, upsert_into
from wire.errors import WireError
from wire.gs1 import parse_gtin
from wire.limits import CATALOGUE_MAX_BYTES, CATALOGUE_ROW_MAX_CHARS

REQUIRED: Final = ("gtin", "style", "colour", "size", "description")
OPTIONAL: Final = ("department", "min_floor", "max_floor", "price")
PROBLEMS_SHOWN: Final = 1_000
"""A file with more problems than this needs to be written anew; all are counted."""

FLOOR_MAX: Final = 100_000
"""More units of one size on a sales floor is a typing mistake."""

_VALUE_SHOWN: Final = 80
_NOT_UTF8: Final = "not UTF-8; save it as UTF-8 (in Excel: file type 'CSV UTF-8')"


class CatalogueError(WireError):
    """The whole file cannot be used; a person must mend it."""

    code = "catalogue"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row that did not load: its line in the file (the header is line 1), the value, and what is wrong with it."""

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column} {self.value!r}: {self.reason}"


@dataclass(slots=True)
class CatalogueReport:
    """What an import did; `problems` are the first of `rejected`."""

    rows: int = 0
    loaded: int = 0
    changed: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def reject(self, problem: RowProblem) -> None:
        """Note a row that did not load."""
        self.rejected += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class Sku:
    """One row of the catalogue."""

    gtin: str
    style: str
    colour: str
    size: str
    description: str
    department: str = ""
    min_floor: int | None = None
    max_floor: int | None = None
    price: str | None = None


class _ValueProblemError(ValueError):
    def __init__(self, column: str, value: str, reason: str) -> None:
        self.column, self.value, self.reason = column, value, reason
        super().__init__(reason)


def parse_catalogue(text: str | bytes, report: CatalogueReport) -> Iterator[Sku]:
    """Yield the good rows and note the bad ones in `report`. Raises `CatalogueError` for a file without use."""
    reader = _open(text)
    first_line: dict[str, int] = {}
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report.rows += 1
            report.reject(RowProblem(reader.line_num, "row", "", f"not CSV: {error}"))
            continue
        report.rows += 1
        line = reader.line_num
        try:
            row = _row(cells)
            _check_first(row.gtin, first_line)
        except _ValueProblemError as bad:
            report.reject(RowProblem(line, bad.column, bad.value[:_VALUE_SHOWN], bad.reason))
            continue
        first_line[row.gtin] = line
        report.loaded += 1
        yield row


def _check_first(gtin: str, first_line: dict[str, int]) -> None:
    if gtin in first_line:
        raise _ValueProblemError("gtin", gtin, f"stands in line {first_line[gtin]} already; that one is kept")


def _open(text: str | bytes) -> "csv.DictReader[str]":
    if len(text) > CATALOGUE_MAX_BYTES:
        raise CatalogueError(f"catalogue of {len(text)} bytes: the limit is {CATALOGUE_MAX_BYTES}")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise CatalogueError(f"line {line}: {_NOT_UTF8}") from error
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(header))
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or []]
    except csv.Error as error:
        raise CatalogueError(f"line 1: not CSV: {error}") from error
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise CatalogueError(f"line 1: no column {', '.join(missing)}; expected {', '.join(REQUIRED + OPTIONAL)}")
    reader.fieldnames = names
    return reader


def _delimiter(header: str) -> str:
    """Return what separates the columns: a spreadsheet also writes semicolons or tabs."""
    return next((mark for mark in ";\t" if header.count(mark) >= len(REQUIRED) - 1), ",")


def _row(cells: dict[str | Any, str | Any]) -> Sku:
    """Check one row. Raises `_ValueProblemError`."""
    if cells.get(None):
        raise _ValueProblemError("row", str(cells[None]), "more values than the header has columns")
    values = {name: (cells.get(name) or "").strip() for name in REQUIRED + OPTIONAL}
    if sum(len(value) for value in values.values()) > CATALOGUE_ROW_MAX_CHARS:
        raise _ValueProblemError("row", values["gtin"], f"longer than {CATALOGUE_ROW_MAX_CHARS} characters")
    try:
        gtin = parse_gtin(values["gtin"])
    except WireError as error:
        raise _ValueProblemError("gtin", values["gtin"], str(error)) from error
    for name in ("style", "colour", "size"):
        if not values[name]:
            raise _ValueProblemError(name, "", "is empty")
    low, high = _floor("min_floor", values), _floor("max_floor", values)
    if low is not None and high is not None and low > high:
        raise _ValueProblemError("min_floor", str(low), f"is above max_floor {high}")
    texts = {name: storable(values[name]) for name in ("style", "colour", "size", "description", "department")}
    return Sku(gtin=str(gtin), min_floor=low, max_floor=high, price=_price(values["price"]), **texts)


def _floor(name: str, values: dict[str, str]) -> int | None:
    text = values[name]
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= FLOOR_MAX):
        raise _ValueProblemError(name, text, f"expected a whole number from 0 to {FLOOR_MAX}")
    return int(text)


def _price(text: str) -> str | None:
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price < 10**9:
        raise _ValueProblemError("price", text, "expected a decimal such as 49.90")
    return f"{price:f}"


async def import_catalogue(database: Database, text: str | bytes, now_us: int) -> CatalogueReport:
    """Load a catalogue, all good rows in one transaction. Raises `CatalogueError` for a file without use."""
    report = CatalogueReport()
    rows = sorted(parse_catalogue(text, report), key=lambda row: row.gtin)
    async with database.write() as connection:
        for low in range(0, len(rows), MANY):
            report.changed += await _write(connection, rows[low : low + MANY], now_us)
    return report


async def _write(connection: AsyncConnection, rows: list[Sku], now_us: int) -> int:
    """Write the rows that differ from what is there; return how many."""
    gtins = [row.gtin for row in rows]
    columns = [sku.c[name] for name in REQUIRED + OPTIONAL]
    found = await connection.execute(select(*columns).where(sku.c.gtin.in_(gtins)))
    there = {row.gtin: Sku(**row) for row in found.mappings()}
    new = [row for row in rows if there.get(row.gtin) != row]
    if new:
        values = [{name: getattr(row, name) for name in REQUIRED + OPTIONAL} | {"updated_us": now_us} for row in new]
        await connection.execute(upsert_into(connection, sku), values)
        await connection.execute(delete(unknown_gtin).where(unknown_gtin.c.gtin.in_([row.gtin for row in new])))
    return len(new)


async def ignore_unknown(connection: AsyncConnection, gtin: str, note: str, now_us: int) -> None:
    """Let staff say that a GTIN of ours without a catalogue row is known and wanted nowhere."""
    row = {"gtin": gtin, "decision": "ignored", "note": storable(note, _VALUE_SHOWN), "decided_us": now_us}
    await connection.execute(upsert_into(connection, unknown_gtin), row)
