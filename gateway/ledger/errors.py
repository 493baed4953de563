"""What the ledger refuses."""


class LedgerError(RuntimeError):
    """Our bug, or rows that someone changed by hand: a movement leaves a place where the item is not."""
