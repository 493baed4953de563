"""Events that are missing, told from their numbers (Zebra's `eventNum`). Pure.

The reader numbers its tag events in one run without holes; the run goes on over stop and start and begins anew with a
boot. A number that leaps ahead means that the events between were lost on the way: in the reader, at the broker, or
while we were not connected. A number that is not ahead is either a new run or a repeat (QoS 1 may send twice): neither
is a loss, and what follows is measured from it. So a new run whose first events are lost goes unnoticed; a loss that
did not happen is never told.
"""

from __future__ import annotations


class EventNumbers:
    """The numbers of one reader's tag events."""

    def __init__(self) -> None:
        self._last: int | None = None

    def missing_before(self, number: int) -> int:
        """Take the next event's number; return how many are missing before it."""
        last, self._last = self._last, number
        return number - last - 1 if last is not None and number > last + 1 else 0
