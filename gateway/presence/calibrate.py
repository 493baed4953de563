"""Fits a sensor model: windows of a survey, and the truth of where its items were, become counts.

Theory of operation. A survey is one walk or several: items with known places, some of them carried. Window by window,
each item that has a place is a trial for each antenna that looked: was it read, at which level, and how did the level
move? Summed by true zone this is the model; nothing is fitted beyond counts, means and spreads.

Two things are found on the way. *Silence*: in Gen2 session 1 a tag that answered is silent for some seconds, and looks
in that time say nothing. The survey counts hits in looks within `SOON_S` of a read beside those expected there; when
half of them are missing, looks within `QUIET_S` are left out. *Folds*: items are counted in two halves, so that each
half can be judged by the model of the other one (`gateway.presence.calibrate_check`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence import motion
from gateway.presence.columns import Columns
from gateway.presence.model import MOTION_KINDS, Confusion, Model, Reception, SurveyedAntenna, SurveyedZone
from gateway.presence.tracker import Window
from wire.errors import WireError
from wire.site import OUT, Site, ZoneKind

FOLDS: Final = 2
QUIET_S: Final = 5.0
"""Gen2 session 1: the inventoried flag of a tag lasts 0.5 to 5 s, powered or not."""

SOON_S: Final = 2.0
"""So soon after a read three of four tags are still silent in session 1, if it is silent for 0.5 to 5 s."""

_QUIET_EXPECTED: Final = 20.0
"""Hits that have to be expected so soon after reads before their absence counts."""

_GAP_MAX_S: Final = 5.0
"""Time without any window beyond this belongs to no zone: nobody looked."""

_LEVEL_STEP_DB, _LEVEL_MIN_DBM, _LEVELS = 0.5, -150.0, 401
_CHANGE_STEP_DB, _CHANGES = 0.1, 400
_SPEAKS: Final = 200
"""Windows with a read from which on a quantile is told."""

_NOWHERE: Final = -1
_SUMS: Final = (
    "_changes",
    "_free_hits",
    "_free_looks",
    "_hits",
    "_items",
    "_items_read",
    "_leaves",
    "_level",
    "_levels",
    "_look_ms",
    "_look_windows",
    "_looks",
    "_motion",
    "_read_seconds",
    "_seconds",
    "_soon_hits",
    "_soon_looks",
    "_square",
    "_stays",
    "_subjects_read",
    "_walked_s",
    "_walks",
)


class CalibrationError(WireError):
    """A survey that no model can be made from: the message says what is missing."""

    code = "calibration"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Where the subjects of one walk were: changes ordered by time, shape [m] each.

    `subject`: 0 to `subjects` - 1; `zone`: number in the survey's zones, below 0 for `OUT`. A subject has no place
    before its first change.
    """

    subjects: int
    subject: NDArray[np.int64]
    at_us: NDArray[np.int64]
    zone: NDArray[np.int64]


class Places:
    """Follows a truth through time: `zone` [subjects] is where each one is, below 0 for nowhere."""

    def __init__(self, truth: Truth) -> None:
        if (np.diff(truth.at_us) < 0).any():
            raise AssertionError("a truth is ordered by time")
        self._truth = truth
        self._next = 0
        self.zone = np.full(truth.subjects, _NOWHERE, np.int64)

    def advance(self, end_us: int) -> list[tuple[int, int, int]]:
        """Go to the state just before `end_us`; return the changes on the way: (subject, from, to)."""
        truth, changes = self._truth, []
        upto = int(np.searchsorted(truth.at_us, end_us, side="left"))
        for row in range(self._next, upto):
            subject, zone = int(truth.subject[row]), int(truth.zone[row])
            if zone != self.zone[subject]:
                changes.append((subject, int(self.zone[subject]), zone))
                self.zone[subject] = zone
        self._next = max(upto, self._next)
        return changes


class Survey:
    """Counts windows against a truth. Call `begin` for each walk, `take` for each of its windows, then `model`."""

    def __init__(self, site: Site) -> None:
        zone_of = site.zone_of_antenna()
        if not zone_of:
            raise CalibrationError(f"site {site.id!r} has no antennas: there is nothing to calibrate")
        self.site = site.id
        self.zones = tuple(zone.id for zone in site.zones)
        self.antennas = tuple(zone_of)
        self.exits = np.array([site.zone(zone).kind is ZoneKind.EXIT for zone in zone_of.values()])
        self._number = {key: at for at, key in enumerate(self.antennas)}
        shape = (FOLDS, len(self.zones), len(self.antennas))
        self._looks, self._hits, self._free_looks, self._free_hits = (np.zeros(shape, np.int64) for _ in range(4))
        self._soon_looks, self._soon_hits = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._level, self._square = np.zeros(shape), np.zeros(shape)
        self._motion = np.zeros((*shape[:2], MOTION_KINDS), np.int64)
        self._leaves = np.zeros((*shape[:2], len(self.zones)), np.int64)
        self._stays, self._items, self._items_read = (np.zeros(shape[:2], np.int64) for _ in range(3))
        self._seconds, self._read_seconds = np.zeros(shape[:2]), np.zeros(shape[:2])
        self._subjects_read = np.zeros(FOLDS, np.int64)
        self._walked_s = 0.0
        self._levels, self._changes = np.zeros(_LEVELS, np.int64), np.zeros(_CHANGES, np.int64)
        self._look_ms, self._look_windows = np.zeros(shape[2]), np.zeros(shape[2], np.int64)
        self._walks = 0

    # -- one walk

    def begin(self, truth: Truth) -> None:
        """Begin with a walk: its subjects are others than those of the walks before."""
        self._places = Places(truth)
        self._fold = (np.arange(truth.subjects) + self._walks) % FOLDS
        self._walks += 1
        self._memory = Columns(motion.SHAPES)
        self._memory.grow(truth.subjects)
        self._heard_us = np.full(truth.subjects, np.iinfo(np.int64).min // 2)
        self._read = np.zeros(truth.subjects, bool)
        self._been, self._been_read = (np.zeros((truth.subjects, len(self.zones)), bool) for _ in range(2))
        self._end_us = 0

    def take(self, window: Window, subject: NDArray[np.int64]) -> None:
        """Count a window of the walk; `subject`: which subject each of its observations is of, below 0 for none."""
        self._move(window.end_us)
        index = np.array([self._number.get(key, -1) for key in window.antennas], np.int64)
        zone = self._places.zone
        silent_us = window.end_us - self._heard_us
        antenna = index[window.antenna] if len(window.antenna) else np.zeros(0, np.int64)
        row = np.flatnonzero((subject >= 0) & (antenna >= 0))
        row = row[zone[subject[row]] >= 0]
        row = row[np.lexsort((antenna[row], subject[row]))]
        pair = subject[row] * len(self.antennas) + antenna[row]
        row = row[np.flatnonzero(np.diff(pair, prepend=-1))]
        self._count_looks(window, index, np.union1d(index[window.inventory_ms > 0], antenna[antenna >= 0]), silent_us)
        if len(row):
            self._count_reads(subject[row], antenna[row], window.rssi_mean_cdbm[row] / 100.0, silent_us, window.end_us)

    def merge(self, other: "Survey") -> None:
        """Add what another survey of the same site counted; neither may be in the middle of a walk."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def _move(self, end_us: int) -> None:
        """Let the truth go on to a window's end, and time pass: it belongs to the zones at its end."""
        fold = self._fold
        for subject, before, after in self._places.advance(end_us):
            if after >= 0:
                self._stays[fold[subject], after] += 1
                self._items[fold[subject], after] += not self._been[subject, after]
                self._been[subject, after] = True
            if before >= 0 and after >= 0:
                self._leaves[fold[subject], before, after] += 1
        if end_us > self._end_us:
            passed_s = min((end_us - self._end_us) / 1e6, _GAP_MAX_S) if self._end_us else 1.0
            here = np.flatnonzero(self._places.zone >= 0)
            np.add.at(self._seconds, (fold[here], self._places.zone[here]), passed_s)
            self._walked_s += passed_s
            self._end_us = end_us

    def _count_looks(
        self, window: Window, index: NDArray[np.int64], looked: NDArray[np.int64], silent_us: NDArray[np.int64]
    ) -> None:
        """Count a look of each antenna that `looked` at each subject that has a place."""
        looked = looked[looked >= 0]
        zone, fold = self._places.zone, self._fold
        here = np.flatnonzero(zone >= 0)
        group = fold[here] * len(self.zones) + zone[here]
        cells = FOLDS * len(self.zones)
        everyone = np.bincount(group, minlength=cells).reshape(FOLDS, -1, 1)
        ready, soon = (
            np.bincount(group[chosen], minlength=cells).reshape(FOLDS, -1, 1)
            for chosen in (silent_us[here] >= QUIET_S * 1e6, silent_us[here] <= SOON_S * 1e6)
        )
        self._looks[:, :, looked] += everyone
        self._soon_looks[:, :, looked] += soon
        self._free_looks[:, :, looked] += np.where(self.exits[looked], everyone, ready)
        timed = (index >= 0) & (window.inventory_ms > 0)
        np.add.at(self._look_ms, index[timed], window.inventory_ms[timed])
        np.add.at(self._look_windows, index[timed], 1)

    def _count_reads(
        self,
        subject: NDArray[np.int64],
        antenna: NDArray[np.int64],
        rssi: NDArray[np.float64],
        silent_us: NDArray[np.int64],
        end_us: int,
    ) -> None:
        """Count reads, distinct and ordered by subject, then antenna."""
        zone, fold = self._places.zone[subject], self._fold[subject]
        cell = fold, zone, antenna
        np.add.at(self._hits, cell, 1)
        np.add.at(self._free_hits, cell, (silent_us[subject] >= QUIET_S * 1e6) | self.exits[antenna])
        np.add.at(self._soon_hits, cell, silent_us[subject] <= SOON_S * 1e6)
        np.add.at(self._level, cell, rssi)
        np.add.at(self._square, cell, rssi * rssi)
        kind, change = motion.kinds(self._memory, subject, antenna, rssi, end_us)
        known = kind >= 0
        np.add.at(self._motion, (fold[known], zone[known], kind[known]), 1)
        change = change[~np.isnan(change)]
        self._changes += np.bincount(
            np.minimum((change / _CHANGE_STEP_DB).astype(np.int64), _CHANGES - 1), minlength=_CHANGES
        )
        level = np.clip(np.rint((rssi - _LEVEL_MIN_DBM) / _LEVEL_STEP_DB), 0, _LEVELS - 1).astype(np.int64)
        self._levels += np.bincount(level, minlength=_LEVELS)
        motion.remember(self._memory, subject, antenna, rssi, end_us)
        who = np.unique(subject)
        where = self._places.zone[who]
        np.add.at(self._read_seconds, (self._fold[who], where), 1.0)
        np.add.at(self._items_read, (self._fold[who], where), ~self._been_read[who, where])
        self._been_read[who, where] = True
        np.add.at(self._subjects_read, self._fold[who], ~self._read[who])
        self._read[who] = True
        self._heard_us[subject[~self.exits[antenna]]] = end_us

    # -- what was found

    def can_hold_out(self) -> bool:
        """Whether both halves of the items were read, so that each can be judged by the other."""
        return bool((self._subjects_read > 0).all())

    def quiet_s(self) -> float:
        """Return how long a tag is silent after a read, as far as the survey shows it: 0, or `QUIET_S`."""
        inner = ~self.exits
        tables = (self._free_looks, self._free_hits, self._soon_looks, self._soon_hits)
        looks, hits, soon_looks, soon_hits = (table.sum(0)[:, inner] for table in tables)
        expected = float((soon_looks * hits / np.maximum(looks, 1)).sum())
        found = int(soon_hits.sum())
        return QUIET_S if expected >= _QUIET_EXPECTED and found < expected / 2 else 0.0

    def model(self, *, made_at: str, made_from: Sequence[str], folds: Sequence[int] = range(FOLDS)) -> Model:
        """Return the model of the items in `folds`. Raises `CalibrationError` when none of them was read."""
        chosen = list(folds)
        if not self._subjects_read[chosen].any():
            raise CalibrationError(
                "no read of an item while the truth says where it is: the reads and the truth have to be of the same "
                "items (EPCs) and the same time"
            )
        quiet_s = self.quiet_s()
        looks, hits = (self._free_looks, self._free_hits) if quiet_s else (self._looks, self._hits)
        windows = self._hits[chosen].sum(0)
        mean = self._level[chosen].sum(0) / np.maximum(windows, 1)
        sd = np.sqrt(np.maximum(self._square[chosen].sum(0) / np.maximum(windows, 1) - mean**2, 0))
        zones = []
        for z, name in enumerate(self.zones):
            leaves = self._leaves[chosen].sum(0)[z]
            heard = tuple(
                Reception(
                    antenna=a,
                    hits=int(hits[chosen].sum(0)[z, a]),
                    windows=int(windows[z, a]),
                    rssi_dbm=round(float(mean[z, a]), 2),
                    rssi_sd_db=round(float(sd[z, a]), 2),
                )
                for a in np.flatnonzero(windows[z]).tolist()
            )
            zones.append(
                SurveyedZone(
                    zone=name,
                    items=int(self._items[chosen, z].sum()),
                    items_read=int(self._items_read[chosen, z].sum()),
                    stays=int(self._stays[chosen, z].sum()),
                    seconds=round(float(self._seconds[chosen, z].sum()), 3),
                    read_seconds=round(float(self._read_seconds[chosen, z].sum()), 3),
                    leaves={self.zones[k]: int(leaves[k]) for k in np.flatnonzero(leaves).tolist()},
                    motion=tuple(self._motion[chosen, z].sum(0).tolist()),
                    looks=tuple(looks[chosen].sum(0)[z].tolist()),
                    heard=heard,
                )
            )
        look_ms = self._look_ms / np.maximum(self._look_windows, 1)
        return Model(
            site=self.site,
            made_at=made_at,
            made_from=tuple(made_from),
            items=int(self._subjects_read[chosen].sum()),
            windows=int(windows.sum()),
            seconds=round(self._walked_s, 3),
            quiet_s=quiet_s,
            sensitivity_dbm=self._sensitivity_dbm(),
            read_sd_db=self._read_sd_db(),
            antennas=tuple(
                SurveyedAntenna(device=device, port=port, look_ms=round(float(ms), 1))
                for (device, port), ms in zip(self.antennas, look_ms, strict=True)
            ),
            zones=tuple(zones),
        )

    def _sensitivity_dbm(self) -> float | None:
        """Return the level below which 3 % of the reads are."""
        total = int(self._levels.sum())
        if total < _SPEAKS:
            return None
        at = int(np.searchsorted(np.cumsum(self._levels), 0.03 * total))
        return _LEVEL_MIN_DBM + at * _LEVEL_STEP_DB

    def _read_sd_db(self) -> float | None:
        """Return the spread of a still item's windows, from the median change between two: few are carried."""
        total = int(self._changes.sum())
        if total < _SPEAKS:
            return None
        at = int(np.searchsorted(np.cumsum(self._changes), 0.5 * total))
        return round((at + 0.5) * _CHANGE_STEP_DB / 0.954, 2)  # median of |difference of two normals| = .954 sd


def with_confusion(model: Model, confusion: Confusion) -> Model:
    """Return the model with what a check of it found."""
    return Model(**({name: getattr(model, name) for name in model.__struct_fields__} | {"confusion": confusion}))


def zone_number(zones: Sequence[str], name: str) -> int:
    """Return the number of a truth's zone: below 0 for `OUT` and for no zone. Raises `KeyError` for an unknown one."""
    if name in {OUT, ""}:
        return _NOWHERE
    if name not in zones:
        raise KeyError(name)
    return list(zones).index(name)
