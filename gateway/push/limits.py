"""Every bound of what is pushed, each with its reason."""

from typing import Final

# -- rendering
RENDERED_MAX: Final = 8_192
"""Renderings held: two policies over the whole ring of the change stream, some 10 MB."""

# -- thresholds
THRESHOLDS_MAX: Final = 8
THRESHOLD_MAX: Final = 1_000
"""More than so much of one size at one site is never promised (`gateway.promise.PROMISED_MAX`)."""

THRESHOLD_SKUS_MAX: Final = 10_000
"""SKUs that one subscriber is remembered for: some 3 MB. Of those beyond it gets more events, never fewer."""

# -- webhooks
WEBHOOKS_MAX: Final = 100
"""Addresses of one gateway: each has a task, a connection and a place in the feed of its own."""

WEBHOOKS_OF_CHANNEL_MAX: Final = 20

WEBHOOK_BODY_MAX_BYTES: Final = 256 * 1024
"""A thousand sites by name, and an address."""

WEBHOOK_SITES_MAX: Final = 1_000
URL_MAX_CHARS: Final = 2_048
"""What servers and browsers agree on."""

SECRET_BYTES: Final = 32
"""Standard Webhooks asks for 24 to 64 random bytes."""

PAGE_EVENTS: Final = 20
"""Events between two commits of an address's cursor: so many may come twice after a crash."""

CURSOR_WRITE_S: Final = 5.0
"""Between two writes of a cursor that only passed over what is not for its address."""

SCAN_EVENTS: Final = 500
"""Changes read at once; those of other sites and below the thresholds are passed over."""

DELIVERIES_AT_ONCE: Final = 32
"""POSTs under way in the delivering process."""

RESOLVERS: Final = 4
"""Threads that ask for names: a slow name server must not stop the others for long."""

ANSWER_S: Final = 20.0
"""For name, connection, request and answer together. Standard Webhooks: 15 to 30 s."""

CONNECT_S: Final = 5.0
TRIED_ADDRESSES_MAX: Final = 3
"""Of a name with several: one of them may not be reachable from here (IPv6, often)."""

ANSWER_MAX_BYTES: Final = 64 * 1024
"""Of an answer's body, which says nothing to us; a connection with more to come is closed."""

RETRY_FIRST_S: Final = 5.0
RETRY_CAP_S: Final = 3_600.0
"""A delay is drawn from 0 to 5 s x 2^n, at most an hour: some 75 tries in three days after the first ten minutes."""

RETRY_AFTER_CAP_S: Final = 6 * 3_600.0
"""An address may ask for patience up to this long."""

GIVE_UP_S: Final = 3 * 86_400.0
"""An address that took nothing for so long is stopped: a weekend, and then somebody looks."""

REFUSED_TRIES: Final = 4
"""Tries of one event that is answered with 4xx, some 20 s; then it becomes a dead letter and the next one goes."""

REFUSED_IN_A_ROW_MAX: Final = 100
"""Dead letters without a success in between: then the address is wrong, not the events, and it is stopped."""

DEAD_LETTERS_MAX: Final = 1_000
"""Kept of one address, the newest; below 16 KB each."""

DEAD_LETTERS_PAGE: Final = 100
DEAD_LETTERS_PAGE_MAX: Final = 500

ERROR_MAX_CHARS: Final = 300
POLL_S: Final = 1.0
"""How soon a new, resumed or removed address is noticed, and how long one wait for news may take."""

# -- retained topics
RETAINED_PAGE_ROWS: Final = 200
IN_FLIGHT: Final = 8
"""Publications that wait for the broker's PUBACK at once: thousands a second, and Acks to edges find room between."""

RETAINED_RETRY_S: Final = 1.0
RETAINED_RETRY_CAP_S: Final = 30.0
REPUBLISH_MIN_S: Final = 30.0
"""Between two full publications: a connection that comes and goes must not become a load."""

# -- feeds
FEED_PAGE_ROWS: Final = 1_000
FEEDS_AT_ONCE: Final = 4
"""Answers under way: each reads the whole stock."""

FEED_MAX_S: Final = 600.0
"""A client that takes longer for a file is cut off: it holds a place of the few."""
