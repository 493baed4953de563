"""Say it once when something breaks and once when it is back, not at each attempt."""

from typing import Any


class Outage:
    """One thing that can be out: a broker, a disk."""

    def __init__(self, log: Any, name: str) -> None:
        self._log = log
        self._name = name
        self.reason = ""

    def broke(self, reason: str) -> None:
        """Log the first failure of an outage."""
        if not self.reason:
            self._log.warning(f"{self._name}_lost", reason=reason)
        self.reason = reason or "unknown"

    def back(self, **details: Any) -> None:
        """Log the end of an outage, or the first success at all."""
        if self.reason:
            self._log.info(f"{self._name}_back", after=self.reason, **details)
        self.reason = ""
