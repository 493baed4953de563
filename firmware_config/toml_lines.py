"""On which line of a TOML file a key stands: `tomllib` does not say. Pure.

Only what a profile is made of is followed: tables, keys, texts and lists over several lines. A key that is not found
has no line; nothing else depends on it.
"""

import re
from typing import Final

_TABLE: Final = re.compile(r"^\s*\[\s*(?P<path>[^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*(?P<path>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")
_LONG_TEXTS: Final = ('"""', "'''")


def key_lines(text: str) -> dict[str, int]:
    """Return the line, counted from 1, of each table and key by its dotted path, such as `stock.power_dbm`."""
    lines: dict[str, int] = {}
    table = ""
    open_text = ""
    for number, line in enumerate(text.splitlines(), 1):
        if open_text:
            if line.count(open_text) % 2:
                open_text = ""
            continue
        header = _TABLE.match(line)
        key = None if header else _KEY.match(line)
        if header:
            table = _plain(header["path"])
            lines.setdefault(table, number)
        elif key:
            path = _plain(key["path"])
            lines.setdefault(f"{table}.{path}" if table else path, number)
        open_text = next((mark for mark in _LONG_TEXTS if line.count(mark) % 2), "")
    return lines


def line_of(key: str, lines: dict[str, int]) -> int:
    """Return the line of a key such as `shelf.mode_ids[1]`, else of the nearest table around it, else 0."""
    path = key.partition("[")[0]
    while path:
        if path in lines:
            return lines[path]
        path = path.rpartition(".")[0]
    return 0


def _plain(path: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in path.split("."))
