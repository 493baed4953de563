"""The presence engine: where each item is, how sure that is, and when it left.

Three parts answer, each for what it is good at.

* The *calm* part (`fingerprint`, `places`, `prior`, `home`): while an item's radio fingerprint holds, all its reads
  pool into one likelihood over the positions of the plan. Its place is re-opened only when the fingerprint breaks.
* The *quick* part (`quick`, or `surveyed` with a sensor model) follows an item second by second, while its
  fingerprint is in doubt, was just broken, or while it is in a zone where goods do not stay.
* The *leaving* part: nothing leaves by silence alone.

Deterministic, without IO or clock: the same windows, evidence and ticks give the same changes and the same bytes.
Method and figures: docs/accuracy.md.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence import leaving
from gateway.presence.air import Air
from gateway.presence.changes import Span, tell_changes
from gateway.presence.fingerprint import SLOTS, Fingerprints
from gateway.presence.heard import Heard, Moment
from gateway.presence.home import Home
from gateway.presence.item_state import GONE, UNPLACED, item_columns
from gateway.presence.leaving import Circumstances, Leaving
from gateway.presence.model import Model
from gateway.presence.physics import NOMINAL, Physics
from gateway.presence.places import Likelihood
from gateway.presence.plan import make_plan
from gateway.presence.prior import ANYWHERE, ARRIVAL, STOCK_KINDS, Prior
from gateway.presence.quick import Quick
from gateway.presence.surveyed_quick import SurveyedQuick
from gateway.presence.tracker import Evidence, Window, ZoneChange
from gateway.presence.witness import Witness
from wire.site import Site, ZoneKind

REVISION: Final = 1
"""Raise it with every change of a rule or constant that changes decisions."""

LATE_US: Final = 2_000_000
"""Edges of one site are that much apart; evidence older than an item's newest by more is history."""

WARM_US: Final = 900_000_000
"""In the first quarter of an hour items are met where they always were; after it new ones arrive in stock rooms."""

BLIND_US: Final = 20_000_000
STILL_US: Final = 120_000_000
LEARN_US: Final = 60_000_000
LEARN_AFTER_US: Final = 240_000_000
CARRIED_US: Final = 180_000_000
SOLD_KEPT_US: Final = 600_000_000
"""Goods that are still read so long after their sale have not left: they are followed again."""

TOLD_FADES: Final = (0.02, 0.3)
"""What was told is certain at first; a minute later it is a prior: beside it this much of elsewhere."""

ASK_ROWS: Final = 4_096
"""Rows in one matrix product: 30 MB; a store that begins has all of its items due at once."""

YOUNG_TURNS, TURNS, OLD_TURNS = 3, 10, 40
"""Items are judged when they were read, and else in turn: of young, middling and old segments one in so many a look."""

OLD_US: Final = 900_000_000
SECOND_US: Final = 1_000_000
STRONG_DB: Final = 8.0
EXCESS_DB: Final = 6.0
SETTLED_SURE: Final = 0.9
SETTLED_INTERVALS: Final = 8.0
"""A settled item that is silent for so many of its usual intervals is looked at again, with its misses."""

SETTLED_SILENCE_S: Final = 60.0
_QUICK_KINDS: Final = frozenset({ZoneKind.FITTING_ROOM, ZoneKind.CHECKOUT})


class Engine:
    """The tracker of the gateway; see `gateway.presence.tracker.Tracker`."""

    revision = REVISION

    def __init__(self, site: Site, physics: Physics = NOMINAL, model: Model | None = None) -> None:
        self.plan = plan = make_plan(site)
        if plan.surveyed == "zones":
            physics = replace(physics, placement_sd_db=physics.zones_sd_db)
        self.physics = physics
        self.antenna = {key: i for i, key in enumerate(plan.antennas)}
        self.portal = plan.antenna_exit
        self.air = Air(len(plan.antennas), len(plan.devices), plan.antenna_device, plan.antenna_exit, physics)
        self.state = item_columns(len(plan.zones))
        self.prints = Fingerprints(self.state, self.air, physics)
        self.likelihood = Likelihood(plan, physics)
        self.prior = Prior(plan, self.likelihood.patches, physics)
        self.home = Home(self.prior, physics)
        self.leaving = Leaving(self.state, self.air, self.portal, physics)
        self.quick: Quick | SurveyedQuick = (
            Quick(plan, self.prior, self.likelihood, self.air, physics)
            if model is None
            else SurveyedQuick(plan, model, site)
        )
        self.witnesses = Witness(plan, self.state)
        self._door = plan.position_exit | self.witnesses.checkout[plan.position_zone]
        self._stock = np.array([kind in STOCK_KINDS for kind in plan.zone_kind])
        self._covered = np.isin(np.arange(len(plan.zones)), plan.antenna_zone)
        inside = np.isin(np.arange(len(plan.zones)), plan.antenna_zone[~plan.antenna_exit])
        self._covering = ~plan.antenna_exit | ~inside[plan.antenna_zone]  # an exit alone does not see the floor
        self._restless = np.array([kind in _QUICK_KINDS for kind in plan.zone_kind])
        self.gtins: list[int] = []
        self._sku: dict[int, int] = {}
        self.now_us = 0
        self.begun_us = 0
        self.looked_us = 0
        self.learned_us = 0
        self.turn = 0
        self.logged_us = 0
        self.late = 0
        self.breaks = 0
        self.dark = np.zeros(0, bool)

    # -- what there is

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that items can be in."""
        return self.plan.zones

    def meet(self, gtins: Sequence[str]) -> None:
        """Say what the next items are: their numbers follow on."""
        first = self.state.rows
        self.state.grow(first + len(gtins))
        for row, gtin in enumerate(gtins, start=first):
            if gtin.isdigit():
                self.state["sku"][row] = self._sku_of(int(gtin))

    def _sku_of(self, gtin: int) -> int:
        number = self._sku.setdefault(gtin, len(self._sku))
        if number == len(self.gtins):
            self.gtins.append(gtin)
        return number

    # -- input

    def observe(self, window: Window) -> list[ZoneChange]:
        """Take one edge window; return what it decides, ordered by item."""
        index = np.array([self.antenna.get(key, -1) for key in window.antennas], np.int64)
        self._take_settings(window, index)
        known = index >= 0
        if not len(self.plan.antennas):
            self._pass(window.end_us)
            return []
        repeated = window.end_us <= self.air.looked_end_us
        rest = index[known & (window.inventory_ms <= 0)]  # a window that was too large goes on with looks of no time
        repeated[rest] &= window.end_us < self.air.looked_end_us[rest]
        span = window.start_us, window.end_us
        weight = self.air.look(index[known], window.inventory_ms[known], span, self.logged_us)
        seconds = self._pass(window.end_us)
        before = self.state["zone"].copy()
        heard = self._take(window, index, repeated)
        self._enter(np.unique(heard.row))
        self.dark = self._dark()
        self.dark[heard.row] = False
        self._sense(heard, weight, seconds)
        self._leave()
        self._place()
        return self._tell(before, self.now_us, window.start_us)

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        """Take hard evidence; return what it decides, ordered by item."""
        state = self.state
        before = state["zone"].copy()
        gtin = int(evidence.gtin) if evidence.gtin.isdigit() else -1
        rows = self.witnesses.hear(evidence, self._sku_of(gtin) if gtin >= 0 else -1)
        rows = rows[state["seen_us"][rows] > 0]
        self.prints.restart(rows, self.now_us, keep_candidate=False)
        state["broke_us"][rows] = self.now_us
        state["forgot"][rows] = 0
        state["post_weight"][rows] = 0
        state["settled"][rows] = False
        self.quick.forget(rows)
        return self._tell(before, evidence.at_us, evidence.at_us)

    def tick(self, now_us: int) -> list[ZoneChange]:
        """Let the gateway's logged time pass: zones may go blind; nothing moves by it."""
        self.logged_us = now_us
        np.minimum(self.air.logged_us, now_us, out=self.air.logged_us)
        return []

    def _take_settings(self, window: Window, index: NDArray[np.int64]) -> None:
        for said in window.settings:
            antenna = int(index[said.antenna])
            if antenna >= 0:
                self.air.set_inventory(antenna, said.session, single_target=said.single_target)

    def _pass(self, end_us: int) -> float:
        """Let time pass to a window's end; return the seconds that are new."""
        if end_us <= self.now_us:
            return 0.0
        seconds = min((end_us - self.now_us) / SECOND_US, 5.0) if self.now_us else 1.0
        self.now_us = end_us
        self.begun_us = self.begun_us or end_us
        self.air.fade_crowd(seconds)
        return seconds

    def _take(self, window: Window, index: NDArray[np.int64], repeated: NDArray[np.bool_]) -> Heard:
        """Return the window's reads by known antennas that are not history.

        `repeated` antennas [a] told of a later window already: what they say of an item has to be new.
        """
        antenna = index[window.antenna] if len(window.antenna) else np.zeros(0, np.int64)
        item = window.item.astype(np.int64)
        state, last_us = self.state, window.last_us
        strict = state["zone"][item] == GONE
        if len(repeated):
            strict |= repeated[antenna]
        newest_us = np.maximum(state["seen_us"][item] - np.where(strict, 0, LATE_US), state["told_us"][item])
        on_time = (antenna >= 0) & np.where(strict, last_us > newest_us, last_us >= newest_us)
        self.late += int(((antenna >= 0) & ~on_time).sum())
        rows = np.flatnonzero(on_time)
        tell = -window.rssi_peak_cdbm[rows], -window.rssi_mean_cdbm[rows], -last_us[rows], antenna[rows], item[rows]
        rows = rows[np.lexsort(tell)]
        pair = item[rows] * len(self.plan.antennas) + antenna[rows]
        rows = rows[np.unique(pair, return_index=True)[1]]
        if len(rows) > SLOTS:
            rows = rows[_loudest(item[rows], window.rssi_mean_cdbm[rows])]
        return Heard(
            item[rows],
            antenna[rows],
            window.rssi_mean_cdbm[rows] / 100.0,
            window.rssi_peak_cdbm[rows] / 100.0,
            window.last_us[rows],
        )

    def _enter(self, rows: NDArray[np.int64]) -> None:
        """Begin with items that are read for the first time, or again after they had left."""
        state, now = self.state, self.now_us
        if not len(rows):
            return
        new = rows[state["seen_us"][rows] == 0]
        unknown = new[state["zone"][new] == UNPLACED]
        state["prior"][unknown] = ARRIVAL if now - self.begun_us > WARM_US else ANYWHERE
        back = rows[(state["zone"][rows] == GONE) & (state["seen_us"][rows] > 0)]
        self.prior.carry(state, back[state["post_weight"][back].any(1)], self.physics.stay)
        begin = np.concatenate([new, back])
        self.prints.restart(begin, now - SECOND_US, keep_candidate=False)
        state["slot"][begin] = -1
        state["broke_us"][begin] = now
        state["forgot"][begin] = 0
        state["post_weight"][new] = 0
        for name in ("zone", "calm_zone", "quick_zone"):
            state[name][back] = UNPLACED
        state["peak"][back] = leaving.QUIET_PEAK
        state["sold_us"][back] = 0

    # -- the fingerprints

    def _sense(self, heard: Heard, weight: NDArray[np.float64], seconds: float) -> None:
        """Take reads and looks into the fingerprints; break those in too much doubt."""
        state, now = self.state, self.now_us
        row, antenna = heard.row, heard.antenna
        active = (state["seen_us"] > 0) & (state["zone"] != GONE) & ~state["settled"]
        active[row[state["seen_us"][row] == 0]] = True
        rows = np.flatnonzero(active)
        free = now - state["muted_us"] >= self.physics.quiet_s * 1e6
        added = np.zeros(state.rows)
        place = self.prints.slots_of(row, antenna)
        added += np.bincount(row, self.prints.doubt_reads(heard, place), minlength=state.rows)
        reads = state["seg_reads"][row, place]
        excess = heard.rssi_dbm - self.air.crowd_db[antenna] - state["seg_sum"][row, place] / np.maximum(reads, 1)
        ignored = (now - state["seg_us"][row] > STILL_US) & (reads >= 10) & (excess < EXCESS_DB)
        hit = np.zeros((state.rows, SLOTS), bool)
        hit[row, place] = True
        added[rows] += self.prints.look(weight, rows, free[rows], hit[rows])
        self.prints.add(heard, place)
        state["missed"][row] = 0
        state["can_s"][rows] += seconds
        state["can_free_s"][rows] += np.where(free[rows], seconds, 0)
        self._watch(heard, weight, free, seconds)
        active[row] = True
        rows = np.flatnonzero(active)
        broken = self.prints.settle_doubt(rows, added[rows], now)
        state["settled"][rows[state["doubt"][rows] > 0]] = False
        self.breaks += len(broken)
        self._reopen(broken, self.physics.stay)
        state["broke_us"][broken] = now
        state["forgot"][broken] = 0
        self.leaving.note(heard, ignored)
        for stage, age_s in enumerate(self.physics.forget_s):
            due = (state["forgot"] == stage) & (now - state["broke_us"] >= age_s * 1e6) & (state["zone"] != GONE)
            due_rows = np.flatnonzero(due)
            told = state["prior"][due_rows] >= 0
            state["prior_stay"][due_rows[told]] = TOLD_FADES[stage]
            self._reopen(due_rows[~told], self.physics.stay_later)
            state["forgot"][due_rows] = stage + 1

    def _reopen(self, rows: NDArray[np.int64], stay: float) -> None:
        """Begin new segments: what was known is the prior, with weight `stay` for where it was."""
        if len(rows):
            self._ask(rows)
            self.prior.carry(self.state, rows, stay)
            self.prints.restart(rows, self.now_us)

    def _ask(self, rows: NDArray[np.int64]) -> None:
        """Ask where the rows are; keeps the posterior as a mixture."""
        patch_of = self.likelihood.patch_of(self.state, rows)
        for number in np.unique(patch_of).tolist():
            mine = rows[patch_of == number]
            for start in range(0, len(mine), ASK_ROWS):
                self._ask_patch(mine[start : start + ASK_ROWS], number)

    def _ask_patch(self, rows: NDArray[np.int64], number: int) -> None:
        """Ask where rows of one patch are."""
        state, patch = self.state, self.likelihood.patches[number]
        post = self.likelihood.of(self.likelihood.features(state, self.air, rows, patch), number)
        post *= self.prior.of(state, rows, number)
        post *= self.home.of(state, rows, number)
        post += 1e-12
        post /= post.sum(1, keepdims=True)
        self.prior.keep(state, rows, post, patch.positions)

    # -- the quick part

    def _watch(self, heard: Heard, weight: NDArray[np.float64], free: NDArray[np.bool_], seconds: float) -> None:
        """Follow the items that may be on their way."""
        state, physics = self.state, self.physics
        alert = self._recent() | (state["doubt"] > physics.alert_at)
        alert |= self._is_restless(state["calm_zone"])
        self._freeze()
        alert[self.dark] = False
        alert &= (state["zone"] != GONE) & (state["seen_us"] > 0) & (state["sold_us"] == 0)
        alert[heard.row[state["seen_us"][heard.row] == 0]] = True
        rows = np.flatnonzero(alert)
        fresh = np.setdiff1d(rows, self.quick.rows, assume_unique=True)
        state["quick_zone"][fresh] = state["calm_zone"][fresh]
        self.quick.watch(state, rows)
        if not len(rows):
            return
        where = np.full(state.rows, -1)
        where[rows] = np.arange(len(rows))
        missed = np.zeros((len(rows), len(weight)), np.float32)
        missed[:, weight > 0] = weight[weight > 0]
        if self.quick.mutes:
            missed[np.ix_(~free[rows], ~self.air.loud)] = 0
        mine = heard.only(where[heard.row] >= 0)
        mine = mine._replace(row=where[mine.row])
        missed[mine.row, mine.antenna] = 0
        self.quick.follow(mine, Moment(self.now_us, seconds, missed))
        masses = self._pooled(rows, self.quick.zones())
        self.quick.told = masses
        top, best = masses.argmax(1), masses.max(1)
        go = (best > self.quick.switch) | (state["quick_zone"][rows] < 0)
        state["quick_zone"][rows[go]] = top[go]

    def _pooled(self, rows: NDArray[np.int64], masses: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pool the quick opinion with the calm one: both rest on the same reads, so the exponents sum to one."""
        share = self.quick.share
        if share >= 1:
            return masses
        calm = self.state["mass"][rows]
        calm = np.where(calm.sum(1, keepdims=True) > 0, calm, 1.0)
        pooled = np.maximum(masses, 1e-4) ** share * np.maximum(calm, 1e-3) ** (1 - share)
        return np.asarray(pooled / pooled.sum(1, keepdims=True), np.float32)

    def _is_restless(self, zone: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Return which of these places are zones where goods do not stay: there the quick part always speaks."""
        return np.asarray((zone >= 0) & self._restless[np.maximum(zone, 0)], np.bool_)

    def _freeze(self) -> None:
        """Keep what the quick part knows of items whose zone goes dark: nobody looks, so nothing changes."""
        rows = self.quick.rows
        if len(rows) and len(self.quick.told) == len(rows):
            dark = self.dark[rows]
            self.state["mass"][rows[dark]] = self.quick.told[dark]

    def _dark(self) -> NDArray[np.bool_]:
        """Return the items that are shown in zones at which no antenna looks: what is known of them stays."""
        live = np.zeros(len(self.plan.zones) + 1, bool)
        live[self.plan.antenna_zone[self._covering & (self.now_us - self.air.looked_end_us <= BLIND_US)]] = True
        covered = np.append(self._covered, False)
        return np.asarray((covered & ~live)[np.maximum(self.state["zone"], -1)], np.bool_)  # -1: beyond the zones

    def _recent(self) -> NDArray[np.bool_]:
        """Return which items were broken so lately that the quick part speaks for them."""
        broke = self.state["broke_us"]
        return (broke > 0) & (self.state["prior"] < 0) & (self.now_us - broke < self.physics.quick_s * 1e6)

    # -- output

    def _leave(self) -> None:
        state = self.state
        present = np.flatnonzero((state["zone"] >= 0) & ~state["settled"])
        if not len(present):
            return
        zone, calm = np.maximum(state["zone"][present], 0), state["calm_zone"][present]
        at_till = (calm >= 0) & self.witnesses.checkout[np.maximum(calm, 0)]
        seen = Circumstances(
            door=(state["door"][present] > self.physics.door_share) | at_till,
            carried=state["seen_us"][present] - state["broke_us"][present] < CARRIED_US,
            stealable=~self._stock[zone],
            paying=self.witnesses.checkout[zone],
        )
        gone = self.leaving.left(present, self.now_us, seen)
        self.witnesses.left(gone, self.now_us)
        state["zone"][gone] = GONE
        state["calm_zone"][gone] = GONE
        state["quick_zone"][gone] = UNPLACED
        state["peak"][gone] = leaving.QUIET_PEAK

    def _place(self) -> None:
        """Show each item where it is, young ones every few seconds, settled ones in turn."""
        state, now, physics = self.state, self.now_us, self.physics
        alive = (state["zone"] != GONE) & (state["seen_us"] > 0)
        if now - self.looked_us >= physics.look_s * 1e6:
            self.looked_us = now
            self.turn += 1
            stale = (state["sold_us"] > 0) & (state["seen_us"] - state["sold_us"] > SOLD_KEPT_US)
            state["sold_us"][stale] = 0
            state["cause"][stale] = 0
            age_us = now - state["seg_us"]
            young = (age_us < physics.young_s * 1e6) & (state["seen_us"] > state["judged_us"])
            every = np.where(age_us < physics.young_s * 1e6, YOUNG_TURNS, np.where(age_us < OLD_US, TURNS, OLD_TURNS))
            turn = (np.arange(state.rows) + self.turn) % every == 0
            ready = young | (turn & ~self.dark)
            rows = np.flatnonzero(alive & (state["sold_us"] == 0) & ready)
            if len(rows):
                self._judge(rows)
                self._settle(rows)
        if now - self.learned_us >= LEARN_US:
            self.learned_us = now
            self._learn()
        zone = state["calm_zone"]
        quick = (self._recent() | self._is_restless(zone)) & (state["quick_zone"] >= 0)
        want = np.where(quick, state["quick_zone"], zone)
        thin = ~quick & (state["zone"] >= 0) & (state["mass"].max(1, initial=0) < physics.hold_sure)
        thin &= now - state["broke_us"] < physics.hold_s * 1e6
        show = alive & (want >= 0) & (state["sold_us"] == 0) & ~thin
        state["zone"][show] = want[show]

    def _judge(self, rows: NDArray[np.int64]) -> None:
        """Ask where the rows are, and take the zone that is probable enough."""
        state = self.state
        self._ask(rows)
        at, weight = state["post_at"][rows].astype(np.int64), state["post_weight"][rows]
        masses = np.einsum("rp,rpz->rz", weight, self.prior.zone_sums[at])
        top, best = masses.argmax(1), masses.max(1)
        calm = state["calm_zone"][rows]
        go = (calm < 0) | ((top != calm) & (best > self.physics.switch))
        state["calm_zone"][rows[go]] = top[go]
        state["mass"][rows] = masses
        state["judged_us"][rows] = self.now_us
        state["door"][rows] = (weight * self._door[at]).sum(1)

    def _settle(self, rows: NDArray[np.int64]) -> None:
        """Let items rest whose place is old and sure; wake those that have been silent for too long."""
        state = self.state
        silent_s = self.leaving.silence_s(rows)
        usual_s = 1 / np.maximum(self.leaving.rate(rows, self.now_us), leaving.RATE_FLOOR)
        old = (self.now_us - state["seg_us"][rows] > OLD_US) & (state["doubt"][rows] <= 0) & (state["zone"][rows] >= 0)
        sure = (state["mass"][rows].max(1) > SETTLED_SURE) & ~self._restless[np.maximum(state["zone"][rows], 0)]
        heard = silent_s < np.maximum(SETTLED_SILENCE_S, SETTLED_INTERVALS * usual_s)
        state["settled"][rows] = old & sure & heard & (state["sold_us"][rows] == 0)

    def _learn(self) -> None:
        """Once a minute: how many tags get through, and where the goods of a kind hang."""
        state, now = self.state, self.now_us
        if now - self.begun_us < LEARN_AFTER_US:
            return
        rows = np.flatnonzero((state["zone"] >= 0) & (state["sold_us"] == 0) & (now - state["seg_us"] > STILL_US))
        slot, reads, looks = state["slot"][rows], state["seg_reads"][rows], state["seg_looks"][rows]
        strong = state["seg_sum"][rows] / np.maximum(reads, 1) > self.physics.sensitivity_dbm + STRONG_DB
        good = (reads >= 3) & strong & (looks >= 5) & (slot >= 0)
        size = len(self.plan.antennas)
        self.air.learn_through(
            np.bincount(slot[good], state["seg_hits"][rows][good], minlength=size),
            np.bincount(slot[good], looks[good], minlength=size),
            np.bincount(slot[good], minlength=size),
        )
        self.likelihood.renew(self.air.through)
        if self.gtins:
            self.home.renew(state, rows, np.array(self.gtins))

    def _tell(self, before: NDArray[np.int16], now_us: int, since_us: int) -> list[ZoneChange]:
        return tell_changes(self.plan.zones, self.state, before, self.shown_mass, Span(since_us, now_us))

    # -- what is known

    def blind_zones(self) -> frozenset[str]:
        """Return the zones that have antennas of which none looked for `BLIND_US` of logged time."""
        looking = self._covering & (self.logged_us - self.air.logged_us <= BLIND_US)
        live = np.zeros(len(self.plan.zones), bool)
        live[self.plan.antenna_zone[looking]] = True
        return frozenset(self.plan.zones[i] for i in np.flatnonzero(self._covered & ~live))

    def shown_mass(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the probability of each zone, leaving aside, shape [rows, zones]."""
        state = self.state
        mass = state["mass"][rows].copy()
        where = np.full(state.rows, -1)
        where[self.quick.rows] = np.arange(len(self.quick.rows))
        shown = state["zone"][rows]
        quick = (where[rows] >= 0) & (self._recent()[rows] | self._is_restless(state["calm_zone"][rows]))
        if quick.any() and len(self.quick.told) == len(self.quick.rows):
            mass[quick] = self.quick.told[where[rows[quick]]]
        nothing = np.flatnonzero((mass.sum(1) <= 0) & (shown >= 0))
        mass[nothing, shown[nothing]] = 1
        return np.asarray(mass, np.float32)

    def probabilities(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return where each item is, shape [n, zones + 1]: rows sum to one, the last column is `OUT`."""
        state, physics = self.state, self.physics
        made = np.zeros((len(items), len(self.plan.zones) + 1), np.float32)
        rows = items.astype(np.int64)
        known = rows < state.rows
        made[~known, -1] = 1
        rows = rows[known]
        mass = self.shown_mass(rows)
        zone = state["zone"][rows]
        odds = physics.gone_odds * np.exp(np.minimum(physics.gone_weight * state["missed"][rows], 30.0))
        out = np.where(zone == GONE, 1 - physics.back_share, odds / (1 + odds))
        out = np.where((zone == UNPLACED) | (mass.sum(1) <= 0), 1.0, out)
        mass /= np.maximum(mass.sum(1, keepdims=True), 1e-9)
        made[known, :-1] = mass * (1 - out)[:, None]
        made[known, -1] = out
        return np.asarray(made / made.sum(1, keepdims=True), np.float32)


def _loudest(item: NDArray[np.int64], rssi: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return which reads to keep, in order: of each item (ordered) the loudest `SLOTS`."""
    order = np.lexsort((np.arange(len(item)), -rssi, item))
    first = np.searchsorted(item[order], item[order])
    rank = np.arange(len(item)) - first
    return np.sort(order[rank < SLOTS])
