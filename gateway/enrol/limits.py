"""Every bound of identity, each with its reason."""

from typing import Final

DAY_S: Final = 86_400

CODE_S: Final = 900
"""How long a code is good: the walk, or the call, from the office to the box."""

OPEN_MAX: Final = 200
"""Open codes in all: a roll-out team's quarter of an hour. A new code of an edge ends the one before."""

CODES_KEPT_S: Final = DAY_S
"""Codes that are over are kept for a day: a lost answer is given again, and whoever asks why it failed may look."""

ROOT_DAYS: Final = 7_300
"""The root signs issuing authorities only and lies in a safe; twenty years outlive the hardware that believes it."""

ISSUING_DAYS: Final = 1_825
"""Five years: a certificate never outlives its issuer, so a new issuing authority is due a year before."""

LEAF_DAYS: Final = 365
"""A year: a box that was in a drawer for a season still connects, and a key that leaked is not good for ever."""

CLOCK_BEHIND_S: Final = DAY_S
"""Certificates are good from a day before they were made: a box without a battery wakes up in the past."""

RENEW_PART: Final = 2 / 3
"""A certificate is renewed after two thirds of its life: a third is left for whatever stands in the way."""

EXPIRES_SOON_S: Final = 30 * DAY_S
"""When an alarm says that a certificate ends: a month to act in, before a shop falls silent."""

ADDRESS_PER_MIN: Final = 10
ALL_PER_MIN: Final = 120
"""Tries of one address and of everybody. A try costs a signature and a transaction, some 10 ms; guessing is hopeless
anyway, at 2^100."""

BUCKETS_MAX: Final = 10_000
"""Addresses that are counted, some 200 bytes each; above it the longest unused is forgotten."""

CERTIFICATES_MAX: Final = 100_000
"""Certificates that are good at once, each with a block in the broker's ACL of some 400 bytes: 40 MB, and Mosquitto
looks through all of them at each login. A chain of that size has several brokers."""

LIST_PAGE: Final = 1_000
"""Certificates in one answer of the register, the newest first."""

FILES_EVERY_S: Final = 5.0
"""How often the gateway looks whether the register changed: so long a revoked certificate goes on at the most."""

GOOD_OF_EDGE_MAX: Final = 10
"""Good certificates of one edge: its own, the next one, and those of tries that went wrong; whoever holds a stolen key
gets no more by renewing it."""
