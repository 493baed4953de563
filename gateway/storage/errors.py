"""What can go wrong with the gateway's storage, and who must act."""


class StorageError(RuntimeError):
    """Root of what the gateway's storage refuses."""


class UrlError(StorageError, ValueError):
    """The operator named a database that the gateway cannot use."""


class FencedError(StorageError):
    """Another process holds the lease by now: stop writing, nothing was committed."""
