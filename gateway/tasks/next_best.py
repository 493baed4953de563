"""Units that a site turned out not to have, asked for at the next best one: a port, and what it is asked.

Sourcing fills it: it knows where else they are. Other sites hold the units first, unconfirmed; then they are handed on
from one reservation to the others in one transaction (`gateway.holds.hand_on`). Whatever is cut short in between
leaves a true picture: the line needs a substitution, and the hold elsewhere ends by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.holds.rows import Held


@dataclass(frozen=True, slots=True)
class Lacking:
    """Units that a reservation lacks at a site: `lines` are (GTIN, units), each GTIN once.

    `key`: whose reservation it is (the new ones are to be its, too); `version`: of the reservation, tells one lack from
    the next; `turn`, one attempt from the next, where the reservation stays as it is in between.
    """

    reservation: str
    key: str
    mode: str
    site: str
    lines: tuple[tuple[str, int], ...]
    version: int
    turn: int = 0


class NextBest(Protocol):
    """Holds units where they are to be had."""

    async def hold(self, lacking: Lacking) -> Sequence[str]:
        """Hold exactly these units at other sites; return the new reservations, none when they are not to be had.

        They are neither confirmed nor over when this returns. Raises nothing but `BusyError`: that nobody has the units
        is an answer.
        """
        ...


def lacking_of(held: Held, site: str, *, turn: int = 0) -> Lacking | None:
    """Return what a reservation lacks at a site, None when it lacks nothing."""
    lines = tuple(
        (line.key.gtin, line.substitution_needed)
        for line in held.lines
        if line.key.site == site and line.substitution_needed
    )
    return Lacking(held.id, held.key, held.mode, site, lines, held.version, turn) if lines else None
