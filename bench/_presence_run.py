"""Runs a tracker over a case: one window and one tick a second, as the gateway's fold gives them; then scores it.

A decision of second t counts from t + 1 on, as `lastunit replay` writes it. Looks are those of the case; `by_replay`
takes the same reads through `gateway.replay`, which infers them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench._presence_case import KINDS, Case
from gateway.presence.tracker import Evidence, EvidenceKind, Inventory, Tracker, Window, ZoneChange
from gateway.replay import Event, Reads, Replay, Tags
from gateway.replay.instant import START_US
from lastunit.scoring.figures import Figures, score
from lastunit.scoring.timeline import Changes, Timeline
from lastunit.scoring.zones import FLOOR_KINDS
from wire.site import OUT, Site

EPOCH_US: Final = 1_800_000_000_000_000
"""When a case begins: any time that is not 0, for 0 means "never" in some states."""

SECOND_US: Final = 1_000_000
BLOCK_READS: Final = 100_000

MakeTracker = Callable[[Site], Tracker]


@dataclass(frozen=True, slots=True)
class Run:
    """What a tracker made of a case, and the processor seconds that it took."""

    figures: Figures
    changes: Changes
    spent_s: float
    observations: int


def run_case(
    site: Site,
    case: Case,
    make: MakeTracker,
    *,
    events: bool = False,
    by_sku: bool = False,
    opening: bool = False,
    by_replay: bool = False,
    settings: tuple[Inventory, ...] = (),
) -> Run:
    """Run a tracker over a case and score it. `site` is what the tracker is told (see `surveyed`).

    With `events` it is told of sales (`by_sku`: by GTIN only), receipts and returns; `opening`: also that the opening
    stock was received in second 0. `settings`: what the first window says of the antennas; a replay infers its own.
    """
    tracker = make(site)
    told = _told(case, events=events, opening=opening)
    begin = time.process_time()
    if by_replay:
        changes, observations = _replayed(site, case, tracker, told, by_sku=by_sku)
    else:
        feed = Feed(case, told, by_sku=by_sku, settings=settings)
        changes, observations = feed.through(tracker), feed.observations
    spent_s = time.process_time() - begin
    return Run(score_changes(site, case, changes, tracker.zones), changes, spent_s, observations)


def score_changes(site: Site, case: Case, changes: Changes, zones: tuple[str, ...]) -> Figures:
    """Score changes whose zone numbers point into `zones`, with `OUT` last."""
    floor = np.array([site.zone(name).kind in FLOOR_KINDS for name in zones])
    size = (case.items, case.seconds, len(zones))
    return score(Timeline(changes, *size), Timeline(case.truth(zones), *size), case.sku(), floor)


def _replayed(site: Site, case: Case, tracker: Tracker, told: "Told", *, by_sku: bool) -> tuple[Changes, int]:
    """Changes and observations by way of the replay package."""
    tags = Tags(site)
    tag_of = np.array([tags[epc.tobytes().hex()] for epc in case.epcs], np.int32)
    item_of = np.argsort(tag_of)  # every item has a tag of its own
    antenna_of = np.array([list(site.zone_of_antenna()).index(key) for key in case.antennas], np.int32)
    events = []
    for at_us, kind, item in zip(told.at_us.tolist(), told.kind.tolist(), told.item.tolist(), strict=True):
        what = EvidenceKind(KINDS[kind])
        nameless = by_sku and what is EvidenceKind.SALE
        tag, gtin = (-1, case.gtins[item]) if nameless else (int(tag_of[item]), "")
        events.append(Event(START_US + at_us, what, tag, gtin))
    play = Replay(site, tracker, tags)
    number = {name: k for k, name in enumerate((*tracker.zones, OUT))}
    reads = (
        Reads(START_US + case.t_us[part], antenna_of[case.antenna[part]], tag_of[case.item[part]], _rssi(case, part))
        for part in (slice(low, low + BLOCK_READS) for low in range(0, len(case.t_us), BLOCK_READS))
    )
    rows = [
        (int(item_of[play.tag_of_item[change.item]]), (change.at_us - START_US) / SECOND_US, number[change.zone])
        for step in play.steps(reads, events)
        for change in step.changes
    ]
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Changes(table[:, 0].astype(np.int64), table[:, 1], table[:, 2].astype(np.int64)), play.figures.observations


def _rssi(case: Case, part: slice) -> NDArray[np.int32]:
    return case.rssi_cdbm[part].astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Events in the order of time: `at_us`, `kind` (index into `KINDS`), `item`."""

    at_us: NDArray[np.int64]
    kind: NDArray[np.int8]
    item: NDArray[np.int32]


def _told(case: Case, *, events: bool, opening: bool) -> Told:
    stock = case.opening_stock().astype(np.int32) if events and opening else np.zeros(0, np.int32)
    told = slice(None) if events else slice(0)
    at_us = np.r_[np.zeros(len(stock), np.int64), case.event_us[told]]
    kind = np.r_[np.full(len(stock), KINDS.index("receipt"), np.int8), case.event_kind[told]]
    item = np.r_[stock, case.event_item[told]]
    order = np.argsort(at_us, kind="stable")
    return Told(at_us[order], kind[order], item[order])


class Feed:
    """A case as windows of one second. Items are numbered as the fold does: in the order in which they turn up."""

    def __init__(self, case: Case, told: Told, *, by_sku: bool = False, settings: tuple[Inventory, ...] = ()) -> None:
        self._case, self._told, self._by_sku, self._settings = case, told, by_sku, settings
        self._sum_up(case)
        named = ~(by_sku & (told.kind == KINDS.index("sale")))
        turns_up = np.full(case.items, np.iinfo(np.int64).max)
        np.minimum.at(turns_up, case.item, case.t_us)
        np.minimum.at(turns_up, told.item[named], told.at_us[named])
        self._order = np.argsort(turns_up, kind="stable")
        self._turns_up = turns_up[self._order]
        self._number = np.empty(case.items, np.int32)
        self._number[self._order] = np.arange(case.items, dtype=np.int32)

    def _sum_up(self, case: Case) -> None:
        """One observation for each tag, antenna and second, in the order of antenna and item."""
        second = case.t_us // SECOND_US
        order = np.lexsort((case.item, case.antenna, second))
        key = [column[order] for column in (second, case.antenna, case.item)]
        new = np.ones(len(order), bool)
        new[1:] = np.any([column[1:] != column[:-1] for column in key], axis=0)
        start = np.flatnonzero(new)
        rssi, t_us = case.rssi_cdbm[order].astype(np.int64), case.t_us[order] + EPOCH_US
        self._second, self._antenna, self._item = (column[start] for column in key)
        self._count = np.diff(np.r_[start, len(order)]).astype(np.int32)
        empty = not len(start)
        self._peak = (rssi[:0] if empty else np.maximum.reduceat(rssi, start)).astype(np.int32)
        total = rssi[:0] if empty else np.add.reduceat(rssi, start)
        self._mean = np.round(total / np.maximum(self._count, 1)).astype(np.int32)
        self._first = t_us[:0] if empty else np.minimum.reduceat(t_us, start)
        self._last = t_us[:0] if empty else np.maximum.reduceat(t_us, start)
        self._cut = np.searchsorted(self._second, np.arange(case.seconds + 1))
        self.observations = len(start)

    def through(self, tracker: Tracker) -> Changes:
        """Feed everything; return the tracker's changes in case seconds, zone numbers into its zones, `OUT` last."""
        case = self._case
        names = {name: number for number, name in enumerate((*tracker.zones, OUT))}
        rows: list[tuple[int, int, int]] = []
        looks = np.zeros((case.seconds, len(case.antennas)), np.int32)
        looks[case.look_s, case.look_antenna] = case.look_ms
        met = event = 0

        def note(second: int, decided: list[ZoneChange]) -> None:
            rows.extend((int(self._order[change.item]), second + 1, names[change.to_zone]) for change in decided)

        for second in range(case.seconds):
            upto = int(np.searchsorted(self._turns_up, (second + 1) * SECOND_US))
            if upto > met:
                tracker.meet([case.gtins[item] for item in self._order[met:upto].tolist()])
                met = upto
            note(second, tracker.observe(self._window(second, looks[second])))
            upto = int(np.searchsorted(self._told.at_us, (second + 1) * SECOND_US))
            for row in range(event, upto):
                note(second, tracker.witness(self._evidence(row)))
            event = upto
            note(second, tracker.tick(EPOCH_US + (second + 1) * SECOND_US))
        table = np.array(rows, np.int64).reshape(-1, 3)
        return Changes(table[:, 0], table[:, 1].astype(np.float64), table[:, 2])

    def _window(self, second: int, looks: NDArray[np.int32]) -> Window:
        rows = slice(int(self._cut[second]), int(self._cut[second + 1]))
        return Window(
            start_us=EPOCH_US + second * SECOND_US,
            end_us=EPOCH_US + (second + 1) * SECOND_US,
            antennas=self._case.antennas,
            inventory_ms=looks,
            item=self._number[self._item[rows]],
            antenna=self._antenna[rows].astype(np.int32),
            count=self._count[rows],
            rssi_peak_cdbm=self._peak[rows],
            rssi_mean_cdbm=self._mean[rows],
            first_us=self._first[rows],
            last_us=self._last[rows],
            settings=self._settings if second == 0 else (),
        )

    def _evidence(self, row: int) -> Evidence:
        item, kind = int(self._told.item[row]), EvidenceKind(KINDS[self._told.kind[row]])
        nameless = self._by_sku and kind is EvidenceKind.SALE
        return Evidence(
            kind=kind,
            at_us=EPOCH_US + int(self._told.at_us[row]),
            items=self._number[[item]] if not nameless else np.zeros(0, np.int32),
            gtin=self._case.gtins[item] if nameless else "",
            quantity=int(nameless),
        )
