"""Every bound of the gateway, each with its reason. Those of the messages stand in `wire.limits`."""

from typing import Final

MIB: Final = 1024 * 1024

# -- ingest
COMMIT_MAX_MESSAGES: Final = 200
"""One fsync for many messages; also the most that one Ack may reject."""

COMMIT_LINGER_S: Final = 0.02
"""How long a commit waits for company after its first message. Two seconds from read to page leave no room for more."""

INTAKE_MAX_MESSAGES: Final = 2_000
INTAKE_MAX_BYTES: Final = 64 * MIB
"""What may wait between the broker and the commit. What does not fit is dropped, counted and sent again by its edge."""

PUBLISH_TIMEOUT_S: Final = 10.0
"""An Ack that the broker does not take in this time is lost; the edge sends again and gets another."""

RECONNECT_FIRST_S: Final = 0.5
RECONNECT_CAP_S: Final = 1.0
"""One gateway is no crowd: it may ask each second, so that live reads are seen as soon as a broker is back."""

QUARANTINE_MAX_ROWS: Final = 10_000
"""Per table, newest kept: at most 2.6 GB of the largest bodies, so a broken or hostile edge cannot fill the disk."""

QUARANTINE_PAYLOAD_MAX_BYTES: Final = 256 * 1024 + 40
"""The largest good message; of a longer one the beginning is kept."""

STATE_MAX_BYTES: Final = 1 * MIB
"""A thousand devices with their last errors."""

QUARANTINE_PRUNE_EVERY: Final = 500
"""Rows between two looks at the table's size."""

QUARANTINE_REASON_MAX_CHARS: Final = 500
TOPIC_KEPT_MAX_CHARS: Final = 256
"""A topic is not ours to bound when it is wrong; this much of it is kept."""

# -- fold
FOLD_MAX_ENTRIES: Final = 100
"""Entries of one fold commit: with windows of a second it catches up a minute and a half of one edge at once."""

FOLD_BUDGET_S: Final = 0.2
"""A fold commit is made after this much folding even if there is more: outputs stay fresh while it catches up."""

FOLD_POLL_S: Final = 0.2
TICK_S: Final = 1.0
"""Time passes in a site's log once a second."""

LEASE_TTL_S: Final = 3.0
LEASE_RENEW_S: Final = 1.0
"""Two renewals may fail before another process takes over."""

CHECKPOINT_ENTRIES: Final = 2_000
CHECKPOINT_S: Final = 300.0
"""A restart folds at most this much silently: seconds, not minutes."""

CHECKPOINTS_KEPT: Final = 2
"""The newest, and the one before it in case the newest cannot be read."""

PRUNE_MAX_ROWS: Final = 5_000
"""Rows deleted in one transaction: nobody waits long for the lock."""

SITE_MAX_ITEMS: Final = 2_000_000
"""Ten times the largest shop that we know of. Phantom EPCs (a lucky CRC) must not grow the memory without end."""

EPC_CACHE_MAX: Final = 500_000
"""Decoded EPCs remembered per site, foreign ones too; emptied when full."""

FOLD_DEAD_S: Final = 60.0
"""A site whose time stands still for this long is looked at by nobody: a takeover takes seconds, a restart less than
this."""

STOP_DRAIN_S: Final = 5.0
"""A stop still folds what is logged, for this long at most; the rest waits safely for the next start."""

RETRY_FIRST_S: Final = 0.5
RETRY_CAP_S: Final = 30.0
"""A site whose fold failed is loaded again after this long, doubling."""

SOLD_GRACE_S: Final = 3_600
"""Edges read a sold item for so long after its sale. The presence engine follows it for ten minutes
(`gateway.presence.witness.SALE_KEPT_US`) and has it leave after 25 s of silence; it looks for the item of a sale by SKU
for half an hour. An hour covers all of it."""

# -- changes
CHANGE_MOVES_MAX: Final = 50
"""Moves named in one stock event; more are counted in `moves_left_out`. Keeps an event below 16 KB."""

RELAY_MAX_ROWS: Final = 1_000
RELAY_POLL_S: Final = 0.2
CHANGES_KEPT: Final = 1_000_000
"""Rows behind the newest: days of a busy chain. A cursor older than that must begin with a snapshot."""

# -- read side
PAGE_MAX_ROWS: Final = 1_000
"""Rows of one answer: about 300 KB of JSON."""
