"""The quick filter: follows an item that is being carried, position by position, second by second.

It runs only while an item's fingerprint is in doubt or was just broken. Its states are the positions of the plan, and
one more: *still*, the item lies where it lay, and its reads come from its own fingerprint of before. So a doubt that
was none (a crowd before the antenna, a lucky fade) ends in "still", and is no movement. Evidence is tempered: reads
of a tag that does not move share one multipath draw.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.fingerprint import SLOTS
from gateway.presence.physics import Physics
from gateway.presence.plan import Plan
from gateway.presence.prior import Prior, spread
from gateway.presence.tracker import SnapshotError
from wire.site import ZoneKind

BELOW: Final = 1e-9
_DRAWS: Final = np.array([-1.5, -0.9, -0.5, -0.16, 0.16, 0.5, 0.9, 1.5]) * 1.1
_VISITED: Final = frozenset({ZoneKind.FITTING_ROOM, ZoneKind.CHECKOUT})

_TABLE: Final = ("rows", "belief", "start", "slot", "rate", "level", "zone")


class Quick:
    """Beliefs of the rows that are being watched: `rows` [m], `belief` [m, positions + 1] (the last: still)."""

    def __init__(self, plan: Plan, prior: Prior, physics: Physics) -> None:
        self._physics = physics
        self._prior = prior
        self.mutes = True
        self.share = physics.quick_share
        self.switch = physics.quick_switch
        self.told = np.zeros((0, len(plan.zones)), np.float32)
        self._count = len(plan.x)
        self.rows = np.zeros(0, np.int64)
        self.belief = np.zeros((0, 2 * self._count + 1), np.float32)
        self.start = np.zeros((0, self._count), np.float32)
        self.slot = np.zeros((0, SLOTS), np.int16)
        self.rate = np.zeros((0, SLOTS), np.float32)
        self.level = np.zeros((0, SLOTS), np.float32)
        self.zone = np.zeros(0, np.int16)
        self.log_hit, self.log_miss, self.mean, self.sd = self._emissions(plan)
        everywhere = np.arange(self._count)
        zone = plan.position_zone
        walk = np.exp(-plan.distances(everywhere, everywhere) / physics.quick_walk_m) * plan.reach[np.ix_(zone, zone)]
        np.fill_diagonal(walk, 0)
        walk /= np.maximum(walk.sum(1, keepdims=True), 1e-12)
        self.walk = walk.astype(np.float32)
        visited = np.array([kind in _VISITED for kind in plan.zone_kind])[zone]
        self.moving = np.where(visited, physics.visit_rate, physics.move_rate).astype(np.float32)

    def _emissions(self, plan: Plan) -> tuple[NDArray[np.float32], ...]:
        """Return log P(hit), log P(no hit), mean and sd of the RSSI at each position, each [a, positions]."""
        physics = self._physics
        level = (
            plan.level_dbm.astype(float)[:, None, :]
            + _DRAWS[None, :, None] * physics.quick_sd_db
            - physics.quick_body_db
        )
        heard = 0.95 / (1 + np.exp(-(level - physics.sensitivity_dbm) / 1.5)) + 1e-9
        rate = np.clip(heard.mean(1) * 0.5, 1e-3, 0.9)
        mean = (heard * level).sum(1) / heard.sum(1)
        sd = np.sqrt((heard * (level - mean[:, None]) ** 2).sum(1) / heard.sum(1) + 4)
        sd = np.maximum(sd, 3.0)
        rate = np.r_[rate, np.maximum(rate * physics.poor, 1e-5)]
        logs = np.log(rate) * physics.hit_weight, np.log1p(-rate) * physics.quiet_weight
        made = (*logs, np.r_[mean, mean - 3], np.r_[sd, sd])
        return tuple(np.ascontiguousarray(part.T.astype(np.float32)) for part in made)

    def watch(self, state: Columns, rows: NDArray[np.int64]) -> None:
        """Watch these rows (sorted) from now on, and no others; those watched already keep their beliefs."""
        where = np.full(state.rows, -1)
        where[self.rows] = np.arange(len(self.rows))
        old = where[rows]
        kept, new = old >= 0, np.flatnonzero(old < 0)
        count = self._count
        belief = np.empty((len(rows), 2 * count + 1), np.float32)
        start = np.empty((len(rows), self._count), np.float32)
        slot, rate, level = (np.empty((len(rows), SLOTS), kind) for kind in (np.int16, np.float32, np.float32))
        zone = np.empty(len(rows), np.int16)
        for mine, theirs in (
            (belief, self.belief),
            (start, self.start),
            (slot, self.slot),
            (rate, self.rate),
            (level, self.level),
            (zone, self.zone),
        ):
            mine[kept] = theirs[old[kept]]
        if len(new):
            fresh = rows[new]
            everywhere = np.arange(self._count)
            at, weight = state["post_at"][fresh].astype(np.int64), state["post_weight"][fresh]
            near = 0.5 * spread(self._prior.near, at, weight, everywhere) + 0.5 * spread(
                self._prior.walk, at, weight, everywhere
            )
            unknown = weight.sum(1) <= 0
            near[unknown] = 1 / self._count
            start[new] = near
            still = np.where(unknown, 0.0, self._physics.quick_still).astype(np.float32)
            belief[new, :count] = 0.8 * near * (1 - still[:, None])
            belief[new, count:-1] = 0.2 * near * (1 - still[:, None])
            belief[new, -1] = still
            reads = state["seg_reads"][fresh]
            slot[new] = np.where(reads > 0, state["slot"][fresh], -1)
            rate[new] = np.clip((state["seg_hits"][fresh] + 0.1) / (state["seg_looks"][fresh] + 1), 0.003, 0.9)
            level[new] = state["seg_sum"][fresh] / np.maximum(reads, 1)
            zone[new] = state["calm_zone"][fresh]
        self.rows, self.belief, self.start = rows, belief, start
        self.slot, self.rate, self.level, self.zone = slot, rate, level, zone

    def follow(
        self,
        air: Air,
        now_us: int,
        row: NDArray[np.int64],
        antenna: NDArray[np.int64],
        rssi: NDArray[np.float64],
        missed: NDArray[np.float32],
        *,
        step: bool,
    ) -> None:
        """Take one window: reads (`row` indexes `rows`; dBm) and the weight of each antenna's missed look [m, a]."""
        if not len(self.rows):
            return
        physics = self._physics
        if step:
            still = self.belief[:, -1:]
            leaving = physics.quick_leave * still
            count = self._count
            good, poor = self.belief[:, :count], self.belief[:, count:-1]
            stay, fresh = 1 - self.moving, ((good + poor) * self.moving) @ self.walk + leaving * self.start
            turn = np.float32(1 / 1200)
            self.belief[:, :count], self.belief[:, count:-1] = (
                (stay - turn) * good + turn * poor + 0.85 * fresh,
                (stay - turn) * poor + turn * good + 0.15 * fresh,
            )
            self.belief[:, -1:] = still - leaving
        log = np.empty_like(self.belief)
        log[:, :-1] = missed @ self.log_miss
        log[:, -1] = self._still_missed(missed)
        if len(row):
            mean, sd = self.mean[antenna], self.sd[antenna]
            heard = self.log_hit[antenna] + physics.rssi_weight * (
                -0.5 * ((rssi[:, None].astype(np.float32) - mean) / sd) ** 2 - np.log(sd)
            )
            np.add.at(log[:, :-1], row, heard)
            np.add.at(log[:, -1], row, self._still_heard(air, row, antenna, rssi))
        if physics.quick_still <= 0:
            log[:, -1] = -99
        belief = self.belief * np.exp(log - log.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        self.belief = np.maximum(belief, BELOW)

    def _still_missed(self, missed: NDArray[np.float32]) -> NDArray[np.float32]:
        slots = np.where(
            self.slot >= 0, np.take_along_axis(missed, np.maximum(self.slot, 0).astype(np.int64), axis=1), 0
        )
        return (slots * np.log1p(-self.rate)).sum(1) * self._physics.quiet_weight

    def _still_heard(
        self, air: Air, row: NDArray[np.int64], antenna: NDArray[np.int64], rssi: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        physics = self._physics
        same = self.slot[row] == antenna[:, None]
        place = same.argmax(1)
        known = same[np.arange(len(row)), place]
        rate = np.where(known, self.rate[row, place], 0.003)
        fair = rssi - air.crowd_db[antenna]
        sd = np.where(known, np.sqrt(air.read_var[0] + physics.quick_still_var), physics.elsewhere_sd_db)
        off = fair - np.where(known, self.level[row, place], physics.elsewhere_dbm)
        log = physics.hit_weight * np.log(rate) + physics.rssi_weight * (-0.5 * (off / sd) ** 2 - np.log(sd))
        return log.astype(np.float32)

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Watch these rows no more."""
        keep = ~np.isin(self.rows, rows)
        for name in _TABLE:
            setattr(self, name, getattr(self, name)[keep])
        self.told = self.told[:0]

    def zones(self) -> NDArray[np.float32]:
        """Return the probability of each zone, shape [m, zones]."""
        made = (self.belief[:, : self._count] + self.belief[:, self._count : -1]) @ self._prior.zone_sums
        known = np.flatnonzero(self.zone >= 0)
        made[known, self.zone[known]] += self.belief[known, -1]
        return made / np.maximum(made.sum(1, keepdims=True), 1e-9)

    def dump(self) -> dict[str, bytes]:
        """Return the tables as bytes."""
        return {name: getattr(self, name).tobytes() for name in (*_TABLE, "told")}

    def load(self, saved: Mapping[str, bytes]) -> None:
        """Take what `dump` gave. Raises `SnapshotError` when something is missing or has another size."""
        for name in (*_TABLE, "told"):
            now = getattr(self, name)
            try:
                setattr(self, name, np.frombuffer(saved[name], now.dtype).reshape((-1, *now.shape[1:])).copy())
            except (KeyError, ValueError) as error:
                raise SnapshotError(f"watched items {name!r} of a snapshot: {error}") from error
