"""Every bound of the barcode scanners, with its reason."""

from typing import Final

SCAN_MAX_BYTES: Final = 2_000
"""One barcode with prefix and AIM identifier. Labels of goods stay below 300; a message carries 2,000 characters of
a scan. More comes from a stuck key, or from a port that is no scanner's."""

IDLE_S: Final = 0.1
"""A pause that ends a barcode without a suffix: a scanner sends its characters a millisecond apart at 9,600 baud, USB
in bursts some ten apart, and nobody scans ten labels a second."""

INCOMPLETE_S: Final = 1.0
"""A pause after which a barcode whose suffix did not come is complete, or never will be: ten times `IDLE_S`."""

SESSION_IDLE_S: Final = 300.0
"""A count that nobody goes on with for five minutes is over: its person was called away, or forgot to scan the end."""

SESSION_MAX_ITEMS: Final = 50_000
"""Items of one session: one a second for fourteen hours. Beyond it the session ends, and the next begins."""
