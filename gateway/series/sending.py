"""What becomes of a batch that was sent: it is there, it waits, it is smaller next time, or it is refused. Pure.

* Accepted (204): forgotten here. No other success is one: a page of somebody else answers 200.
* *Later*: nobody answered, the server is overloaded (429), is not well (5xx), or does not let us in (401, 403, 404). It
  is tried again after a pause that doubles, with jitter, or as long as the server asks. Nothing is lost: keys and
  buckets are mended by people. So is a 400 that says nothing of lines.
* *Too large* (413): sent in halves.
* *Bad lines* (400, 422): InfluxDB takes the good lines of such a batch and refuses the others, or refuses all of it,
  and says of one line what is wrong. Both halves are sent again (a line that was taken is the same point again), and so
  on, until the bad lines stand alone: they are counted, shown in the log, and given up.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.series.limits import RETRY_AFTER_MAX_S, RETRY_CAP_S, RETRY_FIRST_S

_TAKEN: Final = 204
_TOO_LARGE: Final = 413
_BAD: Final = frozenset({400, 422})

_OF_LINES: Final = re.compile(
    r"partial write|unable to parse|line protocol|field type conflict|retention|max-values|max-series|parse error|"
    r"time outside range|invalid (field|tag|number|timestamp)",
    re.IGNORECASE,
)
"""How InfluxDB 1.x, 2.x and 3 say that lines are bad, and not the request."""


class Verdict(StrEnum):
    """What an answer means."""

    TAKEN = "taken"
    LATER = "later"
    SPLIT = "split"
    REFUSED = "refused"


class Answer(NamedTuple):
    """What the server said: `status` 0 when nobody answered; `retry_after_s` None when it asked for no pause."""

    status: int
    text: str = ""
    retry_after_s: float | None = None


def verdict_of(answer: Answer, lines: int) -> Verdict:
    """Return what an answer means for a request of so many lines."""
    if answer.status == _TAKEN:
        return Verdict.TAKEN
    if answer.status == _TOO_LARGE or (answer.status in _BAD and _OF_LINES.search(answer.text)):
        return Verdict.SPLIT if lines > 1 else Verdict.REFUSED
    return Verdict.LATER


def pause_s(failures: int, answer: Answer, chance: float) -> float:
    """Return how long to wait after `failures` (1 or more) in a row; `chance` from [0, 1) is the jitter."""
    if answer.retry_after_s is not None and answer.retry_after_s >= 0:
        return min(answer.retry_after_s, RETRY_AFTER_MAX_S) + chance * RETRY_FIRST_S
    longest = min(RETRY_CAP_S, RETRY_FIRST_S * float(2 ** min(failures - 1, 16)))
    return longest / 2 + chance * longest / 2
