"""Rows of availability as bytes, put together once for each channel and used until the row changes.

Only two members of a live row follow the clock, `as_of` and `oldest_read_s`; the rest is cut out of one encoding, with
its validator. A row that is not live is put together each time: its `as_of` is a zone's own.
"""

from typing import Final, NamedTuple, Protocol

from gateway.availability import LIVE, Policy
from gateway.clock import Clock, iso
from gateway.http import answer
from gateway.http.offered import availability_row, validator
from gateway.ledger.picture import SkuKey
from gateway.mirror import MirrorRow, MirrorSite
from gateway.site_view import at_site

PREPARED_MAX: Final = 200_000
"""Two channels that look at everything in a full mirror; half a kilobyte each."""

_AS_OF: Final = "\x00as_of"
_MARK: Final = b'"\\u0000as_of","oldest_read_s":null'


class Prepared(NamedTuple):
    """The bytes of a row around its clocks, and its validator; good for this row in this epoch of its site."""

    row: MirrorRow
    epoch: int
    before: bytes
    after: bytes
    etag: bytes


class Written(NamedTuple):
    """A row as it leaves."""

    body: bytes
    etag: bytes


class Rows(Protocol):
    """Where rows are remembered: `gateway.mirror.Mirror`."""

    def site(self, site: str) -> MirrorSite | None:
        """Return the state of a site that is in memory."""
        ...

    def held(self, key: SkuKey) -> MirrorRow | None:
        """Return a row that is in memory."""
        ...

    async def load(self, keys: list[SkuKey]) -> None:
        """Read rows into memory."""
        ...


class HotRows:
    """Writes rows of a mirror."""

    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._prepared: dict[tuple[SkuKey, Policy], Prepared] = {}
        self._instant: tuple[int, bytes] = (0, b"")

    async def load(self, keys: list[SkuKey]) -> None:
        """Read rows into memory."""
        await self._rows.load(keys)

    def written(self, key: SkuKey, policy: Policy) -> Written | None:
        """Return a row for a channel, if it is in memory."""
        place, row = self._rows.site(key.site), self._rows.held(key)
        if place is None or row is None:
            return None
        prepared = self._prepared.get((key, policy))
        if prepared is None or prepared.row is not row or prepared.epoch != place.epoch:
            prepared = self._prepare(key, policy, row, place)
        now_us = self._clock()
        if not prepared.before:
            made = availability_row(at_site(*key, place.view, row.zones, row.stored), policy, now_us)
            return Written(answer.encode(made), answer.etag_of([validator(made)]).encode())
        as_of_us = place.view.now_us
        age_s = max(0, now_us - as_of_us) // 1_000 / 1_000
        clocks = b'"%b","oldest_read_s":%b' % (self._iso(as_of_us), repr(age_s).encode())
        return Written(prepared.before + clocks + prepared.after, prepared.etag)

    def _prepare(self, key: SkuKey, policy: Policy, row: MirrorRow, place: MirrorSite) -> Prepared:
        found = at_site(*key, place.view, row.zones, row.stored)
        before = after = b""
        made = availability_row(found, policy, 0)
        etag = answer.etag_of([validator(made)]).encode()
        if found.status == LIVE:
            made = availability_row(found, policy, 0, as_of=_AS_OF)
            before, _, after = answer.encode(made).partition(_MARK)
        prepared = Prepared(row, place.epoch, before, after, etag)
        while len(self._prepared) >= PREPARED_MAX:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[key, policy] = prepared
        return prepared

    def _iso(self, at_us: int) -> bytes:
        if self._instant[0] != at_us:
            self._instant = (at_us, iso(at_us).encode())
        return self._instant[1]
