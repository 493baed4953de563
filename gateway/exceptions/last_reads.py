"""When each item of a site was read last: from the fold's newest checkpoint, some minutes old.

No row says it: an item that lies still is read every second, and its row is written when it moves. The presence engine
knows, and its state stands in the checkpoints. Here only the columns that are asked for are taken out of one, in a
thread, beside the fold; nothing of the engine is made.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from gateway.exceptions.facts import ItemName, LastRead, Sighting, Silence
from gateway.exceptions.limits import FOUND_MAX, LOOKED_US, READ_SHARE, UNREAD_US
from gateway.fold.state import NEVER, FoldState, ItemKey, Presence
from gateway.presence import snapshot
from gateway.presence.model import Model
from gateway.presence.saved_engine import is_simple_snapshot
from gateway.presence.tracker import SnapshotError, Tracker
from gateway.storage.engine import Database
from gateway.storage.schema import checkpoint
from wire.site import OUT, Site

Micros = NDArray[np.int64]


class _Columns:
    """What stands in a tracker's place: of its snapshot only when items were read and named."""

    def __init__(self, saved: snapshot.Saved | None) -> None:
        self._saved = saved

    def meet(self, gtins: object) -> None:
        """Pay no heed."""

    def heard(self, items: int) -> tuple[Micros, Micros]:
        """Return when each item was read last and named last, shape [items]; 0: never. Raises `SnapshotError`."""
        read, told = np.zeros(items, np.int64), np.zeros(items, np.int64)
        if self._saved is None:
            return read, told
        for columns in (self._saved.columns, self._saved.resting):
            if not columns:
                continue
            try:
                item = np.frombuffer(columns["item"], np.int32)
                row = np.flatnonzero((item >= 0) & (item < items))
                read[item[row]] = np.frombuffer(columns["seen_us"], np.int64)[row]
                told[item[row]] = np.frombuffer(columns["told_us"], np.int64)[row]
            except (KeyError, ValueError, IndexError) as error:
                raise SnapshotError(f"snapshot of the presence engine: {error!r}") from error
        return read, told


def _restore(_site: Site, data: bytes, _model: Model | None) -> Tracker:
    saved = None if is_simple_snapshot(data) else snapshot.decode(data)
    return cast("Tracker", _Columns(saved))


_PRESENCE: Final = Presence(make=lambda _site, _model: cast("Tracker", _Columns(None)), restore=_restore)


class SiteReads:
    """What a checkpoint (entry `n`) says of a site's items, as of `now_us`. Raises `SnapshotError`."""

    def __init__(self, site: str, n: int, body: bytes) -> None:
        state = FoldState.restore(body, _PRESENCE)
        self.site, self.n, self.now_us = site, n, state.now_us
        self._items, self._places, self._index = state.items, state.places, state.index
        columns = cast("_Columns", state.tracker or _Columns(None))
        self._read, self._told = columns.heard(len(state.items))

    def sighting(self, name: ItemName) -> Sighting | None:
        """Return where and when an item inside was read last; None when it is not inside, or never was read."""
        number = self._index.get(ItemKey(*name))
        if number is None or self._places[number] in {NEVER, OUT} or not self._read[number]:
            return None
        return Sighting(self.site, self._places[number], int(self._read[number]))

    def silence(self) -> Silence:
        """Return what is inside and was neither read nor named for `UNREAD_US`, those silent longest first.

        At most `FOUND_MAX` of them are told of by name, those in zones that are read before the others: of a room whose
        reader is off everything is silent.
        """
        inside = [number for number, place in enumerate(self._places) if place not in {NEVER, OUT}]
        zones = Counter(self._places[number] for number in inside)
        lately = self._read > self.now_us - LOOKED_US
        read = Counter(self._places[number] for number in inside if lately[number])
        heard = np.maximum(self._read, self._told)
        old = (heard > 0) & (heard <= self.now_us - UNREAD_US)
        unread = {zone for zone, items in zones.items() if read[zone] < READ_SHARE * items}
        silent = sorted(
            (self._places[number] in unread, int(heard[number]), number) for number in inside if old[number]
        )
        whole = len(silent) <= FOUND_MAX or silent[FOUND_MAX][0]
        found = tuple(
            LastRead(
                ItemName(*self._items[number]),
                self._places[number],
                int(self._read[number]),
                int(self._told[number]),
            )
            for _, _, number in silent[:FOUND_MAX]
        )
        gtins = {one.name.gtin for one in found}
        cells = ((self._items[number].gtin, self._places[number]) for number in inside)
        believed = Counter(cell for cell in cells if cell[0] in gtins)
        return Silence(self.now_us, {zone: (zones[zone], read[zone]) for zone in zones}, found, dict(believed), whole)


@dataclass(frozen=True, slots=True)
class Extract:
    """What was asked of a checkpoint (entry `n`): where `asked` items were read last, and what is silent."""

    n: int
    asked: frozenset[ItemName]
    sights: Mapping[ItemName, Sighting]
    silence: Silence


def extract(site: str, n: int, body: bytes, sha256: bytes, asked: frozenset[ItemName]) -> Extract:
    """Take what is asked out of a checkpoint; the rest is let go. Raises `SnapshotError`."""
    if hashlib.sha256(body).digest() != sha256:
        raise SnapshotError(f"checkpoint {n} of {site} is damaged")
    reads = SiteReads(site, n, body)
    sights = {name: sight for name in sorted(asked) if (sight := reads.sighting(name)) is not None}
    return Extract(n, asked, sights, reads.silence())


class LastReads:
    """What the newest checkpoints of sites say: each is read once, unless other items are asked about."""

    def __init__(self, database: Database) -> None:
        self.unreadable = 0
        self.read = 0
        self._database = database
        self._kept: dict[str, Extract] = {}

    async def of(self, site: str, asked: Iterable[ItemName] = ()) -> Extract | None:
        """Return what the newest checkpoint of a site says of these items; None without one that can be read.

        Where the newest cannot be read the one before it is as good, only older, if it is still remembered.
        """
        wanted = frozenset(asked)
        newest = select(checkpoint.c.n).where(checkpoint.c.site == site).order_by(checkpoint.c.n.desc()).limit(1)
        async with self._database.read() as connection:
            n = await connection.scalar(newest)
            kept = self._kept.get(site)
            if n is None or (kept is not None and kept.n == n and wanted <= kept.asked):
                return kept
            body = select(checkpoint.c.state, checkpoint.c.sha256)
            row = (await connection.execute(body.where(checkpoint.c.site == site, checkpoint.c.n == n))).one()
        try:
            found = await asyncio.to_thread(extract, site, n, bytes(row.state), bytes(row.sha256), wanted)
        except SnapshotError:  # the fold says so, louder
            self.unreadable += 1
            return kept
        self.read += 1
        self._kept[site] = found
        return found

    def forget(self, keep: Collection[str]) -> None:
        """Let go of sites that nobody asks about any more."""
        for site in self._kept.keys() - set(keep):
            del self._kept[site]
