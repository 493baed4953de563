"""Every bound of the LLRP client, with its reason."""

from typing import Final

CONNECT_TIMEOUT_S: Final = 5.0
"""A reader in the same building answers a SYN in milliseconds, or it is not there."""

CALLS_WAITING_MAX: Final = 32
"""Connections that wait in the kernel to be accepted: all readers of a store whose power came back at once."""

ACCEPT_PAUSE_S: Final = 1.0
"""After a connection that could not be accepted: without a free descriptor the next one fails as well."""

STRANGERS_NAMED_MAX: Final = 100
"""Addresses that called and are not expected, each logged once. Behind that somebody scans, and is only counted."""

REQUEST_TIMEOUT_S: Final = 10.0
"""Setting up a ROSpec takes a busy reader up to a few seconds; none takes ten."""

LEAVE_TIMEOUT_S: Final = 1.0
"""For each polite word at the end. A daemon that is told to stop must stop."""

STOP_TIMEOUT_S: Final = 2.0
"""For all of them together: STOP_ROSPEC, DELETE_ROSPEC, CLOSE_CONNECTION."""

WATCHDOG_KEEPALIVES: Final = 2.5
"""Two may be lost to a busy reader; the half keeps the bound below three periods."""

LINK_DOWN_KEEPALIVES: Final = 3
"""Unanswered keepalives after which an Impinj reader drops us: else it keeps a dead client's slot and refuses us."""

SEND_BUFFER_MAX_BYTES: Final = 64 * 1024
"""A reader that floods us with keepalives and never reads the answers must not fill our memory. All that we ever
have to say at once is one ROSpec, below 4 KiB."""

DIFFERENCES_MAX: Final = 10
"""Differences between the asked and the found ROSpec that are named; the first few tell the story."""

DETAIL_MAX_CHARS: Final = 500
"""A reader's own text in an event: four times what any reader was seen to write."""

PLUG_GRACE_US: Final = 2_000_000
"""Reads of the moment in which an antenna was unplugged may still arrive: they do not prove that it works."""

GPI_PORTS_MAX: Final = 32
"""Inputs that are switched on: as many as a site file may name, and no reader has more. A damaged number of them would
make one request of us larger than any reader takes."""
