"""The presence engine: where each item is, how sure that is, and when it left.

Three parts answer, each for what it is good at.

* The *calm* part (`fingerprint`, `places`, `prior`, `home`): while an item's radio fingerprint holds, all its reads
  pool into one likelihood over the positions of the plan. Its place is re-opened only when the fingerprint breaks.
* The *quick* part (`quick`, or `surveyed` with a sensor model) follows an item second by second, while its
  fingerprint is in doubt, was just broken, or while it is in a zone where goods do not stay.
* The *leaving* part: nothing leaves by silence alone.

Items that have long been still, or gone, *rest* in small rows (`resting`, `tiers`); all parts work on the rows of the
active ones. They wake and go to rest between windows, so that nothing moves by it.

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
from gateway.presence.fingerprint import EXCESS_DB, SLOTS, Compared, Fingerprints
from gateway.presence.heard import Heard, Moment
from gateway.presence.intake import usable_reads
from gateway.presence.item_state import GONE, UNPLACED, item_columns
from gateway.presence.judging import Judging
from gateway.presence.leaving import Circumstances, Leaving
from gateway.presence.model import Model
from gateway.presence.physics import NOMINAL, Physics
from gateway.presence.plan import make_plan
from gateway.presence.prior import ANYWHERE, ARRIVAL, STOCK_KINDS
from gateway.presence.quick import Quick
from gateway.presence.resting import Resting
from gateway.presence.silence import Silence
from gateway.presence.surveyed_quick import SurveyedQuick
from gateway.presence.tiers import Tiers
from gateway.presence.tracker import Evidence, Window, ZoneChange
from gateway.presence.waking import Waking
from gateway.presence.witness import Witness
from wire.site import Site, ZoneKind

REVISION: Final = 4
"""Raise it with every change of a rule or constant that changes decisions."""

WARM_US: Final = 900_000_000
"""In the first quarter of an hour items are met where they always were; after it new ones arrive in stock rooms."""

BLIND_US: Final = 20_000_000
STILL_US: Final = 120_000_000
LEARN_US: Final = 60_000_000
LEARN_AFTER_US: Final = 240_000_000
CARRIED_US: Final = 180_000_000
WATCHED_US: Final = 60_000_000
"""Who is in doubt, but was not heard for so long, is not followed second by second: silence does not say where to."""

TOLD_FADES: Final = (0.02, 0.3)
"""What was told is certain at first; a minute later it is a prior: beside it this much of elsewhere."""

SECOND_US: Final = 1_000_000
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
        self.resting = Resting(self.air, self.portal, physics)
        self.tiers = Tiers(self.state, self.resting)
        self.waking = Waking(plan, self.state, self.resting, self.tiers)
        self.silence = Silence(self.state, self.air, physics)
        self.prints = Fingerprints(self.state, self.air, physics)
        self.witnesses = Witness(plan, self.state, physics.gone_weight)
        door = plan.position_exit | self.witnesses.checkout[plan.position_zone]
        self.judging = Judging(plan, self.state, self.air, door, physics)
        self.leaving = Leaving(self.state, self.air, self.portal, physics)
        self.quick: Quick | SurveyedQuick = (
            Quick(plan, self.judging.prior, self.judging.likelihood, self.air, physics)
            if model is None
            else SurveyedQuick(plan, model, site)
        )
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
        items = self.tiers.items
        first = items.rows
        items.grow(first + len(gtins))
        for item, gtin in enumerate(gtins, start=first):
            if gtin.isdigit():
                items["sku"][item] = self._sku_of(int(gtin))

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
        second = self.now_us // SECOND_US
        seconds = self._pass(window.end_us)
        dark = self._dark_zones()
        self.waking.in_turn(self.now_us, second, dark)
        reads, late = usable_reads(window, index, repeated, self.tiers)
        self.late += late
        heard, others = self.waking.by_reads(reads, self.now_us, seconds)
        before = self.state["zone"].copy()
        self._enter(np.unique(heard.row))
        self.dark = dark[np.maximum(self.state["zone"], -1)]  # -1: beyond the zones
        self.dark[heard.row] = False
        self._sense(heard, weight, seconds, others)
        self._leave()
        self._place(second)
        changes = self._tell(before, self.now_us, window.start_us)
        self._rest()
        return changes

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        """Take hard evidence; return what it decides, ordered by item."""
        state = self.state
        gtin = int(evidence.gtin) if evidence.gtin.isdigit() else -1
        sku = self._sku_of(gtin) if gtin >= 0 else -1
        items = self.waking.by_evidence(evidence, sku, self.now_us)
        before = state["zone"].copy()
        rows = self.witnesses.hear(replace(evidence, items=items), sku)
        rows = rows[state["seen_us"][rows] > 0]
        self.prints.restart(rows, self.now_us, keep_candidate=False)
        state["broke_us"][rows] = self.now_us
        state["forgot"][rows] = 0
        state["post_weight"][rows] = 0
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

    def _enter(self, rows: NDArray[np.int64]) -> None:
        """Begin with items that are read for the first time, or again after they had left."""
        state, now = self.state, self.now_us
        if not len(rows):
            return
        new = rows[state["seen_us"][rows] == 0]
        unknown, warm = new[state["zone"][new] == UNPLACED], now - self.begun_us <= WARM_US
        received = new[(state["zone"][new] >= 0) & (state["prior"][new] == ARRIVAL)]
        state["prior"][unknown] = ANYWHERE if warm else ARRIVAL
        state["prior"][received] = ANYWHERE if warm else state["zone"][received]
        back = rows[(state["zone"][rows] == GONE) & (state["seen_us"][rows] > 0)]
        self.judging.prior.carry(state, back[state["post_weight"][back].any(1)], self.physics.stay)
        begin = np.concatenate([new, back])
        self.prints.restart(begin, now - SECOND_US, keep_candidate=False)
        state["slot"][begin] = -1
        state["broke_us"][begin] = now
        state["forgot"][begin] = 0
        state["post_weight"][new] = 0
        for name in ("zone", "calm_zone", "quick_zone"):
            state[name][back] = UNPLACED
        state["peak"][back] = leaving.QUIET_PEAK
        self.witnesses.back(back)

    # -- the fingerprints

    def _sense(self, heard: Heard, weight: NDArray[np.float64], seconds: float, others: Compared) -> None:
        """Take reads and looks into the fingerprints; break those in too much doubt.

        `others`: reads of items at rest, from which the antennas learn.
        """
        state, now = self.state, self.now_us
        row, antenna = heard.row, heard.antenna
        active = (state["seen_us"] > 0) & (state["zone"] != GONE)
        active[row[state["seen_us"][row] == 0]] = True
        rows = np.flatnonzero(active)
        free = self.silence.free(now)
        self.silence.learn(heard, now)
        added = np.zeros(state.rows)
        place = self.prints.slots_of(row, antenna)
        tested = self.prints.compared(heard, place)
        others.and_(tested).learn(self.air)
        added += np.bincount(row, tested.ratio, minlength=state.rows)
        reads = state["seg_reads"][row, place]
        excess = heard.rssi_dbm - self.air.crowd_db[antenna] - state["seg_sum"][row, place] / np.maximum(reads, 1)
        ignored = (now - state["seg_us"][row] > STILL_US) & (reads >= 10) & (excess < EXCESS_DB)
        hit = np.zeros((state.rows, SLOTS), bool)
        hit[row, place] = True
        added[rows] += self.prints.look(weight, rows, free[rows], self.silence.usual()[rows], hit[rows])
        self.prints.add(heard, place)
        state["missed"][row] = 0
        state["can_s"][rows] += seconds
        state["can_free_s"][rows] += free[rows] * seconds
        self._watch(heard, weight, free, seconds)
        broken = self.prints.settle_doubt(rows, added[rows], now)
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
            self.judging.ask(rows[self.state["judged_us"][rows] <= self.state["seg_us"][rows]])
            self.judging.prior.carry(self.state, rows, stay)
            self.prints.restart(rows, self.now_us)

    # -- the quick part

    def _watch(self, heard: Heard, weight: NDArray[np.float64], free: NDArray[np.float64], seconds: float) -> None:
        """Follow the items that may be on their way."""
        state, physics = self.state, self.physics
        alert = (state["doubt"] > physics.alert_at) & (self.now_us - state["seen_us"] < WATCHED_US)
        alert[heard.row] = state["doubt"][heard.row] > physics.alert_at
        alert |= self._recent() | self._is_restless(state["calm_zone"])
        self._freeze()
        alert[self.dark] = False
        alert &= (state["zone"] != GONE) & (state["seen_us"] > 0) & (state["sold_us"] == 0)
        alert[heard.row[state["seen_us"][heard.row] == 0]] = True
        rows = np.flatnonzero(alert)
        fresh = np.setdiff1d(rows, self.quick.rows, assume_unique=True)
        state["quick_zone"][fresh] = state["calm_zone"][fresh]
        self.quick.watch(state, rows)
        rows = self.quick.rows  # in the order of its tables
        if not len(rows):
            return
        where = np.full(state.rows, -1)
        where[rows] = np.arange(len(rows))
        missed = np.zeros((len(rows), len(weight)), np.float32)
        missed[:, weight > 0] = weight[weight > 0]
        if self.quick.mutes:
            missed[:, ~self.air.loud] *= free[rows, None].astype(np.float32)
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

    def _dark_zones(self) -> NDArray[np.bool_]:
        """Return the zones at which no antenna looks, and False for no zone: what is known of their items stays."""
        live = np.zeros(len(self.plan.zones) + 1, bool)
        live[self.plan.antenna_zone[self._covering & (self.now_us - self.air.looked_end_us <= BLIND_US)]] = True
        return np.append(self._covered, False) & ~live

    def _recent(self) -> NDArray[np.bool_]:
        """Return which items were broken so lately that the quick part speaks for them."""
        broke = self.state["broke_us"]
        return (broke > 0) & (self.state["prior"] < 0) & (self.now_us - broke < self.physics.quick_s * 1e6)

    # -- output

    def _leave(self) -> None:
        state = self.state
        present = np.flatnonzero(state["zone"] >= 0)
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

    def _place(self, second: int) -> None:
        """Show each item where it is; `second`: of the window before."""
        state, now, physics = self.state, self.now_us, self.physics
        alive = (state["zone"] != GONE) & (state["seen_us"] > 0)
        if now // SECOND_US > second:
            stayed = self.witnesses.stayed()
            self.witnesses.back(stayed)
            state["cause"][stayed] = 0
            self.witnesses.search(now)
            rows = np.flatnonzero(alive & (state["sold_us"] == 0))
            rows = self.judging.due(rows, self.dark[rows], now)
            if len(rows):
                self.judging.judge(rows, now)
        if now - self.learned_us >= LEARN_US:
            self.learned_us = now
            if now - self.begun_us >= LEARN_AFTER_US:
                still = (state["zone"] >= 0) & (state["sold_us"] == 0) & (now - state["seg_us"] > STILL_US)
                self.judging.learn(np.flatnonzero(still), self.resting, self.tiers.items["sku"], self.gtins)
        zone = state["calm_zone"]
        quick = (self._recent() | self._is_restless(zone)) & (state["quick_zone"] >= 0)
        want = np.where(quick, state["quick_zone"], zone)
        thin = ~quick & (state["zone"] >= 0) & (state["mass"].max(1, initial=0) < physics.hold_sure)
        thin &= now - state["broke_us"] < physics.hold_s * 1e6
        show = alive & (want >= 0) & (state["sold_us"] == 0) & ~thin
        state["zone"][show] = want[show]

    def _rest(self) -> None:
        """Every few seconds let items rest that may; give room back."""
        if self.now_us - self.looked_us < self.physics.look_s * 1e6:
            return
        self.looked_us = self.now_us
        restless = self._is_restless(self.state["zone"])
        rows = self.waking.may_rest(self.leaving, restless, len(TOLD_FADES), self.now_us)
        self.quick.forget(rows)
        self.tiers.rest(rows)
        new = self.tiers.pack()
        if new is not None:
            self.quick.renumber(new)

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
        made = np.zeros((len(items), len(self.plan.zones) + 1), np.float32)
        made[:, -1] = 1
        known = np.flatnonzero(items < self.tiers.items.rows)
        where = self.tiers.where(items[known].astype(np.int64))
        active, quiet = known[where > 0], known[where < 0]
        rows = where[where > 0] - 1
        made[active] = _chances(
            self.shown_mass(rows), self.state["zone"][rows], self.state["missed"][rows], self.physics
        )
        rows, state = -where[where < 0] - 1, self.resting.state
        mass = self.resting.mass_of(rows, len(self.plan.zones))
        made[quiet] = _chances(mass, state["zone"][rows], state["missed"][rows].astype(np.float32), self.physics)
        return made


def _chances(
    mass: NDArray[np.float32], zone: NDArray[np.int16], missed: NDArray[np.float32], physics: Physics
) -> NDArray[np.float32]:
    """Return the probabilities of zones and `OUT`, of rows with these masses."""
    odds = physics.gone_odds * np.exp(np.minimum(physics.gone_weight * missed, 30.0))
    out = np.where(zone == GONE, 1 - physics.back_share, odds / (1 + odds))
    out = np.where((zone == UNPLACED) | (mass.sum(1) <= 0), 1.0, out)
    mass = mass / np.maximum(mass.sum(1, keepdims=True), 1e-9)
    made = np.concatenate([mass * (1 - out)[:, None], out[:, None]], axis=1)
    return np.asarray(made / made.sum(1, keepdims=True), np.float32)
