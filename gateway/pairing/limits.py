"""Every bound of pairing, each with its reason."""

from typing import Final

CODE_S: Final = 300
"""How long a code is good: the walk from the office to the till."""

OPEN_MAX: Final = 5
"""Open codes of one site: each is one more that a guess may hit."""

WRONG_MAX: Final = 10
"""Wrong codes at one site before its open codes are void. Ten of 2^40 against five codes: one chance in 2 * 10^10."""

KEPT_S: Final = 86_400
"""Codes that are over are kept for a day, for whoever asks why one did not work; the audit has them for good."""

NAME_CHARS: Final = 64
"""`till 3`, `tablet of the shoe department`."""

ADDRESS_PER_MIN: Final = 5
SITE_PER_MIN: Final = 20
ALL_PER_MIN: Final = 120
"""Tries of one address, at one site, and of everybody: a try costs a slow hash, some 50 ms and 16 MB."""

BUCKETS_MAX: Final = 10_000
"""Addresses and sites that are counted, some 200 bytes each; above it the longest unused is forgotten."""

BODY_MAX_BYTES: Final = 1_024

SCREENS_PAGE: Final = 500
"""Screens in one answer, the newest first: more than stand in any store; a chain asks site by site."""

USED_EVERY_S: Final = 60.0
"""How often it is written down which screens asked: the time of last use is exact to a minute, without a write for
each request."""
