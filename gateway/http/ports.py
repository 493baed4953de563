"""What the HTTP side needs from the rest of the gateway: queries over committed rows, and news of new changes.

`gateway.queries.Queries` and `gateway.relay.ChangeFeed` fit these; so does the in-memory pair of the tests. Every
instant in a row is ISO 8601 text in UTC. Nothing here writes.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from wire.messages import EdgeState


class CursorGone(LookupError):  # noqa: N818 - reads as what is wrong
    """Changes after this cursor were pruned; the oldest that is left is `first_kept`."""

    def __init__(self, first_kept: int) -> None:
        self.first_kept = first_kept
        super().__init__(f"changes before {first_kept} are no longer kept")


class CursorAhead(LookupError):  # noqa: N818 - reads as what is wrong
    """A cursor that this database never gave out; its newest change is `last_seq`."""

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        super().__init__(f"the newest change is {last_seq}")


class SiteAvailability(msgspec.Struct, frozen=True):
    """One SKU at one site."""

    site: str
    gtin: str
    atp: int
    on_hand: int
    confidence: float | None
    status: str
    as_of: str
    version: int
    zones: dict[str, int]


class Availability(msgspec.Struct, frozen=True):
    """One SKU over the sites that were asked for."""

    gtin: str
    atp: int
    on_hand: int
    confidence: float | None
    status: str
    as_of: str
    sites: list[SiteAvailability]


class StockRow(msgspec.Struct, frozen=True):
    """One SKU at one site with what the catalogue says of it."""

    gtin: str
    style: str
    colour: str
    size: str
    description: str
    department: str
    min_floor: int | None
    max_floor: int | None
    price: str | None
    atp: int
    on_hand: int
    status: str
    as_of: str
    version: int
    zones: dict[str, int]


class SiteRow(msgspec.Struct, frozen=True):
    """A site; `behind` entries of its input log wait to be folded, `now` is the fold's clock."""

    site: str
    name: str
    timezone: str
    gln: str
    zones: list[str]
    applied_n: int
    behind: int
    now: str | None


class ZoneRow(msgspec.Struct, frozen=True):
    """A zone, whether somebody looks at it, and the units in it."""

    site: str
    zone: str
    kind: str
    sellable: bool
    counts_as: str
    status: str
    as_of: str | None
    since: str | None
    units: int


class Snapshot(msgspec.Struct, frozen=True):
    """All rows of a site and the cursor that they are true at."""

    cursor: int
    site: str
    rows: list[StockRow]
    zones: list[ZoneRow]


class MovementRow(msgspec.Struct, frozen=True):
    """One ledger entry: a unit left one place for another."""

    site: str
    m: int
    n: int
    gtin: str
    serial: str
    from_zone: str = msgspec.field(name="from")
    to_zone: str = msgspec.field(name="to")
    happened_at: str
    first_read_at: str
    decided_at: str
    cause: str
    probability: float | None


class ChangeRow(msgspec.Struct, frozen=True):
    """One relayed change; `body` is its complete JSON, `gtin` is empty when the change is of a zone."""

    seq: int
    site: str
    gtin: str
    body: bytes


class EdgeRow(msgspec.Struct, frozen=True):
    """The newest state that an edge box published, or its last will."""

    site: str
    edge: str
    what: str
    at: str
    received_at: str
    state: EdgeState


class SiteHealth(msgspec.Struct, frozen=True):
    """How far one site's fold is; `fold_age_ms` is None when it never ran."""

    site: str
    behind: int
    lag_ms: int
    fold_age_ms: int | None
    items_present: int
    blind_zones: int
    quarantined: int
    gaps: int
    figures: dict[str, int]


class FeedHealth(msgspec.Struct, frozen=True):
    """The newest relayed change, and how many committed ones wait for their sequence."""

    last_seq: int
    waiting: int


class Health(msgspec.Struct, frozen=True):
    """The gateway's own figures at one instant."""

    now: str
    sites: list[SiteHealth]
    feed: FeedHealth
    ingest: dict[str, int]


class ChangePage(msgspec.Struct, frozen=True):
    """Changes in order of `seq`."""

    rows: list[ChangeRow]
    last_seq: int
    first_kept: int


class Queries(Protocol):
    """Reads over committed rows."""

    async def availability(self, gtin: str, site: str | None = None) -> Availability | None:
        """Return a SKU's rows, or None when the catalogue does not know the GTIN."""
        ...

    async def snapshot(self, site: str) -> Snapshot:
        """Return a site's stock and the cursor that it is true at, of one transaction."""
        ...

    async def sites(self) -> Sequence[SiteRow]:
        """Return all sites, by id."""
        ...

    async def zones(self, site: str) -> Sequence[ZoneRow]:
        """Return a site's zones in the site file's order."""
        ...

    async def movements(
        self, site: str | None = None, *, limit: int = 100, gtin: str | None = None, before_m: int | None = None
    ) -> Sequence[MovementRow]:
        """Return ledger entries, newest first."""
        ...

    async def changes(self, after_seq: int, limit: int = 500, site: str | None = None) -> ChangePage:
        """Return relayed changes after a cursor. Raises `CursorGone` and `CursorAhead`."""
        ...

    async def edges(self, site: str | None = None) -> Sequence[EdgeRow]:
        """Return the newest state of each edge box."""
        ...

    async def health(self) -> Health:
        """Return the gateway's figures."""
        ...


class ChangeFeed(Protocol):
    """News that there are more relayed changes."""

    @property
    def last_seq(self) -> int:
        """The newest relayed sequence that this process has heard of."""
        ...

    async def wait(self, after_seq: int, timeout_s: float) -> int:
        """Return the newest sequence, as soon as it is above `after_seq`, at the latest after `timeout_s`."""
        ...
