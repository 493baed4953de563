"""The bounds of reservations, each with its reason."""

from typing import Final

LINES_MAX: Final = 100
"""Lines of one reservation: the largest basket that we know of has some sixty."""

UNITS_MAX: Final = 1_000
"""Units of one reservation, over all its lines. No cart is larger; a wholesaler's order is several."""

TTL_MAX_S: Final = 24 * 3_600
"""How long an unpaid hold may last at most: a day. Whoever needs longer renews it, and is seen to."""

COLLECT_S: Final = 3 * 24 * 3_600
"""How long a pickup is kept for its buyer when nothing else is said: three days, over a weekend."""

COLLECT_MAX_S: Final = 30 * 24 * 3_600

REF_MAX_CHARS: Final = 128
"""As the column that keeps references."""

BODY_MAX_BYTES: Final = 64 * 1024
"""A hundred lines of some 100 bytes are 10 KB."""

IDEMPOTENCY_KEY_MAX_CHARS: Final = 255
"""As the column; a UUID has 36."""

BATCH_MAX: Final = 64
"""Requests decided in one transaction: their rows stay a handful of statements, their locks a few milliseconds."""

LINGER_S: Final = 0.001
"""How long the first request waits for company when nothing runs. While a transaction runs company comes by itself."""

QUEUE_MAX: Final = 2_048
"""Requests of this process that wait for a decision: two seconds at a thousand a second. More are told to come back."""

ATTEMPTS: Final = 4
"""How often a batch is tried: together, once more together, then each request alone, twice."""

VERBS_AT_ONCE: Final = 4
"""Transactions of one process that change single reservations at a time: below the connections of its pool."""

VERBS_WAITING_MAX: Final = 512
"""Requests that wait for one of them: a second or two of work."""

ALTERNATIVES_MAX: Final = 10
"""Sites named beside a refusal."""

ALTERNATIVE_SITES_MAX: Final = 1_000
"""Sites looked at for them: those with the most units."""

KNOWN_MAX: Final = 100_000
"""SKUs at sites remembered to have a row of stock: 10 MB. Emptied when full."""

COUNT_S: Final = 1.0
"""For how long a count of a key's open holds is good enough to let another through; a refusal always counts anew."""

COUNTED_KEYS_MAX: Final = 10_000

SWEEP_EVERY_S: Final = 0.25
"""An expiry is committed within a second: four looks leave room for a slow one."""

SWEEP_MAX: Final = 100
"""Reservations that one transaction of the sweeper ends: nobody waits long for its locks."""

KEPT_S: Final = 90 * 24 * 3_600
"""How long a reservation that is over is kept, counted from when it was made: a quarter, in which a repeat still gets
its answer and a complaint its history. What was sold stays in the ledger."""

PRUNE_EVERY_S: Final = 60.0
PRUNE_MAX: Final = 500
"""Rows forgotten in one transaction: 8 a second, more than a busy chain makes on average."""

RETRY_AFTER_S: Final = 1
"""What a client is told to wait when the queue is full."""
