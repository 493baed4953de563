"""Every bound of the time series, each with its reason."""

from typing import Final

MIB: Final = 1024 * 1024

# -- looking
CHUNK_POINTS: Final = 250
"""Points of one transaction: SQLite has one writer, and a batch of reads must not wait for it longer than a few
hundredths of a second."""

STOCK_EVERY_S: Final = 2.0
LIVE_EVERY_S: Final = 10.0
MINUTE_S: Final = 60.0
RESTATE_S: Final = 300.0
HOURLY_S: Final = 3_600.0
DAY_S: Final = 86_400.0
"""How often the looks are taken; `wire.measurement.Cadence` promises them to the boards."""

POLL_S: Final = 0.5
"""How often it is asked whether a look is due."""

SKUS_AT_ONCE: Final = 100
"""SKUs that a look at stock makes points of before others have their turn: a few milliseconds."""

CHANGES_AT_ONCE: Final = 1_000
"""Relayed changes that one look at stock takes; the next takes the others."""

LEDGER_ROWS_AT_ONCE: Final = 5_000
"""Movements or postings of one look: an hour of a busy store. After a long stop the following looks take the others."""

EVENTS_AT_ONCE: Final = 100
"""Events of one look: nobody reads more annotations."""

GAPS_RUNS_MAX: Final = 500
"""Size gaps of a site that are written one by one, the worst first."""

DIFFERENCES_MAX: Final = 20_000
"""SKUs of a site that are looked through for differences, once an hour."""

SILENT_S: Final = 100.0
"""An edge says how it is every 30 s: one that did not three times is silent, whatever its broker thinks."""

SETTLE_S: Final = 3.0
"""Rows get their number before they are committed: those of the last seconds are left to the next look, so that none
is passed over. No transaction of ours takes that long."""

SERIES_CACHE: Final = 200_000
"""Series whose checked tags are remembered by one process, 500 bytes each; all are made anew beyond it."""

HOLD_LOOK_BACK_S: Final = 100 * 24 * 3_600
"""Holds made longer ago are forgotten (`gateway.holds`)."""

# -- embedded store
BUCKET_S: Final = 300
RETENTION_DAYS: Final = 90
PRUNE_EVERY_S: Final = 60.0
PRUNE_ROWS: Final = 2_000
"""Rows that one transaction forgets: nobody waits long for the lock."""

NAMES_MAX: Final = 500_000
"""Series that the embedded store holds: about 200 MB of names. One more is left out and counted."""

HISTORY_MAX_ROWS: Final = 20_000
"""Buckets of one answer: ten weeks of one series, or a day of seventy."""

# -- points for a server
BATCH_POINTS: Final = 5_000
"""Points of one request to the server, as its makers advise."""

OUTBOX_MAX_BYTES: Final = 512 * MIB
"""Points that may wait, as they are stored (packed, about 15 bytes each): some weeks of a store, a day of a chain.
Then the oldest go, counted."""

SEND_TIMEOUT_S: Final = 10.0
RETRY_FIRST_S: Final = 0.5
RETRY_CAP_S: Final = 30.0
RETRY_AFTER_MAX_S: Final = 300.0
"""A server may ask for a pause (Retry-After); not for a day."""

REQUESTS_PER_BATCH: Final = 200
"""Requests that may be spent on finding the bad lines of one batch: a dozen of them. What is left then is refused
whole, and counted."""

SHOWN_CHARS: Final = 300
"""Of a line that was refused, and of the server's words about it."""

# -- requests
ROUTES_MAX: Final = 1_000
"""Routes, methods and classes of status that are told apart; what would be more is one row called `other`."""
