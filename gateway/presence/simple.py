"""The simple tracker: the strongest zone of the last seconds, held through silence; leaving only by an exit.

For each item and zone it keeps one number, the *evidence*: each observation adds its reads times the amplitude of
their mean RSSI, and everything fades with `FADE_S`. The rules:

1. An item is first placed where its evidence is strongest, once it was read twice.
2. It moves when another zone's evidence is `MARGIN` times that of its own and rests on at least two reads.
3. Silence moves nothing: goods behind a mirror are still in the shop.
4. It leaves (`OUT`) when an exit antenna heard it last and strongly, and since then both the exit and the item's own
   zone looked for `EXIT_SILENCE_S` (and ten of the item's usual intervals) without hearing it. Time in which they did
   not look does not count: a dead reader never empties a shop.
5. A later read brings it back.
6. Evidence older than an item's newest changes nothing (history only); it is counted in `late`.

A zone is *blind* when it has antennas and none of them looked for `BLIND_S` of the gateway's logged time. Looks that
arrive more than `LOOK_LATE_S` after their end tell of the past only: a backlog makes no zone live.
There is no probability here: `probability` is None, and says so.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.presence.tracker import Evidence, SnapshotError, Window, ZoneChange
from wire.site import OUT, Site, ZoneKind

FADE_S: Final = 15.0
"""About four turns of a four-port reader that gives each port a second: shorter flickers, longer comes late."""
MARGIN: Final = 2.5
"""A zone must be this much stronger than the one held: with less, goods at a border flicker."""
AMPLITUDE_CDB: Final = 700.0
"""Evidence grows tenfold with 7 dB: a stray read through a wall is 10 to 20 dB weaker than one at home."""
READS_CAP: Final = 4
"""Reads of one window beyond this say nothing new about the place."""
PLACE_READS: Final = 2
EXIT_PEAK_CDBM: Final = -6_600
"""A tag that walks through the portal is loud there; racks behind it mostly are not."""
EXIT_SILENCE_S: Final = 12.0
EXIT_INTERVALS: Final = 10.0
"""An item that is hard to read anyway needs a longer silence: ten of its usual intervals between reads."""
INTERVAL_START_S: Final = 2.0
INTERVAL_MEMORY: Final = 0.9
"""The usual interval is a running mean over about ten reads."""
BLIND_S: Final = 20.0
LOOK_LATE_S: Final = 600.0
"""Far more than clocks of edge and gateway differ, far less than a backlog worth the name."""
CONTEND: Final = 0.25
"""A zone with less than this share of the item's strongest evidence is not in the running: its next read is the first
of a new run, and the reads that it needs begin again."""

_UNPLACED: Final = -2
_OUT: Final = -1
_GROW: Final = 1_024
_VERSION: Final = 1


class _Snapshot(msgspec.Struct, array_like=True):
    version: int
    zones: list[str]
    items: int
    now_us: int
    late: int
    columns: dict[str, bytes]
    zone_columns: dict[str, bytes]


class SimpleTracker:
    """Strongest zone with hysteresis; see the module's text for the rules."""

    def __init__(self, site: Site) -> None:
        self._zones = list(dict.fromkeys(zone.counts_as for zone in site.zones))
        self._read_site(site)
        self._items = 0
        self._now_us = 0
        self.late = 0
        zones = len(self._zones)
        self._looked_end = np.zeros(zones, np.int64)
        self._looked_us = np.zeros(zones, np.int64)
        self._looked_tick = np.zeros(zones, np.int64)
        self._exit_end = 0
        self._exit_us = 0
        self._state: dict[str, NDArray[Any]] = _columns(0, zones)

    def _read_site(self, site: Site) -> None:
        index = {name: i for i, name in enumerate(self._zones)}
        counts_as = {zone.id: index[zone.counts_as] for zone in site.zones}
        exits = {zone.id for zone in site.zones if zone.kind is ZoneKind.EXIT}
        self._antenna_zone = {key: counts_as[zone] for key, zone in site.zone_of_antenna().items()}
        self._antenna_exit = {key: zone in exits for key, zone in site.zone_of_antenna().items()}
        self._covered = np.zeros(len(self._zones), bool)
        self._covered[list(self._antenna_zone.values())] = True

    # -- input

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that items can be in."""
        return tuple(self._zones)

    def meet(self, gtins: Sequence[str]) -> None:
        """Say what the next items are; this tracker does not ask."""

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        """Take hard evidence; this tracker goes by reads alone."""
        return []

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return one for the place held, shape [n, zones + 1]."""
        held = np.zeros((len(items), len(self._zones) + 1), np.float32)
        place = np.full(len(items), _OUT, np.int64)
        known = items < self._items
        place[known] = self._state["place"][items[known]]
        held[np.arange(len(items)), np.where(place < 0, len(self._zones), place)] = 1.0
        return held

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take one edge window; return what it decides, ordered by item."""
        zone_of = np.array([self._antenna_zone.get(key, -1) for key in window.antennas], np.int32)
        exit_of = np.array([self._antenna_exit.get(key, False) for key in window.antennas], bool)
        self._look(window, zone_of, exit_of)
        if len(window.item) == 0:
            return self._departures(window.end_us)
        self._grow(int(window.item.max()) + 1)
        order = np.lexsort((window.antenna, window.item))
        known = zone_of[window.antenna[order]] >= 0
        on_time = window.last_us[order] >= self._state["seen_us"][window.item[order]]
        self.late += int((known & ~on_time).sum())
        rows = order[known & on_time]
        if len(rows) == 0:
            return self._departures(window.end_us)
        touched = self._add(window, rows, zone_of, exit_of)
        return sorted(self._placements(touched) + self._departures(window.end_us), key=lambda change: change.item)

    def tick(self, now_us: int) -> list[ZoneChange]:
        """Let the gateway's time pass; a tick alone moves nothing, it only lets zones go blind.

        A clock that was ahead and is set back takes the looks along: otherwise no zone would go blind until it has
        caught up with itself.
        """
        self._now_us = now_us
        np.minimum(self._looked_tick, now_us, out=self._looked_tick)
        return []

    def blind_zones(self) -> frozenset[str]:
        """Return the zones that have antennas of which none looked for `BLIND_S`."""
        stale = self._covered & (self._now_us - self._looked_tick > BLIND_S * 1e6)
        return frozenset(self._zones[i] for i in np.flatnonzero(stale))

    # -- rules

    def _look(self, window: Window, zone_of: NDArray[np.int32], exit_of: NDArray[np.bool_]) -> None:
        """Add the window to the time that each zone was looked at; overlapping windows count once."""
        looking = (window.inventory_ms > 0) & (zone_of >= 0)
        zones = np.unique(zone_of[looking])
        fresh = zones[window.end_us > self._looked_end[zones]]
        self._looked_us[fresh] += window.end_us - np.maximum(self._looked_end[fresh], window.start_us)
        self._looked_end[fresh] = window.end_us
        if window.end_us >= self._now_us - LOOK_LATE_S * 1e6:
            self._looked_tick[fresh] = np.maximum(self._now_us, 1)
        if (looking & exit_of).any() and window.end_us > self._exit_end:
            self._exit_us += window.end_us - max(self._exit_end, window.start_us)
            self._exit_end = window.end_us

    def _add(
        self, window: Window, rows: NDArray[np.int64], zone_of: NDArray[np.int32], exit_of: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        """Fade and add evidence for the rows' items; return those items, sorted."""
        state = self._state
        item, zone = window.item[rows], zone_of[window.antenna[rows]]
        last_us, count = window.last_us[rows], window.count[rows]
        touched, start = np.unique(item, return_index=True)
        newest = np.maximum.reduceat(last_us, start)
        seen = state["seen_us"][touched]
        gap_s = np.where(seen > 0, (newest - seen) / 1e6, 0.0)
        evidence = state["evidence"]
        evidence[touched] *= np.exp(-gap_s / FADE_S)[:, None].astype(np.float32)
        forgotten = evidence[item, zone] <= CONTEND * evidence[item].max(axis=1)
        state["first_us"][item[forgotten], zone[forgotten]] = np.iinfo(np.int64).max
        np.minimum.at(state["first_us"], (item[forgotten], zone[forgotten]), window.first_us[rows][forgotten])
        state["reads"][item[forgotten], zone[forgotten]] = 0
        weight = np.minimum(count, READS_CAP) * 10 ** ((window.rssi_mean_cdbm[rows] + 6_500) / AMPLITUDE_CDB)
        np.add.at(evidence, (item, zone), weight.astype(np.float32))
        np.add.at(state["reads"], (item, zone), np.minimum(count, 100).astype(np.int32))
        state["seen_us"][touched] = newest
        interval = state["interval_s"]
        again = seen > 0
        interval[touched[again]] += (1 - INTERVAL_MEMORY) * (
            np.minimum(gap_s[again], 60.0) - interval[touched[again]]
        ).astype(np.float32)
        self._note_exits(window, rows, item, exit_of)
        return touched

    def _note_exits(
        self, window: Window, rows: NDArray[np.int64], item: NDArray[np.int32], exit_of: NDArray[np.bool_]
    ) -> None:
        """Remember which items an exit antenna heard last and loud, and how long their places had looked by then."""
        state = self._state
        at_exit = exit_of[window.antenna[rows]] & (window.rssi_peak_cdbm[rows] >= EXIT_PEAK_CDBM)
        latest = window.last_us[rows] == state["seen_us"][item]
        state["at_exit"][item] = False
        state["at_exit"][item[at_exit & latest]] = True
        place = state["place"][item]
        state["looked_at"][item] = np.where(place >= 0, self._looked_us[np.maximum(place, 0)], 0)
        state["exit_at"][item] = self._exit_us

    def _placements(self, touched: NDArray[np.int32]) -> list[ZoneChange]:
        state = self._state
        evidence, place = state["evidence"][touched], state["place"][touched]
        best = evidence.argmax(axis=1).astype(np.int32)
        rows = np.arange(len(touched))
        held = np.where(place >= 0, evidence[rows, np.maximum(place, 0)], 0.0)
        enough = state["reads"][touched, best] >= PLACE_READS
        moves = (best != place) & enough & (evidence[rows, best] > MARGIN * held)
        changes = []
        for row in np.flatnonzero(moves):
            item, to = int(touched[row]), int(best[row])
            was = int(place[row])
            state["place"][item] = to
            state["looked_at"][item] = self._looked_us[to]
            first_us = int(state["first_us"][item, to])
            cause = "appeared" if was == _UNPLACED else "returned" if was == _OUT else "moved"
            changes.append(
                ZoneChange(
                    item=item,
                    from_zone=OUT if was < 0 else self._zones[was],
                    to_zone=self._zones[to],
                    happened_us=first_us,
                    first_read_us=first_us,
                    decided_us=int(state["seen_us"][item]),
                    probability=None,
                    cause=cause,
                )
            )
        return changes

    def _departures(self, now_us: int) -> list[ZoneChange]:
        state = self._state
        waiting = np.flatnonzero(state["at_exit"] & (state["place"] >= 0))
        if len(waiting) == 0:
            return []
        place = state["place"][waiting]
        need_us = np.maximum(EXIT_SILENCE_S, EXIT_INTERVALS * state["interval_s"][waiting]) * 1e6
        # Neither counts for longer than since the item's last read: an edge may just be draining what it saw before.
        zone_us = np.minimum(
            self._looked_us[place] - state["looked_at"][waiting], self._looked_end[place] - state["seen_us"][waiting]
        )
        exit_us = np.minimum(self._exit_us - state["exit_at"][waiting], self._exit_end - state["seen_us"][waiting])
        silent_us = np.minimum(zone_us, exit_us)
        changes = []
        for item in waiting[silent_us >= need_us].tolist():
            last_us = int(state["seen_us"][item])
            was = int(state["place"][item])
            state["place"][item] = _OUT
            state["at_exit"][item] = False
            state["evidence"][item] = 0.0
            changes.append(ZoneChange(item, self._zones[was], OUT, last_us, last_us, now_us, None, "left"))
        return changes

    # -- memory

    def _grow(self, items: int) -> None:
        self._items = max(self._items, items)
        have = len(self._state["place"])
        if items <= have:
            return
        more = _columns(max(_GROW, items - have, have // 2), len(self._zones))
        self._state = {name: np.concatenate([column, more[name]]) for name, column in self._state.items()}

    def snapshot(self) -> bytes:
        """Return the whole state as MessagePack; equal states give equal bytes."""
        columns = {name: column[: self._items].tobytes() for name, column in sorted(self._state.items())}
        looked = {
            "looked_end": self._looked_end.tobytes(),
            "looked_tick": self._looked_tick.tobytes(),
            "looked_us": self._looked_us.tobytes(),
            "exit": np.array([self._exit_end, self._exit_us], np.int64).tobytes(),
        }
        return msgspec.msgpack.encode(
            _Snapshot(_VERSION, self._zones, self._items, self._now_us, self.late, columns, looked)
        )

    @classmethod
    def restore(cls, site: Site, snapshot: bytes) -> "SimpleTracker":
        """Return the tracker as `snapshot` left it; zones that the site file added since are empty.

        A zone that the site file no longer has keeps its items until they are read elsewhere. Raises `SnapshotError`.
        """
        try:
            saved = msgspec.msgpack.decode(snapshot, type=_Snapshot)
        except msgspec.DecodeError as error:
            raise SnapshotError(f"not a snapshot of the simple tracker: {error}") from error
        if saved.version != _VERSION:
            raise SnapshotError(f"snapshot version {saved.version}: this program reads version {_VERSION}")
        tracker = cls(site)
        tracker._zones = list(dict.fromkeys([*saved.zones, *tracker._zones]))
        tracker._read_site(site)
        old, new = len(saved.zones), len(tracker._zones)
        tracker._items, tracker._now_us, tracker.late = saved.items, saved.now_us, saved.late
        for name, empty in _columns(saved.items, old).items():
            column = np.frombuffer(saved.columns[name], empty.dtype).reshape(empty.shape).copy()
            added = np.zeros((saved.items, new - old), empty.dtype)
            tracker._state[name] = np.concatenate([column, added], axis=1) if column.ndim == 2 else column
        for name in ("looked_end", "looked_tick", "looked_us"):
            target = np.zeros(new, np.int64)
            target[:old] = np.frombuffer(saved.zone_columns[name], np.int64)
            setattr(tracker, f"_{name}", target)
        tracker._exit_end, tracker._exit_us = np.frombuffer(saved.zone_columns["exit"], np.int64).tolist()
        return tracker


def _columns(items: int, zones: int) -> dict[str, NDArray[Any]]:
    """Return empty state for `items` items: evidence, reads and first_us are [items, zones], the rest [items]."""
    return {
        "place": np.full(items, _UNPLACED, np.int16),
        "seen_us": np.zeros(items, np.int64),
        "interval_s": np.full(items, INTERVAL_START_S, np.float32),
        "at_exit": np.zeros(items, bool),
        "looked_at": np.zeros(items, np.int64),
        "exit_at": np.zeros(items, np.int64),
        "evidence": np.zeros((items, zones), np.float32),
        "reads": np.zeros((items, zones), np.int32),
        "first_us": np.zeros((items, zones), np.int64),
    }
