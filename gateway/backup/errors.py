"""What can go wrong with a backup or its way back; a person must act, and nothing was changed by then."""


class BackupError(RuntimeError):
    """A backup that cannot be made, or cannot be trusted, or must not go where it was asked to."""
