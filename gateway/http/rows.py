"""The answers of the API that are not a port's row as it is: what stands in each JSON object.

The typed client decodes into the same structs. A reader ignores members that it does not know, so that new ones may
be added within `/v1`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.http.matrix import Status, ZoneTile
from gateway.http.ports import FeedHealth, SiteHealth
from wire.messages import DeviceHealth

Instant = Annotated[str, Meta(description="RFC 3339, UTC", examples=["2026-11-22T05:45:00.123Z"])]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class AvailabilityRow(msgspec.Struct, frozen=True):
    """What can be sold of one SKU at one site."""

    gtin: Annotated[str, Meta(pattern="^[0-9]{14}$")]
    site: str
    atp: Annotated[
        int, Meta(description="available to promise: the most units that are there as surely as the channel asks")
    ]
    on_hand: Annotated[int, Meta(description="units in the site, in whatever zone")]
    held: Annotated[int, Meta(description="units bound by active reservations")]
    safety: Annotated[int, Meta(description="units kept back by the channel's rule")]
    confidence: Annotated[
        Fraction | None, Meta(description="probability that the promise is kept; null: not known, or nothing to sell")
    ]
    status: Status
    as_of: Instant
    oldest_read_s: Annotated[
        float | None,
        Meta(description="seconds since the zones behind this answer were last looked at; null: never, or not known"),
    ]
    version: Annotated[int, Meta(description="grows with each change of this row; drop an event that is not newer")]
    zones: Annotated[dict[str, int], Meta(description="units by zone; zones without units are left out")]
    untagged: Annotated[int, Meta(description="units without a tag among those on hand")] = 0
    truth: Annotated[str, Meta(description="rfid: tags say it; book: quantities that were told; mixed: both")] = "rfid"
    distance_km: Annotated[float | None, Meta(description="from `near`; null: not asked, or no place known")] = None


class AvailabilityOfSites(msgspec.Struct, frozen=True):
    """One SKU over all sites."""

    gtin: str
    atp: int
    on_hand: int
    rows: list[AvailabilityRow]


class AvailabilityBatch(msgspec.Struct, frozen=True):
    """Rows in the order asked; `unknown` are pairs as gtin@site that catalogue or gateway do not know."""

    rows: list[AvailabilityRow]
    unknown: list[str]


class StockSnapshot(msgspec.Struct, frozen=True):
    """Rows of a site by GTIN, of one transaction. `next` is the `after` of the next page; null at the end."""

    site: str
    cursor: Annotated[int, Meta(description="follow /v1/changes from here, when it is the first page's")]
    rows: list[AvailabilityRow]
    next: str | None


class SiteEntry(msgspec.Struct, frozen=True):
    """A site, how far its fold is, and its zones."""

    site: str
    name: str
    timezone: str
    gln: str
    as_of: Instant | None
    behind: Annotated[int, Meta(description="entries of the input log that are not folded yet")]
    on_hand: int
    zones: list[ZoneTile]
    accuracy: Annotated[dict[str, float], Meta(description="newest figures; see /v1/sites/{site}/accuracy")] = {}


class Sites(msgspec.Struct, frozen=True):
    """All sites of this gateway."""

    sites: list[SiteEntry]


class Movement(msgspec.Struct, frozen=True):
    """One ledger entry: one unit left `from` and came to `to`. OUT is the place outside of the site."""

    m: int
    gtin: str
    from_zone: str = msgspec.field(name="from")
    to_zone: str = msgspec.field(name="to")
    happened_at: Instant
    first_read_at: Instant
    decided_at: Instant
    cause: str
    probability: Fraction | None


class Movements(msgspec.Struct, frozen=True):
    """Newest first. `next` is the `before` of the next page; null at the end."""

    site: str
    rows: list[Movement]
    next: int | None


class Move(msgspec.Struct, frozen=True):
    """One unit's move inside a change."""

    from_zone: str = msgspec.field(name="from")
    to_zone: str = msgspec.field(name="to")
    happened_at: Instant
    first_read_at: Instant = ""
    decided_at: Instant = ""
    cause: str = ""
    probability: float | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One relayed change: of a SKU (`kind` stock) with its whole new state, or of a zone (`kind` zone)."""

    seq: int
    kind: Annotated[str, Meta(description="stock or zone")] = "stock"
    site: str
    as_of: Instant
    status: str
    gtin: str = ""
    atp: int = 0
    on_hand: int = 0
    held: int = 0
    confidence: float | None = None
    version: int = 0
    reason: str = ""
    zones: dict[str, int] = {}
    moves: list[Move] = []
    moves_left_out: int = 0
    zone: str = ""


class Edge(msgspec.Struct, frozen=True):
    """One edge box as it last described itself."""

    site: str
    edge: str
    status: Literal["online", "offline"]
    at: Instant
    received_at: Instant
    outbox_rows: int
    outbox_oldest_s: float
    evicted: int
    config_hash: str
    devices: tuple[DeviceHealth, ...]


class Edges(msgspec.Struct, frozen=True):
    """All edge boxes that were ever heard of."""

    edges: list[Edge]


class StreamFigures(msgspec.Struct, frozen=True):
    """The change streams of this process."""

    open: int
    slow_disconnects: Annotated[int, Meta(description="clients that were cut off for taking nothing")]
    refused: int
    read_errors: int


class EdgeFigures(msgspec.Struct, frozen=True):
    """Edge boxes by state."""

    online: int
    offline: int


class Alive(msgspec.Struct, frozen=True):
    """What anybody may know of the gateway: that it answers."""

    status: Literal["alive"] = "alive"


class HealthAnswer(msgspec.Struct, frozen=True):
    """Figures of the gateway; `reasons` say in words why it is degraded."""

    status: Literal["ok", "degraded"]
    reasons: list[str]
    now: Instant
    fold_lag_ms: Annotated[int, Meta(description="age of the oldest unfolded entry, of the worst site")]
    relay_waiting: Annotated[int, Meta(description="committed changes that have no sequence yet")]
    quarantined: int
    gaps: int
    edges: EdgeFigures
    streams: StreamFigures
    relay: FeedHealth
    sites: list[SiteHealth]
    ingest: dict[str, int]
