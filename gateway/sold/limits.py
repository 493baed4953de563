"""Every bound of telling edges what was sold, each with its reason."""

from typing import Final

ITEMS_MAX: Final = 200_000
"""Items of one list: what an edge keeps. The newest sales are told."""

LATELY_US: Final = 30 * 86_400_000_000
"""Sales of so long ago are told: after that an edge reads the tag again anyway."""

PAGE_ITEMS: Final = 2_000
"""Items of one message: below 200 KB when every character of a serial is percent-encoded, as large as a batch is."""

EDGES_MAX: Final = 10_000
"""Edges that are remembered: topics can name any. Beyond it, the one that is longest in memory is forgotten."""

AGAIN_US: Final = 6 * 3_600_000_000
"""A whole list is told again so often: whatever an edge missed unseen does not stay missed, and what is older than
`LATELY_US` leaves the edge's memory."""

RETRY_US: Final = 5_000_000
"""An edge whose list the broker did not take is tried again after this."""

POLL_S: Final = 1.0
"""How often the postings are looked at when nobody says that there are new ones (the fold's, another process's)."""

POSTINGS_MAX: Final = 5_000
"""Postings of one look; the rest follows in the next."""

LATE_US: Final = 30_000_000
"""PostgreSQL gives a posting its number before its commit: one with a lower number may be seen later than a higher one,
by as long as a transaction lasts. So long the numbers are looked at again."""

GUESSES_MAX: Final = 50_000
"""Items that wait for their grace to end or for being seen to leave; beyond it the oldest, till the next whole list."""

GUESS_AGAIN_US: Final = 60_000_000
"""A guess whose item is still inside when its grace is over is looked at again after this."""
