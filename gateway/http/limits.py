"""Every bound of the HTTP side, each with its reason."""

from dataclasses import dataclass
from typing import Final

MOVEMENTS_DEFAULT: Final = 50
MOVEMENTS_MAX: Final = 500
"""A page of a few hundred rows stays below 100 KB; more is a matter of paging."""

BATCH_MAX_PAIRS: Final = 1_000
BATCH_MAX_BYTES: Final = 256 * 1024
"""Rows of one batch: about 400 KB of answer, some tens of milliseconds."""

SNAPSHOT_DEFAULT: Final = 500
SNAPSHOT_MAX: Final = 1_000
"""Rows of one page of a snapshot: 400 KB."""

EVIDENCE_MAX_BYTES: Final = 4 * 1024 * 1024
"""Twenty thousand items as Digital Links of some 150 characters."""

BOOK_MAX_ROWS: Final = 10_000
BOOK_MAX_BYTES: Final = 2 * 1024 * 1024
"""Totals in one call: a larger feed comes in several. Some 90 bytes each."""

BOOK_MAX_UNITS: Final = 1_000_000
"""More units of one size in one site is a typing mistake."""

APPROVAL_MAX_BYTES: Final = 1024 * 1024

DIFFERENCES_DEFAULT: Final = 100
DIFFERENCES_MAX: Final = 500
"""SKUs in one page of differences; each names fifty items at most."""

SERIES_DEFAULT_S: Final = 3_600
SERIES_MAX_S: Final = 24 * 3_600
"""A day of minutes for each figure: about 80 KB each."""

CHANGES_MAX: Final = 1_000
"""Rows of one long poll answer: 600 KB at most."""

CHANGES_DEFAULT: Final = 500

POLL_WAIT_MAX_S: Final = 30.0
"""Shorter than the idle timeouts of proxies (60 s at nginx's defaults)."""

HEAD_MAX_BYTES: Final = 32 * 1024
"""Request line and headers. The parser has no bound of its own: a client could send headers for ever."""

HEAD_S: Final = 20.0
"""From connecting, or the first byte after an answer, to the end of the head. Who sends a byte now and then holds one
of the connections (CWE-400, "Slowloris"); a phone at the edge of a cell needs seconds."""

BODY_S: Final = 120.0
"""From the head to the end of the body: the largest, 4 MB, over a line of 300 kbit/s."""

SLOW_CHECK_S: Final = 5.0
"""How often a connection is looked at for the two above: one timer for each, and none for each request."""

UNREAD_MS: Final = 30_000
"""A client that takes nothing of an answer for so long is cut by the kernel (RFC 5482, TCP_USER_TIMEOUT)."""

CONNECTIONS_MAX: Final = 1_024
"""The usual soft limit of open files for a process; above it accept() fails for everybody."""

SHUTDOWN_ABORT_S: Final = 0.4
"""A connection that has not ended so long after the shutdown began is cut: the process ends within a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """Bounds of the change stream; a test makes them small."""

    ring_rows: int = 4_096
    """Newest changes kept for all streams: 4 MB, minutes of a chain. Their renderings: `gateway.push.limits`."""

    page_rows: int = 500
    """Rows read from the database at once by a stream that is further behind than the ring."""

    chunk_bytes: int = 64 * 1024
    """One write. The transport holds at most one chunk above its own high-water mark of 64 KiB."""

    streams: int = 256
    """256 streams of at most 128 KiB each: 32 MiB."""

    heartbeat_s: float = 15.0
    """Below the idle timeouts of proxies and of mobile networks (30 s and more)."""

    write_s: float = 10.0
    """A client that takes nothing for so long is cut off; it resumes by its cursor."""

    retry_ms: int = 1_000
    """What a browser waits before it connects again."""

    poll_error_s: float = 1.0
    """Pause after a failed read of the database before the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """Above these the gateway calls itself degraded."""

    lag_ms: int = 5_000
    """The promise is two seconds from the read to the answer; five are no longer a hiccup."""

    waiting_rows: int = 1_000
    """The relay numbers thousands of rows a second: so many waiting means that it stands."""
