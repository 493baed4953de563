"""What becomes of an address after a try: the state machine of a webhook. Pure: outcome, clock and chance come in.

```
            2xx                          failure                      failing for GIVE_UP_S, 410,
    live  <------>  live       live  --------------->  failing  ----------------------------------->  stopped
                               live  <---------------  failing       100 dead letters in a row           |
                                           2xx                                                           |
    live  <---------------------------------- resume by its owner ---------------------------------------+
```

Events go in order, one at a time: while one is tried the next ones wait, so that nothing is skipped by accident.

* **taken** (2xx): the cursor moves on; all is well.
* **failed** (no answer, 3xx, 5xx, 408, 425, 429, an address that may not be sent to): tried again after a random time
  between 0 and 5 s x 2^n, an hour at most (exponential backoff with full jitter), or later where the answer's
  Retry-After asks for it. After three days without a success the address is stopped.
* **refused** (any other 4xx): the address has understood and does not want *this* event. After four tries it becomes a
  dead letter, and the next one goes. A hundred of them without a success in between: the address is wrong, and stopped.
* **gone** (410): stopped at once.

`failing_since_us` stands from the first trouble until the next success, also over dead letters.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.push.limits import (
    ERROR_MAX_CHARS,
    GIVE_UP_S,
    REFUSED_IN_A_ROW_MAX,
    REFUSED_TRIES,
    RETRY_AFTER_CAP_S,
    RETRY_CAP_S,
    RETRY_FIRST_S,
)

GONE: Final = 410
_TRY_AGAIN: Final = frozenset({408, 425, 429})
_US: Final = 1_000_000
_DOUBLINGS_MAX: Final = 20


class State(StrEnum):
    """How an address does."""

    LIVE = "live"
    FAILING = "failing"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an address stands. `cursor` is the newest event that is settled, `attempts` counts those of the next."""

    state: State
    cursor: int
    attempts: int = 0
    failing_since_us: int | None = None
    next_try_us: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to: the status of the answer, or None and why there was none."""

    status: int | None
    error: str = ""
    retry_after_s: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the address has the event."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the address does not want the event."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in {*_TRY_AGAIN, GONE}

    def __str__(self) -> str:
        return (self.error or f"answered {self.status}")[:ERROR_MAX_CHARS]


def backoff_s(attempts: int, chance: float) -> float:
    """Return the delay after `attempts` failures in a row; `chance` is drawn from [0, 1)."""
    ceiling = RETRY_FIRST_S * 2.0 ** min(attempts - 1, _DOUBLINGS_MAX)
    return chance * min(ceiling, RETRY_CAP_S)


def after(
    progress: Progress, seq: int, outcome: Outcome, now_us: int, *, chance: float, dead_in_a_row: int = 0
) -> tuple[Progress, bool]:
    """Return where the address stands after a try of event `seq`, and whether the event is a dead letter now.

    `dead_in_a_row`: dead letters since the last success, without this one.
    """
    if outcome.taken:
        return Progress(State.LIVE, seq), False
    since_us = progress.failing_since_us if progress.failing_since_us is not None else now_us
    troubled = replace(progress, state=State.FAILING, failing_since_us=since_us, last_error=str(outcome))
    attempts = progress.attempts + 1
    if outcome.status == GONE:
        return _stopped(replace(troubled, attempts=attempts), "answered 410: it wants no more"), False
    if outcome.refused and attempts >= REFUSED_TRIES:
        passed = replace(troubled, cursor=seq, attempts=0, next_try_us=0)
        if dead_in_a_row + 1 >= REFUSED_IN_A_ROW_MAX:
            why = f"{dead_in_a_row + 1} events in a row were refused, the last one: {outcome}"
            return _stopped(passed, why), True
        return passed, True
    if now_us - since_us >= GIVE_UP_S * _US:
        return _stopped(replace(troubled, attempts=attempts), f"nothing taken for three days: {outcome}"), False
    wait_s = backoff_s(attempts, chance)
    if outcome.retry_after_s is not None:
        wait_s = max(wait_s, min(outcome.retry_after_s, RETRY_AFTER_CAP_S))
    return replace(troubled, attempts=attempts, next_try_us=now_us + round(wait_s * _US)), False


def stopped(progress: Progress, why: str) -> Progress:
    """Return an address that is stopped for another reason than an answer: its key is gone, its events are."""
    return _stopped(progress, why)


def resumed(cursor: int) -> Progress:
    """Return an address that begins again after `cursor`."""
    return Progress(State.LIVE, cursor)


def _stopped(progress: Progress, why: str) -> Progress:
    return replace(progress, state=State.STOPPED, next_try_us=0, last_error=why[:ERROR_MAX_CHARS])
