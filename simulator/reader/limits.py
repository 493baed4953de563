"""Every bound of the simulated reader, with its reason."""

from __future__ import annotations

from typing import Final

MAX_TAGS_PER_REPORT: Final = 1_000
"""A report of "all tags at the end of the ROSpec" is cut into messages of about 60 KB: a client that shares
bandwidth with others can still answer keepalives between them."""

MAX_HELD_EVENTS: Final = 256
"""Events that wait for a client. A flapping antenna must not fill the memory; the oldest go first."""

FILL_WARNING_PERCENT: Final = 80
"""Where ReportBufferLevelWarningEvent is sent: one minute is left at 200 tags a second on 66,000 tags."""

MAX_HEARD: Final = 1_000
"""Names of received messages that tests can look at."""

WRITE_HIGH_BYTES: Final = 256 * 1024
"""A client that does not read fills this much of our memory; then reports stay in the reader's own buffer, as in
a real one whose TCP window is closed."""

UNANSWERED_KEEPALIVES_MAX: Final = 65_535
"""ImpinjLinkMonitorConfiguration counts in u16; more is the same."""

EVENTS_PER_TICK_MAX: Final = 10_000
"""Trigger firings that one call to `tick` works through: a loop of 1 ms AISpecs, looked at again after ten
seconds. Whatever is left fires at the next call."""

MAX_COMMAND_BYTES: Final = 1024 * 1024
"""Longest message that a client may send. A ROSpec of 32 AISpecs with 32 antennas each stays below 100 KB."""

MAX_DESCRIPTION_CHARS: Final = 500
"""Of an ErrorDescription: it may quote a client's values, and those can be long."""
