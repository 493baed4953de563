"""How long a key lasts, as people write it: `90d`, `12h`, `30m`. Pure."""

import re
from typing import Final

UNITS_S: Final = {"m": 60, "h": 3_600, "d": 86_400}
MOST_S: Final = 10 * 366 * 86_400
"""Ten years: a key that lasts longer is meant to last for ever, and should say so."""

_FORM: Final = re.compile(r"([1-9][0-9]{0,7})([mhd])")


class DurationError(ValueError):
    """A text that is no duration."""


def duration_s(text: str) -> int:
    """Return the seconds that `text` says. Raises `DurationError`."""
    match = _FORM.fullmatch(text)
    seconds = int(match[1]) * UNITS_S[match[2]] if match else 0
    if not 0 < seconds <= MOST_S:
        raise DurationError(f"{text[:20]!r}: expected a number and m, h or d (minutes, hours, days), such as 90d")
    return seconds
