"""Sold items that the engine chose, until it is sure that they have left. Pure.

A guess waits until its grace is over, because until then a wrong one is read again and mends itself. If its item is
still inside after that, it waits on.
"""

from collections.abc import Iterable

from gateway.sold.limits import GUESS_AGAIN_US, GUESSES_MAX
from gateway.sold.reading import ItemName, Sold


class Guesses:
    """Guesses of the sites that a process looks after. Times are UTC microseconds."""

    def __init__(self, grace_us: int) -> None:
        self._grace_us = grace_us
        self._due_us: dict[ItemName, int] = {}
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._due_us)

    def put(self, sold: Sold) -> None:
        """Let a guess wait until its grace is over."""
        self._due_us.pop(sold.name, None)  # newest last
        self._due_us[sold.name] = sold.learnt_us + self._grace_us
        if len(self._due_us) > GUESSES_MAX:
            del self._due_us[next(iter(self._due_us))]
            self.forgotten += 1

    def drop(self, names: Iterable[ItemName]) -> None:
        """Items that are not sold any more, or that edges were told of."""
        for name in names:
            self._due_us.pop(name, None)

    def due(self, now_us: int) -> list[ItemName]:
        """Return those whose grace is over; they are due again after `GUESS_AGAIN_US`."""
        due = [name for name, due_us in self._due_us.items() if due_us <= now_us]
        self._due_us |= dict.fromkeys(due, now_us + GUESS_AGAIN_US)
        return due
