"""One key, and whether it may be used now. Pure: the clock is passed in."""

import enum
from dataclasses import dataclass

from gateway.availability import Policy


class Standing(enum.StrEnum):
    """Whether a key may be used."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept: its name (`id`, the shown prefix), the digest of its secret, and what it may do.

    `sites` is None for all sites. Instants are UTC microseconds; `policy.name` is its channel.
    """

    id: str
    sha256: bytes
    policy: Policy
    name: str
    scopes: frozenset[str]
    sites: frozenset[str] | None
    rate_per_s: float
    burst: int
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None

    def standing(self, now_us: int) -> Standing:
        """Return whether it may be used at `now_us`; at the instant of its expiry no more."""
        if self.revoked_us is not None:
            return Standing.REVOKED
        if self.expires_us is not None and now_us >= self.expires_us:
            return Standing.EXPIRED
        return Standing.LIVE
