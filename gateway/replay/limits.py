"""Every bound of a replay, each with its reason."""

from typing import Final

BLOCK_BYTES: Final = 1 << 20
"""Read at once: some 20,000 rows, 10 MB while they are taken apart."""

LINE_MAX_BYTES: Final = 65_536
"""Far above the longest row; a file without line ends must not fill the memory."""

OUT_OF_ORDER_S: Final = 60
"""Rows may be so much older than the newest before them: readers that report late, files joined side by side."""

HELD_MAX_READS: Final = 4_000_000
"""Reads waiting for older ones: 60 s of 60,000 reads a second, about 100 MB. Beyond it the oldest second goes on."""

GAP_MAX_S: Final = 86_400
"""A time that lies further than a day from all others before it is a slip of a digit, not a time; and every second
in between would be played."""

TIME_MAX_S: Final = 4_000_000_000
"""126 years: a float of 64 bits still tells microseconds there. ISO times may be that far from 1970."""

BAD_ROWS_SHOWN: Final = 5
"""The first ones tell what is wrong with the file; all are counted."""

UNKNOWN_ANTENNAS_KEPT: Final = 1_000
"""Different (reader, antenna) that are counted by name; a file of noise may hold any number of them."""

UNKNOWN_ANTENNAS_SHOWN: Final = 10

EVENTS_MAX_ROWS: Final = 1_000_000
"""Sales and receipts of a large shop in a year; they are held in memory."""
