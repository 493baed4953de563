"""What a key may do. A scope is `<noun>:<verb>`, as OAuth 2.0 writes them (RFC 6749 section 3.3)."""

from collections.abc import Iterable
from typing import Final

STOCK_READ: Final = "stock:read"
STOCK_WRITE: Final = "stock:write"
HOLD_WRITE: Final = "hold:write"
STAFF_READ: Final = "staff:read"
AUDIT_READ: Final = "audit:read"
WEBHOOK_WRITE: Final = "webhook:write"
TASK_WRITE: Final = "task:write"
SCREEN_WRITE: Final = "screen:write"
DEVICE_ADMIN: Final = "device:admin"

MEANING: Final = {
    STOCK_READ: "read availability, stock by size and zone, changes and health",
    STOCK_WRITE: "say what happened to stock: sales, receipts, returns, counts, books, adjustments",
    HOLD_WRITE: "make, change and read reservations",
    STAFF_READ: "see single items: serials, places, movements, the moves inside changes",
    AUDIT_READ: "read who did what",
    WEBHOOK_WRITE: "have changes sent to an address",
    TASK_WRITE: "take tasks of a store, and say what became of them",
    SCREEN_WRITE: "pair devices in a store as store screens, list and end them",
    DEVICE_ADMIN: "see how readers and scanners are configured, roll profiles out and back",
}

ALL_SCOPES: Final = frozenset(MEANING)

READS: Final = frozenset({STOCK_READ, STAFF_READ, AUDIT_READ})
"""Scopes that change nothing: all that a browser's session is ever given."""

SCREEN: Final = frozenset({STOCK_READ, STAFF_READ, TASK_WRITE})
"""What a store screen may do at its site: all that a paired device is ever given, whatever key it holds."""


class ScopeError(ValueError):
    """A scope that there is not."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"scope {scope!r}: expected some of {', '.join(MEANING)}")


def scopes_of(names: Iterable[str]) -> frozenset[str]:
    """Return these names as scopes. Raises `ScopeError` for one that there is not."""
    found = frozenset(names)
    for name in sorted(found - ALL_SCOPES):
        raise ScopeError(name)
    return found
