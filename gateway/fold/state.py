"""The state of one site's fold, and its snapshot.

Everything in here follows from the site's input log alone. In particular it does not know the catalogue: every valid
SGTIN of the site's own company prefixes is an item, whether or not some catalogue names its GTIN yet. A catalogue that
is imported later only makes visible what was tracked all along; were it an input of the fold's decisions, a
refold would depend on when somebody ran an import. (Other prefixes are foreign: counted, never items. A site file
without prefixes calls everything its own.)

Items are numbered 0, 1, 2 ... in the order of their first appearance in the log, be it a read or evidence that names
them; the tracker knows them by these numbers and is told of each by `meet_new` before anything else mentions it. What
can be derived (the index by key, the items of a SKU, decoded EPCs, counts) is not in the snapshot.

The rules that decide movements are those of `FOLD_RULES` and of the tracker's own revision. Entries that are folded
again by other rules may lead to other places than those in the ledger (`gateway.fold.correction`).
"""

from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np

from gateway.fold.cycle_count import OpenCounts, SavedCounts
from gateway.fold.site_model import model_for
from gateway.presence import make_tracker, restore_tracker
from gateway.presence.model import Model
from gateway.presence.tracker import SnapshotError, Tracker
from gateway.storage.site_register import decode_site
from wire.site import OUT, Site

STATE_VERSION: Final = 2
"""Raise it only together with code that reads the older snapshots: the log behind them is pruned, so a site whose
checkpoints are all unreadable cannot be folded again and stops."""

FOLD_RULES: Final = 2
"""Raise it when the fold itself, not the tracker, would make other movements of the same log. 1: reads only."""

NEVER: Final = ""
"""The place of an item that is known and was not yet placed."""

UNPUBLISHED: Final = 255
"""The band of an item whose probability stands in no row yet."""

_NUMBERS: Final = np.dtype("<i4")


class ItemKey(NamedTuple):
    """The identity of an item."""

    gtin: str
    serial: str


class Rules(NamedTuple):
    """By which rules a ledger came about: those of the fold, and those of the tracker."""

    fold: int
    tracker: int

    def __str__(self) -> str:
        return f"{self.fold}.{self.tracker}"


@dataclass(frozen=True, slots=True)
class Presence:
    """How a tracker is made, and made again from its snapshot; with the site's sensor model, if it has one."""

    make: Callable[[Site, Model | None], Tracker] = make_tracker
    restore: Callable[[Site, bytes, Model | None], Tracker] = restore_tracker


class _Version(msgspec.Struct, array_like=True):
    version: int


class _Snapshot1(msgspec.Struct, array_like=True):
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


class _Snapshot(_Snapshot1, array_like=True):
    open_counts: SavedCounts
    says_probability: bool
    bands: bytes
    touched: bytes
    refreshed_us: int
    turn: int
    measured_us: int
    model: bytes


class FoldState:
    """Items, where they are, the tracker behind it, and counters; `n` is the newest entry folded in."""

    def __init__(self, presence: Presence | None = None) -> None:
        self.presence = presence or Presence()
        self.n = 0
        self.m = 0
        self.now_us = 0
        self.site_body = b""
        self.site: Site | None = None
        self.model_body = b""
        self.tracker: Tracker | None = None
        self.items: list[ItemKey] = []
        self.index: dict[ItemKey, int] = {}
        self.of_sku: dict[str, array[int]] = {}
        self.places: list[str] = []
        self.looked_us: dict[str, int] = {}
        self.blind_since_us: dict[str, int] = {}
        self.live_since_us: dict[str, int] = {}
        self.figures: dict[str, int] = defaultdict(int)
        self.open_counts = OpenCounts()
        self.says_probability = False
        """Whether the tracker ever gave a movement a probability; before that none is published."""
        self.bands = bytearray()
        self.touched: set[int] = set()
        self.refreshed_us = 0
        self.turn = 0
        self.measured_us = 0
        self._met = 0

    @property
    def rules(self) -> Rules:
        """The rules that this program folds by."""
        return Rules(FOLD_RULES, int(getattr(self.tracker, "revision", 0)))

    def enter_site(self, body: bytes) -> Site:
        """Take a new description of the site; what the tracker knows is carried over."""
        site = decode_site(body)
        self._renew(site)
        self.site, self.site_body = site, body
        return site

    def enter_model(self, body: bytes) -> None:
        """Take a new sensor model of the site, or (empty) none; what the tracker knows is carried over."""
        assert self.site is not None
        self.model_body = body
        self._renew(self.site)

    def _renew(self, site: Site) -> None:
        """Make the tracker, or make it again, for this site and the model that is held."""
        model = model_for(site, self.model_body)
        self.figures["models_unfit"] += model is None and bool(self.model_body)
        if self.tracker is None:
            self.tracker = self.presence.make(site, model)
        else:
            self.tracker = self.presence.restore(site, self.tracker.snapshot(), model)

    def item(self, key: ItemKey) -> int:
        """Return the number of an item, a new one if it was never seen."""
        found = self.index.get(key)
        if found is None:
            found = self._add(key)
            self.places.append(NEVER)
            self.bands.append(UNPUBLISHED)
        return found

    def _add(self, key: ItemKey) -> int:
        number = self.index[key] = len(self.items)
        self.items.append(key)
        self.of_sku.setdefault(key.gtin, array("i")).append(number)
        return number

    def meet_new(self) -> None:
        """Tell the tracker of the items that are new since the last call."""
        if self._met < len(self.items) and self.tracker is not None:
            self.tracker.meet([key.gtin for key in self.items[self._met :]])
            self._met = len(self.items)

    def present(self, gtin: str) -> list[int]:
        """Return the items of a SKU that are in the site, in order."""
        places = self.places
        return [number for number in self.of_sku.get(gtin, ()) if places[number] not in {NEVER, OUT}]

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
                open_counts=self.open_counts.saved(),
                says_probability=self.says_probability,
                bands=bytes(self.bands),
                touched=np.array(sorted(self.touched), _NUMBERS).tobytes(),
                refreshed_us=self.refreshed_us,
                turn=self.turn,
                measured_us=self.measured_us,
                model=self.model_body,
            )
        )

    @classmethod
    def restore(cls, snapshot: bytes, presence: Presence | None = None) -> "FoldState":
        """Return the state as `snapshot` left it. Raises `SnapshotError` for other bytes or a later version.

        Of version 1 the tracker's bytes are of a tracker that never asked what its items are: it meets all of them
        here.
        """
        saved = _decode(snapshot)
        state = cls(presence)
        state.n, state.m, state.now_us = saved.n, saved.m, saved.now_us
        state.model_body = saved.model if isinstance(saved, _Snapshot) else b""
        if saved.site:
            state.site_body, state.site = saved.site, decode_site(saved.site)
            model = model_for(state.site, state.model_body)
            state.tracker = state.presence.restore(state.site, saved.tracker, model)
        for gtin, serial in zip(saved.gtins, saved.serials, strict=True):
            state._add(ItemKey(gtin, serial))
        state.places = saved.places
        state.looked_us = dict(saved.looked_us)
        state.blind_since_us = dict(saved.blind_since_us)
        state.live_since_us = dict(saved.live_since_us)
        state.figures.update(saved.figures)
        if isinstance(saved, _Snapshot):
            state._met = len(state.items)
            state._restore_more(saved)
        else:
            state.bands = bytearray([UNPUBLISHED]) * len(state.items)
            state.meet_new()
        return state

    def _restore_more(self, saved: _Snapshot) -> None:
        self.open_counts = OpenCounts.restored(saved.open_counts)
        self.says_probability = saved.says_probability
        self.bands = bytearray(saved.bands)
        self.touched = set(np.frombuffer(saved.touched, _NUMBERS).tolist())
        self.refreshed_us, self.turn, self.measured_us = saved.refreshed_us, saved.turn, saved.measured_us


def _decode(snapshot: bytes) -> _Snapshot1:
    try:
        version = msgspec.msgpack.decode(snapshot, type=_Version).version
        if version == 1:
            return msgspec.msgpack.decode(snapshot, type=_Snapshot1)
        if version == STATE_VERSION:
            return msgspec.msgpack.decode(snapshot, type=_Snapshot)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"not a snapshot of a fold: {error}") from error
    raise SnapshotError(f"fold snapshot version {version}: this program reads versions 1 to {STATE_VERSION}")
