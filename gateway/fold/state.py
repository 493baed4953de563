"""The state of one site's fold, and its snapshot.

Everything in here follows from the site's input log alone. In particular it does not know the catalogue: every valid
SGTIN of the site's own company prefixes is an item, whether or not some catalogue names its GTIN yet. A catalogue that
is imported later only makes visible what was tracked all along; were it an input of the fold's decisions, a
refold would depend on when somebody ran an import. (Other prefixes are foreign: counted, never items. A site file
without prefixes calls everything its own.)

Items are numbered 0, 1, 2 ... in the order of their first appearance in the log; the tracker knows them by these
numbers. What can be derived (the index by key, decoded EPCs, counts) is not in the snapshot.
"""

from collections import defaultdict
from typing import Final, NamedTuple

import msgspec

from gateway.presence import make_tracker, restore_tracker
from gateway.presence.tracker import SnapshotError, Tracker
from gateway.storage.site_register import decode_site
from wire.site import OUT, Site

STATE_VERSION: Final = 1
"""Raise it only together with code that reads the older snapshots: the log behind them is pruned, so a site whose
checkpoints are all unreadable cannot be folded again and stops."""

NEVER: Final = ""
"""The place of an item that was read but not yet placed."""


class ItemKey(NamedTuple):
    """The identity of an item."""

    gtin: str
    serial: str


class _Snapshot(msgspec.Struct, array_like=True):
    version: int
    site: bytes
    n: int
    now_us: int
    m: int
    gtins: list[str]
    serials: list[str]
    places: list[str]
    looked_us: list[tuple[str, int]]
    blind_since_us: list[tuple[str, int]]
    live_since_us: list[tuple[str, int]]
    figures: list[tuple[str, int]]
    tracker: bytes


class FoldState:
    """Items, where they are, the tracker behind it, and counters; `n` is the newest entry folded in."""

    def __init__(self) -> None:
        self.n = 0
        self.m = 0
        self.now_us = 0
        self.site_body = b""
        self.site: Site | None = None
        self.tracker: Tracker | None = None
        self.items: list[ItemKey] = []
        self.index: dict[ItemKey, int] = {}
        self.places: list[str] = []
        self.looked_us: dict[str, int] = {}
        self.blind_since_us: dict[str, int] = {}
        self.live_since_us: dict[str, int] = {}
        self.figures: dict[str, int] = defaultdict(int)

    def enter_site(self, body: bytes) -> Site:
        """Take a new description of the site; what the tracker knows is carried over."""
        site = decode_site(body)
        if self.tracker is None:
            self.tracker = make_tracker(site)
        else:
            self.tracker = restore_tracker(site, self.tracker.snapshot())
        self.site, self.site_body = site, body
        return site

    def item(self, key: ItemKey) -> int:
        """Return the number of an item, a new one if it was never seen."""
        found = self.index.get(key)
        if found is None:
            found = self.index[key] = len(self.items)
            self.items.append(key)
            self.places.append(NEVER)
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the units of each (GTIN, zone), places outside the site left out."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for key, place in zip(self.items, self.places, strict=True):
            if place not in {NEVER, OUT}:
                counts[key.gtin, place] += 1
        return dict(counts)

    def snapshot(self) -> bytes:
        """Return the whole state; equal states give equal bytes."""
        return msgspec.msgpack.encode(
            _Snapshot(
                version=STATE_VERSION,
                site=self.site_body,
                n=self.n,
                now_us=self.now_us,
                m=self.m,
                gtins=[key.gtin for key in self.items],
                serials=[key.serial for key in self.items],
                places=self.places,
                looked_us=sorted(self.looked_us.items()),
                blind_since_us=sorted(self.blind_since_us.items()),
                live_since_us=sorted(self.live_since_us.items()),
                figures=sorted((name, value) for name, value in self.figures.items() if value),
                tracker=self.tracker.snapshot() if self.tracker else b"",
            )
        )

    @classmethod
    def restore(cls, snapshot: bytes) -> "FoldState":
        """Return the state as `snapshot` left it. Raises `SnapshotError` for other bytes or another version."""
        try:
            saved = msgspec.msgpack.decode(snapshot, type=_Snapshot)
        except msgspec.DecodeError as error:
            raise SnapshotError(f"not a snapshot of a fold: {error}") from error
        if saved.version != STATE_VERSION:
            raise SnapshotError(f"fold snapshot version {saved.version}: this program reads version {STATE_VERSION}")
        state = cls()
        state.n, state.m, state.now_us = saved.n, saved.m, saved.now_us
        if saved.site:
            state.site_body, state.site = saved.site, decode_site(saved.site)
            state.tracker = restore_tracker(state.site, saved.tracker)
        state.items = [ItemKey(gtin, serial) for gtin, serial in zip(saved.gtins, saved.serials, strict=True)]
        state.index = {key: i for i, key in enumerate(state.items)}
        state.places = saved.places
        state.looked_us = dict(saved.looked_us)
        state.blind_since_us = dict(saved.blind_since_us)
        state.live_since_us = dict(saved.live_since_us)
        state.figures.update(saved.figures)
        return state
