"""Real reads and the real engine: a simulated store second by second, and what the gateway believes of it.

This is where the figures of the observation model come from (`calibrate`), and what the model is held against in every
report. A week of ten stores in this way would take hours of processor time: `docs/chain-week.md` says how many.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench._presence_case import KINDS as EVENTS
from bench._presence_case import simulated, site_of
from bench._presence_run import Feed, Told
from gateway.availability import sellable_zones
from gateway.presence import make_tracker
from gateway.presence.tracker import Evidence, Tracker, Window, ZoneChange
from lastunit.scoring.timeline import Playback, Timeline
from simulator.chain.watch import KINDS, STEP_S, Watch
from wire.site import Site, ZoneKind

SITE: Final = "yardstick"
LEVEL: Final = "realistic"
_ROLES: Final = {ZoneKind.BACK_ROOM: "back", ZoneKind.FITTING_ROOM: "fit", ZoneKind.CHECKOUT: "pos"}

Floats = NDArray[np.float32]


def read_day(seed: int, hours: float, level: str = LEVEL) -> Watch:
    """Simulate a store, feed its reads, sales (by EPC), receipts and opening stock to the engine, and watch both."""
    site = site_of(SITE)
    case = simulated(SITE, level, seed, hours)
    stock = case.opening_stock().astype(np.int32)
    at_us = np.r_[np.zeros(len(stock), np.int64), case.event_us]
    kind = np.r_[np.full(len(stock), EVENTS.index("receipt"), np.int8), case.event_kind]
    item = np.r_[stock, case.event_item]
    order = np.argsort(at_us, kind="stable")
    return _Watched(case, Told(at_us[order], kind[order], item[order])).watch(site)


def _kind_numbers(site: Site, zones: Sequence[str]) -> NDArray[np.int8]:
    """Return the kind of each zone, as its place in `KINDS`; `OUT` last."""
    floors = [one.id for one in site.zones if one.kind is ZoneKind.SALES_FLOOR and one.counts_as == one.id]
    names = {name: f"floor_{min(number, 1)}" for number, name in enumerate(floors)}
    names |= {one.id: _ROLES[one.kind] for one in site.zones if one.kind in _ROLES}
    return np.array([KINDS.index(names[zone]) for zone in zones] + [KINDS.index("out")], np.int8)


class _Watched(Feed):
    """A feed that asks the engine every `STEP_S` seconds where every item is, and how sure that is."""

    def watch(self, site: Site) -> Watch:
        case = self._case
        probe = _Probe(make_tracker(site), case.items)
        changes = self.through(probe)
        zones, seconds = probe.zones, np.arange(STEP_S, case.seconds, STEP_S)
        size = (case.items, case.seconds, len(zones))
        number = _kind_numbers(site, zones)
        can_sell = np.array([zone in sellable_zones(site) for zone in zones] + [False])
        truth, believed = Playback(Timeline(case.truth(zones), *size)), Playback(Timeline(changes, *size))
        true, seen, place, sellable = [], [], [], []
        for row, second in enumerate(seconds.tolist()):
            chances = np.zeros((case.items, len(zones) + 1), np.float32)
            chances[self._order] = probe.samples[row]
            now = believed.at(second)
            true.append(number[truth.at(second)])
            seen.append(number[now])
            place.append(chances[np.arange(case.items), now])
            sellable.append(chances[:, can_sell].sum(axis=1))
        sold = np.zeros(case.items, bool)
        sold[case.event_item[case.event_kind == EVENTS.index("sale")]] = True
        return Watch(np.stack(true), np.stack(seen), np.stack(place), np.stack(sellable), case.sku(), sold)


class _Probe:
    """A tracker that keeps what it says of every item, every `STEP_S` ticks; items in the order of the fold."""

    def __init__(self, tracker: Tracker, items: int) -> None:
        self._tracker, self._items = tracker, items
        self._met = self._ticks = 0
        self.samples: list[Floats] = []

    @property
    def zones(self) -> tuple[str, ...]:
        return self._tracker.zones

    def meet(self, gtins: Sequence[str]) -> None:
        self._met += len(gtins)
        self._tracker.meet(gtins)

    def observe(self, window: Window) -> list[ZoneChange]:
        return self._tracker.observe(window)

    def witness(self, evidence: Evidence) -> list[ZoneChange]:
        return self._tracker.witness(evidence)

    def tick(self, now_us: int) -> list[ZoneChange]:
        decided = self._tracker.tick(now_us)
        self._ticks += 1
        if self._ticks % STEP_S == 0:
            sample = np.zeros((self._items, len(self.zones) + 1), np.float32)
            sample[:, -1] = 1
            sample[: self._met] = self._tracker.probabilities(np.arange(self._met, dtype=np.int32))
            self.samples.append(sample)
        return decided

    def blind_zones(self) -> frozenset[str]:
        return self._tracker.blind_zones()

    def probabilities(self, items: NDArray[np.int32]) -> Floats:
        return self._tracker.probabilities(items)

    def snapshot(self) -> bytes:
        return self._tracker.snapshot()
