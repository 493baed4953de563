"""The bounds of tasks, each with its reason."""

from typing import Final

CLAIM_S: Final = 15 * 60
"""How long a task stays with who took it: longer than one walk through a store, shorter than a lunch break."""

LIST_DEFAULT: Final = 200
LIST_MAX: Final = 500
"""Tasks in one answer, and on one stream: 400 KB. Nobody reads further; the most urgent ones come first."""

LIVE_MAX: Final = 2_000
"""Tasks of a site that are put in order for a list: those that are due first. More than a day's work of a store."""

SERIALS_MAX: Final = 1_000
"""Items that one task names, as many as a reservation has units."""

BODY_MAX_BYTES: Final = 64 * 1024
"""A thousand items as plain EPCs; Digital Links of a few hundred."""

PUT_BACK_S: Final = 60 * 60
"""Goods that lie where nobody expects them are back within an hour."""

ACTS_AT_ONCE: Final = 4
"""Transactions of one process that change single tasks at a time: below the connections of its pool."""

ACTS_WAITING_MAX: Final = 512
"""Acts that wait for one of them: a second or two of work."""

SWEEP_EVERY_S: Final = 0.5
"""A claim's lapse, a no-show and an item that came back are committed within a second or so."""

SWEEP_MAX: Final = 100
"""Rows that one look of the sweeper takes."""

KEPT_S: Final = 90 * 24 * 3_600
"""How long a task that is over is kept: as long as a reservation."""

PRUNE_EVERY_S: Final = 60.0
PRUNE_MAX: Final = 500

FADE_EVERY_S: Final = 5.0
"""How often faded holds are looked for: as often as probabilities are published."""

FADE_SETTLE_S: Final = 60
"""How long an item must be faded before its order goes elsewhere or a person is told: longer than one shopper needs to
take it from the rail, look at it and put it back."""

FADE_MAX: Final = 500
"""Faded items that one sweep looks at, the least sure first; as many alarms as a site may have of one kind."""

FADE_MOVES_MAX: Final = 20
"""Orders that one sweep has served elsewhere: each is a quote and two transactions, half a second of work in all."""

TURN_S: Final = 60
"""Attempts at one lack within this time are one to the next site: the hold that the first made, whichever gateway it
was, is taken by all. It lasts no shorter."""

UNSERVED_EVERY_S: Final = 1.0
"""How often lines that nobody serves are looked for: what a till sold is another site's work in a second or two."""

UNSERVED_MAX: Final = 1_000
"""Lines that one look takes, those of the newest orders first: the others were asked about already, often enough."""

UNSERVED_ASKS_MAX: Final = 20
"""Orders that one look asks about: as for faded holds, half a second of work in all."""

UNSERVED_AGAIN_S: Final = (60, 5 * 60, 15 * 60, 60 * 60)
"""After how long an order that nobody could serve is asked about again, the last for ever: goods come with a delivery
or a return, so soon at first, then once in an hour."""

POLL_S: Final = 1.0
"""How often the boards look for what other processes committed: one query for all sites that are watched."""

RENEW_S: Final = 15.0
"""How often a watched board is read as a whole: items move, and tasks come due, without a change of any task's row."""

STREAMS_MAX: Final = 256
"""Streams of tasks of one process: a board of 400 KB each at most, in the socket's buffers 128 KB."""
