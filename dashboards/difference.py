"""What differs between what Grafana has and what it is to have, for a person to read. Pure.

Only what we say is compared: Grafana adds ids, versions and defaults of its own. Lists are ours as a whole: a panel
that somebody added by hand is a difference.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

SHOWN_CHARS: Final = 60
"""The longest value that is shown whole: a query does not fit a line."""

LINES_MAX: Final = 20
"""Differences of one thing that are listed; what is beyond is counted."""


def differences(found: object, wanted: object, place: str = "") -> Iterator[str]:
    """Yield a line for each place that differs, such as `panels[3].title: 'Gaps' -> 'Size gaps'`."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in wanted:
            inner = f"{place}.{key}" if place else str(key)
            if key in found:
                yield from differences(found[key], wanted[key], inner)
            elif not _is_nothing(wanted[key]):
                yield f"{inner}: none -> {_shown(wanted[key])}"
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(found) != len(wanted):
            yield f"{place}: {len(found)} -> {len(wanted)} of them"
        for number, (one, other) in enumerate(zip(found, wanted, strict=False)):
            yield from differences(one, other, f"{place}[{number}]")
    elif not _same(found, wanted):
        yield f"{place}: {_shown(found)} -> {_shown(wanted)}"


def listed(lines: Iterator[str]) -> list[str]:
    """Return at most `LINES_MAX` lines, and how many more there are."""
    found = list(lines)
    more = len(found) - LINES_MAX
    return found if more <= 0 else [*found[:LINES_MAX], f"and {more} more"]


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):  # in Python, True is 1
        return found is wanted
    return found == wanted


def _is_nothing(value: Any) -> bool:
    """Whether leaving a key out says the same: Grafana drops empty values of its own schema."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
