"""What a check of the books found."""

from dataclasses import dataclass, field
from typing import Final

FAULTS_SHOWN: Final = 100
"""Enough to see what kind of harm was done; the number of all is in `faults`."""


@dataclass(slots=True)
class Verdict:
    """What `verify` found at one site; `shown` are the first of `faults`."""

    site: str
    movements: int = 0
    items: int = 0
    items_present: int = 0
    postings: int = 0
    holds: int = 0
    faults: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing disagrees."""
        return self.faults == 0

    def fault(self, text: str) -> None:
        """Note a disagreement."""
        self.faults += 1
        if len(self.shown) < FAULTS_SHOWN:
            self.shown.append(text)
