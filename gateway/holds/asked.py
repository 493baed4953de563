"""A request for units, parsed and checked in its form; and what becomes of it."""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.availability import Policy
from gateway.holds.decide import Wish
from gateway.holds.errors import HoldError


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: the key's id (empty: there are no keys), its policy and sites (None: all), whether it is staff's."""

    key: str
    policy: Policy
    sites: frozenset[str] | None = None
    staff: bool = False

    def sees(self, site: str) -> bool:
        """Whether a site is one of the key's."""
        return self.sites is None or site in self.sites


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for units. `name` is its idempotency key, `sha256` the digest of what it says.

    `wishes` name each SKU and site once; `references` go to the table that may be erased, and nowhere else. `by_site`:
    what is granted becomes one hold for each site, all of one order, or none of them.
    """

    who: Who
    name: str
    sha256: bytes
    wishes: tuple[Wish, ...]
    mode: str
    ttl_s: int
    references: tuple[tuple[str, str], ...] = ()
    allow_partial: bool = False
    by_site: bool = False

    @property
    def owned_name(self) -> tuple[str, str]:
        """The idempotency key with the key that it belongs to."""
        return self.who.key, self.name


@dataclass(frozen=True, slots=True)
class Made:
    """The answer to a granted request, JSON; `replayed`: it had been given before."""

    body: bytes
    replayed: bool = False


Outcome: TypeAlias = Made | HoldError
"""What becomes of one request: a value in any case, so that one refusal does not spoil the others of its batch."""
