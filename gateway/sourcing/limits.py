"""The bounds of sourcing, each with its reason; those of the search stand beside it (`gateway.sourcing.search`)."""

from typing import Final

LINES_MAX: Final = 50
"""Lines of one order that sites are chosen for: the largest basket that we know of has some sixty, most have three."""

SITES_MAX: Final = 1_000
"""Sites that one quote looks at: the nearest. A larger chain has a thousand within a day's drive of any buyer."""

ROWS_MAX: Final = 10_000
"""Rows of stock that one quote reads: some thirty milliseconds. Orders with more than ten lines look at fewer sites."""

NAMED_MAX: Final = 300
"""Sites that stand by name in the query of the rows; for more of them the rows of all sites are read."""

REFRESH_S: Final = 2.0
"""How old what is known of the sites may be before it is read again, beside the quotes that go on with it."""

STALE_S: Final = 10.0
"""How old it may be at most: a quote waits then."""

QUOTES_AT_ONCE: Final = 2
"""Quotes of one process that run at a time: they are work for the processor, and other answers wait for it."""

QUOTES_WAITING_MAX: Final = 64
"""Quotes that wait for their turn: two seconds of work."""

ATTEMPTS: Final = 4
"""How often an order looks for other sites, when units that a quote saw were taken meanwhile."""

BODY_MAX_BYTES: Final = 64 * 1024
"""As a reservation's: fifty lines are 5 KB, a thousand sites by name as many as a plan never has."""

RULES_MAX_BYTES: Final = 256 * 1024
"""A file of rules: a thousand sites with ids of 64 characters are 80 KB."""
