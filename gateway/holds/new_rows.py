"""The rows that a granted request becomes."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from gateway.holds.decide import Granted


def by_site(granted: Sequence[Granted]) -> list[list[Granted]]:
    """Return what is granted, site by site, in the sites' order."""
    found: dict[str, list[Granted]] = defaultdict(list)
    for each in granted:
        found[each.key.site].append(each)
    return [found[site] for site in sorted(found)]


def line_row(name: str, number: int, granted: Granted) -> dict[str, Any]:
    """Return the row of a line."""
    return {
        "reservation": name,
        "line": number,
        "site": granted.key.site,
        "gtin": granted.key.gtin,
        "quantity": granted.quantity,
        "untagged": granted.untagged,
        "substitution_needed": granted.substitution_needed,
    }


def binding_rows(name: str, number: int, granted: Granted, now_us: int) -> list[dict[str, Any]]:
    """Return the rows of a line's items."""
    return [
        {
            "gtin": granted.key.gtin,
            "serial": unit.serial,
            "site": granted.key.site,
            "reservation": name,
            "line": number,
            "picked": False,
            "bound_us": now_us,
        }
        for unit in granted.items
    ]


def reference_rows(name: str, references: Sequence[tuple[str, str]], now_us: int) -> list[dict[str, Any]]:
    """Return the rows of what a reservation is called elsewhere."""
    return [
        {"kind": "hold", "id": name, "site": "", "name": called, "value": value, "recorded_us": now_us}
        for called, value in references
    ]
