"""The bounds of alarms, each with its reason."""

from typing import Final

EVIDENCE_MAX_BYTES: Final = 4096
"""Evidence of one alarm: a screenful. Longer lists are cut and say how many are left out."""

EVIDENCE_ITEMS: Final = 20
"""Items that evidence names: nobody walks further before looking again."""

LIVE_MAX: Final = 500
"""Alarms of one kind that a site has at a time: nobody reads further. Those beyond it are counted, not written."""

AGAIN_US: Final = 15 * 60 * 1_000_000
"""How often a cause that goes on is counted again when nothing about it changed: it is alive, and few rows are."""

# -- when a cause is one

GRACE_US: Final = 10 * 60 * 1_000_000
"""A sale that comes so long after its item left is still its sale: tills post late. Then the item left unsold."""

LEFT_US: Final = 7 * 24 * 3_600_000_000
"""Who left longer ago is not looked for any more: the loss stands in the ledger (`left_unsold`), not on a screen."""

MISPLACED_US: Final = 30 * 60 * 1_000_000
"""A shopper's arm, a trolley and a fitting room round are over by then."""

SURE: Final = 0.9
"""Probability of a place from which on an item is said to lie there; below it nobody is sent to look."""

UNREAD_US: Final = 3 * 24 * 3_600_000_000
"""No read for so long is no bad luck: even a tag between others answers within a day of looking."""

LOOKED_US: Final = 4 * 3_600_000_000
"""A zone is judged after it was looked at for so long without a break: after a night without power all are silent."""

READ_SHARE: Final = 0.5
"""Of a zone's tags at least so many were read within `LOOKED_US`: else the zone is badly read, not an item."""

ELSEWHERE_KMH: Final = 150.0
"""Nothing travels between two stores faster than this on the road, doors and parking included."""

ELSEWHERE_MIN_US: Final = 2 * 60 * 1_000_000
"""Between two stores whose places are not known, or that share a street."""

ALTERNATIONS: Final = 3
"""Times that the newest sight of an item went from one site to the other within `ALTERNATE_US`."""

ALTERNATE_US: Final = 3_600_000_000

JUMPS: Final = 6
"""Moves within `JUMP_US` between two zones that nothing connects: an item would have been seen on its way once."""

JUMP_US: Final = 3_600_000_000

TOGETHER_US: Final = 120_000_000
"""Two tags of one piece are placed within two minutes of each other: each is judged by itself."""

TOGETHER_MOVES: Final = 5
TOGETHER_VISITS: Final = 3
TOGETHER_PLACES: Final = 3
"""So many moves side by side, at so many times half an hour apart, over so many places, and never one alone: two pieces
that a shopper carries together part at the till or on the rack."""

VISIT_US: Final = 30 * 60 * 1_000_000

TILL_SILENT_US: Final = 24 * 3_600_000_000
"""Where no sale was told for so long, or ever, a departure says nothing: the till is not connected, or is broken."""

# -- how much is looked at

PASS_S: Final = 15.0
"""How often each site is looked at: an alarm is on a screen within half a minute of being due."""

FULL_PASS_US: Final = 5 * 60 * 1_000_000
"""How often everything about a site is read: what is judged here lasts for half an hour and longer."""

FOUND_MAX: Final = 2_000
"""Rows of one question; those beyond it are counted (`alarms_left_out`)."""

READS_PASS_US: Final = 15 * 60 * 1_000_000
"""How often checkpoints are read for the newest reads: some 100 bytes for each item, of all sites that share items."""

MOVES_PAGE: Final = 2_000
"""Movements read at a time, between which others may read."""

MOVES_BEHIND: Final = 20_000
"""Movements that a process reads when it begins: an hour of a large store. What lies before is not read again."""

PAIRS_MAX: Final = 20_000
"""Pairs of tags and items on the move that are remembered for each site; the oldest are forgotten, and counted."""

KEPT_US: Final = 90 * 24 * 3_600_000_000
"""How long a cleared alarm is kept: as long as a reservation."""

PRUNE_EVERY_US: Final = 60_000_000
PRUNE_MAX: Final = 500
"""Cleared alarms that one transaction forgets."""

# -- what is answered

LIST_DEFAULT: Final = 100
LIST_MAX: Final = 500
"""Alarms in one answer and on one stream: 1 MB at most. Older ones stand on the next page."""

BODY_MAX_BYTES: Final = 8 * 1024
"""A name and a note."""

STREAMS_MAX: Final = 256
"""Streams of alarms of one process."""
