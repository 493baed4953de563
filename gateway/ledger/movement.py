"""A movement: one unit leaves one account and arrives in another. Accounts are a site's zones, and `OUT`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of a site's ledger, numbered `m`; it follows from entry `n` of the input log.

    `credit` is the account that the unit leaves, `debit` the one where it arrives. Instants are UTC microseconds.
    """

    m: int
    n: int
    gtin: str
    serial: str
    credit: str
    debit: str
    happened_us: int
    first_read_us: int
    decided_us: int
    cause: str
    probability: float | None

    def __post_init__(self) -> None:
        assert self.credit != self.debit, f"movement {self.m} leaves {self.credit} for itself"
