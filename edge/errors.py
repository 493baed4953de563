"""Errors of the edge daemon: each says who must act.

`ConfigError`: a person must mend a file or an option before the daemon can run. `OutboxUnavailable`: the disk is full
or failing now; what was accepted is safe, try again later. `OutboxLocked`: another daemon works on the same outbox.
`OutboxDamaged`: the file is no outbox any more; it is set aside at the next start.
"""


class EdgeError(Exception):
    """Root of everything that the edge raises by itself."""


class ConfigError(EdgeError):
    """An option or a file is wrong; the message says which and what was expected."""


class OutboxError(EdgeError):
    """Root of the outbox's errors."""


class OutboxUnavailable(OutboxError):  # noqa: N818 - says what it is, as the standard library's exceptions do
    """The disk took no rows (full, failing): nothing was accepted, nothing that was accepted before is lost."""


class OutboxLocked(OutboxError):  # noqa: N818 - see above
    """Another process holds this outbox: two daemons would send one stream twice."""


class OutboxDamaged(OutboxError):  # noqa: N818 - see above
    """The file fails SQLite's own checks."""
