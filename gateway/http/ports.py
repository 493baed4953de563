"""What the HTTP side needs from the rest of the gateway: queries over committed rows, news of new changes, and a desk.

`gateway.queries.Queries`, `gateway.relay.ChangeFeed` and `gateway.ledger.desk.Desk` fit these; so do those in the
memory of the tests. Every instant in a row is ISO 8601 text in UTC. Only the desk writes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.availability import Offer, Policy, decode_ladder, offer
from gateway.http.survey_rows import SiteModel
from wire.messages import EdgeState

if TYPE_CHECKING:  # the typed client reads these rows, and needs nothing of the fold
    from gateway.accuracy.reconcile import Decision
    from gateway.fold.evidence import EvidenceEntry
    from gateway.ledger.totals import BookRow


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
    """One SKU at one site; `ladder` (float32) says what a channel may sell, `known` whether a tracker says so."""

    site: str
    gtin: str
    on_hand: int
    status: str
    as_of: str
    version: int
    zones: dict[str, int]
    ladder: bytes = b""
    known: bool = False
    held: int = 0
    untagged: int = 0
    truth: str = "rfid"

    def offer(self, policy: Policy) -> Offer:
        """Return what a channel may sell of it."""
        return offer(decode_ladder(self.ladder), policy, self.status, known=self.known)


class Availability(msgspec.Struct, frozen=True):
    """One SKU over the sites that were asked for."""

    gtin: str
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
    on_hand: int
    status: str
    as_of: str
    version: int
    zones: dict[str, int]
    ladder: bytes = b""
    known: bool = False
    held: int = 0
    untagged: int = 0
    truth: str = "rfid"

    def offer(self, policy: Policy) -> Offer:
        """Return what a channel may sell of it."""
        return offer(decode_ladder(self.ladder), policy, self.status, known=self.known)


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
    location: tuple[float, float] | None = None


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
    """One relayed change; `body` is its complete JSON, `gtin` is empty when the change is of a zone.

    `ladder` is that of the SKU after it: each channel's own `atp` follows from it (`gateway.push.rendering`).
    """

    seq: int
    site: str
    gtin: str
    body: bytes
    ladder: bytes | None = None


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


class FigureAt(msgspec.Struct, frozen=True):
    """A figure at an instant."""

    at: str
    value: float


class SiteAccuracy(msgspec.Struct, frozen=True):
    """How right a site's figures are: the newest value of each figure, and all values since an instant."""

    site: str
    latest: dict[str, FigureAt]
    since: str
    series: dict[str, list[FigureAt]]


class DifferenceItem(msgspec.Struct, frozen=True):
    """An item that a difference may be about: its place and since when, where it came from and why. For staff."""

    serial: str
    place: str
    since: str
    came_from: str
    reason: str
    probability: float | None


class BookNow(msgspec.Struct, frozen=True):
    """Another system's total at an instant, and what it says now, with what happened since."""

    quantity: int
    as_of: str
    now: int


class ZoneCount(msgspec.Struct, frozen=True):
    """The last count of a zone: units that were believed there, and units seen."""

    zone: str
    at: str
    expected: int
    seen: int


class DecidedBy(msgspec.Struct, frozen=True):
    """Who decided what about a difference."""

    who: str
    decision: str
    at: str


class DifferenceRow(msgspec.Struct, frozen=True):
    """Units on which tags, book and counts disagree, and what most likely lies behind it.

    `zone` is the counted zone, null where the book is concerned. `approved` stands while the decision is not folded
    yet, and for good when it was to change nothing.
    """

    id: str
    gtin: str
    cause: str
    zone: str | None
    quantity: int
    items: list[DifferenceItem]
    items_left_out: int
    on_hand: int
    zones: dict[str, int]
    book: BookNow | None
    counts: list[ZoneCount]
    approved: DecidedBy | None


class DifferencePage(msgspec.Struct, frozen=True):
    """Differences of some SKUs, by GTIN. `next` is the `after` of the next page; null at the end."""

    site: str
    rows: list[DifferenceRow]
    next: str | None


class EvidenceTaken(msgspec.Struct, frozen=True):
    """Evidence is in the site's log as entry `n`; `units` items or units were named."""

    id: str
    site: str
    n: int
    units: int
    recorded_at: str


class BookTaken(msgspec.Struct, frozen=True):
    """Totals were taken: of `rows` SKUs, of which `older` were older than the total that is held."""

    id: str
    site: str
    rows: int
    older: int
    recorded_at: str


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision wrote: the items that are now said to be in `place` (log entry `n`), and the book's change."""

    id: str
    site: str
    gtin: str
    cause: str
    who: str
    decision: str
    zone: str
    serials_named: list[str]
    items_placed: list[str]
    place: str
    n: int | None
    book_units: int
    book_now: int | None
    approved_at: str


class Desk(Protocol):
    """Takes what people and tills say. Each call returns its answer, and whether it had been given before."""

    async def record(self, site: str, entry: "EvidenceEntry") -> tuple[EvidenceTaken, bool]:
        """Log evidence. Raises `IdReusedError`, `UnknownZoneError`, `ForeignItemError`."""
        ...

    async def put_book(self, site: str, name: str, rows: "Sequence[BookRow]") -> tuple[BookTaken, bool]:
        """Take totals of distinct SKUs. Raises `IdReusedError`."""
        ...

    async def approve(
        self, site: str, name: str, who: str, decision: "Decision", *, zone: str = "", serials: Sequence[str] = ()
    ) -> tuple[Approved, bool]:
        """Decide about a difference.

        Raises `DifferenceGoneError`, `AlreadyApprovedError`, `UnknownZoneError`, `DecisionError`.
        """
        ...


class Queries(Protocol):
    """Reads over committed rows, and the desk beside them."""

    @property
    def desk(self) -> Desk:
        """Where evidence, books and approvals are taken."""
        ...

    async def availability(self, gtin: str, site: str | None = None) -> Availability | None:
        """Return a SKU's rows, or None when the catalogue does not know the GTIN."""
        ...

    async def availability_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[SiteAvailability | None]:
        """Return the row of each (GTIN, site), in order; None where catalogue or gateway know nothing of it."""
        ...

    async def ladder_without(self, site: str, gtin: str, hold: str, key: str) -> bytes:
        """Return the ladder of a SKU at a site as it is without one hold of this key; another key's counts."""
        ...

    async def stock_page(self, site: str, after_gtin: str, limit: int) -> tuple[int, list[StockRow]]:
        """Return a site's SKUs after a GTIN, and the cursor that they are true at."""
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

    async def newest_figures(self) -> dict[str, dict[str, float]]:
        """Return the newest value of each figure of accuracy, by site."""
        ...

    async def accuracy(self, site: str, since_us: int) -> SiteAccuracy:
        """Return a site's figures of accuracy: the newest, and those from an instant on."""
        ...

    async def model(self, site: str) -> SiteModel:
        """Return a site's sensor model as it is shown."""
        ...

    async def differences(
        self, site: str, *, after_gtin: str = "", limit: int = 100, gtin: str | None = None
    ) -> DifferencePage:
        """Return the differences of up to `limit` SKUs after a GTIN, or of one SKU."""
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
