"""Does the sight model say what the engine says? Both over the same hours of the same store, in the same figures."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.promise import largest_promised_by_group
from simulator.chain.sight import ANY, SightFigures
from simulator.chain.sighted import imagined, measured
from simulator.chain.watch import BACK, GONE, SELLABLE, STEP_S, Watch

TARGET: Final = 0.95
_EVERY: Final = 600 // STEP_S
"""Counts and promises are compared every ten minutes."""
_WARM: Final = 3_600 // STEP_S


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen in some hours. Shares are of 1.

    `right`: items in the store whose place is right; `sku_exact`: sizes whose whole-store count is; `kept`: promises of
    "at least q can be sold" (probability 0.95) that were true, `promised`: share of the stock that they promise;
    `to_floor_seen`, `to_floor_s`: moves to the floor that were seen within 20 minutes, and how long nine of ten
    of these took at most; `false_gone`: items in the store that are believed gone; `false_back`: items on the floor
    that are believed in the back room, surely enough (0.9) to send somebody.
    """

    right: float
    sku_exact: float
    kept: float
    promised: float
    to_floor_seen: float
    to_floor_s: float
    false_gone: float
    false_back: float


def sighting(watch: Watch) -> Sighting:
    """Return the figures of a watch, its first hour left out: the engine meets the whole store at once there."""
    watch = watch.since(min(_WARM, len(watch.true) // 2))
    inside = watch.true != GONE
    floor = np.isin(watch.true, [1, 2])
    way = measured([watch]).places["floor"].ways[ANY]
    exact, kept, made, promised, stock = 0, 0, 0, 0, 0
    skus = int(watch.sku.max()) + 1
    rows = range(_EVERY - 1, len(watch.true), _EVERY)
    for row in rows:
        here = np.isin(watch.true[row], sorted(SELLABLE))
        there = np.bincount(watch.sku, weights=watch.true[row] != GONE, minlength=skus)
        exact += int((there == np.bincount(watch.sku, weights=watch.believed[row] != GONE, minlength=skus)).sum())
        true = np.bincount(watch.sku, weights=here, minlength=skus)
        said = largest_promised_by_group(watch.sellable[row][:, None], watch.sku, skus, TARGET)[:, 0]
        asked = said > 0
        made += int(said.sum())
        kept += int(np.minimum(said, true)[asked].sum())
        promised += int(np.minimum(said, true).sum())
        stock += int(true.sum())
    return Sighting(
        right=float((watch.believed == watch.true)[inside].mean()),
        sku_exact=exact / max(1, len(rows) * skus),
        kept=kept / max(1, made),
        promised=promised / max(1, stock),
        to_floor_seen=way.seen,
        to_floor_s=way.delay_s[-3],
        false_gone=float((watch.believed == GONE)[inside].mean()),
        false_back=float(((watch.believed == BACK) & (watch.place >= 0.9))[floor].mean()),
    )


def agreement(watch: Watch, figures: SightFigures, seed: int) -> tuple[Sighting, Sighting]:
    """Return what the engine saw, and what the model says of the same true places."""
    return sighting(watch), sighting(imagined(watch, figures, seed))
