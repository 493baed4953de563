"""Published vectors as the tests take them."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "epc"

TAG_FILES = ("tdt22-generated", "tds-annex-e3", "other-libraries-tag", "epcpy")

Row = dict[str, Any]


def rows(name: str) -> list[Row]:
    """All rows of one file."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


def tag_rows() -> list[Row]:
    """All rows that carry a tag binary, from every file."""
    return [row for name in TAG_FILES for row in rows(name) if "hex" in row]


def bits_of(row: Row) -> tuple[bytes, int]:
    """A row's EPC and its length in bits; an odd number of digits leaves half a byte of padding."""
    digits = row["hex"]
    return bytes.fromhex(digits + "0" * (len(digits) % 2)), 4 * len(digits)
