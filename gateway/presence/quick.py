"""The quick filter: follows an item that is being carried, position by position, second by second.

It runs only while an item's fingerprint is in doubt or was just broken. Its states are the positions around the item
(the patch of an antenna that hears it), each as good and as poor (a hand or a body before the tag), and one more:
*still*, the item lies where it lay, and its reads come from its own fingerprint of before. So a doubt that was none (a
crowd before the antenna, a lucky fade) ends in "still", and is no movement. Evidence is tempered: reads of a tag that
does not move share one multipath draw.

An item is updated when it is read, and else every few seconds: its looks in vain are kept until then.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.fingerprint import SLOTS
from gateway.presence.heard import Heard, Moment
from gateway.presence.patches import Kept, Patch
from gateway.presence.physics import Physics
from gateway.presence.places import Likelihood
from gateway.presence.plan import Plan
from gateway.presence.prior import Prior, spread
from wire.site import ZoneKind

BELOW: Final = np.float32(1e-9)
RATE_OF_STRANGERS: Final = 0.003
POOR_SHARE: Final = 0.15
POOR_HZ: Final = 1 / 1_200
LAZY_S: Final = 3.0
"""An item without a read waits so long for its looks in vain: cheaper by half, and nobody sees the difference."""

PATCH_FLOOR: Final = 0.02
"""Of an item that comes into another patch so much may be anywhere in it."""

_DRAWS: Final = np.array([-1.5, -0.9, -0.5, -0.16, 0.16, 0.5, 0.9, 1.5]) * 1.1
_VISITED: Final = frozenset({ZoneKind.FITTING_ROOM, ZoneKind.CHECKOUT})


class _Local:
    """Tables of one patch: looks in vain [q, 2p], where goods are carried in a second [p, p], how often they start."""

    def __init__(self, quick: "Quick", patch: Patch) -> None:
        at = patch.positions
        both = np.concatenate([at, at + quick.count])
        self.antennas = patch.antennas
        self.log_miss = np.ascontiguousarray(quick.log_miss[np.ix_(patch.antennas, both)])
        walk = quick.walk[np.ix_(at, at)]
        self.walk = walk / np.maximum(walk.sum(1, keepdims=True), np.float32(1e-12))
        self.moving = quick.moving[at]
        self.zone_sums = quick.zone_sums[at]
        strongest = np.argsort(-quick.plan.level_dbm[at].max(0), kind="stable")[: len(patch.antennas) // 2 + 1]
        self.inner = np.zeros(quick.plan.level_dbm.shape[1], bool)
        self.inner[strongest] = True


class Quick:
    """Beliefs of the watched rows: `rows` [m], and a `table` with a row for each, in the same order.

    Its columns: `belief` [2p + 1] (good, poor, still) over the `patch`; `mass` [zones], what it comes to; `start` [p];
    `slot`, `rate`, `level` of the fingerprint of before, and its `zone`; `missed` [antennas] and `waited`, what was not
    counted yet.
    """

    mutes: Final = True

    def __init__(self, plan: Plan, prior: Prior, likelihood: Likelihood, air: Air, physics: Physics) -> None:
        self.plan = plan
        self._physics = physics
        self._prior = prior
        self._air = air
        self._likelihood = likelihood
        patches = self._patches = likelihood.patches
        self.share = physics.quick_share
        self.switch = physics.quick_switch
        self.count = len(plan.x)
        self.zone_sums = prior.zone_sums
        self.positions = np.stack([patch.positions for patch in patches])
        size = self.positions.shape[1]
        self._size = size
        antennas = len(plan.antennas)
        self.rows = np.zeros(0, np.int64)
        self.table = Columns(
            {
                "belief": (np.float32, (2 * size + 1,), 0),
                "mass": (np.float32, (len(plan.zones),), 0),
                "start": (np.float16, (size,), 0),
                "slot": (np.int16, (SLOTS,), -1),
                "rate": (np.float32, (SLOTS,), 0),
                "level": (np.float32, (SLOTS,), 0),
                "zone": (np.int16, (), -1),
                "patch": (np.int32, (), 0),
                "missed": (np.float32, (antennas,), 0),
                "waited": (np.float32, (), 0),
            }
        )
        self.told = np.zeros((0, len(plan.zones)), np.float32)
        self.said, self.log_miss, self.mean, self.narrow = self._emissions()
        self.walk, self.moving = self._ways()
        self._local = Kept(lambda number: _Local(self, patches[number]))

    def _emissions(self) -> list[NDArray[np.float32]]:
        """Return tables of each position, good then poor, each [a, 2g].

        They are: log P(hit) and of the density of its RSSI at the mean, log P(no hit), that mean, and how narrow the
        density is.
        """
        physics = self._physics
        size = self.plan.level_dbm.shape
        rate, mean, sd = np.zeros(size), np.zeros(size), np.zeros(size)
        for antenna in range(len(self.plan.antennas)):
            level = self.plan.level_dbm[:, antenna].astype(float)[:, None]
            level = level + _DRAWS * physics.quick_sd_db - physics.quick_body_db
            heard = 0.95 / (1 + np.exp(-(level - physics.sensitivity_dbm) / 1.5)) + 1e-9
            rate[:, antenna] = heard.mean(1) * 0.5
            mean[:, antenna] = (heard * level).sum(1) / heard.sum(1)
            off = level - mean[:, antenna, None]
            sd[:, antenna] = np.sqrt((heard * off**2).sum(1) / heard.sum(1) + 4)
        sd = np.maximum(sd, 3.0)
        rate = np.clip(rate, 1e-3, 0.9)
        rate = np.r_[rate, np.maximum(rate * physics.poor, 1e-5)]
        sd = np.r_[sd, sd]
        said = np.log(rate) * physics.hit_weight - physics.rssi_weight * np.log(sd)
        log_miss = np.log1p(-rate) * physics.quiet_weight
        made = said, log_miss, np.r_[mean, mean - 3], 0.5 * physics.rssi_weight / sd**2
        return [np.ascontiguousarray(part.T.astype(np.float32)) for part in made]

    def _ways(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return where goods are carried from each position [g, g], and how often in a second [g]."""
        physics, plan = self._physics, self.plan
        everywhere = np.arange(self.count)
        zone = plan.position_zone
        walk = np.exp(-plan.distances(everywhere, everywhere) / physics.quick_walk_m) * plan.reach[np.ix_(zone, zone)]
        np.fill_diagonal(walk, 0)
        visited = np.array([kind in _VISITED for kind in plan.zone_kind])[zone]
        return walk.astype(np.float32), np.where(visited, physics.visit_rate, physics.move_rate).astype(np.float32)

    # -- who is watched

    def watch(self, state: Columns, rows: NDArray[np.int64]) -> None:
        """Watch these rows (sorted) from now on, and no others; those watched already keep their beliefs."""
        wanted = np.zeros(state.rows, bool)
        wanted[rows] = True
        watched = np.zeros(state.rows, bool)
        watched[self.rows] = True
        new = rows[~watched[rows]]
        free = np.flatnonzero(~wanted[self.rows])
        if not len(new) and not len(free):
            return
        size = len(rows)
        holes = free[free < size]
        last = np.flatnonzero(wanted[self.rows[size:]]) + size  # watched rows beyond the table's new end
        fill, holes = holes[: len(last)], holes[len(last) :]
        table = self.table
        table.grow(size)
        for name in table.names:
            table[name][fill] = table[name][last]
        table.shrink(size)
        mine = np.empty(size, np.int64)
        mine[: len(self.rows)] = self.rows[:size]
        mine[fill] = self.rows[last]
        places = np.concatenate([holes, np.arange(len(self.rows), size)])
        table.reset(places)
        mine[places] = new
        self.rows = mine
        if len(new):
            self._begin(state, places, self._likelihood.patch_of(state, new))

    def _begin(self, state: Columns, new: NDArray[np.int64], patch: NDArray[np.int64]) -> None:
        fresh, table, size = self.rows[new], self.table, self._size
        table["patch"][new] = patch
        at, weight = state["post_at"][fresh].astype(np.int64), state["post_weight"][fresh]
        near = np.zeros((len(fresh), size), np.float32)
        for number in np.unique(patch).tolist():
            mine = np.flatnonzero(patch == number)
            local = self._prior.local[number]
            here = local.index[at[mine]]
            near[mine] = 0.5 * spread(local.near, here, weight[mine]) + 0.5 * spread(local.walk, here, weight[mine])
        total = near.sum(1, keepdims=True)
        unknown = total[:, 0] <= 1e-6
        near = np.where(unknown[:, None], 1 / size, near / np.maximum(total, 1e-9)).astype(np.float32)
        still = np.where(unknown, 0.0, self._physics.quick_still).astype(np.float32)
        table["start"][new] = near
        table["belief"][new, :size] = 0.8 * near * (1 - still[:, None])
        table["belief"][new, size:-1] = 0.2 * near * (1 - still[:, None])
        table["belief"][new, -1] = still
        reads = state["seg_reads"][fresh]
        table["slot"][new] = np.where(reads > 0, state["slot"][fresh], -1)
        table["rate"][new] = np.clip((state["seg_hits"][fresh] + 0.1) / (state["seg_looks"][fresh] + 1), 0.003, 0.9)
        table["level"][new] = state["seg_sum"][fresh] / np.maximum(reads, 1)
        table["zone"][new] = state["calm_zone"][fresh]
        self._sum_up(new[np.argsort(patch, kind="stable")])

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Watch these rows no more."""
        keep = np.flatnonzero(~np.isin(self.rows, rows))
        if len(keep) == len(self.rows):
            return
        if len(self.told) == len(self.rows):
            self.told = self.told[keep]
        self.rows = self.rows[keep]
        self.table.keep(keep)

    def renumber(self, new: NDArray[np.int64]) -> None:
        """Take the new numbers of rows, in the same order; those that are watched all have one."""
        self.rows = new[self.rows]

    # -- following

    def follow(self, heard: Heard, moment: Moment) -> None:
        """Take one window's reads (`row` indexes `rows`) and looks in vain."""
        row, antenna, rssi = heard.row, heard.antenna, heard.rssi_dbm
        table = self.table
        table["missed"][:] += moment.missed
        table["waited"][:] += np.float32(moment.seconds)
        due = table["waited"] >= LAZY_S
        due[row] = True
        rows = np.flatnonzero(due)
        if not len(rows):
            return
        if len(self._patches) > 1:
            self._recentre(row, antenna, rssi)
        rows = rows[np.argsort(table["patch"][rows], kind="stable")]
        belief, waited, start, missed = (table[name][rows] for name in ("belief", "waited", "start", "missed"))
        log = np.empty_like(belief)
        for number, first, last in _runs(table["patch"][rows]):
            local = self._local[number]
            belief[first:last] = self._moved(belief[first:last], local, start[first:last], waited[first:last])
            np.matmul(missed[first:last, local.antennas], local.log_miss, out=log[first:last, :-1])
        log[:, -1] = self._still_missed(rows, missed)
        if len(row):
            place = np.empty(len(table["patch"]), np.int64)
            place[rows] = np.arange(len(rows))
            positions = self.positions[table["patch"][row]]
            at = antenna[:, None], np.concatenate([positions, positions + self.count], axis=1)
            off = rssi[:, None].astype(np.float32) - self.mean[at]
            said = self.said[at] - self.narrow[at] * off * off
            begin = np.flatnonzero(np.diff(row, prepend=-1))
            log[place[row[begin]], :-1] += np.add.reduceat(said, begin)
            log[place[row[begin]], -1] += np.add.reduceat(self._still_heard(heard), begin)
        if self._physics.quick_still <= 0:
            log[:, -1] = -99
        log -= log.max(1, keepdims=True)
        belief *= np.exp(log, out=log)
        belief /= belief.sum(1, keepdims=True)
        table["belief"][rows] = np.maximum(belief, BELOW, out=belief)
        table["missed"][rows] = 0
        table["waited"][rows] = 0
        self._sum_up(rows)

    def _sum_up(self, rows: NDArray[np.int64]) -> None:
        """Sum the beliefs of rows, ordered by patch, to zones."""
        table, size = self.table, self._size
        belief = table["belief"][rows]
        both = belief[:, :size] + belief[:, size:-1]
        made = np.zeros((len(rows), self.zone_sums.shape[1]), np.float32)
        for number, first, last in _runs(table["patch"][rows]):
            np.matmul(both[first:last], self._local[number].zone_sums, out=made[first:last])
        zone = table["zone"][rows]
        known = np.flatnonzero(zone >= 0)
        made[known, zone[known]] += belief[known, -1]
        table["mass"][rows] = made / np.maximum(made.sum(1, keepdims=True), np.float32(1e-9))

    def _moved(
        self,
        belief: NDArray[np.float32],
        local: _Local,
        start: NDArray[np.float16],
        seconds: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return the beliefs after a few seconds of walking."""
        physics, size = self._physics, self._size
        passed = seconds[:, None]
        moving = np.minimum(local.moving * passed, np.float32(0.5))
        good, poor, still = belief[:, :size], belief[:, size:-1], belief[:, -1:]
        leaving = np.minimum(physics.quick_leave * passed, 0.5) * still
        fresh = ((good + poor) * moving) @ local.walk + leaving * start.astype(np.float32)
        turn = np.float32(POOR_HZ) * passed
        made = np.empty_like(belief)
        made[:, :size] = (1 - moving - turn) * good + turn * poor + (1 - POOR_SHARE) * fresh
        made[:, size:-1] = (1 - moving - turn) * poor + turn * good + POOR_SHARE * fresh
        made[:, -1:] = still - leaving
        return made

    def _recentre(self, row: NDArray[np.int64], antenna: NDArray[np.int64], rssi: NDArray[np.float64]) -> None:
        """Take items into the patch of the antenna that hears them best, when it is at the edge of theirs."""
        if not len(row):
            return
        order = np.lexsort((rssi, row))
        last = order[np.flatnonzero(np.diff(row[order], append=-1))]
        for index in last.tolist():
            mine, heard = int(row[index]), int(antenna[index])
            if self._local[int(self.table["patch"][mine])].inner[heard]:
                continue
            new = heard if len(self._patches) > heard else 0
            self._carry(mine, new)

    def _carry(self, mine: int, new: int) -> None:
        table, size = self.table, self._size
        old, belief = int(table["patch"][mine]), table["belief"][mine]
        good, poor, start = (np.zeros(self.count, np.float32) for _ in range(3))
        good[self.positions[old]] = belief[:size]
        poor[self.positions[old]] = belief[size:-1]
        start[self.positions[old]] = table["start"][mine]
        at = self.positions[new]
        floor = np.float32(PATCH_FLOOR / size)
        belief[:size] = good[at] + floor
        belief[size:-1] = poor[at] + floor * np.float32(POOR_SHARE)
        belief /= belief.sum()
        table["start"][mine] = start[at] + floor
        table["patch"][mine] = new

    def _still_missed(self, rows: NDArray[np.int64], missed: NDArray[np.float32]) -> NDArray[np.float32]:
        slot = self.table["slot"][rows]
        often = np.take_along_axis(missed, np.maximum(slot, 0).astype(np.int64), axis=1)
        log = np.where(slot >= 0, often * np.log1p(-self.table["rate"][rows]), 0).sum(1) * self._physics.quiet_weight
        return np.asarray(log, np.float32)

    def _still_heard(self, heard: Heard) -> NDArray[np.float32]:
        physics, air = self._physics, self._air
        row, antenna, rssi = heard.row, heard.antenna, heard.rssi_dbm
        table = self.table
        same = table["slot"][row] == antenna[:, None]
        place = same.argmax(1)
        known = same[np.arange(len(row)), place]
        rate = np.where(known, table["rate"][row, place], RATE_OF_STRANGERS)
        fair = rssi - air.crowd_db[antenna]
        sd = np.where(known, np.sqrt(air.read_var[0] + physics.quick_still_var), physics.elsewhere_sd_db)
        off = fair - np.where(known, table["level"][row, place], physics.elsewhere_dbm)
        log = physics.hit_weight * np.log(rate) - physics.rssi_weight * (0.5 * (off / sd) ** 2 + np.log(sd))
        return np.asarray(log, np.float32)

    def zones(self) -> NDArray[np.float32]:
        """Return the probability of each zone, shape [m, zones]."""
        return np.asarray(self.table["mass"].copy(), np.float32)

    # -- memory

    def dump(self) -> dict[str, bytes]:
        """Return the tables as bytes."""
        return {**self.table.dump(), "rows": self.rows.tobytes(), "told": self.told.tobytes()}

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Take what `dump` gave; what another quick part wrote, or one of other sizes, begins anew."""
        try:
            rows = np.frombuffer(saved["rows"], np.int64)
            self.table.load(len(rows), saved)
            self.told = np.frombuffer(saved["told"], np.float32).reshape(-1, self.told.shape[1]).copy()
            self.rows = rows.copy()
        except (KeyError, ValueError):  # a `SnapshotError` is one
            self.table.shrink(0)


def _runs(numbers: NDArray[np.int32]) -> Iterator[tuple[int, int, int]]:
    """Return each run of equal numbers: which, from where, and where the next begins."""
    cut = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1)).tolist()
    for first, last in pairwise(cut):
        yield int(numbers[first]), first, last
