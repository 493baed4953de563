"""The quick filter of a surveyed site: a forward Bayes filter over zones, with what the survey found as its emissions.

States. Each zone is two: *good*, and *poor* (a hand or a body before the tag: hardly read, 3 dB weaker). A zone that
counts as another one keeps states of its own. A zone that was never surveyed gets nominal ones, so that it stays
possible. One state for a zone did as well as one for each of its antennas, in stores and on real reads.

Evidence of one window, all of it tempered, because the reads of an item share one multipath draw:

* a read at an antenna: log P(read | zone) and the level's normal density;
* the *motion* of each read (`gateway.presence.motion`): how far the level moved, or an antenna that is new;
* a look in vain: log P(no read | zone).

Goods move as they did in the survey: rates of leaving, and where they went.

Real reads (UCI 427, leave one trial out) chose motion and the flat tempering; the weights of hits, levels and misses
are those of the engine's other quick filter. See docs/calibrate.md for figures.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence import motion
from gateway.presence.columns import Columns
from gateway.presence.model import MOTION_KINDS, Model, SurveyedZone
from wire.site import Site

DT_MAX_S: Final = 30.0
"""After a longer pause than this the survey's rates say no more about where an item went than after this."""

POOR_SHARE: Final = 0.15
POOR_RATE: Final = 1 / 1_200
POOR_LOSS_DB: Final = 3.0
FLOOR: Final = 1e-6
"""No zone becomes less probable than this: so a single stray read is not needed to be survived for ever."""

LEVEL_WINDOWS: Final = 3.0
"""Windows that the antenna's level at all zones weighs in a zone's own."""

LEVEL_VAR_DB: Final = 25.0
SD_MIN_DB: Final = 1.4
RATE_MIN, RATE_MAX = 1e-4, 0.95
MOTION_READS: Final = 4.0
"""Reads that the motion at all zones weighs in a zone's own."""

LEAVE_MIN_HZ, LEAVE_MAX_HZ = 1 / 3_600, 0.2
_TOUCHING, _APART = 0.5, 1e-3
"""Weight of a way that nobody took in the survey, through a passage and without one."""

_NOMINAL_LEAVE_HZ: Final = 1 / 600
_OWN_RATE, _STRAY_RATE = 0.4, 0.02
_OWN_DBM, _STRAY_DBM, _NOMINAL_SD_DB = -58.0, -66.0, 7.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What a piece of evidence counts, beside independent evidence; `poor`: reads in a hand beside those without."""

    hit: float = 0.6
    rssi: float = 0.3
    miss: float = 0.5
    motion: float = 1.0
    poor: float = 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """Tables of k surveyed (or nominal) zones and a antennas, from a model.

    Attributes:
        zones: The zones that are told, `counts_as` applied, shape [z]; `zone` [k] says which one a state counts as.
        names: The zones that states stand for, shape [k].
        rate, level_dbm, sd_db: P(read | one usual look), mean and sd of a window's RSSI, shape [k, a].
        motion: P(kind of change | read), shape [k, MOTION_KINDS].
        leave_hz, jump: Rate of leaving, and where to (rows sum to one), shapes [k], [k, k].
        share: Prior of a state, given the zone that it counts as, shape [k].
        look_ms: Usual look of each antenna, shape [a]; 0: not known.
        quiet_s: After a read a tag may be silent for so long.
    """

    zones: tuple[str, ...]
    names: tuple[str, ...]
    zone: NDArray[np.int64]
    rate: NDArray[np.float64]
    level_dbm: NDArray[np.float64]
    sd_db: NDArray[np.float64]
    motion: NDArray[np.float64]
    leave_hz: NDArray[np.float64]
    jump: NDArray[np.float64]
    share: NDArray[np.float64]
    look_ms: NDArray[np.float64]
    quiet_s: float


def emission_of(model: Model, site: Site) -> Emission:
    """Return the tables of a model, antennas in the order of `site.zone_of_antenna()`, zones in that of the site file.

    The model has to be one of this site (`gateway.presence.model.check_model`).
    """
    keys = tuple(site.zone_of_antenna())
    number = {key: at for at, key in enumerate(keys)}
    order = np.array([number[key] for key in model.antenna_keys()], np.int64)
    surveyed = {zone.zone: zone for zone in model.zones if zone.seconds > 0}
    names = tuple(zone.id for zone in site.zones)
    told = tuple(dict.fromkeys(zone.counts_as for zone in site.zones))
    found = [surveyed.get(name) for name in names]
    windows, level, square, looks, hits = (np.zeros((len(names), len(keys))) for _ in range(5))
    for k, zone in enumerate(found):
        if zone is not None:
            looks[k, order] = zone.looks
            _add_heard(zone, order, (windows[k], level[k], square[k], hits[k]))
    mean, sd = _levels(windows, level, square)
    rate = (hits + 0.5) / (looks + 1)
    own = np.array([[zone == name for zone in site.zone_of_antenna().values()] for name in names])
    for k in (k for k, zone in enumerate(found) if zone is None):
        rate[k] = np.where(own[k], _OWN_RATE, _STRAY_RATE)
        mean[k] = np.where(own[k], _OWN_DBM, _STRAY_DBM)
        sd[k] = _NOMINAL_SD_DB
    seconds = np.array([zone.seconds if zone is not None else 0.0 for zone in found])
    zone_of = np.array([told.index(zone.counts_as) for zone in site.zones])
    look_ms = np.zeros(len(keys))
    look_ms[order] = [antenna.look_ms for antenna in model.antennas]
    leaves, jump = _ways(site, names, found)
    leave_hz = np.where(seconds > 0, (leaves + 0.5) / (seconds + 60), _NOMINAL_LEAVE_HZ)
    return Emission(
        zones=told,
        names=names,
        zone=zone_of,
        rate=np.clip(rate, RATE_MIN, RATE_MAX),
        level_dbm=mean,
        sd_db=sd,
        motion=_motion(found),
        leave_hz=np.clip(leave_hz, LEAVE_MIN_HZ, LEAVE_MAX_HZ),
        jump=jump,
        share=_shares(zone_of, seconds),
        look_ms=look_ms,
        quiet_s=model.quiet_s,
    )


def _add_heard(zone: SurveyedZone, order: NDArray[np.int64], sums: tuple[NDArray[np.float64], ...]) -> None:
    """Add a zone's receptions to windows, sums of levels and of their squares, and hits, each [a]."""
    windows, level, square, hits = sums
    for heard in zone.heard:
        at = order[heard.antenna]
        windows[at] = heard.windows
        level[at] = heard.windows * heard.rssi_dbm
        square[at] = heard.windows * (heard.rssi_sd_db**2 + heard.rssi_dbm**2)
        hits[at] = heard.hits


def _levels(
    windows: NDArray[np.float64], level: NDArray[np.float64], square: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sd, [k, a]: where a zone has few windows, the antenna's at all zones speaks."""
    total = windows.sum(0)
    usual = np.where(total > 0, level.sum(0) / np.maximum(total, 1), _STRAY_DBM)
    n = windows + LEVEL_WINDOWS
    mean = (level + LEVEL_WINDOWS * usual) / n
    variance = (square + LEVEL_WINDOWS * (usual**2 + LEVEL_VAR_DB)) / n - mean**2
    return mean, np.sqrt(np.maximum(variance, SD_MIN_DB**2))


def _motion(found: list[SurveyedZone | None]) -> NDArray[np.float64]:
    """Return P(kind | read, zone), [k, kinds]; a zone without reads has that of all."""
    count = np.array([zone.motion if zone is not None else (0,) * MOTION_KINDS for zone in found], float)
    usual = count.sum(0) + 0.1
    usual /= usual.sum()
    chance: NDArray[np.float64] = (count + MOTION_READS * usual) / (count.sum(1, keepdims=True) + MOTION_READS)
    return chance


def _ways(
    site: Site, names: tuple[str, ...], found: list[SurveyedZone | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each zone was left, [k], and where goods go from it, [k, k]."""
    size = len(names)
    counted = np.zeros((size, size))
    for k, zone in enumerate(found):
        for name, times in zone.leaves.items() if zone is not None else ():
            counted[k, names.index(name)] = times
    near = np.array([[name in site.touching(start) for name in names] for start in names])
    near |= ~near.any(1, keepdims=True)  # a site file without passages: everything touches
    ways = counted + np.where(near, _TOUCHING / np.maximum(near.sum(1, keepdims=True), 1), 0) + _APART
    np.fill_diagonal(ways, 0)
    if size == 1:
        return counted.sum(1), np.ones((1, 1))
    return counted.sum(1), ways / ways.sum(1, keepdims=True)


def _shares(zone_of: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prior of each state within the zone that it counts as, [k]: by surveyed time, none is nothing."""
    weight = seconds + 0.02 * seconds.sum() + 1
    shares: NDArray[np.float64] = weight / np.bincount(zone_of, weight)[zone_of]
    return shares


class Heard(NamedTuple):
    """Reads of one window, one for each item and antenna, shape [m] each.

    `row`: place of the item among the rows that are stepped; `rssi_dbm`: mean over the window's reads.
    """

    row: NDArray[np.int64]
    antenna: NDArray[np.int64]
    rssi_dbm: NDArray[np.float64]


class SurveyedFilter:
    """Beliefs of many items over the states of an `Emission`. Pure and deterministic; rows are the caller's numbers.

    `state` has the columns `belief` [2k] (good states, then poor ones), `at_us` (end of the last window that was
    taken; 0: none), and those of `gateway.presence.motion`.
    """

    def __init__(self, emission: Emission, weights: Weights | None = None) -> None:
        weights = Weights() if weights is None else weights
        self.emission = emission
        self.zones = emission.zones
        size = len(emission.zone)
        self.states = 2 * size
        rate = np.concatenate([emission.rate, np.maximum(emission.rate * weights.poor, RATE_MIN / 10)])
        sd = np.concatenate([emission.sd_db, emission.sd_db])
        self._log_hit = (weights.hit * np.log(rate) - weights.rssi * np.log(sd)).T.astype(np.float32)
        self._log_miss = (weights.miss * np.log1p(-rate)).T.astype(np.float32)
        self._level = np.concatenate([emission.level_dbm, emission.level_dbm - POOR_LOSS_DB]).T.astype(np.float32)
        self._narrow = (0.5 * weights.rssi / sd**2).T.astype(np.float32)
        log_motion = weights.motion * np.log(emission.motion)
        self._log_motion = np.concatenate([log_motion, log_motion]).T.astype(np.float32)
        self._rate_hz, self._jump = _dynamics(emission)
        self._zone = np.concatenate([emission.zone, emission.zone])
        self._sums = np.zeros((self.states, len(emission.zones)), np.float32)
        self._sums[np.arange(self.states), self._zone] = 1
        self._good = np.concatenate([0.8 * emission.share, 0.2 * emission.share]).astype(np.float32)
        even = self._good / np.float32(len(emission.zones))
        shapes: dict[str, tuple[Any, tuple[int, ...], Any]] = {
            "belief": (np.float32, (self.states,), even),
            "at_us": (np.int64, (), 0),
            **motion.SHAPES,
        }
        self.state = Columns(shapes)

    def grow(self, rows: int) -> None:
        """Have at least `rows` rows; a new one may be in any zone."""
        self.state.grow(rows)

    def restart(self, rows: NDArray[np.int64], by_zone: NDArray[np.floating[Any]] | None = None) -> None:
        """Forget these rows; what they hold from now on is `by_zone` (shape [rows, zones]; without it: any zone)."""
        self.state.reset(rows)
        if by_zone is not None:
            belief = np.maximum(by_zone[:, self._zone] * self._good, FLOOR)
            self.state["belief"][rows] = belief / belief.sum(1, keepdims=True)

    def step(
        self, now_us: int, rows: NDArray[np.int64], looks: NDArray[np.floating[Any]], heard: Heard
    ) -> NDArray[np.float32]:
        """Take one window, which ended at `now_us`, for `rows` (distinct); return their probabilities, [rows, zones].

        Args:
            now_us: End of the window.
            rows: The items to update, those without a read too. Others stay as they were, and catch up later.
            looks: Looks of each antenna, shape [a] or [rows, a]: 1 is a usual look; 0 where it did not look, or where a
                silence of the item says nothing (Gen2 session).
            heard: The window's reads; their order does not matter.
        """
        order = np.lexsort((heard.antenna, heard.row))
        row, antenna, rssi = heard.row[order], heard.antenna[order], heard.rssi_dbm[order]
        item = rows[row]
        belief = self._moved(now_us, rows)
        missed = np.broadcast_to(np.asarray(looks, np.float32), (len(rows), len(self._log_miss))).copy()
        missed[row, antenna] = 0
        log = missed @ self._log_miss
        if len(row):
            kind, _ = motion.kinds(self.state, item, antenna, rssi, now_us)
            off = rssi[:, None].astype(np.float32) - self._level[antenna]
            said = self._log_hit[antenna] - self._narrow[antenna] * off * off
            said += np.where((kind >= 0)[:, None], self._log_motion[kind], np.float32(0))
            first = np.flatnonzero(np.diff(row, prepend=-1))
            log[row[first]] += np.add.reduceat(said, first)
            motion.remember(self.state, item, antenna, rssi, now_us)
        belief *= np.exp(log - log.max(1, keepdims=True))
        np.maximum(belief, np.float32(FLOOR), out=belief)
        belief /= belief.sum(1, keepdims=True)
        self.state["belief"][rows] = belief
        self.state["at_us"][rows] = now_us
        return self._told(belief)

    def zones_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the probabilities of these rows as they stand, shape [rows, zones]."""
        return self._told(self.state["belief"][rows])

    def _moved(self, now_us: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the beliefs after the time since each row's last window."""
        at_us = self.state["at_us"][rows]
        passed_s = np.where(at_us > 0, np.clip((now_us - at_us) / 1e6, 0, DT_MAX_S), 1.0)
        stays = np.exp(-passed_s[:, None] * self._rate_hz).astype(np.float32)
        belief = self.state["belief"][rows]
        moved: NDArray[np.float32] = belief * stays + (belief * (1 - stays)) @ self._jump
        return moved

    def _told(self, belief: NDArray[np.float32]) -> NDArray[np.float32]:
        told: NDArray[np.float32] = belief @ self._sums
        told /= told.sum(1, keepdims=True)
        return told


def _dynamics(emission: Emission) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return how often each state is left, [2k], and for which one, [2k, 2k]."""
    size = len(emission.zone)
    ways = np.zeros((2 * size, 2 * size))
    going = emission.leave_hz[:, None] * emission.jump if size > 1 else np.zeros((1, 1))
    for start in (0, size):
        ways[start : start + size, :size] = (1 - POOR_SHARE) * going
        ways[start : start + size, size:] = POOR_SHARE * going
    here = np.arange(size)
    ways[here, here + size] += POOR_RATE
    ways[here + size, here] += POOR_RATE
    rate = ways.sum(1)
    return rate, (ways / rate[:, None]).astype(np.float32)
